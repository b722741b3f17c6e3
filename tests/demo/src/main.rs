//! The demo: runs the real binary against the sandbox, as GitHub would, and prints the result of each scene.
//!
//! Owns the scenes but one, which is in `parking`. `github` runs a step and formats what GitHub would show.

#![allow(clippy::print_stdout, reason = "the demo prints its result")]

mod github;
mod parking;

use anyhow::{Context as _, ensure};
use github::Step;
use serde_json::json;
use std::path::PathBuf;
use versioner_sandbox::{Fault, Reply, Sandbox};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let binary = arguments.next().context("the first argument must be the versioner binary")?;
    let directory = arguments.next().context("the second argument must be a directory for the step's files")?;
    let sandbox = Sandbox::start();
    println!("The sandbox stands in for the Versioner API and listens on {}.", sandbox.url());
    println!("Each scene is one step of a GitHub workflow that uses the Action.");

    let step = || Step::new(&binary, &directory, &sandbox);
    let scenes = [
        scene("A build of shop 1.4.2", 0, || step().input("event_type", "build").run()),
        scene("A deployment of shop 1.4.2 to staging", 0, || step().input("environment", "staging").run()),
        scene("A deployment to production during a no-deploy window: blocked", 5, || {
            sandbox.rule(freeze(8_040));
            step().input("environment", "production").input("status", "started").run()
        }),
        scene("The same with on_block: wait, in a window that ends in three seconds", 0, || {
            sandbox.rule(freeze(3));
            step().input("environment", "production").input("status", "started").input("on_block", "wait").run()
        }),
        scene("A deployment with an unknown status: rejected with 422", 4, || {
            step().input("environment", "staging").input("status", "half-done").run()
        }),
        scene("A deployment during a short API outage: retried after a 503", 0, || {
            sandbox.script([Reply::status(503).header("Retry-After", "1")]);
            step().input("environment", "staging").run()
        }),
        scene("A wrapped deployment: check the rules, run the script, report the result", 0, || {
            step().input("environment", "staging").input("run", "echo 'deploying to staging …'\nsleep 0.3").run()
        }),
        scene("A wrapped deployment that fails: the step exits with the script's code", 3, || {
            step().input("environment", "staging").input("run", "echo 'no space left on the server'\nexit 3").run()
        }),
        scene("An API outage during a wrapped deployment: the final event is spooled", 0, || {
            sandbox.script([Reply::behave(), Reply::fault(Fault::Close).times(2)]);
            let deploy = step().input("environment", "staging").input("run", "echo 'deploying to staging …'");
            deploy.input("retries", "1").run()
        }),
        scene("After the outage: flush delivers the spooled event with its original times", 0, || {
            step().input("command", "flush").run()
        }),
    ];
    for result in scenes {
        result?;
    }
    parking::show(&binary, &directory)?;
    println!("\nEnd of the demo. The sandbox stops now.");
    Ok(())
}

/// A no-deploy window for production that ends in `seconds`.
pub(crate) fn freeze(seconds: u32) -> versioner_sandbox::Rule {
    json!({"kind": "schedule", "name": "friday_freeze", "environment": "production", "reason": "Weekly deployment freeze",
        "message": "No deployments allowed on Fridays after 3pm PST", "ends_in_seconds": seconds, "offset": "-07:00"})
    .into()
}

/// Runs a scene and prints what GitHub would show. An exit code other than `expected` is an error.
fn scene(title: &str, expected: i32, run: impl FnOnce() -> anyhow::Result<github::StepOutput>) -> anyhow::Result<()> {
    println!("\n━━ {title}\n");
    let output = run()?;
    print!("{output}");
    println!("   exit code {}", output.code);
    ensure!(output.code == expected, "the exit code is {}, expected {expected}", output.code);
    Ok(())
}
