//! Routes, API keys and invalid bodies.

use serde_json::json;
use versioner_sandbox::{Keys, Options, Sandbox};

use crate::client::{call, deploy, deployment, post, post_with};

const EVENT_PATHS: [&str; 2] = ["/deployment-events/", "/build-events/"];

#[test]
fn routes_reply_as_documented() {
    let sandbox = Sandbox::start();
    for (method, path, status, body) in [
        ("GET", "/health", 200, json!({ "status": "ok" })),
        ("POST", "/health", 405, json!({ "detail": "Method Not Allowed" })),
        ("GET", "/build-events/", 405, json!({ "detail": "Method Not Allowed" })),
        ("POST", "/nowhere", 404, json!({ "detail": "Not found" })),
        ("GET", "/", 404, json!({ "detail": "Not found" })),
    ] {
        let response = call(&sandbox, method, path, &[], b"");
        assert_eq!((response.status, response.json()), (status, body), "{method} {path}");
        assert!(response.header("date").is_some());
    }
}

#[test]
fn a_path_without_the_final_slash_is_redirected() {
    let sandbox = Sandbox::start();
    for (path, location) in [
        ("/deployment-events", "/deployment-events/"),
        ("/build-events", "/build-events/"),
        ("/build-events?a=b", "/build-events/?a=b"),
    ] {
        let response = post(&sandbox, path, &deployment("1.0.0", "production", "started"));
        assert_eq!((response.status, response.header("location")), (307, Some(location)));
    }
    assert_eq!(sandbox.state()["accounts"]["main"]["events"], json!([]));
    assert_eq!(sandbox.requests()[2].path, "/build-events?a=b");
}

#[test]
fn only_known_keys_are_accepted() {
    let sandbox = Sandbox::start();
    let body = deployment("1.0.0", "production", "pending").to_string();
    let unknown = json!({ "detail": "Invalid authentication credentials" });
    let forbidden = json!({ "detail": "You do not have permission to perform this action" });
    for path in EVENT_PATHS {
        for (authorization, status, reply) in [
            (None, 401, &unknown),
            (Some("Bearer sk_demo_1_unknown".to_owned()), 401, &unknown),
            (Some(format!("Basic {}", sandbox.key())), 401, &unknown),
            (Some(sandbox.key().to_owned()), 401, &unknown),
            (Some(format!("Bearer {}", sandbox.read_only_key())), 403, &forbidden),
        ] {
            let mut headers = vec![("Content-Type", "application/json")];
            headers.extend(authorization.as_deref().map(|value| ("Authorization", value)));
            let response = call(&sandbox, "POST", path, &headers, body.as_bytes());
            assert_eq!((response.status, &response.json()), (status, reply), "{path} {authorization:?}");
        }
    }
}

#[test]
fn personal_access_tokens_are_rejected_with_a_reason() {
    let sandbox = Sandbox::start();
    let rejected = json!({ "detail": "Personal access tokens cannot report events. Use an API key (sk_...)" });
    let headers = [("Authorization", "Bearer pat_4f9c1e7ab2d84c60"), ("Content-Type", "application/json")];
    let body = deployment("1.0.0", "production", "started").to_string();
    for path in EVENT_PATHS {
        let response = call(&sandbox, "POST", path, &headers, body.as_bytes());
        assert_eq!((response.status, response.json()), (403, rejected.clone()), "{path}");
    }
    assert_eq!(sandbox.state()["accounts"]["main"]["events"], json!([]));
}

