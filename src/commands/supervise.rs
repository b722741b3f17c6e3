//! The supervisor's report: `versioner run` was killed, so its supervisor reports the end of the deployment.
//!
//! Owns: what the supervisor needs for that, and the status. Does not own: stopping the command (`process::supervisor`).

use super::{CommandContext, resolve};
use crate::ci::System;
use crate::console::Console;
use crate::delivery::{OpenEntries, OutgoingEvent, SendBudget, Session, deliver};
use crate::env::Env;
use crate::model::clock::Clock;
use crate::model::event::Event;
use crate::model::payload::{add_metadata, end_of};
use crate::model::source::{Source, Sourced};
use crate::model::status::Status;
use crate::process::supervisor::{Abandoned, CommandState, supervise};
use crate::settings::{self, Plan};
use crate::state::JournalEntry;
use crate::text::Redactor;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::path::PathBuf;

/// What the supervisor needs to report the end. It resolves the settings again, from the same command line and environment.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Orders {
    /// Our command line.
    args: Vec<OsString>,
    /// The variables that the supervisor does not inherit, such as the API key.
    private: Vec<(String, String)>,
    directory: PathBuf,
    /// The body of the `started` event.
    started: Map<String, Value>,
    /// The metadata of the end.
    metadata: Vec<(String, String)>,
    /// Whether the journal knows of the deployment.
    is_in_journal: bool,
    /// The job execution. Outside CI it is derived from the session, which the supervisor has left.
    job: Option<String>,
}

impl Orders {
    /// The orders for the deployment that the event `started` has started. `metadata` is added to its end.
    pub(super) fn new(
        session: &Session<'_>,
        env: &Env,
        started: Map<String, Value>,
        metadata: Vec<(String, String)>,
        is_in_journal: bool,
    ) -> Self {
        let private = env.private().filter_map(|name| {
            let name = name.to_str()?;
            Some((name.to_owned(), env.iter().find(|(known, _)| *known == name)?.1.to_owned()))
        });
        Self {
            args: std::env::args_os().collect(),
            private: private.collect(),
            directory: std::env::current_dir().unwrap_or_default(),
            started,
            metadata,
            is_in_journal,
            job: session.journal.as_ref().ok().map(|journal| journal.job().to_owned()),
        }
    }

    /// As the supervisor's payload.
    pub(super) fn payload(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

/// Runs the supervisor. Returns the exit code.
pub(super) async fn run() -> u8 {
    match supervise(async |abandoned| report(abandoned).await).await {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

/// Reports the end of the deployment. Nothing is printed, as no one reads it. An event that cannot be delivered is spooled.
async fn report(abandoned: Abandoned) {
    let Ok(orders) = serde_json::from_slice::<Orders>(&abandoned.payload) else { return };
    let env = Env::of_process().with(orders.private.iter().cloned());
    let system = System::detect(&env);
    let Ok(line) = settings::parse(orders.args.iter().cloned()) else { return };
    let resolved = resolve(&line, &env, system, &orders.directory, Redactor::default());
    let Plan::Run(settings, _) = resolved.plan else { return };
    let mut console = Console::new(system.surface(&env), true);
    console.set_redactor(resolved.redactor);
    let start = CommandContext { console: &console, env: &env, system, json: false };
    let Ok(client) = start.client(&settings.api) else { return };
    let mut session = start.session(&client, &settings);
    if let Some(job) = &orders.job {
        session.journal = session.journal.map(|journal| journal.of_job(job.clone()));
    }

    let entries = match open_entries(&session, &orders) {
        Some(entries) => OpenEntries::Given(entries),
        None => return,
    };
    let status = Sourced { value: status(abandoned.command), source: Source::Subcommand("run") };
    let event = Event::from_payload(&orders.started, status);
    let mut body = end_of(orders.started, &event.status.value, Clock::system().now());
    for (key, value) in orders.metadata {
        add_metadata(&mut body, &key, value);
    }
    let wait = session.settings.wait.never_wait();
    let context = session.context(&event, true);
    let outgoing = OutgoingEvent { context, body, wait: &wait, budget: SendBudget::SHORT, entries };
    deliver(&session, outgoing, None).await;
}

/// The journal's entries of the deployment. `None`: another process has closed it, or is closing it.
fn open_entries(session: &Session<'_>, orders: &Orders) -> Option<Vec<JournalEntry>> {
    let entries = match &session.journal {
        Ok(journal) => journal.matching(&orders.started).map(|(entries, _)| entries).unwrap_or_default(),
        Err(_) => Vec::new(),
    };
    (!entries.is_empty() || !orders.is_in_journal).then_some(entries)
}

fn status(command: CommandState) -> Status {
    match command {
        CommandState::NotStarted | CommandState::Stopping => Status::Aborted,
        CommandState::Ended(end) => Status::of_command(end.exit_code(), false),
        CommandState::Stopped(end) => Status::of_command(end.exit_code(), true),
    }
}
