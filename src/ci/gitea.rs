//! Gitea Actions and Forgejo Actions: GitHub's variables and commands, read by other programs.
//!
//! Owns: what differs from GitHub. Does not own: what they share with it (`github`). Sources: Gitea's
//! `models/actions/run.go` (links end in the run's number) and `services/actions/auth.go` (the runtime token); nektos/act
//! (`pkg/runner/command.go`), on which both runners are based.

#[cfg(test)]
use super::contract_tests::Example;
use super::github::{self, GitHub};
use super::surface::{Surface, SurfaceError};
use super::{STOP_TIMEOUT, System, identity};
use crate::env::Env;
use crate::model::message::{Level, Summary};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// Gitea Actions.
pub(super) const GITEA: System = System {
    name: "Gitea Actions",
    source_system: Some("gitea"),
    detect: |env| env.is_true("GITEA_ACTIONS"),
    context: |env| github::context_with(env, RUN),
    job_identity,
    job_status: |_| None,
    temp_dir: Some("RUNNER_TEMP"),
    last_step: "if: always() / uses: https://github.com/versioner/action@v1 / with: { command: flush }",
    stop_timeout: STOP_TIMEOUT,
    has_plugins: false,
    surface: |env| Box::new(Gitea::new(env)),
    #[cfg(test)]
    example: Example { minimal: &[("GITEA_ACTIONS", "true")], ambiguous: &[GITEA_IMITATES], ..EXAMPLE },
};

/// Forgejo Actions, which also sets Gitea's marker.
pub(super) const FORGEJO: System = System {
    name: "Forgejo Actions",
    source_system: Some("forgejo"),
    detect: |env| env.is_true("FORGEJO_ACTIONS"),
    #[cfg(test)]
    example: Example { minimal: &[("FORGEJO_ACTIONS", "true")], ambiguous: &[FORGEJO_IMITATES], ..EXAMPLE },
    ..GITEA
};

/// A run's page has its number in the address, where GitHub has its id.
const RUN: &str = "GITHUB_RUN_NUMBER";

/// A task is one attempt of one job. If its id cannot be read, the runner and its container or temporary directory distinguish
/// jobs.
fn job_identity(env: &Env) -> Option<String> {
    match task_id(env) {
        Some(task) => {
            identity(env, &["GITHUB_RUN_ID"], &["GITHUB_SERVER_URL"]).map(|run| format!("{run}\ntask={task}"))
        }
        None => github::identity_of_run(env, &["RUNNER_NAME", "RUNNER_TEMP", "HOSTNAME"]),
    }
}

/// The id of the job's task. No variable holds it, but the runtime token does: it is a JWT with the claim `TaskID`. The
/// signature does not matter here, because only this job's own steps could forge it.
fn task_id(env: &Env) -> Option<u64> {
    let claims = env.get("ACTIONS_RUNTIME_TOKEN")?.trim().split('.').nth(1)?;
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()?;
    claims.get("TaskID")?.as_u64()
}

/// GitHub's surfaces, for a parser that is less exact.
struct Gitea(GitHub);

impl Gitea {
    fn new(env: &Env) -> Self {
        Self(GitHub::new(env))
    }
}

impl Surface for Gitea {
    fn annotation(&self, level: Level, title: &str, message: &str) -> String {
        // A property with a `=` in its value is dropped.
        self.0.annotation(level, &defuse(&title.replace('=', ":")), &defuse(message))
    }

    fn annotates_on_stdout(&self) -> bool {
        self.0.annotates_on_stdout()
    }

    fn add_summary(&self, summary: &Summary) -> Result<String, SurfaceError> {
        self.0.add_summary(summary)
    }

    fn has_summary(&self) -> bool {
        self.0.has_summary()
    }

    fn set_outputs(&self, outputs: &[(&str, String)]) -> Result<String, SurfaceError> {
        self.0.set_outputs(outputs)
    }
}

/// Separates characters that act would parse differently from GitHub: to act, a message begins after the last `::`, and
/// it reverses escapes in any order. The text `%0A`, escaped as `%250A`, might become a line break.
fn defuse(text: &str) -> String {
    const ESCAPES: [&str; 5] = ["25", "0D", "0A", "3A", "2C"];
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        if c == ':' && (out.is_empty() || out.ends_with(':')) {
            out.push(' ');
        }
        out.push(c);
        if c == '%' && ESCAPES.iter().any(|escape| text[at + 1..].starts_with(escape)) {
            out.push(' ');
        }
    }
    out
}

#[cfg(test)]
mod tests;

#[cfg(test)]
use tests::{EXAMPLE, FORGEJO_IMITATES, GITEA_IMITATES};
