//! What can be changed while the sandbox runs, and how a partial change is applied.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The changeable settings, as `GET /_sandbox/settings` shows them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The shape of blocked replies.
    pub body_shape: BodyShape,
    /// How far the server's clock is from the machine's.
    pub clock_offset_seconds: i64,
    /// Whether replies carry a `Date` header.
    pub date_header: bool,
    /// The rate limit of each account, if any.
    pub rate_limit: Option<RateLimit>,
    /// The `code` of a reply that is blocked by another deployment.
    pub conflict_code: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            body_shape: BodyShape::default(),
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
    /// The same object within `{"detail": …}`.
    Wrapped,
}

/// So many requests in so many seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Requests in a window.
    pub limit: u64,
    /// Length of a window, which starts with its first request.
    pub window_seconds: u32,
}

impl Settings {
    /// These settings with the fields that `patch` names replaced.
    pub(crate) fn patched(&self, patch: &Value) -> Result<Self, String> {
        let Value::Object(patch) = patch else {
            return Err("settings must be a JSON object".to_owned());
        };
        let mut whole = serde_json::to_value(self).map_err(|error| error.to_string())?;
        for (name, value) in patch {
            whole[name] = value.clone();
        }
        serde_json::from_value(whole).map_err(|error| error.to_string())
    }
}
