//! What the scenes about parked jobs have in common: a freeze blocks three commits, and after it only the newest one is
//! deployed.

use crate::scenes::{Stage, freeze};
use crate::step::{Step, StepOutput};
use anyhow::ensure;
use serde_json::json;
use versioner_sandbox::NewRun;

/// How long the freeze lasts, in seconds.
const FREEZE: u32 = 8 * 60 * 60;

/// Three commits are pushed during a freeze. Returns what people see of the last one.
pub(crate) fn park(stage: &Stage<'_>) -> anyhow::Result<StepOutput> {
    stage.sandbox.rule(freeze(FREEZE));
    push(stage, "1.5.0")?;
    push(stage, "1.5.1")?;
    push(stage, "1.5.2")
}

/// The scheduled workflow runs after the freeze.
pub(crate) fn resume(stage: &Stage<'_>) -> anyhow::Result<StepOutput> {
    park(stage)?;
    // GitHub's clock passes the end of the freeze, and the largest jitter.
    stage.sandbox.settings(json!({"clock_offset_seconds": FREEZE + 61}));
    step(stage, &[("command", "resume"), ("workflow", "deploy.yml")]).run()
}

fn step(stage: &Stage<'_>, inputs: &[(&str, &str)]) -> Step {
    let token = stage.sandbox.github(|github, _| github.token.clone());
    stage.step(inputs).variable("GITHUB_API_URL", stage.sandbox.github_url()).variable("GITHUB_TOKEN", token)
}

/// A run of the workflow that deploys. GitHub keeps what its job has printed.
fn push(stage: &Stage<'_>, version: &str) -> anyhow::Result<StepOutput> {
    let run = stage.sandbox.github(|github, now| {
        let run = github.add_run(NewRun::default(), now);
        github.add_job(run, "deploy", None, vec![]);
        run
    });
    let script = "echo 'deploying to production …'";
    let inputs = [("version", version), ("environment", "production"), ("on_block", "park"), ("run", script)];
    let output = step(stage, &inputs).variable("GITHUB_RUN_ID", run).variable("GITHUB_RUN_ATTEMPT", 1).run()?;
    ensure!(output.code == 5, "{version} is not parked: {}", output.text);
    stage.sandbox.github(|github, now| github.complete_job(run, "deploy", "failure", &output.text, now));
    Ok(output)
}
