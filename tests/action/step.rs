//! The step of `action.yml` as GitHub runs it: its script under `sh -e`, its variables and no other inputs, its signals
//! to one process.

use crate::release::{FILE, Release, find};
use crate::yaml::{action, step, text, variables};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;
use versioner_sandbox::Sandbox;

/// A step that uses a release of the Action, which holds the real program.
pub(crate) struct Step {
    release: Rc<Release>,
    variables: BTreeMap<String, String>,
}

/// What came of a step.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: i32,
    pub(crate) log: String,
    pub(crate) outputs: BTreeMap<String, String>,
}

impl Step {
    /// With the inputs that a workflow gives, and nothing in the environment that GitHub does not put there.
    pub(crate) fn new(inputs: &[(&str, &str)]) -> Self {
        let binary = std::env::var_os("VERSIONER_TEST_BIN")
            .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_versioner")), PathBuf::from);
        let release = Release::source().tools(&["sha256sum", "bash", "sleep", "cat", "kill"]);
        let sum = Command::new("sha256sum").arg(&binary).output().unwrap().stdout;
        let sum = String::from_utf8(sum).unwrap().split(' ').next().unwrap().trim_start_matches('\\').to_owned();
        release.write("action/checksums.txt", &format!("{sum}  {FILE}\n"));
        symlink(binary, release.path("action").join(FILE)).unwrap();
        release.write("workspace/file", "");
        let path = |name: &str| release.path(name).display().to_string();
        let mut all = variables(inputs);
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
            all.insert(name.to_owned(), value);
        }
        Self { release: Rc::new(release), variables: all }
    }

    /// A later step of the same job, with other inputs.
    pub(crate) fn next(&self, inputs: &[(&str, &str)]) -> Self {
        let mut all = self.variables.clone();
        all.extend(variables(inputs));
        Self { release: Rc::clone(&self.release), variables: all }
    }

    /// A deployment of shop 1.4.2 to production, reported to `sandbox`.
    pub(crate) fn deployment(sandbox: &Sandbox, inputs: &[(&str, &str)]) -> Self {
        let (key, url) = (sandbox.key(), sandbox.url());
        let given = [("api_key", key), ("api_url", &url), ("version", "1.4.2"), ("environment", "production")];
        Self::new(&[&given, inputs].concat())
    }

    /// A variable of the workflow.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.release.path(name)
    }

    /// As GitHub starts it: `sh -e {0}`, in the workspace.
    pub(crate) fn start(&self) -> Child {
        self.release.write("temp/script.sh", text(&step(&action()), "run").unwrap());
        Command::new(find("sh"))
            .arg("-e")
            .arg(self.path("temp/script.sh"))
            .env_clear()
            .envs(&self.variables)
            .current_dir(self.path("workspace"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    pub(crate) fn end(&self, child: Child) -> Ended {
        let output = child.wait_with_output().unwrap();
        let outputs = fs::read_to_string(self.path("output")).unwrap_or_default();
        let outputs = outputs.lines().map(|line| line.split_once('=').unwrap());
        Ended {
            code: output.status.code().unwrap(),
            log: String::from_utf8([output.stdout, output.stderr].concat()).unwrap(),
            outputs: outputs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        }
    }

    pub(crate) fn run(&self) -> Ended {
        self.end(self.start())
    }
}

pub(crate) fn send(signal: &str, child: &Child) {
    assert!(Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap().success());
}

fn freeze(seconds: u32) -> versioner_sandbox::Rule {
    json!({"kind": "window", "name": "freeze", "environment": "production", "ends_in_seconds": seconds}).into()
}

#[test]
fn an_event_is_reported_and_its_outputs_are_handed_on() {
    let sandbox = Sandbox::start();
    let ended = Step::deployment(&sandbox, &[("product-name", "shop"), ("scm-branch", "of the input")]).run();
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(ended.outputs["outcome"], "recorded");
    let requests = sandbox.requests();
    let sent = requests[0].json();
    assert_eq!((&sent["product_name"], &sent["scm_branch"]), (&json!("shop"), &json!("of the input")));
    assert_eq!(sent["status"], "completed");
}

#[test]
fn every_input_arrives() {
    // Each setting that `check` shows with its source, by both spellings.
    let action = action();
    for hyphens in [false, true] {
        for (name, _) in crate::yaml::mapping(&action, "inputs") {
            if name.contains('-') != hyphens || name.contains("api") && name.contains("key") {
                continue;
            }
            let value = match name {
                "event_type" | "event-type" => "deployment",
                "command" => continue,
                _ => "1",
            };
            let ended = Step::new(&[("command", "check"), (name, value)]).run();
            let from = format!("INPUT_{}", name.replace('-', "_").to_uppercase());
            assert!(ended.log.contains(&from), "{name}: {ended:?}");
        }
    }
}

#[test]
fn the_workflows_variables_count_where_no_input_is_given() {
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
fn an_expression_that_gave_nothing_is_an_error_only_where_it_was_given() {
    let sandbox = Sandbox::start();
    for name in ["version", "status"] {
        let ended = Step::deployment(&sandbox, &[(name, "")]).run();
        assert_eq!(ended.code, 1, "{ended:?}");
        assert!(ended.log.contains(&format!("{name} (from INPUT_{}) is empty", name.to_uppercase())), "{ended:?}");
    }
    assert!(sandbox.requests().is_empty());
    assert_eq!(Step::deployment(&sandbox, &[("product_name", ""), ("product-name", "")]).run().code, 0);
}

#[test]
fn a_missing_key_is_one_annotation() {
    let ended = Step::new(&[("environment", "production")]).run();
    assert_eq!(ended.code, 1);
    let errors: Vec<&str> = ended.log.lines().filter(|line| line.starts_with("::error")).collect();
    assert!(errors.len() == 1 && errors[0].contains("api_key"), "{ended:?}");
}

#[test]
fn a_block_fails_the_step_with_its_own_code() {
    let sandbox = Sandbox::start();
    sandbox.rule(freeze(600));
    let ended = Step::deployment(&sandbox, &[("status", "started")]).run();
    assert_eq!(ended.code, 5, "{ended:?}");
    assert_eq!((&*ended.outputs["outcome"], &*ended.outputs["gate"]), ("blocked", "blocked"));
}

#[test]
fn a_cancelled_wait_ends_at_the_first_signal() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143)] {
        let sandbox = Sandbox::start();
        sandbox.rule(freeze(600));
        let step = Step::deployment(&sandbox, &[("status", "started"), ("on_block", "wait"), ("wait_timeout", "20m")]);
        let mut child = step.start();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line.contains("waiting")), "it does not wait");
        send(signal, &child);
        let ended = step.end(child);
        assert_eq!(ended.code, code, "{ended:?}");
        assert_eq!(ended.outputs["gate"], "blocked");
    }
}