#[test]
fn accounts_are_separate() {
    let sandbox = Sandbox::start();
    assert_eq!(deploy(&sandbox, "1.0.0", "production", "started").status, 201);
    let key = format!("Bearer {}", sandbox.other_key());
    let headers = [("Authorization", key.as_str()), ("Content-Type", "application/json")];
    let body = deployment("1.0.0", "production", "started").to_string();
    assert_eq!(call(&sandbox, "POST", "/deployment-events/", &headers, body.as_bytes()).status, 201);
    let state = sandbox.state();
    for account in ["main", "other"] {
        assert_eq!(state["accounts"][account]["deployments"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn keys_can_be_set() {
    let keys = Keys { full: "sk_mine_1_x".to_owned(), ..Keys::default() };
    let sandbox = Sandbox::start_with(Options { keys, ..Options::default() }).unwrap();
    assert_eq!(sandbox.key(), "sk_mine_1_x");
    assert_eq!(deploy(&sandbox, "1.0.0", "production", "started").status, 201);
}

#[test]
fn a_body_that_is_not_a_json_object_is_rejected() {
    let sandbox = Sandbox::start();
    let key = format!("Bearer {}", sandbox.key());
    let whole = deployment("1.0.0", "production", "pending").to_string();
    for (content_type, body) in [
        (Some("application/json"), "{"),
        (Some("application/json"), ""),
        (Some("application/json"), "[]"),
        (Some("application/json"), "null"),
        (Some("text/plain"), whole.as_str()),
        (None, whole.as_str()),
    ] {
        let mut headers = vec![("Authorization", key.as_str())];
        headers.extend(content_type.map(|value| ("Content-Type", value)));
        let response = call(&sandbox, "POST", "/deployment-events/", &headers, body.as_bytes());
        assert_eq!(
            (response.status, response.json()),
            (400, json!({ "detail": "Invalid JSON in request body" })),
            "{body}"
        );
    }
    let headers = [("Authorization", key.as_str()), ("Content-Type", "Application/JSON; charset=utf-8")];
    assert_eq!(call(&sandbox, "POST", "/deployment-events/", &headers, whole.as_bytes()).status, 201);
}

#[test]
fn a_body_over_1_mib_is_rejected() {
    let sandbox = Sandbox::start();
    let text = "x".repeat(3 * 1024 * 1024);
    assert_eq!(post_with(&sandbox, "/build-events/", &json!({ "version": text }), &[]).status, 413);
}

#[test]
fn requests_are_logged_in_order() {
    let sandbox = Sandbox::start();
    call(&sandbox, "GET", "/health", &[], b"");
    let body = deployment("1.0.0", "production", "started");
    post_with(&sandbox, "/deployment-events/", &body, &[("X-Two", "a"), ("X-Two", "b")]);
    call(&sandbox, "POST", "/nowhere", &[], b"not json");
    let log = sandbox.requests();
    let seen: Vec<_> = log.iter().map(|r| (r.seq, r.method.as_str(), r.path.as_str(), r.reply_status)).collect();
    let expected = [
        (1, "GET", "/health", Some(200)),
        (2, "POST", "/deployment-events/", Some(201)),
        (3, "POST", "/nowhere", Some(404)),
    ];
    assert_eq!(seen, expected);
    assert_eq!(log[1].json(), &body);
    assert_eq!(log[1].header("Authorization"), Some(format!("Bearer {}", sandbox.key()).as_str()));
    assert_eq!(log[1].header("x-two"), Some("a, b"));
    assert!(log[0].json().is_null() && log[0].header("absent").is_none() && !log[0].scripted);
    assert_eq!(log[2].json(), &json!("not json"));
    sandbox.clear_requests();
    assert!(sandbox.requests().is_empty());
}

#[test]
fn remote_addresses_need_allow_remote() {
    let listen = "0.0.0.0:0".parse().unwrap();
    let refused = Sandbox::start_with(Options { listen, ..Options::default() });
    assert_eq!(refused.unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
    let sandbox = Sandbox::start_with(Options { listen, allow_remote: true, ..Options::default() }).unwrap();
    assert_eq!(sandbox.url(), format!("http://127.0.0.1:{}", sandbox.addr().port()));
}

#[test]
fn a_dropped_sandbox_stops_listening() {
    let sandbox = Sandbox::start();
    let addr = sandbox.addr();
    drop(sandbox);
    assert!(std::net::TcpStream::connect(addr).is_err());
}
