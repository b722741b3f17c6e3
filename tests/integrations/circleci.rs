//! Runs the commands of the CircleCI orb as CircleCI does: parameters replaced, each step in bash with `BASH_ENV`.

use crate::shell::{Agent, binary, statuses};
use crate::{entries, parse, read};
use saphyr::YamlOwned;
use std::collections::BTreeMap;
use versioner_sandbox::Sandbox;

/// One `run` step: when it runs, its script, and its environment.
struct Step {
    when: String,
    script: String,
    env: BTreeMap<String, String>,
}

/// The steps of a command of the orb, with these parameters.
fn steps(command: &str, given: &[(&str, &str)]) -> Vec<Step> {
    let orb = parse(&read("integrations/circleci/orb.yml"));
    let command = &orb["commands"][command];
    let mut parameters: BTreeMap<&str, &str> = BTreeMap::new();
    if let Some(declared) = command.as_mapping_get("parameters") {
        parameters.extend(entries(declared).iter().map(|(name, it)| (*name, it["default"].as_str().unwrap())));
    }
    for (name, value) in given {
        assert!(parameters.insert(name, value).is_some(), "the command has no parameter {name}");
    }
    let fill = |text: &str| {
        let filled = parameters
            .iter()
            .fold(text.to_owned(), |text, (name, value)| text.replace(&format!("<< parameters.{name} >>"), value));
        assert!(!filled.contains("<<"), "an unknown parameter: {filled}");
        filled
    };
    let step = |step: &YamlOwned| {
        let run = &step["run"];
        let env = run.as_mapping_get("environment").map_or_else(Vec::new, environment);
        Step {
            when: run
                .as_mapping_get("when")
                .map_or_else(|| "on_success".to_owned(), |when| fill(when.as_str().unwrap())),
            script: fill(run["command"].as_str().unwrap()),
            env: env.into_iter().map(|(name, value)| (name, fill(&value))).collect(),
        }
    };
    command["steps"].as_sequence().unwrap().iter().map(step).collect()
}

/// The entries of an `environment`, after those that it merges in with `<<`.
fn environment(yaml: &YamlOwned) -> Vec<(String, String)> {
    let entries = entries(yaml);
    let merged = entries.iter().filter(|(name, _)| *name == "<<").flat_map(|(_, value)| environment(value));
    let own = entries.iter().filter(|(name, _)| *name != "<<");
    let own = own.map(|(name, value)| ((*name).to_owned(), value.as_str().unwrap().to_owned()));
    merged.chain(own).collect()
}

/// A job that has installed the program under test.
fn job(sandbox: &Sandbox) -> Agent {
    let mut agent = Agent::new(&[
        ("CIRCLECI", "true"),
        ("CIRCLE_PROJECT_USERNAME", "octo"),
        ("CIRCLE_PROJECT_REPONAME", "shop"),
        ("CIRCLE_SHA1", "0123456789abcdef0123456789abcdef01234567"),
        ("CIRCLE_WORKFLOW_JOB_ID", "5034460f-0001"),
        ("CIRCLE_NODE_INDEX", "0"),
        ("VERSIONER_API_URL", &sandbox.url()),
        ("VERSIONER_API_KEY", sandbox.key()),
        ("VERSIONER_BIN", &binary()),
    ]);
    let bash_env = agent.home.path().join("bash_env");
    std::fs::write(&bash_env, "").unwrap();
    agent.env.insert("BASH_ENV".to_owned(), bash_env.display().to_string());
    assert_eq!(run(&agent, "install", &[], true).0, 0);
    agent.env.remove("VERSIONER_BIN");
    agent
}

/// Runs the steps of a command in a job that has succeeded or failed so far.
fn run(agent: &Agent, command: &str, parameters: &[(&str, &str)], success: bool) -> (i32, String) {
    let steps = steps(command, parameters);
    let due = |when: &str| when == "always" || (when == "on_success") == success;
    let due: Vec<&Step> = steps.iter().filter(|step| due(&step.when)).collect();
    let [step] = due[..] else { panic!("{} steps are due", due.len()) };
    agent.step(&["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c"], &step.script, &step.env)
}

#[test]
fn script_is_wrapped_and_later_steps_have_the_outputs() {
    let sandbox = Sandbox::start();
    let agent = job(&sandbox);
    let script = "echo 'deployed << once'\ntest -z \"${INPUT_API_KEY-}${VERSIONER_API_KEY-}\"".replace("<< ", "");
    let (code, printed) = run(&agent, "report", &[("environment", "production"), ("run", &script)], true);
    assert_eq!(code, 0, "{printed}");
    assert!(printed.contains("deployed once"), "{printed}");
    assert_eq!(statuses(&sandbox), ["started", "completed"]);
    let shell = ["bash", "--noprofile", "--norc", "-c"];
    let (_, outcome) = agent.step(&shell, "printf %s \"$VERSIONER_OUTCOME\"", &BTreeMap::new());
    assert_eq!(outcome, "recorded");
    assert_eq!(sandbox.requests()[0].json()["product_name"], "shop");
}

#[test]
fn finish_reports_success_or_failure_of_the_job() {
    for (success, end) in [(true, "completed"), (false, "failed")] {
        let sandbox = Sandbox::start();
        let agent = job(&sandbox);
        let started = [("environment", "production"), ("status", "started")];
        let (code, printed) = run(&agent, "report", &started, true);
        assert_eq!(code, 0, "{printed}");
        let (code, printed) = run(&agent, "finish", &[], success);
        assert_eq!(code, 0, "{printed}");
        assert_eq!(statuses(&sandbox), ["started", end], "{printed}");
    }
}

#[test]
fn parameters_beat_variables_and_empty_ones_do_not() {
    let sandbox = Sandbox::start();
    let mut agent = job(&sandbox);
    agent.env.insert("VERSIONER_ENVIRONMENT".to_owned(), "staging".to_owned());
    agent.env.insert("OTHER_KEY".to_owned(), sandbox.other_key().to_owned());
    agent.env.remove("VERSIONER_API_KEY");
    let report = [("product_name", "web"), ("api_key", "OTHER_KEY"), ("event_type", "deployment")];
    let (code, printed) = run(&agent, "report", &report, true);
    assert_eq!(code, 0, "{printed}");
    let event = sandbox.requests()[0].json().clone();
    assert_eq!((&event["product_name"], &event["environment_name"]), (&"web".into(), &"staging".into()));
}
