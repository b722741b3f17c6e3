//! Harness CI.
//!
//! Owns: its own variables, and the file for a step's output variables. Does not own: what it has from Drone (`drone`).
//! Sources: Harness documentation, "CI environment variables reference"; harness/lite-engine and its readers of the output
//! file, harness/godotenv v2 and v3.

use super::output_variables::{self, File};
use super::surface::{Surface, SurfaceError};
use super::{Context, System, drone, first, unix_time};
use crate::env::Env;

/// Harness.
pub(super) const SYSTEM: System = System {
    name: "Harness",
    source_system: Some("harness"),
    detect: |env| env.get("HARNESS_BUILD_ID").is_some(),
    context,
    surface: |env| Box::new(Harness::new(env)),
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
    let mut context = drone::source(env);
    context.build_number = first(env, &["HARNESS_BUILD_ID"]);
    context.invoke_id = first(env, &["HARNESS_EXECUTION_ID"]);
    context.actor = first(env, &["HARNESS_USER_ID", "DRONE_COMMIT_AUTHOR"]);
    context.started_at = unix_time::time(env, &["DRONE_STAGE_STARTED", "DRONE_BUILD_STARTED"]);
    drone::add_author(&mut context, env);
    context.add_metadata(env, &METADATA);
    context
}

/// Plain text, and the file for output variables.
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
        let place = "the output variables (Harness reads no line breaks, nor all quotes)";
        self.output.take(outputs, place, |name, value| Some(format!("{name}={}", written(value)?)))
    }
}

/// A line of the file may have 64 KiB, and one that is longer spoils all of them.
const LARGEST_VALUE: usize = 60_000;

/// `value` as both versions of Harness' reader read it back, if there is a way. They disagree about backslashes, and about
/// a `#` beside a quote; and without quotes they take spaces at the ends away and put in the values of variables.
fn written(value: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+,-=?&".contains(c);
    let has_both = value.contains('#') && value.contains('"');
    if value.len() > LARGEST_VALUE || !output_variables::is_plain_line(value) {
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
mod tests;
