//! Runs `versioner` against a failing API, in random schedules, and checks what must hold after each.
//!
//! A seed decides everything that the campaign decides: the commands, their settings, the server's faults, the signals. A
//! schedule that fails is made small and printed as JSON; `--replay` runs it again.

mod calls;
mod events;
mod expected;
mod invariants;
mod reply;
mod schedule;
mod shrink;
mod surfaces;
mod world;

use anyhow::Context as _;
use clap::Parser;
use rustix::process::{getpid, set_child_subreaper};
use schedule::Schedule;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;
use world::Program;

/// Runs versioner against a failing API, in random schedules.
#[derive(Clone, Debug, Parser)]
struct Arguments {
    /// How many schedules to run.
    #[arg(long, default_value_t = 100)]
    schedules: u64,
    /// The seed of the first schedule. Each further schedule has the next one.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many schedules run at the same time. Most of their time is spent waiting.
    #[arg(long, default_value_t = 16)]
    workers: u64,
    /// The program under test; by default the one beside this program.
    #[arg(long, env = "VERSIONER_TEST_BIN")]
    program: Option<PathBuf>,
    /// A program that is given the program under test and its arguments. For tests of the campaign itself.
    #[arg(long)]
    wrapper: Option<PathBuf>,
    /// Runs this schedule only, a file with its JSON.
    #[arg(long)]
    replay: Option<PathBuf>,
    /// Stops at the first violation, and does not make the schedule small.
    #[arg(long)]
    first: bool,
    /// Runs every `--stride`th schedule in this process.
    #[arg(long, hide = true)]
    stride: Option<u64>,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = Arguments::parse();
    // Outside CI, the session is the job. One whose leader is outside our PID namespace has no identity, so this process leads
    // its own, unless it leads a process group of a shell, whose session then is the job.
    let _ = rustix::process::setsid();
    if arguments.stride.is_some() || arguments.replay.is_some() {
        return work(&arguments);
    }
    let started = Instant::now();
    let mut workers = Vec::new();
    for worker in 0..arguments.workers.min(arguments.schedules) {
        workers.push(start_worker(&arguments, worker)?);
    }
    let (mut ran, mut calls, mut failed) = (0, 0, false);
    let mut violations: BTreeMap<String, u64> = BTreeMap::new();
    let readers: Vec<_> = workers
        .iter_mut()
        .filter_map(|worker| worker.stdout.take())
        .map(|stdout| {
            std::thread::spawn(move || BufReader::new(stdout).lines().map_while(Result::ok).collect::<Vec<_>>())
        })
        .collect();
    for reader in readers {
        for line in reader.join().map_err(|_| anyhow::anyhow!("a worker's output cannot be read"))? {
            match line.split_once(' ') {
                Some(("ran", counts)) => {
                    let mut counts = counts.split(' ').map(|count| count.parse::<u64>().unwrap_or_default());
                    ran += counts.next().unwrap_or_default();
                    calls += counts.next().unwrap_or_default();
                }
                Some(("violation", name)) => *violations.entry(name.to_owned()).or_default() += 1,
                _ => say(&line),
            }
        }
    }
    for worker in &mut workers {
        failed |= !worker.wait()?.success();
    }
    say(&format!("{ran} schedules, {calls} calls, {} s", started.elapsed().as_secs()));
    for (name, count) in &violations {
        say(&format!("{count} × {name}"));
    }
    let is_complete = ran == arguments.schedules || arguments.first;
    say(if failed || !is_complete { "FAILED" } else { "every promise held" });
    Ok(if failed || !is_complete { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// A process of its own: the processes that its calls leave behind become its children, and nobody else's.
fn start_worker(arguments: &Arguments, worker: u64) -> anyhow::Result<std::process::Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["--stride", &arguments.workers.to_string()])
        .args(["--seed", &(arguments.seed + worker).to_string()])
        .args(["--schedules", &(arguments.schedules - worker).to_string()]);
    if let Some(program) = &arguments.program {
        command.arg("--program").arg(program);
    }
    if let Some(wrapper) = &arguments.wrapper {
        command.arg("--wrapper").arg(wrapper);
    }
    if arguments.first {
        command.arg("--first");
    }
    command.stdout(Stdio::piped()).spawn().context("a worker cannot be started")
}

/// Runs every `stride`th schedule, or the one to replay.
fn work(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    set_child_subreaper(Some(getpid())).context("orphans cannot be adopted")?;
    let program = program(arguments)?;
    if let Some(file) = &arguments.replay {
        let schedule = serde_json::from_str(&std::fs::read_to_string(file)?).context("not a schedule")?;
        let broken = violations(&schedule, &program)?;
        for (name, what) in &broken {
            say(&format!("{name}: {what}"));
        }
        say(if broken.is_empty() { "every promise held" } else { "FAILED" });
        return Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let (mut ran, mut calls, mut failed) = (0_u64, 0, false);
    let stride = arguments.stride.unwrap_or(1);
    for seed in (arguments.seed..arguments.seed + arguments.schedules).step_by(usize::try_from(stride)?) {
        let schedule = Schedule::from_seed(seed);
        calls += schedule.steps.iter().map(|step| step.calls.len()).sum::<usize>();
        let broken = violations(&schedule, &program)?;
        ran += 1;
        if broken.is_empty() {
            continue;
        }
        failed = true;
        for (name, what) in &broken {
            say(&format!("violation {name}"));
            say(&format!("seed {seed}: {name}: {what}"));
        }
        if arguments.first {
            break;
        }
        say(&format!(
            "seed {seed}, made small: {}",
            serde_json::to_string(&smallest(&schedule, broken[0].0, &program))?
        ));
    }
    say(&format!("ran {ran} {calls}"));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn program(arguments: &Arguments) -> anyhow::Result<Program> {
    let beside = std::env::current_exe()?.with_file_name("versioner");
    let program = arguments.program.clone().unwrap_or(beside);
    anyhow::ensure!(program.exists(), "{} does not exist: build it with `cargo build`", program.display());
    let program = program.canonicalize()?;
    Ok(Program { words: arguments.wrapper.clone().into_iter().chain([program]).collect() })
}

fn violations(schedule: &Schedule, program: &Program) -> anyhow::Result<Vec<(&'static str, String)>> {
    Ok(invariants::violations(schedule, &world::run(schedule, program)?))
}

/// The smallest schedule that breaks the promise `name`.
fn smallest(schedule: &Schedule, name: &str, program: &Program) -> Schedule {
    shrink::shrink(schedule, 60, |candidate| {
        violations(candidate, program).is_ok_and(|broken| broken.iter().any(|(other, _)| *other == name))
    })
}

#[allow(clippy::print_stdout, reason = "the program's output")]
fn say(line: &str) {
    println!("{line}");
}
