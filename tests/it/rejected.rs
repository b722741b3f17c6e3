//! Rejections, blocks and unavailability: number of requests, exit code and outcome, and no message that claims success.

use crate::support::Versioner;
use serde_json::json;
use versioner_sandbox::{Fault, Reply, Sandbox};

/// Text that would claim success.
const SUCCESS_CLAIMS: [&str; 5] = ["Recorded:", "Deployed:", "Cleared to deploy", "tracked", "successfully"];

struct Case {
    name: &'static str,
    reply: Reply,
    outcome: &'static str,
    strict: i32,
    lenient: i32,
    requests: usize,
}

fn case(name: &'static str, reply: Reply, outcome: &'static str, strict: i32, lenient: i32, requests: usize) -> Case {
    Case { name, reply, outcome, strict, lenient, requests }
}

fn cases() -> Vec<Case> {
    let detail = |status| Reply::status(status).json(json!({"detail": "no"}));
    vec![
        case("300", Reply::status(300), "rejected", 4, 0, 1),
        case("302", Reply::status(302).header("Location", "/login"), "rejected", 4, 0, 1),
        case("307", Reply::status(307).header("Location", "https://elsewhere.example/"), "rejected", 4, 0, 1),
        case("400", detail(400), "rejected", 4, 0, 1),
        case("401", detail(401), "rejected", 4, 0, 1),
        case("403", detail(403), "rejected", 4, 0, 1),
        case("403 page", Reply::status(403).body("<html>forbidden</html>"), "rejected", 4, 0, 1),
        case("404", detail(404), "rejected", 4, 0, 1),
        case("plain 409", detail(409), "rejected", 4, 0, 1),
        case("418", detail(418), "rejected", 4, 0, 1),
        case(
            "422",
            Reply::status(422).json(json!({"detail": [{"loc": ["body", "version"], "msg": "bad", "type": "x"}]})),
            "rejected",
            4,
            0,
            1,
        ),
        case("block 409", Reply::status(409).json(json!({"error": "deployment_blocked"})), "blocked", 5, 5, 1),
        case("block 423", Reply::status(423), "blocked", 5, 5, 1),
        case("block 428", Reply::status(428).body("<html>"), "blocked", 5, 5, 1),
        case(
            "423 cut short",
            Reply::status(423).json(json!({"message": "frozen"})).with_fault(Fault::Cut),
            "blocked",
            5,
            5,
            2,
        ),
        case("429", detail(429), "unavailable", 1, 0, 2),
        case("429 for an hour", detail(429).header("Retry-After", "3600"), "unavailable", 1, 0, 1),
        case("500", detail(500), "unavailable", 1, 0, 2),
        case("501", detail(501), "unavailable", 1, 0, 1),
        case("503", Reply::status(503), "unavailable", 1, 0, 2),
        case("522", Reply::status(522).body("<html>"), "unavailable", 1, 0, 2),
        case("200 page", Reply::status(200).body("<html>log in</html>"), "unavailable", 1, 0, 1),
        case(
            "200 cut short",
            Reply::status(200).json(json!({"id": "x"})).with_fault(Fault::Cut),
            "unavailable",
            1,
            0,
            2,
        ),
        case("200 huge", Reply::status(200).body_bytes(3_000_000), "unavailable", 1, 0, 1),
        case("closed", Reply::fault(Fault::Close), "unavailable", 1, 0, 2),
        case("garbage", Reply::fault(Fault::Garbage), "unavailable", 1, 0, 2),
    ]
}

#[test]
fn each_reply_has_its_exit_code_outcome_and_number_of_requests() {
    for Case { name, reply, outcome, strict, lenient, requests } in cases() {
        for (setting, code) in [("true", strict), ("false", lenient)] {
            let sandbox = Sandbox::start();
            sandbox.script([reply.clone().times(9)]);
            let run = Versioner::deployment(&sandbox, "started")
                .args(["--json", "--retries", "1"])
                .args([format!("--fail-on-api-error={setting}")])
                .run();
            assert_eq!(run.code, code, "{name}, {setting}: {}", run.stderr);
            assert_eq!(sandbox.requests().len(), requests, "{name}: {}", run.stderr);
            assert_eq!(run.json()["outcome"], outcome, "{name}");
            assert_eq!(run.json()["attempts"], requests, "{name}");
            for claim in SUCCESS_CLAIMS {
                assert!(!run.all().contains(claim), "{name} claims success: {}", run.all());
            }
            if outcome != "blocked" && setting == "false" {
                assert!(
                    run.stderr.contains("The job continues because fail_on_api_error is false"),
                    "{name}: {}",
                    run.stderr
                );
            }
        }
    }
}

