//! Runs the steps of the Azure Pipelines template. Evaluates only the template expressions that it uses.

use crate::shell::{Agent, binary, statuses};
use crate::{entries, parse, read};
use std::collections::BTreeMap;
use versioner_sandbox::Sandbox;

const FOR_FINISH: &str = "${{ if eq(parameters.command, 'finish') }}";
const EACH: &str = "${{ each parameter in parameters }}";
const IF_SET: &str = "${{ if and(ne(parameter.value, ''), ne(parameter.key, 'api_key')) }}";
const NAME: &str = "VERSIONER_${{ upper(parameter.key) }}";

/// Expands the template with these parameters, and runs its steps. Returns the last exit code and what was printed.
fn run(agent: &mut Agent, given: &[(&str, &str)], job_failed: bool) -> (i32, String) {
    let template = parse(&read("integrations/azure-pipelines/versioner.yml"));
    let declared = template["parameters"].as_sequence().unwrap();
    let mut parameters: BTreeMap<String, String> = declared
        .iter()
        .map(|it| (it["name"].as_str().unwrap().to_owned(), it["default"].as_str().unwrap().to_owned()))
        .collect();
    for (name, value) in given {
        let before = parameters.insert((*name).to_owned(), (*value).to_owned());
        assert!(before.is_some(), "the template has no parameter {name}");
    }
    let mut result = (0, String::new());
    for step in template["steps"].as_sequence().unwrap() {
        let mut always = false;
        let mut env = BTreeMap::new();
        for (key, value) in entries(step) {
            match key {
                FOR_FINISH => {
                    assert_eq!(value["condition"].as_str(), Some("always()"));
                    always = parameters["command"] == "finish";
                }
                "env" => env = environment(value, &parameters),
                "bash" | "displayName" => {}
                key => panic!("unknown key {key}"),
            }
        }
        if (job_failed || result.0 != 0) && !always {
            continue;
        }
        let (code, printed) = agent.step(&["bash", "-c"], step["bash"].as_str().unwrap(), &env);
        for line in printed.lines() {
            if let Some(directory) = line.strip_prefix("##vso[task.prependpath]") {
                let path = format!("{directory}:{}", agent.env["PATH"]);
                agent.env.insert("PATH".to_owned(), path);
            }
        }
        result = (result.0.max(code), result.1 + &printed);
    }
    result
}

fn environment(yaml: &saphyr::YamlOwned, parameters: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut env = BTreeMap::new();
    for (key, value) in entries(yaml) {
        if key == EACH {
            let [(IF_SET, body)] = entries(value)[..] else { panic!("{value:?}") };
            assert_eq!(body[NAME].as_str(), Some("${{ parameter.value }}"));
            let set = parameters.iter().filter(|(name, value)| !value.is_empty() && *name != "api_key");
            env.extend(set.map(|(name, value)| (format!("VERSIONER_{}", name.to_uppercase()), value.clone())));
        } else {
            assert_eq!((key, value.as_str()), ("VERSIONER_API_KEY", Some("${{ parameters.api_key }}")));
            env.insert(key.to_owned(), parameters["api_key"].clone());
        }
    }
    env
}

fn job(sandbox: &Sandbox) -> Agent {
    let mut agent = Agent::new(&[
        ("TF_BUILD", "True"),
        ("BUILD_REPOSITORY_NAME", "octo/shop"),
        ("BUILD_BUILDNUMBER", "20251028.3"),
        ("BUILD_BUILDID", "77"),
        ("SYSTEM_JOBID", "12f1170f-0001"),
        ("SYSTEM_JOBATTEMPT", "1"),
        ("SYSTEM_TIMELINEID", "96ac2280-0001"),
        ("VERSIONER_API_URL", &sandbox.url()),
        ("VERSIONER_BIN", &binary()),
    ]);
    let temp = agent.home.path().display().to_string();
    agent.env.insert("AGENT_TEMPDIRECTORY".to_owned(), temp);
    agent
}

#[test]
fn script_is_wrapped() {
    let sandbox = Sandbox::start();
    let mut agent = job(&sandbox);
    let parameters = [("api_key", sandbox.key()), ("environment", "production"), ("run", "echo deployed\nexit 3")];
    let (code, printed) = run(&mut agent, &parameters, false);
    assert_eq!(code, 3, "{printed}");
    assert!(printed.contains("deployed\n"), "{printed}");
    assert_eq!(statuses(&sandbox), ["started", "failed"]);
}

#[test]
fn finish_runs_in_a_failed_job_with_its_status() {
    let sandbox = Sandbox::start();
    let mut agent = job(&sandbox);
    let key = ("api_key", sandbox.key());
    let (code, printed) = run(&mut agent, &[key, ("environment", "production"), ("status", "started")], false);
    assert_eq!(code, 0, "{printed}");
    agent.env.insert("AGENT_JOBSTATUS".to_owned(), "Failed".to_owned());
    assert_eq!(run(&mut agent, &[key, ("environment", "production")], true).1, "", "skipped in a failed job");
    let (code, printed) = run(&mut agent, &[key, ("command", "finish")], true);
    assert_eq!(code, 0, "{printed}");
    assert_eq!(statuses(&sandbox), ["started", "failed"]);
}

#[test]
fn missing_secret_is_an_error_and_no_key() {
    let sandbox = Sandbox::start();
    let (code, printed) = run(&mut job(&sandbox), &[("environment", "production")], false);
    assert_eq!((code, sandbox.requests().len()), (1, 0), "{printed}");
    assert!(printed.contains("api_key") && !printed.contains("$("), "{printed}");
}
