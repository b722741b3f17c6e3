//! What the program does besides sending one event: other commands, detection, a wait, and the spool.

use crate::contender::{ACTION_INPUTS, EVENT, Endpoint, Invocation, KEY, Programs, versioner};
use crate::figures::{SpoolFigures, TaskFigures, WaitFigures, root};
use crate::measure::{Spread, Usage, run, run_successfully, system_calls};
use crate::server::{Mode, Server};
use anyhow::{Context as _, ensure};
use jiff::{SignedDuration, Timestamp};
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use versioner_action::Env;
use versioner_action::internals::System;

/// What the measurements share.
pub(crate) struct Bench<'a> {
    pub(crate) programs: &'a Programs,
    pub(crate) server: &'a Server,
    /// Over HTTP.
    pub(crate) endpoint: &'a Endpoint,
    pub(crate) directory: &'a Path,
}

/// The flags of `run`. `true` is the command.
const RUN: [&str; 9] = ["run", "--product", "shop", "--version", "1.4.2", "--environment", "staging", "--", "true"];

impl Bench<'_> {
    fn versioner(&self, id: &'static str, arguments: &[&str]) -> Invocation {
        versioner(id, self.programs, self.endpoint, self.directory, arguments)
    }

    /// The other commands, in turns, `rounds` times.
    pub(crate) fn tasks(&self, rounds: usize) -> anyhow::Result<Vec<TaskFigures>> {
        let action = self.directory.join("action");
        self.install_action(&action)?;
        let with_inputs = |call: Invocation| {
            call.variables(ACTION_INPUTS).variable("INPUT_API_URL", &self.endpoint.url).variable("INPUT_API_KEY", KEY)
        };
        let directly = Invocation::new("without entrypoint.sh", &self.programs.versioner, self.directory);
        let script = Invocation::new("entrypoint.sh", "sh", self.directory).arguments([action.join("entrypoint.sh")]);
        let calls = [
            self.versioner("--version", &["--version"]),
            self.versioner("track --help", &["track", "deployment", "--help"]),
            with_inputs(self.versioner("check", &["check"])),
            self.versioner("track deployment", &EVENT),
            self.versioner("run -- true", &RUN),
            with_inputs(directly),
            with_inputs(script),
        ];
        let meter = self.programs.meter();
        let mut usages: Vec<Vec<Usage>> = vec![Vec::new(); calls.len()];
        for _ in 0..rounds {
            for (call, usages) in calls.iter().zip(&mut usages) {
                usages.push(run_successfully(&meter, call)?);
            }
        }
        let figures = calls.iter().zip(usages).map(|(call, usages)| {
            let before = self.server.traffic().requests;
            let system_calls = system_calls(call, self.directory)?;
            let of = |field: fn(&Usage) -> f64| Spread::of(usages.iter().map(field).collect());
            Ok(TaskFigures {
                name: call.id.to_owned(),
                requests: self.server.traffic().requests - before,
                wall: of(|usage| usage.wall),
                cpu: of(|usage| usage.cpu),
                memory: of(|usage| usage.memory),
                system_calls,
            })
        });
        figures.collect()
    }

    /// A directory with the files of the released Action that its step uses.
    fn install_action(&self, action: &Path) -> anyhow::Result<()> {
        std::fs::create_dir_all(action)?;
        let program = action.join(format!("versioner-{}-unknown-linux-musl", std::env::consts::ARCH));
        std::fs::copy(&self.programs.versioner, &program)?;
        for file in ["entrypoint.sh", "Cargo.toml"] {
            std::fs::copy(root().join(file), action.join(file))?;
        }
        let name = program.file_name().context("no file name")?;
        let sums = Command::new("sha256sum").arg("--").arg(name).current_dir(action).output()?;
        ensure!(sums.status.success(), "sha256sum: {}", String::from_utf8_lossy(&sums.stderr));
        Ok(std::fs::write(action.join("checksums.txt"), sums.stdout)?)
    }

    /// One wait until a window ends in `seconds`.
    pub(crate) fn wait(&self, seconds: u64) -> anyhow::Result<WaitFigures> {
        let end = Timestamp::now() + SignedDuration::from_secs(i64::try_from(seconds)?);
        self.server.set_mode(Mode::BlockUntil(end));
        let before = self.server.traffic().requests;
        let wait = self.versioner("wait", &EVENT[..8]);
        let usage =
            run_successfully(&self.programs.meter(), &wait.arguments(["--status", "started", "--on-block", "wait"]));
        self.server.set_mode(Mode::Record);
        let usage = usage?;
        Ok(WaitFigures {
            seconds: (usage.wall / 100_000.0).round() / 10.0,
            requests: self.server.traffic().requests - before,
            cpu_ms: (usage.cpu / 100.0).round() / 10.0,
            wake_ups: usage.sleeps as u64,
            memory_kib: usage.memory as u64,
        })
    }

    /// Fills the spool up to each of `sizes`, which must grow, and delivers it each time.
    pub(crate) fn spool(&self, sizes: &[u64]) -> anyhow::Result<Vec<SpoolFigures>> {
        sizes.iter().map(|events| self.spool_of(*events)).collect()
    }

    fn spool_of(&self, events: u64) -> anyhow::Result<SpoolFigures> {
        let meter = self.programs.meter();
        let spool = self.directory.join(format!("spool-{events}"));
        let spooled = |call: Invocation| call.variable("VERSIONER_SPOOL_DIR", &spool);
        let keep = spooled(self.versioner("spool", &EVENT)).arguments(["--fail-on-api-error=false", "--retries", "0"]);
        self.server.set_mode(Mode::Unavailable);
        let walls = (0..events).map(|_| Ok(run_successfully(&meter, &keep)?.wall)).collect::<anyhow::Result<Vec<_>>>();
        self.server.set_mode(Mode::Record);
        let walls = walls?;
        let before = self.server.traffic().requests;
        let flush = run(&meter, &spooled(self.versioner("flush", &["flush"])))?;
        let delivered = self.server.traffic().requests - before;
        ensure!(flush.code == 0 && delivered == events, "flush delivered {delivered} of {events} events");
        // The last ones, which meet a spool of this size.
        let last = walls.iter().rev().take(20).copied().collect();
        Ok(SpoolFigures { events, keep_one: Spread::of(last), flush: flush.wall.round() })
    }
}

