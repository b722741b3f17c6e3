//! A block: a deployment rule stops a deployment.
//!
//! Owns: which replies are blocks, in either of the two shapes in use, and what they say. Does not own: how the program
//! reacts to a block (`gate`), nor its wording (`report`).

mod details;
#[cfg(test)]
mod tests;

pub use details::{Count, Details, text};

use super::time::Moment;
use crate::text::Foreign;
use details::moment;
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
    /// 428: the version has not been in an earlier environment for long enough.
    Soak,
    /// 428: an earlier environment was skipped, or an unknown code.
    Flow,
}

/// A block.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The HTTP status: 409, 423 or 428, or 2xx if the body reports a block.
    pub status: u16,
    /// What blocks.
    pub kind: BlockKind,
    /// Whether the body could be read. The gate never waits for an unreadable block.
    pub readable: bool,
    /// The API's code for the reason.
    pub code: Option<Foreign>,
    /// The server's explanation.
    pub message: Option<Foreign>,
    /// `retry_after`, parsed and as it was written.
    pub retry_after: Option<(Moment, Foreign)>,
    /// The time in the `Retry-After` header, by the server's clock.
    pub retry_after_header: Option<Timestamp>,
    /// More about the reason, by kind.
    pub details: Details,
}

impl Block {
    /// Parses a reply as a block. 423 and 428 always are blocks; 409 and 2xx only if the body says so. `body` is null if it
    /// is not JSON.
    #[must_use]
    pub fn parse(status: u16, body: &Value) -> Option<Self> {
        let object = preflight_object(body);
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

    /// A 409 with an unreadable body.
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