#[test]
fn retries_share_an_idempotency_key_and_events_do_not() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::status(503)]);
    assert_eq!(Versioner::deployment(&sandbox, "success").run().code, 0);
    assert_eq!(Versioner::deployment(&sandbox, "success").run().code, 0);
    let requests = sandbox.requests();
    let keys: Vec<_> = requests.iter().map(|request| request.header("idempotency-key").unwrap()).collect();
    assert_eq!(keys.len(), 3);
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[1], keys[2]);
}

#[test]
fn lost_reply_is_retried_and_recorded() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::fault(Fault::LoseReply)]);
    let run = Versioner::deployment(&sandbox, "started").args(["--json"]).run();
    assert_eq!((run.code, run.json()["outcome"].as_str()), (0, Some("recorded")), "{}", run.stderr);
    assert_eq!(run.json()["gate"], "passed");
}

#[test]
fn missing_reply_fails_after_request_timeout() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::fault(Fault::Hang)]);
    let run = Versioner::deployment(&sandbox, "success").args(["--request-timeout", "200ms", "--retries", "0"]).run();
    assert_eq!(run.code, 1);
    assert!(
        run.stderr.contains("request_timeout") && run.stderr.contains("may or may not have been recorded"),
        "{}",
        run.stderr
    );
}

#[test]
fn redirect_names_its_target_without_credentials() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::status(302).header("Location", "https://user:hunter2@login.example/sso?token=hunter2")]);
    let run = Versioner::deployment(&sandbox, "success").run();
    assert_eq!(run.code, 4);
    assert!(run.stderr.contains("https://login.example/sso") && !run.all().contains("hunter2"), "{}", run.stderr);
}

#[test]
fn immutable_version_names_the_sent_commit_and_the_fix() {
    let sandbox = Sandbox::start();
    let call = |sha: &str| Versioner::deployment(&sandbox, "success").args(["--scm-sha", sha]).run();
    assert_eq!(call(&"a".repeat(40)).code, 0);
    let run = call(&"b".repeat(40));
    assert_eq!(run.code, 4);
    for needle in ["already exists with different SHA", &"b".repeat(40), "--scm-sha", "scm_sha: none"] {
        assert!(run.stderr.contains(needle), "{needle}: {}", run.stderr);
    }
    assert_eq!(call("none").code, 0, "the suggested fix does not work");
}

#[test]
fn reporting_failed_exits_1_only_without_a_subcommand() {
    let sandbox = Sandbox::start();
    let run = Versioner::github(&sandbox, "failure").run();
    assert_eq!((run.code, run.outputs()["outcome"].as_str()), (1, "recorded"), "{}", run.all());
    assert_eq!(Versioner::github(&sandbox, "cancelled").run().code, 0);
    assert_eq!(Versioner::deployment(&sandbox, "failure").run().code, 0);
}

#[test]
fn nested_block_exits_5_even_if_api_errors_are_allowed() {
    let sandbox = Sandbox::start();
    let block = json!({"error": "deployment_blocked", "code": "CONCURRENT_DEPLOYMENT"});
    sandbox.script([Reply::status(409).json(json!({"detail": block, "error": "Conflict", "code": 409}))]);
    let run = Versioner::deployment(&sandbox, "started").args(["--fail-on-api-error=false"]).run();
    assert_eq!(run.code, 5, "{}", run.all());
}

#[test]
fn redirect_with_a_message_also_names_its_target() {
    let sandbox = Sandbox::start();
    sandbox
        .script([Reply::status(307).header("Location", "https://new.example/api").json(json!({"message": "Moved"}))]);
    let run = Versioner::deployment(&sandbox, "success").run();
    assert!(run.stderr.contains("Moved") && run.stderr.contains("https://new.example/api"), "{}", run.stderr);
}

#[test]
fn blocked_build_message_says_build() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::status(423)]);
    let run = Versioner::shell(&sandbox).args(["track", "build", "--product", "shop", "--version", "1"]).run();
    assert_eq!(run.code, 5);
    assert!(
        run.stderr.contains("The build has already happened (completed)")
            && run.stderr.contains("Release Manager or SRE"),
        "{}",
        run.stderr
    );
}

#[test]
fn reported_failure_fails_the_step_whether_or_not_the_api_took_it() {
    let cases: [(Reply, &str, i32); 7] = [
        (Reply::behave(), "true", 1),
        (Reply::behave(), "false", 1),
        (Reply::status(503).times(9), "true", 1),
        (Reply::status(503).times(9), "false", 1),
        (Reply::status(401), "false", 1),
        (Reply::status(401), "true", 4),
        (Reply::status(423), "false", 5),
    ];
    for (reply, fail_on_api_error, code) in cases {
        let sandbox = Sandbox::start();
        sandbox.script([reply.clone()]);
        let call = Versioner::github(&sandbox, "failure")
            .envs(&[("INPUT_FAIL_ON_API_ERROR", fail_on_api_error), ("INPUT_RETRIES", "0")]);
        let run = call.run();
        assert_eq!(run.code, code, "{reply:?}, {fail_on_api_error}: {}", run.all());
    }
}
