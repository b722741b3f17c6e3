//! A cancelled workflow run. GitHub sends SIGINT, SIGTERM after 7.5 s, and SIGKILL after another 2.5 s, each to one
//! process: the shell of the step. Source: actions/runner, `ProcessInvoker.cs`.

use crate::step::{Step, StepResult, send_signal};
use std::io::{BufRead as _, BufReader};
use std::process::Child;
use std::time::{Duration, Instant};
use versioner_sandbox::Sandbox;

const SIGTERM_DELAY: Duration = Duration::from_millis(7_500);
const SIGKILL_DELAY: Duration = Duration::from_millis(2_500);

/// A step that wraps a script. The script prints `ready` when it can be cancelled.
struct WrappedStep<'a> {
    sandbox: &'a Sandbox,
    step: Step,
}

struct CancelledStep {
    result: StepResult,
    elapsed: Duration,
    output_after_cancel: Vec<String>,
}

impl<'a> WrappedStep<'a> {
    fn new(sandbox: &'a Sandbox, script: &str, inputs: &[(&str, &str)]) -> Self {
        Self { sandbox, step: Step::deployment(sandbox, &[&[("run", script)], inputs].concat()) }
    }

    /// Starts the step and cancels it when its script is ready.
    fn cancel(&self) -> CancelledStep {
        let mut child = self.step.start();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line == "ready"), "the script did not start");
        let cancelled_at = Instant::now();
        send_signal("-INT", &child);
        if !exits_within(&mut child, SIGTERM_DELAY) {
            send_signal("-TERM", &child);
            assert!(exits_within(&mut child, SIGKILL_DELAY), "GitHub would have killed the step");
        }
        let elapsed = cancelled_at.elapsed();
        CancelledStep { output_after_cancel: lines.collect(), result: self.step.wait(child), elapsed }
    }

    fn sent_statuses(&self) -> Vec<String> {
        self.sandbox.requests().iter().map(|request| request.json()["status"].as_str().unwrap().to_owned()).collect()
    }
}

fn exits_within(child: &mut Child, limit: Duration) -> bool {
    let start = Instant::now();
    while start.elapsed() < limit {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

#[test]
fn script_that_exits_on_sigint_is_reported_as_aborted() {
    let sandbox = Sandbox::start();
    let step = WrappedStep::new(&sandbox, "echo ready\nexec sleep 60", &[]);
    let cancelled = step.cancel();
    assert_eq!(step.sent_statuses(), ["started", "aborted"], "{:?}", cancelled.result);
    assert_eq!(cancelled.result.code, 130);
    assert_eq!(
        (&*cancelled.result.outputs["deployment_status"], &*cancelled.result.outputs["exit_code"]),
        ("aborted", "130")
    );
    assert!(cancelled.elapsed < SIGTERM_DELAY, "{:?}", cancelled.elapsed);
}

#[test]
fn cancelled_script_can_clean_up() {
    let sandbox = Sandbox::start();
    let script = "trap 'echo cleaning up; sleep 1; echo clean; exit 4' INT\necho ready\nwhile :; do sleep 0.1; done";
    let step = WrappedStep::new(&sandbox, script, &[]);
    let cancelled = step.cancel();
    assert!(cancelled.output_after_cancel.iter().any(|line| line == "clean"), "{:?}", cancelled.output_after_cancel);
    assert_eq!((cancelled.result.code, step.sent_statuses()), (4, vec!["started".to_owned(), "aborted".to_owned()]));
}

#[test]
fn cancelled_script_that_succeeds_is_reported_as_completed() {
    let sandbox = Sandbox::start();
    let step = WrappedStep::new(&sandbox, "trap '' INT\necho ready\nsleep 1", &[]);
    let cancelled = step.cancel();
    assert_eq!((cancelled.result.code, step.sent_statuses()), (0, vec!["started".to_owned(), "completed".to_owned()]));
}

#[test]
fn script_that_ignores_signals_is_killed_before_github_kills_the_step() {
    let sandbox = Sandbox::start();
    let step = WrappedStep::new(&sandbox, "trap '' INT TERM\necho ready\nsleep 60 & wait; sleep 60", &[]);
    let cancelled = step.cancel();
    assert!(cancelled.elapsed > SIGTERM_DELAY, "{:?}", cancelled.elapsed);
    assert_eq!((cancelled.result.code, step.sent_statuses()), (137, vec!["started".to_owned(), "aborted".to_owned()]));
    assert_eq!(cancelled.result.outputs["deployment_status"], "aborted");
}

#[test]
fn stop_timeout_input_sets_the_time_to_sigkill() {
    let sandbox = Sandbox::start();
    let step = WrappedStep::new(&sandbox, "trap '' INT TERM\necho ready\nsleep 60", &[("stop-timeout", "1s")]);
    let cancelled = step.cancel();
    assert!(cancelled.elapsed < Duration::from_secs(5), "{:?}", cancelled.elapsed);
    assert_eq!((cancelled.result.code, step.sent_statuses()), (137, vec!["started".to_owned(), "aborted".to_owned()]));
}

#[test]
fn later_step_closes_the_started_deployment_once() {
    for (status, expected) in [("cancelled", "aborted"), ("failure", "failed"), ("success", "completed")] {
        let sandbox = Sandbox::start();
        let step = Step::deployment(&sandbox, &[("status", "started")]);
        assert_eq!(step.run().code, 0);
        let (key, url) = (sandbox.key().to_owned(), sandbox.url());
        let finish = step.next(&[("command", "finish"), ("status", status), ("api_key", &key), ("api_url", &url)]);
        let result = finish.run();
        let requests = sandbox.requests();
        assert_eq!(requests.len(), 2, "{result:?}");
        assert_eq!(requests[1].json()["status"], expected);
        assert_eq!(requests[1].json()["environment_name"], "production");
        assert_eq!(finish.run().code, 0);
        assert_eq!(sandbox.requests().len(), 2);
    }
}
