//! Runs a command once and prints what it used: `meter COMMAND [ARGUMENT…]`.
//!
//! A program of its own, because the kernel counts the memory of the process that starts a command as the command's: this
//! one has less memory than anything that it measures. One line on stdout, numbers separated by spaces: wall time in
//! nanoseconds, user and system time in microseconds, peak memory in KiB, how often it slept, and the exit code.

#![allow(clippy::print_stdout, reason = "the result")]

use anyhow::Context as _;
use std::process::{Command, Stdio};
use std::time::Instant;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1);
    let program = arguments.next().context("no command")?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let started = Instant::now();
    let status = command.spawn().and_then(|mut child| child.wait()).context("the command cannot be started")?;
    let wall = started.elapsed().as_nanos();
    println!("{wall} {} {}", usage()?, status.code().unwrap_or(255));
    Ok(())
}

#[cfg(unix)]
fn usage() -> anyhow::Result<String> {
    use nix::sys::resource::{UsageWho, getrusage};
    use nix::sys::time::TimeValLike as _;

    let used = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let (user, system) = (used.user_time().num_microseconds(), used.system_time().num_microseconds());
    Ok(format!("{user} {system} {} {}", used.max_rss(), used.voluntary_context_switches()))
}

#[cfg(not(unix))]
fn usage() -> anyhow::Result<String> {
    anyhow::bail!("measures on Unix only")
}
