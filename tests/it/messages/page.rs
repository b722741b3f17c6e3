//! The page `docs/messages.md`: every message as people see it, from the real binary.
//!
//! `INSTA_UPDATE=always` writes the page; otherwise a page that differs fails. Times, addresses and ids that differ between
//! runs are replaced by fixed ones.

mod blocks;
mod outages;
mod surfaces;

use super::fixed::{fixed, with_fixed_duration};
use super::unescape;
use crate::support::Versioner;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use versioner_sandbox::{Reply, Sandbox};

const NOW: &str = "Tue, 24 Nov 2026 14:37:00 GMT";

const HEAD: &str = "# Messages

Every message of `versioner`, as people see it. A test generates this page from the program, so it is always current. On
GitHub, an error is an annotation on the run page (its title, and at most seven lines) and a section of the job summary,
shown here as its source with character references decoded.

Who can do what in Versioner: an Admin, Release Manager or SRE manages Deployment Rules (*Settings → Deployment Rules*).
";

/// The page so far.
struct Page(String);

impl Page {
    fn chapter(&mut self, title: &str) {
        writeln!(self.0, "\n## {title}").unwrap();
    }

    /// One case: the annotation, and the section of the summary.
    fn case(&mut self, title: &str, call: &Versioner, sandbox: &Sandbox) {
        let summary = call.dir.path().join("summary");
        // An earlier case of the same call has left its own.
        let _ = std::fs::remove_file(summary);
        let run = call.run();
        let directory = call.dir.path().display().to_string();
        let fixed = |text: &str| fixed(text, sandbox).replace(&directory, "/home/runner/work");
        writeln!(self.0, "\n### {title}").unwrap();
        let annotations = run.commands().into_iter().filter(|it| ["error", "warning"].contains(&it.name.as_str()));
        for annotation in annotations {
            assert!(annotation.message.lines().count() <= 7, "{title}: {}", annotation.message);
            let text = format!("{}: {}\n{}", annotation.name, annotation.title(), annotation.message);
            self.block("text", &fixed(&text));
        }
        if run.summary().is_empty() {
            let log: String = run
                .stdout
                .lines()
                .filter(|line| line.starts_with("versioner: "))
                .skip(1)
                .fold(String::new(), |log, line| log + line + "\n");
            self.block("text", &fixed(&log));
        }
        self.block("html", &fixed(&unescape(run.summary())));
    }

    fn block(&mut self, language: &str, text: &str) {
        if !text.trim().is_empty() {
            writeln!(self.0, "\n```{language}\n{}\n```", text.trim_end()).unwrap();
        }
    }
}

fn window() -> Value {
    json!({"error": "deployment_blocked", "message": "No deployments allowed on Fridays after 3pm PST",
        "code": "NO_DEPLOY_WINDOW", "retry_after": "2026-11-24T16:51:00Z", "details": {"window_name": "friday_freeze",
        "window_start": "2026-11-24T07:37:00-07:00", "window_end": "2026-11-24T09:51:00-07:00",
        "reason": "Weekly deployment freeze"}})
}

fn approvals(current: u8) -> Value {
    json!({"error": "deployment_blocked", "message": "Production deployment requires approval from 2 team leads",
        "code": "APPROVAL_REQUIRED", "details": {"rule_name": "prod_approval", "required_approvals": 2,
        "current_approvals": current, "approver_roles": ["team-lead", "manager"]}})
}

fn recorded() -> Reply {
    Reply::status(201).json(json!({"id": "550e8400-e29b-41d4-a716-446655440000", "version_id": "v-1"}))
}

fn github(sandbox: &Sandbox, status: &str) -> Versioner {
    Versioner::github(sandbox, status).env("INPUT_UI_URL", "https://app.versioner.io").env("INPUT_RETRIES", "0")
}

/// A call on GitHub that gets `replies`.
fn call(
    page: &mut Page,
    title: &str,
    replies: impl IntoIterator<Item = Reply>,
    change: impl FnOnce(Versioner) -> Versioner,
) {
    call_with_status(page, title, "started", replies, change);
}

fn call_with_status(
    page: &mut Page,
    title: &str,
    status: &str,
    replies: impl IntoIterator<Item = Reply>,
    change: impl FnOnce(Versioner) -> Versioner,
) {
    let sandbox = Sandbox::start();
    sandbox.script(replies.into_iter().map(|reply| reply.header("Date", NOW)));
    page.case(title, &change(github(&sandbox, status)), &sandbox);
}

/// Waits for `kind`.
fn waiting(call: Versioner, kind: &str) -> Versioner {
    call.env(kind, "wait").env("INPUT_POLL_INTERVAL", "100ms")
}

