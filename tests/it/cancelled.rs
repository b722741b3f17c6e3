//! Cancelled jobs: each CI system's own way to stop one, with real processes and real signals.

use crate::support::{Versioner, statuses};
use serde_json::json;
use std::io::{BufRead as _, BufReader, Lines};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use versioner_sandbox::{Fault, Reply, Sandbox};

/// A wrapped command in a job, with a mark in the environment of each of its processes.
struct Job {
    call: Versioner,
    mark: String,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// How the job's process is started.
#[derive(Clone, Copy, PartialEq)]
enum Above {
    /// By the runner itself, or by shells that `exec`.
    Nothing,
    /// By a shell that stays.
    Shell,
    /// By Jenkins' wrapper, which ignores SIGINT and SIGHUP.
    Jenkins,
}

impl Job {
    /// Starts `script`, and waits until it says `ready`.
    fn start(sandbox: &Sandbox, above: Above, settings: &[(&str, &str)], script: &str) -> Self {
        let mut job = Self::begin(sandbox, above, settings, script);
        assert_eq!(job.line(), "ready");
        job
    }

    fn begin(sandbox: &Sandbox, above: Above, settings: &[(&str, &str)], script: &str) -> Self {
        let mark = uuid::Uuid::new_v4().to_string();
        let call = Versioner::wrap(sandbox, ["bash", "-c", script])
            .envs(&[("GITHUB_ACTIONS", "true"), ("MARK", &mark), ("VERSIONER_RETRIES", "0")])
            .envs(settings);
        let plain = call.command();
        let mut command = match above {
            Above::Nothing => call.command(),
            Above::Shell | Above::Jenkins => {
                let mut shell = Command::new("bash");
                let before = if above == Above::Jenkins { "trap '' INT HUP; " } else { "" };
                shell.arg("-c").arg(format!("{before}\"$@\"; code=$?; echo; exit $code")).arg("bash");
                shell.arg(plain.get_program()).args(plain.get_args());
                shell.env_clear().current_dir(call.dir.path());
                shell.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
                shell
            }
        };
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn();
        let mut child = child.unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { call, mark, child, lines }
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("a line").unwrap()
    }

    /// The job's processes, by number.
    fn processes(&self) -> Vec<u32> {
        let mark = format!("MARK={}", self.mark);
        let mut numbers: Vec<u32> = std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
            .filter(|number| {
                let environment = std::fs::read(format!("/proc/{number}/environ")).unwrap_or_default();
                environment.split(|byte| *byte == 0).any(|pair| pair == mark.as_bytes())
            })
            .collect();
        numbers.sort_unstable();
        numbers
    }

    fn signal(&self, signal: &str) {
        send(signal, &self.child.id().to_string());
    }

    /// Waits for its end; gives how it ended and what it said on stderr. Nothing of it may be left.
    fn end(mut self) -> (ExitStatus, String) {
        let mut said = String::new();
        std::io::Read::read_to_string(&mut self.child.stderr.take().unwrap(), &mut said).unwrap();
        let status = self.child.wait().unwrap();
        let left_at = Instant::now() + Duration::from_secs(20);
        while !self.processes().is_empty() {
            assert!(Instant::now() < left_at, "left running: {:?}; {said}", self.processes());
            std::thread::sleep(Duration::from_millis(10));
        }
        (status, said)
    }
}

fn send(signal: &str, to: &str) {
    // Who has ended meanwhile needs no signal.
    let _ = Command::new("kill").args([signal, "--", to]).stderr(Stdio::null()).status().unwrap();
}

/// A command with a grandchild, which says when it is ready.
const PLAIN: &str = "sleep 300 & echo ready; wait; exit 1";

#[test]
fn github_signal_to_versioner_reports_aborted() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let sandbox = Sandbox::start();
        let job = Job::start(&sandbox, Above::Nothing, &[], "sleep 300 & echo ready; wait; sleep 300");
        job.signal(signal);
        let (status, said) = job.end();
        assert_eq!(status.code(), Some(code), "{said}");
        assert_eq!(statuses(&sandbox), ["started", "aborted"], "{said}");
    }
}

