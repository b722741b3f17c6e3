//! The scene about parked jobs: a freeze blocks three commits, and after it only the newest one is deployed.

use crate::freeze;
use crate::github::{Step, StepOutput};
use anyhow::ensure;
use serde_json::json;
use std::path::Path;
use versioner_sandbox::{NewRun, Sandbox};

/// How long the freeze lasts, in minutes.
const FREEZE: u32 = 480;

/// GitHub counts each started minute of a job.
const ATTEMPT: u32 = 1;

struct Scene<'a> {
    binary: &'a Path,
    directory: &'a Path,
    sandbox: Sandbox,
}

/// Shows the scene.
pub(crate) fn show(binary: &Path, directory: &Path) -> anyhow::Result<()> {
    println!("\n━━ A freeze of {} hours blocks three commits, with on_block: park\n", FREEZE / 60);
    let scene = Scene { binary, directory, sandbox: Sandbox::start() };
    scene.sandbox.rule(freeze(FREEZE * 60));
    let mut runs = Vec::new();
    for version in ["1.5.0", "1.5.1", "1.5.2"] {
        let run = scene.sandbox.github(|github, now| {
            let run = github.add_run(NewRun::default(), now);
            github.add_job(run, "deploy", None, vec![]);
            run
        });
        let output = scene.deploy(run, 1, version)?;
        ensure!(output.code == 5, "{version} is not parked: {output}");
        if runs.is_empty() {
            print!("{output}");
        }
        println!("   {version}: exit code {}, parked, and its runner is free", output.code);
        runs.push(run);
    }
    // GitHub's clock passes the end of the freeze, and the largest jitter.
    scene.sandbox.settings(json!({"clock_offset_seconds": FREEZE * 60 + 61}));
    println!("\n━━ After the freeze: the scheduled workflow runs resume\n");
    let output = scene.resume()?;
    print!("{output}");
    println!("\n━━ GitHub re-runs the newest commit alone, which is deployed\n");
    let output = scene.deploy(runs[2], 2, "1.5.2")?;
    ensure!(output.code == 0, "the re-run is not deployed: {output}");
    print!("{output}");
    let attempts: usize =
        scene.sandbox.github(|github, _| runs.iter().map(|run| github.run_mut(*run).attempts.len()).sum());
    ensure!(attempts == 4, "{attempts} attempts");
    let parked = u32::try_from(attempts)? * ATTEMPT;
    let calls = FREEZE / 30 + 1;
    println!("   Runner time: {parked} minutes for {attempts} attempts, and {calls} for a resume every 30 minutes.");
    println!("   Waiting would have taken {} minutes, and GitHub stops jobs after 360.", 3 * FREEZE);
    Ok(())
}

impl Scene<'_> {
    fn step(&self) -> Step {
        let token = self.sandbox.github(|github, _| github.token.clone());
        let step = Step::new(self.binary, self.directory, &self.sandbox);
        step.variable("GITHUB_API_URL", self.sandbox.github_url()).variable("GITHUB_TOKEN", token)
    }

    /// One attempt of the job that deploys. GitHub keeps what it has printed.
    fn deploy(&self, run: u64, attempt: u32, version: &str) -> anyhow::Result<StepOutput> {
        let step = self.step().variable("GITHUB_RUN_ID", run).variable("GITHUB_RUN_ATTEMPT", attempt);
        let step = step.input("version", version).input("environment", "production").input("on_block", "park");
        let output = step.input("run", "echo 'deploying to production …'").run()?;
        let conclusion = if output.code == 0 { "success" } else { "failure" };
        self.sandbox.github(|github, now| github.complete_job(run, "deploy", conclusion, &output.text, now));
        Ok(output)
    }

    fn resume(&self) -> anyhow::Result<StepOutput> {
        let output = self.step().input("command", "resume").input("workflow", "deploy.yml").run()?;
        ensure!(output.code == 0, "resume failed: {output}");
        Ok(output)
    }
}
