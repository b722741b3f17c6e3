//! The program `versioner`: a runtime, and an exit code.

use std::process::ExitCode;
use versioner_action::{Env, execute};

fn main() -> ExitCode {
    // A panic's message may quote anything in memory, so only its location is printed.
    std::panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        fatal(&format!("this is a bug in versioner, at {location}: please report it"));
    }));
    let env = Env::of_process();
    let directory = std::env::current_dir().unwrap_or_default();
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(execute(std::env::args_os(), &env, &directory));
            // A pending name resolution must not delay the exit.
            runtime.shutdown_background();
            ExitCode::from(code)
        }
        Err(error) => {
            fatal(&format!("the runtime cannot be started: {error}"));
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stderr, reason = "the last resort if nothing else can print")]
fn fatal(message: &str) {
    eprintln!("versioner: error: {message}");
}
