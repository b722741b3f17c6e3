//! Semaphore.
//!
//! Owns: its variables, and the program `sem-context`, which accepts outputs. Sources: Semaphore documentation, "Environment
//! variables" and "Toolbox"; semaphoreci/toolbox, `sem-context/pkg/validators`.

#[cfg(test)]
use super::contract_tests::Example;
use super::output_variables::{is_plain_line, select};
use super::surface::{Surface, SurfaceError};
use super::{Context, Detected, STOP_TIMEOUT, System, first, identity, link, repository_of_remote, unix_time};
use crate::env::Env;
use crate::process::HelperProgram;

/// Semaphore.
pub(super) const SYSTEM: System = System {
    name: "Semaphore",
    source_system: Some("semaphore"),
    detect: |env| env.is_true("SEMAPHORE"),
    context,
    job_identity: |env| identity(env, &["SEMAPHORE_JOB_ID"], &[]),
    // Set in the epilogue.
    job_status: |env| first(env, &["SEMAPHORE_JOB_RESULT"]),
    temp_dir: None,
    last_step: "epilogue: { always: { commands: [versioner flush] } }",
    stop_timeout: STOP_TIMEOUT,
    has_plugins: false,
    surface: |env| Box::new(Semaphore { sem_context: HelperProgram::find(env, "sem-context") }),
    #[cfg(test)]
    example: EXAMPLE,
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

/// What Semaphore gives as the person behind an automatic promotion.
const AUTOMATIC: &str = "auto-promotion";

fn context(env: &Env) -> Context {
    let mut context = Context {
        repository: first(env, &["SEMAPHORE_GIT_REPO_SLUG"])
            .or_else(|| repository_of_remote(env, &["SEMAPHORE_GIT_URL"])),
        // A pull request runs on a temporary merge commit.
        sha: first(env, &["SEMAPHORE_GIT_PR_SHA", "SEMAPHORE_GIT_SHA"]),
        build_number: first(env, &["SEMAPHORE_WORKFLOW_NUMBER"]),
        invoke_id: first(env, &["SEMAPHORE_WORKFLOW_ID"]),
        run_url: run_url(env),
        // The person who promoted the pipeline started it, not the one who started the workflow.
        actor: first(env, &["SEMAPHORE_PIPELINE_PROMOTED_BY"])
            .filter(|by| by.raw() != AUTOMATIC)
            .or_else(|| first(env, &["SEMAPHORE_WORKFLOW_TRIGGERED_BY", "SEMAPHORE_GIT_COMMITTER"])),
        started_at: unix_time::timestamp(env, &["SEMAPHORE_JOB_CREATION_TIME"]),
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
    let organization = link(env, &["SEMAPHORE_ORGANIZATION_URL"])?;
    let id = env.get("SEMAPHORE_WORKFLOW_ID")?.trim();
    let value = format!("{}/workflows/{id}", organization.raw().trim_end_matches('/'));
    Some(Detected::new(value, "SEMAPHORE_ORGANIZATION_URL and SEMAPHORE_WORKFLOW_ID"))
}

/// Plain text, and `sem-context`.
struct Semaphore {
    sem_context: Option<HelperProgram>,
}

/// `sem-context` accepts values up to this size.
const LARGEST_VALUE: usize = 20_000;

impl Surface for Semaphore {
    fn set_outputs(&self, outputs: &[(&str, String)]) -> Result<String, SurfaceError> {
        let Some(sem_context) = &self.sem_context else {
            return Ok(String::new());
        };
        let place = "sem-context (plain lines without =, at most 20 KB)";
        let (selected, line) = select(outputs, place, |_, value| {
            is_plain_line(value) && !value.contains('=') && !value.is_empty() && value.len() <= LARGEST_VALUE
        });
        // Without `--force`, a second event of one pipeline could not replace the first one's values.
        let arguments =
            |name: &str, value: &str| ["put", "--force", &format!("{name}={value}")].map(str::to_owned).to_vec();
        sem_context.call_for_each(&selected, arguments).map_err(SurfaceError::helper_program)?;
        Ok(line)
    }
}

#[cfg(test)]
const EXAMPLE: Example = Example {
    minimal: &[("SEMAPHORE", "true")],
    ambiguous: &[&[("SEMAPHORE", "true"), ("JENKINS_URL", "https://jenkins.example/")]],
    not_detected: &[],
    refs: Some(("SEMAPHORE_GIT_BRANCH", "SEMAPHORE_GIT_TAG_NAME")),
    sources: &[include_str!("semaphore.rs")],
    job: &[("SEMAPHORE_WORKFLOW_ID", "65c3-0001"), ("SEMAPHORE_JOB_ID", "a26d-0001")],
    same_job: &[&[("SEMAPHORE_JOB_RESULT", "passed")]],
    other_jobs: &[&[("SEMAPHORE_JOB_ID", "a26d-0002")]],
    unknown_jobs: &[&[("SEMAPHORE_JOB_ID", "")]],
    job_status: &[(&[("SEMAPHORE_JOB_RESULT", "stopped")], Some("stopped"))],
};

#[cfg(test)]
#[cfg(unix)]
mod tests;
