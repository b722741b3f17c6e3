//! The Action under a real runner: `act` runs workflow files on this machine, with the sandbox as the API.
//!
//! Not part of `cargo test`, for it takes `act`: `cargo test --test act`. Where act and GitHub differ, `tests/action` has
//! GitHub's way. `VERSIONER_TEST_BIN` names another program to put into the release.

#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

mod runner;

use runner::{FILE, Job, Runner};
use serde_json::{Value, json};
use versioner_sandbox::{Reply, Sandbox};

fn freeze(sandbox: &Sandbox, seconds: u32) {
    let rule = json!({"kind": "window", "name": "freeze", "environment": "production", "ends_in_seconds": seconds,
        "message": "No deployments on Fridays"});
    sandbox.rule(rule.into());
}

/// A field of each event, in the order in which they came.
fn sent(sandbox: &Sandbox, field: &str) -> Vec<Value> {
    sandbox.requests().iter().map(|request| request.json()[field].clone()).collect()
}

#[test]
fn events_are_reported_and_outputs_reach_later_steps() {
    let sandbox = Sandbox::start();
    let job = Runner::new(&sandbox).run("report.yml");
    job.succeeded();
    assert_eq!(sent(&sandbox, "product_name"), ["the \"shop\" & $HOME", "shop"]);
    assert_eq!(sent(&sandbox, "deployed_by"), [json!("octocat"), Value::Null]);
    assert_eq!(sent(&sandbox, "scm_repository"), ["octo/shop"; 2]);
    let requests = sandbox.requests();
    let metadata = &requests[0].json()["extra_metadata"];
    assert_eq!((&metadata["ticket"], &metadata["quote"]), (&json!("A-1"), &json!("it's")));
    assert!(!job.log.contains(sandbox.key()), "{}", job.log);
}

/// A run of which `errors` annotations are heard. On a busy machine act ends a step before it has read the last of what that
/// step printed: such a run says nothing of us, and is played again.
fn heard(errors: usize, play: impl Fn() -> (Sandbox, Job)) -> (Sandbox, Job) {
    let mut runs = std::iter::repeat_with(play).take(5);
    let first = runs.next().expect("a run");
    if first.1.errors().len() == errors {
        first
    } else {
        runs.find(|(_, job)| job.errors().len() == errors).unwrap_or(first)
    }
}

#[test]
fn a_block_fails_the_job_unless_the_workflow_decides_for_itself() {
    let (sandbox, job) = heard(2, || {
        let sandbox = Sandbox::start();
        freeze(&sandbox, 600);
        let job = Runner::new(&sandbox).run("block.yml");
        (sandbox, job)
    });
    job.failed_with(5);
    assert!(job.log.contains("the workflow goes on: No deployments on Fridays"), "{}", job.log);
    assert!(!job.log.contains("deployed in spite"), "{}", job.log);
    assert!(job.errors().iter().all(|error| error.contains("freeze")), "{:?}", job.errors());
    assert_eq!((job.errors().len(), sandbox.requests().len()), (2, 2), "{}", job.log);
}

#[test]
fn a_wait_ends_when_the_block_lifts() {
    let sandbox = Sandbox::start();
    freeze(&sandbox, 3);
    let job = Runner::new(&sandbox).run("wait.yml");
    job.succeeded();
    assert!(sandbox.requests().len() <= 3, "{}", job.log);
}

#[test]
fn a_missing_key_says_where_to_put_it() {
    let (sandbox, job) = heard(1, || {
        let sandbox = Sandbox::start();
        let job = Runner::new(&sandbox).run("key.yml");
        (sandbox, job)
    });
    job.failed_with(1);
    let errors = job.errors();
    assert!(errors.len() == 1 && errors[0].contains("secrets.VERSIONER_API_KEY"), "{errors:?}");
    assert!(sandbox.requests().is_empty());
}