/// Microseconds for detecting each of some CI systems and reading its run, in process.
pub(crate) fn detection(directory: &Path) -> anyhow::Result<Vec<(String, Spread)>> {
    let github: Vec<(&str, &str)> = ACTION_INPUTS.to_vec();
    let gitlab = vec![("GITLAB_CI", "true"), ("CI_PROJECT_PATH", "acme/shop"), ("CI_COMMIT_SHA", "0123456789abcdef")];
    let checkout = directory.join("checkout");
    let git =
        [&["init", "--quiet", "checkout"][..], &["-C", "checkout", "remote", "add", "origin", "https://x/a/b.git"]];
    for arguments in git {
        let status = Command::new("git").args(arguments).current_dir(directory).status().context("git")?;
        ensure!(status.success(), "git {arguments:?} ended with {status}");
    }
    let cases = [("GitHub Actions", github), ("GitLab CI", gitlab), ("no CI system, in a git checkout", Vec::new())];
    let measured = cases.map(|(name, variables)| {
        let variables = variables.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let env = Env::default().with(variables);
        let times = (0..1_000).map(|_| {
            let started = Instant::now();
            std::hint::black_box(System::detect(&env).context(&env, &checkout));
            started.elapsed().as_secs_f64() * 1_000_000.0
        });
        (name.to_owned(), Spread::of(times.collect()))
    });
    Ok(measured.to_vec())
}
