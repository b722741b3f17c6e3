//! The annotation and summary for each documented status code and body, with both shapes of block bodies.
//!
//! The bodies come from the "Response Codes" page of the API's documentation.

mod fixed;
mod page;

use crate::support::{Versioner, normalize};
use serde_json::{Value, json};
use versioner_sandbox::{Reply, Sandbox};

/// The server's time in every reply: 2 h 14 min before the documented `retry_after`.
const SERVER_DATE: &str = "Mon, 27 Oct 2025 21:46:00 GMT";

fn conflict() -> Value {
    json!({"error": "deployment_blocked", "message": "Another deployment to production is already in progress",
        "code": "CONCURRENT_DEPLOYMENT", "details": {"conflicting_deployment_id": "550e8400-e29b-41d4-a716-446655440000",
        "conflicting_deployment_status": "in_progress", "conflicting_deployment_started": "2025-10-27T21:00:00Z"}})
}

fn window() -> Value {
    json!({"error": "deployment_blocked", "message": "No deployments allowed on Fridays after 3pm PST", "code": "NO_DEPLOY_WINDOW",
        "retry_after": "2025-10-28T00:00:00Z", "details": {"window_name": "friday_freeze", "window_start": "2025-10-25T15:00:00-07:00",
        "window_end": "2025-10-28T00:00:00-07:00", "reason": "Weekly deployment freeze"}})
}

fn approval() -> Value {
    json!({"error": "deployment_blocked", "message": "Production deployment requires approval from 2 team leads",
        "code": "APPROVAL_REQUIRED", "details": {"required_approvals": 2, "current_approvals": 0, "approver_roles": ["team-lead", "manager"]}})
}

fn flow() -> Value {
    json!({"error": "deployment_blocked", "message": "1.4.2 has not been deployed to staging", "code": "FLOW_VIOLATION",
        "details": {"rule_name": "staging first", "required_environments": ["test", "staging"], "missing_environments": ["staging"]}})
}

fn soak() -> Value {
    json!({"error": "deployment_blocked", "message": "1.4.2 must run in staging for 24 hours", "code": "INSUFFICIENT_SOAK_TIME",
        "retry_after": "2025-10-28T10:00:00Z", "details": {"rule_name": "one day in staging", "required_hours": 24, "elapsed_hours": 11.8}})
}

fn invalid() -> Value {
    json!({"detail": [{"loc": ["body", "product_name"], "msg": "field required", "type": "value_error.missing"},
        {"loc": ["body", "environment_name"], "msg": "ensure this value has at most 64 characters", "type": "value_error"}]})
}

/// Sends an event on GitHub, answers it with `reply`, and returns what the user sees.
fn rendered(reply: Reply, status: &str) -> String {
    let sandbox = Sandbox::start();
    sandbox.script([reply.header("Date", SERVER_DATE).times(9)]);
    let run = Versioner::github(&sandbox, status)
        .env("INPUT_UI_URL", "https://app.versioner.io")
        .env("INPUT_RETRIES", "0")
        .run();
    let annotation = run.only("error");
    assert!(run.all().lines().all(|line| line.len() <= 4_000), "an annotation is too long");
    let text = format!(
        "exit code {}\n\nANNOTATION {}\n{}\n\nSUMMARY\n{}\nOUTPUTS {:#?}\n",
        run.code,
        annotation.title(),
        annotation.message,
        run.summary(),
        run.outputs()
    );
    normalize(&text, &sandbox)
}

/// Renders a blocked start, and asserts that both shapes of the body look the same.
fn rendered_block(status: u16, body: &Value) -> String {
    let flat = rendered(Reply::status(status).json(body.clone()), "started");
    let wrapped = rendered(Reply::status(status).json(json!({"detail": body})), "started");
    assert_eq!(flat, wrapped, "the two shapes look different");
    assert!(flat.starts_with("exit code 5"), "{flat}");
    flat
}

