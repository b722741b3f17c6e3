//! Tests of the Action under a real runner: `act` runs workflow files on this machine, and the sandbox stands in for
//! the API.
//!
//! Not part of `cargo test`, because they need `act`: run `cargo test --test act`. Where act differs from GitHub,
//! `tests/action` tests what GitHub does. `VERSIONER_TEST_BIN` puts another binary into the release.

#![cfg(target_os = "linux")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

mod runner;

use runner::{BINARY_NAME, Job, Runner};
use serde_json::{Value, json};
use versioner_sandbox::{Reply, Sandbox};

fn add_freeze(sandbox: &Sandbox, seconds: u32) {
    let rule = json!({"kind": "window", "name": "freeze", "environment": "production", "ends_in_seconds": seconds,
        "message": "No deployments on Fridays"});
    sandbox.rule(rule.into());
}

/// One field of every event the API received, in order.
fn sent(sandbox: &Sandbox, field: &str) -> Vec<Value> {
    sandbox.requests().iter().map(|request| request.json()[field].clone()).collect()
}

/// Retries runs that lose an annotation: on a busy machine, act can end a step before it has read all of the step's
/// output. Returns the first run with `errors` error annotations, or else the first run.
fn retry_lost_annotations(errors: usize, run: impl Fn() -> (Sandbox, Job)) -> (Sandbox, Job) {
    let mut runs = std::iter::repeat_with(run).take(5);
    let first = runs.next().expect("a run");
    if first.1.errors().len() == errors {
        first
    } else {
        runs.find(|(_, job)| job.errors().len() == errors).unwrap_or(first)
    }
}

#[test]
fn events_are_recorded_and_outputs_reach_later_steps() {
    let sandbox = Sandbox::start();
    let job = Runner::new(&sandbox).run("report.yml");
    job.assert_succeeded();
    assert_eq!(sent(&sandbox, "product_name"), ["the \"shop\" & $HOME", "shop"]);
    assert_eq!(sent(&sandbox, "deployed_by"), [json!("octocat"), Value::Null]);
    assert_eq!(sent(&sandbox, "scm_repository"), ["octo/shop"; 2]);
    let requests = sandbox.requests();
    let metadata = &requests[0].json()["extra_metadata"];
    assert_eq!((&metadata["ticket"], &metadata["quote"]), (&json!("A-1"), &json!("it's")));
    assert!(!job.log.contains(sandbox.key()), "{}", job.log);
}

#[test]
fn block_fails_the_job_unless_the_workflow_handles_it() {
    let (sandbox, job) = retry_lost_annotations(2, || {
        let sandbox = Sandbox::start();
        add_freeze(&sandbox, 600);
        let job = Runner::new(&sandbox).run("block.yml");
        (sandbox, job)
    });
    job.assert_failed(5);
    assert!(job.log.contains("handled the block: No deployments on Fridays"), "{}", job.log);
    assert!(!job.log.contains("deployed despite"), "{}", job.log);
    assert!(job.errors().iter().all(|error| error.contains("freeze")), "{:?}", job.errors());
    assert_eq!((job.errors().len(), sandbox.requests().len()), (2, 2), "{}", job.log);
}

#[test]
fn wait_ends_when_the_block_lifts() {
    let sandbox = Sandbox::start();
    add_freeze(&sandbox, 3);
    let job = Runner::new(&sandbox).run("wait.yml");
    job.assert_succeeded();
    assert!(sandbox.requests().len() <= 3, "{}", job.log);
}

#[test]
fn missing_key_error_names_the_secret() {
    let (sandbox, job) = retry_lost_annotations(1, || {
        let sandbox = Sandbox::start();
        let job = Runner::new(&sandbox).run("missing-key.yml");
        (sandbox, job)
    });
    job.assert_failed(1);
    let errors = job.errors();
    assert!(errors.len() == 1 && errors[0].contains("secrets.VERSIONER_API_KEY"), "{errors:?}");
    assert!(sandbox.requests().is_empty());
}

#[test]
fn tampered_binary_is_not_run() {
    let (_, job) = retry_lost_annotations(1, || {
        let sandbox = Sandbox::start();
        let runner = Runner::new(&sandbox);
        runner.replace_binary("#!/bin/sh\necho tampered >&2\n");
        let job = runner.run("local.yml");
        (sandbox, job)
    });
    job.assert_failed(1);
    let errors = job.errors();
    assert!(errors.len() == 1 && errors[0].contains("SHA-256") && errors[0].contains(BINARY_NAME), "{errors:?}");
    assert!(!job.log.contains("tampered"), "{}", job.log);
}

#[test]
fn local_action_works() {
    let sandbox = Sandbox::start();
    Runner::new(&sandbox).run("local.yml").assert_succeeded();
    assert_eq!(sent(&sandbox, "environment_name"), ["staging"]);
}

#[test]
fn rejected_event_exits_with_4() {
    let (_, job) = retry_lost_annotations(1, || {
        let sandbox = Sandbox::start();
        sandbox.script([Reply::status(422).json(json!({"detail": [{"loc": ["body", "version"], "msg": "too long"}]}))]);
        let job = Runner::new(&sandbox).run("local.yml");
        (sandbox, job)
    });
    job.assert_failed(4);
    assert!(job.errors()[0].contains("too long"), "{:?}", job.errors());
}

