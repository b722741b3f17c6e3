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
use crate::journal::Entry;
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
    let held = call.flush_before(BEFORE_AN_EVENT).await;
    let mut started = None;
    if subject.is_gate() {
        started = call.note_start(&body);
    } else {
        call.add_unrecorded_start(subject, &mut body);
    }
    let mut wait = Wait::default();
    let mut signals = Signals::listen(STOP);
    // The rules are always asked; everything else keeps its order.
    let asked = if !subject.is_gate() && held.contains(&Scope::of(&body)) {
        Ok((held_back(), End::Answered))
    } else {
        call.ask(subject, &body, &mut wait, &mut signals).await
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
        call.note_answer(&mut entry, &answer, lenient);
    } else if subject.described.status.value.is_end() && (recorded || matches!(fate, Fate::Kept(_))) {
        call.note_end(subject, &body);
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
        let noted = self.journal.as_ref()?.start(body.clone(), Clock::system().now());
        noted.map_err(|problem| self.cannot_note(&problem)).ok()
    }

    /// Notes what came of the start in `entry`: one that did not come about is forgotten.
    pub(super) fn note_answer(&self, entry: &mut Entry, answer: &Answer, goes_on: bool) {
        let Some(journal) = &self.journal else { return };
        let open = match &answer.verdict {
            Verdict::Recorded(_) => {
                if let Err(problem) = journal.recorded(entry) {
                    self.cannot_note(&problem);
                }
                true
            }
            Verdict::Blocked(_) => false,
            Verdict::Refused(_) => goes_on,
            Verdict::Unreachable(unreached) => goes_on || unreached.may_be_recorded,
        };
        if !open {
            self.forget(entry);
        }
    }

    /// Forgets a deployment that is closed, or never was open.
    pub(super) fn forget(&self, entry: &Entry) {
        if let Some(Err(problem)) = self.journal.as_ref().map(|journal| journal.close(entry)) {
            self.cannot_note(&problem);
        }
    }

    /// Forgets the deployment that the event `body` has closed.
    fn note_end(&self, subject: Subject<'_>, body: &Map<String, Value>) {
        for entry in self.noted(subject, body) {
            self.forget(&entry);
        }
    }

    /// Where the server does not know when this deployment began, its end says so.
    fn add_unrecorded_start(&self, subject: Subject<'_>, body: &mut Map<String, Value>) {
        if !subject.described.status.value.is_end() {
            return;
        }
        let unrecorded = self.noted(subject, body).into_iter().find(|entry| !entry.open.recorded);
        if let Some(entry) = unrecorded {
            add_metadata(body, "vi_started_at", entry.open.started_at);
        }
    }

    /// What this job has noted of the deployment that `body` is about.
    fn noted(&self, subject: Subject<'_>, body: &Map<String, Value>) -> Vec<Entry> {
        let journal = self.journal.as_ref().filter(|_| subject.described.event_type == EventType::Deployment);
        journal.map(|journal| journal.matching(body).unwrap_or_default()).unwrap_or_default()
    }

    fn cannot_note(&self, problem: &str) {
        self.console.line(&format!("not noted, so that 'versioner finish' will not know of it: {problem}"));
    }
}
