//! What the journal keeps: starts that may have been recorded, ends that were not taken, and whose deployments they are.

use crate::support::{Versioner, last_event, statuses};
use serde_json::json;
use versioner_sandbox::{Fault, Reply, Sandbox};

const START: [&str; 8] =
    ["track", "deployment", "--product", "shop", "--version", "1.4.2", "--environment", "production"];

fn job(sandbox: &Sandbox) -> Versioner {
    Versioner::shell(sandbox)
        .envs(&[("GITLAB_CI", "true"), ("CI_JOB_ID", "7"), ("CI_PROJECT_ID", "1"), ("VERSIONER_RETRIES", "1")])
        .env("PATH", "/usr/bin:/bin")
}

fn with_status(status: &str) -> Vec<&str> {
    START.into_iter().chain(["--status", status]).collect()
}

fn conflict() -> Reply {
    let now = jiff::Timestamp::now().to_string();
    Reply::status(409).json(json!({"error": "deployment_blocked", "code": "CONCURRENT_DEPLOYMENT",
        "message": "in progress", "details": {"conflicting_deployment_started": now}}))
}

/// Replies after the first of which the API may have recorded the event, whatever the second one is.
fn uncertain() -> Vec<Vec<Reply>> {
    let mut all: Vec<Vec<Reply>> = [
        conflict(),
        Reply::status(401),
        Reply::status(403),
        Reply::status(429),
        Reply::status(503),
        Reply::status(422),
    ]
    .into_iter()
    .map(|last| vec![Reply::fault(Fault::Close), last])
    .collect();
    all.push(vec![Reply::status(504), Reply::status(504)]);
    all.push(vec![Reply::status(408).header("Retry-After", "0"), Reply::status(401)]);
    all.push(vec![Reply::status(200).body("<html>")]);
    all.push(vec![Reply::status(200).json(json!({"id": "x"})).with_fault(Fault::Cut), Reply::status(403)]);
    all
}

#[test]
fn finish_closes_a_start_that_may_have_been_recorded_whatever_came_later() {
    for replies in uncertain() {
        let sandbox = Sandbox::start();
        sandbox.script(replies.clone());
        let mut job = job(&sandbox);
        let run = job.run_with(with_status("started"));
        assert_ne!(run.code, 0, "{replies:?}: {}", run.all());
        let run = job.run_with(["finish", "--status", "failed"]);
        assert_eq!(
            (run.code, last_event(&sandbox)["status"].as_str()),
            (0, Some("failed")),
            "{replies:?}: {}",
            run.all()
        );
        assert!(job.run_with(["finish", "--status", "failed"]).stdout.contains("nothing is open"), "{replies:?}");
    }
}

#[test]
fn run_reports_aborted_for_a_start_that_may_have_been_recorded() {
    for replies in uncertain() {
        let sandbox = Sandbox::start();
        sandbox.script(replies.clone());
        let mut job = job(&sandbox);
        let args = START[2..].iter().copied();
        let run = job.run_with(["run"].into_iter().chain(args).chain(["--", "touch", "ran"]));
        assert_ne!(run.code, 0, "{replies:?}: {}", run.all());
        assert!(!job.dir.path().join("ran").exists(), "{replies:?}: the command ran");
        assert_eq!(last_event(&sandbox)["status"], "aborted", "{replies:?}: {}", run.all());
        assert_eq!(statuses(&sandbox).iter().filter(|status| *status == "aborted").count(), 1, "{replies:?}");
        assert!(job.run_with(["finish", "--status", "failed"]).stdout.contains("nothing is open"), "{replies:?}");
    }
}

#[test]
fn start_that_was_cut_off_while_waiting_is_closed() {
    let sandbox = Sandbox::start();
    sandbox
        .rule(json!({"kind": "window", "name": "freeze", "environment": "production", "ends_in_seconds": 3600}).into());
    sandbox.settings(json!({"check_rules_on": "started"}));
    sandbox.script([Reply::status(423).json(json!({"code": "NO_DEPLOY_WINDOW"})), Reply::fault(Fault::Close)]);
    let mut job = job(&sandbox).env("VERSIONER_RETRIES", "0");
    let wait = ["--on-block", "wait", "--poll-interval", "100ms", "--wait-timeout", "1s"];
    assert_eq!(job.run_with(with_status("started").into_iter().chain(wait)).code, 5);
    let run = job.run_with(["finish", "--status", "failed"]);
    assert_eq!((run.code, last_event(&sandbox)["status"].as_str()), (0, Some("failed")), "{}", run.all());
}

#[test]
fn refused_connections_do_not_count_as_recorded() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let sandbox = Sandbox::start();
    let mut job = job(&sandbox).env("VERSIONER_API_URL", &format!("http://127.0.0.1:{port}"));
    let run = job.run_with(with_status("started"));
    assert_eq!(run.code, 1, "{}", run.all());
    assert!(!run.all().contains("may be recorded") && !run.all().contains("may or may not"), "{}", run.all());
    let run = job.run_with(["finish", "--status", "failed"]);
    assert!(run.stdout.contains("nothing is open"), "{}", run.all());
}

#[test]
fn several_starts_of_one_deployment_are_closed_once() {
    let sandbox = Sandbox::start();
    let mut job = job(&sandbox).env("VERSIONER_RETRIES", "0");
    sandbox.script([Reply::status(503).times(3)]);
    for _ in 0..3 {
        assert_eq!(job.run_with(with_status("started")).code, 1);
    }
    assert_eq!(job.run_with(["finish", "--status", "failed"]).code, 0);
    assert_eq!(statuses(&sandbox), ["started", "started", "started", "failed"]);
    assert!(job.run_with(["finish", "--status", "failed"]).stdout.contains("nothing is open"));
}

