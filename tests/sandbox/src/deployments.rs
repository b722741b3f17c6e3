//! Applies deployment events: checks the rules, creates or updates the deployment, and builds the reply.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::account::{Account, Deployment, Target};
use crate::builds::{merge, sha_conflict};
use crate::clock;
use crate::json_response::JsonResponse;
use crate::preflight::Preflight;
use crate::rules::PlantedDeployment;
use crate::settings::CheckRulesOn;
use crate::state::{AccountName, SandboxState};
use crate::status::{EventType, Status};
use crate::validate::Event;

pub(crate) fn apply(state: &mut SandboxState, name: AccountName, event: &Event) -> JsonResponse {
    let now = state.now();
    let account = state.accounts.entry(name).or_default();
    let (product, version) = (event.required("product_name"), event.required("version"));
    let environment = event.required("environment_name");
    if let Some(conflict) = sha_conflict(account, event) {
        return conflict;
    }

    let opens = match state.settings.check_rules_on {
        CheckRulesOn::Opening => !account.has_open_deployment(product, version, environment),
        CheckRulesOn::Started => false,
    };
    let mut evaluated = Vec::new();
    // `started` is checked even if it updates a pending deployment.
    if opens || event.status == Status::Started {
        let preflight = Preflight {
            account,
            rules: &state.rules,
            approvals: &state.approvals,
            conflict_code: &state.settings.conflict_code,
            now,
            product,
            version,
            environment,
        };
        match preflight.check() {
            Ok(rules) => evaluated = rules,
            Err(block) => {
                let details = json!({ "code": block.code, "message": block.message, "payload": event.body });
                account.record_event(EventType::Deployment, "preflight_failed", now, details);
                return block.reply(state.settings.body_shape);
            }
        }
    }

    let target = account.target(product, version, environment);
    if let Some(sha) = event.text("scm_sha") {
        account.version(&target.product_id, version).scm_sha = Some(sha.to_owned());
    }
    let (status, index) = find_or_create(account, &target, event.status, now);
    let deployment = &mut account.deployments[index];
    if event.status == Status::Started {
        deployment.started_at = now;
    }
    deployment.status = event.status;
    deployment.deployed_at = event.text("completed_at").and_then(clock::parse).unwrap_or(now);
    if let Some(invoke_id) = event.text("invoke_id") {
        deployment.invoke_id = Some(invoke_id.to_owned());
    }
    merge(&mut deployment.extra_metadata, event.metadata());
    let deployment = deployment.clone();
    let details = json!({ "deployment_id": deployment.id, "payload": event.body });
    let event_id = account.record_event(EventType::Deployment, event.status.word(), now, details);
    JsonResponse::new(status, reply(&deployment, &event_id, evaluated))
}

fn find_or_create(account: &mut Account, target: &Target, status: Status, now: jiff::Timestamp) -> (StatusCode, usize) {
    match account.deployments.iter().rposition(|deployment| deployment.is_open_for(target)) {
        Some(index) => (StatusCode::OK, index),
        None => {
            account.deployments.push(Deployment::new(target.clone(), status, now));
            (StatusCode::CREATED, account.deployments.len() - 1)
        }
    }
}

fn reply(deployment: &Deployment, event_id: &str, evaluated: Vec<Value>) -> Value {
    let mut metadata = deployment.extra_metadata.clone();
    if !evaluated.is_empty() {
        metadata.insert("preflight_status".to_owned(), json!({ "rules_evaluated": evaluated }));
    }
    json!({
        "id": deployment.id,
        "product_id": deployment.product_id,
        "version_id": deployment.version_id,
        "environment_id": deployment.environment_id,
        "status": deployment.status.word(),
        "deployed_at": clock::utc(deployment.deployed_at),
        "event_id": event_id,
        "extra_metadata": metadata,
    })
}

/// Creates a deployment without an event.
pub(crate) fn plant(state: &mut SandboxState, planted: &PlantedDeployment) -> Result<String, String> {
    let now = state.now();
    let status = Status::from_word(&planted.status, EventType::Deployment)
        .ok_or_else(|| format!("{:?} is not a status", planted.status))?;
    let at = match (&planted.started_at, planted.started_seconds_ago) {
        (Some(text), _) => clock::parse(text).ok_or_else(|| format!("{text:?} is not an RFC 3339 time"))?,
        (None, Some(seconds)) => clock::plus_seconds(now, seconds.saturating_neg()),
        (None, None) => now,
    };
    let name = match planted.account.as_deref() {
        None | Some("main") => AccountName::Main,
        Some("other") => AccountName::Other,
        Some(unknown) => return Err(format!("{unknown:?} is not an account: main or other")),
    };
    let account = state.accounts.entry(name).or_default();
    let target = account.target(&planted.product, &planted.version, &planted.environment);
    let deployment = Deployment::new(target, status, at);
    let id = deployment.id.clone();
    account.deployments.push(deployment);
    Ok(id)
}

/// Changes the status of a deployment without an event; `None` if the deployment does not exist.
pub(crate) fn set_status(state: &mut SandboxState, id: &str, status: Status) -> Option<Value> {
    let now = state.now();
    let mut all = state.accounts.values_mut().flat_map(|account| account.deployments.iter_mut());
    let deployment = all.find(|deployment| deployment.id == id)?;
    deployment.status = status;
    deployment.deployed_at = now;
    serde_json::to_value(deployment).ok()
}
