//! The page `docs/messages.md`: every message as people see it, from the real binary.
//!
//! `INSTA_UPDATE=always` writes the page; otherwise a page that differs fails. Times, addresses and ids that differ between
//! runs are replaced by fixed ones.

use super::fixed::{fixed, readable, with_fixed_duration};
use super::{conflict, flow, soak, unescape};
use crate::support::Versioner;
use crate::systems::{systems, with_surfaces};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use versioner_sandbox::{Fault, Options, Reply, Sandbox, Tls};

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

fn blocks(page: &mut Page) {
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

/// Waits for `kind`.
fn waiting(call: Versioner, kind: &str) -> Versioner {
    call.env(kind, "wait").env("INPUT_POLL_INTERVAL", "100ms")
}

fn waits(page: &mut Page) {
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

fn unavailability(page: &mut Page) {
    page.chapter("Unavailable");
    let down = || Reply::status(503).json(json!({"detail": "Service temporarily unavailable"}));
    call(page, "The API is down", [down().times(2)], |call| call.env("INPUT_RETRIES", "1"));
    call_with_status(page, "… at the end of a deployment", "success", [down()], |call| call);
    call(page, "… with `fail_on_api_error: false`", [down()], |call| call.env("INPUT_FAIL_ON_API_ERROR", "false"));
    let limited = Reply::status(429).header("Retry-After", "300").json(json!({"detail": "Rate limit exceeded"}));
    call(page, "Rate limit", [limited], |call| call);
    call(page, "A gateway's page", [Reply::status(502).body("<html>Bad Gateway</html>")], |call| call);
    call(page, "A page that is not the API's", [Reply::status(200).body("<html>Please log in</html>")], |call| call);
    call(page, "No reply", [Reply::fault(Fault::Hang)], |call| call.env("INPUT_REQUEST_TIMEOUT", "1s"));
    let sandbox = Sandbox::start();
    let refused = |call: Versioner| call.env("INPUT_API_URL", &unused_address());
    page.case("Connection refused", &refused(github(&sandbox, "started")).env("INPUT_RETRIES", "1"), &sandbox);
    let tls = Sandbox::start_with(Options { tls: Tls::PrivateCa, ..Options::default() }).unwrap();
    page.case("Unknown certificate authority", &github(&tls, "started"), &tls);
    let expired = Sandbox::start_with(Options { tls: Tls::SelfSignedExpired, ..Options::default() }).unwrap();
    page.case("Expired certificate", &trusting(github(&expired, "started"), &expired), &expired);

    page.chapter("Not recorded yet");
    let end = |call: Versioner| {
        let temp = call.dir.path().join("_temp").display().to_string();
        call.env("RUNNER_TEMP", &temp).env("INPUT_FAIL_ON_API_ERROR", "false")
    };
    let call = end(refused(github(&sandbox, "success")));
    page.case("Queued until the job ends", &call, &sandbox);
    let again = call.env("INPUT_API_URL", &sandbox.url());
    sandbox
        .script([Reply::status(401).json(json!({"detail": "Invalid authentication credentials"})).header("Date", NOW)]);
    page.case("… because of the API key", &again, &sandbox);
    sandbox.script([Reply::status(503).header("Date", NOW).times(9)]);
    page.case("… behind an earlier event", &again.env("INPUT_FAIL_ON_API_ERROR", "true"), &sandbox);
    let lost = end(refused(github(&sandbox, "success"))).env("INPUT_SPOOL_DIR", "/proc/self/spool");
    page.case("Nowhere to queue it", &lost, &sandbox);
    let gitlab = refused(Versioner::deployment(&sandbox, "success"))
        .envs(&[("GITLAB_CI", "true"), ("VERSIONER_FAIL_ON_API_ERROR", "false"), ("VERSIONER_RETRIES", "0")])
        .env("VERSIONER_API_URL", &unused_address());
    let run = gitlab.run();
    writeln!(page.0, "\n### … on GitLab").unwrap();
    let text = fixed(&readable(&run.all()), &sandbox).replace(&gitlab.dir.path().display().to_string(), "/root/.local");
    page.block("text", text.split_once('\n').unwrap().1);
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

/// The same block on the other surfaces.
fn surfaces(page: &mut Page) {
    page.chapter("Other systems");
    for (title, name) in [
        ("GitLab: an open section", "gitlab"),
        ("Azure DevOps", "azure"),
        ("Buildkite: the log, and the call of its agent", "buildkite"),
        ("TeamCity", "teamcity"),
        ("Plain text, as on Jenkins", "jenkins"),
    ] {
        let system = systems().find(|system| system.name == name).expect(name);
        let sandbox = Sandbox::start();
        sandbox.script([Reply::status(423).json(window()).header("Date", NOW)]);
        let call = Versioner::deployment(&sandbox, "started").env("VERSIONER_UI_URL", "https://app.versioner.io");
        let call =
            system.runs[0].variables(&call).into_iter().fold(call, |call, (name, value)| call.env(&name, &value));
        let call = with_surfaces(name, call);
        let run = call.run();
        let mut text = readable(&run.all());
        if name == "buildkite" {
            let calls = crate::support::read(&call.dir.path().join("calls"));
            text.extend(
                calls.lines().take_while(|line| !line.starts_with("meta-data")).map(|line| format!("{line}\n")),
            );
        }
        let is_ours = |line: &&str| {
            !line.starts_with("versioner: deployment:")
                && !line.contains("setvariable")
                && !line.contains("setParameter")
        };
        let text: String = text.lines().filter(is_ours).map(|line| format!("{line}\n")).collect();
        let text = fixed(&unescape(&text), &sandbox).replace(&call.dir.path().display().to_string(), "/agent/_temp");
        // The file's name is random.
        let text = text.split_once("/agent/_temp/versioner-").map_or(text.clone(), |(before, after)| {
            format!("{before}/agent/_temp/versioner-1{}", &after[after.find(".md").unwrap()..])
        });
        writeln!(page.0, "\n### {title}").unwrap();
        page.block("text", &text);
    }
}

fn trusting(call: Versioner, sandbox: &Sandbox) -> Versioner {
    let path = call.file("ca.pem", sandbox.ca_pem().unwrap());
    call.env("INPUT_CA_BUNDLE", &path)
}

/// The URL of a port on which nothing listens.
fn unused_address() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port())
}

#[test]
fn page_of_all_messages_is_current() {
    let mut page = Page(HEAD.to_owned());
    blocks(&mut page);
    waits(&mut page);
    rejections(&mut page);
    unavailability(&mut page);
    ends(&mut page);
    surfaces(&mut page);
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/messages.md");
    if std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always") {
        std::fs::write(&path, &page.0).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = written.lines().zip(page.0.lines()).find(|(written, current)| written != current);
    assert_eq!(differs, None, "docs/messages.md is not current; INSTA_UPDATE=always writes it");
    assert_eq!(written.lines().count(), page.0.lines().count(), "docs/messages.md is not current");
}
