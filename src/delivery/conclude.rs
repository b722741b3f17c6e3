//! What follows from sending an event: the decision, the spool and the journal.

use super::Session;
use crate::api::SendResult;
use crate::gate::wait::{WaitEnd, WaitRecord};
use crate::model::clock::{Clock, ServerClock};
use crate::model::outcome::{Outcome, Spooled};
use crate::model::policy::{Decision, JournalAction, Situation, decide};
use crate::model::superseded::Superseded;
use crate::model::verdict::{Answer, Verdict};
use crate::process::signals::Signal;
use crate::report::{self, Delivery, ReportContext};
use crate::settings::SpoolConfig;
use crate::state::{JournalEntry, SpoolLocation, SpoolResult, SpooledEvent, StartState};
use crate::text::Foreign;
use jiff::Timestamp;
use serde_json::{Map, Value};

/// A sent event, and what was decided.
#[derive(Debug)]
pub struct Delivered {
    pub delivery: Delivery,
    pub decision: Decision,
    pub outcome: Outcome,
    /// The journal's entries that are still open.
    pub open: Vec<JournalEntry>,
}

/// What sending came to, before any decision.
pub(super) struct Sent {
    answer: Answer,
    http_status: Option<u16>,
    requests: u32,
    server_clock: ServerClock,
    unanswered_since: Option<Timestamp>,
    end: WaitEnd,
    /// The `Idempotency-Key` of the attempts.
    idempotency_key: Option<String>,
}

impl Sent {
    pub(super) fn answered(result: SendResult, end: WaitEnd) -> Self {
        let answer = match &end {
            WaitEnd::Superseded(superseded) => Answer::Superseded(superseded.clone()),
            _ => Answer::Verdict(result.verdict),
        };
        Self {
            answer,
            http_status: result.http_status,
            requests: result.requests,
            server_clock: result.server_clock,
            unanswered_since: result.unanswered_since,
            end,
            idempotency_key: Some(result.idempotency_key),
        }
    }

    pub(super) fn held_back() -> Self {
        Self {
            answer: Answer::HeldBack,
            http_status: None,
            requests: 0,
            server_clock: ServerClock::default(),
            unanswered_since: None,
            end: WaitEnd::Answered,
            idempotency_key: None,
        }
    }

    /// Nothing was sent.
    pub(super) fn superseded(superseded: Superseded) -> Self {
        Self { answer: Answer::Superseded(superseded), ..Self::held_back() }
    }

    pub(super) fn interrupted(signal: Signal, record: &WaitRecord, unanswered_since: Option<Timestamp>) -> Self {
        Self {
            answer: Answer::Interrupted { signal: signal.name, number: signal.number },
            http_status: record.block.as_ref().map(|block| block.status),
            requests: record.requests + u32::from(record.in_flight),
            server_clock: record.server_clock,
            unanswered_since: record.unanswered_since.or(unanswered_since),
            end: WaitEnd::Answered,
            idempotency_key: None,
        }
    }
}

impl Session<'_> {
    /// Decides what follows from what was sent, and does it.
    pub(super) async fn conclude(
        &self,
        context: ReportContext<'_>,
        body: &Map<String, Value>,
        record: WaitRecord,
        sent: Sent,
        open: Vec<JournalEntry>,
    ) -> Delivered {
        let situation = Situation {
            role: context.event.role(),
            wrapped: context.wrapped,
            answer: &sent.answer,
            was_blocked: record.block.is_some(),
            may_be_recorded: sent.unanswered_since.is_some(),
        };
        let decision = decide(situation, self.settings.errors);
        let spool = match decision.spool {
            true => self.spool_event(context, body, &sent).await,
            false => SpoolResult::NotSpooled,
        };
        let spooled = match &spool {
            SpoolResult::NotSpooled => Spooled::No,
            SpoolResult::Spooled(_) => Spooled::Yes,
            SpoolResult::Failed(_) => Spooled::Failed,
        };
        let open = self.update_journal(decision.journal, spooled, open, body);
        if let (Answer::Verdict(Verdict::Recorded(_)), Some(spool)) = (&sent.answer, &self.spool) {
            self.note_recorded(spool);
        }
        let outcome = Outcome::of(&sent.answer, decision, spooled);
        let Sent { answer, http_status, requests, server_clock, unanswered_since, end, .. } = sent;
        let delivery = Delivery {
            answer,
            http_status,
            requests,
            server_clock,
            unanswered_since,
            wait: record,
            wait_end: end,
            excused: decision.excused,
            spool,
        };
        Delivered { delivery, decision, outcome, open }
    }

    /// Does what was decided for the journal. Returns the entries that are still open.
    fn update_journal(
        &self,
        action: JournalAction,
        spooled: Spooled,
        mut entries: Vec<JournalEntry>,
        body: &Map<String, Value>,
    ) -> Vec<JournalEntry> {
        match action {
            JournalAction::MarkRecorded => {
                entries.iter_mut().for_each(|entry| self.update(entry, StartState::Recorded));
            }
            JournalAction::MarkSent => entries.iter_mut().for_each(|entry| self.update(entry, StartState::Sent)),
            JournalAction::CloseOnceSpooled if spooled != Spooled::Yes => self.note_ends(&mut entries, body),
            JournalAction::KeepOpen => self.note_ends(&mut entries, body),
            JournalAction::Close | JournalAction::CloseOnceSpooled => {
                entries.drain(..).for_each(|entry| self.close(&entry));
            }
        }
        entries
    }

    /// Records the end `body`, which the API did not take, in `entries`.
    fn note_ends(&self, entries: &mut [JournalEntry], body: &Map<String, Value>) {
        let end = self.without_key(body);
        entries.iter_mut().for_each(|entry| self.note_end(entry, &end));
    }

    async fn spool_event(&self, context: ReportContext<'_>, body: &Map<String, Value>, sent: &Sent) -> SpoolResult {
        let (Some(spool), SpoolConfig::Directory(_, retention)) = (&self.spool, &self.settings.spool) else {
            return SpoolResult::Failed("no setting and no home directory says where".to_owned());
        };
        let failure = report::failure(&sent.answer, context);
        let id = sent.idempotency_key.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let (body, failure) = (self.without_key(body), self.console.redact(&failure));
        let event = SpooledEvent::new(context.event.event_type, body, id, Clock::system().now(), failure);
        match spool.add(&event).await {
            Ok(()) => {
                let path = Foreign::new(spool.path().display().to_string());
                SpoolResult::Spooled(SpoolLocation { path, retention: *retention })
            }
            Err(error) => SpoolResult::Failed(error.to_string()),
        }
    }
}
