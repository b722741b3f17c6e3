//! `versioner finish`: closes what this job has started and not closed.
//!
//! Owns: which deployments, and with which status. Does not own: sending an event (`report`).

use super::call::Call;
use super::report::event;
use crate::check::complain;
use crate::ci::surface::Level;
use crate::clock::Clock;
use crate::event::add_metadata;
use crate::journal::Start;
use crate::outcome::Outcome;
use crate::report::outputs::Outputs;
use crate::report::subject::Subject;
use crate::settings::{Described, Sourced};
use crate::status::Status;
use crate::when::stamp;
use serde_json::Value;

/// Closes what is open with `status`. Gives the outcome, and whether an API error is excused.
pub(super) async fn finish(call: &Call<'_>, status: Option<&Sourced<Status>>) -> (Outcome, bool) {
    let Some(journal) = &call.journal else {
        call.console.line("nothing is open: nothing was noted, because there is no directory for it (spool_dir)");
        call.hand_on(Outputs::default());
        return (Outcome::Done, false);
    };
    let entries = match journal.open() {
        Ok((entries, running)) => {
            if running > 0 {
                call.console
                    .line(&format!("left alone, because another versioner of this job is still at it: {running}"));
            }
            let (blocked, open): (Vec<_>, Vec<_>) =
                entries.into_iter().partition(|entry| entry.open.start == Start::Blocked);
            // Whoever waited for these is gone, and nothing of theirs has begun.
            blocked.iter().for_each(|entry| call.forget(entry));
            open
        }
        Err(problem) => {
            let message = format!("{problem}.\nNext: mend that, or name another directory in spool_dir.");
            call.console.annotate(
                Level::Error,
                "What this job has open cannot be read: nothing was finished",
                &message,
            );
            call.hand_on(Outputs::default());
            return (Outcome::Misconfigured, false);
        }
    };
    if entries.is_empty() {
        call.console.line("nothing is open: this job has started no deployment that is not closed");
        call.hand_on(Outputs::default());
        return (Outcome::Done, false);
    }
    let Some(status) = status else {
        let upper = "status is not set, and this CI system does not tell how the job stands. Set it with --status, INPUT_STATUS or \
                     VERSIONER_STATUS: completed, failed or aborted, or the CI system's own word, such as ${{ job.status }} on GitHub \
                     and currentBuild.currentResult on Jenkins.";
        complain(call.console, &[upper.to_owned()]);
        call.hand_on(Outputs::default());
        return (Outcome::Misconfigured, false);
    };
    let rules = call.settings.waiting.never();
    let mut worst: Option<(Outcome, Outputs, bool)> = None;
    for entry in entries {
        let described = Described::of_noted(&entry.open.payload, status.clone());
        let mut body = entry.open.payload.clone();
        body.insert("status".to_owned(), Value::from(status.value.as_str()));
        body.insert("completed_at".to_owned(), Value::from(stamp(Clock::system().now())));
        if entry.open.start != Start::Recorded {
            add_metadata(&mut body, "vi_started_at", entry.open.started_at.clone());
        }
        // What closes a job has seconds, not minutes.
        let subject = Subject { rules: &rules, ..call.subject(&described, false) };
        let came = event(call, subject, body).await;
        if matches!(came.0, Outcome::Recorded { .. } | Outcome::Kept) {
            call.forget(&entry);
        }
        let interrupted = matches!(came.0, Outcome::Interrupted { .. });
        // The last one that went wrong counts, else the last one.
        if worst.as_ref().is_none_or(|(outcome, _, lenient)| outcome.exit_code(!lenient) == 0)
            || came.0.exit_code(!came.2) != 0
        {
            worst = Some(came);
        }
        if interrupted {
            break;
        }
    }
    let (outcome, outputs, lenient) = worst.unwrap_or((Outcome::Done, Outputs::default(), false));
    call.hand_on(outputs);
    (outcome, lenient)
}
