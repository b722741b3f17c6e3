//! Rules, approvals and planted deployments, as the admin API and the library accept them. `preflight` evaluates the
//! rules.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock;

/// A deployment rule, as an Admin, Release Manager or SRE sets it in the web console.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rule {
    /// The rule's name, which blocked replies contain.
    pub name: String,
    /// Whether a violation blocks the deployment.
    #[serde(default)]
    pub mode: Mode,
    /// The product that the rule applies to; all products if absent.
    #[serde(default)]
    pub product: Option<String>,
    /// The environment that the rule applies to; all environments if absent.
    #[serde(default)]
    pub environment: Option<String>,
    /// The `message` of a blocked reply; a default text if absent.
    #[serde(default)]
    pub message: Option<String>,
    /// The rule's type and its conditions.
    #[serde(flatten)]
    pub kind: RuleKind,
}

/// The mode of a rule: Enabled, Report Only or Disabled.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// A violation blocks the deployment.
    #[default]
    Enabled,
    /// A violation is listed in the success reply and blocks nothing.
    ReportOnly,
    /// The rule is not evaluated.
    Disabled,
}

/// The type of a rule and its conditions; the type is `kind` in JSON. The types have the names that the web console
/// uses; the other names are accepted too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RuleKind {
    /// Schedule (`schedule` or `window`): a no-deploy window.
    #[serde(alias = "window")]
    Schedule(ScheduleRule),
    /// Flow (`flow`): requires that the version was deployed to other environments first.
    Flow(FlowRule),
    /// The soak time of a Flow rule alone (`soak`): requires only that the version has been in another environment for
    /// some time.
    Soak(SoakRule),
    /// DR Approval Required (`dr_approval_required` or `approval`): requires an approved Deployment Request (DR) for the
    /// version and the environment.
    #[serde(alias = "approval")]
    DrApprovalRequired(ApprovalRule),
    /// Version Approval Required (`version_approval_required`): requires approvals on the version.
    VersionApprovalRequired(VersionApprovalRule),
}

/// A one-time no-deploy window.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ScheduleRule {
    /// The start (RFC 3339); if absent, the time when the rule is added.
    pub start: Option<String>,
    /// The end (RFC 3339); if this and `ends_in_seconds` are absent, the window never ends.
    pub end: Option<String>,
    /// The end in seconds after the rule is added, by the server's clock; rounded up to a whole second.
    pub ends_in_seconds: Option<i64>,
    /// The `retry_after` of a blocked reply.
    pub retry_after: RetryAfter,
    /// The UTC offset of start and end in replies, such as `-07:00`; if absent, the offset they were given with.
    pub offset: Option<String>,
    /// The reason for the window.
    pub reason: Option<String>,
}

/// The `retry_after` of the reply to a deployment in a window.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum RetryAfter {
    /// The end of the window, in UTC.
    #[default]
    End,
    /// No `retry_after`.
    Absent,
    /// This text, even if it is not a time.
    Literal(String),
}

/// The environments that the version must be deployed to first.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct FlowRule {
    /// The names of the environments.
    pub requires: Vec<String>,
    /// The time in hours since the version was last completed in each of the environments; none if absent.
    #[serde(default)]
    pub soak_hours: Option<f64>,
}

/// How long the version must be in another environment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SoakRule {
    /// The other environment.
    pub after: String,
    /// The time in hours since the version was last completed there.
    pub hours: f64,
}

/// The approvals that a rule requires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalRule {
    /// The number of people who must approve.
    pub required: usize,
    /// The roles that can approve; all roles if empty.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The `code` of a blocked reply. If absent, `APPROVAL_REQUIRED` for DR Approval Required and
    /// `QUALITY_APPROVAL_REQUIRED` for Version Approval Required.
    #[serde(default)]
    pub code: Option<String>,
}

/// The approvals that a version needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionApprovalRule {
    /// The required approvals.
    #[serde(flatten)]
    pub approvals: ApprovalRule,
    /// The environment that the approvals must be given for; any environment if absent.
    #[serde(default)]
    pub from_environment: Option<String>,
}

/// One person's approval of a version for an environment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approval {
    /// The product's name.
    pub product: String,
    /// The version.
    pub version: String,
    /// The name of the environment that the approval is for.
    pub environment: String,
    /// The approver's role.
    pub role: String,
    /// The approver. Several approvals by one person count as one.
    pub by: String,
}

/// A deployment that is created without an event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlantedDeployment {
    /// The product's name.
    pub product: String,
    /// The version.
    pub version: String,
    /// The environment's name.
    pub environment: String,
    /// The status. The deployment reached it at its start, even if it is a terminal status.
    pub status: String,
    /// The start (RFC 3339); if this and `started_seconds_ago` are absent, now.
    #[serde(default)]
    pub started_at: Option<String>,
    /// The start in seconds before now, by the server's clock.
    #[serde(default)]
    pub started_seconds_ago: Option<i64>,
    /// The account: `main` (the default) or `other`.
    #[serde(default)]
    pub account: Option<String>,
}

impl Rule {
    /// Parses a rule and rejects unknown fields.
    pub(crate) fn parse(json: Value) -> Result<Self, String> {
        let rule: Self = serde_json::from_value(json.clone()).map_err(|error| error.to_string())?;
        // serde cannot reject unknown fields beside a flattened enum, but they are missing from the serialized rule.
        let known_fields = serde_json::to_value(&rule).map_err(|error| error.to_string())?;
        match json.as_object().and_then(|fields| fields.keys().find(|name| known_fields.get(name.as_str()).is_none())) {
            Some(unknown) => Err(format!("unknown field `{unknown}`")),
            None => Ok(rule),
        }
    }

    /// Returns the rule with relative times made absolute, and rejects invalid times.
    pub(crate) fn with_resolved_times(mut self, now: Timestamp) -> Result<Self, String> {
        match &mut self.kind {
            RuleKind::Schedule(schedule) => schedule.resolve_times(now)?,
            RuleKind::Soak(soak) if !soak.hours.is_finite() => return Err("hours must be a number".to_owned()),
            RuleKind::Flow(flow) if flow.soak_hours.is_some_and(|hours| !hours.is_finite()) => {
                return Err("soak_hours must be a number".to_owned());
            }
            RuleKind::Soak(_)
            | RuleKind::Flow(_)
            | RuleKind::DrApprovalRequired(_)
            | RuleKind::VersionApprovalRequired(_) => {}
        }
        Ok(self)
    }

    /// Whether the rule applies to deployments of this product to this environment.
    pub(crate) fn applies_to(&self, product: &str, environment: &str) -> bool {
        let matches = |filter: &Option<String>, name: &str| filter.as_deref().is_none_or(|filter| filter == name);
        // A rule for all environments would otherwise block the deployment that it requires.
        let is_prerequisite = match &self.kind {
            RuleKind::Flow(flow) => flow.requires.iter().any(|required| required == environment),
            RuleKind::Soak(soak) => soak.after == environment,
            RuleKind::Schedule(_) | RuleKind::DrApprovalRequired(_) | RuleKind::VersionApprovalRequired(_) => false,
        };
        self.mode != Mode::Disabled
            && matches(&self.product, product)
            && matches(&self.environment, environment)
            && !is_prerequisite
    }
}

impl ScheduleRule {
    fn resolve_times(&mut self, now: Timestamp) -> Result<(), String> {
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
    /// Parses a rule as `POST /_sandbox/rules` does.
    ///
    /// # Panics
    ///
    /// If the JSON is not a valid rule.
    fn from(json: Value) -> Self {
        Self::parse(json).unwrap_or_else(|error| panic!("invalid rule: {error}"))
    }
}
