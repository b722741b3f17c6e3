//! The fields of a block's `details`, and how JSON values are read as text, counts and times.

use crate::model::time::Moment;
use crate::text::Foreign;
use serde_json::{Map, Value};

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
    /// How long the version must soak.
    pub required_hours: Option<Count>,
    /// How long it has soaked so far.
    pub elapsed_hours: Option<Count>,
    /// Where it soaks.
    pub environment: Option<Foreign>,
    /// Everything else, by name.
    pub others: Vec<(Foreign, Foreign)>,
}

impl Details {
    pub(super) fn parse(details: &Map<String, Value>) -> Self {
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
                "required_hours" => out.required_hours = count(value),
                "elapsed_hours" => out.elapsed_hours = count(value),
                "environment" => out.environment = text(value),
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

/// A JSON string, number or boolean as text. `None` if it has no printable characters.
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

/// Any value as text; nested values as JSON.
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
pub(super) fn moment(value: &Value) -> Option<(Moment, Foreign)> {
    let text = value.as_str()?;
    Some((Moment::parse(text)?, text.into()))
}
