//! GitHub Actions.
//!
//! Owns: the runner's variables, the event file, workflow commands and file commands. Sources: GitHub's
//! documentation "Workflow commands", "Variables reference" and the runner's own parser (actions/runner).

mod run;

pub use run::GitHubRun;

#[cfg(test)]
use super::contract_tests::Example;
use super::surface::{LARGEST_ANNOTATION, Surface, SurfaceError};
use super::{Context, Detected, STOP_TIMEOUT, System, equals, first, identity, link};
use crate::env::Env;
use crate::files::{append, read_limited};
use crate::model::message::{Level, Summary};
use crate::text;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// GitHub Actions.
pub(super) const SYSTEM: System = System {
    name: "GitHub Actions",
    source_system: Some("github"),
    // Each step has GITHUB_ACTION, even if a script clears the other variable.
    detect: |env| env.is_true("GITHUB_ACTIONS") || env.get("GITHUB_ACTION").is_some(),
    context,
    job_identity,
    job_status: |_| None,
    temp_dir: Some("RUNNER_TEMP"),
    last_step: "if: always() / uses: versioner/action@v1 / with: { command: flush }",
    stop_timeout: STOP_TIMEOUT,
    has_plugins: false,
    surface: |env| Box::new(GitHub::new(env)),
    #[cfg(test)]
    example: EXAMPLE,
};

const METADATA: [(&str, &str); 7] = [
    ("vi_gh_workflow", "GITHUB_WORKFLOW"),
    ("vi_gh_job", "GITHUB_JOB"),
    ("vi_gh_run_attempt", "GITHUB_RUN_ATTEMPT"),
    ("vi_gh_event_name", "GITHUB_EVENT_NAME"),
    ("vi_gh_ref", "GITHUB_REF"),
    ("vi_gh_head_ref", "GITHUB_HEAD_REF"),
    ("vi_gh_base_ref", "GITHUB_BASE_REF"),
];

/// GitHub limits webhook payloads to 25 MB.
const LARGEST_EVENT: u64 = 25 * 1024 * 1024;

fn context(env: &Env) -> Context {
    context_with(env, "GITHUB_RUN_ID")
}

/// The context, with the variable `run` as the last part of the link to a run.
pub(super) fn context_with(env: &Env, run: &'static str) -> Context {
    let event = read_event(env);
    let from_event = |pointer: &str| {
        let value = event.pointer(pointer)?.as_str()?.trim();
        (!value.is_empty()).then(|| Detected::new(value, format!("GITHUB_EVENT_PATH ({pointer})")))
    };
    let mut context = Context {
        repository: first(env, &["GITHUB_REPOSITORY"]),
        // On a pull request GITHUB_SHA is a temporary merge commit.
        sha: from_event("/pull_request/head/sha").or_else(|| first(env, &["GITHUB_SHA"])),
        build_number: first(env, &["GITHUB_RUN_NUMBER"]),
        invoke_id: first(env, &["GITHUB_RUN_ID"]),
        run_url: run_url(env, run),
        actor: first(env, &["GITHUB_ACTOR"]),
        manual_trigger: equals(env, "GITHUB_EVENT_NAME", "workflow_dispatch"),
        ..Context::default()
    };
    // On a pull request GITHUB_REF is the merge, and GITHUB_HEAD_REF the source.
    context.set_refs(env, &["GITHUB_HEAD_REF", "GITHUB_REF", "GITHUB_REF_NAME"], &[]);
    let same_actor = |login: &str| context.actor.as_ref().is_some_and(|actor| actor.raw() == login);
    if event.pointer("/pusher/name").and_then(Value::as_str).is_some_and(same_actor) {
        context.actor_email = from_event("/pusher/email");
    }
    context.add_metadata(env, &METADATA);
    context
}

fn run_url(env: &Env, run: &'static str) -> Option<Detected> {
    let server = link(env, &["GITHUB_SERVER_URL"])?;
    let repository = env.get("GITHUB_REPOSITORY")?;
    let number = env.get(run)?;
    let value = format!("{}/{repository}/actions/runs/{number}", server.raw().trim_end_matches('/'));
    Some(Detected::new(value, format!("GITHUB_SERVER_URL, GITHUB_REPOSITORY and {run}")))
}

/// The webhook payload of the run, or null if it cannot be read.
fn read_event(env: &Env) -> Value {
    let read = || {
        let bytes = read_limited(Path::new(env.get("GITHUB_EVENT_PATH")?), LARGEST_EVENT)?;
        serde_json::from_slice(&bytes).ok()
    };
    read().unwrap_or(Value::Null)
}

