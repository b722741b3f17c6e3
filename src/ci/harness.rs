//! Harness CI.
//!
//! Owns: its own variables, and the file for a step's output variables. Does not own: the variables that it shares with Drone
//! (`drone`). Sources: Harness documentation, "CI environment variables reference"; harness/lite-engine and its parsers of
//! the output file, harness/godotenv v2 and v3.

#[cfg(test)]
use super::contract_tests::Example;
use super::output_variables::{File, is_plain_line};
use super::surface::{Surface, SurfaceError};
use super::{Context, STOP_TIMEOUT, System, drone, first, identity, unix_time};
use crate::env::Env;

/// Harness.
pub(super) const SYSTEM: System = System {
    name: "Harness",
    source_system: Some("harness"),
    detect: |env| env.get("HARNESS_BUILD_ID").is_some(),
    context,
    job_identity: |env| {
        // The stages of a matrix share their id. A stage that is retried begins again at another time.
        identity(env, &["HARNESS_EXECUTION_ID", "HARNESS_STAGE_ID"], &["HARNESS_STAGE_INDEX", "DRONE_STAGE_STARTED"])
    },
    job_status: |env| first(env, &["DRONE_BUILD_STATUS"]),
    temp_dir: None,
    last_step: "versioner flush / when: { stageStatus: All }, with spool_dir in the workspace in both steps",
    stop_timeout: STOP_TIMEOUT,
    has_plugins: true,
    surface: |env| Box::new(Harness::new(env)),
    #[cfg(test)]
    example: EXAMPLE,
};

const METADATA: [(&str, &str); 7] = [
    ("vi_harness_build_id", "HARNESS_BUILD_ID"),
    ("vi_harness_execution_id", "HARNESS_EXECUTION_ID"),
    ("vi_harness_pipeline_id", "HARNESS_PIPELINE_ID"),
    ("vi_harness_stage_id", "HARNESS_STAGE_ID"),
    ("vi_harness_step_name", "DRONE_STEP_NAME"),
    ("vi_harness_build_event", "DRONE_BUILD_EVENT"),
    ("vi_harness_project_id", "HARNESS_PROJECT_ID"),
];

fn context(env: &Env) -> Context {
    let mut context = drone::source_context(env);
    context.build_number = first(env, &["HARNESS_BUILD_ID"]);
    context.invoke_id = first(env, &["HARNESS_EXECUTION_ID"]);
    context.actor = first(env, &["HARNESS_USER_ID", "DRONE_COMMIT_AUTHOR"]);
    context.started_at = unix_time::timestamp(env, &["DRONE_STAGE_STARTED", "DRONE_BUILD_STARTED"]);
    drone::add_author(&mut context, env);
    context.add_metadata(env, &METADATA);
    context
}

/// Plain text, and the file of output variables.
struct Harness {
    output: File,
}

impl Harness {
    fn new(env: &Env) -> Self {
        Self { output: File::named_by(env, &["HARNESS_OUTPUT_FILE", "DRONE_OUTPUT"]) }
    }
}

impl Surface for Harness {
    fn set_outputs(&self, outputs: &[(&str, String)]) -> Result<String, SurfaceError> {
        let place = "the output variables (single lines, and not every mixture of quotes)";
        self.output.append(outputs, place, |name, value| Some(format!("{name}={}", quote(value)?)))
    }
}

/// A line of the file may have 64 KiB. A longer one invalidates the whole file.
const LARGEST_VALUE: usize = 60_000;

/// `value` in quotes with which both versions of Harness' parser read it unchanged, if there are any. They disagree about
/// backslashes, and about a `#` next to a quote. Without quotes they trim spaces and expand variables.
fn quote(value: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,-=?&".contains(c);
    let has_both = value.contains('#') && value.contains('"');
    if value.len() > LARGEST_VALUE || !is_plain_line(value) {
        None
    } else if value.chars().all(plain) {
        Some(value.to_owned())
    } else if !value.contains(['\'', '\\']) && !has_both {
        Some(format!("'{value}'"))
    } else if !value.contains(['"', '\\', '$', '#']) {
        Some(format!("\"{value}\""))
    } else {
        None
    }
}

#[cfg(test)]
const EXAMPLE: Example = Example {
    minimal: &[("HARNESS_BUILD_ID", "7")],
    ambiguous: &[&[("HARNESS_BUILD_ID", "7"), ("DRONE", "true")]],
    not_detected: &[&[("HARNESS_BUILD_ID", " ")]],
    refs: Some(("DRONE_BRANCH", "DRONE_TAG")),
    sources: &[include_str!("harness.rs"), include_str!("drone.rs")],
    job: &[
        ("HARNESS_EXECUTION_ID", "vp0Tx9dSRfW1"),
        ("HARNESS_STAGE_ID", "deploy"),
        ("DRONE_STAGE_STARTED", "1761663600"),
    ],
    same_job: &[&[("DRONE_STEP_NAME", "report"), ("HARNESS_STEP_INDEX", "1"), ("HOSTNAME", "9c2f")]],
    other_jobs: &[
        &[("HARNESS_EXECUTION_ID", "vp0Tx9dSRfW2")],
        &[("HARNESS_STAGE_ID", "verify")],
        &[("HARNESS_STAGE_INDEX", "0")],
        &[("HARNESS_STAGE_INDEX", "1")],
        &[("DRONE_STAGE_STARTED", "1761663900")],
    ],
    unknown_jobs: &[&[("HARNESS_EXECUTION_ID", "")], &[("HARNESS_STAGE_ID", "")]],
    job_status: &[(&[("DRONE_BUILD_STATUS", "success")], Some("success"))],
};

#[cfg(test)]
mod tests;
