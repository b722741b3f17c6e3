//! Supervised commands with real processes, shells, terminals and signals.

mod commands;
mod killed;
mod terminal;

use super::*;
use crate::process::roles;
use crate::process::signals::{Signals, WRAPPED};
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

/// Role `run`: what `versioner run` does with a command. Exits with the command's code, or with 120 if it could not be started.
pub async fn run() -> i32 {
    let setting = |name: &str| std::env::var(name).unwrap_or_default();
    let dir = PathBuf::from(setting("DIR"));
    let note = |name: &str, content: &str| {
        fs::write(dir.join("unfinished"), content).unwrap();
        fs::rename(dir.join("unfinished"), dir.join(name)).unwrap();
    };
    let mut signals = Signals::listen(WRAPPED);
    let env: Env = [("VERSIONER_API_KEY", "secret"), ("INPUT_API_KEY", "secret")].into_iter().collect();
    let mut supervisor = match Supervisor::start(&env, setting("PAYLOAD").into_bytes()).await {
        Ok(supervisor) => supervisor,
        Err(error) => {
            note("error", &error.to_string());
            return 120;
        }
    };
    if setting("STAY") == "before" {
        supervisor.set_payload(b"replaced".to_vec()).unwrap();
        note("ready", "before");
        std::future::pending().await
    }
    let words = match setting("PROGRAM") {
        program if program.is_empty() => vec!["sh".into(), "-c".into(), setting("SCRIPT").into()],
        program => vec![program.into(), "a b".into()],
    };
    let removed = env.private().filter(|name| *name != "VERSIONER_API_KEY").collect();
    let changes = EnvChanges { removed, added: vec![("ADDED", "yes".to_owned())] };
    let stop_timeout = Duration::from_millis(setting("STOP_TIMEOUT").parse().unwrap());
    let started = supervisor.run(&words, &changes, stop_timeout).await;
    let mut running = match started {
        Ok(running) => running,
        Err(error) => {
            note("error", &error.to_string());
            return 120;
        }
    };
    note("running", "yes");
    let end = running.end(&mut signals).await;
    let stopped_by = running.stopping().map(|(signal, _)| signal.name);
    note("end", &format!("{end:?} {stopped_by:?}"));
    if setting("STAY") == "after" {
        note("ready", "after");
        std::future::pending().await
    }
    end.exit_code().into()
}

/// Role `supervise`: the supervisor, which reports to a file.
pub async fn supervise() -> i32 {
    let dir = PathBuf::from(std::env::var("DIR").unwrap());
    let report = async |abandoned: Abandoned| {
        let text = format!("{} {:?}", String::from_utf8(abandoned.payload).unwrap(), abandoned.command);
        fs::write(dir.join("report.unfinished"), text).unwrap();
        fs::rename(dir.join("report.unfinished"), dir.join("report")).unwrap();
    };
    serve::supervise(report).await.map_or(1, |()| 0)
}

/// A process with the role `run`.
struct Job {
    dir: JobDir,
    process: Child,
}

/// The directory of a job. Its path is in the environment of the job's processes, which are killed if a test fails.
struct JobDir(tempfile::TempDir);

impl JobDir {
    fn path(&self) -> &Path {
        self.0.path()
    }

    fn processes(&self) -> Vec<String> {
        let mark = format!("DIR={}", self.path().display());
        let is_marked = |number: &String| {
            let environment = fs::read(format!("/proc/{number}/environ")).unwrap_or_default();
            environment.split(|byte| *byte == 0).any(|pair| pair == mark.as_bytes())
        };
        let entries = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().into_string().ok());
        entries.filter(is_marked).collect()
    }

    fn kill_processes(&self) {
        for process in self.processes() {
            let _ = Command::new("kill").args(["-KILL", &process]).stderr(Stdio::null()).status();
        }
    }
}

impl Drop for JobDir {
    fn drop(&mut self) {
        self.kill_processes();
    }
}

/// Starts a session of its own, without a terminal and whatever signals the tests were started with.
const PLAIN: &[&str] = &["env", "--default-signal", "setsid"];

impl Job {
    fn start(wrapper: &[&str], script: &str, settings: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let mut command = roles::wrapped(wrapper, "run");
        command.stdout(Stdio::null());
        Self::start_in(dir, command, script, settings)
    }

    fn start_in(dir: tempfile::TempDir, mut command: Command, script: &str, settings: &[(&str, &str)]) -> Self {
        let defaults = [("PAYLOAD", "payload"), ("STOP_TIMEOUT", "20000"), ("SCRIPT", script)];
        command.envs(defaults).envs(settings.iter().copied()).env("DIR", dir.path());
        command.env("VERSIONER_API_KEY", "secret").env("INPUT_API_KEY", "secret");
        Self { process: command.spawn().unwrap(), dir: JobDir(dir) }
    }

    fn file(&self, name: &str) -> Option<String> {
        let content = fs::read_to_string(self.dir.path().join(name)).ok()?;
        Some(content.trim_end().to_owned()).filter(|content| !content.is_empty())
    }

    /// The content of a file that a process writes.
    fn wait_for(&self, name: &str) -> String {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            match self.file(name) {
                Some(content) => return content,
                None => assert!(Instant::now() < deadline, "no {name}"),
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn kill_group(&self) {
        send("-KILL", &format!("-{}", self.process.id()));
    }

    /// Waits for the end of all processes. Returns the exit code of the first.
    fn end(mut self) -> (Option<i32>, JobDir) {
        let code = self.process.wait().unwrap().code();
        let deadline = Instant::now() + Duration::from_secs(20);
        while !self.dir.processes().is_empty() {
            assert!(Instant::now() < deadline, "still running: {:?}", self.dir.processes());
            std::thread::sleep(Duration::from_millis(10));
        }
        (code, self.dir)
    }
}

fn send(signal: &str, to: &str) {
    assert!(Command::new("kill").args([signal, "--", to]).status().unwrap().success(), "{signal} {to}");
}

/// A field of `/proc/PID/stat` by its number in proc_pid_stat(5).
fn stat(pid: &str, number: usize) -> String {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(')').next().unwrap().split_whitespace().nth(number - 3).unwrap().to_owned()
}

const PARENT: usize = 4;
const GROUP: usize = 5;
const SESSION: usize = 6;

/// Runs until it gets SIGTERM, with a child.
const UNTIL_TERM: &str =
    "trap 'echo term > \"$DIR/term\"; exit 4' TERM; sleep 300 & echo $$ > \"$DIR/pid\"; while :; do wait; done";
/// Ignores SIGTERM, and so does its child.
const STUBBORN: &str = "trap '' TERM; sleep 300 & echo $$ > \"$DIR/pid\"; while :; do wait; sleep 1; done";