/// The jobs of a matrix share GITHUB_JOB. The runner sets a tracking id for each job, but not in containers. There, the runner's
/// name and directory distinguish jobs, and in a container job (its paths begin with `/__w`) also the job's container. For a
/// container action HOSTNAME is not used: each step has its own container.
fn job_identity(env: &Env) -> Option<String> {
    if env.get("RUNNER_TRACKING_ID").is_some() {
        return identity_of_run(env, &["RUNNER_TRACKING_ID"]);
    }
    let is_container_job = env.get("RUNNER_TEMP").is_some_and(|path| path.starts_with("/__w/"));
    let distinguishing: &[&str] = match is_container_job {
        true => &["RUNNER_NAME", "RUNNER_TEMP", "HOSTNAME"],
        false => &["RUNNER_NAME", "RUNNER_TEMP"],
    };
    identity_of_run(env, distinguishing)
}

/// The identity of a job in an attempt of a run. The variables `distinguishing` distinguish jobs with the same GITHUB_JOB.
pub(super) fn identity_of_run(env: &Env, distinguishing: &[&str]) -> Option<String> {
    let run = ["GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ATTEMPT", "GITHUB_JOB"];
    identity(env, &["GITHUB_RUN_ID"], &[&run, distinguishing].concat())
}

/// GitHub's surfaces: workflow commands on stdout, summary and outputs through files.
pub(super) struct GitHub {
    summary: Option<PathBuf>,
    output: Option<PathBuf>,
}

impl GitHub {
    /// Uses the files that `env` names.
    pub(super) fn new(env: &Env) -> Self {
        let path = |name| env.get(name).map(PathBuf::from);
        Self { summary: path("GITHUB_STEP_SUMMARY"), output: path("GITHUB_OUTPUT") }
    }
}

/// GitHub drops a step's whole summary if it is larger.
const LARGEST_SUMMARY: usize = 1_048_576;
const TRUNCATED: &str = " … (cut)";
const TRUNCATED_BESIDE_SUMMARY: &str = " … (cut; whole in the job summary)";
const TRUNCATED_SUMMARY: &str = "\n\n… (cut: GitHub takes at most 1 MiB)\n";

impl Surface for GitHub {
    fn annotation(&self, level: Level, whole_title: &str, message: &str) -> String {
        let title = escape_property(&text::truncate(whole_title, 300, "…", |c| {
            escape_property(c.encode_utf8(&mut [0; 4])).len()
        }));
        let head = format!("::{} title={title}::", level.word());
        // Without a message there would be no annotation.
        let message = if message.is_empty() { whole_title } else { message };
        let room = LARGEST_ANNOTATION - head.len();
        let mark = if self.summary.is_some() && level == Level::Error { TRUNCATED_BESIDE_SUMMARY } else { TRUNCATED };
        let message = text::truncate(message, room, mark, |c| escape_data(c.encode_utf8(&mut [0; 4])).len());
        format!("{head}{}\n", escape_data(&message))
    }

    fn annotates_on_stdout(&self) -> bool {
        // The runner reads both streams, and stderr before stdout in each batch. Using only one keeps the order.
        true
    }

    fn add_summary(&self, summary: &Summary) -> Result<String, SurfaceError> {
        let Some(path) = &self.summary else {
            return Ok(String::new());
        };
        let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
        let room = LARGEST_SUMMARY.saturating_sub(usize::try_from(size).unwrap_or(LARGEST_SUMMARY) + 1);
        if room < TRUNCATED_SUMMARY.len() {
            return Err(SurfaceError::SummaryFull { limit: "GitHub takes at most 1 MiB" });
        }
        let markdown = text::truncate(&summary.markdown, room, TRUNCATED_SUMMARY, char::len_utf8);
        append(path, &markdown).map_err(|error| SurfaceError::file_of_variable("GITHUB_STEP_SUMMARY", path, error))?;
        Ok(String::new())
    }

    fn has_summary(&self) -> bool {
        self.summary.is_some()
    }

    fn set_outputs(&self, outputs: &[(&str, String)]) -> Result<String, SurfaceError> {
        let Some(path) = &self.output else {
            return Ok(String::new());
        };
        // The name holds no `<<` and the value no line break, so the value cannot end early.
        let lines: String = outputs.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        append(path, &lines).map_err(|error| SurfaceError::file_of_variable("GITHUB_OUTPUT", path, error))?;
        Ok(String::new())
    }
}

