//! Running a program and measuring it: the meter, strace, and statistics over many runs.

use crate::contender::Invocation;
use anyhow::{Context as _, ensure};
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};

/// What one run used.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Microseconds.
    pub(crate) wall: f64,
    /// User and system time in microseconds.
    pub(crate) cpu: f64,
    /// Peak memory in KiB.
    pub(crate) memory: f64,
    /// How often it slept: voluntary context switches.
    pub(crate) sleeps: f64,
    pub(crate) code: i32,
}

/// The middle of several values, and the middle half.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// Rounded to three digits after the point, as more are noise.
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let index = (share * values.len().saturating_sub(1) as f64).round() as usize;
            (values.get(index).copied().unwrap_or_default() * 1_000.0).round() / 1_000.0
        };
        Self { low: at(0.25), median: at(0.5), high: at(0.75) }
    }
}

/// Runs `invocation` by the meter.
pub(crate) fn run(meter: &Path, invocation: &Invocation) -> anyhow::Result<Usage> {
    let output = output(invocation.command_under([meter.as_os_str()]), invocation)?;
    let line = String::from_utf8(output.stdout)?;
    let fields: Vec<f64> = line.split_whitespace().map(str::parse).collect::<Result<_, _>>().context("the meter")?;
    let [wall, user, system, memory, sleeps, code] = fields[..] else {
        anyhow::bail!("the meter printed {line:?}: {}", String::from_utf8_lossy(&output.stderr))
    };
    Ok(Usage { wall: wall / 1_000.0, cpu: user + system, memory, sleeps, code: code as i32 })
}

/// The same, which must succeed.
pub(crate) fn run_successfully(meter: &Path, invocation: &Invocation) -> anyhow::Result<Usage> {
    let usage = run(meter, invocation)?;
    if usage.code != 0 {
        let output = output(invocation.command(), invocation)?;
        let text = [output.stdout, output.stderr].concat();
        anyhow::bail!("{} ended with {}: {}", invocation.id, usage.code, String::from_utf8_lossy(&text));
    }
    Ok(usage)
}

/// How many system calls `invocation` makes, its child processes included.
pub(crate) fn system_calls(invocation: &Invocation, directory: &Path) -> anyhow::Result<u64> {
    let file = directory.join("strace");
    let strace = ["strace", "-f", "-c", "-o"].map(OsStr::new).into_iter().chain([file.as_os_str()]);
    let output = output(invocation.command_under(strace), invocation)?;
    ensure!(output.status.success(), "{}: {}", invocation.id, String::from_utf8_lossy(&output.stderr));
    let table = std::fs::read_to_string(&file)?;
    let total = table.lines().rfind(|line| line.ends_with("total")).context("strace printed no total")?;
    total.split_whitespace().nth(3).and_then(|calls| calls.parse().ok()).context("strace printed no number of calls")
}

/// How many instructions `invocation` executes in user space.
pub(crate) fn instructions(invocation: &Invocation) -> anyhow::Result<u64> {
    let valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"].map(OsStr::new);
    let output = output(invocation.command_under(valgrind), invocation)?;
    let text = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{}: {text}", invocation.id);
    let total = text.lines().find_map(|line| line.split("Collected : ").nth(1)).context("valgrind printed no total")?;
    total.trim().parse().context("valgrind's total is no number")
}

pub(crate) fn output(mut command: Command, invocation: &Invocation) -> anyhow::Result<Output> {
    command.output().with_context(|| format!("{}: cannot run {:?}", invocation.id, command.get_program()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_is_the_median_and_the_middle_half() {
        assert_eq!(Spread::of(vec![5.0, 1.0, 2.0, 4.0, 3.0]), Spread { low: 2.0, median: 3.0, high: 4.0 });
        assert_eq!(Spread::of(vec![0.123_456]), Spread { low: 0.123, median: 0.123, high: 0.123 });
        assert_eq!(Spread::of(Vec::new()), Spread { low: 0.0, median: 0.0, high: 0.0 });
    }
}
