//! A workflow run that is cancelled, as GitHub does it: SIGINT, 7.5 seconds, SIGTERM, 2.5 seconds, SIGKILL, and each to
//! one process, the shell that the step was started as. (actions/runner, `ProcessInvoker.cs`)

use crate::step::{Ended, Step, send};
use std::io::{BufRead as _, BufReader};
use std::process::Child;
use std::time::{Duration, Instant};
use versioner_sandbox::Sandbox;

const TO_SIGTERM: Duration = Duration::from_millis(7_500);
const TO_SIGKILL: Duration = Duration::from_millis(2_500);

/// A step that wraps `script`, which says `ready` when it may be cancelled.
struct Wrapped<'a> {
    sandbox: &'a Sandbox,
    step: Step,
}

/// How a cancelled step ended, and after how long.
struct Cancelled {
    ended: Ended,
    after: Duration,
    rest: Vec<String>,
}

impl<'a> Wrapped<'a> {
    fn new(sandbox: &'a Sandbox, script: &str, inputs: &[(&str, &str)]) -> Self {
        Self { sandbox, step: Step::deployment(sandbox, &[&[("run", script)], inputs].concat()) }
    }

    /// Starts the step, waits for its script, and cancels it.
    fn cancel(&self, to_sigterm: Duration, to_sigkill: Duration) -> Cancelled {
        let mut child = self.step.start();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        assert!(lines.any(|line| line == "ready"), "the script did not start");
        let began = Instant::now();
        send("-INT", &child);
        if !ends_within(&mut child, to_sigterm) {
            send("-TERM", &child);
            assert!(ends_within(&mut child, to_sigkill), "GitHub would have killed it before it ended");
        }
        let after = began.elapsed();
        Cancelled { rest: lines.collect(), ended: self.step.end(child), after }
    }

    fn statuses(&self) -> Vec<String> {
        self.sandbox.requests().iter().map(|request| request.json()["status"].as_str().unwrap().to_owned()).collect()
    }
}

fn ends_within(child: &mut Child, limit: Duration) -> bool {
    let began = Instant::now();
    while began.elapsed() < limit {
        if child.try_wait().unwrap().is_some() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

#[test]
fn a_script_that_ends_at_the_first_signal_is_aborted() {
    let sandbox = Sandbox::start();
    let step = Wrapped::new(&sandbox, "echo ready\nexec sleep 60", &[]);
    let cancelled = step.cancel(TO_SIGTERM, TO_SIGKILL);
    assert_eq!(step.statuses(), ["started", "aborted"], "{:?}", cancelled.ended);
    assert_eq!(cancelled.ended.code, 130);
    assert_eq!((&*cancelled.ended.outputs["status"], &*cancelled.ended.outputs["exit_code"]), ("aborted", "130"));
    assert!(cancelled.after < TO_SIGTERM, "{:?}", cancelled.after);
}

#[test]
fn a_script_that_cleans_up_is_let_do_so() {
    let sandbox = Sandbox::start();
    let script = "trap 'echo cleaning up; sleep 1; echo clean; exit 4' INT\necho ready\nwhile :; do sleep 0.1; done";
    let step = Wrapped::new(&sandbox, script, &[]);
    let cancelled = step.cancel(TO_SIGTERM, TO_SIGKILL);
    assert!(cancelled.rest.iter().any(|line| line == "clean"), "{:?}", cancelled.rest);
    assert_eq!((cancelled.ended.code, step.statuses()), (4, vec!["started".to_owned(), "aborted".to_owned()]));
}

#[test]
fn a_script_that_is_done_all_the_same_is_completed() {
    let sandbox = Sandbox::start();
    let step = Wrapped::new(&sandbox, "trap '' INT\necho ready\nsleep 1", &[]);
    let cancelled = step.cancel(TO_SIGTERM, TO_SIGKILL);
    assert_eq!((cancelled.ended.code, step.statuses()), (0, vec!["started".to_owned(), "completed".to_owned()]));
}

#[test]
fn a_script_that_hears_nothing_is_killed_before_github_kills_us() {
    let sandbox = Sandbox::start();
    let step = Wrapped::new(&sandbox, "trap '' INT TERM\necho ready\nsleep 60 & wait; sleep 60", &[]);
    let cancelled = step.cancel(TO_SIGTERM, TO_SIGKILL);
    assert!(cancelled.after > TO_SIGTERM, "{:?}", cancelled.after);
    assert_eq!((cancelled.ended.code, step.statuses()), (137, vec!["started".to_owned(), "aborted".to_owned()]));
    assert_eq!(cancelled.ended.outputs["status"], "aborted");
}

#[test]
fn how_long_it_may_take_to_stop_is_the_workflows_choice() {
    let sandbox = Sandbox::start();
    let step = Wrapped::new(&sandbox, "trap '' INT TERM\necho ready\nsleep 60", &[("stop-timeout", "1s")]);
    let cancelled = step.cancel(TO_SIGTERM, TO_SIGKILL);
    assert!(cancelled.after < Duration::from_secs(5), "{:?}", cancelled.after);
    assert_eq!((cancelled.ended.code, step.statuses()), (137, vec!["started".to_owned(), "aborted".to_owned()]));
}

#[test]
fn a_later_step_finishes_what_an_earlier_one_started() {
    for (status, expected) in [("cancelled", "aborted"), ("failure", "failed"), ("success", "completed")] {
        let sandbox = Sandbox::start();
        let step = Step::deployment(&sandbox, &[("status", "started")]);
        assert_eq!(step.run().code, 0);
        let (key, url) = (sandbox.key().to_owned(), sandbox.url());
        let finish = step.next(&[("command", "finish"), ("status", status), ("api_key", &key), ("api_url", &url)]);
        let ended = finish.run();
        let requests = sandbox.requests();
        assert_eq!(requests.len(), 2, "{ended:?}");
        assert_eq!(requests[1].json()["status"], expected);
        assert_eq!(requests[1].json()["environment_name"], "production");
        // And only once.
        assert_eq!(finish.run().code, 0);
        assert_eq!(sandbox.requests().len(), 2);
    }
}
