//! The texts that `docs/pictures` shows: what the program prints now, and whether the pictures still show it.
//!
//! `docs/pictures/make` draws them. It gets the texts from this test (`VERSIONER_PICTURES` names a directory for them),
//! and writes `docs/pictures/sources.txt`: the hash of the text of each picture. Pixels are not compared.

use super::root;
use crate::support::{Run, Versioner, binary, read};
use ring::digest;
use serde_json::{Value, json};
use std::fmt::Write as _;
use versioner_demo::{SCENES, Style};
use versioner_sandbox::{Reply, Sandbox};

/// The time of the server, 2 h 14 min before the window ends.
const SERVER_DATE: &str = "Tue, 24 Nov 2026 14:37:00 GMT";

/// The text of a picture.
struct Source {
    /// With the extension that says how to draw it.
    name: &'static str,
    text: String,
    /// Whether times and ids in it differ between runs.
    varies: bool,
}

fn window() -> Value {
    json!({"error": "deployment_blocked", "message": "No deployments allowed on Fridays after 3pm PST", "code": "NO_DEPLOY_WINDOW",
        "retry_after": "2026-11-24T16:51:00Z", "details": {"window_name": "friday_freeze", "window_start": "2026-11-24T07:37:00-07:00",
        "window_end": "2026-11-24T09:51:00-07:00", "reason": "Weekly deployment freeze"}})
}

fn approvals(current: u32) -> Value {
    json!({"error": "deployment_blocked", "message": "Production deployment requires approval from 2 team leads", "code": "APPROVAL_REQUIRED",
        "details": {"rule_name": "prod_approval", "required_approvals": 2, "current_approvals": current,
        "approver_roles": ["team-lead", "manager"]}})
}

fn conflict() -> Value {
    json!({"error": "deployment_blocked", "message": "Another deployment to production is already in progress",
        "code": "CONCURRENT_DEPLOYMENT", "details": {"conflicting_deployment_id": "550e8400-e29b-41d4-a716-446655440000",
        "conflicting_deployment_status": "in_progress", "conflicting_deployment_started": "2026-11-24T13:51:00Z"}})
}

fn flow() -> Value {
    json!({"error": "deployment_blocked", "message": "Version 1.4.2 must be deployed to test, staging before production",
        "code": "FLOW_VIOLATION", "details": {"rule_name": "staging first", "required_environments": ["test", "staging"],
        "missing_environments": ["test", "staging"]}})
}

fn soak() -> Value {
    json!({"error": "deployment_blocked", "message": "Version 1.4.2 must soak in staging for 24 hours before production",
        "code": "INSUFFICIENT_SOAK_TIME", "retry_after": "2026-11-25T02:57:00Z",
        "details": {"rule_name": "one day in staging", "required_hours": 24, "elapsed_hours": 11.67}})
}

fn github(sandbox: &Sandbox, status: &str) -> Versioner {
    Versioner::github(sandbox, status).env("INPUT_UI_URL", "https://app.versioner.io")
}

/// A deployment that is blocked.
fn blocked(status: u16, body: &Value) -> Run {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::status(status).json(body.clone()).header("Date", SERVER_DATE)]);
    github(&sandbox, "started").run()
}

fn summary() -> Source {
    Source { name: "blocked.md", text: blocked(423, &window()).summary().to_owned(), varies: false }
}

/// The annotation of each kind of block.
fn annotations() -> impl Iterator<Item = Source> {
    let kinds = [
        ("annotation.error", 423, window()),
        ("conflict.error", 409, conflict()),
        ("approval.error", 428, approvals(0)),
        ("flow.error", 428, flow()),
        ("soak.error", 428, soak()),
    ];
    kinds.into_iter().map(|(name, status, body)| {
        let annotation = blocked(status, &body).only("error");
        Source { name, text: format!("{}\n{}\n", annotation.title(), annotation.message), varies: false }
    })
}

