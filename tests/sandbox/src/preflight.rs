//! The pre-flight rules: which are evaluated for a deployment that starts, in which order, and the block a violation
//! makes. It changes nothing.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::account::Account;
use crate::answer::Answer;
use crate::clock;
use crate::rules::{Approval, ApprovalRule, FlowRule, Mode, RetryAfter, Rule, RuleKind, SoakRule, WindowRule};
use crate::settings::BodyShape;
use crate::status::Status;

/// A deployment that wants to start, and what decides about it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question<'a> {
    pub(crate) account: &'a Account,
    pub(crate) rules: &'a [Rule],
    pub(crate) approvals: &'a [Approval],
    pub(crate) conflict_code: &'a str,
    pub(crate) now: Timestamp,
    pub(crate) product: &'a str,
    pub(crate) version: &'a str,
    pub(crate) environment: &'a str,
}

/// A refusal.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) status: StatusCode,
    pub(crate) code: String,
    pub(crate) message: String,
    retry_after: Option<String>,
    details: Value,
}

impl Block {
    /// The reply that tells it.
    pub(crate) fn answer(&self, shape: BodyShape) -> Answer {
        let object = without_nulls(json!({
            "error": "deployment_blocked",
            "message": self.message,
            "code": self.code,
            "retry_after": self.retry_after,
            "details": self.details,
        }));
        let body = match shape {
            BodyShape::Flat => object,
            BodyShape::Wrapped => json!({ "detail": object }),
        };
        Answer::json(self.status, body)
    }
}

