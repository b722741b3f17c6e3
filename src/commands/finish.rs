//! `versioner finish`: reports the end of every deployment that this job has started and not closed.

use super::config_errors;
use crate::delivery::{Delivered, NoJournal, OpenEntries, Outgoing, SendBudget, Session, deliver};
use crate::model::clock::Clock;
use crate::model::event::Event;
use crate::model::message::Level;
use crate::model::outcome::Outcome;
use crate::model::policy::WaitPolicy;
use crate::model::source::Sourced;
use crate::model::status::Status;
use crate::model::time::rfc3339;
use crate::process::signals::{STOP, Signals};
use crate::report::Outputs;
use crate::settings::SettingError;
use crate::state::{JournalEntry, StartState};
use serde_json::Value;

/// Reports the ends with `status`. Gives the exit code.
pub(super) async fn finish(session: &Session<'_>, status: Option<&Sourced<Status>>) -> u8 {
    let (outcome, outputs) = match open_deployments(session) {
        Err(outcome) => (outcome, Outputs::default()),
        Ok(entries) if entries.is_empty() => {
            session.console.line("nothing is open: this job has started no deployment that is not closed");
            (Outcome::Done, Outputs::default())
        }
        Ok(entries) => match status {
            Some(status) => finish_all(session, entries, status).await,
            None => {
                config_errors(session.console, &[SettingError::NoStatus]);
                (Outcome::Misconfigured, Outputs::default())
            }
        },
    };
    session.set_outputs(outputs);
    outcome.exit_code()
}

/// The journal's entries to close.
///
/// # Errors
/// The outcome if there are none to look at.
fn open_deployments(session: &Session<'_>) -> Result<Vec<JournalEntry>, Outcome> {
    let journal = match &session.journal {
        Ok(journal) => journal,
        Err(NoJournal::NoDirectory) => {
            let line = "nothing is open: there is no directory in which started deployments are noted (spool_dir)";
            session.console.line(line);
            return Err(Outcome::Done);
        }
        Err(NoJournal::UnknownJob) => {
            let system = session.system.name;
            session.console.line(&format!(
                "nothing was finished: {system} does not identify this execution of the job, so its deployments are not known. \
                 Report the end with 'versioner track deployment --status …', or use 'versioner run'."
            ));
            return Err(Outcome::Done);
        }
    };
    match journal.open() {
        Ok((entries, held)) => {
            if held > 0 {
                let line =
                    format!("left open, because another versioner process of this job still handles them: {held}");
                session.console.line(&line);
            }
            let (blocked, open): (Vec<_>, Vec<_>) =
                entries.into_iter().partition(|entry| entry.deployment.start == StartState::Blocked);
            // Their process has ended while it was blocked: nothing has started.
            blocked.iter().for_each(|entry| session.close(entry));
            Ok(open)
        }
        Err(error) => {
            let message = format!("{error}.\nNext: correct that, or set spool_dir to another directory.");
            let title = "The open deployments of this job cannot be read: nothing was finished";
            session.console.annotate(Level::Error, title, &message);
            Err(Outcome::Misconfigured)
        }
    }
}

/// Reports the end of each deployment. Gives the last outcome that fails the job, else the last one.
async fn finish_all(session: &Session<'_>, entries: Vec<JournalEntry>, status: &Sourced<Status>) -> (Outcome, Outputs) {
    let wait = session.settings.wait.never_wait();
    let mut signals = Signals::listen(STOP);
    let mut last = (Outcome::Done, Outputs::default());
    for entry in entries {
        let event = Event::from_payload(&entry.deployment.payload, status.clone());
        let delivered = finish_one(session, entry, &event, &wait, &mut signals).await;
        let outputs = session.outputs(&delivered, session.context(&event, false));
        if last.0.exit_code() == 0 || delivered.outcome.exit_code() != 0 {
            last = (delivered.outcome, outputs);
        }
        if matches!(delivered.outcome, Outcome::Interrupted { .. }) {
            break;
        }
    }
    last
}

async fn finish_one(
    session: &Session<'_>,
    entry: JournalEntry,
    event: &Event,
    wait: &WaitPolicy,
    signals: &mut Signals,
) -> Delivered {
    let context = session.context(event, false);
    session.console.line(&context.line());
    let mut body = entry.deployment.payload.clone();
    body.insert("status".to_owned(), Value::from(event.status.value.as_str()));
    body.insert("completed_at".to_owned(), Value::from(rfc3339(Clock::system().now())));
    let entries = OpenEntries::Known(vec![entry]);
    let outgoing = Outgoing { context, body, wait, budget: SendBudget::FULL, entries };
    let delivered = deliver(session, outgoing, Some(signals)).await;
    session.report(&delivered, context);
    delivered
}
