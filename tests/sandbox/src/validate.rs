//! Validation of event bodies: the fields of each event type, and the 422 reply that lists every error.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::clock;
use crate::json_response::JsonResponse;
use crate::status::{EventType, Status};

/// The maximum size of `extra_metadata`, as compact JSON.
const METADATA_LIMIT: usize = 100 * 1024;

const REQUIRED: [&str; 3] = ["product_name", "version", "status"];
const COMMON: [&str; 6] = ["source_system", "scm_repository", "scm_sha", "scm_branch", "build_number", "invoke_id"];
const DEPLOYMENT: [&str; 4] = ["deploy_url", "deployed_by", "deployed_by_email", "deployed_by_name"];
const BUILD: [&str; 4] = ["build_url", "built_by", "built_by_email", "built_by_name"];
const PERMITTED: &str = "value is not a valid enumeration member; permitted: \
                         'pending', 'started', 'completed', 'failed', 'aborted'";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FieldType {
    Text,
    Status,
    Time,
    Object,
}

/// A validated event.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) event_type: EventType,
    pub(crate) status: Status,
    pub(crate) body: Map<String, Value>,
}

impl Event {
    /// Validates a body and reports all errors together.
    pub(crate) fn parse(event_type: EventType, body: Map<String, Value>) -> Result<Self, JsonResponse> {
        let mut errors = Vec::new();
        for name in required(event_type).filter(|name| !body.contains_key(*name)) {
            errors.push(error(name, "field required", "value_error.missing"));
        }
        for (name, value) in &body {
            let invalid = match field_type(event_type, name) {
                Some(field_type) => value_error(event_type, field_type, value),
                None => Some(("extra fields not permitted", "value_error.extra")),
            };
            errors.extend(invalid.map(|(message, kind)| error(name, message, kind)));
        }
        let word = body.get("status").and_then(Value::as_str);
        match word.and_then(|word| Status::from_word(word, event_type)) {
            Some(status) if errors.is_empty() => Ok(Self { event_type, status, body }),
            _ => Err(JsonResponse::new(StatusCode::UNPROCESSABLE_ENTITY, json!({ "detail": errors }))),
        }
    }

    /// The value of a text field, if present.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str)
    }

    /// The value of a required field; empty if the event type does not have the field.
    pub(crate) fn required(&self, name: &str) -> &str {
        self.text(name).unwrap_or_default()
    }

    pub(crate) fn metadata(&self) -> Map<String, Value> {
        self.body.get("extra_metadata").and_then(Value::as_object).cloned().unwrap_or_default()
    }
}

fn required(event_type: EventType) -> impl Iterator<Item = &'static str> {
    let environment = match event_type {
        EventType::Deployment => Some("environment_name"),
        EventType::Build => None,
    };
    REQUIRED.into_iter().chain(environment)
}

fn field_type(event_type: EventType, name: &str) -> Option<FieldType> {
    let specific = match event_type {
        EventType::Deployment => DEPLOYMENT,
        EventType::Build => BUILD,
    };
    match name {
        "status" => Some(FieldType::Status),
        "completed_at" => Some(FieldType::Time),
        "started_at" if event_type == EventType::Build => Some(FieldType::Time),
        "extra_metadata" => Some(FieldType::Object),
        _ if COMMON.contains(&name) || specific.contains(&name) || required(event_type).any(|known| known == name) => {
            Some(FieldType::Text)
        }
        _ => None,
    }
}

/// The error of an invalid value: message and type.
fn value_error(event_type: EventType, field_type: FieldType, value: &Value) -> Option<(&'static str, &'static str)> {
    match (field_type, value) {
        (_, Value::Null) => Some(("none is not an allowed value", "type_error.none.not_allowed")),
        (FieldType::Object, Value::Object(_)) if value.to_string().len() > METADATA_LIMIT => {
            Some(("ensure this value has at most 100 KB", "value_error.any_str.max_length"))
        }
        (FieldType::Object, Value::Object(_)) => None,
        (FieldType::Object, _) => Some(("value is not a valid dict", "type_error.dict")),
        (_, Value::String(text)) if text.is_empty() => {
            Some(("ensure this value has at least 1 characters", "value_error.any_str.min_length"))
        }
        (FieldType::Text, Value::String(_)) => None,
        (FieldType::Status, Value::String(word)) => match Status::from_word(word, event_type) {
            Some(_) => None,
            None => Some((PERMITTED, "type_error.enum")),
        },
        (FieldType::Time, Value::String(text)) => match clock::parse(text) {
            Some(_) => None,
            None => Some(("invalid datetime format", "value_error.datetime")),
        },
        (FieldType::Text | FieldType::Status | FieldType::Time, _) => Some(("str type expected", "type_error.str")),
    }
}

fn error(field: &str, message: &str, kind: &str) -> Value {
    json!({ "loc": ["body", field], "msg": message, "type": kind })
}
