//! Cancelled jobs: how each CI system signals the processes of a job, with real processes and real signals.

use crate::support::{Versioner, statuses};
use serde_json::json;
use std::io::{BufRead as _, BufReader, Lines};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use versioner_sandbox::{Fault, Reply, Sandbox};

/// A CI job that runs `versioner run`. A unique mark in the environment identifies the job's processes.
struct Job {
    call: Versioner,
    mark: String,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

/// The process that starts versioner.
#[derive(Clone, Copy, PartialEq)]
enum Parent {
    /// The runner itself, or a shell that executes versioner with `exec`.
    Runner,
    /// A shell that waits for versioner.
    Shell,
    /// Jenkins' wrapper, which ignores SIGINT and SIGHUP.
    Jenkins,
}

impl Job {
    /// Starts a job whose command is `script`, and waits until the script prints `ready`.
    fn start(sandbox: &Sandbox, parent: Parent, settings: &[(&str, &str)], script: &str) -> Self {
        let mut job = Self::spawn(sandbox, parent, settings, script);
        assert_eq!(job.line(), "ready");
        job
    }

    /// Starts a job whose command is `script`.
    fn spawn(sandbox: &Sandbox, parent: Parent, settings: &[(&str, &str)], script: &str) -> Self {
        let mark = uuid::Uuid::new_v4().to_string();
        let call = Versioner::wrap(sandbox, ["bash", "-c", script])
            .envs(&[("GITHUB_ACTIONS", "true"), ("MARK", &mark), ("VERSIONER_RETRIES", "0")])
            .envs(settings);
        let versioner = call.command();
        let mut command = match parent {
            Parent::Runner => call.command(),
            Parent::Shell | Parent::Jenkins => {
                let mut shell = Command::new("bash");
                let before = if parent == Parent::Jenkins { "trap '' INT HUP; " } else { "" };
                shell.arg("-c").arg(format!("{before}\"$@\"; code=$?; echo; exit $code")).arg("bash");
                shell.arg(versioner.get_program()).args(versioner.get_args());
                shell.env_clear().current_dir(call.dir.path());
                shell.envs(versioner.get_envs().filter_map(|(name, value)| Some((name, value?))));
                shell
            }
        };
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn();
        let mut child = child.unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { call, mark, child, lines }
    }

    /// The next line of stdout.
    fn line(&mut self) -> String {
        self.lines.next().expect("a line").unwrap()
    }

    /// The ids of the job's processes, sorted.
    fn processes(&self) -> Vec<u32> {
        let mark = format!("MARK={}", self.mark);
        let mut pids: Vec<u32> = std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok())
            .filter(|pid| {
                let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
                environment.split(|byte| *byte == 0).any(|pair| pair == mark.as_bytes())
            })
            .collect();
        pids.sort_unstable();
        pids
    }

    fn signal(&self, signal: &str) {
        send(signal, &self.child.id().to_string());
    }

    /// Waits until the job has ended and left no process behind. Returns its exit status and stderr.
    fn wait(mut self) -> (ExitStatus, String) {
        self.wait_for_all()
    }

    /// Does what [`Job::wait`] does and keeps the job's directory.
    fn wait_for_all(&mut self) -> (ExitStatus, String) {
        let mut stderr = String::new();
        std::io::Read::read_to_string(&mut self.child.stderr.take().unwrap(), &mut stderr).unwrap();
        let status = self.child.wait().unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.processes().is_empty() {
            assert!(Instant::now() < deadline, "left running: {:?}; {stderr}", self.processes());
            std::thread::sleep(Duration::from_millis(10));
        }
        (status, stderr)
    }
}

/// Sends a signal to a process, or to a process group with a leading `-`.
fn send(signal: &str, to: &str) {
    // `kill` fails if the process has ended in the meantime.
    let _ = Command::new("kill").args([signal, "--", to]).stderr(Stdio::null()).status().unwrap();
}

/// A script with a child process that keeps running.
const SCRIPT: &str = "sleep 300 & echo ready; wait; exit 1";

