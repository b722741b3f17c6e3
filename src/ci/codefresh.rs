//! Codefresh.
//!
//! Owns: its variables, and the program `cf_export`, which accepts outputs. It exists in freestyle steps; elsewhere no outputs
//! are passed on. Sources: Codefresh documentation, "Variables" and "Using cf_export".

#[cfg(test)]
use super::contract_tests::Example;
use super::output_variables::{is_plain_line, select};
use super::surface::{Surface, SurfaceError};
use super::{Context, Detected, STOP_TIMEOUT, System, equals, first, identity, link, unix_time};
use crate::env::Env;
use crate::process::HelperProgram;

/// Codefresh.
pub(super) const SYSTEM: System = System {
    name: "Codefresh",
    source_system: Some("codefresh"),
    detect: |env| env.get("CF_BUILD_ID").is_some(),
    context,
    job_identity: |env| identity(env, &["CF_BUILD_ID"], &[]),
    job_status: |_| None,
    temp_dir: None,
    last_step: "versioner flush, with spool_dir under /codefresh/volume in both steps",
    stop_timeout: STOP_TIMEOUT,
    has_plugins: false,
    surface: |env| Box::new(Codefresh { cf_export: HelperProgram::find(env, "cf_export") }),
    #[cfg(test)]
    example: EXAMPLE,
};

const METADATA: [(&str, &str); 6] = [
    ("vi_codefresh_build_id", "CF_BUILD_ID"),
    ("vi_codefresh_pipeline_name", "CF_PIPELINE_NAME"),
    ("vi_codefresh_step_name", "CF_STEP_NAME"),
    ("vi_codefresh_build_trigger", "CF_BUILD_TRIGGER"),
    ("vi_codefresh_pull_request_number", "CF_PULL_REQUEST_NUMBER"),
    ("vi_codefresh_pull_request_target", "CF_PULL_REQUEST_TARGET"),
];

fn context(env: &Env) -> Context {
    let mut context = Context {
        repository: repository(env),
        sha: first(env, &["CF_REVISION"]),
        invoke_id: first(env, &["CF_BUILD_ID"]),
        run_url: link(env, &["CF_BUILD_URL"]),
        actor: first(env, &["CF_BUILD_INITIATOR", "CF_COMMIT_AUTHOR"]),
        started_at: unix_time::timestamp(env, &["CF_BUILD_TIMESTAMP"]),
        manual_trigger: equals(env, "CF_BUILD_TRIGGER", "build"),
        ..Context::default()
    };
    // A branch or a tag, often without a sign which. For a pull request: its source.
    context.set_refs(env, &["CF_BRANCH"], &[]);
    context.add_metadata(env, &METADATA);
    context
}

fn repository(env: &Env) -> Option<Detected> {
    let name = first(env, &["CF_REPO_NAME"])?;
    let value = match env.get("CF_REPO_OWNER") {
        Some(owner) if !name.raw().contains('/') => format!("{}/{}", owner.trim(), name.raw()),
        _ => name.raw().to_owned(),
    };
    Some(Detected::new(value, "CF_REPO_OWNER and CF_REPO_NAME"))
}

/// Plain text, and `cf_export`.
struct Codefresh {
    cf_export: Option<HelperProgram>,
}

/// Much larger values might exceed what a program can be given as an argument.
const LARGEST_VALUE: usize = 20_000;

impl Surface for Codefresh {
    fn set_outputs(&self, outputs: &[(&str, String)]) -> Result<String, SurfaceError> {
        let Some(cf_export) = &self.cf_export else {
            return Ok(String::new());
        };
        let (selected, line) = select(outputs, "cf_export (plain lines, at most 20 KB)", |_, value| {
            is_plain_line(value) && value.len() <= LARGEST_VALUE
        });
        let pairs: Vec<String> = selected.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if !pairs.is_empty() {
            let arguments: Vec<&str> = pairs.iter().map(String::as_str).collect();
            cf_export.call(&arguments, "").map_err(SurfaceError::helper_program)?;
        }
        Ok(line)
    }
}

#[cfg(test)]
const EXAMPLE: Example = Example {
    minimal: &[("CF_BUILD_ID", "5f1e")],
    ambiguous: &[],
    not_detected: &[],
    refs: None,
    sources: &[include_str!("codefresh.rs")],
    job: &[("CF_BUILD_ID", "6410367cee516146a4c40001"), ("CF_PIPELINE_NAME", "shop/deploy")],
    same_job: &[&[("CF_STEP_NAME", "report")]],
    other_jobs: &[&[("CF_BUILD_ID", "6410367cee516146a4c40002")]],
    unknown_jobs: &[&[("CF_BUILD_ID", "")]],
    job_status: &[],
};

#[cfg(test)]
#[cfg(unix)]
mod tests;
