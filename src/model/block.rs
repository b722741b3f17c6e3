//! A block: a deployment rule stops a deployment.
//!
//! Owns: which replies are blocks, in either of the two shapes in use, and what they say. Does not own: what is done about
//! a block (`gate`), nor its wording (`report`).

use super::time::Moment;
use crate::text::Foreign;
use jiff::Timestamp;
use serde_json::{Map, Value};

/// Codes that make a 409 a block even without `error: deployment_blocked`.
const CONFLICT_CODES: [&str; 2] = ["CONCURRENT_DEPLOYMENT", "DEPLOYMENT_IN_PROGRESS"];

/// The kind of a block. Each has its own `on_…` setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockKind {
    /// 409: another deployment is in progress.
    Conflict,
    /// 423: a no-deploy window.
    Window,
    /// 428: approvals are missing.
    Approval,
    /// 428: the version has not been long enough in an earlier environment.
    Soak,
    /// 428: an earlier environment was skipped, or an unknown code.
    Flow,
}

/// A block.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The HTTP status: 409, 423 or 428, or 2xx with a body that says that the deployment is blocked.
    pub status: u16,
    pub kind: BlockKind,
    /// Whether the body could be understood. Otherwise the block is never waited for.
    pub readable: bool,
    pub code: Option<Foreign>,
    pub message: Option<Foreign>,
    /// `retry_after`, parsed and as it was written.
    pub retry_after: Option<(Moment, Foreign)>,
    /// The time that the `Retry-After` header gives, by the server's clock.
    pub retry_after_header: Option<Timestamp>,
    pub details: Details,
}

/// A number of people or hours.
pub type Count = serde_json::Number;

/// The known fields of a block's `details`, and all others as text.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Details {
    pub rule_name: Option<Foreign>,
    pub window_name: Option<Foreign>,
    pub window_start: Option<Moment>,
    pub window_end: Option<(Moment, Foreign)>,
    pub reason: Option<Foreign>,
    pub conflicting_id: Option<Foreign>,
    pub conflicting_status: Option<Foreign>,
    pub conflicting_started: Option<Moment>,
    pub conflicting_version: Option<Foreign>,
    pub required_approvals: Option<Count>,
    pub current_approvals: Option<Count>,
    pub approver_roles: Vec<Foreign>,
    /// Environments that must come first and are still missing.
    pub environments: Vec<Foreign>,
    /// Everything else, by name.
    pub others: Vec<(Foreign, Foreign)>,
}

impl Block {
    /// Parses a reply as a block, if it is one: 423 and 428 always are; a 409 or a 2xx is if its body says so.
    #[must_use]
    pub fn parse(status: u16, body: &[u8]) -> Option<Self> {
        let body: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let object = preflight_object(&body);
        let field = |name: &str| object.and_then(|object| text(object.get(name)?));
        let code = field("code");
        let known_conflict = || code.as_ref().is_some_and(|code| CONFLICT_CODES.contains(&code.raw()));
        let says_so = || field("error").is_some_and(|error| error.raw() == "deployment_blocked");
        let is_block = match status {
            423 | 428 => true,
            409 => says_so() || known_conflict(),
            200..=299 => says_so(),
            _ => false,
        };
        if !is_block {
            return None;
        }
        let kind = match (status, code.as_ref().map(Foreign::raw)) {
            (409, _) => BlockKind::Conflict,
            (423, _) => BlockKind::Window,
            (200..=299, Some(code)) if CONFLICT_CODES.contains(&code) => BlockKind::Conflict,
            (200..=299, Some("NO_DEPLOY_WINDOW")) => BlockKind::Window,
            (_, Some("APPROVAL_REQUIRED" | "QUALITY_APPROVAL_REQUIRED")) => BlockKind::Approval,
            (_, Some("INSUFFICIENT_SOAK_TIME")) => BlockKind::Soak,
            _ => BlockKind::Flow,
        };
        let message = field("message").or_else(|| text(body.get("detail")?)).or_else(|| text(body.get("message")?));
        let details = object.and_then(|object| object.get("details")).and_then(Value::as_object);
        Some(Self {
            status,
            kind,
            readable: true,
            code,
            message,
            retry_after: object.and_then(|object| moment(object.get("retry_after")?)),
            retry_after_header: None,
            details: details.map(Details::parse).unwrap_or_default(),
        })
    }

    /// A 409 that cannot be understood.
    #[must_use]
    pub fn unreadable_conflict() -> Self {
        Self {
            status: 409,
            kind: BlockKind::Conflict,
            readable: false,
            code: None,
            message: None,
            retry_after: None,
            retry_after_header: None,
            details: Details::default(),
        }
    }

    /// The rule's name.
    #[must_use]
    pub fn rule(&self) -> Option<&Foreign> {
        self.details.window_name.as_ref().or(self.details.rule_name.as_ref())
    }
}

/// The object that describes a block: at the top level, as documented, or under `detail`, as the vendor's clients expect.
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
    fn parse(details: &Map<String, Value>) -> Self {
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
                // The missing environments are more helpful than all required ones.
                "missing_environments" => out.environments = texts(value),
                "required_environments" | "required_environment" if !details.contains_key("missing_environments") => {
                    out.environments = texts(value);
                }
                _ => out.others.extend(any_text(value).map(|text| (Foreign::new(name), text))),
            }
        }
        let completed: Vec<Foreign> = details.get("completed_environments").map(texts).unwrap_or_default();
        out.environments.retain(|environment| !completed.contains(environment));
        out
    }
}

