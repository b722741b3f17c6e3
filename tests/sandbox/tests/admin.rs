//! The admin API over HTTP.

use serde_json::{Value, json};
use versioner_sandbox::Sandbox;

use crate::client::{admin, call, deploy};

const NO_BODY: Value = Value::Null;

#[test]
fn admin_calls_are_listed_and_not_logged() {
    let sandbox = Sandbox::start();
    let response = admin(&sandbox, "GET", "", &NO_BODY);
    let text = String::from_utf8(response.body).unwrap();
    for call in ["requests", "script", "rules", "approvals", "deployments", "settings", "state", "reset"] {
        assert!(text.contains(&format!("/_sandbox/{call}")), "{call}");
    }
    assert_eq!(admin(&sandbox, "GET", "nowhere", &NO_BODY).status, 404);
    assert!(sandbox.requests().is_empty());
}

#[test]
fn requests_and_script_can_be_read_and_cleared() {
    let sandbox = Sandbox::start();
    let script = json!([{ "status": 503, "headers": { "Retry-After": "1", "X-Two": ["a", "b"], "Date": null } }, {}]);
    assert_eq!(admin(&sandbox, "POST", "script", &script).status, 201);
    let response = deploy(&sandbox, "1", "qa", "started");
    assert_eq!((response.status, response.all("x-two"), response.header("date")), (503, vec!["a", "b"], None));
    let log = admin(&sandbox, "GET", "requests", &NO_BODY).json();
    assert_eq!((&log[0]["path"], &log[0]["reply_status"]), (&json!("/deployment-events/"), &json!(503)));
    assert_eq!((&log[0]["seq"], &log[0]["scripted"]), (&json!(1), &json!(true)));
    assert_eq!(log[0]["body"]["version"], "1");
    assert_eq!(log[0]["headers"]["authorization"], format!("Bearer {}", sandbox.key()));
    assert_eq!(log[0]["received_at"].as_str().unwrap().len(), "2025-10-28T15:00:00.000Z".len());
    assert_eq!(admin(&sandbox, "GET", "script", &NO_BODY).json().as_array().unwrap().len(), 1);
    for path in ["requests", "script"] {
        assert_eq!(admin(&sandbox, "DELETE", path, &NO_BODY).status, 204);
        assert_eq!(admin(&sandbox, "GET", path, &NO_BODY).json(), json!([]), "{path}");
    }
}

#[test]
fn rules_can_be_added_listed_and_removed() {
    let sandbox = Sandbox::start();
    let window = json!({ "kind": "schedule", "name": "friday freeze", "ends_in_seconds": 60 });
    let response = admin(&sandbox, "POST", "rules", &window);
    assert_eq!((response.status, &response.json()["mode"]), (201, &json!("enabled")));
    assert!(response.json()["end"].is_string() && response.json()["ends_in_seconds"].is_null());
    let flow = json!({ "kind": "flow", "name": "flow", "requires": ["staging"], "environment": "production" });
    assert_eq!(admin(&sandbox, "POST", "rules", &flow).status, 201);
    assert_eq!(admin(&sandbox, "DELETE", "rules/friday%20freeze", &NO_BODY).status, 204);
    assert_eq!(admin(&sandbox, "DELETE", "rules/friday%20freeze", &NO_BODY).status, 404);
    assert_eq!(admin(&sandbox, "GET", "rules", &NO_BODY).json()[0]["name"], "flow");
    assert_eq!(deploy(&sandbox, "1", "production", "started").status, 428);
    assert_eq!(admin(&sandbox, "DELETE", "rules", &NO_BODY).status, 204);
    assert_eq!(deploy(&sandbox, "1", "production", "started").status, 201);
}

