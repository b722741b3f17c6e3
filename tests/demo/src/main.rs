//! The demo: the real binary against the sandbox, as GitHub would run it, scene by scene.
//!
//! Owns: the scenes and how they are told. How GitHub shows things is in `github`.

#![allow(clippy::print_stdout, reason = "a demo prints")]

mod github;

use anyhow::{Context as _, ensure};
use github::Step;
use serde_json::json;
use std::path::PathBuf;
use versioner_sandbox::{Fault, Reply, Sandbox};

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let binary = arguments.next().context("the first argument is the versioner binary")?;
    let directory = arguments.next().context("the second argument is a directory for the step's files")?;
    let sandbox = Sandbox::start();
    println!("The sandbox behaves as the Versioner API and listens on {}.", sandbox.url());
    println!("Each scene is one step of a GitHub workflow that uses the Action.");

    let step = || Step::new(&binary, &directory, &sandbox);
    let scenes = [
        scene("A build of shop 1.4.2", 0, || step().input("event_type", "build").run()),
        scene("Its deployment to staging", 0, || step().input("environment", "staging").run()),
        scene("Its deployment to production, in a freeze", 5, || {
            sandbox.rule(freeze(8_040));
            step().input("environment", "production").input("status", "started").run()
        }),
        scene("The same with on_block: wait, in a freeze that lifts in three seconds", 0, || {
            sandbox.rule(freeze(3));
            step().input("environment", "production").input("status", "started").input("on_block", "wait").run()
        }),
        scene("A deployment with a status that the API does not know: refused with 422", 4, || {
            step().input("environment", "staging").input("status", "half-done").run()
        }),
        scene("A deployment while the API is down for a moment: 503, then it recovers", 0, || {
            sandbox.script([Reply::status(503).header("Retry-After", "1")]);
            step().input("environment", "staging").run()
        }),
        scene("A whole deployment: asked for, run, and reported as it ended", 0, || {
            step().input("environment", "staging").input("run", "echo 'deploying to staging …'\nsleep 0.3").run()
        }),
        scene("One that goes wrong: its exit code is the step's", 3, || {
            step().input("environment", "staging").input("run", "echo 'no space left on the server'\nexit 3").run()
        }),
        scene("An outage in its middle: the deployment is through, and its end is kept", 0, || {
            sandbox.script([Reply::behave(), Reply::fault(Fault::Close).times(2)]);
            let deploy = step().input("environment", "staging").input("run", "echo 'deploying to staging …'");
            deploy.input("retries", "1").run()
        }),
        scene("The API is back: what was kept is delivered late, with its own times", 0, || {
            step().input("command", "flush").run()
        }),
    ];
    for played in scenes {
        played?;
    }
    println!("\nThat was all: the sandbox is stopped, and nothing is left behind.");
    Ok(())
}

/// A no-deploy window for production that ends in `seconds`.
fn freeze(seconds: u32) -> versioner_sandbox::Rule {
    json!({"kind": "window", "name": "friday_freeze", "environment": "production", "reason": "Weekly deployment freeze",
        "message": "No deployments allowed on Fridays after 3pm PST", "ends_in_seconds": seconds, "offset": "-07:00"})
    .into()
}

/// Plays one scene and tells it; an exit code other than `expected` ends the demo.
fn scene(title: &str, expected: i32, play: impl FnOnce() -> anyhow::Result<github::Shown>) -> anyhow::Result<()> {
    println!("\n━━ {title}\n");
    let shown = play()?;
    print!("{shown}");
    println!("   exit code {}", shown.code);
    ensure!(shown.code == expected, "the exit code should have been {expected}");
    Ok(())
}
