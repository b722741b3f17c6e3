//! Pre-flight checks: the order in which rules are evaluated, and the block that a violation causes. They change no
//! state.

use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::account::Account;
use crate::clock;
use crate::json_response::JsonResponse;
use crate::rules::{
    Approval, ApprovalRule, FlowRule, Mode, RetryAfter, Rule, RuleKind, ScheduleRule, VersionApprovalRule,
};
use crate::settings::BodyShape;
use crate::status::Status;

/// A deployment to check, and the data that the rules need.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Preflight<'a> {
    pub(crate) account: &'a Account,
    pub(crate) rules: &'a [Rule],
    pub(crate) approvals: &'a [Approval],
    pub(crate) conflict_code: &'a str,
    pub(crate) now: Timestamp,
    pub(crate) product: &'a str,
    pub(crate) version: &'a str,
    pub(crate) environment: &'a str,
}

/// Why a deployment is blocked.
#[derive(Debug)]
pub(crate) struct Block {
    pub(crate) status: StatusCode,
    pub(crate) code: String,
    pub(crate) message: String,
    retry_after: Option<String>,
    details: Value,
}

impl Block {
    pub(crate) fn reply(&self, shape: BodyShape) -> JsonResponse {
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
        JsonResponse::new(self.status, body)
    }
}