#[test]
fn deployments_and_approvals_can_be_created() {
    let sandbox = Sandbox::start();
    let rule = json!({ "kind": "dr_approval_required", "name": "a", "required": 1, "roles": ["lead"] });
    admin(&sandbox, "POST", "rules", &rule);
    let approval = json!({ "product": "shop", "version": "1", "environment": "qa", "role": "lead", "by": "ann" });
    assert_eq!(admin(&sandbox, "POST", "approvals", &approval).status, 201);
    let planted = json!({
        "product": "shop", "version": "0", "environment": "qa", "status": "started", "started_seconds_ago": 60,
    });
    let response = admin(&sandbox, "POST", "deployments", &planted);
    let id = response.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(response.status, 201);
    assert_eq!(deploy(&sandbox, "1", "qa", "started").json()["details"]["conflicting_deployment_id"], id);
    let ended = json!({ "status": "completed" });
    assert_eq!(admin(&sandbox, "POST", "deployments/unknown/end", &ended).status, 404);
    assert_eq!(admin(&sandbox, "POST", &format!("deployments/{id}/end"), &ended).status, 200);
    assert_eq!(deploy(&sandbox, "1", "qa", "started").status, 201);
}

#[test]
fn settings_can_be_patched_and_reset_restores_the_initial_state() {
    let sandbox = Sandbox::start();
    let before = admin(&sandbox, "GET", "settings", &NO_BODY).json();
    assert_eq!((&before["body_shape"], &before["check_rules_on"]), (&json!("flat"), &json!("opening")));
    let patch = json!({
        "body_shape": "wrapped", "check_rules_on": "started", "rate_limit": { "limit": 9, "window_seconds": 60 },
    });
    let after = admin(&sandbox, "PUT", "settings", &patch).json();
    assert_eq!((&after["body_shape"], &after["rate_limit"]["limit"]), (&json!("wrapped"), &json!(9)));
    assert_eq!(after["check_rules_on"], "started");
    assert_eq!(after["conflict_code"], before["conflict_code"]);
    deploy(&sandbox, "1", "qa", "started");
    assert_eq!(admin(&sandbox, "POST", "reset", &NO_BODY).status, 204);
    assert_eq!(admin(&sandbox, "GET", "settings", &NO_BODY).json(), before);
    assert!(sandbox.requests().is_empty());
    let state = admin(&sandbox, "GET", "state", &NO_BODY).json();
    assert_eq!(state["accounts"]["main"]["deployments"], json!([]));
    assert_eq!(state, sandbox.state());
}

#[test]
fn invalid_input_is_rejected() {
    let sandbox = Sandbox::start();
    for (method, path, body) in [
        ("POST", "script", json!([{ "status": 100 }])),
        ("POST", "script", json!([{ "statsu": 200 }])),
        ("POST", "script", json!([{ "fault": "explode" }])),
        ("POST", "script", json!([{ "times": 0 }])),
        ("POST", "script", json!([{ "headers": { "Content-Length": "1" } }])),
        ("POST", "script", json!([{ "headers": { "a b": "1" } }])),
        ("POST", "script", json!([{ "headers": { "a": "x\r\ny" } }])),
        ("POST", "rules", json!({ "kind": "schedule" })),
        ("POST", "rules", json!({ "kind": "schedule", "name": "w", "end": "tomorrow" })),
        ("POST", "rules", json!({ "kind": "schedule", "name": "w", "offset": "PST" })),
        ("POST", "rules", json!({ "kind": "schedule", "name": "w", "ends_in": 3 })),
        ("POST", "approvals", json!({ "product": "shop" })),
        ("POST", "deployments", json!({ "product": "a", "version": "1", "environment": "b", "status": "gone" })),
        ("PUT", "settings", json!({ "body_shape": "round" })),
        ("PUT", "settings", json!({ "check_rules_on": "completed" })),
        ("PUT", "settings", json!({ "unknown": 1 })),
        ("PUT", "settings", json!([])),
    ] {
        let response = admin(&sandbox, method, path, &body);
        assert_eq!(response.status, 400, "{method} {path} {body}");
        assert!(response.json()["detail"].is_string());
    }
    assert_eq!(call(&sandbox, "POST", "/_sandbox/rules", &[], b"{").status, 400);
}