#[test]
fn github_signal_to_the_parent_shell_reports_aborted() {
    let sandbox = Sandbox::start();
    let job = Job::start(&sandbox, Above::Shell, &[], PLAIN);
    // The shell puts SIGINT off until its child ends; SIGTERM ends it, and tells nobody.
    job.signal("-INT");
    job.signal("-TERM");
    let (status, said) = job.end();
    assert_eq!(status.signal(), Some(15), "{said}");
    assert_eq!(statuses(&sandbox), ["started", "aborted"], "{said}");
}

#[test]
fn gitlab_shell_executor_signal_to_the_group_reports_aborted() {
    let sandbox = Sandbox::start();
    let job = Job::start(&sandbox, Above::Shell, &[], PLAIN);
    send("-TERM", &format!("-{}", job.child.id()));
    let (_, said) = job.end();
    assert_eq!(statuses(&sandbox), ["started", "aborted"], "{said}");
}

#[test]
fn gitlab_docker_executor_signal_to_each_process_reports_aborted() {
    let sandbox = Sandbox::start();
    // The command dies, or shows its own command's death as its exit code, before the signal reaches us.
    for script in
        ["echo ready; exec sleep 300", "set -e; echo ready; sleep 300; exit 1", "sleep 300 & echo ready; wait $!"]
    {
        sandbox.clear_requests();
        let job = Job::start(&sandbox, Above::Shell, &[], script);
        for process in job.processes().into_iter().rev() {
            send("-TERM", &process.to_string());
        }
        let (_, said) = job.end();
        assert_eq!(statuses(&sandbox), ["started", "aborted"], "{said}");
    }
}

#[test]
fn jenkins_sigterm_reports_aborted_while_sigint_and_sighup_stay_ignored() {
    let sandbox = Sandbox::start();
    let ignored = "grep SigIgn /proc/self/status; ";
    let mut job = Job::begin(&sandbox, Above::Jenkins, &[], &format!("{ignored}{PLAIN}"));
    let mask = u64::from_str_radix(job.line().split_whitespace().last().unwrap(), 16).unwrap();
    assert_eq!(mask & 0b11, 0b11, "SIGHUP and SIGINT stay ignored: {mask:x}");
    assert_eq!(job.line(), "ready");
    for process in job.processes() {
        send("-INT", &process.to_string());
        send("-HUP", &process.to_string());
    }
    assert!(job.child.try_wait().unwrap().is_none() && job.processes().len() >= 4, "{:?}", job.processes());
    for process in job.processes() {
        send("-TERM", &process.to_string());
    }
    let (_, said) = job.end();
    assert_eq!(statuses(&sandbox), ["started", "aborted"], "{said}");
}

#[test]
fn command_can_clean_up_after_sigterm() {
    for (script, code, status) in [
        ("trap 'echo clean; exit 0' TERM; echo ready; while :; do sleep 0.05; done", 0, "completed"),
        ("trap 'echo clean; exit 3' TERM; echo ready; while :; do sleep 0.05; done", 3, "aborted"),
    ] {
        let sandbox = Sandbox::start();
        let mut job = Job::start(&sandbox, Above::Nothing, &[], script);
        job.signal("-TERM");
        assert_eq!(job.line(), "clean");
        let (ended, said) = job.end();
        assert_eq!(ended.code(), Some(code), "{said}");
        assert_eq!(statuses(&sandbox), ["started", status], "{said}");
        assert!(said.contains(&format!("SIGTERM came, and the command ended with {code}")), "{said}");
    }
}

#[test]
fn second_signal_is_forwarded() {
    let sandbox = Sandbox::start();
    let script = "trap 'echo first' INT; trap 'echo second; exit 4' TERM; echo ready; while :; do sleep 0.05; done";
    let mut job = Job::start(&sandbox, Above::Nothing, &[], script);
    job.signal("-INT");
    assert_eq!(job.line(), "first");
    job.signal("-TERM");
    assert_eq!(job.line(), "second");
    assert_eq!(job.end().0.code(), Some(4));
}

#[test]
fn user_signals_are_forwarded_without_aborting() {
    let sandbox = Sandbox::start();
    let script = "trap 'echo usr1' USR1; trap 'exit 5' USR2; echo ready; while :; do sleep 0.05; done";
    let mut job = Job::start(&sandbox, Above::Nothing, &[], script);
    job.signal("-USR1");
    assert_eq!(job.line(), "usr1");
    job.signal("-USR2");
    assert_eq!(job.end().0.code(), Some(5));
    assert_eq!(statuses(&sandbox), ["started", "failed"]);
}

