//! The program `versioner`: a runtime, and an exit code.

use std::process::ExitCode;
use versioner_action::{app, env::Env};

fn main() -> ExitCode {
    // A panic's message may quote anything that is in memory: only its place is told.
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        fatal(&format!("this is a fault of versioner itself, at {place}: please report it"));
    }));
    let env = Env::of_process();
    let directory = std::env::current_dir().unwrap_or_default();
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => {
            let code = runtime.block_on(app::run(std::env::args_os(), &env, &directory));
            // A name that is still being looked up is not waited for.
            runtime.shutdown_background();
            ExitCode::from(code)
        }
        Err(error) => {
            fatal(&format!("no runtime could be started: {error}"));
            ExitCode::FAILURE
        }
    }
}

#[allow(clippy::print_stderr, reason = "the last resort, where nothing else can speak")]
fn fatal(message: &str) {
    eprintln!("versioner: error: {message}");
}
