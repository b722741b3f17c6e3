//! Short waits of the real binary against the sandbox. Unit tests cover long waits in virtual time.

use crate::support::Versioner;
use serde_json::json;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use versioner_sandbox::{Approval, Fault, PlantedDeployment, Reply, Rule, Sandbox};

const TEST_TIMEOUT: Duration = Duration::from_secs(60);

fn window(seconds: u32) -> Rule {
    json!({"kind": "window", "name": "friday_freeze", "environment": "production", "ends_in_seconds": seconds}).into()
}

fn waiting(sandbox: &Sandbox) -> Versioner {
    Versioner::github(sandbox, "started").env("INPUT_ON_BLOCK", "wait").env("INPUT_POLL_INTERVAL", "100ms")
}

#[test]
fn short_window_is_waited_out_with_one_more_poll() {
    let sandbox = Sandbox::start();
    sandbox.rule(window(3));
    let run = waiting(&sandbox).run();
    assert_eq!(run.code, 0, "{}", run.all());
    let outputs = run.outputs();
    assert_eq!((outputs["outcome"].as_str(), outputs["gate"].as_str()), ("recorded", "passed"));
    assert_eq!((outputs["attempts"].as_str(), sandbox.requests().len()), ("2", 2), "{}", run.all());
    assert!(outputs["waited_seconds"].parse::<u32>().unwrap() >= 2, "{outputs:?}");
    for line in [
        "shop 1.4.2 → production is blocked: no-deploy window friday_freeze until ",
        "cleared   shop 1.4.2 → production may start, after ",
    ] {
        assert!(run.stdout.contains(&format!("\nversioner: {line}")), "{line}: {}", run.stdout);
    }
    assert!(run.summary().contains("Waited for</th><td>no-deploy window friday&#95;freeze, 20"), "{}", run.summary());
    let keys: Vec<_> =
        sandbox.requests().iter().map(|request| request.header("idempotency-key").unwrap().to_owned()).collect();
    assert_ne!(keys[0], keys[1], "two polls share an idempotency key");
}

#[test]
fn wait_ends_when_the_conflicting_deployment_ends() {
    let sandbox = Sandbox::start();
    let id = sandbox.plant(PlantedDeployment {
        product: "shop".into(),
        version: "1.4.1".into(),
        environment: "production".into(),
        status: "started".into(),
        started_seconds_ago: Some(60),
        ..PlantedDeployment::default()
    });
    let child = waiting(&sandbox).command().stdout(Stdio::piped()).spawn().unwrap();
    assert!(sandbox.wait_for_requests(3, TEST_TIMEOUT));
    sandbox.end(&id, "completed");
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(sandbox.requests().len() >= 4);
}

#[test]
fn wait_ends_when_the_deployment_is_approved() {
    let sandbox = Sandbox::start();
    sandbox.rule(json!({"kind": "approval", "name": "two eyes", "environment": "production", "required": 1, "roles": ["team-lead"]}).into());
    let child = waiting(&sandbox).command().stdout(Stdio::piped()).spawn().unwrap();
    assert!(sandbox.wait_for_requests(2, TEST_TIMEOUT));
    sandbox.approve(Approval {
        product: "shop".into(),
        version: "1.4.2".into(),
        environment: "production".into(),
        role: "team-lead".into(),
        by: "mona".into(),
    });
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

#[test]
fn signal_ends_a_wait_and_names_the_block() {
    for (signal, name, code) in [("-TERM", "SIGTERM", 143), ("-INT", "SIGINT", 130)] {
        let sandbox = Sandbox::start();
        sandbox.rule(window(600));
        let call = waiting(&sandbox);
        let mut child = call.command().stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        lines.find(|line| line.contains("waiting up to ")).expect("the wait begins");
        let sent = Instant::now();
        assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(code));
        println!("{name}: exited after {:?}", sent.elapsed());
        let rest: Vec<String> = lines.collect();
        assert_eq!(rest.len(), 1, "{rest:?}");
        assert!(rest[0].contains(name) && rest[0].contains("no-deploy window friday_freeze"), "{rest:?}");
        let outputs = crate::support::read(&call.dir.path().join("output"));
        assert!(outputs.contains("outcome=blocked\ngate=blocked\n"), "{outputs}");
    }
}

#[test]
fn signal_during_the_first_request_says_it_may_be_recorded() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::fault(Fault::Hang)]);
    let child = Versioner::deployment(&sandbox, "started").command().stderr(Stdio::piped()).spawn().unwrap();
    assert!(sandbox.wait_for_requests(1, TEST_TIMEOUT));
    assert!(Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(143));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("may or may not have been recorded") && stderr.lines().count() == 1, "{stderr}");
}

