//! Semaphore.
//!
//! Owns: its variables, and telling `sem-context` about outputs (Semaphore documentation, "Environment variables" and
//! "Toolbox"; semaphoreci/toolbox, `sem-context/pkg/validators`).

use super::surface::{Surface, SurfaceError};
use super::{Context, Detected, System, first, link, output_variables, repository_of_remote, unix_time};
use crate::env::Env;
use crate::process::HelperProgram;

/// Semaphore.
pub(super) const SYSTEM: System = System {
    name: "Semaphore",
    source_system: Some("semaphore"),
    detect: |env| env.is_true("SEMAPHORE"),
    context,
    surface: |env| Box::new(Semaphore { context: HelperProgram::find(env, "sem-context") }),
};

const METADATA: [(&str, &str); 7] = [
    ("vi_semaphore_workflow_id", "SEMAPHORE_WORKFLOW_ID"),
    ("vi_semaphore_pipeline_id", "SEMAPHORE_PIPELINE_ID"),
    ("vi_semaphore_job_id", "SEMAPHORE_JOB_ID"),
    ("vi_semaphore_job_name", "SEMAPHORE_JOB_NAME"),
    ("vi_semaphore_workflow_rerun", "SEMAPHORE_WORKFLOW_RERUN"),
    ("vi_semaphore_pipeline_rerun", "SEMAPHORE_PIPELINE_RERUN"),
    ("vi_semaphore_ref_type", "SEMAPHORE_GIT_REF_TYPE"),
];

/// What stands in place of a person where a promotion was automatic.
const NO_PERSON: &str = "auto-promotion";

fn context(env: &Env) -> Context {
    let mut context = Context {
        repository: first(env, &["SEMAPHORE_GIT_REPO_SLUG"])
            .or_else(|| repository_of_remote(env, &["SEMAPHORE_GIT_URL"])),
        // A pull request runs on a merge commit that nobody ever sees again.
        sha: first(env, &["SEMAPHORE_GIT_PR_SHA", "SEMAPHORE_GIT_SHA"]),
        build_number: first(env, &["SEMAPHORE_WORKFLOW_NUMBER"]),
        invoke_id: first(env, &["SEMAPHORE_WORKFLOW_ID"]),
        run_url: run_url(env),
        // Who promoted a pipeline started it, whoever started the workflow.
        actor: first(env, &["SEMAPHORE_PIPELINE_PROMOTED_BY"])
            .filter(|by| by.raw() != NO_PERSON)
            .or_else(|| first(env, &["SEMAPHORE_WORKFLOW_TRIGGERED_BY", "SEMAPHORE_GIT_COMMITTER"])),
        started_at: unix_time::time(env, &["SEMAPHORE_JOB_CREATION_TIME"]),
        manual_trigger: env
            .is_true("SEMAPHORE_WORKFLOW_TRIGGERED_BY_MANUAL_RUN")
            .then(|| "SEMAPHORE_WORKFLOW_TRIGGERED_BY_MANUAL_RUN=true".to_owned()),
        ..Context::default()
    };
    // On a pull request SEMAPHORE_GIT_BRANCH is the target.
    let branches = ["SEMAPHORE_GIT_PR_BRANCH", "SEMAPHORE_GIT_WORKING_BRANCH", "SEMAPHORE_GIT_BRANCH"];
    context.set_refs(env, &branches, &["SEMAPHORE_GIT_TAG_NAME"]);
    context.add_metadata(env, &METADATA);
    context
}

fn run_url(env: &Env) -> Option<Detected> {
    let organisation = link(env, &["SEMAPHORE_ORGANIZATION_URL"])?;
    let id = env.get("SEMAPHORE_WORKFLOW_ID")?.trim();
    let value = format!("{}/workflows/{id}", organisation.raw().trim_end_matches('/'));
    Some(Detected::new(value, "SEMAPHORE_ORGANIZATION_URL and SEMAPHORE_WORKFLOW_ID"))
}

/// Plain text, and `sem-context`.
struct Semaphore {
    context: Option<HelperProgram>,
}

/// `sem-context` takes values up to this size.
const LARGEST_VALUE: usize = 20_000;

impl Surface for Semaphore {
    fn set_outputs(&self, outputs: &[(&str, String)]) -> Result<String, SurfaceError> {
        let Some(agent) = &self.context else {
            return Ok(String::new());
        };
        let place = "sem-context (plain lines without =, at most 20 KB)";
        let (taken, line) = output_variables::select(outputs, place, |_, value| {
            let has_room = !value.is_empty() && value.len() <= LARGEST_VALUE;
            output_variables::is_plain_line(value) && !value.contains('=') && has_room
        });
        // Without `--force`, a second event of the same pipeline could not say anything.
        let arguments =
            |name: &str, value: &str| ["put", "--force", &format!("{name}={value}")].map(str::to_owned).to_vec();
        agent.call_for_each(&taken, arguments).map_err(SurfaceError::helper_program)?;
        Ok(line)
    }
}

#[cfg(all(test, unix))]
mod tests;