impl Question<'_> {
    /// The rules that were evaluated, as a success reply lists them, or the first block.
    pub(crate) fn check(&self) -> Result<Vec<Value>, Block> {
        if let Some(block) = self.conflict() {
            return Err(block);
        }
        let mut rules: Vec<&Rule> =
            self.rules.iter().filter(|rule| rule.applies_to(self.product, self.environment)).collect();
        rules.sort_by_key(|rule| rank(&rule.kind));
        let mut evaluated = Vec::new();
        for rule in rules {
            let violation = self.violation(rule);
            let (mode, result) = match (rule.mode, &violation) {
                (Mode::Enabled, None) => ("enabled", "passed"),
                (Mode::ReportOnly, None) => ("report_only", "passed"),
                (Mode::ReportOnly, Some(_)) => ("report_only", "failed"),
                (Mode::Enabled, Some(_)) => ("enabled", "failed"),
            };
            match (rule.mode, violation) {
                (Mode::Enabled, Some(block)) => return Err(block),
                (_, violation) => evaluated.push(json!({
                    "rule_name": rule.name,
                    "status": mode,
                    "evaluation_result": result,
                    "error_message": violation.map(|block| block.message),
                })),
            }
        }
        Ok(evaluated)
    }

    /// One deployment at a time to an environment; the API does not ask whether it is the same client that starts.
    fn conflict(&self) -> Option<Block> {
        let mut others = self.account.deployments_to(self.product, self.environment);
        let other = others.find(|deployment| deployment.status == Status::Started)?;
        Some(Block {
            status: StatusCode::CONFLICT,
            code: self.conflict_code.to_owned(),
            message: format!("Another deployment to {} is already in progress", self.environment),
            retry_after: None,
            details: json!({
                "conflicting_deployment_id": other.id,
                "conflicting_deployment_status": "in_progress",
                "conflicting_deployment_started": clock::utc(other.started_at),
            }),
        })
    }

    fn violation(&self, rule: &Rule) -> Option<Block> {
        let mut block = match &rule.kind {
            RuleKind::Window(window) => self.in_window(rule, window),
            RuleKind::Flow(flow) => self.out_of_order(rule, flow),
            RuleKind::Soak(soak) => self.too_fresh(rule, soak),
            RuleKind::Approval(approval) => self.unapproved(rule, approval),
        }?;
        if let Some(message) = &rule.message {
            block.message.clone_from(message);
        }
        Some(block)
    }

    fn in_window(&self, rule: &Rule, window: &WindowRule) -> Option<Block> {
        let read = |text: &Option<String>| text.as_deref().and_then(clock::parse);
        let (start, end) = (read(&window.start), read(&window.end));
        let active = start.is_none_or(|start| start <= self.now) && end.is_none_or(|end| self.now < end);
        let told = |text: &Option<String>| {
            let zone = match &window.offset {
                Some(offset) => clock::parse_offset(offset),
                None => text.as_deref().and_then(clock::offset_of),
            };
            read(text).map(|at| clock::in_zone(at, zone))
        };
        active.then(|| Block {
            status: StatusCode::LOCKED,
            code: "NO_DEPLOY_WINDOW".to_owned(),
            message: format!("No deployments to {} allowed during {}", self.environment, rule.name),
            retry_after: match &window.retry_after {
                RetryAfter::End => end.map(|end| clock::utc(clock::ceil(end))),
                RetryAfter::Absent => None,
                RetryAfter::Literal(text) => Some(text.clone()),
            },
            details: without_nulls(json!({
                "window_name": rule.name,
                "window_start": told(&window.start),
                "window_end": told(&window.end),
                "reason": window.reason,
            })),
        })
    }

    fn out_of_order(&self, rule: &Rule, flow: &FlowRule) -> Option<Block> {
        let done = |environment: &&String| self.account.completed_at(self.product, self.version, environment).is_some();
        let missing: Vec<&String> = flow.requires.iter().filter(|environment| !done(environment)).collect();
        let names: Vec<&str> = missing.iter().map(|name| name.as_str()).collect();
        (!missing.is_empty()).then(|| Block {
            status: StatusCode::PRECONDITION_REQUIRED,
            code: "FLOW_VIOLATION".to_owned(),
            message: format!(
                "Version {} must be deployed to {} before {}",
                self.version,
                names.join(", "),
                self.environment
            ),
            retry_after: None,
            details: json!({
                "rule_name": rule.name,
                "required_environments": flow.requires,
                "missing_environments": missing,
            }),
        })
    }

    fn too_fresh(&self, rule: &Rule, soak: &SoakRule) -> Option<Block> {
        let since = self.account.completed_at(self.product, self.version, &soak.after);
        let over = since.map(|since| clock::plus_hours(since, soak.hours));
        let elapsed = since.map_or(0.0, |since| self.now.duration_since(since).as_secs_f64() / 3600.0);
        over.is_none_or(|over| self.now < over).then(|| Block {
            status: StatusCode::PRECONDITION_REQUIRED,
            code: "INSUFFICIENT_SOAK_TIME".to_owned(),
            message: format!(
                "Version {} must soak in {} for {} hours before {}",
                self.version, soak.after, soak.hours, self.environment
            ),
            retry_after: over.map(|over| clock::utc(clock::ceil(over))),
            details: json!({
                "rule_name": rule.name,
                "required_hours": soak.hours,
                "elapsed_hours": (elapsed * 100.0).round() / 100.0,
                "environment": soak.after,
            }),
        })
    }

    fn unapproved(&self, rule: &Rule, asked: &ApprovalRule) -> Option<Block> {
        let mut people: Vec<&str> = self
            .approvals
            .iter()
            .filter(|given| given.product == self.product && given.version == self.version)
            .filter(|given| given.environment == self.environment)
            .filter(|given| asked.roles.is_empty() || asked.roles.contains(&given.role))
            .map(|given| given.by.as_str())
            .collect();
        people.sort_unstable();
        people.dedup();
        (people.len() < asked.required).then(|| Block {
            status: StatusCode::PRECONDITION_REQUIRED,
            code: asked.code.clone(),
            message: format!("Deployment to {} requires {} approval(s)", self.environment, asked.required),
            retry_after: None,
            details: json!({
                "required_approvals": asked.required,
                "current_approvals": people.len(),
                "approver_roles": asked.roles,
                "rule_name": rule.name,
            }),
        })
    }
}

/// The order in which kinds of rules are evaluated.
fn rank(kind: &RuleKind) -> u8 {
    match kind {
        RuleKind::Window(_) => 0,
        RuleKind::Flow(_) => 1,
        RuleKind::Soak(_) => 2,
        RuleKind::Approval(_) => 3,
    }
}

fn without_nulls(object: Value) -> Value {
    match object {
        Value::Object(object) => object.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>().into(),
        other => other,
    }
}
