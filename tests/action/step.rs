//! The step of `action.yml` as GitHub runs it: the script under `sh -e`, only the step's own environment, and signals
//! to the shell process alone.

use crate::action_yml::{entries, load_action, step, step_env, text};
use crate::release::{BINARY_NAME, Release, find_program};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use versioner_sandbox::Sandbox;

/// A step that uses a release of the Action with the real binary.
pub(crate) struct Step {
    release: Rc<Release>,
    env: BTreeMap<String, String>,
}

#[derive(Debug)]
pub(crate) struct StepResult {
    pub(crate) code: i32,
    pub(crate) log: String,
    pub(crate) outputs: BTreeMap<String, String>,
}

impl Step {
    pub(crate) fn new(inputs: &[(&str, &str)]) -> Self {
        let binary = std::env::var_os("VERSIONER_TEST_BIN")
            .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_versioner")), PathBuf::from);
        let release = Release::source().tools(&["sha256sum", "bash", "sleep", "cat", "kill"]);
        let sum = Command::new("sha256sum").arg(&binary).output().unwrap().stdout;
        let sum = String::from_utf8(sum).unwrap().split(' ').next().unwrap().trim_start_matches('\\').to_owned();
        release.write("action/checksums.txt", &format!("{sum}  {BINARY_NAME}\n"));
        symlink(binary, release.path("action").join(BINARY_NAME)).unwrap();
        release.write("workspace/file", "");
        let path = |name: &str| release.path(name).display().to_string();
        let mut env = step_env(inputs);
        for (name, value) in [
            ("GITHUB_ACTION_PATH", path("action")),
            ("GITHUB_WORKSPACE", path("workspace")),
            ("GITHUB_OUTPUT", path("output")),
            ("GITHUB_STEP_SUMMARY", path("summary")),
            ("RUNNER_TEMP", path("temp")),
            ("RUNNER_TOOL_CACHE", path("cache")),
            ("PATH", path("bin")),
            ("HOME", path("home")),
            ("CI", "true".to_owned()),
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_REPOSITORY", "octo/shop".to_owned()),
            ("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567".to_owned()),
            ("GITHUB_REF", "refs/heads/main".to_owned()),
            ("GITHUB_RUN_ID", "1234567890".to_owned()),
            ("GITHUB_RUN_NUMBER", "42".to_owned()),
            ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
            ("GITHUB_ACTOR", "mona".to_owned()),
        ] {
            env.insert(name.to_owned(), value);
        }
        Self { release: Rc::new(release), env }
    }

    /// A later step of the same job, with other inputs.
    pub(crate) fn next(&self, inputs: &[(&str, &str)]) -> Self {
        let mut env = self.env.clone();
        env.extend(step_env(inputs));
        Self { release: Rc::clone(&self.release), env }
    }

    /// A step that reports a deployment of version 1.4.2 to production.
    pub(crate) fn deployment(sandbox: &Sandbox, inputs: &[(&str, &str)]) -> Self {
        let (key, url) = (sandbox.key(), sandbox.url());
        let common = [("api_key", key), ("api_url", &url), ("version", "1.4.2"), ("environment", "production")];
        Self::new(&[&common, inputs].concat())
    }

