//! Deployment rules: their order, blocked replies, and report-only violations.

use serde_json::{Value, json};
use versioner_sandbox::{Approval, PlantedDeployment, Sandbox};

use crate::client::{Response, deploy};

fn planted(environment: &str, status: &str, started_at: &str) -> PlantedDeployment {
    PlantedDeployment {
        product: "shop".to_owned(),
        version: "1.0.0".to_owned(),
        environment: environment.to_owned(),
        status: status.to_owned(),
        started_at: Some(started_at.to_owned()),
        ..PlantedDeployment::default()
    }
}

fn approval(role: &str, by: &str) -> Approval {
    let [product, version, environment, role, by] = ["shop", "1.0.0", "production", role, by].map(str::to_owned);
    Approval { product, version, environment, role, by }
}

/// Sets the server's clock to this time, to the second.
fn set_clock(sandbox: &Sandbox, to: &str) {
    let to: jiff::Timestamp = to.parse().unwrap();
    let offset = to.as_second() - jiff::Timestamp::now().as_second();
    sandbox.settings(json!({ "clock_offset_seconds": offset }));
}

fn start(sandbox: &Sandbox) -> Response {
    deploy(sandbox, "1.0.0", "production", "started")
}

#[test]
fn a_second_started_event_conflicts_even_for_the_same_version() {
    let sandbox = Sandbox::start();
    let id = sandbox.plant(planted("production", "started", "2025-10-28T15:00:00Z"));
    let expected = json!({
        "error": "deployment_blocked",
        "message": "Another deployment to production is already in progress",
        "code": "CONCURRENT_DEPLOYMENT",
        "details": {
            "conflicting_deployment_id": id,
            "conflicting_deployment_status": "in_progress",
            "conflicting_deployment_started": "2025-10-28T15:00:00Z",
        },
    });
    for version in ["1.0.0", "2.0.0"] {
        let response = deploy(&sandbox, version, "production", "started");
        assert_eq!((response.status, response.json()), (409, expected.clone()));
    }
    assert_eq!(deploy(&sandbox, "1.0.0", "staging", "started").status, 201);
    sandbox.settings(json!({ "conflict_code": "DEPLOYMENT_IN_PROGRESS", "body_shape": "wrapped" }));
    assert_eq!(start(&sandbox).json()["detail"]["code"], "DEPLOYMENT_IN_PROGRESS");
    sandbox.end(&id, "completed");
    assert_eq!(start(&sandbox).status, 201);
    let events = sandbox.state()["accounts"]["main"]["events"].clone();
    let events = events.as_array().unwrap().iter();
    let blocked = events.filter(|event| event["type"] == "deployment.preflight_failed");
    assert_eq!(blocked.count(), 3);
}

#[test]
fn a_window_blocks_from_its_start_to_its_end() {
    let sandbox = Sandbox::start();
    sandbox.rule(
        json!({
            "kind": "schedule", "name": "friday_freeze", "environment": "production", "reason": "Weekly freeze",
            "message": "No deployments allowed on Fridays after 3pm", "offset": "-07:00",
            "start": "2025-10-24T22:00:00Z", "end": "2025-10-27T07:00:00Z",
        })
        .into(),
    );
    set_clock(&sandbox, "2025-10-24T21:00:00Z");
    assert_eq!(start(&sandbox).status, 201);
    assert_eq!(deploy(&sandbox, "1.0.0", "production", "completed").status, 200);
    set_clock(&sandbox, "2025-10-25T00:00:00Z");
    let response = start(&sandbox);
    let expected = json!({
        "error": "deployment_blocked",
        "message": "No deployments allowed on Fridays after 3pm",
        "code": "NO_DEPLOY_WINDOW",
        "retry_after": "2025-10-27T07:00:00Z",
        "details": {
            "window_name": "friday_freeze",
            "window_start": "2025-10-24T15:00:00-07:00",
            "window_end": "2025-10-27T00:00:00-07:00",
            "reason": "Weekly freeze",
        },
    });
    assert_eq!((response.status, response.json()), (423, expected));
    assert!(response.header("date").unwrap().starts_with("Sat, 25 Oct 2025 00:0"));
    assert_eq!(deploy(&sandbox, "1.0.0", "staging", "started").status, 201);
    set_clock(&sandbox, "2025-10-27T07:00:01Z");
    assert_eq!(start(&sandbox).status, 201);
}

#[test]
fn retry_after_of_a_window_can_be_its_end_absent_or_any_text() {
    let sandbox = Sandbox::start();
    for (retry_after, expected) in
        [(json!("end"), json!("2999-01-01T00:00:00Z")), (json!("absent"), Value::Null), (json!("soon"), json!("soon"))]
    {
        let end = "2999-01-01T02:00:00+02:00";
        sandbox.rule(json!({ "kind": "schedule", "name": "w", "end": end, "retry_after": retry_after }).into());
        let response = start(&sandbox).json();
        assert_eq!(response["retry_after"], expected);
        assert_eq!(response["details"]["window_end"], end);
    }
    sandbox.rule(json!({ "kind": "schedule", "name": "w", "ends_in_seconds": 3600 }).into());
    assert_eq!(start(&sandbox).status, 423);
    sandbox.settings(json!({ "clock_offset_seconds": 3602 }));
    assert_eq!(start(&sandbox).status, 201);
}

