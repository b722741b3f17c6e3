//! Runs a schedule: a server, a directory, and the real program in processes of its own.
//!
//! Owns: starting, signalling and waiting, and what is observed. Does not own: what must hold (`invariants`).

use crate::schedule::{Call, Command, Moment, Schedule, Signal, Step};
use rustix::process::{Pid, Signal as Signo, WaitOptions, kill_process, kill_process_group, waitpid};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command as Process, Stdio};
use std::time::{Duration, Instant};
use versioner_sandbox::{CheckRulesOn, Options, ReceivedRequest, Sandbox};

/// What the machine may add to a bound: scheduling, starting processes, disks. Generous, as a bound must not depend on it.
const SLACK: Duration = Duration::from_secs(45);

/// How long the processes that a call leaves behind may take to end: the supervisor of a killed `run` stops the command within
/// two seconds and reports its end.
const LEFT_RUNNING: Duration = Duration::from_secs(45);

/// What came of a schedule.
#[derive(Debug)]
pub(crate) struct Observed {
    pub(crate) steps: Vec<ObservedStep>,
    /// Everything that the server received.
    pub(crate) requests: Vec<ReceivedRequest>,
    /// The server's state at the end.
    pub(crate) server: Value,
    /// The exit codes of the closing calls: `finish` and `flush` until nothing is left.
    pub(crate) closing: Vec<Option<i32>>,
    /// The files that are left in the spool and among the set-aside events.
    pub(crate) left_in_spool: Vec<String>,
    /// The names and contents of all files that were written.
    pub(crate) files: Vec<(String, String)>,
    /// The processes that were still running.
    pub(crate) left_running: Vec<String>,
    pub(crate) key: String,
}

/// What came of a step.
#[derive(Debug)]
pub(crate) struct ObservedStep {
    pub(crate) calls: Vec<ObservedCall>,
    /// The range of its requests.
    pub(crate) requests: std::ops::Range<usize>,
    /// The spooled events before the step.
    pub(crate) spooled_before: Vec<Value>,
}

/// What came of a call.
#[derive(Debug)]
pub(crate) struct ObservedCall {
    /// Its number, which its events carry.
    pub(crate) id: usize,
    pub(crate) call: Call,
    pub(crate) exit: Option<i32>,
    /// The signal that ended it.
    pub(crate) killed_by: Option<i32>,
    /// Whether the signal of the schedule was sent before the call ended.
    pub(crate) signalled: bool,
    pub(crate) elapsed: Duration,
    /// Whether it ended within the bound of its settings.
    pub(crate) in_time: bool,
    /// Whether the wrapped command ran.
    pub(crate) command_ran: bool,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    /// The outputs, by name.
    pub(crate) outputs: std::collections::BTreeMap<String, String>,
}

/// How to start the program.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// The program, and arguments that come before its own.
    pub(crate) words: Vec<PathBuf>,
}

struct World<'a> {
    program: &'a Program,
    sandbox: Sandbox,
    dir: tempfile::TempDir,
    github: bool,
    calls: usize,
    left_running: Vec<String>,
}

/// Runs `schedule`.
///
/// # Errors
/// If the machine does not allow it.
pub(crate) fn run(schedule: &Schedule, program: &Program) -> anyhow::Result<Observed> {
    let check_rules_on = if schedule.rules_on_started { CheckRulesOn::Started } else { CheckRulesOn::Opening };
    let sandbox = Sandbox::start_with(Options { check_rules_on, ..Options::default() })?;
    let dir = tempfile::tempdir()?;
    let mut world = World { program, sandbox, dir, github: schedule.github, calls: 0, left_running: Vec::new() };
    let mut steps = Vec::new();
    for step in &schedule.steps {
        steps.push(world.step(step)?);
    }
    let closing = world.close()?;
    Ok(Observed {
        steps,
        requests: world.sandbox.requests(),
        server: world.sandbox.state(),
        closing,
        left_in_spool: ["spool", "set-aside"].iter().flat_map(|folder| world.records(folder)).map(|it| it.0).collect(),
        files: all_files(world.dir.path()),
        left_running: world.left_running,
        key: world.sandbox.key().to_owned(),
    })
}