impl Preflight<'_> {
    /// Returns the evaluated rules, as a success reply lists them, or the first block.
    pub(crate) fn check(&self) -> Result<Vec<Value>, Block> {
        if let Some(block) = self.conflict() {
            return Err(block);
        }
        let mut rules: Vec<&Rule> =
            self.rules.iter().filter(|rule| rule.applies_to(self.product, self.environment)).collect();
        rules.sort_by_key(|rule| evaluation_order(&rule.kind));
        let mut evaluated = Vec::new();
        for rule in rules {
            let violation = self.violation(rule);
            match (rule.mode, violation) {
                (Mode::Enabled, Some(block)) => return Err(block),
                (mode, violation) => evaluated.push(json!({
                    "rule_name": rule.name,
                    "status": mode,
                    "evaluation_result": if violation.is_none() { "passed" } else { "failed" },
                    "error_message": violation.map(|block| block.message),
                })),
            }
        }
        Ok(evaluated)
    }

    /// A block if another deployment to the environment is in progress, even one by the same client.
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
            RuleKind::Schedule(schedule) => self.schedule_violation(rule, schedule),
            RuleKind::Flow(flow) => self.flow_violation(rule, flow),
            RuleKind::Soak(soak) => self.soak_violation(rule, &soak.after, soak.hours),
            RuleKind::DrApprovalRequired(required) => self.dr_violation(rule, required),
            RuleKind::VersionApprovalRequired(required) => self.version_violation(rule, required),
        }?;
        if let Some(message) = &rule.message {
            block.message.clone_from(message);
        }
        Some(block)
    }

    fn schedule_violation(&self, rule: &Rule, schedule: &ScheduleRule) -> Option<Block> {
        let parse = |text: &Option<String>| text.as_deref().and_then(clock::parse);
        let (start, end) = (parse(&schedule.start), parse(&schedule.end));
        let active = start.is_none_or(|start| start <= self.now) && end.is_none_or(|end| self.now < end);
        let format = |text: &Option<String>| {
            let offset = match &schedule.offset {
                Some(offset) => clock::parse_offset(offset),
                None => text.as_deref().and_then(clock::offset_of),
            };
            parse(text).map(|at| clock::in_zone(at, offset))
        };
        active.then(|| Block {
            status: StatusCode::LOCKED,
            code: "NO_DEPLOY_WINDOW".to_owned(),
            message: format!("No deployments to {} during the no-deploy window {}", self.environment, rule.name),
            retry_after: match &schedule.retry_after {
                RetryAfter::End => end.map(|end| clock::utc(clock::ceil(end))),
                RetryAfter::Absent => None,
                RetryAfter::Literal(text) => Some(text.clone()),
            },
            details: without_nulls(json!({
                "window_name": rule.name,
                "window_start": format(&schedule.start),
                "window_end": format(&schedule.end),
                "reason": schedule.reason,
            })),
        })
    }

    fn flow_violation(&self, rule: &Rule, flow: &FlowRule) -> Option<Block> {
        let completed_at = |environment: &str| self.account.completed_at(self.product, self.version, environment);
        let required = flow.requires.iter().map(String::as_str);
        let missing: Vec<&str> = required.clone().filter(|environment| completed_at(environment).is_none()).collect();
        if missing.is_empty() {
            let last = required.max_by_key(|environment| completed_at(environment))?;
            return self.soak_violation(rule, last, flow.soak_hours?);
        }
        Some(Block {
            status: StatusCode::PRECONDITION_REQUIRED,
            code: "FLOW_VIOLATION".to_owned(),
            message: format!(
                "Version {} must be deployed to {} before {}",
                self.version,
                missing.join(", "),
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

    fn soak_violation(&self, rule: &Rule, environment: &str, hours: f64) -> Option<Block> {
        let completed_at = self.account.completed_at(self.product, self.version, environment);
        let ends_at = completed_at.map(|at| clock::plus_hours(at, hours));
        let elapsed = completed_at.map_or(0.0, |at| self.now.duration_since(at).as_secs_f64() / 3600.0);
        ends_at.is_none_or(|ends_at| self.now < ends_at).then(|| Block {
            status: StatusCode::PRECONDITION_REQUIRED,
            code: "INSUFFICIENT_SOAK_TIME".to_owned(),
            message: format!(
                "Version {} must soak in {environment} for {hours} hours before {}",
                self.version, self.environment
            ),
            retry_after: ends_at.map(|at| clock::utc(clock::ceil(at))),
            details: json!({
                "rule_name": rule.name,
                "required_hours": hours,
                "elapsed_hours": (elapsed * 100.0).round() / 100.0,
                "environment": environment,
            }),
        })
    }

    fn dr_violation(&self, rule: &Rule, required: &ApprovalRule) -> Option<Block> {
        let message = format!(
            "Deployment to {} requires a Deployment Request with {} approval(s)",
            self.environment, required.required
        );
        self.approval_violation(rule, required, Some(self.environment), "APPROVAL_REQUIRED", message)
    }

    fn version_violation(&self, rule: &Rule, required: &VersionApprovalRule) -> Option<Block> {
        let from = required.from_environment.as_deref();
        let origin = from.map(|environment| format!(" from {environment}")).unwrap_or_default();
        let message = format!("Version {} requires {} approval(s){origin}", self.version, required.approvals.required);
        self.approval_violation(rule, &required.approvals, from, "QUALITY_APPROVAL_REQUIRED", message)
    }

    /// A block if too few people have approved the version for `environment`, or for any environment if it is `None`.
    fn approval_violation(
        &self,
        rule: &Rule,
        required: &ApprovalRule,
        environment: Option<&str>,
        default_code: &str,
        message: String,
    ) -> Option<Block> {
        let mut people: Vec<&str> = self
            .approvals
            .iter()
            .filter(|approval| approval.product == self.product && approval.version == self.version)
            .filter(|approval| environment.is_none_or(|environment| approval.environment == environment))
            .filter(|approval| required.roles.is_empty() || required.roles.contains(&approval.role))
            .map(|approval| approval.by.as_str())
            .collect();
        people.sort_unstable();
        people.dedup();
        (people.len() < required.required).then(|| Block {
            status: StatusCode::PRECONDITION_REQUIRED,
            code: required.code.as_deref().unwrap_or(default_code).to_owned(),
            message,
            retry_after: None,
            details: json!({
                "required_approvals": required.required,
                "current_approvals": people.len(),
                "approver_roles": required.roles,
                "rule_name": rule.name,
            }),
        })
    }
}

/// The position of a rule's type in the order of evaluation.
fn evaluation_order(kind: &RuleKind) -> u8 {
    match kind {
        RuleKind::Schedule(_) => 0,
        RuleKind::Flow(_) => 1,
        RuleKind::Soak(_) => 2,
        RuleKind::DrApprovalRequired(_) => 3,
        RuleKind::VersionApprovalRequired(_) => 4,
    }
}

fn without_nulls(object: Value) -> Value {
    match object {
        Value::Object(object) => object.into_iter().filter(|(_, value)| !value.is_null()).collect::<Map<_, _>>().into(),
        other => other,
    }
}
