//! A spooled event, and the order in which events are delivered.

use crate::model::event::EventType;
use crate::model::payload::add_metadata;
use crate::model::time::rfc3339;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A spooled event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpooledEvent {
    /// Its `Idempotency-Key`, the same for every attempt to deliver it.
    pub id: String,
    /// `deployment` or `build`.
    pub event_type: String,
    /// When it happened, RFC 3339.
    pub occurred_at: String,
    /// Attempts to deliver it.
    pub tries: u32,
    /// When the first attempt failed, RFC 3339.
    pub first_failed_at: String,
    /// Why the last attempt failed.
    pub last_failure: String,
    pub payload: Map<String, Value>,
}

impl SpooledEvent {
    /// The event `payload`, marked as late. It happened at its own time, else `now`. `failure` is why it could not be delivered,
    /// `id` the `Idempotency-Key` of that attempt.
    #[must_use]
    pub fn new(
        event_type: EventType,
        mut payload: Map<String, Value>,
        id: String,
        now: Timestamp,
        failure: String,
    ) -> Self {
        let completed_at = payload.get("completed_at").and_then(Value::as_str).map(str::to_owned);
        let occurred_at = completed_at.unwrap_or_else(|| rfc3339(now));
        add_metadata(&mut payload, "vi_occurred_at", occurred_at.clone());
        add_metadata(&mut payload, "vi_delivered_late", true);
        let event_type = event_type.word().to_owned();
        Self { id, event_type, occurred_at, tries: 1, first_failed_at: rfc3339(now), last_failure: failure, payload }
    }

    /// The kind of event, if this version knows it.
    #[must_use]
    pub fn event_type(&self) -> Option<EventType> {
        EventType::parse(&self.event_type)
    }

    #[must_use]
    pub fn ordering_key(&self) -> OrderingKey {
        OrderingKey::of(&self.payload)
    }
}

/// Events with the same key are delivered in order: those of one product and environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderingKey {
    product: String,
    environment: Option<String>,
}

impl OrderingKey {
    /// The key of an event's body.
    #[must_use]
    pub fn of(payload: &Map<String, Value>) -> Self {
        let text = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
        Self { product: text("product_name").unwrap_or_default(), environment: text("environment_name") }
    }
}
