//! Reports one event: `versioner track …`, and `versioner` without a subcommand.
//!
//! Owns: the order of things for one event. Does not own: the words (`report`), waiting (`gate`), keeping (`keep`).

use super::call::Call;
use super::keep::{BEFORE_AN_EVENT, held_back};
use crate::api::Answer;
use crate::api::reply::Verdict;
use crate::clock::Clock;
use crate::event::{Payload, add_metadata};
use crate::gate::wait::{End, Wait};
use crate::journal::{Entry, Start};
use crate::outcome::Outcome;
use crate::report::Fate;
use crate::report::outputs::Outputs;
use crate::report::subject::Subject;
use crate::settings::{Described, EventType};
use crate::signals::{STOP, Signals};
use crate::spool::Scope;
use crate::status::Status;
use serde_json::{Map, Value};

/// Reports the event that is `described`. Gives the outcome, and whether an API error is excused.
pub(super) async fn report(call: &Call<'_>, described: &Described, subcommand: bool) -> (Outcome, bool) {
    let subject = call.subject(described, false);
    let body = Payload::new(described, Clock::system().now()).to_map();
    let (outcome, outputs, lenient) = event(call, subject, body).await;
    call.hand_on(outputs);
    let fails_job = !subcommand && described.status.value == Status::Failed;
    let outcome = match outcome {
        Outcome::Recorded { .. } => Outcome::Recorded { fails_job },
        other => other,
    };
    (outcome, lenient)
}

/// Sends one event, and tells people of it. Gives the outcome, the outputs, and whether an API error is excused.
pub(super) async fn event(
    call: &Call<'_>,
    subject: Subject<'_>,
    mut body: Map<String, Value>,
) -> (Outcome, Outputs, bool) {
    call.console.line(&subject.line());
    let mut wait = Wait::default();
    let mut signals = Signals::listen(STOP);
    let flushed = tokio::select! {
        biased;
        signal = signals.next_stop() => Err(signal),
        held = call.flush_before(BEFORE_AN_EVENT, subject, &body) => Ok(held),
    };
    let held = match flushed {
        Ok(held) => held,
        Err(signal) => {
            let outputs = call.tell_interrupted(subject, &wait, signal);
            return (Outcome::Interrupted { signal: signal.number }, outputs, false);
        }
    };
    let (mut started, mut noted) = (None, Vec::new());
    if subject.is_gate() {
        started = call.note_start(&body);
    } else if subject.described.status.value.is_end() {
        noted = call.noted(subject, &body);
        // Where the server does not know when this deployment began, its end says so.
        if let Some(entry) = noted.iter().find(|entry| entry.open.start == Start::Sent) {
            add_metadata(&mut body, "vi_started_at", entry.open.started_at.clone());
        }
    }
    // The rules are always asked; everything else keeps its order.
    let asked = if !subject.is_gate() && held.contains(&Scope::of(&body)) {
        Ok((held_back(), End::Answered))
    } else {
        call.ask(subject, &body, &mut wait, started.as_mut(), &mut signals).await
    };
    let (answer, end) = match asked {
        Ok(asked) => asked,
        Err(signal) => {
            if let Some(entry) = started.filter(|_| !wait.unanswered) {
                call.forget(&entry);
            }
            let outputs = call.tell_interrupted(subject, &wait, signal);
            return (Outcome::Interrupted { signal: signal.number }, outputs, false);
        }
    };
    let fate = call.keep(subject, &body, &answer, &wait).await;
    let outputs = call.tell(subject, &answer, &wait, &end, &fate);
    let lenient = subject.excuses(&answer.verdict) && wait.block.is_none();
    let recorded = matches!(answer.verdict, Verdict::Recorded(_));
    if let Some(mut entry) = started {
        call.note_answer(&mut entry, &answer, &wait, lenient);
    }
    if recorded || matches!(fate, Fate::Kept(_)) {
        noted.iter().for_each(|entry| call.forget(entry));
    }
    (outcome(&answer, &fate), outputs, lenient)
}

fn outcome(answer: &Answer, fate: &Fate) -> Outcome {
    match (fate, &answer.verdict) {
        (Fate::Kept(_), _) => Outcome::Kept,
        (Fate::Lost(_), _) => Outcome::Lost,
        (Fate::Answered, Verdict::Recorded(_)) => Outcome::Recorded { fails_job: false },
        (Fate::Answered, Verdict::Blocked(_)) => Outcome::Blocked,
        (Fate::Answered, Verdict::Refused(_)) => Outcome::Refused,
        (Fate::Answered, Verdict::Unreachable(_)) => Outcome::Unreachable,
    }
}

impl Call<'_> {
    /// Notes that the deployment `body` is about to start, so that `finish` can close it whatever becomes of this process.
    pub(super) fn note_start(&self, body: &Map<String, Value>) -> Option<Entry> {
        let noted = self.journal.as_ref()?.start(self.without_key(body), Clock::system().now());
        noted.map_err(|problem| self.cannot_note(&problem)).ok()
    }

    /// Notes what came of the start in `entry`: one that did not come about is forgotten.
    pub(super) fn note_answer(&self, entry: &mut Entry, answer: &Answer, wait: &Wait, goes_on: bool) {
        let open = match &answer.verdict {
            Verdict::Recorded(_) => {
                self.note(entry, Start::Recorded);
                return;
            }
            // The last request of a wait may have been recorded without our hearing of it.
            Verdict::Blocked(_) => wait.unanswered,
            Verdict::Refused(_) => goes_on,
            Verdict::Unreachable(unreached) => goes_on || unreached.may_be_recorded,
        };
        match open {
            true => self.note(entry, Start::Sent),
            false => self.forget(entry),
        }
    }

    /// Notes how a start stands.
    pub(super) fn note(&self, entry: &mut Entry, start: Start) {
        if let Some(Err(problem)) = self.journal.as_ref().map(|journal| journal.note(entry, start)) {
            self.cannot_note(&problem);
        }
    }

    /// Forgets a deployment that is closed, or never was open.
    pub(super) fn forget(&self, entry: &Entry) {
        if let Some(Err(problem)) = self.journal.as_ref().map(|journal| journal.close(entry)) {
            self.cannot_note(&problem);
        }
    }

    /// What this job has noted of the deployment that `body` is about.
    fn noted(&self, subject: Subject<'_>, body: &Map<String, Value>) -> Vec<Entry> {
        let journal = self.journal.as_ref().filter(|_| subject.described.event_type == EventType::Deployment);
        journal.and_then(|journal| journal.matching(body).ok()).map(|(entries, _)| entries).unwrap_or_default()
    }

    fn cannot_note(&self, problem: &str) {
        self.console.line(&format!("not noted, so that 'versioner finish' will not know of it: {problem}"));
    }
}
