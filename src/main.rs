//! The program `versioner`: a runtime, and an exit code.

use anyhow::Context as _;
use std::convert::Infallible;
use std::process::ExitCode;
use versioner_action::{Env, execute};

#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    // A panic's message may quote anything in memory, so only its location is printed.
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        fatal(&format!("this is a bug in versioner, at {location}: please report it"));
    }));
    let Err(error) = run();
    fatal(&format!("{error:#}"));
    ExitCode::FAILURE
}

/// Ends the process with the exit code, unless the runtime cannot be started.
fn run() -> anyhow::Result<Infallible> {
    let env = Env::of_process();
    let directory = std::env::current_dir().unwrap_or_default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("the runtime cannot be started (check the limits of this job)")?;
    let code = runtime.block_on(execute(std::env::args_os(), &env, &directory));
    // Does not drop the runtime: the kernel closes what is open, in 1 system call instead of 10.
    std::process::exit(code.into())
}

#[allow(clippy::print_stderr, reason = "the last resort if nothing else can print")]
fn fatal(message: &str) {
    eprintln!("versioner: error: {message}");
}
