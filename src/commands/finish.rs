//! `versioner finish`: reports the end of every deployment that this job has started and not closed.

use super::config_errors;
use crate::delivery::{NoJournal, OpenEntries, OutgoingEvent, SendBudget, Session, deliver};
use crate::model::clock::Clock;
use crate::model::event::Event;
use crate::model::message::Level;
use crate::model::outcome::Outcome;
use crate::model::payload::end_of;
use crate::model::source::{Source, Sourced};
use crate::model::status::Status;
use crate::process::signals::{STOP, Signals};
use crate::report::{Outputs, finish as words};
use crate::settings::SettingError;
use crate::state::{JournalEntry, OtherDeployments, StartState};
use serde_json::{Map, Value};

/// Reports the ends with `status`. Returns the exit code.
pub(super) async fn finish(session: &Session<'_>, status: Option<&Sourced<Status>>) -> u8 {
    let (outcome, outputs) = match open_deployments(session) {
        Err(outcome) => (outcome, Outputs::default()),
        Ok(deployments) if deployments.is_empty() => {
            session.console.line(words::NOTHING_IS_OPEN);
            (Outcome::Done, Outputs::default())
        }
        Ok(deployments) if status.is_none() && deployments.iter().any(|it| it.reported_end().is_none()) => {
            config_errors(session.console, &[SettingError::NoStatus]);
            (Outcome::Misconfigured, Outputs::default())
        }
        Ok(deployments) => finish_all(session, deployments, status).await,
    };
    session.set_outputs(outputs);
    outcome.exit_code()
}

/// An open deployment. Several starts of one product, version and environment are one.
struct Deployment {
    /// Its entries in the journal, earliest first.
    entries: Vec<JournalEntry>,
}

impl Deployment {
    /// Groups `entries` by deployment, in order.
    fn group(entries: Vec<JournalEntry>) -> Vec<Self> {
        let mut deployments: Vec<Self> = Vec::new();
        for entry in entries {
            let same = deployments.iter_mut().find(|it| {
                it.entries.first().is_some_and(|first| first.deployment.is_about(&entry.deployment.payload))
            });
            match same {
                Some(deployment) => deployment.entries.push(entry),
                None => deployments.push(Self { entries: vec![entry] }),
            }
        }
        deployments
    }

    /// An end that was reported and that the API did not take.
    fn reported_end(&self) -> Option<&Map<String, Value>> {
        self.entries.iter().find_map(|entry| entry.deployment.reported_end.as_ref())
    }

    /// The body of its end: as it was reported, else with `status`.
    fn end(&self, status: Option<&Sourced<Status>>) -> Option<(Map<String, Value>, Sourced<Status>)> {
        if let Some(end) = self.reported_end() {
            let word = end.get("status").and_then(Value::as_str).unwrap_or_default();
            let source = Source::Detected("reported before".to_owned());
            return Some((end.clone(), Sourced { value: Status::parse(word), source }));
        }
        let status = status?.clone();
        let started = self.entries.first()?.deployment.payload.clone();
        Some((end_of(started, &status.value, Clock::system().now()), status))
    }
}

/// The deployments to close.
///
/// # Errors
/// The outcome if the journal cannot be used.
fn open_deployments(session: &Session<'_>) -> Result<Vec<Deployment>, Outcome> {
    let journal = match &session.journal {
        Ok(journal) => journal,
        Err(NoJournal::NoDirectory) => {
            session.console.line(words::NO_DIRECTORY);
            return Err(Outcome::Done);
        }
        Err(NoJournal::UnknownJob) => {
            session.console.line(&words::unknown_job(session.system.name));
            return Err(Outcome::Done);
        }
    };
    match journal.open().and_then(|open| Ok((open, journal.others()?))) {
        Ok(((entries, held), others)) => {
            report_others(session, &others);
            if held > 0 {
                session.console.line(&words::held(held));
            }
            let (blocked, open): (Vec<_>, Vec<_>) =
                entries.into_iter().partition(|entry| entry.deployment.start == StartState::Blocked);
            // Their process has ended while it was blocked: nothing has started.
            blocked.iter().for_each(|entry| session.close(entry));
            Ok(Deployment::group(open))
        }
        Err(error) => {
            let message = words::unusable_message(&error.to_string());
            session.console.annotate(Level::Error, words::UNUSABLE_TITLE, &message);
            Err(Outcome::Misconfigured)
        }
    }
}

/// Counts and names the open deployments that are not closed here.
fn report_others(session: &Session<'_>, others: &OtherDeployments) {
    if others.other_jobs > 0 {
        session.console.line(&words::of_other_jobs(others.other_jobs));
    }
    for (key, count) in &others.other_keys {
        session.console.line(&words::of_another_key(key, *count));
    }
}

/// Reports the end of each deployment. Returns the last outcome that fails the job, else the last one.
async fn finish_all(
    session: &Session<'_>,
    deployments: Vec<Deployment>,
    status: Option<&Sourced<Status>>,
) -> (Outcome, Outputs) {
    let wait = session.settings.wait.never_wait();
    let mut signals = Signals::listen(STOP);
    let mut last = (Outcome::Done, Outputs::default());
    for deployment in deployments {
        let Some((body, status)) = deployment.end(status) else { continue };
        let event = Event::from_payload(&body, status);
        let context = session.context(&event, false);
        session.console.line(&context.line());
        let entries = OpenEntries::Given(deployment.entries);
        let outgoing = OutgoingEvent { context, body, wait: &wait, budget: SendBudget::FULL, entries };
        let delivered = deliver(session, outgoing, Some(&mut signals)).await;
        session.report(&delivered, context);
        if last.0.exit_code() == 0 || delivered.outcome.exit_code() != 0 {
            last = (delivered.outcome, session.outputs(&delivered, context));
        }
        if matches!(delivered.outcome, Outcome::Interrupted { .. }) {
            break;
        }
    }
    last
}