/// A call that runs.
struct Running {
    id: usize,
    call: Call,
    child: Child,
    started: Instant,
    signalled: bool,
    ended: Option<(std::process::ExitStatus, Duration)>,
    in_time: bool,
}

impl World<'_> {
    fn step(&mut self, step: &Step) -> anyhow::Result<ObservedStep> {
        let before = self.sandbox.requests().len();
        let spooled_before = self.records("spool").into_iter().map(|(_, record)| record).collect();
        self.sandbox.clear_script();
        let entries = step.script.iter().enumerate();
        self.sandbox.script(entries.map(|(at, entry)| entry.reply(self.sandbox.key(), at.to_string())));
        self.sandbox.refuse_connections(step.outage);
        let mut running = Vec::new();
        for call in &step.calls {
            running.push(self.start(call.clone())?);
        }
        while running.iter().any(|call| call.ended.is_none()) {
            for call in &mut running {
                call.look(self.sandbox.requests().len() - before)?;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        self.wait_for_leftovers();
        let calls = running.into_iter().map(|call| self.observe(call)).collect::<anyhow::Result<_>>()?;
        let requests = before..self.sandbox.requests().len();
        Ok(ObservedStep { calls, requests, spooled_before })
    }

    /// The server behaves again: closes what is open and delivers what is spooled.
    fn close(&mut self) -> anyhow::Result<Vec<Option<i32>>> {
        self.sandbox.clear_script();
        self.sandbox.refuse_connections(false);
        let mut codes = Vec::new();
        for _ in 0..4 {
            for args in [&["finish", "--status", "aborted"][..], &["flush", "--retry-set-aside"]] {
                let mut process = self.process(usize::MAX, &[]);
                let out = File::create(self.dir.path().join(format!("closing-{}", codes.len())))?;
                process.args(args).stdout(out.try_clone()?).stderr(out);
                codes.push(process.status()?.code());
            }
            if codes.iter().rev().take(2).all(|code| *code == Some(0)) {
                break;
            }
        }
        self.wait_for_leftovers();
        Ok(codes)
    }

    fn process(&self, id: usize, variables: &[(&str, String)]) -> Process {
        let mut process = Process::new(&self.program.words[0]);
        process.args(&self.program.words[1..]).env_clear().current_dir(self.dir.path()).stdin(Stdio::null());
        process
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("CAMPAIGN_DIR", self.dir.path())
            .env("VERSIONER_API_KEY", self.sandbox.key())
            .env("VERSIONER_API_URL", self.sandbox.url())
            .env("VERSIONER_SPOOL_DIR", self.dir.path().join("state"))
            .env("VERSIONER_OUTPUT_FILE", self.dir.path().join(format!("outputs-{id}")))
            .env("VERSIONER_METADATA", json!({ "call": id }).to_string())
            .envs(variables.iter().map(|(name, value)| (*name, value)));
        if self.github {
            let github = [
                ("GITHUB_ACTIONS", "true"),
                ("CI", "true"),
                ("GITHUB_REPOSITORY", "octo/shop"),
                ("GITHUB_RUN_ID", "1234567890"),
                ("GITHUB_RUN_NUMBER", "42"),
                ("GITHUB_RUN_ATTEMPT", "1"),
                ("GITHUB_SERVER_URL", "https://github.com"),
                ("GITHUB_ACTOR", "mona"),
                ("GITHUB_JOB", "deploy"),
                ("GITHUB_EVENT_NAME", "push"),
            ];
            let file = |name: &str| self.dir.path().join(format!("{name}-{id}"));
            process.envs(github).env("GITHUB_OUTPUT", file("output")).env("GITHUB_STEP_SUMMARY", file("summary"));
        }
        process
    }

    fn start(&mut self, call: Call) -> anyhow::Result<Running> {
        let id = self.calls;
        self.calls += 1;
        let it = call.settings;
        let wait = if it.wait { "wait" } else { "fail" };
        let variables = [
            ("VERSIONER_FAIL_ON_API_ERROR", it.fail_on_api_error.to_string()),
            ("VERSIONER_REQUIRE_GATE", it.require_gate.to_string()),
            ("VERSIONER_ON_BLOCK", wait.to_owned()),
            ("VERSIONER_RETRIES", it.retries.to_string()),
            ("VERSIONER_REQUEST_TIMEOUT", format!("{}ms", it.request_timeout_ms)),
            ("VERSIONER_WAIT_TIMEOUT", format!("{}ms", it.wait_timeout_ms)),
            ("VERSIONER_POLL_INTERVAL", "300ms".to_owned()),
            ("VERSIONER_STOP_TIMEOUT", "2s".to_owned()),
            ("VERSIONER_DEBUG", it.debug.to_string()),
        ];
        let mut process = self.process(id, &variables);
        process.args(self.arguments(id, &call.command)).process_group(0);
        process.stdout(File::create(self.dir.path().join(format!("stdout-{id}")))?);
        process.stderr(File::create(self.dir.path().join(format!("stderr-{id}")))?);
        let started = Instant::now();
        let child = process.spawn()?;
        Ok(Running { id, call, child, started, signalled: false, ended: None, in_time: true })
    }

    fn arguments(&self, id: usize, command: &Command) -> Vec<String> {
        let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        match command {
            Command::Deployment { status, version, environment } => words(&[
                "track",
                "deployment",
                "--product=shop",
                &format!("--version={version}"),
                &format!("--environment=env{environment}"),
                &format!("--status={status}"),
            ]),
            Command::Build { version } => {
                words(&["track", "build", "--product=shop", &format!("--version={version}"), "--status=completed"])
            }
            Command::Run { version, environment, exit, millis } => {
                let marker = self.dir.path().join(format!("ran-{id}"));
                let script =
                    format!("echo >'{}'; sleep {}.{:03}; exit {exit}", marker.display(), millis / 1000, millis % 1000);
                words(&[
                    "run",
                    "--product=shop",
                    &format!("--version={version}"),
                    &format!("--environment=env{environment}"),
                    "--",
                    "/bin/sh",
                    "-c",
                    &script,
                ])
            }
            Command::Finish { status } => words(&["finish", "--status", status]),
            Command::Flush => words(&["flush"]),
        }
    }

    fn observe(&self, running: Running) -> anyhow::Result<ObservedCall> {
        let Running { id, call, signalled, ended, in_time, .. } = running;
        let (status, elapsed) = ended.ok_or_else(|| anyhow::anyhow!("a call has not ended"))?;
        let read = |name: &str| {
            let bytes = fs::read(self.dir.path().join(format!("{name}-{id}"))).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        let outputs = read("outputs");
        let outputs = outputs.lines().filter_map(|line| {
            let (name, value) = line.strip_prefix("VERSIONER_")?.split_once('=')?;
            Some((name.to_lowercase(), value.trim_matches('\'').to_owned()))
        });
        Ok(ObservedCall {
            id,
            call,
            exit: status.code(),
            killed_by: status.signal(),
            signalled,
            elapsed,
            in_time,
            command_ran: self.dir.path().join(format!("ran-{id}")).exists(),
            stdout: read("stdout"),
            stderr: read("stderr"),
            outputs: outputs.collect(),
        })
    }

    /// The records in a folder of the state directory, with the names of their files.
    fn records(&self, folder: &str) -> Vec<(String, Value)> {
        let mut records = Vec::new();
        for entry in fs::read_dir(self.dir.path().join("state").join(folder)).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".json")
                && let Ok(text) = fs::read_to_string(entry.path())
            {
                let file: Value = serde_json::from_str(&text).unwrap_or_default();
                records.push((format!("{folder}/{name}"), file["record"].clone()));
            }
        }
        records.sort_by(|one, other| one.0.cmp(&other.0));
        records
    }

    /// Waits for the processes that the calls left behind. Those of a killed call become children of this process.
    fn wait_for_leftovers(&mut self) {
        let deadline = Instant::now() + LEFT_RUNNING;
        let mut pause = Duration::from_millis(1);
        loop {
            let left = children();
            if left.is_empty() {
                return;
            }
            if Instant::now() > deadline {
                for (pid, line) in left {
                    self.left_running.push(line);
                    let _ = kill_process(pid, Signo::KILL);
                }
                return;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }
}

impl Running {
    /// Sends the signal if its moment has come, and looks whether the call has ended.
    fn look(&mut self, requests: usize) -> anyhow::Result<()> {
        if self.ended.is_some() {
            return Ok(());
        }
        if let Some(status) = self.child.try_wait()? {
            self.ended = Some((status, self.started.elapsed()));
            return Ok(());
        }
        let pid = Pid::from_child(&self.child);
        if let Some(signal) = self.call.signal.filter(|_| !self.signalled) {
            let due = match signal.moment {
                Moment::Millis(millis) => self.started.elapsed() >= Duration::from_millis(millis),
                Moment::Request(count, millis) if requests >= count => {
                    std::thread::sleep(Duration::from_millis(millis));
                    true
                }
                Moment::Request(..) => false,
            };
            if due {
                let number = match signal.signal {
                    Signal::Term => Signo::TERM,
                    Signal::Int => Signo::INT,
                    Signal::Kill => Signo::KILL,
                };
                let kill = if signal.group { kill_process_group } else { kill_process };
                let _ = kill(pid, number);
                self.signalled = true;
            }
        }
        if self.in_time && self.started.elapsed() > bound(&self.call) {
            self.in_time = false;
            let _ = kill_process_group(pid, Signo::KILL);
        }
        Ok(())
    }
}

/// The longest time that the settings of a call allow.
#[must_use]
pub(crate) fn bound(call: &Call) -> Duration {
    let it = call.settings;
    let request = Duration::from_millis(it.request_timeout_ms);
    // The pauses of up to 1, 2, 4 … seconds between attempts. The schedules ask for at most a second more, or for so long that
    // the client must not wait.
    let pauses = Duration::from_secs((1 << it.retries) - 1) + Duration::from_secs(2) * it.retries;
    let send = request * (it.retries + 1) + pauses;
    let flush = Duration::from_secs(10);
    let gate = send + Duration::from_millis(it.wait_timeout_ms) + Duration::from_secs(1);
    let own = match &call.command {
        Command::Deployment { .. } | Command::Build { .. } => flush + gate,
        Command::Run { millis, .. } => {
            flush * 2 + gate + send + Duration::from_millis(*millis) + Duration::from_secs(7)
        }
        // Each open deployment and each spooled event has its own time. A schedule has at most twelve calls.
        Command::Finish { .. } => (flush + send) * 12,
        Command::Flush => send * 12 + Duration::from_millis(it.wait_timeout_ms),
    };
    own + SLACK
}

/// The processes whose parent is this one. Ended ones are reaped.
fn children() -> Vec<(Pid, String)> {
    let own = std::process::id().to_string();
    let mut children = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw) else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some((name, rest)) = stat.rsplit_once(')') else { continue };
        let mut fields = rest.split_whitespace();
        let state = fields.next();
        if fields.next() != Some(&own) {
            continue;
        }
        if state == Some("Z") {
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
            continue;
        }
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        children.push((pid, format!("{name}): {}", String::from_utf8_lossy(&line).replace('\0', " "))));
    }
    children
}

fn all_files(directory: &Path) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut directories = BTreeSet::from([directory.to_owned()]);
    while let Some(next) = directories.pop_first() {
        for entry in fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                directories.insert(path);
            } else {
                let content = String::from_utf8_lossy(&fs::read(&path).unwrap_or_default()).into_owned();
                files.push((path.strip_prefix(directory).unwrap_or(&path).display().to_string(), content));
            }
        }
    }
    files
}
