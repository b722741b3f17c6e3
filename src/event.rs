//! What is sent: the JSON body of one event.
//!
//! Owns: which described part becomes which field of which kind of event. No input, no output.

use crate::settings::{Described, EventType, Sourced};
use crate::when::stamp;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

/// The body of `POST /deployment-events/` or `POST /build-events/` (the API's documentation, "Event Tracking").
///
/// What is not known is absent, never `null` or empty.
#[derive(Clone, Debug, Default, Serialize)]
#[allow(missing_docs, reason = "the fields are the API's own")]
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
    /// The event described by `described`, as of `now`.
    #[must_use]
    pub fn new(described: &Described, now: Timestamp) -> Self {
        let text = |found: &Option<Sourced<String>>| found.as_ref().map(|found| found.value.clone());
        let status = &described.status.value;
        let mut payload = Self {
            product_name: described.product.value.clone(),
            version: described.version.value.clone(),
            environment_name: text(&described.environment),
            status: status.as_str().to_owned(),
            source_system: text(&described.source_system),
            scm_repository: text(&described.repository),
            scm_sha: text(&described.sha),
            scm_branch: text(&described.branch),
            build_number: text(&described.build_number),
            invoke_id: text(&described.invoke_id),
            completed_at: status.is_end().then(|| text(&described.completed_at).unwrap_or_else(|| stamp(now))),
            extra_metadata: described.metadata.clone().unwrap_or_default(),
            ..Self::default()
        };
        match described.event_type {
            EventType::Deployment => {
                payload.deploy_url = text(&described.url);
                payload.deployed_by = text(&described.by);
                payload.deployed_by_email = text(&described.by_email);
                payload.deployed_by_name = text(&described.by_name);
                // The API has no field for it on a deployment; the user's own key of that name wins.
                if let Some(Sourced { value, source }) = &described.started_at
                    && described.metadata.is_some()
                    && !matches!(source, crate::settings::said::Source::Detected(_))
                {
                    payload.extra_metadata.entry("vi_started_at").or_insert_with(|| Value::from(value.clone()));
                }
            }
            EventType::Build => {
                payload.build_url = text(&described.url);
                payload.built_by = text(&described.by);
                payload.built_by_email = text(&described.by_email);
                payload.built_by_name = text(&described.by_name);
                payload.started_at = text(&described.started_at);
            }
        }
        payload
    }

    /// The same as a JSON object.
    #[must_use]
    pub fn to_map(&self) -> Map<String, Value> {
        match serde_json::to_value(self) {
            Ok(Value::Object(map)) => map,
            _ => Map::new(),
        }
    }
}

/// The API stores at most this much metadata with an event, in bytes.
pub const LARGEST_METADATA: usize = 100 * 1024;

/// Adds `key` to the metadata of the event `body`, unless that would make it larger than the API takes: an event is worth more
/// than a remark on it.
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

/// How many bytes `metadata` takes as JSON.
#[must_use]
pub fn metadata_size(metadata: &Map<String, Value>) -> usize {
    serde_json::to_string(metadata).map_or(usize::MAX, |text| text.len())
}
