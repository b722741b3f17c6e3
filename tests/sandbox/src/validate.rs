//! Whether an event's body is one: the fields each kind of event has, and the 422 for what is wrong with them.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::clock;
use crate::status::{Status, Subject};

/// The largest `extra_metadata`, as compact JSON.
const METADATA_LIMIT: usize = 100 * 1024;

const REQUIRED: [&str; 3] = ["product_name", "version", "status"];
const COMMON: [&str; 6] = ["source_system", "scm_repository", "scm_sha", "scm_branch", "build_number", "invoke_id"];
const DEPLOYMENT: [&str; 4] = ["deploy_url", "deployed_by", "deployed_by_email", "deployed_by_name"];
const BUILD: [&str; 4] = ["build_url", "built_by", "built_by_email", "built_by_name"];
const PERMITTED: &str = "value is not a valid enumeration member; permitted: \
                         'pending', 'started', 'completed', 'failed', 'aborted'";

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Holds {
    Text,
    Status,
    Time,
    Object,
}

/// A validated body.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) subject: Subject,
    pub(crate) status: Status,
    pub(crate) body: Map<String, Value>,
}

impl Event {
    /// Checks a body; every error is reported at once.
    pub(crate) fn read(subject: Subject, body: Map<String, Value>) -> Result<Self, Answer> {
        let mut errors = Vec::new();
        for name in required(subject).filter(|name| !body.contains_key(*name)) {
            errors.push(error(name, "field required", "value_error.missing"));
        }
        for (name, value) in &body {
            let found = match holds(subject, name) {
                Some(what) => wrong(subject, what, value),
                None => Some(("extra fields not permitted", "value_error.extra")),
            };
            errors.extend(found.map(|(message, kind)| error(name, message, kind)));
        }
        let word = body.get("status").and_then(Value::as_str);
        match word.and_then(|word| Status::from_word(word, subject)) {
            Some(status) if errors.is_empty() => Ok(Self { subject, status, body }),
            _ => Err(Answer::json(StatusCode::UNPROCESSABLE_ENTITY, json!({ "detail": errors }))),
        }
    }

    /// A text field that is present.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str)
    }

    /// A field that was required; empty only for a kind of event that does not have it.
    pub(crate) fn required(&self, name: &str) -> &str {
        self.text(name).unwrap_or_default()
    }

    /// The metadata that came with it.
    pub(crate) fn metadata(&self) -> Map<String, Value> {
        self.body.get("extra_metadata").and_then(Value::as_object).cloned().unwrap_or_default()
    }
}

fn required(subject: Subject) -> impl Iterator<Item = &'static str> {
    let environment = match subject {
        Subject::Deployment => Some("environment_name"),
        Subject::Build => None,
    };
    REQUIRED.into_iter().chain(environment)
}

fn holds(subject: Subject, name: &str) -> Option<Holds> {
    let own = match subject {
        Subject::Deployment => DEPLOYMENT,
        Subject::Build => BUILD,
    };
    match name {
        "status" => Some(Holds::Status),
        "completed_at" => Some(Holds::Time),
        "started_at" if subject == Subject::Build => Some(Holds::Time),
        "extra_metadata" => Some(Holds::Object),
        _ if COMMON.contains(&name) || own.contains(&name) || required(subject).any(|known| known == name) => {
            Some(Holds::Text)
        }
        _ => None,
    }
}

/// What is wrong with a value, as message and type.
fn wrong(subject: Subject, what: Holds, value: &Value) -> Option<(&'static str, &'static str)> {
    match (what, value) {
        (_, Value::Null) => Some(("none is not an allowed value", "type_error.none.not_allowed")),
        (Holds::Object, Value::Object(_)) if value.to_string().len() > METADATA_LIMIT => {
            Some(("ensure this value has at most 100 KB", "value_error.any_str.max_length"))
        }
        (Holds::Object, Value::Object(_)) => None,
        (Holds::Object, _) => Some(("value is not a valid dict", "type_error.dict")),
        (_, Value::String(text)) if text.is_empty() => {
            Some(("ensure this value has at least 1 characters", "value_error.any_str.min_length"))
        }
        (Holds::Text, Value::String(_)) => None,
        (Holds::Status, Value::String(word)) => match Status::from_word(word, subject) {
            Some(_) => None,
            None => Some((PERMITTED, "type_error.enum")),
        },
        (Holds::Time, Value::String(text)) => match clock::parse(text) {
            Some(_) => None,
            None => Some(("invalid datetime format", "value_error.datetime")),
        },
        (Holds::Text | Holds::Status | Holds::Time, _) => Some(("str type expected", "type_error.str")),
    }
}

fn error(field: &str, message: &str, kind: &str) -> Value {
    json!({ "loc": ["body", field], "msg": message, "type": kind })
}
