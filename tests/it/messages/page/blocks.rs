//! Blocks, and what comes of them: waiting, parking, superseded jobs.

use super::{NOW, Page, approvals, call, call_with_status, github, waiting, window};
use crate::messages::fixed::{fixed, with_fixed_duration};
use crate::messages::{conflict, flow, soak, unescape};
use crate::support::{Versioner, WorkflowCommand};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::Stdio;
use versioner_sandbox::{Reply, Sandbox};

pub(super) fn blocks(page: &mut Page) {
    page.chapter("Blocked");
    let reply = |status, body: Value| [Reply::status(status).json(body)];
    let conflict = || {
        let mut body = conflict();
        body["details"]["conflicting_deployment_started"] = json!("2026-11-24T13:51:00Z");
        body
    };
    let in_12_hours = || {
        let mut body = soak();
        body["message"] = json!("Version 1.4.2 must soak in staging for 24 hours before production");
        body["retry_after"] = json!("2026-11-25T02:57:00Z");
        body["details"]["elapsed_hours"] = json!(11.67);
        body["details"]["environment"] = json!("staging");
        body
    };
    let both = || {
        let mut body = flow();
        body["message"] = json!("Version 1.4.2 must be deployed to test, staging before production");
        body["details"]["missing_environments"] = json!(["test", "staging"]);
        body
    };
    call(page, "No-deploy window", reply(423, window()), |call| call);
    call(page, "No-deploy window that outlasts `wait_timeout`", reply(423, window()), |call| {
        call.env("INPUT_ON_BLOCK", "wait")
    });
    call(page, "No-deploy window without details", [Reply::status(423)], |call| call);
    call(page, "Another deployment in progress", reply(409, conflict()), |call| call);
    call(page, "… where the console's address is unknown", reply(409, conflict()), |call| {
        call.without("INPUT_UI_URL")
    });
    let day_old = json!("2026-11-23T12:00:00Z");
    let mut old = conflict();
    old["details"]["conflicting_deployment_started"] = day_old;
    call(page, "… that has probably died", reply(409, old), |call| call);
    call(page, "Approvals", reply(428, approvals(0)), |call| call);
    call(page, "Deployment flow", reply(428, both()), |call| call);
    call(page, "Soak time", reply(428, in_12_hours()), |call| call);
    let unknown = json!({"error": "deployment_blocked", "code": "CHANGE_TICKET_REQUIRED", "message": "A change ticket is required",
        "details": {"rule_name": "change control", "ticket_system": "https://tickets.example"}});
    call(page, "A rule of an unknown kind", reply(428, unknown), |call| call);
    call(page, "A 409 that cannot be understood", [Reply::status(409).body("<html>")], |call| call);
    call_with_status(page, "The end of a deployment", "success", reply(423, window()), |call| call);
    let changed = [Reply::status(409).json(conflict()), Reply::status(428).json(approvals(1))];
    let mut case = Page(String::new());
    call(&mut case, "A wait that meets another block", changed, |call| waiting(call, "INPUT_ON_CONFLICT"));
    page.0.push_str(&with_fixed_duration(&case.0));
}

pub(super) fn waits(page: &mut Page) {
    page.chapter("Waiting");
    let snapshot = |name: &str| {
        let path = format!("src/report/snapshots/versioner_action__report__wait_tests__{name}.snap");
        let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&path)).expect(&path);
        unescape(text.splitn(3, "---\n").nth(2).unwrap())
    };
    for (title, name) in
        [("The log of a job that waits", "log_of_a_wait"), ("… for another deployment", "log_of_a_conflict")]
    {
        writeln!(page.0, "\n### {title}").unwrap();
        page.block("text", &snapshot(name));
    }
    writeln!(page.0, "\n### Timed out").unwrap();
    let timed_out = snapshot("timed_out");
    let (annotation, summary) = timed_out.split_once("\n\n").unwrap();
    page.block("text", &format!("error: {annotation}"));
    page.block("html", summary);
    interrupted(page);
}

/// A wait that SIGTERM ends.
fn interrupted(page: &mut Page) {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::status(428).json(approvals(0)).header("Date", NOW).times(99)]);
    let call = waiting(github(&sandbox, "started"), "INPUT_ON_APPROVAL").env("INPUT_POLL_INTERVAL", "1h");
    let mut child = call.command().stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("versioner: waiting up to")));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let annotation = lines.find_map(|line| WorkflowCommand::parse(&line)).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
    writeln!(page.0, "\n### Interrupted").unwrap();
    let text = format!("{}: {}\n{}", annotation.name, annotation.title(), annotation.message);
    page.block("text", &with_fixed_duration(&fixed(&text, &sandbox)));
}

pub(super) fn parked(page: &mut Page) {
    page.chapter("Parked and superseded");
    let reply = |end: &str| {
        let mut body = window();
        body["retry_after"] = json!(end);
        body["details"]["window_end"] = json!(end);
        [Reply::status(423).json(body)]
    };
    let park = |call: Versioner| call.env("INPUT_ON_BLOCK", "park");
    call(page, "Parked", reply("2026-11-28T00:00:00Z"), park);
    call(page, "A block that lasts too long to park", reply("2027-01-04T00:00:00Z"), park);

    let sandbox = Sandbox::start();
    let call = crate::park::in_run(&sandbox, Some(Some("success")))
        .env("GITHUB_RUN_ATTEMPT", "2")
        .env("GITHUB_TRIGGERING_ACTOR", "github-actions[bot]");
    page.case("Superseded", &call, &sandbox);
}
