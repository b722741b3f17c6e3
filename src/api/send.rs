//! Sending one event, with retries.
//!
//! Owns: the retry loop, and what it reports while it runs. Does not own: whether an attempt is retried (`attempt`), nor how
//! long to pause (`backoff`).

use super::attempt::{Attempt, Attempts};
use super::backoff::{Next, Pauses};
use super::client::Client;
use super::http::{HttpResult, Reply, exchange};
use crate::model::clock::{Clock, ServerClock};
use crate::model::event::EventType;
use crate::model::verdict::{Unavailable, Verdict};
use crate::text::clean_url;
use jiff::Timestamp;
use reqwest::Url;
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The result of sending one event, over all its attempts.
#[derive(Clone, Debug)]
pub struct SendResult {
    /// The verdict on the last attempt.
    pub verdict: Verdict,
    /// The last reply's HTTP status.
    pub http_status: Option<u16>,
    /// How many requests were sent.
    pub requests: u32,
    pub server_clock: ServerClock,
    /// A pause that the server requested and that was not made.
    pub asked_pause: Option<Duration>,
    /// When, by our clock, the first attempt without a final answer was sent. The API may have recorded it.
    pub unanswered_since: Option<Timestamp>,
    /// The `Idempotency-Key` of the attempts.
    pub idempotency_key: String,
}

/// An event to send.
#[derive(Clone, Copy, Debug)]
pub struct SendRequest<'a> {
    pub event_type: EventType,
    pub body: &'a Map<String, Value>,
    /// The `Idempotency-Key` of earlier attempts. `None` creates a new one.
    pub idempotency_key: Option<&'a str>,
    /// Whether the event is a gate. For a gate, an unreadable 409 counts as a block.
    pub is_gate: bool,
}

/// What happens while an event is sent.
#[derive(Debug)]
pub enum SendProgress<'a> {
    /// An attempt failed, and another follows.
    Retrying {
        failure: Failure<'a>,
        pause: Duration,
        /// Attempts so far.
        requests: u32,
        retries: u32,
    },
    /// A request is about to be sent.
    Request { url: &'a Url, body: &'a [u8] },
    /// A reply arrived.
    Reply { status: u16, headers: Vec<(&'a str, String)>, body: &'a [u8] },
}

/// Why an attempt is repeated.
#[derive(Debug)]
pub enum Failure<'a> {
    Unavailable(&'a Unavailable),
    /// The reply with this status was truncated.
    Truncated(u16),
}

impl Client {
    /// Sends an event, with retries, until `deadline` if there is one.
    ///
    /// All attempts share one random `Idempotency-Key`. The API's documentation does not mention it, and nothing here relies
    /// on it.
    pub async fn send(
        &self,
        request: SendRequest<'_>,
        deadline: Option<Instant>,
        clock: Clock,
        rng: &mut fastrand::Rng,
        observe: &mut dyn FnMut(SendProgress<'_>),
    ) -> SendResult {
        let url = self.endpoint(match request.event_type {
            EventType::Deployment => "deployment-events/",
            EventType::Build => "build-events/",
        });
        let body = serde_json::to_vec(request.body).unwrap_or_default();
        observe(SendProgress::Request { url: &url, body: &body });
        let key = request.idempotency_key.map_or_else(new_key, str::to_owned);
        let mut pauses = Pauses::new(self.retries);
        let mut attempts = Attempts::default();
        loop {
            let sent = clock.now();
            let limit = Instant::now() + self.request_timeout;
            let post = self.post(url.clone(), &key, body.clone());
            let result = exchange(post, deadline.map_or(limit, |deadline| limit.min(deadline))).await;
            if let HttpResult::Reply(reply) = &result {
                observe(reply_progress(reply));
            }
            let attempt = Attempt::new(self, &result, clock.now(), attempts.server_clock, request.is_gate);
            attempts.add(&attempt, sent);
            let mut send_result = attempts.result(&attempt, key.clone());
            if !attempt.retry {
                return send_result;
            }
            let fits = |pause| deadline.is_none_or(|deadline| Instant::now() + pause < deadline);
            match pauses.next(attempt.asked_pause, rng) {
                Next::After(pause) if fits(pause) => {
                    let failure = attempt.failure();
                    let (requests, retries) = (attempts.requests, self.retries);
                    observe(SendProgress::Retrying { failure, pause, requests, retries });
                    sleep(pause).await;
                }
                Next::TooLong(pause) => {
                    send_result.asked_pause = Some(pause);
                    if let Verdict::Unavailable(unavailable) = &mut send_result.verdict {
                        unavailable.asked_pause = Some(pause);
                    }
                    return send_result;
                }
                Next::After(_) | Next::Exhausted => {
                    send_result.asked_pause = attempt.asked_pause;
                    return send_result;
                }
            }
        }
    }
}

fn new_key() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn reply_progress(reply: &Reply) -> SendProgress<'_> {
    let headers = reply.headers().map(|(name, value)| match name {
        "set-cookie" => (name, "***".to_owned()),
        _ => (name, clean_url(value)),
    });
    SendProgress::Reply { status: reply.status, headers: headers.collect(), body: &reply.body }
}