#[test]
fn window_that_outlasts_wait_timeout_fails_at_once() {
    let sandbox = Sandbox::start();
    sandbox.rule(window(7_200));
    let run = waiting(&sandbox).run();
    assert_eq!((run.code, sandbox.requests().len()), (5, 1), "{}", run.all());
    assert_eq!(run.outputs()["waited_seconds"], "0");
    let message = run.only("error").message;
    assert!(
        message.contains("Not waited: it lasts longer than wait_timeout (30 min)")
            && message.contains("Do: re-run this job after ")
            && message.ends_with("To wait longer: wait_timeout: 2h30m"),
        "{message}"
    );
}

#[test]
fn timed_out_wait_exits_5_as_blocked() {
    let sandbox = Sandbox::start();
    sandbox.rule(json!({"kind": "approval", "name": "two eyes", "environment": "production", "required": 1, "roles": ["team-lead"]}).into());
    let run = waiting(&sandbox).env("INPUT_WAIT_TIMEOUT", "1s").run();
    assert_eq!((run.code, run.outputs()["outcome"].as_str()), (5, "blocked"), "{}", run.all());
    assert_eq!(run.only("error").title(), "Timed out after 1 s: shop 1.4.2 → production still has 0 of 1 approvals");
    assert!(sandbox.requests().len() > 2);
}

#[test]
fn wait_timeout_of_zero_says_whether_waiting_would_help_with_one_request() {
    let sandbox = Sandbox::start();
    let call = || waiting(&sandbox).env("INPUT_WAIT_TIMEOUT", "0");
    sandbox.rule(window(7_200));
    assert_eq!(call().run().outputs()["wait_result"], "too_far");
    assert_eq!(call().env("INPUT_ON_WINDOW", "fail").run().outputs()["wait_result"], "not_waited");
    let sandbox = Sandbox::start();
    sandbox.rule(json!({"kind": "approval", "name": "two eyes", "environment": "production", "required": 1, "roles": ["team-lead"]}).into());
    let run = waiting(&sandbox).env("INPUT_WAIT_TIMEOUT", "0").run();
    assert_eq!((run.code, run.outputs()["wait_result"].as_str()), (5, "timed_out"), "{}", run.all());
    assert_eq!(sandbox.requests().len(), 1);
}

#[test]
fn ci_job_timeout_limits_the_wait() {
    let sandbox = Sandbox::start();
    sandbox.rule(json!({"kind": "approval", "name": "two eyes", "environment": "production", "required": 1, "roles": ["team-lead"]}).into());
    let run = Versioner::deployment(&sandbox, "started")
        .envs(&[
            ("GITLAB_CI", "true"),
            ("CI_JOB_TIMEOUT", "2"),
            ("VERSIONER_ON_APPROVAL", "wait"),
            ("VERSIONER_POLL_INTERVAL", "100ms"),
        ])
        .run();
    assert_eq!(run.code, 5, "{}", run.all());
}

#[test]
fn after_a_block_only_a_success_opens_the_gate() {
    let blocked = || Reply::status(423).json(json!({"code": "NO_DEPLOY_WINDOW", "message": "frozen"}));
    let cases = [
        (vec![blocked(), Reply::status(401).times(9)], 4, "rejected"),
        (vec![blocked(), Reply::status(503).header("Retry-After", "0").times(99)], 5, "blocked"),
        (vec![blocked(), Reply::fault(Fault::Close).times(99)], 5, "blocked"),
        (vec![blocked(), Reply::status(200).body("<html>").times(99)], 5, "blocked"),
        (vec![blocked(), Reply::status(503), Reply::fault(Fault::Close), Reply::behave()], 0, "recorded"),
    ];
    for (replies, code, outcome) in cases {
        let sandbox = Sandbox::start();
        sandbox.script(replies);
        let timeout = if code == 0 { "60s" } else { "1s" };
        let run = waiting(&sandbox).env("INPUT_FAIL_ON_API_ERROR", "false").env("INPUT_WAIT_TIMEOUT", timeout).run();
        assert_eq!((run.code, run.outputs()["outcome"].as_str()), (code, outcome), "{}", run.all());
        if code != 0 {
            assert_eq!(run.outputs()["gate"], "blocked");
            assert!(!run.all().contains("The job continues"), "{}", run.all());
        }
    }
}