macro_rules! block_snapshots {
    ($($name:ident: $status:expr, $body:expr;)*) => { $(
        #[test]
        fn $name() {
            insta::assert_snapshot!(stringify!($name), rendered_block($status, &$body));
        }
    )* };
}

block_snapshots! {
    conflict_409: 409, conflict();
    window_423: 423, window();
    approval_428: 428, approval();
    flow_428: 428, flow();
    soak_428: 428, soak();
}

macro_rules! reply_snapshots {
    ($($name:ident: $reply:expr;)*) => { $(
        #[test]
        fn $name() {
            insta::assert_snapshot!(stringify!($name), rendered($reply, "started"));
        }
    )* };
}

reply_snapshots! {
    malformed_400: Reply::status(400).json(json!({"detail": "Invalid JSON in request body"}));
    unauthorized_401: Reply::status(401).json(json!({"detail": "Invalid authentication credentials"}));
    forbidden_403: Reply::status(403).json(json!({"detail": "You do not have permission to perform this action"}));
    not_found_404: Reply::status(404).json(json!({"detail": "Not found"}));
    immutable_version_409: Reply::status(409).json(json!({"detail": "Version 1.4.2 already exists with different SHA"}));
    invalid_422: Reply::status(422).json(invalid());
    redirect_302: Reply::status(302).header("Location", "https://user:secret@login.example/sso?token=secret");
    block_without_body_423: Reply::status(423);
    block_with_html_body_428: Reply::status(428).body("<html>precondition</html>");
    rate_limit_429: Reply::status(429).header("Retry-After", "60").json(json!({"detail": "Rate limit exceeded. Try again in 60 seconds."}));
    server_error_500: Reply::status(500).json(json!({"detail": "Internal server error"}));
    gateway_502: Reply::status(502).body("<html>Bad Gateway</html>");
    maintenance_503: Reply::status(503).json(json!({"detail": "Service temporarily unavailable"}));
    login_page_200: Reply::status(200).body("<html>Please log in</html>");
}

#[test]
fn blocked_end_says_it_has_already_happened() {
    let text = rendered(Reply::status(423).json(window()), "success");
    assert!(text.contains("has already happened"), "{text}");
}

#[test]
fn past_retry_after_falls_back_to_window_end() {
    let sandbox = Sandbox::start();
    // The server's time is one hour after retry_after and six hours before window_end.
    sandbox.script([Reply::status(423).json(window()).header("Date", "Tue, 28 Oct 2025 01:00:00 GMT")]);
    let run = Versioner::github(&sandbox, "started").run();
    insta::assert_snapshot!("window_423_retry_after_past", run.only("error").message);
    assert_eq!(run.outputs()["retry_after"], "2025-10-28T00:00:00-07:00");
}

#[test]
fn documented_blocks_show_their_key_facts() {
    let assert_contains = |status, body: Value, needles: &[&str], in_summary: &[&str]| {
        let text = rendered_block(status, &body);
        let (annotation, summary) = text.split_once("SUMMARY").unwrap();
        let summary = unescape(summary);
        for needle in needles {
            assert!(annotation.contains(needle), "annotation lacks {needle}: {annotation}");
        }
        for needle in needles.iter().chain(in_summary) {
            assert!(summary.contains(needle), "summary lacks {needle}: {summary}");
        }
    };
    assert_contains(
        409,
        conflict(),
        &[
            "Another deployment to production is already in progress",
            "46 min",
            "view=550e8400-e29b-41d4-a716-446655440000",
        ],
        &["CONCURRENT_DEPLOYMENT", "versioner track deployment --product shop --environment production"],
    );
    assert_contains(
        423,
        window(),
        &[
            "No deployments allowed on Fridays after 3pm PST",
            "friday_freeze",
            "Weekly deployment freeze",
            "2025-10-27 17:00",
            "UTC-7",
            "2025-10-28 00:00 UTC",
            "2 h 14 min after this check",
            "Admin, Release Manager or SRE",
            "wait_timeout: 2h30m",
        ],
        &["NO_DEPLOY_WINDOW"],
    );
    assert_contains(
        428,
        approval(),
        &["requires approval from 2 team leads", "0 of 2", "team-lead", "manager", "on_approval: wait"],
        &["APPROVAL_REQUIRED"],
    );
    assert_contains(428, flow(), &["staging first", "staging", "Release Manager"], &["FLOW_VIOLATION"]);
    assert_contains(
        428,
        soak(),
        &["one day in staging", "11 h 48 min of 24 h", "2025-10-28 10:00 UTC", "12 h 14 min after this check"],
        &["INSUFFICIENT_SOAK_TIME"],
    );
}

