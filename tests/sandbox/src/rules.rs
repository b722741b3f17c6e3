//! Rules, approvals and planted deployments as the admin surface and the library take them. How a rule is evaluated is
//! in `preflight`.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock;

/// A pre-flight rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// Its name, as replies and the console show it.
    pub name: String,
    /// Whether it blocks.
    #[serde(default)]
    pub mode: Mode,
    /// The product it is for; every one if absent.
    #[serde(default)]
    pub product: Option<String>,
    /// The environment it is for; every one if absent.
    #[serde(default)]
    pub environment: Option<String>,
    /// What the reply says when it blocks; a text in the API's manner if absent.
    #[serde(default)]
    pub message: Option<String>,
    /// What it asks for.
    #[serde(flatten)]
    pub kind: RuleKind,
}

/// Whether a rule blocks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A violation blocks the deployment.
    #[default]
    Enabled,
    /// A violation is only told, in the reply to a deployment that goes ahead.
    ReportOnly,
}

/// What a rule asks for; `kind` in JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RuleKind {
    /// Nothing is deployed during a time.
    Window(WindowRule),
    /// The version was completed in other environments before.
    Flow(FlowRule),
    /// The version has been in another environment for some time.
    Soak(SoakRule),
    /// People have approved.
    Approval(ApprovalRule),
}

/// A time during which nothing is deployed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WindowRule {
    /// When it starts (RFC 3339); when the rule is added, if absent.
    pub start: Option<String>,
    /// When it ends (RFC 3339); never if this and `ends_in_seconds` are absent.
    pub end: Option<String>,
    /// When it ends, counted from when the rule is added, by the server's clock; rounded up to a whole second.
    pub ends_in_seconds: Option<i64>,
    /// What the reply says about when to come back.
    pub retry_after: RetryAfter,
    /// The zone in which start and end are told, such as `-07:00`; else the one they are written in.
    pub offset: Option<String>,
    /// Why there is a window.
    pub reason: Option<String>,
}

/// What the reply to a deployment in a window says about when to come back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum RetryAfter {
    /// The end of the window, in UTC.
    #[default]
    End,
    /// Nothing.
    Absent,
    /// This text, whatever it is.
    Literal(String),
}

/// Environments in which the version was completed before.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowRule {
    /// The names of the environments.
    pub requires: Vec<String>,
}

/// How long the version has been in another environment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SoakRule {
    /// The other environment.
    pub after: String,
    /// For how long, counted since it was last completed there.
    pub hours: f64,
}

/// People who have approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRule {
    /// How many people.
    pub required: usize,
    /// The roles that count; every one if empty.
    #[serde(default)]
    pub roles: Vec<String>,
    /// `APPROVAL_REQUIRED`, `QUALITY_APPROVAL_REQUIRED`, or a code nobody has heard of.
    #[serde(default = "approval_required")]
    pub code: String,
}

/// One person's approval of a version for an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The product's name.
    pub product: String,
    /// The version.
    pub version: String,
    /// The environment's name.
    pub environment: String,
    /// The role in which it is given.
    pub role: String,
    /// Who gives it; one person counts once.
    pub by: String,
}

/// A deployment that is there without having been reported.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlantedDeployment {
    /// The product's name.
    pub product: String,
    /// The version.
    pub version: String,
    /// The environment's name.
    pub environment: String,
    /// A status word; one that is final counts as reached at the start.
    pub status: String,
    /// When it started (RFC 3339); now if this and `started_seconds_ago` are absent.
    #[serde(default)]
    pub started_at: Option<String>,
    /// When it started, counted back from now by the server's clock.
    #[serde(default)]
    pub started_seconds_ago: Option<i64>,
    /// `main` (if absent) or `other`.
    #[serde(default)]
    pub account: Option<String>,
}

impl Rule {
    /// Reads a rule as the admin call does.
    pub(crate) fn read(json: Value) -> Result<Self, String> {
        let rule: Self = serde_json::from_value(json.clone()).map_err(|error| error.to_string())?;
        // A flattened enum cannot refuse unknown fields by itself; what does not come out again was not understood.
        let understood = serde_json::to_value(&rule).map_err(|error| error.to_string())?;
        match json.as_object().and_then(|given| given.keys().find(|name| understood.get(name.as_str()).is_none())) {
            Some(unknown) => Err(format!("unknown field `{unknown}`")),
            None => Ok(rule),
        }
    }

    /// The rule with every time of it settled, as of `now`.
    pub(crate) fn settled(mut self, now: Timestamp) -> Result<Self, String> {
        match &mut self.kind {
            RuleKind::Window(window) => window.settle(now)?,
            RuleKind::Soak(soak) if !soak.hours.is_finite() => return Err("hours must be a number".to_owned()),
            RuleKind::Soak(_) | RuleKind::Flow(_) | RuleKind::Approval(_) => {}
        }
        Ok(self)
    }

    /// Whether the rule is about this product and environment at all.
    pub(crate) fn applies_to(&self, product: &str, environment: &str) -> bool {
        let fits = |asked: &Option<String>, name: &str| asked.as_deref().is_none_or(|asked| asked == name);
        // A rule for every environment would otherwise forbid the very deployment that it asks for.
        let satisfied_by_this = match &self.kind {
            RuleKind::Flow(flow) => flow.requires.iter().any(|required| required == environment),
            RuleKind::Soak(soak) => soak.after == environment,
            RuleKind::Window(_) | RuleKind::Approval(_) => false,
        };
        fits(&self.product, product) && fits(&self.environment, environment) && !satisfied_by_this
    }
}

impl WindowRule {
    fn settle(&mut self, now: Timestamp) -> Result<(), String> {
        if let Some(seconds) = self.ends_in_seconds.take() {
            self.end = Some(clock::utc(clock::ceil(clock::plus_seconds(now, seconds))));
        }
        let start = self.start.get_or_insert_with(|| clock::utc(now));
        for text in [Some(&*start), self.end.as_ref()].into_iter().flatten() {
            clock::parse(text).ok_or_else(|| format!("{text:?} is not an RFC 3339 time"))?;
        }
        match &self.offset {
            Some(offset) if clock::parse_offset(offset).is_none() => {
                Err(format!("{offset:?} is not an offset like -07:00"))
            }
            _ => Ok(()),
        }
    }
}

impl From<String> for RetryAfter {
    fn from(text: String) -> Self {
        match text.as_str() {
            "end" => Self::End,
            "absent" => Self::Absent,
            _ => Self::Literal(text),
        }
    }
}

impl From<RetryAfter> for String {
    fn from(retry_after: RetryAfter) -> Self {
        match retry_after {
            RetryAfter::End => "end".to_owned(),
            RetryAfter::Absent => "absent".to_owned(),
            RetryAfter::Literal(text) => text,
        }
    }
}

impl From<Value> for Rule {
    /// Reads a rule as the admin call does.
    ///
    /// # Panics
    ///
    /// If the JSON is not a rule.
    fn from(json: Value) -> Self {
        Self::read(json).unwrap_or_else(|error| panic!("not a rule: {error}"))
    }
}

fn approval_required() -> String {
    "APPROVAL_REQUIRED".to_owned()
}
