//! A block: the server's no to a deployment, read from either of the two shapes in which it comes.
//!
//! Owns: what counts as a block, and its facts. Does not own: what is done about it (`gate`), nor its words (`report`).

use crate::text::shown;
use crate::when::Moment;
use serde_json::{Map, Value};

/// Codes of a 409 that is a block even where the body lacks `error: deployment_blocked`.
const CONFLICT_CODES: [&str; 2] = ["CONCURRENT_DEPLOYMENT", "DEPLOYMENT_IN_PROGRESS"];

/// What kind of rule blocks: each has its own setting of whether to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 409: another deployment is in progress.
    Conflict,
    /// 423: a no-deploy window.
    Window,
    /// 428: approvals are missing.
    Approval,
    /// 428: the version has not been long enough in an earlier environment.
    Soak,
    /// 428: an earlier environment was skipped, or a code that is not known.
    Flow,
}

/// A block, with every text cleaned for showing.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// 409, 423 or 428.
    pub status: u16,
    /// What kind of rule it is.
    pub kind: Kind,
    /// The server's code.
    pub code: Option<String>,
    /// The server's words.
    pub message: Option<String>,
    /// `retry_after`, as it was written, if it can be read.
    pub retry_after: Option<(Moment, String)>,
    /// The rest.
    pub details: Details,
}

/// A number of people or hours.
pub type Count = serde_json::Number;

/// The facts of a block that are known by name, and the others as they are.
#[derive(Clone, Debug, Default, PartialEq)]
#[allow(missing_docs, reason = "the fields are the API's own")]
pub struct Details {
    pub rule_name: Option<String>,
    pub window_name: Option<String>,
    pub window_start: Option<Moment>,
    pub window_end: Option<(Moment, String)>,
    pub reason: Option<String>,
    pub conflicting_id: Option<String>,
    pub conflicting_status: Option<String>,
    pub conflicting_started: Option<Moment>,
    pub conflicting_version: Option<String>,
    pub required_approvals: Option<Count>,
    pub current_approvals: Option<Count>,
    pub approver_roles: Vec<String>,
    /// Environments still to go through.
    pub environments: Vec<String>,
    /// Everything else, by name.
    pub others: Vec<(String, String)>,
}

impl Block {
    /// Reads a reply as a block, if it is one: 423 and 428 are, whatever their body; a 409 is if it says so.
    #[must_use]
    pub fn read(status: u16, body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let object = preflight_object(&body);
        let said = |name: &str| object.and_then(|object| text(object.get(name)?));
        let code = said("code");
        let known_conflict = || code.as_deref().is_some_and(|code| CONFLICT_CODES.contains(&code));
        let is_block = match status {
            423 | 428 => true,
            409 => said("error").as_deref() == Some("deployment_blocked") || known_conflict(),
            _ => false,
        };
        if !is_block {
            return None;
        }
        let kind = match (status, code.as_deref()) {
            (409, _) => Kind::Conflict,
            (423, _) => Kind::Window,
            (_, Some("APPROVAL_REQUIRED" | "QUALITY_APPROVAL_REQUIRED")) => Kind::Approval,
            (_, Some("INSUFFICIENT_SOAK_TIME")) => Kind::Soak,
            _ => Kind::Flow,
        };
        let message = said("message").or_else(|| text(body.get("detail")?)).or_else(|| text(body.get("message")?));
        let details = object.and_then(|object| object.get("details")).and_then(Value::as_object);
        Some(Self {
            status,
            kind,
            code,
            message,
            retry_after: object.and_then(|object| moment(object.get("retry_after")?)),
            details: details.map(Details::read).unwrap_or_default(),
        })
    }

    /// A conflict of which nothing is known but its status.
    #[must_use]
    pub fn unreadable_conflict() -> Self {
        Self {
            status: 409,
            kind: Kind::Conflict,
            code: None,
            message: None,
            retry_after: None,
            details: Details::default(),
        }
    }

    /// What the rule is called.
    #[must_use]
    pub fn rule(&self) -> Option<&str> {
        self.details.window_name.as_deref().or(self.details.rule_name.as_deref())
    }
}

/// The object that describes a block: at the top level, as documented, or under `detail`, as the vendor's own clients
/// expect it.
fn preflight_object(body: &Value) -> Option<&Map<String, Value>> {
    let top = body.as_object()?;
    let is_it = |object: &Map<String, Value>| {
        object.get("error").and_then(Value::as_str) == Some("deployment_blocked")
            || object.get("code").is_some_and(Value::is_string)
    };
    match top.get("detail").and_then(Value::as_object) {
        Some(detail) if is_it(detail) || !is_it(top) => Some(detail),
        _ => Some(top),
    }
}

impl Details {
    fn read(details: &Map<String, Value>) -> Self {
        let mut out = Self::default();
        for (name, value) in details {
            match name.as_str() {
                "rule_name" => out.rule_name = text(value),
                "window_name" => out.window_name = text(value),
                "window_start" => out.window_start = moment(value).map(|(moment, _)| moment),
                "window_end" => out.window_end = moment(value),
                "reason" => out.reason = text(value),
                "conflicting_deployment_id" => out.conflicting_id = text(value),
                "conflicting_deployment_status" => out.conflicting_status = text(value),
                "conflicting_deployment_started" => out.conflicting_started = moment(value).map(|(moment, _)| moment),
                "conflicting_deployment_version" | "conflicting_version" => out.conflicting_version = text(value),
                "required_approvals" => out.required_approvals = count(value),
                "current_approvals" => out.current_approvals = count(value),
                "approver_roles" => out.approver_roles = texts(value),
                // The environments that are missing say more than all that are required.
                "missing_environments" => out.environments = texts(value),
                "required_environments" | "required_environment" if !details.contains_key("missing_environments") => {
                    out.environments = texts(value);
                }
                _ => out.others.extend(all_texts(value).map(|text| (shown(name), text))),
            }
        }
        let completed = details.get("completed_environments").map(texts).unwrap_or_default();
        out.environments.retain(|environment| !completed.contains(environment));
        out
    }
}