#[test]
fn finish_repeats_an_end_that_was_not_taken() {
    for reply in [Reply::status(422), Reply::status(503), Reply::status(423), Reply::status(401)] {
        let sandbox = Sandbox::start();
        let mut job = job(&sandbox).env("VERSIONER_RETRIES", "0");
        assert_eq!(job.run_with(with_status("started")).code, 0);
        sandbox.script([reply.clone()]);
        let end = with_status("failed").into_iter().chain(["--completed-at", "2025-10-28T15:00:00Z"]);
        assert_ne!(job.run_with(end).code, 0);
        let mut job = job.env("CI_JOB_STATUS", "success");
        let run = job.run_with(["finish"]);
        let last = last_event(&sandbox);
        assert_eq!((run.code, last["status"].as_str()), (0, Some("failed")), "{reply:?}: {}", run.all());
        assert_eq!(last["completed_at"], "2025-10-28T15:00:00Z", "{reply:?}");
        assert!(job.run_with(["finish"]).stdout.contains("nothing is open"), "{reply:?}");
    }
}

#[test]
fn finish_counts_and_names_deployments_that_it_cannot_close() {
    let sandbox = Sandbox::start();
    let mut first = job(&sandbox);
    assert_eq!(first.run_with(with_status("started")).code, 0);
    let mut other_job = first.env("CI_JOB_ID", "8");
    let run = other_job.run_with(["finish", "--status", "failed"]);
    assert!(run.code == 0 && run.stdout.contains("left open: 1 deployment of other job executions"), "{}", run.all());
    let mut other_key = other_job.env("CI_JOB_ID", "7").env("VERSIONER_API_KEY", "sk_other_k9_verysecret");
    let run = other_key.run_with(["finish", "--status", "failed"]);
    let named = format!("left open: 1 deployment of another API key or address, sk_demo_1001_… at {}", sandbox.url());
    assert!(run.code == 0 && run.stdout.contains(&named), "{}", run.all());
    assert_eq!(statuses(&sandbox), ["started"]);
}

#[test]
fn values_that_look_like_keys_are_recorded_unchanged() {
    let sandbox = Sandbox::start();
    let mut job = job(&sandbox);
    let args = |words: &[&'static str]| {
        let event = ["--product", "sk_web", "--version", "sk_1", "--environment", "sk_prod"];
        words.iter().copied().chain(event).collect::<Vec<_>>()
    };
    assert_eq!(job.run_with(args(&["track", "deployment", "--status=started"])).code, 0);
    let run = job.run_with(["finish", "--status", "failed"]);
    assert!(run.code == 0 && run.stdout.contains("sk_web sk_1 → sk_prod"), "{}", run.all());
    sandbox.script([Reply::behave(), Reply::fault(Fault::Close).times(2)]);
    let run = job.run_with(args(&["run"]).into_iter().chain(["--", "true"]));
    assert!(run.code == 0 && run.all().contains("sk_web sk_1 → sk_prod"), "{}", run.all());
    assert_eq!(job.run_with(["flush"]).code, 0);
    for request in sandbox.requests() {
        let body = request.json();
        let names = ["product_name", "version", "environment_name"].map(|name| body[name].as_str().unwrap().to_owned());
        assert_eq!(names, ["sk_web", "sk_1", "sk_prod"]);
    }
}

#[test]
fn each_end_of_run_says_whether_the_gate_was_checked() {
    let run = |reply: Reply, flags: &[&str]| {
        let sandbox = Sandbox::start();
        sandbox.script([reply]);
        let mut job = job(&sandbox).env("VERSIONER_RETRIES", "0");
        let args = START[2..].iter().chain(flags).copied();
        assert_eq!(job.run_with(["run"].into_iter().chain(args).chain(["--", "true"])).code, 0);
        last_event(&sandbox)["extra_metadata"]["vi_gate"].as_str().unwrap().to_owned()
    };
    assert_eq!(run(Reply::behave(), &[]), "passed");
    let lenient = ["--fail-on-api-error=false"];
    assert_eq!(run(Reply::status(503), &lenient), "not_checked: HTTP 503: Service Unavailable");
    let unauthorized = Reply::status(401).json(json!({"detail": "no\nsuch key"}));
    assert_eq!(run(unauthorized, &lenient), "not_checked: the API returned 401 Unauthorized: no such key");
}

#[cfg(unix)]
#[test]
fn signal_during_retries_spools_an_end() {
    use std::io::{BufRead as _, BufReader};
    for args in [
        vec!["track", "build", "--product", "shop", "--version", "1", "--status", "success"],
        with_status("completed"),
        vec!["finish", "--status", "failed"],
    ] {
        let sandbox = Sandbox::start();
        let mut job = job(&sandbox).envs(&[("VERSIONER_RETRIES", "9"), ("VERSIONER_FAIL_ON_API_ERROR", "false")]);
        assert_eq!(job.run_with(with_status("started")).code, 0);
        sandbox.script([Reply::status(503).header("Retry-After", "30")]);
        let mut child = job.command_with(&args).stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("retry in")), "{args:?}");
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(143), "{args:?}");
        sandbox.clear_requests();
        let run = job.run_with(["flush"]);
        assert!(run.code == 0 && sandbox.requests().len() == 1, "{args:?}: {}", run.all());
        assert_eq!(last_event(&sandbox)["extra_metadata"]["vi_delivered_late"], true);
    }
}
