//! Matrix jobs at the same time on one runner: each closes its own deployment, and no other.

use crate::support::Versioner;
use std::collections::BTreeMap;
use std::sync::Barrier;
use std::thread;
use versioner_sandbox::Sandbox;

const JOBS: usize = 10;

/// A job of a matrix. Only its RUNNER_TEMP differs from those of the others.
fn job(sandbox: &Sandbox, spool: &str, index: usize) -> Versioner {
    let environment = format!("region-{index}");
    let call = Versioner::github(sandbox, "started");
    let temp = call.dir.path().join(format!("_temp-{index}")).display().to_string();
    std::fs::create_dir(&temp).unwrap();
    call.env("INPUT_ENVIRONMENT", &environment)
        .env("INPUT_SPOOL_DIR", spool)
        .env("RUNNER_TEMP", &temp)
        .env("RUNNER_NAME", "runner-1")
}

fn end_of(index: usize) -> &'static str {
    ["completed", "failed", "aborted"][index % 3]
}

/// The statuses of each environment, in the order in which they were received.
fn received(sandbox: &Sandbox) -> BTreeMap<String, Vec<String>> {
    let mut statuses: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for request in sandbox.requests() {
        let text = |name: &str| request.json()[name].as_str().unwrap().to_owned();
        statuses.entry(text("environment_name")).or_default().push(text("status"));
    }
    statuses
}

#[test]
fn ten_matrix_jobs_with_one_spool_close_their_own_deployments() {
    let sandbox = Sandbox::start();
    let shared = tempfile::tempdir().unwrap();
    let spool = shared.path().join("spool").display().to_string();
    let all_started = Barrier::new(JOBS);
    thread::scope(|scope| {
        for index in 0..JOBS {
            let (sandbox, spool, all_started) = (&sandbox, &spool, &all_started);
            scope.spawn(move || {
                let started = job(sandbox, spool, index);
                let run = started.run();
                assert_eq!(run.code, 0, "{}", run.all());
                // Every deployment is in the shared journal before the first one ends.
                all_started.wait();
                let finish = started.env("INPUT_COMMAND", "finish").env("INPUT_STATUS", end_of(index)).run();
                assert_eq!(finish.code, 0, "{}", finish.all());
                assert!(finish.all().contains(&format!("region-{index}")), "{}", finish.all());
            });
        }
    });
    let expected: BTreeMap<String, Vec<String>> = (0..JOBS)
        .map(|index| (format!("region-{index}"), vec!["started".to_owned(), end_of(index).to_owned()]))
        .collect();
    assert_eq!(received(&sandbox), expected);
    let left = std::fs::read_dir(shared.path().join("spool/open")).unwrap().flatten().count();
    assert_eq!(left, 0, "the journal is empty");
}
