//! Checks the README against the program: settings with aliases and defaults, outputs, and the steps for Jenkins.

use crate::support::{Versioner, read};
use std::path::Path;
use versioner_action::internals::SETTINGS;
use versioner_sandbox::Sandbox;

fn readme() -> String {
    read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"))
}

/// The cells of each row of the table under `heading`.
fn table(heading: &str) -> Vec<Vec<String>> {
    let readme = readme();
    let section = readme.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no section {heading}")).1;
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// The text in backticks in a table cell.
fn code_spans(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn readme_lists_every_setting() {
    let mut documented: Vec<String> = table("Settings").iter().flat_map(|row| code_spans(&row[0])).collect();
    let mut known: Vec<String> = SETTINGS.iter().flat_map(|setting| setting.names()).map(str::to_owned).collect();
    documented.sort();
    known.sort();
    assert_eq!(documented, known);
}

#[test]
fn readme_defaults_match_the_program() {
    let sandbox = Sandbox::start();
    let run = Versioner::deployment(&sandbox, "success").run();
    assert_eq!(run.code, 0);
    let check_output = Versioner::shell(&sandbox)
        .args(["check", "--product", "a", "--environment", "b"])
        .without("VERSIONER_API_URL")
        .args(["--version", "1"])
        .run()
        .stdout;
    for row in table("Settings") {
        let (name, default) = (&code_spans(&row[0])[0], &row[1]);
        // A default in backticks is a literal value. Other defaults are descriptions.
        let Some(value) = code_spans(default).into_iter().next().filter(|_| default.starts_with('`')) else { continue };
        if name == "metadata" || name == "command" {
            continue;
        }
        let line = check_output
            .lines()
            .find(|line| line.contains(&format!("  {name} ")))
            .unwrap_or_else(|| panic!("{name}: {check_output}"));
        assert!(line.contains(&format!("  {value}  (default)")), "{line}, README: {default}");
    }
}

#[test]
fn readme_lists_every_output() {
    let documented: Vec<String> = table("Outputs").iter().flat_map(|row| code_spans(&row[0])).collect();
    let sandbox = Sandbox::start();
    for status in ["started", "started"] {
        let outputs =
            Versioner::github(&sandbox, status).env("INPUT_UI_URL", "https://app.versioner.io").run().outputs();
        for name in outputs.keys() {
            assert!(documented.contains(name), "{name} is not in the README");
        }
    }
}

/// The shell commands of the `sh '…'` steps in the README's section on Jenkins.
#[cfg(unix)]
fn jenkins_steps() -> Vec<String> {
    let readme = readme();
    let section = readme.split_once("\n## On Jenkins\n").expect("a section on Jenkins").1;
    let section = section.split("\n## ").next().unwrap();
    section.lines().filter_map(|line| line.trim().strip_prefix("sh '")?.strip_suffix('\'').map(str::to_owned)).collect()
}

#[cfg(unix)]
#[test]
fn readme_jenkins_steps_report_the_job_result() {
    let steps = jenkins_steps();
    let [run, finish, started, deploy, ended] = steps.iter().map(String::as_str).collect::<Vec<_>>()[..] else {
        panic!("{steps:?}")
    };
    for (lines, result, expected) in [
        (vec![run, finish], "SUCCESS", vec!["started", "completed"]),
        (vec![started, deploy, ended, finish], "SUCCESS", vec!["started", "completed"]),
        (vec![started, finish], "ABORTED", vec!["started", "aborted"]),
        (vec![started, finish], "FAILURE", vec!["started", "failed"]),
    ] {
        let sandbox = Sandbox::start();
        let call = Versioner::shell(&sandbox).envs(&[
            ("JENKINS_URL", "https://ci.example/"),
            ("BUILD_TAG", "jenkins-shop-7"),
            ("BUILD_NUMBER", "7"),
            ("VERSIONER_PRODUCT", "shop"),
            ("VERSIONER_ENVIRONMENT", "production"),
            ("RESULT", result),
        ]);
        call.program("deploy.sh", "#!/bin/sh\necho deployed\n");
        let tools = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(crate::support::binary(), tools.path().join("versioner")).unwrap();
        let path = format!("{}:/usr/bin:/bin", tools.path().display());
        let plain = call.command();
        for line in lines {
            // Like Jenkins' `sh` step.
            let mut step = std::process::Command::new("/bin/sh");
            step.args(["-xe", "-c", line]).env_clear().env("PATH", &path).current_dir(call.dir.path());
            step.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
            let output = step.output().unwrap();
            assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        }
        assert_eq!(crate::support::statuses(&sandbox), expected);
    }
}
