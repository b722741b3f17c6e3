//! Buildkite.
//!
//! Owns: its variables, headers in the job log, and what its agent is told: annotations of the build and its meta-data.
//! Sources: Buildkite documentation, "Environment variables", "Managing log output", "buildkite-agent annotate" and
//! "buildkite-agent meta-data".

use super::output_variables::{fits_environment, select};
use super::surface::{LARGEST_ANNOTATION, Surface, SurfaceError};
use super::{Context, Detected, System, equals, first, link, repository_of_remote};
use crate::env::Env;
use crate::model::message::{Level, Summary};
use crate::process::HelperProgram;
use crate::text;

/// Buildkite.
pub(super) const SYSTEM: System = System {
    name: "Buildkite",
    source_system: Some("buildkite"),
    detect: |env| env.get("BUILDKITE").is_some(),
    context,
    surface: |env| Box::new(Buildkite::new(env)),
};

const METADATA: [(&str, &str); 8] = [
    ("vi_buildkite_build_id", "BUILDKITE_BUILD_ID"),
    ("vi_buildkite_job_id", "BUILDKITE_JOB_ID"),
    ("vi_buildkite_label", "BUILDKITE_LABEL"),
    ("vi_buildkite_step_key", "BUILDKITE_STEP_KEY"),
    ("vi_buildkite_pipeline_slug", "BUILDKITE_PIPELINE_SLUG"),
    ("vi_buildkite_retry_count", "BUILDKITE_RETRY_COUNT"),
    ("vi_buildkite_source", "BUILDKITE_SOURCE"),
    ("vi_buildkite_agent_name", "BUILDKITE_AGENT_NAME"),
];

/// Who is behind the job, nearest first: who unblocked it, who started the build, who wrote the commit. Each with the
/// variable of the e-mail address.
const PEOPLE: [(&str, &str); 3] = [
    ("BUILDKITE_UNBLOCKER", "BUILDKITE_UNBLOCKER_EMAIL"),
    ("BUILDKITE_BUILD_CREATOR", "BUILDKITE_BUILD_CREATOR_EMAIL"),
    ("BUILDKITE_BUILD_AUTHOR", "BUILDKITE_BUILD_AUTHOR_EMAIL"),
];

fn context(env: &Env) -> Context {
    let person = PEOPLE.into_iter().find(|(name, _)| env.get(name).is_some());
    let name = person.and_then(|(name, _)| first(env, &[name]));
    let mut context = Context {
        repository: repository_of_remote(env, &["BUILDKITE_REPO"]),
        // A build that somebody starts by hand is of "HEAD" until the agent has checked out.
        sha: first(env, &["BUILDKITE_COMMIT"]).filter(|sha| sha.raw() != "HEAD"),
        build_number: first(env, &["BUILDKITE_BUILD_NUMBER"]),
        invoke_id: first(env, &["BUILDKITE_BUILD_ID"]),
        run_url: link(env, &["BUILDKITE_BUILD_URL"]),
        actor: name.clone(),
        actor_email: person.and_then(|(_, email)| first(env, &[email])),
        actor_name: name,
        job_timeout: job_timeout(env),
        manual_trigger: equals(env, "BUILDKITE_SOURCE", "ui"),
        ..Context::default()
    };
    context.set_refs(env, &["BUILDKITE_BRANCH"], &["BUILDKITE_TAG"]);
    context.add_metadata(env, &METADATA);
    context
}

/// The job's limit, which Buildkite tells in minutes, or as "false".
fn job_timeout(env: &Env) -> Option<Detected> {
    let found = first(env, &["BUILDKITE_TIMEOUT"])?;
    let minutes: u32 = found.raw().parse().ok().filter(|minutes| *minutes > 0)?;
    Some(found.with_value((u64::from(minutes) * 60).to_string()))
}

/// Buildkite's surfaces: a header in the log, and what the agent takes.
pub(super) struct Buildkite {
    agent: Option<HelperProgram>,
    job: String,
}

impl Buildkite {
    fn new(env: &Env) -> Self {
        let is_id = |id: &&str| id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        Self {
            agent: HelperProgram::find(env, "buildkite-agent"),
            job: env.get("BUILDKITE_JOB_ID").filter(is_id).unwrap_or("job").to_owned(),
        }
    }
}

const CUT: &str = " … (cut)";
const INDENT: &str = "  | ";
/// The largest annotation of a build.
const LARGEST_BODY: usize = 1_048_576;
const CUT_BODY: &str = "\n\n… (cut: Buildkite takes at most 1 MiB)\n";

impl Surface for Buildkite {
    fn annotation(&self, level: Level, title: &str, message: &str) -> String {
        // "+++" opens a group of the log, expanded. A notice is no more than lines in the group it falls into.
        let group = if level == Level::Notice { "" } else { "+++ " };
        let title = text::truncate(title, 300, "…", char::len_utf8);
        let head = format!("{group}{}: {title}\n", level.word());
        let lines: Vec<&str> = message.lines().filter(|line| !line.is_empty()).collect();
        let cost = |c: char| c.len_utf8() + if c == '\n' { INDENT.len() } else { 0 };
        let body = text::truncate(&lines.join("\n"), LARGEST_ANNOTATION - head.len() - INDENT.len() - 1, CUT, cost);
        let body: String = body.lines().map(|line| format!("{INDENT}{line}\n")).collect();
        format!("{head}{body}")
    }

    fn annotates_on_stdout(&self) -> bool {
        // The log joins both streams; one of them keeps the order.
        true
    }

    fn add_summary(&self, summary: &Summary) -> Result<String, SurfaceError> {
        let Some(agent) = &self.agent else {
            return Ok(String::new());
        };
        let style = match summary.level {
            Level::Error => "error",
            Level::Warning => "warning",
            Level::Notice => "success",
        };
        let body = text::truncate(&summary.markdown, LARGEST_BODY, CUT_BODY, char::len_utf8);
        // One annotation a job, to which each call adds: jobs that run at once do not disturb each other.
        let context = format!("versioner-{}", self.job);
        let arguments = ["annotate", "--style", style, "--context", &context, "--append"];
        agent.call(&arguments, &body).map_err(SurfaceError::helper_program)?;
        Ok(String::new())
    }

    fn has_summary(&self) -> bool {
        self.agent.is_some()
    }

    fn set_outputs(&self, outputs: &[(&str, String)]) -> Result<String, SurfaceError> {
        let Some(agent) = &self.agent else {
            return Ok("versioner: no annotation and no meta-data: buildkite-agent is not on the PATH\n".to_owned());
        };
        // The agent looks for flags among all arguments.
        let fits = |_: &str, value: &str| fits_environment(value) && !value.starts_with('-');
        let (taken, line) = select(outputs, "the meta-data", fits);
        let arguments = |name: &str, value: &str| ["meta-data", "set", name, value].map(str::to_owned).to_vec();
        agent.call_for_each(&taken, arguments).map_err(SurfaceError::helper_program)?;
        Ok(line)
    }
}

#[cfg(test)]
mod tests;
