//! Google Cloud Build.
//!
//! Owns: its substitutions, which a build's configuration must pass to a step as variables, and the file for a step's
//! output. A step that gets none of them has only `BUILDER_OUTPUT`. Sources: Cloud Build documentation, "Substituting
//! variable values"; the API's `Build.Results`.

#[cfg(test)]
use super::contract_tests::Example;
use super::output_variables::{File, is_plain_line};
use super::surface::{Surface, SurfaceError};
use super::{Context, Detected, STOP_TIMEOUT, System, first, identity, repository_of_remote};
use crate::env::Env;
use crate::text::quote_shell;

/// Google Cloud Build.
pub(super) const SYSTEM: System = System {
    name: "Google Cloud Build",
    source_system: Some("cloud-build"),
    detect: |env| env.get("BUILDER_OUTPUT").is_some(),
    context,
    // BUILDER_OUTPUT is the same path in every build.
    job_identity: |env| identity(env, &["BUILD_ID"], &[]),
    job_status: |_| None,
    temp_dir: None,
    last_step: "versioner flush, with spool_dir under /workspace in both steps",
    stop_timeout: STOP_TIMEOUT,
    has_plugins: false,
    surface: |env| Box::new(CloudBuild::new(env)),
    #[cfg(test)]
    example: EXAMPLE,
};

const METADATA: [(&str, &str); 6] = [
    ("vi_gcb_build_id", "BUILD_ID"),
    ("vi_gcb_project_id", "PROJECT_ID"),
    ("vi_gcb_location", "LOCATION"),
    ("vi_gcb_trigger_name", "TRIGGER_NAME"),
    ("vi_gcb_trigger_id", "TRIGGER_ID"),
    ("vi_gcb_pr_number", "_PR_NUMBER"),
];

fn context(env: &Env) -> Context {
    let mut context = Context {
        repository: first(env, &["REPO_FULL_NAME"])
            .or_else(|| repository_of_remote(env, &["_HEAD_REPO_URL"]))
            .or_else(|| first(env, &["REPO_NAME"])),
        sha: first(env, &["COMMIT_SHA", "REVISION_ID"]),
        invoke_id: first(env, &["BUILD_ID"]),
        run_url: run_url(env),
        ..Context::default()
    };
    context.set_refs(env, &["_HEAD_BRANCH", "BRANCH_NAME"], &["TAG_NAME"]);
    context.add_metadata(env, &METADATA);
    context
}

/// The build's page in the console. A regional build is found only with its region.
fn run_url(env: &Env) -> Option<Detected> {
    let id = env.get("BUILD_ID")?.trim();
    let region = match env.get("LOCATION").map(str::trim) {
        None | Some("global") => String::new(),
        Some(region) => format!(";region={region}"),
    };
    let project = env.get("PROJECT_ID").map_or_else(String::new, |project| format!("?project={}", project.trim()));
    let value = format!("https://console.cloud.google.com/cloud-build/builds{region}/{id}{project}");
    Some(Detected::new(value, "LOCATION, BUILD_ID and PROJECT_ID"))
}

/// Plain text, and the file that the API returns as the step's output.
struct CloudBuild {
    output: File,
}

impl CloudBuild {
    fn new(env: &Env) -> Self {
        Self { output: File::named_by(env, &["BUILDER_OUTPUT"]).join("output") }
    }
}

/// The API returns no more of a step's output.
const LARGEST_OUTPUT: usize = 4 * 1024;

impl Surface for CloudBuild {
    fn set_outputs(&self, outputs: &[(&str, String)]) -> Result<String, SurfaceError> {
        let before = self.output.path().and_then(|path| path.metadata().ok()).map_or(0, |metadata| metadata.len());
        // The file may lack its last line break, which is then added.
        let mut size = usize::try_from(before).unwrap_or(usize::MAX).saturating_add(1);
        self.output.append(outputs, "the step's output (plain lines, at most 4 KB)", |name, value| {
            let line = format!("{name}={}", quote_shell(value));
            let new_size = size.saturating_add(line.len() + 1);
            let fits = is_plain_line(value) && new_size <= LARGEST_OUTPUT;
            fits.then(|| {
                size = new_size;
                line
            })
        })
    }
}

#[cfg(test)]
const EXAMPLE: Example = Example {
    minimal: &[("BUILDER_OUTPUT", "/builder/outputs")],
    ambiguous: &[],
    not_detected: &[],
    refs: Some(("BRANCH_NAME", "TAG_NAME")),
    sources: &[include_str!("cloud_build.rs")],
    job: &[("BUILD_ID", "5f1e0c1a-0001")],
    // Each step gets only the variables that its configuration passes.
    same_job: &[&[("PROJECT_ID", "shop"), ("LOCATION", "global")]],
    other_jobs: &[&[("BUILD_ID", "5f1e0c1a-0002")]],
    unknown_jobs: &[&[("BUILD_ID", "")], &[("BUILD_ID", ""), ("PROJECT_ID", "shop"), ("TRIGGER_NAME", "deploy")]],
    job_status: &[],
};

#[cfg(test)]
mod tests;