#[test]
fn command_that_ignores_signals_is_killed_after_stop_timeout() {
    let sandbox = Sandbox::start();
    let script = "trap '' INT TERM HUP; sleep 300 & echo ready; wait";
    let job = Job::start(&sandbox, Above::Nothing, &[("VERSIONER_STOP_TIMEOUT", "300ms")], script);
    job.signal("-TERM");
    let (status, said) = job.end();
    assert_eq!(status.code(), Some(137), "{said}");
    assert_eq!(statuses(&sandbox), ["started", "aborted"], "{said}");
}

#[test]
fn aborted_is_reported_while_the_command_still_runs() {
    let sandbox = Sandbox::start();
    // One that ends well after all has taken place.
    let script = "trap '' INT TERM; echo ready; read -r _ <\"$FIFO\"; exit 0";
    let fifo = tempfile::tempdir().unwrap();
    let path = fifo.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let settings = [("FIFO", path.to_str().unwrap()), ("VERSIONER_STOP_TIMEOUT", "120s")];
    let job = Job::start(&sandbox, Above::Nothing, &settings, script);
    let signalled = Instant::now();
    job.signal("-INT");
    assert!(sandbox.wait_for_requests(2, Duration::from_secs(60)));
    assert!(signalled.elapsed() >= Duration::from_secs(4), "the command is given its time first");
    assert_eq!(statuses(&sandbox), ["started", "aborted"]);
    std::fs::write(&path, "end\n").unwrap();
    let (status, said) = job.end();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(statuses(&sandbox), ["started", "aborted", "completed"], "{said}");
}

#[test]
fn undelivered_aborted_event_is_spooled() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::behave(), Reply::fault(Fault::Hang)]);
    let job = Job::start(&sandbox, Above::Nothing, &[], PLAIN);
    job.signal("-TERM");
    let state = job.call.dir.path().join("state/versioner/spool");
    let mut child = job.child;
    let mut said = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut said).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143), "{said}");
    assert!(said.contains("Kept for later%3A shop 1.4.2 → production (aborted)"), "{said}");
    let kept = std::fs::read_dir(state)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "json"));
    assert_eq!(kept.count(), 1);
}

#[test]
fn signal_during_the_started_request_reports_aborted() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::behave().delay(Duration::from_secs(60))]);
    let job = Job::begin(&sandbox, Above::Nothing, &[], "echo ran");
    assert!(sandbox.wait_for_requests(1, Duration::from_secs(60)));
    job.signal("-TERM");
    let mut job = job;
    assert!(job.lines.next().is_none(), "nothing ran");
    let (status, said) = job.end();
    assert_eq!(status.code(), Some(143), "{said}");
    assert_eq!(statuses(&sandbox), ["started", "aborted"], "{said}");
}

#[test]
fn signal_during_a_wait_sends_no_event() {
    let sandbox = Sandbox::start();
    sandbox.rule(
        json!({"kind": "window", "name": "friday_freeze", "environment": "production", "ends_in_seconds": 600}).into(),
    );
    let mut job = Job::begin(&sandbox, Above::Nothing, &[("VERSIONER_ON_BLOCK", "wait")], "echo ran");
    let mut stderr = BufReader::new(job.child.stderr.take().unwrap());
    let mut said = String::new();
    while !said.contains("waiting: no-deploy window") {
        assert!(stderr.read_line(&mut said).unwrap() > 0, "{said}");
    }
    job.signal("-INT");
    assert_eq!(job.child.wait().unwrap().code(), Some(130));
    std::io::Read::read_to_string(&mut stderr, &mut said).unwrap();
    assert!(said.contains("was stopped by SIGINT") && said.contains("friday_freeze"), "{said}");
    assert_eq!(statuses(&sandbox), ["started"], "{said}");
    assert!(job.lines.next().is_none(), "nothing ran");
}

#[test]
fn signal_during_the_final_event_still_reports_completed() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::behave(), Reply::behave().delay(Duration::from_secs(1))]);
    let job = Job::begin(&sandbox, Above::Nothing, &[], "exit 0");
    assert!(sandbox.wait_for_requests(2, Duration::from_secs(60)));
    job.signal("-TERM");
    let (status, said) = job.end();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(statuses(&sandbox), ["started", "completed"], "{said}");
    assert!(!said.contains("Kept for later"), "{said}");
}