#[test]
fn wrapped_script_is_reported() {
    let sandbox = Sandbox::start();
    let job = Runner::new(&sandbox).run("run.yml");
    job.assert_succeeded();
    assert_eq!(sent(&sandbox, "status"), ["started", "completed", "started", "failed"]);
    assert!(job.log.contains("deploying to the workflow's own"), "{}", job.log);
    assert!(!job.log.contains("not reached:"), "{}", job.log);
}

#[test]
fn later_step_closes_the_started_deployment() {
    let sandbox = Sandbox::start();
    let job = Runner::new(&sandbox).run("finish.yml");
    job.assert_failed(3);
    assert_eq!(sent(&sandbox, "status"), ["started", "failed"], "{}", job.log);
    assert!(job.log.contains("the end was recorded"), "{}", job.log);
}

/// A sandbox, a job that runs a workflow of `examples`, and the scripts that it calls.
fn run_example(name: &str, prepare: impl Fn(&Sandbox)) -> (Sandbox, Job) {
    let sandbox = Sandbox::start();
    prepare(&sandbox);
    let runner = Runner::new(&sandbox);
    let script = "#!/bin/sh\ntest -n \"$VERSIONER_API_KEY\" || echo 'without the key'\necho \"$0 ran: $*\"\n";
    for name in ["build.sh", "deploy.sh", "migrate.sh", "notify.sh"] {
        runner.write_executable(name, script);
    }
    let job = runner.run_example(name);
    (sandbox, job)
}

#[test]
fn examples_report_the_deployment() {
    for (name, statuses, calls) in [
        ("github-quick-start.yml", ["started", "completed"].as_slice(), ["deploy.sh ran"].as_slice()),
        ("github-gate-and-finish.yml", &["started", "completed"], &["migrate.sh ran", "deploy.sh ran"]),
        ("github-wait.yml", &["started", "completed"], &["deploy.sh ran"]),
        ("github-branch-on-outputs.yml", &["started", "completed"], &["deploy.sh ran"]),
        ("github-build.yml", &["completed"], &["build.sh ran"]),
    ] {
        let (sandbox, job) = run_example(name, |_| ());
        job.assert_succeeded();
        assert_eq!(sent(&sandbox, "status"), statuses, "{name}: {}", job.log);
        assert!(calls.iter().all(|call| job.log.contains(call)), "{name}: {}", job.log);
        assert!(!job.log.contains("notify.sh ran"), "{name}: {}", job.log);
        // The scripts of `run` do not get the key.
        let wrapped = ["github-quick-start.yml", "github-wait.yml", "github-build.yml"].contains(&name);
        assert_eq!(job.log.contains("without the key"), wrapped, "{name}: {}", job.log);
    }
}

#[test]
fn example_of_many_services_reports_each() {
    let (sandbox, job) = run_example("github-matrix.yml", |_| ());
    job.assert_succeeded();
    for service in ["web", "worker", "billing"] {
        let requests = sandbox.requests();
        let own = requests.iter().filter(|request| request.json()["product_name"] == service);
        let statuses: Vec<_> = own.map(|request| request.json()["status"].clone()).collect();
        assert_eq!(statuses, ["started", "completed"], "{service}: {}", job.log);
        assert!(job.log.contains(&format!("deploy.sh ran: {service}")), "{}", job.log);
    }
}

#[test]
fn examples_do_not_deploy_when_blocked() {
    let (_, job) = run_example("github-quick-start.yml", |sandbox| add_freeze(sandbox, 600));
    job.assert_failed(5);
    assert!(!job.log.contains("deploy.sh ran"), "{}", job.log);
    // This one handles the block.
    let (sandbox, job) = run_example("github-branch-on-outputs.yml", |sandbox| add_freeze(sandbox, 600));
    job.assert_succeeded();
    assert!(job.log.contains("notify.sh ran: No deployments on Fridays"), "{}", job.log);
    assert!(!job.log.contains("deploy.sh ran"), "{}", job.log);
    assert_eq!(sent(&sandbox, "status"), ["started"]);
}

#[test]
fn example_that_handles_blocks_still_fails_without_an_answer() {
    let unavailable = |sandbox: &Sandbox| sandbox.script([Reply::status(401).times(9)]);
    let (_, job) = run_example("github-branch-on-outputs.yml", unavailable);
    job.assert_failed(1);
    assert!(!job.log.contains("deploy.sh ran") && !job.log.contains("notify.sh ran"), "{}", job.log);
}

/// Runs one job of `self-test.yml`. Its containers and other operating systems need GitHub.
#[test]
fn self_test_workflow_passes() {
    let sandbox = Sandbox::start();
    let runner = Runner::new(&sandbox);
    runner.install_fake_cargo();
    let platform = format!("file:{BINARY_NAME}");
    let options = ["--job", "steps", "--matrix", &platform, "--platform", "ubuntu-24.04=-self-hosted"];
    let job = runner.run_with("../../../.github/workflows/self-test.yml", &options);
    job.assert_succeeded();
    assert!(job.log.contains("about to fail"), "{}", job.log);
    assert!(job.log.contains("Success - Main Check the wrapped scripts"), "{}", job.log);
}
