//! Effects of events, and which events are rejected.

use serde_json::{Value, json};
use versioner_sandbox::Sandbox;

use crate::client::{build, deploy, deployment, post};

/// Field, message and type of the first validation error.
fn first_error(body: &Value) -> (&str, &str, &str) {
    let error = &body["detail"][0];
    assert_eq!(error["loc"][0], "body");
    (error["loc"][1].as_str().unwrap(), error["msg"].as_str().unwrap(), error["type"].as_str().unwrap())
}

fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

#[test]
fn every_missing_field_is_reported() {
    let sandbox = Sandbox::start();
    for (path, fields) in [
        ("/deployment-events/", &["product_name", "version", "status", "environment_name"][..]),
        ("/build-events/", &["product_name", "version", "status"][..]),
    ] {
        let response = post(&sandbox, path, &json!({}));
        let expected: Vec<_> = fields
            .iter()
            .map(|field| json!({ "loc": ["body", field], "msg": "field required", "type": "value_error.missing" }))
            .collect();
        assert_eq!((response.status, response.json()), (422, json!({ "detail": expected })));
    }
}

#[test]
fn invalid_values_are_reported() {
    let sandbox = Sandbox::start();
    let enumeration = "value is not a valid enumeration member; permitted: \
                       'pending', 'started', 'completed', 'failed', 'aborted'";
    let none = ("none is not an allowed value", "type_error.none.not_allowed");
    let short = ("ensure this value has at least 1 characters", "value_error.any_str.min_length");
    let text = ("str type expected", "type_error.str");
    let time = ("invalid datetime format", "value_error.datetime");
    let extra = ("extra fields not permitted", "value_error.extra");
    let large = json!({ "vi_x": "x".repeat(100 * 1024) });
    for (path, field, value, (message, kind)) in [
        ("/deployment-events/", "version", json!(null), none),
        ("/deployment-events/", "scm_sha", json!(null), none),
        ("/deployment-events/", "version", json!(""), short),
        ("/deployment-events/", "deploy_url", json!(""), short),
        ("/deployment-events/", "build_number", json!(7), text),
        ("/deployment-events/", "status", json!(true), text),
        ("/deployment-events/", "status", json!("SUCCESS"), (enumeration, "type_error.enum")),
        ("/deployment-events/", "completed_at", json!("yesterday"), time),
        ("/build-events/", "started_at", json!("2025-10-28T15:00:00"), time),
        ("/build-events/", "started_at", json!(1_761_663_600), text),
        ("/deployment-events/", "extra_metadata", json!("{}"), ("value is not a valid dict", "type_error.dict")),
        (
            "/build-events/",
            "extra_metadata",
            large,
            ("ensure this value has at most 100 KB", "value_error.any_str.max_length"),
        ),
        ("/deployment-events/", "build_url", json!("https://ci"), extra),
        ("/deployment-events/", "started_at", json!("2025-10-28T15:00:00Z"), extra),
        ("/build-events/", "deploy_url", json!("https://ci"), extra),
        ("/build-events/", "environment_name", json!("production"), extra),
        ("/build-events/", "skip_preflight_checks", json!(true), extra),
    ] {
        let body = if path == "/build-events/" { build("1", "started") } else { deployment("1", "qa", "started") };
        let response = post(&sandbox, path, &with(body, field, value));
        assert_eq!(response.status, 422, "{field}");
        assert_eq!(first_error(&response.json()), (field, message, kind));
    }
    assert_eq!(sandbox.state()["accounts"]["main"]["events"], json!([]));
}

#[test]
fn documented_status_words_are_mapped_and_others_are_rejected() {
    let sandbox = Sandbox::start();
    let both = [
        ("pending", "pending queued scheduled"),
        ("started", "started in_progress init"),
        ("completed", "completed success complete finished"),
        ("failed", "failed fail failure error"),
        ("aborted", "aborted abort cancelled cancel skipped"),
    ];
    let words = both.iter().flat_map(|(canonical, words)| words.split(' ').map(move |word| (word, *canonical)));
    let specific = [("deploying", "started", 201, 422), ("deployed", "completed", 201, 422)];
    let specific = specific.into_iter().chain([("building", "started", 422, 201), ("built", "completed", 422, 201)]);
    let unknown = "canceled succeeded passed SUCCESS UNSTABLE NOT_BUILT ABORTED SucceededWithIssues timed_out Started";
    let unknown = unknown.split(' ').map(|word| (word, "", 422, 422));
    let all = words.map(|(word, canonical)| (word, canonical, 201, 201)).chain(specific).chain(unknown);
    for (word, canonical, deployed, built) in all {
        // Each word has its own version and environment to avoid conflicts.
        let response = deploy(&sandbox, word, word, word);
        assert_eq!(response.status, deployed, "deployment {word}");
        if deployed == 201 {
            assert_eq!(response.json()["status"], canonical, "deployment {word}");
        }
        let response = post(&sandbox, "/build-events/", &build(word, word));
        assert_eq!(response.status, built, "build {word}");
        if built == 201 {
            assert_eq!(response.json()["status"], canonical, "build {word}");
        }
    }
}