fn rejections(page: &mut Page) {
    page.chapter("Rejected");
    let detail = |status, text: &str| [Reply::status(status).json(json!({"detail": text}))];
    call(page, "API key", detail(401, "Invalid authentication credentials"), |call| call);
    call(page, "Permission", detail(403, "You do not have permission to perform this action"), |call| call);
    call(page, "Address", detail(404, "Not found"), |call| call);
    call(page, "Redirect", [Reply::status(302).header("Location", "https://login.example/sso")], |call| call);
    call(page, "Malformed request", detail(400, "Invalid JSON in request body"), |call| call);
    call(page, "Version of another commit", detail(409, "Version 1.4.2 already exists with different SHA"), |call| {
        call
    });
    call(page, "Too large", detail(413, "Request body too large"), |call| call);
    let sandbox = Sandbox::start();
    page.case("Invalid status", &github(&sandbox, "half-done"), &sandbox);
    let fields = json!({"detail": [{"loc": ["body", "product_name"], "msg": "field required"},
        {"loc": ["body", "environment_name"], "msg": "ensure this value has at most 64 characters"}]});
    call(page, "Invalid fields", [Reply::status(422).json(fields)], |call| call);
    call(page, "Any other status", detail(418, "I'm a teapot"), |call| call);
}

fn ends(page: &mut Page) {
    page.chapter("Recorded");
    call(page, "Cleared to deploy", [recorded()], |call| call);
    let mut case = Page(String::new());
    let cleared = [Reply::status(428).json(approvals(1)), recorded()];
    call(&mut case, "… after a wait", cleared, |call| waiting(call, "INPUT_ON_APPROVAL"));
    page.0.push_str(&with_fixed_duration(&case.0));
    call_with_status(page, "Deployed", "success", [recorded()], |call| call);
    call_with_status(page, "Failed", "failure", [recorded()], |call| call);
    call_with_status(page, "Aborted", "cancelled", [recorded()], |call| call);
    call_with_status(page, "Built", "success", [recorded()], |call| call.env("INPUT_EVENT_TYPE", "build"));
    let rules = json!([{"rule_name": "friday_freeze", "status": "report_only", "evaluation_result": "failed",
        "error_message": "No deployments allowed on Fridays after 3pm PST"}]);
    let warned = Reply::status(201)
        .json(json!({"id": "550e8400", "extra_metadata": {"preflight_status": {"rules_evaluated": rules}}}));
    call(page, "A violated rule in Report Only mode", [warned], |call| call);
    let program = |exit: u8| {
        move |call: Versioner| {
            call.program("deploy.sh", &format!("#!/bin/sh\nexit {exit}\n"));
            call.without("INPUT_STATUS").env("PATH", "/usr/bin:/bin").args(["run", "--", "./deploy.sh"]).envs(&[
                ("VERSIONER_VERSION", "1.4.2"),
                ("VERSIONER_ENVIRONMENT", "production"),
                ("VERSIONER_UI_URL", "https://app.versioner.io"),
                ("VERSIONER_RETRIES", "0"),
            ])
        }
    };
    let wrapped = |sandbox: &Sandbox, call: Versioner| {
        call.env("VERSIONER_API_KEY", sandbox.key()).env("VERSIONER_API_URL", &sandbox.url())
    };
    for (title, exit, last) in [
        ("`run`: the command succeeded", 0, recorded()),
        ("`run`: the command failed", 3, recorded()),
        ("`run`: the command failed, and the API is down", 3, Reply::status(503)),
    ] {
        let sandbox = Sandbox::start();
        sandbox.script([recorded(), last].map(|reply| reply.header("Date", NOW)));
        let call = program(exit)(wrapped(&sandbox, github(&sandbox, "started")));
        let mut case = Page(String::new());
        case.case(title, &call, &sandbox);
        page.0.push_str(&with_fixed_duration(&case.0));
    }
}

#[test]
fn page_of_all_messages_is_current() {
    let mut page = Page(HEAD.to_owned());
    blocks::blocks(&mut page);
    blocks::waits(&mut page);
    blocks::parked(&mut page);
    rejections(&mut page);
    outages::unavailability(&mut page);
    ends(&mut page);
    surfaces::surfaces(&mut page);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/messages.md");
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&path, &page.0).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = written.lines().zip(page.0.lines()).find(|(written, current)| written != current);
    assert_eq!(differs, None, "docs/messages.md is not current; INSTA_UPDATE=always writes it");
    assert_eq!(written.lines().count(), page.0.lines().count(), "docs/messages.md is not current");
}
