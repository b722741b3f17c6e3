//! Rate limit, idempotency keys and the clock.

use serde_json::json;
use versioner_sandbox::{Fault, Reply, Sandbox};

use crate::client::{call, deploy, deployment, post_with};

#[test]
fn requests_over_the_rate_limit_get_429() {
    let sandbox = Sandbox::start();
    sandbox.settings(json!({ "rate_limit": { "limit": 2, "window_seconds": 60 } }));
    for (version, remaining) in [("1", "1"), ("2", "0")] {
        let response = deploy(&sandbox, version, "qa", "pending");
        assert_eq!((response.status, response.header("X-RateLimit-Remaining")), (201, Some(remaining)));
        assert_eq!(response.header("X-RateLimit-Limit"), Some("2"));
    }
    let response = deploy(&sandbox, "3", "qa", "pending");
    let seconds = response.header("Retry-After").unwrap().to_owned();
    let detail = format!("Rate limit exceeded. Try again in {seconds} seconds.");
    assert_eq!((response.status, response.json()), (429, json!({ "detail": detail })));
    assert!((50..=61).contains(&seconds.parse::<i64>().unwrap()), "{seconds}");
    let reset: i64 = response.header("X-RateLimit-Reset").unwrap().parse().unwrap();
    assert!((0..=61).contains(&(reset - jiff::Timestamp::now().as_second())));
    assert_eq!(response.header("X-RateLimit-Remaining"), Some("0"));
    assert_eq!(call(&sandbox, "GET", "/health", &[], b"").status, 200);
    sandbox.settings(json!({ "rate_limit": null }));
    let response = deploy(&sandbox, "3", "qa", "pending");
    assert_eq!((response.status, response.header("X-RateLimit-Limit")), (201, None));
}

#[test]
fn a_repeated_idempotency_key_gets_the_first_reply() {
    let sandbox = Sandbox::start();
    let start = deployment("1.0.0", "production", "started");
    let key = [("Idempotency-Key", "k1")];
    let first = post_with(&sandbox, "/deployment-events/", &start, &key);
    let second = post_with(&sandbox, "/deployment-events/", &start, &key);
    assert_eq!((first.status, first.header("Idempotency-Replayed")), (201, None));
    assert_eq!((second.status, second.header("Idempotency-Replayed")), (201, Some("true")));
    assert_eq!(first.body, second.body);
    let other = post_with(&sandbox, "/deployment-events/", &start, &[("Idempotency-Key", "k2")]);
    assert_eq!(other.status, 409);
    let path = json!({ "product_name": "shop", "version": "1.0.0", "status": "started" });
    let elsewhere = post_with(&sandbox, "/build-events/", &path, &key);
    assert_eq!((elsewhere.status, elsewhere.header("Idempotency-Replayed")), (201, None));
}

#[test]
fn a_lost_reply_is_replayed_and_a_scripted_one_is_not() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::status(503), Reply::fault(Fault::Close), Reply::fault(Fault::LoseReply)]);
    let start = deployment("1.0.0", "production", "started");
    let attempt = || post_with(&sandbox, "/deployment-events/", &start, &[("Idempotency-Key", "k")]);
    assert_eq!(attempt().status, 503);
    assert!(attempt().raw.is_empty());
    assert_eq!(sandbox.state()["accounts"]["main"]["deployments"], json!([]));
    assert!(attempt().raw.is_empty());
    let replayed = attempt();
    assert_eq!((replayed.status, replayed.header("Idempotency-Replayed")), (201, Some("true")));
    assert_eq!(sandbox.state()["accounts"]["main"]["deployments"].as_array().unwrap().len(), 1);
    assert_eq!(deploy(&sandbox, "1.0.0", "production", "started").status, 409);
}

#[test]
fn a_rejected_body_does_not_use_up_its_idempotency_key() {
    let sandbox = Sandbox::start();
    let key = [("Idempotency-Key", "k")];
    assert_eq!(post_with(&sandbox, "/deployment-events/", &json!({}), &key).status, 422);
    let corrected = deployment("1.0.0", "production", "started");
    assert_eq!(post_with(&sandbox, "/deployment-events/", &corrected, &key).status, 201);
}

#[test]
fn a_block_does_not_use_up_its_idempotency_key() {
    let sandbox = Sandbox::start();
    assert_eq!(deploy(&sandbox, "1.0.0", "production", "started").status, 201);
    let next = deployment("2.0.0", "production", "started");
    let attempt = || post_with(&sandbox, "/deployment-events/", &next, &[("Idempotency-Key", "k")]);
    assert_eq!(attempt().status, 409);
    assert_eq!(deploy(&sandbox, "1.0.0", "production", "completed").status, 200);
    assert_eq!(attempt().status, 201);
}

#[test]
fn the_date_header_can_be_wrong_or_absent() {
    let sandbox = Sandbox::start();
    sandbox.settings(json!({ "clock_offset_seconds": -3600 }));
    let response = call(&sandbox, "GET", "/health", &[], b"");
    let date = httpdate::parse_http_date(response.header("date").unwrap()).unwrap();
    let behind = std::time::SystemTime::now().duration_since(date).unwrap().as_secs();
    assert!((3599..3700).contains(&behind), "{behind}");
    sandbox.settings(json!({ "date_header": false }));
    assert_eq!(call(&sandbox, "GET", "/health", &[], b"").header("date"), None);
}