#[test]
fn flow_soak_and_approval_rules_are_evaluated_in_this_order() {
    let sandbox = Sandbox::start();
    set_clock(&sandbox, "2025-10-28T12:00:00Z");
    for rule in [
        json!({ "kind": "dr_approval_required", "name": "leads", "required": 2, "roles": ["team-lead"] }),
        json!({ "kind": "soak", "name": "soak", "environment": "production", "after": "staging", "hours": 1.5 }),
        json!({ "kind": "flow", "name": "flow", "requires": ["qa", "staging"], "environment": "production" }),
    ] {
        sandbox.rule(rule.into());
    }
    sandbox.plant(planted("qa", "completed", "2025-10-28T10:00:00Z"));
    let response = start(&sandbox);
    let details = json!({
        "rule_name": "flow", "required_environments": ["qa", "staging"], "missing_environments": ["staging"],
    });
    assert_eq!(
        (response.status, &response.json()["code"], &response.json()["details"]),
        (428, &json!("FLOW_VIOLATION"), &details)
    );
    assert_eq!(response.json()["message"], "Version 1.0.0 must be deployed to staging before production");

    sandbox.plant(planted("staging", "completed", "2025-10-28T11:30:00Z"));
    let response = start(&sandbox);
    assert_eq!((response.status, &response.json()["code"]), (428, &json!("INSUFFICIENT_SOAK_TIME")));
    assert_eq!(response.json()["retry_after"], "2025-10-28T13:00:00Z");
    let details = response.json()["details"].clone();
    assert_eq!((&details["rule_name"], &details["environment"]), (&json!("soak"), &json!("staging")));
    assert_eq!(details["required_hours"], 1.5);
    assert!((0.5..0.6).contains(&details["elapsed_hours"].as_f64().unwrap()));

    set_clock(&sandbox, "2025-10-28T13:00:01Z");
    for (role, by, current) in
        [(None, "", 0), (Some("intern"), "ida", 0), (Some("team-lead"), "tom", 1), (Some("team-lead"), "tom", 1)]
    {
        if let Some(role) = role {
            sandbox.approve(approval(role, by));
        }
        let response = start(&sandbox);
        let details = json!({
            "required_approvals": 2, "current_approvals": current, "approver_roles": ["team-lead"],
            "rule_name": "leads",
        });
        assert_eq!((response.status, &response.json()["code"]), (428, &json!("APPROVAL_REQUIRED")));
        assert_eq!(response.json()["details"], details);
    }
    sandbox.approve(approval("team-lead", "tess"));
    let response = start(&sandbox);
    assert_eq!(response.status, 201);
    let rules = response.json()["extra_metadata"]["preflight_status"]["rules_evaluated"].clone();
    let names: Vec<_> = rules.as_array().unwrap().iter().map(|rule| rule["rule_name"].as_str().unwrap()).collect();
    assert_eq!(names, ["flow", "soak", "leads"]);
}

#[test]
fn a_conflict_is_reported_before_a_window_and_a_window_before_other_rules() {
    let sandbox = Sandbox::start();
    let code =
        json!({ "kind": "dr_approval_required", "name": "qa", "required": 1, "code": "QUALITY_APPROVAL_REQUIRED" });
    sandbox.rule(code.into());
    assert_eq!(start(&sandbox).json()["code"], "QUALITY_APPROVAL_REQUIRED");
    sandbox.rule(json!({ "kind": "schedule", "name": "always" }).into());
    assert_eq!(start(&sandbox).json()["code"], "NO_DEPLOY_WINDOW");
    sandbox.plant(planted("production", "started", "2025-10-28T12:00:00Z"));
    assert_eq!(start(&sandbox).json()["code"], "CONCURRENT_DEPLOYMENT");
}

#[test]
fn a_report_only_rule_is_listed_and_does_not_block() {
    let sandbox = Sandbox::start();
    sandbox.rule(json!({ "kind": "schedule", "name": "w", "mode": "report_only", "message": "freeze" }).into());
    sandbox.rule(json!({ "kind": "dr_approval_required", "name": "a", "required": 0 }).into());
    sandbox.rule(json!({ "kind": "schedule", "name": "elsewhere", "product": "other" }).into());
    let response = start(&sandbox);
    assert_eq!(response.status, 201);
    let expected = json!([
        { "rule_name": "w", "status": "report_only", "evaluation_result": "failed", "error_message": "freeze" },
        { "rule_name": "a", "status": "enabled", "evaluation_result": "passed", "error_message": null },
    ]);
    assert_eq!(response.json()["extra_metadata"]["preflight_status"]["rules_evaluated"], expected);
}

#[test]
fn a_rule_for_all_environments_does_not_block_the_environment_it_requires() {
    let sandbox = Sandbox::start();
    sandbox.rule(json!({ "kind": "flow", "name": "flow", "requires": ["staging"] }).into());
    assert_eq!(start(&sandbox).status, 428);
    assert_eq!(deploy(&sandbox, "1.0.0", "staging", "started").status, 201);
    assert_eq!(deploy(&sandbox, "1.0.0", "staging", "completed").status, 200);
    assert_eq!(start(&sandbox).status, 201);
}
