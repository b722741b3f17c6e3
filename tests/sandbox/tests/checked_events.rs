//! The deployment events that the rules are checked for.

use serde_json::json;
use versioner_sandbox::{CheckRulesOn, Options, Sandbox};

use crate::client::deploy;

fn add_window(sandbox: &Sandbox) {
    sandbox.rule(json!({ "kind": "schedule", "name": "always" }).into());
}

#[test]
fn every_event_that_opens_a_deployment_is_checked() {
    let sandbox = Sandbox::start();
    add_window(&sandbox);
    for status in ["pending", "started", "completed", "failed", "aborted"] {
        let response = deploy(&sandbox, status, status, status);
        assert_eq!((response.status, &response.json()["code"]), (423, &json!("NO_DEPLOY_WINDOW")), "{status}");
    }
    let account = sandbox.state()["accounts"]["main"].clone();
    assert_eq!((&account["deployments"], &account["products"]), (&json!([]), &json!([])));
    let events: Vec<_> = account["events"].as_array().unwrap().iter().map(|event| event["type"].clone()).collect();
    assert_eq!(events, ["deployment.preflight_failed"; 5]);
}

#[test]
fn an_event_for_an_open_deployment_is_not_checked_unless_it_is_started() {
    for opening in ["pending", "started"] {
        for status in ["pending", "completed", "failed", "aborted"] {
            let sandbox = Sandbox::start();
            assert_eq!(deploy(&sandbox, "1.0.0", "production", opening).status, 201);
            add_window(&sandbox);
            assert_eq!(deploy(&sandbox, "1.0.0", "production", status).status, 200, "{opening}, then {status}");
        }
    }
    let sandbox = Sandbox::start();
    assert_eq!(deploy(&sandbox, "1.0.0", "production", "pending").status, 201);
    add_window(&sandbox);
    assert_eq!(deploy(&sandbox, "1.0.0", "production", "started").status, 423);
}

#[test]
fn an_open_deployment_of_another_version_or_environment_does_not_count() {
    let sandbox = Sandbox::start();
    assert_eq!(deploy(&sandbox, "1.0.0", "production", "pending").status, 201);
    add_window(&sandbox);
    assert_eq!(deploy(&sandbox, "2.0.0", "production", "completed").status, 423);
    assert_eq!(deploy(&sandbox, "1.0.0", "staging", "completed").status, 423);
    assert_eq!(deploy(&sandbox, "1.0.0", "production", "completed").status, 200);
    // The deployment has ended, so the same event opens another one.
    assert_eq!(deploy(&sandbox, "1.0.0", "production", "completed").status, 423);
}

#[test]
fn an_opening_event_conflicts_with_a_deployment_in_progress() {
    let sandbox = Sandbox::start();
    assert_eq!(deploy(&sandbox, "1.0.0", "production", "started").status, 201);
    for status in ["pending", "completed", "failed", "aborted"] {
        let response = deploy(&sandbox, "2.0.0", "production", status);
        assert_eq!((response.status, &response.json()["code"]), (409, &json!("CONCURRENT_DEPLOYMENT")), "{status}");
    }
}

#[test]
fn report_only_violations_are_listed_for_every_opening_event() {
    let sandbox = Sandbox::start();
    sandbox.rule(json!({ "kind": "schedule", "name": "w", "mode": "report_only", "message": "freeze" }).into());
    let expected = json!([
        { "rule_name": "w", "status": "report_only", "evaluation_result": "failed", "error_message": "freeze" },
    ]);
    let response = deploy(&sandbox, "1.0.0", "production", "completed");
    assert_eq!(response.status, 201);
    assert_eq!(response.json()["extra_metadata"]["preflight_status"]["rules_evaluated"], expected);
}

#[test]
fn rules_can_be_checked_for_started_events_only() {
    let by_option =
        Sandbox::start_with(Options { check_rules_on: CheckRulesOn::Started, ..Options::default() }).unwrap();
    let by_setting = Sandbox::start();
    by_setting.settings(json!({ "check_rules_on": "started" }));
    for sandbox in [&by_option, &by_setting] {
        add_window(sandbox);
        for status in ["pending", "completed", "failed", "aborted"] {
            let response = deploy(sandbox, status, status, status);
            assert_eq!((response.status, &response.json()["extra_metadata"]), (201, &json!({})), "{status}");
        }
        assert_eq!(deploy(sandbox, "1.0.0", "production", "started").status, 423);
    }
    by_setting.settings(json!({ "check_rules_on": "opening" }));
    assert_eq!(deploy(&by_setting, "1.0.0", "production", "completed").status, 423);
}