#[test]
fn plain_409_is_rejected_without_waiting() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::status(409).json(json!({"detail": "Version 1.4.2 already exists with different SHA"}))]);
    let run = waiting(&sandbox).env("INPUT_ON_FLOW", "wait").env("INPUT_ON_CONFLICT", "wait").run();
    assert_eq!((run.code, sandbox.requests().len()), (4, 1), "{}", run.all());
}

#[test]
fn conflict_with_our_own_deployment_says_how_to_close_it() {
    let sandbox = Sandbox::start();
    let now = jiff::Timestamp::now().to_string();
    let conflict = json!({"error": "deployment_blocked", "code": "CONCURRENT_DEPLOYMENT", "message": "Another deployment is in progress",
        "details": {"conflicting_deployment_id": "1", "conflicting_deployment_started": now}});
    for on_block in ["wait", "fail"] {
        sandbox.script([Reply::fault(Fault::Close), Reply::status(409).json(conflict.clone())]);
        let run = waiting(&sandbox).env("INPUT_ON_BLOCK", on_block).run();
        assert_eq!(run.code, 5, "{}", run.all());
        let message = run.only("error").message;
        assert!(message.contains("probably this job's own"), "{message}");
        assert!(message.contains("--version 1.4.2 --status aborted"), "{message}");
    }
}

#[test]
fn stale_conflict_fails_without_waiting() {
    let sandbox = Sandbox::start();
    sandbox.plant(PlantedDeployment {
        product: "shop".into(),
        version: "1.4.1".into(),
        environment: "production".into(),
        status: "started".into(),
        started_seconds_ago: Some(86_400),
        ..PlantedDeployment::default()
    });
    let run = waiting(&sandbox).run();
    assert_eq!((run.code, sandbox.requests().len()), (5, 1), "{}", run.all());
    assert!(run.only("error").message.contains("older than conflict_max_age (2 h)"), "{}", run.all());
}

#[test]
fn json_flag_leaves_only_json_on_stdout_during_a_wait() {
    let sandbox = Sandbox::start();
    sandbox.rule(window(1));
    let run = Versioner::deployment(&sandbox, "started").args(["--on-block", "wait", "--json"]).run();
    assert_eq!((run.code, run.stdout.lines().count()), (0, 1), "{}", run.all());
    assert!(run.stderr.contains("is blocked: no-deploy window"), "{}", run.stderr);
}

#[test]
fn truncated_block_exits_5_even_if_api_errors_are_allowed() {
    let block = json!({"error": "deployment_blocked", "code": "NO_DEPLOY_WINDOW", "message": "frozen"});
    for status in [409, 423, 428] {
        for later in [Reply::fault(Fault::Close), Reply::status(401), Reply::status(503)] {
            let sandbox = Sandbox::start();
            sandbox.script([Reply::status(status).json(block.clone()).with_fault(Fault::Cut), later.times(9)]);
            let run =
                Versioner::deployment(&sandbox, "started").args(["--fail-on-api-error=false", "--retries", "1"]).run();
            assert_eq!(run.code, 5, "{status}: {}", run.all());
        }
    }
}

#[test]
fn conflict_after_a_503_is_probably_our_own() {
    let sandbox = Sandbox::start();
    let now = jiff::Timestamp::now().to_string();
    let conflict = json!({"error": "deployment_blocked", "code": "CONCURRENT_DEPLOYMENT",
        "details": {"conflicting_deployment_id": "1", "conflicting_deployment_started": now}});
    sandbox.script([Reply::status(503).header("Retry-After", "0"), Reply::status(409).json(conflict)]);
    let run = Versioner::github(&sandbox, "started").env("INPUT_ON_BLOCK", "wait").run();
    assert_eq!((run.code, sandbox.requests().len()), (5, 2), "{}", run.all());
    assert!(run.all().contains("probably this job's own"), "{}", run.all());
}

#[test]
fn blocked_end_waits_until_it_is_recorded() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::status(423).json(json!({"message": "frozen"}))]);
    let run =
        Versioner::github(&sandbox, "success").env("INPUT_ON_BLOCK", "wait").env("INPUT_POLL_INTERVAL", "100ms").run();
    assert_eq!(run.code, 0, "{}", run.all());
    assert!(run.stdout.contains("it has already happened, and only its record is waiting"), "{}", run.stdout);
    assert!(run.stdout.contains("versioner: recorded  shop 1.4.2 → production, after "), "{}", run.stdout);
}

#[test]
fn many_character_references_are_processed_quickly() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::status(400).json(json!({"detail": "&#".repeat(400_000)}))]);
    // If this took quadratic time, the test would run far too long.
    assert_eq!(Versioner::github(&sandbox, "started").run().code, 4);
}