#[test]
fn github_signal_to_versioner_reports_aborted() {
    for (signal, code) in [("-INT", 130), ("-TERM", 143), ("-HUP", 129)] {
        let sandbox = Sandbox::start();
        let job = Job::start(&sandbox, Parent::Runner, &[], "sleep 300 & echo ready; wait; sleep 300");
        job.signal(signal);
        let (status, stderr) = job.wait();
        assert_eq!(status.code(), Some(code), "{stderr}");
        assert_eq!(statuses(&sandbox), ["started", "aborted"], "{stderr}");
    }
}

#[test]
fn github_signal_to_the_parent_shell_reports_aborted() {
    let sandbox = Sandbox::start();
    let job = Job::start(&sandbox, Parent::Shell, &[], SCRIPT);
    // The shell handles SIGINT only after its child has ended. SIGTERM ends the shell, which forwards nothing.
    job.signal("-INT");
    job.signal("-TERM");
    let (status, stderr) = job.wait();
    assert_eq!(status.signal(), Some(15), "{stderr}");
    assert_eq!(statuses(&sandbox), ["started", "aborted"], "{stderr}");
}

#[test]
fn gitlab_shell_executor_signal_to_the_group_reports_aborted() {
    let sandbox = Sandbox::start();
    let job = Job::start(&sandbox, Parent::Shell, &[], SCRIPT);
    send("-TERM", &format!("-{}", job.child.id()));
    let (_, stderr) = job.wait();
    assert_eq!(statuses(&sandbox), ["started", "aborted"], "{stderr}");
}

#[test]
fn gitlab_docker_executor_signal_to_each_process_reports_aborted() {
    let sandbox = Sandbox::start();
    // The command dies of the signal, or exits with its child's 143, before versioner itself gets the signal.
    for script in
        ["echo ready; exec sleep 300", "set -e; echo ready; sleep 300; exit 1", "sleep 300 & echo ready; wait $!"]
    {
        sandbox.clear_requests();
        let job = Job::start(&sandbox, Parent::Shell, &[], script);
        // The Docker executor signals the highest process id first.
        for process in job.processes().into_iter().rev() {
            send("-TERM", &process.to_string());
        }
        let (_, stderr) = job.wait();
        assert_eq!(statuses(&sandbox), ["started", "aborted"], "{stderr}");
    }
}

#[test]
fn jenkins_sigterm_reports_aborted_while_sigint_and_sighup_stay_ignored() {
    let sandbox = Sandbox::start();
    let print_ignored = "grep SigIgn /proc/self/status; ";
    let mut job = Job::spawn(&sandbox, Parent::Jenkins, &[], &format!("{print_ignored}{SCRIPT}"));
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
    let (_, stderr) = job.wait();
    assert_eq!(statuses(&sandbox), ["started", "aborted"], "{stderr}");
}

#[test]
fn command_can_clean_up_after_sigterm() {
    for (script, code, status) in [
        ("trap 'echo clean; exit 0' TERM; echo ready; while :; do sleep 0.05; done", 0, "completed"),
        ("trap 'echo clean; exit 3' TERM; echo ready; while :; do sleep 0.05; done", 3, "aborted"),
    ] {
        let sandbox = Sandbox::start();
        let mut job = Job::start(&sandbox, Parent::Runner, &[], script);
        job.signal("-TERM");
        assert_eq!(job.line(), "clean");
        let (ended, stderr) = job.wait();
        assert_eq!(ended.code(), Some(code), "{stderr}");
        assert_eq!(statuses(&sandbox), ["started", status], "{stderr}");
        assert!(stderr.contains(&format!("SIGTERM came, and the command ended with {code}")), "{stderr}");
    }
}

#[test]
fn second_signal_is_forwarded() {
    let sandbox = Sandbox::start();
    let script = "trap 'echo first' INT; trap 'echo second; exit 4' TERM; echo ready; while :; do sleep 0.05; done";
    let mut job = Job::start(&sandbox, Parent::Runner, &[], script);
    job.signal("-INT");
    assert_eq!(job.line(), "first");
    job.signal("-TERM");
    assert_eq!(job.line(), "second");
    assert_eq!(job.wait().0.code(), Some(4));
}

