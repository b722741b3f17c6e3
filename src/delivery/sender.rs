//! Sending the event for the gate, with the journal's entry up to date at every moment.

use super::Session;
use super::superseded::NewerRunCheck;
use crate::api::{Client, Failure, SendProgress, SendRequest, SendResult};
use crate::gate::wait::EventSender;
use crate::model::clock::Clock;
use crate::model::event::{Event, EventType, Role};
use crate::model::superseded::Superseded;
use crate::model::verdict::Verdict;
use crate::state::{JournalEntry, StartState};
use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::time::Instant;

/// Sends the event for the gate, and keeps the journal's entry up to date.
pub(super) struct Sender<'a> {
    session: &'a Session<'a>,
    client: &'a Client,
    event_type: EventType,
    is_gate: bool,
    body: &'a Map<String, Value>,
    entry: Option<&'a mut JournalEntry>,
    rng: fastrand::Rng,
    /// Whether this is a poll. During a wait, single attempts are not reported.
    is_poll: bool,
    /// When the attempt was sent that has no reply yet.
    in_flight_since: Option<Timestamp>,
    /// When the first attempt was sent that has no final answer.
    unanswered_since: Option<Timestamp>,
    newer_runs: NewerRunCheck<'a>,
}

impl<'a> Sender<'a> {
    /// `body` is that of `event`. `entry` is the journal's, if `event` is a gate.
    pub(super) fn new(
        session: &'a Session<'a>,
        client: &'a Client,
        event: &Event,
        body: &'a Map<String, Value>,
        entry: Option<&'a mut JournalEntry>,
        newer_runs: NewerRunCheck<'a>,
    ) -> Self {
        Self {
            session,
            client,
            event_type: event.event_type,
            is_gate: event.role() == Role::Gate,
            body,
            entry,
            rng: fastrand::Rng::new(),
            is_poll: false,
            in_flight_since: None,
            unanswered_since: None,
            newer_runs,
        }
    }

    /// When the first attempt was sent that may have been recorded, if a signal ends everything now.
    pub(super) fn unanswered_since(&self) -> Option<Timestamp> {
        self.unanswered_since.or(self.in_flight_since)
    }
}

impl EventSender for Sender<'_> {
    async fn send(&mut self, deadline: Option<Instant>) -> SendResult {
        let quiet = std::mem::replace(&mut self.is_poll, true);
        let request =
            SendRequest { event_type: self.event_type, body: self.body, idempotency_key: None, is_gate: self.is_gate };
        // Whatever happens to this process now, `finish` must know that the deployment may have started.
        if let Some(entry) = &mut self.entry {
            self.session.update(entry, StartState::Sent);
        }
        let (session, in_flight, unanswered) = (self.session, &mut self.in_flight_since, &mut self.unanswered_since);
        let mut observe = |progress: SendProgress<'_>| {
            match &progress {
                SendProgress::Attempt => *in_flight = Some(Clock::system().now()),
                SendProgress::Retrying { failure, .. } => {
                    let sent = in_flight.take();
                    if matches!(failure, Failure::Unavailable(it) if it.may_be_recorded()) {
                        *unanswered = unanswered.or(sent);
                    }
                }
                SendProgress::Request { .. } | SendProgress::Reply { .. } => {}
            }
            session.show_progress(&progress, quiet);
        };
        let result = self.client.send(request, deadline, Clock::system(), &mut self.rng, &mut observe).await;
        self.in_flight_since = None;
        self.unanswered_since = self.unanswered_since.or(result.unanswered_since);
        if let (Some(entry), Verdict::Blocked(_), None) = (&mut self.entry, &result.verdict, self.unanswered_since) {
            self.session.update(entry, StartState::Blocked);
        }
        result
    }

    fn may_be_superseded(&self) -> bool {
        self.newer_runs.before_polls()
    }

    async fn superseded(&mut self, deadline: Instant) -> Option<Superseded> {
        self.newer_runs.ask(deadline).await
    }
}
