//! Settings that can change while the sandbox runs, and partial updates of them.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The settings, as `GET /_sandbox/settings` returns them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The shape of blocked replies.
    pub body_shape: BodyShape,
    /// The deployment events that the rules are checked for.
    pub check_rules_on: CheckRulesOn,
    /// The server's clock minus the machine's clock.
    pub clock_offset_seconds: i64,
    /// Whether replies have a `Date` header.
    pub date_header: bool,
    /// The rate limit of each account; `null` for none.
    pub rate_limit: Option<RateLimit>,
    /// The `code` of a reply that is blocked by another deployment.
    pub conflict_code: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            body_shape: BodyShape::default(),
            check_rules_on: CheckRulesOn::default(),
            clock_offset_seconds: 0,
            date_header: true,
            rate_limit: None,
            conflict_code: "CONCURRENT_DEPLOYMENT".to_owned(),
        }
    }
}

/// The shape of blocked replies.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BodyShape {
    /// The pre-flight object at the top level, as documented.
    #[default]
    Flat,
    /// The pre-flight object inside `{"detail": …}`.
    Wrapped,
}

/// The deployment events that the rules are checked for. Another deployment in progress blocks the same events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckRulesOn {
    /// Events that open a deployment: `started`, and every other status if the product, version and environment have
    /// no open deployment. A `completed` without an earlier `started` can be blocked.
    #[default]
    Opening,
    /// `started` events only.
    Started,
}

/// A number of requests per time window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Requests allowed in a window.
    pub limit: u64,
    /// Length of a window, which starts with its first request.
    pub window_seconds: u32,
}

impl Settings {
    /// Returns the settings with the fields in `patch` replaced.
    pub(crate) fn patched(&self, patch: &Value) -> Result<Self, String> {
        let Value::Object(patch) = patch else {
            return Err("settings must be a JSON object".to_owned());
        };
        let mut merged = serde_json::to_value(self).map_err(|error| error.to_string())?;
        for (name, value) in patch {
            merged[name] = value.clone();
        }
        serde_json::from_value(merged).map_err(|error| error.to_string())
    }
}