#[test]
fn user_signals_are_forwarded_without_aborting() {
    let sandbox = Sandbox::start();
    let script = "trap 'echo usr1' USR1; trap 'exit 5' USR2; echo ready; while :; do sleep 0.05; done";
    let mut job = Job::start(&sandbox, Parent::Runner, &[], script);
    job.signal("-USR1");
    assert_eq!(job.line(), "usr1");
    job.signal("-USR2");
    assert_eq!(job.wait().0.code(), Some(5));
    assert_eq!(statuses(&sandbox), ["started", "failed"]);
}

#[test]
fn command_that_ignores_signals_is_killed_after_stop_timeout() {
    let sandbox = Sandbox::start();
    let script = "trap '' INT TERM HUP; sleep 300 & echo ready; wait";
    let job = Job::start(&sandbox, Parent::Runner, &[("VERSIONER_STOP_TIMEOUT", "300ms")], script);
    job.signal("-TERM");
    let (status, stderr) = job.wait();
    assert_eq!(status.code(), Some(137), "{stderr}");
    assert_eq!(statuses(&sandbox), ["started", "aborted"], "{stderr}");
}

#[test]
fn aborted_is_reported_while_the_command_still_runs() {
    let sandbox = Sandbox::start();
    // A command that then still exits with 0 counts as completed.
    let script = "trap '' INT TERM; echo ready; read -r _ <\"$FIFO\"; exit 0";
    let fifo = tempfile::tempdir().unwrap();
    let path = fifo.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let settings = [("FIFO", path.to_str().unwrap()), ("VERSIONER_STOP_TIMEOUT", "120s")];
    let job = Job::start(&sandbox, Parent::Runner, &settings, script);
    let signalled = Instant::now();
    job.signal("-INT");
    assert!(sandbox.wait_for_requests(2, Duration::from_secs(60)));
    assert!(signalled.elapsed() >= Duration::from_secs(4), "the event left too early");
    assert_eq!(statuses(&sandbox), ["started", "aborted"]);
    std::fs::write(&path, "end\n").unwrap();
    let (status, stderr) = job.wait();
    assert_eq!(status.code(), Some(0), "{stderr}");
    assert_eq!(statuses(&sandbox), ["started", "aborted", "completed"], "{stderr}");
}

#[test]
fn undelivered_aborted_event_is_spooled() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::behave(), Reply::fault(Fault::Hang)]);
    let job = Job::start(&sandbox, Parent::Runner, &[], SCRIPT);
    job.signal("-TERM");
    let state = job.call.dir.path().join("state/versioner/spool");
    let mut child = job.child;
    let mut stderr = String::new();
    std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut stderr).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143), "{stderr}");
    assert!(stderr.contains("Not recorded yet%3A shop 1.4.2 → production (aborted)"), "{stderr}");
    let spooled = std::fs::read_dir(state)
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "json"));
    assert_eq!(spooled.count(), 1);
}

#[test]
fn signal_during_the_started_request_reports_aborted() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::behave().delay(Duration::from_secs(60))]);
    let job = Job::spawn(&sandbox, Parent::Runner, &[], "echo ran");
    assert!(sandbox.wait_for_requests(1, Duration::from_secs(60)));
    job.signal("-TERM");
    let mut job = job;
    assert!(job.lines.next().is_none(), "the command ran");
    let (status, stderr) = job.wait();
    assert_eq!(status.code(), Some(143), "{stderr}");
    assert_eq!(statuses(&sandbox), ["started", "aborted"], "{stderr}");
}

