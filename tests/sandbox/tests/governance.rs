//! Rule types and modes under the names of the web console, and the other names that are accepted.

use serde_json::{Value, json};
use versioner_sandbox::{Approval, PlantedDeployment, Sandbox};

use crate::client::{admin, deploy};

fn approve(sandbox: &Sandbox, version: &str, environment: &str, by: &str) {
    let [product, version, environment, role, by] = ["shop", version, environment, "qa", by].map(str::to_owned);
    sandbox.approve(Approval { product, version, environment, role, by });
}

fn plant_completed(sandbox: &Sandbox, environment: &str, hours_ago: i64) {
    sandbox.plant(PlantedDeployment {
        product: "shop".to_owned(),
        version: "1.0.0".to_owned(),
        environment: environment.to_owned(),
        status: "completed".to_owned(),
        started_seconds_ago: Some(hours_ago * 3600),
        ..PlantedDeployment::default()
    });
}

/// Deploys version 1.0.0 to production and returns status, code and message of the reply.
fn start(sandbox: &Sandbox) -> (u16, Value, Value) {
    let response = deploy(sandbox, "1.0.0", "production", "started");
    let body = response.json();
    (response.status, body["code"].clone(), body["message"].clone())
}

#[test]
fn rule_types_have_the_names_of_the_web_console_and_accept_others() {
    let sandbox = Sandbox::start();
    for (mut rule, kind, shown) in [
        (json!({ "ends_in_seconds": 60 }), "schedule", "schedule"),
        (json!({ "ends_in_seconds": 60 }), "window", "schedule"),
        (json!({ "requires": ["staging"], "soak_hours": 24 }), "flow", "flow"),
        (json!({ "after": "staging", "hours": 24 }), "soak", "soak"),
        (json!({ "required": 1 }), "dr_approval_required", "dr_approval_required"),
        (json!({ "required": 1 }), "approval", "dr_approval_required"),
        (json!({ "required": 1, "from_environment": "qa" }), "version_approval_required", "version_approval_required"),
    ] {
        rule["name"] = json!("r");
        rule["kind"] = json!(kind);
        let response = admin(&sandbox, "POST", "rules", &rule);
        assert_eq!((response.status, &response.json()["kind"]), (201, &json!(shown)), "{kind}");
        rule["unknown"] = json!(1);
        assert_eq!(admin(&sandbox, "POST", "rules", &rule).status, 400, "{kind}");
    }
    let unknown = json!({ "kind": "conflict", "name": "r" });
    assert_eq!(admin(&sandbox, "POST", "rules", &unknown).status, 400);
}

#[test]
fn the_admin_help_shows_every_rule_type() {
    let help = String::from_utf8(admin(&Sandbox::start(), "GET", "", &Value::Null).body).unwrap();
    for name in [
        "schedule ",
        "flow ",
        "dr_approval_required ",
        "version_approval_required ",
        "DR Approval Required",
        "Version Approval Required",
        "check_rules_on",
    ] {
        assert!(help.contains(name), "{name}");
    }
}

#[test]
fn a_schedule_rule_names_the_no_deploy_window() {
    let sandbox = Sandbox::start();
    sandbox.rule(json!({ "kind": "schedule", "name": "friday_freeze" }).into());
    let message = "No deployments to production during the no-deploy window friday_freeze";
    assert_eq!(start(&sandbox), (423, json!("NO_DEPLOY_WINDOW"), json!(message)));
}

#[test]
fn a_flow_rule_checks_the_soak_time_once_the_version_is_in_every_required_environment() {
    let sandbox = Sandbox::start();
    let rule = json!({ "kind": "flow", "name": "f", "environment": "production", "requires": ["qa", "staging"],
        "soak_hours": 24 });
    sandbox.rule(rule.into());
    plant_completed(&sandbox, "qa", 12);
    let message = "Version 1.0.0 must be deployed to staging before production";
    assert_eq!(start(&sandbox), (428, json!("FLOW_VIOLATION"), json!(message)));
    plant_completed(&sandbox, "staging", 30);
    let message = "Version 1.0.0 must soak in qa for 24 hours before production";
    assert_eq!(start(&sandbox), (428, json!("INSUFFICIENT_SOAK_TIME"), json!(message)));
    sandbox.settings(json!({ "clock_offset_seconds": 12 * 3600 + 2 }));
    assert_eq!(start(&sandbox).0, 201);
}

#[test]
fn a_flow_rule_without_a_soak_time_checks_only_the_environments() {
    let sandbox = Sandbox::start();
    sandbox.rule(json!({ "kind": "flow", "name": "f", "environment": "production", "requires": ["qa"] }).into());
    plant_completed(&sandbox, "qa", 0);
    assert_eq!(start(&sandbox).0, 201);
}

#[test]
fn dr_approvals_count_for_their_environment_only() {
    let sandbox = Sandbox::start();
    sandbox.rule(json!({ "kind": "dr_approval_required", "name": "dr", "required": 1 }).into());
    approve(&sandbox, "1.0.0", "staging", "ann");
    approve(&sandbox, "2.0.0", "production", "ann");
    let message = "Deployment to production requires a Deployment Request with 1 approval(s)";
    assert_eq!(start(&sandbox), (428, json!("APPROVAL_REQUIRED"), json!(message)));
    approve(&sandbox, "1.0.0", "production", "ann");
    assert_eq!(start(&sandbox).0, 201);
}

#[test]
fn version_approvals_count_for_every_environment() {
    let sandbox = Sandbox::start();
    sandbox.rule(json!({ "kind": "version_approval_required", "name": "v", "required": 2 }).into());
    approve(&sandbox, "1.0.0", "staging", "ann");
    approve(&sandbox, "2.0.0", "staging", "bob");
    let message = "Version 1.0.0 requires 2 approval(s)";
    assert_eq!(start(&sandbox), (428, json!("QUALITY_APPROVAL_REQUIRED"), json!(message)));
    approve(&sandbox, "1.0.0", "qa", "bob");
    assert_eq!(start(&sandbox).0, 201);
}

#[test]
fn version_approvals_can_be_required_from_one_environment() {
    let sandbox = Sandbox::start();
    let rule = json!({ "kind": "version_approval_required", "name": "v", "required": 1, "from_environment": "qa",
        "code": "UNKNOWN_CODE" });
    sandbox.rule(rule.into());
    approve(&sandbox, "1.0.0", "production", "ann");
    let message = "Version 1.0.0 requires 1 approval(s) from qa";
    assert_eq!(start(&sandbox), (428, json!("UNKNOWN_CODE"), json!(message)));
    approve(&sandbox, "1.0.0", "qa", "ann");
    assert_eq!(start(&sandbox).0, 201);
}

#[test]
fn a_disabled_rule_is_not_evaluated() {
    let sandbox = Sandbox::start();
    sandbox.rule(json!({ "kind": "schedule", "name": "w", "mode": "disabled" }).into());
    let response = deploy(&sandbox, "1.0.0", "production", "started");
    assert_eq!((response.status, &response.json()["extra_metadata"]), (201, &json!({})));
}