    /// Sets a variable in the workflow's environment.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.release.path(name)
    }

    /// Starts the step as GitHub does: `sh -e {0}`, in the workspace.
    pub(crate) fn start(&self) -> Child {
        self.release.write("temp/script.sh", text(&step(&load_action()), "run").unwrap());
        Command::new(find_program("sh"))
            .arg("-e")
            .arg(self.path("temp/script.sh"))
            .env_clear()
            .envs(&self.env)
            .current_dir(self.path("workspace"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    pub(crate) fn wait(&self, child: Child) -> StepResult {
        let output = child.wait_with_output().unwrap();
        let outputs = fs::read_to_string(self.path("output")).unwrap_or_default();
        let outputs = outputs.lines().map(|line| line.split_once('=').unwrap());
        StepResult {
            code: output.status.code().unwrap(),
            log: String::from_utf8([output.stdout, output.stderr].concat()).unwrap(),
            outputs: outputs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }

    pub(crate) fn run(&self) -> StepResult {
        self.wait(self.start())
    }
}

pub(crate) fn send_signal(signal: &str, child: &Child) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

fn freeze_rule(seconds: u32) -> versioner_sandbox::Rule {
    json!({"kind": "window", "name": "freeze", "environment": "production", "ends_in_seconds": seconds}).into()
}

#[test]
fn step_records_the_event_and_sets_outputs() {
    let sandbox = Sandbox::start();
    let result = Step::deployment(&sandbox, &[("product-name", "shop"), ("scm-branch", "of the input")]).run();
    assert_eq!(result.code, 0, "{result:?}");
    assert_eq!(result.outputs["outcome"], "recorded");
    let requests = sandbox.requests();
    let sent = requests[0].json();
    assert_eq!((&sent["product_name"], &sent["scm_branch"]), (&json!("shop"), &json!("of the input")));
    assert_eq!(sent["status"], "completed");
}

#[test]
fn every_input_reaches_the_program() {
    // `check` prints the source of each setting.
    let action = load_action();
    for hyphens in [false, true] {
        for (name, _) in entries(&action, "inputs") {
            if name.contains('-') != hyphens || name.contains("api") && name.contains("key") {
                continue;
            }
            let value = match name {
                "event_type" | "event-type" => "deployment",
                "command" => continue,
                _ => "1",
            };
            let result = Step::new(&[("command", "check"), (name, value)]).run();
            let source = format!("INPUT_{}", name.replace('-', "_").to_uppercase());
            assert!(result.log.contains(&source), "{name}: {result:?}");
        }
    }
}

#[test]
fn workflow_variables_apply_to_unset_inputs() {
    let sandbox = Sandbox::start();
    let step = || {
        Step::new(&[("api-url", &sandbox.url()), ("version", "auto")])
            .env("VERSIONER_API_KEY", sandbox.key())
            .env("VERSIONER_ENVIRONMENT", "staging")
            .env("VERSIONER_PRODUCT_NAME", "of the workflow")
            .env("VERSIONER_VERSION", "2.0.0")
            .env("VERSIONER_STATUS", "started")
    };
    assert_eq!(step().run().code, 0);
    let requests = sandbox.requests();
    let sent = requests[0].json();
    assert_eq!(sent["product_name"], "of the workflow");
    assert_eq!((&sent["version"], &sent["status"]), (&json!("2.0.0"), &json!("started")));
    assert_eq!(sent["environment_name"], "staging");
}

#[test]
fn empty_version_status_or_run_is_an_error() {
    let sandbox = Sandbox::start();
    for name in ["version", "status", "run"] {
        let result = Step::deployment(&sandbox, &[(name, "")]).run();
        assert_eq!(result.code, 1, "{result:?}");
        assert!(result.log.contains(&format!("{name} (from INPUT_{}) is empty", name.to_uppercase())), "{result:?}");
    }
    assert!(sandbox.requests().is_empty());
    assert_eq!(Step::deployment(&sandbox, &[("product_name", ""), ("product-name", "")]).run().code, 0);
}

#[test]
fn missing_api_key_is_one_annotation() {
    let result = Step::new(&[("environment", "production")]).run();
    assert_eq!(result.code, 1);
    let errors: Vec<&str> = result.log.lines().filter(|line| line.starts_with("::error")).collect();
    assert!(errors.len() == 1 && errors[0].contains("api_key"), "{result:?}");
}

#[test]
fn block_fails_the_step_with_exit_code_5() {
    let sandbox = Sandbox::start();
    sandbox.rule(freeze_rule(600));
    let result = Step::deployment(&sandbox, &[("status", "started")]).run();
    assert_eq!(result.code, 5, "{result:?}");
    assert_eq!((&*result.outputs["outcome"], &*result.outputs["gate"]), ("blocked", "blocked"));
}

#[test]
fn wait_stops_at_the_first_signal() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let sandbox = Sandbox::start();
        sandbox.rule(freeze_rule(600));
        let step = Step::deployment(&sandbox, &[("status", "started"), ("on_block", "wait"), ("wait_timeout", "20m")]);
        let mut child = step.start();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.contains("waiting")), "the step does not wait");
        send_signal(signal, &child);
        let result = step.wait(child);
        assert_eq!(result.code, code, "{result:?}");
        assert_eq!(result.outputs["gate"], "blocked");
    }
}