#[test]
fn signal_during_a_retry_of_the_started_request_reports_aborted() {
    let sandbox = Sandbox::start();
    // The first attempt has a final answer. The second is recorded, and its reply never comes.
    sandbox.script([Reply::status(429).header("Retry-After", "0"), Reply::fault(Fault::Hang).processed()]);
    let mut job = Job::spawn(&sandbox, Parent::Runner, &[("VERSIONER_RETRIES", "1")], "echo ran");
    assert!(sandbox.wait_for_requests(2, Duration::from_secs(60)));
    job.signal("-TERM");
    assert!(job.lines.next().is_none(), "the command ran");
    let (status, stderr) = job.wait();
    assert_eq!(status.code(), Some(143), "{stderr}");
    assert_eq!(statuses(&sandbox), ["started", "started", "aborted"], "{stderr}");
}

#[test]
fn signal_during_a_wait_sends_no_event() {
    let sandbox = Sandbox::start();
    sandbox.rule(
        json!({"kind": "window", "name": "friday_freeze", "environment": "production", "ends_in_seconds": 600}).into(),
    );
    let mut job = Job::spawn(&sandbox, Parent::Runner, &[("VERSIONER_ON_BLOCK", "wait")], "echo ran");
    let mut reader = BufReader::new(job.child.stderr.take().unwrap());
    let mut stderr = String::new();
    while !stderr.contains("waiting up to ") {
        assert!(reader.read_line(&mut stderr).unwrap() > 0, "{stderr}");
    }
    job.signal("-INT");
    assert_eq!(job.child.wait().unwrap().code(), Some(130));
    std::io::Read::read_to_string(&mut reader, &mut stderr).unwrap();
    assert!(stderr.contains("Aborted by SIGINT") && stderr.contains("friday_freeze"), "{stderr}");
    assert_eq!(statuses(&sandbox), ["started"], "{stderr}");
    assert!(job.lines.next().is_none(), "the command ran");
}

#[test]
fn signal_during_the_final_event_still_reports_completed() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::behave(), Reply::behave().delay(Duration::from_secs(1))]);
    let job = Job::spawn(&sandbox, Parent::Runner, &[], "exit 0");
    assert!(sandbox.wait_for_requests(2, Duration::from_secs(60)));
    job.signal("-TERM");
    let (status, stderr) = job.wait();
    assert_eq!(status.code(), Some(0), "{stderr}");
    assert_eq!(statuses(&sandbox), ["started", "completed"], "{stderr}");
    assert!(!stderr.contains("Not recorded yet%3A"), "{stderr}");
}

#[test]
fn signal_at_any_moment_reports_or_spools_an_end() {
    let sandbox = Sandbox::start();
    let mut rng = fastrand::Rng::with_seed(20_251_028);
    let mut outcomes = std::collections::BTreeSet::new();
    // Spread the signals over the whole duration of a call, measured on this machine.
    let started = Instant::now();
    assert!(Job::spawn(&sandbox, Parent::Runner, &[], "sleep 0.1").wait().0.success());
    let span = started.elapsed().mul_f64(1.2);
    for round in 0..60 {
        sandbox.clear_requests();
        let job = Job::spawn(&sandbox, Parent::Runner, &[], "sleep 0.1");
        std::thread::sleep(span.mul_f64(rng.f64()));
        job.signal("-TERM");
        let state = job.call.dir.path().join("state/versioner/spool");
        // Dropping the call removes its directory.
        let Job { call, mut child, .. } = job;
        let mut stderr = String::new();
        std::io::Read::read_to_string(&mut child.stderr.take().unwrap(), &mut stderr).unwrap();
        let status = child.wait().unwrap();
        let reported = statuses(&sandbox);
        let spooled = std::fs::read_dir(&state).map_or(0, |entries| {
            entries.filter(|entry| entry.as_ref().unwrap().path().extension().is_some_and(|e| e == "json")).count()
        });
        drop(call);
        let reported: Vec<&str> = reported.iter().map(String::as_str).collect();
        match (status.code(), reported.as_slice()) {
            // The signal came before versioner handled signals.
            (None, []) => {}
            (Some(143), [] | ["started"]) if spooled == 1 => {}
            (Some(143), []) if stderr.contains("was not sent") => {}
            (Some(143), ["aborted"] | ["started", "aborted"]) | (Some(0), ["started", "completed"]) => {}
            other => panic!("round {round}: {other:?}, {spooled} spooled: {stderr}"),
        }
        outcomes.insert(reported.join(" "));
    }
    assert!(
        outcomes.contains("started aborted") && outcomes.contains("started completed"),
        "the signals did not spread over the call: {outcomes:?}"
    );
}