/// A JSON string, number or boolean as text, unless nothing of it can be shown.
#[must_use]
pub fn text(value: &Value) -> Option<Foreign> {
    let text = match value {
        Value::String(text) => Foreign::new(text.as_str()),
        Value::Number(number) => number.to_string().into(),
        Value::Bool(flag) => flag.to_string().into(),
        Value::Null | Value::Array(_) | Value::Object(_) => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn texts(value: &Value) -> Vec<Foreign> {
    match value {
        Value::Array(values) => values.iter().filter_map(text).collect(),
        value => text(value).into_iter().collect(),
    }
}

/// Any value as text. Nested values are JSON.
fn any_text(value: &Value) -> Option<Foreign> {
    match value {
        Value::Null => None,
        Value::Array(values) if values.iter().all(|value| !value.is_array() && !value.is_object()) => {
            let texts: Vec<String> = texts(value).iter().map(|text| text.raw().to_owned()).collect();
            Some(Foreign::new(texts.join(", "))).filter(|text| !text.is_empty())
        }
        Value::Array(_) | Value::Object(_) => Some(value.to_string().into()),
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

/// A time: only ISO 8601 text, never a number.
fn moment(value: &Value) -> Option<(Moment, Foreign)> {
    let text = value.as_str()?;
    Some((Moment::parse(text)?, text.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn parse(status: u16, body: &Value) -> Option<Block> {
        Block::parse(status, body.to_string().as_bytes())
    }

    #[test]
    fn both_shapes_give_the_same_block() {
        let flat = json!({"error": "deployment_blocked", "message": "No\ndeployments", "code": "NO_DEPLOY_WINDOW",
            "retry_after": "2025-10-28T00:00:00Z", "details": {"window_name": "friday_freeze", "reason": "freeze"}});
        let block = parse(423, &flat).unwrap();
        assert_eq!(parse(423, &json!({"detail": flat})), Some(block.clone()));
        assert_eq!(block.message.as_ref().map(Foreign::clean), Some("No deployments"));
        assert_eq!(block.rule().map(Foreign::raw), Some("friday_freeze"));
        assert_eq!(block.retry_after.unwrap().1.raw(), "2025-10-28T00:00:00Z");
    }

    #[test]
    fn replies_are_blocks_of_the_right_kind() {
        let conflict = json!({"error": "deployment_blocked"});
        let cases = [
            (409, conflict.clone(), Some(BlockKind::Conflict)),
            (409, json!({"detail": conflict}), Some(BlockKind::Conflict)),
            (409, json!({"code": "DEPLOYMENT_IN_PROGRESS"}), Some(BlockKind::Conflict)),
            (409, json!({"detail": conflict, "error": "Conflict", "code": 409}), Some(BlockKind::Conflict)),
            (428, json!({"detail": {"code": "APPROVAL_REQUIRED"}, "code": 428}), Some(BlockKind::Approval)),
            (409, json!({"code": "SOMETHING"}), None),
            (409, json!({"detail": "Version 1.2.3 already exists with different SHA"}), None),
            (409, json!([]), None),
            (423, Value::Null, Some(BlockKind::Window)),
            (423, json!({"code": "NEW_CODE"}), Some(BlockKind::Window)),
            (428, json!("text"), Some(BlockKind::Flow)),
            (428, json!({"code": "FLOW_VIOLATION"}), Some(BlockKind::Flow)),
            (428, json!({"code": "NEW_CODE"}), Some(BlockKind::Flow)),
            (428, json!({"code": "APPROVAL_REQUIRED"}), Some(BlockKind::Approval)),
            (428, json!({"detail": {"code": "QUALITY_APPROVAL_REQUIRED"}}), Some(BlockKind::Approval)),
            (428, json!({"code": "INSUFFICIENT_SOAK_TIME"}), Some(BlockKind::Soak)),
            (422, json!({"error": "deployment_blocked"}), None),
            (200, json!({"error": "deployment_blocked"}), Some(BlockKind::Flow)),
            (
                201,
                json!({"detail": {"error": "deployment_blocked", "code": "NO_DEPLOY_WINDOW"}}),
                Some(BlockKind::Window),
            ),
            (200, json!({"error": "deployment_blocked", "code": "CONCURRENT_DEPLOYMENT"}), Some(BlockKind::Conflict)),
            (200, json!({"id": "1", "code": "NO_DEPLOY_WINDOW"}), None),
        ];
        for (status, body, kind) in cases {
            assert_eq!(parse(status, &body).map(|block| block.kind), kind, "{status} {body}");
        }
        for garbage in [&b""[..], b"<html>", b"\xff\xfe", b"{\"error\":"] {
            assert_eq!(Block::parse(428, garbage).map(|block| block.kind), Some(BlockKind::Flow));
            assert_eq!(Block::parse(409, garbage), None);
        }
    }

    #[test]
    fn details_of_a_wrong_type_are_ignored_and_unknown_ones_are_text() {
        let block = parse(
            428,
            &json!({"message": 7, "retry_after": 1761609600, "details": {
            "required_approvals": "2", "current_approvals": 0, "approver_roles": "team-lead", "rule_name": ["x"],
            "elapsed_hours": 3.5, "tags": ["a", "b"], "nested": {"a": 1}, "nothing": null}}),
        );
        let block = block.unwrap();
        assert_eq!(block.message.as_ref().map(Foreign::raw), Some("7"));
        assert_eq!(block.retry_after, None);
        assert_eq!(block.details.required_approvals, Some(2.into()));
        assert_eq!(block.details.approver_roles, [Foreign::new("team-lead")]);
        let other = |name: &str| {
            block.details.others.iter().find(|(known, _)| known.raw() == name).map(|(_, value)| value.raw())
        };
        assert_eq!(other("elapsed_hours"), Some("3.5"));
        assert_eq!(other("tags"), Some("a, b"));
        assert_eq!(other("nested"), Some("{\"a\":1}"));
        assert_eq!(other("nothing"), None);
    }
}
