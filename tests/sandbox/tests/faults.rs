//! Scripted replies and connection failures.

use std::io::{ErrorKind, Read};
use std::time::{Duration, Instant};

use serde_json::json;
use versioner_sandbox::{Fault, Reply, Sandbox};

use crate::client::{Response, call, deploy, deployment, post, send};

fn start(sandbox: &Sandbox) -> Response {
    deploy(sandbox, "1.0.0", "production", "started")
}

#[test]
fn script_entries_are_used_in_order_and_then_replies_are_normal() {
    let sandbox = Sandbox::start();
    sandbox.script([
        Reply::status(503).header("Retry-After", "1").json(json!({ "detail": "Service temporarily unavailable" })),
        Reply::status(502).body("<html>bad gateway</html>").times(2),
        Reply::status(500),
        Reply::status(429).header("Retry-After", "2").header("Retry-After", "3").without_header("Date"),
        Reply::default().header("Date", "yesterday").header("X-New", "1"),
        Reply::status(999).body("odd"),
        Reply::status(204),
    ]);
    let response = start(&sandbox);
    assert_eq!((response.status, response.header("retry-after")), (503, Some("1")));
    assert_eq!(response.json(), json!({ "detail": "Service temporarily unavailable" }));
    for _ in 0..2 {
        let response = start(&sandbox);
        assert_eq!((response.status, response.header("content-type")), (502, Some("text/html; charset=utf-8")));
        assert_eq!(response.body, b"<html>bad gateway</html>");
    }
    let response = start(&sandbox);
    assert_eq!((response.status, response.header("content-length"), response.body.len()), (500, Some("0"), 0));
    let response = start(&sandbox);
    assert_eq!((response.all("retry-after"), response.header("date")), (vec!["2", "3"], None));
    let response = start(&sandbox);
    assert_eq!((response.status, response.all("date"), response.header("x-new")), (201, vec!["yesterday"], Some("1")));
    assert_eq!(start(&sandbox).status, 999);
    let response = start(&sandbox);
    assert_eq!((response.status, response.body.len()), (204, 0));
    assert_eq!(start(&sandbox).status, 409);
    let scripted: Vec<bool> = sandbox.requests().iter().map(|request| request.scripted).collect();
    assert_eq!(scripted, [true, true, true, true, true, true, true, true, false]);
}

#[test]
fn health_uses_only_entries_for_its_path() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::status(500), Reply::status(503).path("/health")]);
    assert_eq!(call(&sandbox, "GET", "/health", &[], b"").status, 503);
    assert_eq!(call(&sandbox, "GET", "/health", &[], b"").status, 200);
    assert_eq!(call(&sandbox, "GET", "/_sandbox/", &[], b"").status, 200);
    assert_eq!(start(&sandbox).status, 500);
}

#[test]
fn an_entry_can_process_the_request_and_replace_the_reply() {
    let sandbox = Sandbox::start();
    let gateway = Reply { status: Some(502), ..Reply::behave() };
    sandbox.script([Reply::behave(), gateway]);
    assert_eq!(post(&sandbox, "/deployment-events/", &deployment("1", "qa", "started")).status, 201);
    assert_eq!(post(&sandbox, "/deployment-events/", &deployment("1", "qa", "completed")).status, 502);
    assert_eq!(sandbox.state()["accounts"]["main"]["deployments"][0]["status"], "completed");
}

#[test]
fn close_and_garbage_do_not_process_the_request() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::fault(Fault::Close), Reply::fault(Fault::Garbage)]);
    assert!(start(&sandbox).raw.is_empty());
    let response = start(&sandbox);
    assert!(response.status == 0 && !response.raw.is_empty() && !response.raw.starts_with(b"HTTP"));
    let statuses: Vec<_> = sandbox.requests().iter().map(|request| request.reply_status).collect();
    assert_eq!(statuses, [None, None]);
    assert_eq!(start(&sandbox).status, 201);
}

#[test]
fn a_cut_reply_has_half_of_the_announced_body() {
    let sandbox = Sandbox::start();
    sandbox.script([
        Reply::fault(Fault::Cut),
        Reply::status(500).body("0123456789").with_fault(Fault::Cut),
        Reply::behave().with_fault(Fault::Cut),
    ]);
    for (status, deployments) in [(200, 0), (500, 0), (201, 1)] {
        let response = start(&sandbox);
        let announced: usize = response.header("content-length").unwrap().parse().unwrap();
        assert_eq!((response.status, response.body.len()), (status, announced / 2));
        assert!(response.header("date").is_some());
        assert_eq!(sandbox.state()["accounts"]["main"]["deployments"].as_array().unwrap().len(), deployments);
    }
}

#[test]
fn a_request_with_a_lost_reply_is_processed() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::fault(Fault::LoseReply)]);
    assert!(start(&sandbox).raw.is_empty());
    assert_eq!(sandbox.requests()[0].reply_status, Some(201));
    assert_eq!(start(&sandbox).status, 409);
}

#[test]
fn a_slow_body_arrives_completely() {
    let sandbox = Sandbox::start();
    let step = Duration::from_millis(10);
    sandbox.script([Reply::status(200).body("0123456789").with_fault(Fault::Slow).delay(step)]);
    let before = Instant::now();
    let response = start(&sandbox);
    assert_eq!((response.status, response.body.as_slice()), (200, &b"0123456789"[..]));
    assert!(before.elapsed() >= step * 10);
}

#[test]
fn a_delayed_reply_is_normal_otherwise() {
    let sandbox = Sandbox::start();
    let delay = Duration::from_millis(100);
    sandbox.script([Reply::behave().delay(delay)]);
    let before = Instant::now();
    assert_eq!(start(&sandbox).status, 201);
    assert!(before.elapsed() >= delay);
}

#[test]
fn a_hanging_connection_ends_with_the_sandbox() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::fault(Fault::Hang)]);
    let mut stream = send(&sandbox, "POST", "/build-events/", &[], b"{}");
    assert!(sandbox.wait_for_requests(1, Duration::from_secs(10)));
    stream.set_nonblocking(true).unwrap();
    assert_eq!(stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    stream.set_nonblocking(false).unwrap();
    assert_eq!(start(&sandbox).status, 201);
    assert_eq!(sandbox.requests()[0].reply_status, None);
    drop(sandbox);
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest);
    assert!(rest.is_empty());
}

#[test]
fn a_body_has_the_scripted_length() {
    let sandbox = Sandbox::start();
    sandbox.script([
        Reply::status(500).body_bytes(5_000_000),
        Reply::status(500).json(json!({ "detail": "x" })).body_bytes(1000),
    ]);
    let response = start(&sandbox);
    assert_eq!(response.body.len(), 5_000_000);
    assert!(response.json()["detail"].is_string());
    let response = start(&sandbox);
    assert_eq!((response.body.len(), response.json()), (1000, json!({ "detail": "x" })));
}

#[test]
fn waiting_for_requests_ends_when_they_arrive_or_at_the_timeout() {
    let sandbox = Sandbox::start();
    assert!(!sandbox.wait_for_requests(1, Duration::from_millis(10)));
    assert!(sandbox.wait_for_requests(0, Duration::ZERO));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| sandbox.wait_for_requests(2, Duration::from_secs(10)));
        start(&sandbox);
        start(&sandbox);
        assert!(waiting.join().unwrap());
    });
}

#[test]
#[should_panic(expected = "invalid script entry")]
fn an_entry_that_cannot_be_sent_as_http_is_rejected() {
    Sandbox::start().script([Reply::status(99)]);
}