#[test]
fn a_program_that_is_not_the_releases_is_not_run() {
    let (_, job) = heard(1, || {
        let sandbox = Sandbox::start();
        let runner = Runner::new(&sandbox);
        runner.program("#!/bin/sh\necho evil >&2\n");
        let job = runner.run("local.yml");
        (sandbox, job)
    });
    job.failed_with(1);
    let errors = job.errors();
    assert!(errors.len() == 1 && errors[0].contains("SHA-256") && errors[0].contains(FILE), "{errors:?}");
    assert!(!job.log.contains("evil"), "{}", job.log);
}

#[test]
fn a_checkout_uses_itself() {
    let sandbox = Sandbox::start();
    Runner::new(&sandbox).run("local.yml").succeeded();
    assert_eq!(sent(&sandbox, "environment_name"), ["staging"]);
}

#[test]
fn a_refusal_is_an_exit_code_of_its_own() {
    let (_, job) = heard(1, || {
        let sandbox = Sandbox::start();
        sandbox.script([Reply::status(422).json(json!({"detail": [{"loc": ["body", "version"], "msg": "too long"}]}))]);
        let job = Runner::new(&sandbox).run("local.yml");
        (sandbox, job)
    });
    job.failed_with(4);
    assert!(job.errors()[0].contains("too long"), "{:?}", job.errors());
}

#[test]
fn a_script_is_wrapped_and_its_end_told() {
    let sandbox = Sandbox::start();
    let job = Runner::new(&sandbox).run("run.yml");
    job.succeeded();
    assert_eq!(sent(&sandbox, "status"), ["started", "completed", "started", "failed"]);
    assert!(job.log.contains("deploying to the workflow's own"), "{}", job.log);
    assert!(!job.log.contains("not reached, for"), "{}", job.log);
}

#[test]
fn what_one_step_started_a_later_one_finishes() {
    let sandbox = Sandbox::start();
    let job = Runner::new(&sandbox).run("finish.yml");
    job.failed_with(3);
    assert_eq!(sent(&sandbox, "status"), ["started", "failed"], "{}", job.log);
    assert!(job.log.contains("the end is recorded"), "{}", job.log);
}

/// The README's examples for GitHub, each as it stands there.
#[test]
fn the_readmes_examples_work() {
    let readme = include_str!("../../README.md");
    let section = readme.split_once("\n## On GitHub\n").unwrap().1.split("\n## ").next().unwrap();
    let examples: Vec<&str> =
        section.split("```yaml\n").skip(1).map(|rest| rest.split_once("```").unwrap().0).collect();
    let expected: [&[&str]; 4] = [&["completed"], &["started", "completed"], &["started", "completed"], &["started"]];
    assert_eq!(examples.len(), expected.len());
    for (example, statuses) in examples.into_iter().zip(expected) {
        let sandbox = Sandbox::start();
        let runner = Runner::new(&sandbox);
        let script = "#!/bin/sh\ntest -n \"$VERSIONER_API_KEY\" || echo 'without the key'\necho \"$0 ran\"\n";
        for name in ["deploy.sh", "migrate.sh", "tell-the-team.sh"] {
            runner.put(name, script);
        }
        let job = runner.run_example(example);
        job.succeeded();
        assert_eq!(sent(&sandbox, "status"), statuses, "{}", job.log);
        assert_eq!(sent(&sandbox, "environment_name"), vec!["production"; statuses.len()]);
        assert_eq!(job.log.contains("deploy.sh ran"), example.contains("deploy.sh"), "{}", job.log);
        assert_eq!(job.log.contains("without the key"), example.contains("run: |"), "{}", job.log);
        assert!(!job.log.contains("tell-the-team.sh ran"), "{}", job.log);
    }
}

/// The workflow that tries the Action on GitHub, as far as it runs here: without its other systems and containers.
#[test]
fn the_self_test_passes() {
    let sandbox = Sandbox::start();
    let runner = Runner::new(&sandbox);
    runner.has_built();
    let options = ["--job", "steps", "--matrix", &format!("file:{FILE}"), "--platform", "ubuntu-24.04=-self-hosted"];
    let job = runner.run_with("../../../.github/workflows/self-test.yml", &options);
    job.succeeded();
    assert!(job.log.contains("about to fail") && job.log.contains("Success - Main They were"), "{}", job.log);
}
