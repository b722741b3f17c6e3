//! Buildkite.
//!
//! Owns: its variables, headers in the job log, and the program `buildkite-agent`, which accepts annotations and meta-data.
//! Sources: Buildkite documentation, "Environment variables", "Managing log output", "buildkite-agent annotate" and
//! "buildkite-agent meta-data".

#[cfg(test)]
use super::contract_tests::Example;
use super::output_variables::{fits_environment, select};
use super::surface::{LARGEST_ANNOTATION, Surface, SurfaceError};
use super::{Context, Detected, System, equals, exit_status, first, identity, link, repository_of_remote};
use crate::env::Env;
use crate::model::message::{Level, State, Summary};
use crate::process::HelperProgram;
use crate::text;
use std::time::Duration;

/// Buildkite.
pub(super) const SYSTEM: System = System {
    name: "Buildkite",
    source_system: Some("buildkite"),
    detect: |env| env.get("BUILDKITE").is_some(),
    context,
    // A retry is a new job.
    job_identity: |env| identity(env, &["BUILDKITE_JOB_ID"], &[]),
    job_status,
    temp_dir: None,
    last_step: "versioner flush, in a pre-exit hook",
    // The agent kills 9 s after a cancel, and outputs are written by calling it.
    stop_timeout: Duration::from_secs(6),
    has_plugins: false,
    surface: |env| Box::new(Buildkite::new(env)),
    #[cfg(test)]
    example: EXAMPLE,
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

/// Who is behind the job, closest first: who unblocked it, who started the build, who wrote the commit. Each with the
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
        // A manually started build has the commit "HEAD" until the agent has checked it out.
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

/// The job's time limit. Buildkite gives minutes, or "false".
fn job_timeout(env: &Env) -> Option<Detected> {
    let found = first(env, &["BUILDKITE_TIMEOUT"])?;
    let minutes: u32 = found.raw().parse().ok().filter(|minutes| *minutes > 0)?;
    Some(found.with_value((u64::from(minutes) * 60).to_string()))
}

/// Hooks that run after the command get its exit status. Agent 3.95 and later also mark a cancelled job: the exit status is then
/// that of a stopped command. The newest agents mark a time-out, which also cancels the job.
fn job_status(env: &Env) -> Option<Detected> {
    let flag =
        |name, status: &str| first(env, &[name]).filter(|_| env.is_true(name)).map(|flag| flag.with_value(status));
    flag("BUILDKITE_JOB_TIMED_OUT", "timed_out")
        .or_else(|| flag("BUILDKITE_JOB_CANCELLED", "aborted"))
        .or_else(|| exit_status(env, "BUILDKITE_COMMAND_EXIT_STATUS"))
}

/// Buildkite's surfaces: a header in the log, and the agent's program.
struct Buildkite {
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

const TRUNCATED: &str = " … (cut)";
const INDENT: &str = "  | ";
/// The largest annotation of a build.
const LARGEST_BODY: usize = 1_048_576;
const TRUNCATED_BODY: &str = "\n\n… (cut: Buildkite takes at most 1 MiB)\n";

impl Surface for Buildkite {
    fn annotation(&self, level: Level, title: &str, message: &str) -> String {
        // "+++" begins an expanded group of the log. A notice is only lines in the current group.
        let group = if level == Level::Notice { "" } else { "+++ " };
        let title = text::truncate(title, 300, "…", char::len_utf8);
        let head = format!("{group}{}: {title}\n", level.word());
        let lines: Vec<&str> = message.lines().filter(|line| !line.is_empty()).collect();
        let measure = |c: char| c.len_utf8() + if c == '\n' { INDENT.len() } else { 0 };
        let room = LARGEST_ANNOTATION - head.len() - INDENT.len() - 1;
        let body = text::truncate(&lines.join("\n"), room, TRUNCATED, measure);
        let body: String = body.lines().map(|line| format!("{INDENT}{line}\n")).collect();
        format!("{head}{body}")
    }

    fn annotates_on_stdout(&self) -> bool {
        // The log joins both streams. Using only one keeps the order.
        true
    }

    fn add_summary(&self, summary: &Summary) -> Result<String, SurfaceError> {
        let Some(agent) = &self.agent else {
            return Ok(String::new());
        };
        let style = match (summary.state, summary.level) {
            (State::Deployed, _) => "success",
            (State::Cleared | State::Other, _) => "info",
            (State::Blocked | State::Failed, _) | (State::NotRecorded, Level::Error) => "error",
            (State::Aborted | State::NotRecorded, _) => "warning",
        };
        let body = text::truncate(&summary.markdown, LARGEST_BODY, TRUNCATED_BODY, char::len_utf8);
        // One annotation for each job, which each call extends: parallel jobs do not overwrite each other's.
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
        // The agent parses every argument that begins with a hyphen as a flag.
        let fits = |_: &str, value: &str| fits_environment(value) && !value.starts_with('-');
        let (selected, line) = select(outputs, "the meta-data", fits);
        let arguments = |name: &str, value: &str| ["meta-data", "set", name, value].map(str::to_owned).to_vec();
        agent.call_for_each(&selected, arguments).map_err(SurfaceError::helper_program)?;
        Ok(line)
    }
}

#[cfg(test)]
const EXAMPLE: Example = Example {
    minimal: &[("BUILDKITE", "true")],
    ambiguous: &[&[("BUILDKITE", "true"), ("JENKINS_URL", "https://jenkins.example/")]],
    not_detected: &[],
    refs: Some(("BUILDKITE_BRANCH", "BUILDKITE_TAG")),
    sources: &[include_str!("buildkite.rs")],
    job: &[("BUILDKITE_BUILD_ID", "0190-0001"), ("BUILDKITE_JOB_ID", "0190-0002")],
    same_job: &[&[("BUILDKITE_COMMAND_EXIT_STATUS", "0")]],
    other_jobs: &[&[("BUILDKITE_JOB_ID", "0190-0003")]],
    unknown_jobs: &[&[("BUILDKITE_JOB_ID", "")]],
    job_status: &[
        (&[("BUILDKITE_COMMAND_EXIT_STATUS", "0")], Some("success")),
        (&[("BUILDKITE_COMMAND_EXIT_STATUS", "137")], Some("failed")),
        (&[("BUILDKITE_COMMAND_EXIT_STATUS", "0"), ("BUILDKITE_JOB_CANCELLED", "true")], Some("aborted")),
        (&[("BUILDKITE_COMMAND_EXIT_STATUS", "-1"), ("BUILDKITE_JOB_CANCELLED", "true")], Some("aborted")),
        (&[("BUILDKITE_COMMAND_EXIT_STATUS", "0"), ("BUILDKITE_JOB_CANCELLED", "false")], Some("success")),
        (&[("BUILDKITE_JOB_CANCELLED", "true"), ("BUILDKITE_JOB_TIMED_OUT", "true")], Some("timed_out")),
    ],
};

#[cfg(test)]
mod tests;
