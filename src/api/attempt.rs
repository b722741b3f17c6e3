//! One attempt to send an event, and all attempts so far.
//!
//! Owns: whether an attempt is retried, and which of several attempts decides the result. Does not own: sending (`send`).

use super::backoff;
use super::classify::{Classification, classify};
use super::client::Client;
use super::http::{BodyState, HttpResult, Reply};
use super::interface::{Failure, SendResult};
use crate::model::block::Block;
use crate::model::clock::ServerClock;
use crate::model::verdict::{UnavailableCause, Verdict};
use jiff::Timestamp;
use std::time::Duration;

/// One request and its result.
pub(super) struct Attempt {
    verdict: Verdict,
    status: Option<u16>,
    /// Whether the reply's body is incomplete.
    truncated: bool,
    server_clock: Option<ServerClock>,
    /// Whether another attempt may succeed.
    pub(super) retry: bool,
    pub(super) requested_pause: Option<Duration>,
}

impl Attempt {
    /// The attempt that ended with `result`, at `now` by our clock.
    pub(super) fn new(
        client: &Client,
        result: &HttpResult,
        now: Timestamp,
        known_clock: ServerClock,
        is_gate: bool,
    ) -> Self {
        match result {
            HttpResult::Failed(cause) => {
                let retry = is_transient(cause);
                let verdict = Verdict::Unavailable(client.transport.unavailable(cause.clone()));
                Self { verdict, status: None, truncated: false, server_clock: None, retry, requested_pause: None }
            }
            HttpResult::Reply(reply) => Self::replied(client, reply, now, known_clock, is_gate),
        }
    }

    fn replied(client: &Client, reply: &Reply, now: Timestamp, known_clock: ServerClock, is_gate: bool) -> Self {
        let clock = ServerClock::from_date(reply.header("date"), now);
        let server_now = clock.or(known_clock).at(now);
        let truncated = reply.body_state == BodyState::Truncated;
        let retry = match truncated {
            true => backoff::is_retried_if_truncated(reply.status),
            false => backoff::is_transient(reply.status),
        };
        let verdict = match classify(reply, client.transport.proxy.is_some(), is_gate) {
            Classification::Recorded(receipt) => Verdict::Recorded(receipt),
            Classification::Blocked(mut block) => {
                block.retry_after_header = backoff::retry_after(|name| reply.header(name), server_now)
                    .and_then(|pause| server_now.checked_add(pause).ok());
                Verdict::Blocked(block)
            }
            Classification::Rejected(rejection) => Verdict::Rejected(rejection),
            Classification::Unavailable(cause) => Verdict::Unavailable(client.transport.unavailable(cause)),
        };
        Self {
            verdict,
            status: Some(reply.status),
            truncated,
            server_clock: Some(clock),
            retry,
            requested_pause: backoff::requested_pause(reply.status, |name| reply.header(name), server_now),
        }
    }

    /// Why the attempt is repeated.
    pub(super) fn failure(&self) -> Failure<'_> {
        match (&self.verdict, self.status) {
            (Verdict::Unavailable(unavailable), _) => Failure::Unavailable(unavailable),
            (Verdict::Recorded(_) | Verdict::Blocked(_) | Verdict::Rejected(_), status) => {
                Failure::Truncated(status.unwrap_or_default())
            }
        }
    }

    /// The block that a truncated reply reports.
    fn truncated_block(&self) -> Option<Block> {
        match &self.verdict {
            Verdict::Blocked(block) if self.truncated => Some((**block).clone()),
            _ => None,
        }
    }
}

/// All attempts to send one event so far.
#[derive(Default)]
pub(super) struct Attempts {
    pub(super) requests: u32,
    pub(super) server_clock: ServerClock,
    unanswered_since: Option<Timestamp>,
    /// A block whose reply was truncated. It overrides a later rejection or failure.
    truncated_block: Option<Block>,
}

impl Attempts {
    pub(super) fn add(&mut self, attempt: &Attempt, sent: Timestamp) {
        self.requests += 1;
        self.server_clock = attempt.server_clock.unwrap_or_default().or(self.server_clock);
        if matches!(&attempt.verdict, Verdict::Unavailable(unavailable) if unavailable.may_be_recorded()) {
            self.unanswered_since.get_or_insert(sent);
        }
        self.truncated_block = attempt.truncated_block().or(self.truncated_block.take());
    }

    /// The overall result if `attempt` is the last one.
    pub(super) fn result(&self, attempt: &Attempt, idempotency_key: String) -> SendResult {
        let (verdict, http_status) = match (&attempt.verdict, &self.truncated_block) {
            (Verdict::Rejected(_) | Verdict::Unavailable(_), Some(block)) => {
                (Verdict::Blocked(Box::new(block.clone())), Some(block.status))
            }
            (verdict, _) => (verdict.clone(), attempt.status),
        };
        SendResult {
            verdict,
            http_status,
            requests: self.requests,
            server_clock: self.server_clock,
            requested_pause: None,
            unanswered_since: self.unanswered_since,
            idempotency_key,
        }
    }
}

/// Whether a request without a reply is retried.
fn is_transient(cause: &UnavailableCause) -> bool {
    match cause {
        UnavailableCause::Connect(_)
        | UnavailableCause::Closed(_)
        | UnavailableCause::TimedOut
        | UnavailableCause::ProxyRefused => true,
        UnavailableCause::Certificate(_) | UnavailableCause::ProxyLogin => false,
        UnavailableCause::ProxyAnswered(status)
        | UnavailableCause::Server { status, .. }
        | UnavailableCause::NotTheApi(status, _)
        | UnavailableCause::UnexpectedStatus(status) => backoff::is_transient(*status),
    }
}