/// A text, or what stands for one: a number or a boolean. Cleaned; none if that leaves nothing.
pub(super) fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => shown(text),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn texts(value: &Value) -> Vec<String> {
    match value {
        Value::Array(values) => values.iter().filter_map(text).collect(),
        value => text(value).into_iter().collect(),
    }
}

/// Any value as text: what is nested, as JSON.
fn all_texts(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Array(values) if values.iter().all(|value| !value.is_array() && !value.is_object()) => {
            Some(texts(value).join(", ")).filter(|text| !text.is_empty())
        }
        Value::Array(_) | Value::Object(_) => Some(shown(&value.to_string())),
        value => text(value),
    }
}

fn count(value: &Value) -> Option<Count> {
    match value {
        Value::Number(number) => Some(number.clone()),
        Value::String(text) => text.trim().parse::<u64>().ok().map(Count::from),
        _ => None,
    }
}

/// A point in time: ISO 8601 text alone is one, not a number.
fn moment(value: &Value) -> Option<(Moment, String)> {
    let text = value.as_str()?;
    Some((Moment::read(text)?, shown(text)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(status: u16, body: &Value) -> Option<Block> {
        Block::read(status, body.to_string().as_bytes())
    }

    #[test]
    fn both_shapes_are_the_same_block() {
        let flat = json!({"error": "deployment_blocked", "message": "No\ndeployments", "code": "NO_DEPLOY_WINDOW",
            "retry_after": "2025-10-28T00:00:00Z", "details": {"window_name": "friday_freeze", "reason": "freeze"}});
        let block = read(423, &flat).unwrap();
        assert_eq!(read(423, &json!({"detail": flat})), Some(block.clone()));
        assert_eq!(block.message.as_deref(), Some("No deployments"));
        assert_eq!(block.rule(), Some("friday_freeze"));
        assert_eq!(block.retry_after.unwrap().1, "2025-10-28T00:00:00Z");
    }

    #[test]
    fn what_is_a_block_and_of_which_kind() {
        let conflict = json!({"error": "deployment_blocked"});
        let cases = [
            (409, conflict.clone(), Some(Kind::Conflict)),
            (409, json!({"detail": conflict}), Some(Kind::Conflict)),
            (409, json!({"code": "DEPLOYMENT_IN_PROGRESS"}), Some(Kind::Conflict)),
            (409, json!({"detail": conflict, "error": "Conflict", "code": 409}), Some(Kind::Conflict)),
            (428, json!({"detail": {"code": "APPROVAL_REQUIRED"}, "code": 428}), Some(Kind::Approval)),
            (409, json!({"code": "SOMETHING"}), None),
            (409, json!({"detail": "Version 1.2.3 already exists with different SHA"}), None),
            (409, json!([]), None),
            (423, Value::Null, Some(Kind::Window)),
            (423, json!({"code": "NEW_CODE"}), Some(Kind::Window)),
            (428, json!("text"), Some(Kind::Flow)),
            (428, json!({"code": "FLOW_VIOLATION"}), Some(Kind::Flow)),
            (428, json!({"code": "NEW_CODE"}), Some(Kind::Flow)),
            (428, json!({"code": "APPROVAL_REQUIRED"}), Some(Kind::Approval)),
            (428, json!({"detail": {"code": "QUALITY_APPROVAL_REQUIRED"}}), Some(Kind::Approval)),
            (428, json!({"code": "INSUFFICIENT_SOAK_TIME"}), Some(Kind::Soak)),
            (422, json!({"error": "deployment_blocked"}), None),
        ];
        for (status, body, kind) in cases {
            assert_eq!(read(status, &body).map(|block| block.kind), kind, "{status} {body}");
        }
        for garbage in [&b""[..], b"<html>", b"\xff\xfe", b"{\"error\":"] {
            assert_eq!(Block::read(428, garbage).map(|block| block.kind), Some(Kind::Flow));
            assert_eq!(Block::read(409, garbage), None);
        }
    }

    #[test]
    fn details_of_the_wrong_type_do_no_harm_and_unknown_ones_are_kept() {
        let block = read(
            428,
            &json!({"message": 7, "retry_after": 1761609600, "details": {
            "required_approvals": "2", "current_approvals": 0, "approver_roles": "team-lead", "rule_name": ["x"],
            "elapsed_hours": 3.5, "tags": ["a", "b"], "nested": {"a": 1}, "nothing": null}}),
        );
        let block = block.unwrap();
        assert_eq!(block.message.as_deref(), Some("7"));
        assert_eq!(block.retry_after, None);
        assert_eq!(block.details.required_approvals, Some(2.into()));
        assert_eq!(block.details.approver_roles, ["team-lead"]);
        let other =
            |name: &str| block.details.others.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!(other("elapsed_hours"), Some("3.5"));
        assert_eq!(other("tags"), Some("a, b"));
        assert_eq!(other("nested"), Some("{\"a\":1}"));
        assert_eq!(other("nothing"), None);
    }
}