#[test]
fn exit_of_a_parent_thread_does_not_stop_the_command() {
    let sandbox = Sandbox::start();
    let fifo = tempfile::tempdir().unwrap();
    let path = fifo.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let settings = [("FIFO", path.to_str().unwrap())];
    // With PR_SET_PDEATHSIG, the kernel signals a child when the thread that started it exits, even if the agent lives on.
    let job = std::thread::scope(|scope| {
        scope
            .spawn(|| Job::start(&sandbox, Parent::Runner, &settings, "echo ready; read -r _ <\"$FIFO\"; exit 0"))
            .join()
    });
    std::fs::write(&path, "go on\n").unwrap();
    let (status, stderr) = job.unwrap().wait();
    assert_eq!(status.code(), Some(0), "{stderr}");
    assert_eq!(statuses(&sandbox), ["started", "completed"], "{stderr}");
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
    let mut job = Job::spawn(&sandbox, Parent::Runner, &settings, script);
    let command = job.line();
    assert_eq!(job.line(), "ready");
    let signalled = Instant::now();
    job.signal("-TERM");
    // After 5 s, versioner reports the end and calls the agent, which hangs. After 6 s, it must kill the command anyway.
    // A killed command stays a zombie until versioner has reported its end.
    let alive = || {
        std::fs::read_to_string(format!("/proc/{command}/stat"))
            .is_ok_and(|stat| !stat.rsplit(')').next().unwrap().trim_start().starts_with('Z'))
    };
    while alive() {
        assert!(signalled.elapsed() < Duration::from_secs(12), "the command is still alive");
        std::thread::sleep(Duration::from_millis(20));
    }
    // versioner would wait for one agent after another. Kill it first, then the agents that it has started.
    job.signal("-KILL");
    assert!(!job.child.wait().unwrap().success());
    for process in job.processes() {
        send("-KILL", &process.to_string());
    }
    let (_, stderr) = job.wait();
    assert_eq!(statuses(&sandbox)[..2], ["started", "aborted"], "{stderr}");
}

#[test]
fn killed_group_leaves_no_command_and_no_open_deployment() {
    for (script, github) in [
        ("sleep 300 & echo ready; wait; exit 1", "true"),
        ("sleep 300 & echo ready; wait; exit 1", "false"),
        ("exec sh -c 'sleep 300 & echo ready; wait; exit 1'", "true"),
        ("trap '' TERM; echo ready; while :; do sleep 0.1; done", "false"),
    ] {
        let sandbox = Sandbox::start();
        // Outside CI, the journal's entries belong to the session, which the supervisor leaves.
        let settings = [("VERSIONER_STOP_TIMEOUT", "1s"), ("GITHUB_ACTIONS", github)];
        let job = Job::start(&sandbox, Parent::Shell, &settings, script);
        send("-KILL", &format!("-{}", job.child.id()));
        let (status, stderr) = job.wait();
        assert_eq!(status.signal(), Some(9), "{stderr}");
        assert_eq!(statuses(&sandbox), ["started", "aborted"], "{script}: {stderr}");
        let event = &sandbox.requests()[1].json().clone();
        assert_eq!(event["extra_metadata"]["vi_gate"], "passed", "{script}: {event}");
    }
}

#[test]
fn killed_group_spools_the_end_while_the_api_is_down() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::behave(), Reply::status(503).times(9)]);
    let mut job = Job::start(&sandbox, Parent::Runner, &[], "echo ready; exec sleep 300");
    send("-KILL", &format!("-{}", job.child.id()));
    job.wait_for_all();
    let spool = job.call.dir.path().join("state/versioner/spool");
    let events: Vec<String> = std::fs::read_dir(&spool)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| std::fs::read_to_string(path).unwrap())
        .collect();
    assert!(matches!(&events[..], [event] if event.contains("aborted")), "{events:?}");
}
