//! What callers pass to `Client::send`, and what they get from it.

use crate::model::clock::ServerClock;
use crate::model::event::EventType;
use crate::model::verdict::{Unavailable, Verdict};
use jiff::Timestamp;
use reqwest::Url;
use serde_json::{Map, Value};
use std::time::Duration;

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
    pub requested_pause: Option<Duration>,
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
    /// A request is about to be sent, in one attempt or several.
    Request { url: &'a Url, body: &'a [u8] },
    /// An attempt begins: from now on the API may have recorded the event.
    Attempt,
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