/// The log of a job that waits until two people have approved.
fn waiting() -> Source {
    let sandbox = Sandbox::start();
    let [none, one] = [0, 1].map(|current| Reply::status(428).json(approvals(current)));
    sandbox.script([none, one, Reply::behave()]);
    let run = github(&sandbox, "started").env("INPUT_ON_BLOCK", "wait").env("INPUT_POLL_INTERVAL", "100ms").run();
    assert_eq!(run.code, 0, "{}", run.all());
    // The first line says what is deployed, as in every log.
    let log: String =
        run.stdout.lines().skip(1).filter(|line| !line.starts_with("::")).map(|line| format!("{line}\n")).collect();
    Source { name: "waiting.log", text: log, varies: true }
}

/// The summary of a script that fails.
fn failed() -> Source {
    let sandbox = Sandbox::start();
    let call = github(&sandbox, "started").without("INPUT_STATUS").env("INPUT_RUN", "./deploy.sh");
    call.program("deploy.sh", "#!/bin/sh\nexit 3\n");
    let run = call.env("PATH", "/usr/bin:/bin").run();
    assert_eq!(run.code, 3, "{}", run.all());
    Source { name: "failed.md", text: run.summary().to_owned(), varies: true }
}

fn demo() -> Source {
    let scene = SCENES.iter().find(|scene| scene.name == "approval").unwrap();
    let text = scene.play(&binary(), Style::Colors).unwrap();
    Source { name: "demo.ansi", text: text.trim_start().to_owned(), varies: true }
}

fn sources() -> Vec<Source> {
    [summary()].into_iter().chain(annotations()).chain([waiting(), failed(), demo()]).collect()
}

impl Source {
    /// The hash of the text, without what differs between runs.
    fn hash(&self) -> String {
        let stable = if self.varies { without_numbers_and_ids(&self.text) } else { self.text.clone() };
        let hash = digest::digest(&digest::SHA256, stable.as_bytes());
        hash.as_ref().iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

/// Replaces each number with 0, and each UUID with a word.
fn without_numbers_and_ids(text: &str) -> String {
    let mut out = String::new();
    for word in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric() && c != '-') {
        let id = word.trim_end_matches(|c: char| !c.is_ascii_hexdigit());
        if id.len() == 36 && id.matches('-').count() == 4 {
            out.push_str(&format!("id{}", &word[id.len()..]));
            continue;
        }
        for c in word.chars() {
            match c {
                '0'..='9' if out.ends_with('0') => {}
                '0'..='9' => out.push('0'),
                c => out.push(c),
            }
        }
    }
    out
}

#[test]
fn numbers_and_ids_do_not_change_a_hash() {
    let text = "at 10:59, deployment 975bd1d2-beef-44bd-b931-e76a60c9161a: sk_demo_1001_";
    assert_eq!(without_numbers_and_ids(text), "at 0:0, deployment id: sk_demo_0_");
}

#[cfg(unix)]
#[test]
fn pictures_show_what_the_program_prints() {
    let sources = sources();
    let hashes: String = sources.iter().map(|source| format!("{}  {}\n", source.hash(), source.name)).collect();
    if let Some(directory) = std::env::var_os("VERSIONER_PICTURES") {
        let directory = std::path::Path::new(&directory);
        for source in &sources {
            std::fs::write(directory.join(source.name), &source.text).unwrap();
        }
        std::fs::write(directory.join("sources.txt"), hashes).unwrap();
        return;
    }
    let drawn = read(&root().join("docs/pictures/sources.txt"));
    assert!(drawn == hashes, "the program prints other texts than the pictures show: run docs/pictures/make\n{hashes}");
    for source in &sources {
        let (name, extension) = source.name.split_once('.').unwrap();
        let format = if ["md", "error"].contains(&extension) { "png" } else { "svg" };
        for theme in ["light", "dark"] {
            let file = format!("docs/pictures/{name}-{theme}.{format}");
            let size = std::fs::metadata(root().join(&file)).map_or(0, |metadata| metadata.len());
            assert!((500..100_000).contains(&size), "{file}: {size} bytes");
        }
    }
}
