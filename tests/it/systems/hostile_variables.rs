//! Absurd values of every variable that a system reads, against the real binary: it ends as it should, and what it writes
//! starts, forges and leaks nothing.

use super::{Given, equipped, systems};
use crate::support::{Versioner, WorkflowCommand};
use serde_json::json;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use versioner_sandbox::{Reply, Sandbox};

/// All variables that tell of the system's runs here, but for that which says which system it is.
fn variables(system: &Given) -> Vec<&'static str> {
    const MARKERS: [&str; 17] = [
        "GITHUB_ACTIONS",
        "GITEA_ACTIONS",
        "FORGEJO_ACTIONS",
        "GITLAB_CI",
        "JENKINS_HOME",
        "JENKINS_URL",
        "TF_BUILD",
        "TEAMCITY_VERSION",
        "BUILDKITE",
        "CIRCLECI",
        "TRAVIS",
        "DRONE",
        "CI",
        "CODEBUILD_BUILD_ARN",
        "BUILDER_OUTPUT",
        "SEMAPHORE",
        "APPVEYOR",
    ];
    let names = system.runs.iter().flat_map(|run| run.base.iter().chain(run.changes)).map(|(name, _)| *name);
    let names: BTreeSet<&str> =
        names.filter(|name| !MARKERS.contains(name) && !name.starts_with("VERSIONER_")).collect();
    names.into_iter().collect()
}

/// A call in which all of the system's variables hold `value`.
fn call(system: &Given, sandbox: &Sandbox, value: &OsString) -> std::process::Output {
    let call = Versioner::deployment(sandbox, "started").args(["--debug"]);
    let first = system.runs[0].base.iter().filter(|(name, _)| !name.starts_with("VERSIONER_"));
    let call = first.fold(call, |call, (name, value)| call.env(name, value));
    let call = equipped(system.name, call);
    let output = call.command().envs(variables(system).into_iter().map(|name| (name, value))).output().unwrap();
    assert!(!call.dir.path().join("pwned").exists(), "{}: something was run", system.name);
    output
}

/// Checks that `text` holds no command but those that the system's own surface writes.
fn assert_harmless(system: &str, text: &str, secret: &str) {
    let is_github = ["github", "gitea", "forgejo"].contains(&system);
    for line in text.split(['\n', '\r']) {
        let own = match system {
            "azure" => line.starts_with("##vso[task."),
            "teamcity" => {
                line.starts_with("##teamcity[message ")
                    || line.starts_with("##teamcity[buildStatus ")
                    || line.starts_with("##teamcity[setParameter ")
            }
            _ => false,
        };
        for marker in ["##[", "##vso[", "##teamcity["] {
            let most = usize::from(own);
            assert!(line.matches(marker).count() <= most, "{system}: {line}");
        }
        if let Some(command) = WorkflowCommand::parse(line).filter(|_| !own) {
            assert!(is_github && ["error", "warning", "notice"].contains(&command.name.as_str()), "{system}: {line}");
        }
    }
    let is_control = |c: char| c.is_control() && c != '\n' && !(system == "gitlab" && matches!(c, '\u{1b}' | '\r'));
    assert_eq!(text.find(is_control), None, "{system}: {text:?}");
    assert!(!text.contains('\u{202e}') && !text.contains(secret), "{system}");
}

#[test]
fn hostile_values_of_all_variables_are_harmless() {
    let text = |text: &str| OsString::from(text);
    let values = [
        text(""),
        text("\n\r\u{1b}[31m\u{7}\u{202e}\u{85}\u{2028}"),
        text("$(touch pwned) `touch pwned`; touch pwned"),
        text("x\n::error::x\n##[error]x ##vso[task.complete result=Failed;]x ##teamcity[buildStatus text='x']"),
        text("https://u:SECRETTOKEN@["),
        text("https://u:SECRETTOKEN@git.example/octo/shop.git?token=SECRETTOKEN"),
        text("<script>x</script> | [a](b) **c** \"'"),
        text("-"),
        text("/dev/null/x"),
        text("/dev/zero"),
        OsString::from_vec(b"\xff\xfe\xc3(".to_vec()),
        OsString::from("ä".repeat(20_000)),
    ];
    for system in systems() {
        let sandbox = Sandbox::start();
        for value in &values {
            let short: String = value.to_string_lossy().chars().take(40).collect();
            let replies = [
                (Reply::status(201).json(json!({"id": "d-1"})), 0),
                (Reply::status(423).json(json!({"code": "NO_DEPLOY_WINDOW"})), 5),
            ];
            for (reply, code) in replies {
                sandbox.clear_requests();
                sandbox.script([reply]);
                let output = call(system, &sandbox, value);
                let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
                assert_eq!(output.status.code(), Some(code), "{} {short:?}: {printed:.2000}", system.name);
                assert_harmless(system.name, &printed, sandbox.key());
                let sent = sandbox.requests()[0].json().clone();
                for field in ["deploy_url", "scm_repository", "extra_metadata"] {
                    let sent = sent.get(field).map(ToString::to_string).unwrap_or_default();
                    assert!(!sent.contains("SECRETTOKEN"), "{} {short:?}: {field} {sent:.2000}", system.name);
                }
            }
        }
    }
}