#[test]
fn signal_at_any_moment_reports_or_spools_an_end() {
    let sandbox = Sandbox::start();
    let mut rng = fastrand::Rng::with_seed(20_251_028);
    let mut seen = std::collections::BTreeSet::new();
    // The signals fall into a call's whole life, however long that is on this machine.
    let started = Instant::now();
    assert!(Job::begin(&sandbox, Above::Nothing, &[], "sleep 0.1").end().0.success());
    let span = started.elapsed().mul_f64(1.2);
    for round in 0..60 {
        sandbox.clear_requests();
        let job = Job::begin(&sandbox, Above::Nothing, &[], "sleep 0.1");
        std::thread::sleep(span.mul_f64(rng.f64()));
        job.signal("-TERM");
        let state = job.call.dir.path().join("state/versioner/spool");
        // Its directory lives as long as the call.
        let Job { call, mut child, .. } = job;
        let mut said = String::new();
        std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut said).unwrap();
        let status = child.wait().unwrap();
        let heard = statuses(&sandbox);
        let kept = std::fs::read_dir(&state).map_or(0, |entries| {
            entries.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|e| e == "json")).count()
        });
        drop(call);
        let words: Vec<&str> = heard.iter().map(String::as_str).collect();
        match (status.code(), words.as_slice()) {
            // Before it listened to signals.
            (None, []) => {}
            (Some(143), [] | ["started"]) if kept == 1 => {}
            (Some(143), ["aborted"] | ["started", "aborted"]) | (Some(0), ["started", "completed"]) => {}
            other => panic!("round {round}: {other:?}, {kept} kept: {said}"),
        }
        seen.insert(words.join(" "));
    }
    assert!(
        seen.contains("started aborted") && seen.contains("started completed"),
        "the signals came at one moment only: {seen:?}"
    );
}

#[test]
fn exit_of_a_parent_thread_does_not_stop_the_command() {
    let sandbox = Sandbox::start();
    let fifo = tempfile::tempdir().unwrap();
    let path = fifo.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let settings = [("FIFO", path.to_str().unwrap())];
    // The kernel signals a child when the thread that started it ends, as an agent's threads do while the agent lives on.
    let job = std::thread::scope(|scope| {
        scope
            .spawn(|| Job::start(&sandbox, Above::Nothing, &settings, "echo ready; read -r _ <\"$FIFO\"; exit 0"))
            .join()
    });
    std::fs::write(&path, "go on\n").unwrap();
    let (status, said) = job.unwrap().end();
    assert_eq!(status.code(), Some(0), "{said}");
    assert_eq!(statuses(&sandbox), ["started", "completed"], "{said}");
}

#[test]
fn slow_buildkite_agent_does_not_delay_the_kill() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::behave(), Reply::status(503).times(9)]);
    let tools = tempfile::tempdir().unwrap();
    let call = Versioner::bare();
    call.program("buildkite-agent", "#!/bin/sh\nexec sleep 300\n");
    std::fs::copy(call.dir.path().join("buildkite-agent"), tools.path().join("buildkite-agent")).unwrap();
    let path = format!("{}:/usr/bin:/bin", tools.path().display());
    let settings =
        [("GITHUB_ACTIONS", "false"), ("BUILDKITE", "true"), ("PATH", path.as_str()), ("VERSIONER_STOP_TIMEOUT", "6s")];
    let script = "trap '' TERM; echo $$; echo ready; while :; do sleep 0.1; done";
    let mut job = Job::begin(&sandbox, Above::Nothing, &settings, script);
    let command = job.line();
    assert_eq!(job.line(), "ready");
    let signalled = Instant::now();
    job.signal("-TERM");
    // Its end is reported after 5 s, and shown by an agent that never ends; at 6 s it dies all the same.
    let alive = || Command::new("kill").args(["-0", &command]).stderr(Stdio::null()).status().unwrap().success();
    while alive() {
        assert!(signalled.elapsed() < Duration::from_secs(12), "it lives");
        std::thread::sleep(Duration::from_millis(20));
    }
    // One agent after another would be waited for: versioner first, so that it starts no more, then those that are there.
    job.signal("-KILL");
    assert!(!job.child.wait().unwrap().success());
    for process in job.processes() {
        send("-KILL", &process.to_string());
    }
    let (_, said) = job.end();
    assert_eq!(statuses(&sandbox)[..2], ["started", "aborted"], "{said}");
}
