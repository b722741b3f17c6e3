//! The scenes. To add one, add it to [`SCENES`].

use crate::page::{self, Style};
use crate::parking;
use crate::step::{Step, StepOutput};
use anyhow::ensure;
use serde_json::json;
use std::path::Path;
use versioner_sandbox::{Fault, Reply, Rule, Sandbox};

/// A step of a workflow, and what leads to it.
pub struct Scene {
    /// For `--scene`.
    pub name: &'static str,
    /// What happens.
    pub title: &'static str,
    /// The exit code that the step must have.
    exit_code: i32,
    /// Prepares the stage, and runs the step.
    run: fn(&Stage<'_>) -> anyhow::Result<StepOutput>,
}

/// Where a scene is played: an API of its own, and a runner of its own.
pub(crate) struct Stage<'a> {
    binary: &'a Path,
    pub(crate) sandbox: Sandbox,
    directory: tempfile::TempDir,
}

/// All scenes, in the order of the demo.
pub const SCENES: &[Scene] = &[
    Scene {
        name: "build",
        title: "A build is recorded",
        exit_code: 0,
        run: |stage| stage.step(&[("event_type", "build")]).run(),
    },
    Scene {
        name: "deploy",
        title: "A script is wrapped: check the rules, run it, report the result",
        exit_code: 0,
        run: |stage| {
            stage.step(&[("environment", "staging"), ("run", "echo 'deploying to staging …'\nsleep 0.3")]).run()
        },
    },
    Scene {
        name: "blocked",
        title: "A no-deploy window: the script does not run, and the page says why",
        exit_code: 5,
        run: |stage| {
            stage.sandbox.rule(freeze(8_040));
            stage.production(&[]).run()
        },
    },
    Scene {
        name: "approval",
        title: "Approvals are missing: the page says who can give them",
        exit_code: 5,
        run: |stage| {
            stage.sandbox.rule(approvals());
            stage.production(&[]).run()
        },
    },
    Scene {
        name: "wait",
        title: "on_block: wait, in a window that ends in three seconds",
        exit_code: 0,
        run: |stage| {
            stage.sandbox.rule(freeze(3));
            stage.production(&[("on_block", "wait")]).run()
        },
    },
    Scene {
        name: "failed",
        title: "The script fails: the step exits with its code",
        exit_code: 3,
        run: |stage| stage.step(&[("environment", "staging"), ("run", "echo 'no space left on device'\nexit 3")]).run(),
    },
    Scene {
        name: "rejected",
        title: "A mistake: the API rejects the event",
        exit_code: 4,
        run: |stage| stage.step(&[("environment", "staging"), ("status", "half-done")]).run(),
    },
    Scene {
        name: "retry",
        title: "The API is down for a second: retried",
        exit_code: 0,
        run: |stage| {
            stage.sandbox.script([Reply::status(503).header("Retry-After", "1")]);
            stage.step(&[("environment", "staging")]).run()
        },
    },
    Scene {
        name: "outage",
        title: "The API goes down while the script runs: the result is kept",
        exit_code: 0,
        run: outage,
    },
    Scene {
        name: "flush",
        title: "After the outage: the result is delivered, with its original time",
        exit_code: 0,
        run: |stage| {
            outage(stage)?;
            stage.step(&[("command", "flush")]).run()
        },
    },
    Scene {
        name: "park",
        title: "on_block: park, in a freeze of eight hours: the job frees its runner",
        exit_code: 5,
        run: parking::park,
    },
    Scene {
        name: "resume",
        title: "After the freeze: a scheduled workflow re-runs the newest of three parked jobs",
        exit_code: 0,
        run: parking::resume,
    },
];

fn outage(stage: &Stage<'_>) -> anyhow::Result<StepOutput> {
    stage.sandbox.script([Reply::behave(), Reply::fault(Fault::Close)]);
    let inputs = [("environment", "staging"), ("run", "echo 'deploying to staging …'"), ("retries", "0")];
    stage.step(&inputs).run()
}

/// A no-deploy window for production that ends in `seconds`.
pub(crate) fn freeze(seconds: u32) -> Rule {
    json!({"kind": "schedule", "name": "friday_freeze", "environment": "production", "reason": "Weekly deployment freeze",
        "message": "No deployments allowed on Fridays after 3pm PST", "ends_in_seconds": seconds, "offset": "-07:00"})
    .into()
}

fn approvals() -> Rule {
    json!({"kind": "approval", "name": "prod_approval", "environment": "production", "required": 2,
        "roles": ["team-lead", "manager"], "message": "Production deployment requires approval from 2 team leads"})
    .into()
}

impl Stage<'_> {
    pub(crate) fn step(&self, inputs: &[(&str, &str)]) -> Step {
        Step::new(self.binary, self.directory.path(), &self.sandbox, inputs)
    }

    /// A wrapped deployment to production, with these inputs as well.
    fn production(&self, inputs: &[(&str, &str)]) -> Step {
        let script = ("run", "echo 'deploying to production …'");
        self.step(&[&[("environment", "production")], inputs, &[script]].concat())
    }
}

impl Scene {
    /// Plays the scene, and returns what people see of it. An unexpected exit code is an error.
    ///
    /// # Errors
    /// If the step cannot be run, or ends with another exit code than the scene says.
    pub fn play(&self, binary: &Path, style: Style) -> anyhow::Result<String> {
        let stage = Stage { binary, sandbox: Sandbox::start(), directory: tempfile::tempdir()? };
        let output = (self.run)(&stage)?;
        let text = page::draw(self.name, self.title, &output, style);
        ensure!(output.code == self.exit_code, "{text}exit code {}, expected {}", output.code, self.exit_code);
        Ok(text)
    }
}