#[test]
fn an_event_after_the_end_of_a_deployment_creates_a_new_one() {
    let sandbox = Sandbox::start();
    let body = with(deployment("1.0.0", "production", "started"), "extra_metadata", json!({ "a": 1, "b": 1 }));
    let started = post(&sandbox, "/deployment-events/", &body);
    assert_eq!(started.status, 201);
    let body = with(deployment("1.0.0", "production", "success"), "extra_metadata", json!({ "b": 2 }));
    let body = with(body, "completed_at", json!("2025-10-28T17:00:00+02:00"));
    let completed = post(&sandbox, "/deployment-events/", &body);
    assert_eq!(completed.status, 200);
    let (started, completed) = (started.json(), completed.json());
    for id in ["id", "product_id", "version_id", "environment_id"] {
        assert_eq!(started[id], completed[id], "{id}");
        assert_eq!(started[id].as_str().unwrap().len(), 36);
    }
    assert_ne!(started["event_id"], completed["event_id"]);
    assert_eq!(completed["deployed_at"], "2025-10-28T15:00:00Z");
    assert_eq!(completed["extra_metadata"], json!({ "a": 1, "b": 2 }));
    let again = deploy(&sandbox, "1.0.0", "production", "failed");
    assert_eq!(again.status, 201);
    assert_ne!(again.json()["id"], completed["id"]);
    let events = sandbox.state()["accounts"]["main"]["events"].clone();
    let types: Vec<_> = events.as_array().unwrap().iter().map(|event| event["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["deployment.started", "deployment.completed", "deployment.failed"]);
}

#[test]
fn a_started_event_updates_the_pending_deployment() {
    let sandbox = Sandbox::start();
    let pending = deploy(&sandbox, "1.0.0", "production", "pending");
    let started = deploy(&sandbox, "1.0.0", "production", "started");
    assert_eq!((pending.status, started.status), (201, 200));
    assert_eq!(pending.json()["id"], started.json()["id"]);
}

#[test]
fn a_build_is_created_and_updated() {
    let sandbox = Sandbox::start();
    let started = post(&sandbox, "/build-events/", &build("1.0.0", "building"));
    let body = with(build("1.0.0", "built"), "completed_at", json!("2025-10-28T15:00:00Z"));
    let completed = post(&sandbox, "/build-events/", &body);
    assert_eq!((started.status, completed.status), (201, 200));
    let (started, completed) = (started.json(), completed.json());
    for known in ["id", "version_id", "product_id", "started_at"] {
        assert_eq!(started[known], completed[known], "{known}");
    }
    assert!(started.get("completed_at").is_none());
    assert_eq!(completed["completed_at"], "2025-10-28T15:00:00Z");
    let deployed = deploy(&sandbox, "1.0.0", "production", "started").json();
    assert_eq!(deployed["version_id"], started["version_id"]);
}

#[test]
fn a_versions_commit_cannot_change() {
    let sandbox = Sandbox::start();
    let conflict = json!({ "detail": "Version 1.2.3 already exists with different SHA" });
    let sha = |sha: &str| with(build("1.2.3", "completed"), "scm_sha", json!(sha));
    assert_eq!(post(&sandbox, "/build-events/", &build("1.2.3", "started")).status, 201);
    for (given, status) in [("0123456789", 200), ("01234567", 200), ("0123456789abcdef", 200), ("0123457", 409)] {
        let response = post(&sandbox, "/build-events/", &sha(given));
        assert_eq!(response.status, status, "{given}");
        if status == 409 {
            assert_eq!(response.json(), conflict);
        }
    }
    let body = with(deployment("1.2.3", "production", "started"), "scm_sha", json!("fffffff"));
    let response = post(&sandbox, "/deployment-events/", &body);
    assert_eq!((response.status, response.json()), (409, conflict));
    assert_eq!(deploy(&sandbox, "1.2.3", "production", "started").status, 201);
}
