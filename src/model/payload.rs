//! The JSON body of an event.
//!
//! Owns: which part of an event becomes which field.

use super::event::{EndTime, Event, EventType};
use super::source::{Source, Sourced};
use super::status::Status;
use super::time::rfc3339;
use crate::text::Foreign;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

/// The body of `POST /deployment-events/` or `POST /build-events/` (the API's documentation, "Event Tracking").
///
/// Unknown fields are absent, never `null` or empty.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Payload {
    pub product_name: String,
    pub version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment_name: Option<String>,
    pub status: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_system: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scm_repository: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scm_sha: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scm_branch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_number: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoke_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deploy_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub build_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployed_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployed_by_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployed_by_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub built_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub built_by_email: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub built_by_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub completed_at: Option<String>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub extra_metadata: Map<String, Value>,
}

impl Payload {
    /// The body of `event` at `now`.
    #[must_use]
    pub fn new(event: &Event, now: Timestamp) -> Self {
        let text = |field: &Option<Sourced<Foreign>>| field.as_ref().map(|field| field.value.raw().to_owned());
        let status = &event.status.value;
        let mut payload = Self {
            product_name: event.product.value.raw().to_owned(),
            version: event.version.value.raw().to_owned(),
            environment_name: text(&event.environment),
            status: status.as_str().to_owned(),
            source_system: text(&event.source_system),
            scm_repository: text(&event.repository),
            scm_sha: text(&event.sha),
            scm_branch: text(&event.branch),
            build_number: text(&event.build_number),
            invoke_id: text(&event.invoke_id),
            completed_at: match &event.completed_at {
                _ if !status.is_terminal() => None,
                EndTime::Now => Some(rfc3339(now)),
                EndTime::At(time) => Some(time.raw().to_owned()),
                EndTime::NotSent => None,
            },
            extra_metadata: event.metadata.clone().unwrap_or_default(),
            ..Self::default()
        };
        match event.event_type {
            EventType::Deployment => {
                payload.deploy_url = text(&event.url);
                payload.deployed_by = text(&event.by);
                payload.deployed_by_email = text(&event.by_email);
                payload.deployed_by_name = text(&event.by_name);
                // A deployment has no field for it. The user's own key of that name wins.
                if let Some(Sourced { value, source }) = &event.started_at
                    && event.metadata.is_some()
                    && !matches!(source, Source::Detected(_))
                {
                    payload.extra_metadata.entry("vi_started_at").or_insert_with(|| Value::from(value.raw()));
                }
            }
            EventType::Build => {
                payload.build_url = text(&event.url);
                payload.built_by = text(&event.by);
                payload.built_by_email = text(&event.by_email);
                payload.built_by_name = text(&event.by_name);
                payload.started_at = text(&event.started_at);
            }
        }
        payload
    }

    /// The body as a JSON object.
    #[must_use]
    pub fn to_map(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        }
    }
}

/// The body of an event that ends the deployment that the event `started` has started.
#[must_use]
pub fn end_of(mut started: Map<String, Value>, status: &Status, now: Timestamp) -> Map<String, Value> {
    started.insert("status".to_owned(), Value::from(status.as_str()));
    started.insert("completed_at".to_owned(), Value::from(rfc3339(now)));
    started
}

/// The API stores at most this much metadata with an event, in bytes.
pub const LARGEST_METADATA: usize = 100 * 1024;

/// Adds `key` to the metadata of the event `body`, unless the metadata would then be too large: the event matters more.
pub fn add_metadata(body: &mut Map<String, Value>, key: &str, value: impl Into<Value>) {
    let Value::Object(metadata) = body.entry("extra_metadata").or_insert_with(|| Value::Object(Map::new())) else {
        return;
    };
    let before = metadata.insert(key.to_owned(), value.into());
    if metadata_size(metadata) > LARGEST_METADATA {
        metadata.remove(key);
        metadata.extend(before.map(|before| (key.to_owned(), before)));
    }
}

/// The size of `metadata` as JSON, in bytes.
#[must_use]
pub fn metadata_size(metadata: &Map<String, Value>) -> usize {
    serde_json::to_string(metadata).map_or(usize::MAX, |text| text.len())
}