/// Escapes a command's message. The runner reverses this.
fn escape_data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// Escapes the value of a command's property. The runner reverses this.
fn escape_property(text: &str) -> String {
    escape_data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
const EXAMPLE: Example = Example {
    minimal: &[("GITHUB_ACTIONS", "true")],
    // A runner on a machine of another system.
    ambiguous: &[&[("GITHUB_ACTIONS", "true"), ("CODEBUILD_BUILD_ARN", "arn:aws:codebuild:r:1:build/p:1")]],
    not_detected: &[],
    refs: None,
    sources: &[include_str!("github.rs")],
    job: &[
        ("GITHUB_REPOSITORY", "octo/shop"),
        ("GITHUB_RUN_ID", "1234567890"),
        ("GITHUB_RUN_ATTEMPT", "1"),
        ("GITHUB_JOB", "deploy"),
        ("RUNNER_TRACKING_ID", "github_0d9e"),
    ],
    same_job: &[&[("GITHUB_ACTION", "__run_2"), ("RUNNER_NAME", "runner-1"), ("RUNNER_TEMP", "/home/runner/_temp")]],
    other_jobs: &[
        &[("GITHUB_RUN_ID", "1234567891")],
        &[("GITHUB_RUN_ATTEMPT", "2")],
        &[("GITHUB_JOB", "verify")],
        &[("RUNNER_TRACKING_ID", "github_1c8f")],
        // Containers, which do not get the tracking id.
        &[("RUNNER_TRACKING_ID", ""), ("RUNNER_NAME", "runner-1"), ("RUNNER_TEMP", "/github/runner_temp")],
        &[("RUNNER_TRACKING_ID", ""), ("RUNNER_NAME", "runner-2"), ("RUNNER_TEMP", "/github/runner_temp")],
        &[("RUNNER_TRACKING_ID", ""), ("RUNNER_NAME", "runner-1"), ("RUNNER_TEMP", "/__w/_temp"), ("HOSTNAME", "4f1c")],
        &[("RUNNER_TRACKING_ID", ""), ("RUNNER_NAME", "runner-1"), ("RUNNER_TEMP", "/__w/_temp"), ("HOSTNAME", "9c2f")],
    ],
    unknown_jobs: &[&[("GITHUB_RUN_ID", "")]],
    job_status: &[],
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Name, title and message by the runner's own rules (actions/runner, `ActionCommand.TryParseV2`).
    fn parse(line: &str) -> Option<(String, String, String)> {
        let (head, message) = line.trim_start().strip_prefix("::")?.split_once("::")?;
        let (name, properties) = head.split_once(' ')?;
        let (key, title) = properties.trim().split_once('=')?;
        let unescape = |text: &str| text.replace("%0D", "\r").replace("%0A", "\n");
        let title = unescape(title).replace("%3A", ":").replace("%2C", ",").replace("%25", "%");
        (key == "title" && !properties.contains(','))
            .then(|| (name.to_owned(), title, unescape(message).replace("%25", "%")))
    }

    proptest! {
        #[test]
        fn annotation_is_one_command_with_exactly_its_text(
            title in "([:%=,]|25|0A|\\PC){1,40}", message in "([:%,\r\n]|::|%0A|%25|##\\[error\\]|\\PC){1,60}"
        ) {
            // The runner trims properties, and titles have no space at their ends.
            let title = title.trim().to_owned();
            prop_assume!(!title.is_empty());
            let written = GitHub { summary: None, output: None }.annotation(Level::Warning, &title, &message);
            let line = written.strip_suffix('\n').unwrap();
            prop_assert!(!line.contains(['\r', '\n']), "{}", line);
            prop_assert_eq!(parse(line), Some(("warning".to_owned(), title, message)));
        }

        #[test]
        fn runner_reads_the_same_outputs(values in proptest::collection::vec("([=<%]|<<EOF|\\PC){0,30}", 1..6)) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("output");
            let names = ["a", "b", "c", "d", "e"];
            let pairs: Vec<(&str, String)> = names.into_iter().zip(values).collect();
            GitHub { summary: None, output: Some(path.clone()) }.set_outputs(&pairs).unwrap();
            let text = std::fs::read_to_string(path).unwrap();
            // With `=` before `<<`, the rest of the line is the value (actions/runner, `FileCommandManager`).
            let read: Vec<(&str, String)> = text
                .split_terminator('\n')
                .map(|line| line.split_once('=').unwrap())
                .map(|(name, value)| (name, value.to_owned()))
                .collect();
            prop_assert_eq!(read, pairs);
        }
    }

    #[test]
    fn steps_of_a_container_action_share_an_identity() {
        let step = |hostname: &str| {
            let variables = [("GITHUB_RUN_ID", "1"), ("RUNNER_TEMP", "/github/runner_temp"), ("HOSTNAME", hostname)];
            job_identity(&variables.into_iter().collect())
        };
        assert_eq!(step("4f1c"), step("9c2f"));
        assert!(step("4f1c").is_some());
    }
}