#[test]
fn waiting_is_suggested_only_where_it_can_help() {
    let in_minutes = |minutes: i64| (jiff::Timestamp::now() + jiff::SignedDuration::from_mins(minutes)).to_string();
    let gitlab: &[(&str, &str)] = &[("GITLAB_CI", "true"), ("CI_JOB_TIMEOUT", "3600")];
    let github: &[(&str, &str)] = &[("GITHUB_ACTIONS", "true")];
    for (system, code, minutes, status, hint) in [
        (github, "NO_DEPLOY_WINDOW", Some(20), 423, Some("To have the job wait next time: on_window: wait")),
        (
            github,
            "NO_DEPLOY_WINDOW",
            Some(134),
            423,
            Some("To have the job wait next time: on_window: wait, wait_timeout: 2h30m"),
        ),
        (github, "INSUFFICIENT_SOAK_TIME", Some(740), 428, Some("To have it re-run by itself: on_soak: park")),
        (github, "APPROVAL_REQUIRED", None, 428, Some("To have the job wait next time: on_approval: wait")),
        (github, "FLOW_VIOLATION", None, 428, None),
        (
            gitlab,
            "NO_DEPLOY_WINDOW",
            Some(40),
            423,
            Some("To have the job wait next time: on_window: wait, wait_timeout: 45m"),
        ),
        // Longer than the job may last, and no other system re-runs a job later.
        (gitlab, "NO_DEPLOY_WINDOW", Some(134), 423, None),
        (
            &[],
            "NO_DEPLOY_WINDOW",
            Some(1_440),
            423,
            Some("To have the job wait next time: on_window: wait, wait_timeout: 25h"),
        ),
    ] {
        let sandbox = Sandbox::start();
        let mut block = json!({"error": "deployment_blocked", "code": code, "message": "no"});
        if let Some(minutes) = minutes {
            block["retry_after"] = json!(in_minutes(minutes));
        }
        sandbox.script([Reply::status(status).json(block)]);
        let run = Versioner::deployment(&sandbox, "started").envs(system).run();
        let found = run
            .all()
            .replace("%0A", "\n")
            .replace("  | ", "")
            .lines()
            .find(|line| line.starts_with("To have "))
            .map(str::to_owned);
        assert_eq!(found.as_deref(), hint, "{system:?} {code} {minutes:?}: {}", run.all());
    }
}

#[test]
fn conflict_without_a_summary_says_how_to_close_it() {
    let sandbox = Sandbox::start();
    let conflict = json!({"error": "deployment_blocked", "code": "CONCURRENT_DEPLOYMENT",
        "details": {"conflicting_deployment_id": "7", "conflicting_version": "1.4.1"}});
    sandbox.script([Reply::status(409).json(conflict)]);
    let run = Versioner::deployment(&sandbox, "started").run();
    let close = "Is its job dead? Close it: versioner track deployment --product shop --environment production --version 1.4.1 \
                 --status aborted";
    assert!(run.stderr.contains(close), "{}", run.stderr);
}

/// Decodes the numeric character references of the summary.
fn unescape(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some((before, after)) = rest.split_once("&#") {
        let (code, tail) = after.split_once(';').unwrap();
        out.push_str(before);
        out.push(char::from_u32(code.parse().unwrap()).unwrap());
        rest = tail;
    }
    out + rest
}
