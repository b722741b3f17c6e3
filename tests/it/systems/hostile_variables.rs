//! Hostile values in every variable that a system reads, against the real binary: the exit code is right, and the output
//! starts no workflow command, forges nothing and leaks nothing.

use super::{SystemFixture, systems, with_surfaces};
use crate::support::{Versioner, WorkflowCommand};
use serde_json::json;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use versioner_sandbox::{Reply, Sandbox};

/// All variables of the system's sample runs, except those that identify the system.
fn variables(system: &SystemFixture) -> Vec<&'static str> {
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

/// Runs a call with `value` in all of the system's variables.
fn run_with_value(system: &SystemFixture, sandbox: &Sandbox, value: &OsString) -> std::process::Output {
    let call = Versioner::deployment(sandbox, "started").args(["--debug"]);
    let base = system.runs[0].base.iter().filter(|(name, _)| !name.starts_with("VERSIONER_"));
    let call = base.fold(call, |call, (name, value)| call.env(name, value));
    let call = with_surfaces(system.name, call);
    let output = call.command().envs(variables(system).into_iter().map(|name| (name, value))).output().unwrap();
    assert!(!call.dir.path().join("pwned").exists(), "{}: a command was executed", system.name);
    output
}

/// Asserts that `text` contains no workflow command except those of the system's own surface.
fn assert_harmless(system: &str, text: &str, secret: &str) {
    let is_github = ["github", "gitea", "forgejo"].contains(&system);
    for line in text.split(['\n', '\r']) {
        let is_surface_command = match system {
            "azure" => line.starts_with("##vso[task."),
            "teamcity" => {
                line.starts_with("##teamcity[message ")
                    || line.starts_with("##teamcity[buildStatus ")
                    || line.starts_with("##teamcity[setParameter ")
            }
            _ => false,
        };
        for marker in ["##[", "##vso[", "##teamcity["] {
            let limit = usize::from(is_surface_command);
            assert!(line.matches(marker).count() <= limit, "{system}: {line}");
        }
        if let Some(command) = WorkflowCommand::parse(line).filter(|_| !is_surface_command) {
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
            let start: String = value.to_string_lossy().chars().take(40).collect();
            let replies = [
                (Reply::status(201).json(json!({"id": "d-1"})), 0),
                (Reply::status(423).json(json!({"code": "NO_DEPLOY_WINDOW"})), 5),
            ];
            for (reply, code) in replies {
                sandbox.clear_requests();
                sandbox.script([reply]);
                let output = run_with_value(system, &sandbox, value);
                let printed = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
                assert_eq!(output.status.code(), Some(code), "{} {start:?}: {printed:.2000}", system.name);
                assert_harmless(system.name, &printed, sandbox.key());
                let sent = sandbox.requests()[0].json().clone();
                for field in ["deploy_url", "scm_repository", "extra_metadata"] {
                    let sent = sent.get(field).map(ToString::to_string).unwrap_or_default();
                    assert!(!sent.contains("SECRETTOKEN"), "{} {start:?}: {field} {sent:.2000}", system.name);
                }
            }
        }
    }
}
