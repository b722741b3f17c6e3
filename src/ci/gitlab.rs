//! GitLab CI.
//!
//! Owns: the predefined variables, sections of the job log, and the files for the annotations and dotenv reports. Does
//! not own: uploading them, which the job's `artifacts:reports` asks for. Sources: GitLab documentation, "Predefined
//! CI/CD variables reference", "Job logs" and "GitLab CI/CD artifacts reports types"; GitLab's `ansi2json/converter.rb`
//! and `parse_dotenv_artifact_service.rb`.

#[cfg(test)]
use super::contract_tests::Example;
use super::output_variables::{fits_environment, select};
use super::surface::{LARGEST_ANNOTATION, Surface, SurfaceError};
use super::{Context, Detected, STOP_TIMEOUT, System, equals, first, identity, link, repository_of_remote};
use crate::env::Env;
use crate::model::clock::Clock;
use crate::model::message::{Level, Summary};
use crate::text;
use serde_json::{Map, Value, json};
use std::cell::Cell;
use std::io;
use std::path::{Path, PathBuf};

/// GitLab CI.
pub(super) const SYSTEM: System = System {
    name: "GitLab CI",
    source_system: Some("gitlab"),
    detect: |env| env.get("GITLAB_CI").is_some(),
    context,
    // A retry is a new job.
    job_identity: |env| identity(env, &["CI_JOB_ID"], &["CI_SERVER_URL"]),
    // Set in `after_script`.
    job_status: |env| first(env, &["CI_JOB_STATUS"]),
    temp_dir: None,
    stop_timeout: STOP_TIMEOUT,
    surface: |env| Box::new(GitLab::new(env)),
    #[cfg(test)]
    example: EXAMPLE,
};

const METADATA: [(&str, &str); 6] = [
    ("vi_gl_pipeline_id", "CI_PIPELINE_ID"),
    ("vi_gl_pipeline_url", "CI_PIPELINE_URL"),
    ("vi_gl_job_id", "CI_JOB_ID"),
    ("vi_gl_job_name", "CI_JOB_NAME"),
    ("vi_gl_job_url", "CI_JOB_URL"),
    ("vi_gl_pipeline_source", "CI_PIPELINE_SOURCE"),
];

/// Environment actions of jobs that do not deploy (GitLab documentation, `environment:action`).
const NO_DEPLOYMENT: [&str; 4] = ["stop", "prepare", "verify", "access"];

fn context(env: &Env) -> Context {
    let deploys = env.get("CI_ENVIRONMENT_ACTION").is_none_or(|action| !NO_DEPLOYMENT.contains(&action.trim()));
    let mut context = Context {
        repository: repository(env),
        // In a merged-results pipeline CI_COMMIT_SHA is a merge commit that nobody ever sees again.
        sha: first(env, &["CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "CI_COMMIT_SHA"]),
        environment: deploys.then(|| first(env, &["CI_ENVIRONMENT_NAME"])).flatten(),
        build_number: first(env, &["CI_PIPELINE_IID"]),
        invoke_id: first(env, &["CI_PIPELINE_ID"]),
        run_url: link(env, &["CI_PIPELINE_URL"]),
        actor: first(env, &["GITLAB_USER_LOGIN"]),
        actor_email: first(env, &["GITLAB_USER_EMAIL"]),
        actor_name: first(env, &["GITLAB_USER_NAME"]),
        started_at: first(env, &["CI_JOB_STARTED_AT"]),
        job_timeout: first(env, &["CI_JOB_TIMEOUT"]),
        manual_trigger: equals(env, "CI_PIPELINE_SOURCE", "web"),
        ..Context::default()
    };
    let branches = ["CI_COMMIT_BRANCH", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_COMMIT_REF_NAME"];
    context.set_refs(env, &branches, &["CI_COMMIT_TAG"]);
    context.add_metadata(env, &METADATA);
    context
}

/// What the remote names: of it only this is read, for it holds the job's token. On a server under a path, as in
/// `https://host/gitlab/group/shop`, the remote begins with that path, and the project's does not.
fn repository(env: &Env) -> Option<Detected> {
    let remote = repository_of_remote(env, &["CI_REPOSITORY_URL", "CI_PROJECT_URL"]);
    let project = first(env, &["CI_PROJECT_PATH"]);
    match (remote, project) {
        (Some(remote), Some(project)) if !remote.raw().ends_with(project.raw()) => Some(remote),
        (remote, project) => project.or(remote),
    }
}

/// GitLab's surfaces: sections in the log, and files that a job uploads as reports.
pub(super) struct GitLab {
    directory: PathBuf,
    job_url: Option<String>,
    /// Unix time, for the sections; two of them in one job must not share a name.
    now: i64,
    sections: Cell<u32>,
}

impl GitLab {
    fn new(env: &Env) -> Self {
        Self {
            directory: PathBuf::from(env.get("CI_PROJECT_DIR").unwrap_or(".")),
            job_url: link(env, &["CI_JOB_URL", "CI_PIPELINE_URL"]).map(|found| found.raw().to_owned()),
            now: Clock::system().now().as_second(),
            sections: Cell::new(0),
        }
    }
}

const CUT: &str = " … (cut)";
/// What introduces each line of a folded message.
const INDENT: &str = "  | ";
/// The file for the annotations report, and the section of it that is ours.
const ANNOTATIONS: &str = "versioner-annotations.json";
const SECTION: &str = "Versioner";
/// GitLab takes annotations of up to 80 KB, with at most 1,000 links in a section.
const LARGEST_ANNOTATIONS: usize = 80_000;
const MOST_LINKS: usize = 1_000;
/// The file for the dotenv report.
const DOTENV: &str = "versioner.env";
/// A dotenv report must be smaller than 5 KB, and holds 20 variables unless the instance allows more.
const LARGEST_DOTENV: usize = 5_000;
const MOST_VARIABLES: usize = 20;

impl Surface for GitLab {
    fn annotation(&self, level: Level, title: &str, message: &str) -> String {
        let colour = match level {
            Level::Error => "\u{1b}[31;1m",
            Level::Warning => "\u{1b}[33;1m",
            Level::Notice => "\u{1b}[36;1m",
        };
        let count = self.sections.replace(self.sections.get() + 1);
        let (now, name) = (self.now, format!("versioner_{}_{}_{count}", self.now, std::process::id()));
        let title = text::truncate(title, 300, "…", char::len_utf8);
        let head = format!(
            "\u{1b}[0Ksection_start:{now}:{name}[collapsed=true]\r\u{1b}[0K{colour}{}: {title}\u{1b}[0m\n",
            level.word()
        );
        let tail = format!("\u{1b}[0Ksection_end:{now}:{name}\r\u{1b}[0K\n");
        let lines: Vec<&str> = message.lines().filter(|line| !line.is_empty()).collect();
        let cost = |c: char| c.len_utf8() + if c == '\n' { INDENT.len() } else { 0 };
        let room = LARGEST_ANNOTATION - head.len() - tail.len() - INDENT.len() - 1;
        let body = text::truncate(&lines.join("\n"), room, CUT, cost);
        let body: String = body.lines().map(|line| format!("{INDENT}{line}\n")).collect();
        format!("{head}{body}{tail}")
    }

    fn annotates_on_stdout(&self) -> bool {
        // The job log joins both streams; one of them keeps the order.
        true
    }

    fn add_summary(&self, summary: &Summary) -> Result<String, SurfaceError> {
        let is_web = |link: &&str| link.starts_with("https://") || link.starts_with("http://");
        let links = [summary.link.as_deref(), self.job_url.as_deref()];
        let Some(url) = links.into_iter().flatten().find(is_web) else {
            return Ok(String::new());
        };
        let path = self.directory.join(ANNOTATIONS);
        let mut report = read_annotations(&path)?;
        let label = text::truncate(&summary.title, 255, "…", char::len_utf8);
        let link = json!({"external_link": {"label": label, "url": url}});
        let Some(section) = report.entry(SECTION).or_insert_with(|| json!([])).as_array_mut() else {
            return Err(SurfaceError::not_ours(&path, "its section Versioner is not a list"));
        };
        section.push(link);
        let excess = section.len().saturating_sub(MOST_LINKS);
        section.drain(..excess);
        let text = loop {
            let text = json!(report).to_string();
            match report.get_mut(SECTION).and_then(Value::as_array_mut) {
                Some(section) if text.len() > LARGEST_ANNOTATIONS && section.len() > 1 => drop(section.remove(0)),
                _ => break text,
            }
        };
        replace(&path, &text)?;
        Ok(String::new())
    }

    fn has_summary(&self) -> bool {
        true
    }

    fn set_outputs(&self, outputs: &[(&str, String)]) -> Result<String, SurfaceError> {
        if outputs.is_empty() {
            return Ok(String::new());
        }
        let path = self.directory.join(DOTENV);
        let before = read_if_there(&path)?.unwrap_or_default();
        // What an earlier call of this job said is replaced whole: one line that is wrong or double spoils the report.
        let mut lines: Vec<String> =
            before.lines().filter(|line| !line.starts_with("VERSIONER_")).map(str::to_owned).collect();
        let mut size: usize = lines.iter().map(|line| line.len() + 1).sum();
        let mut count = lines.len();
        let place = format!("{DOTENV} (lines without quotes or $, at most {MOST_VARIABLES}, below 5 KB)");
        let (taken, line) = select(outputs, &place, |name, value| {
            let with_it = size + name.len() + value.len() + 2;
            let fits = is_dotenv_value(value) && count < MOST_VARIABLES && with_it <= LARGEST_DOTENV;
            if fits {
                (count, size) = (count + 1, with_it);
            }
            fits
        });
        lines.extend(taken.into_iter().map(|(name, value)| format!("{name}={value}")));
        let text: String = lines.into_iter().map(|line| line + "\n").collect();
        replace(&path, &text)?;
        Ok(line)
    }
}

/// Whether a dotenv report takes `value` as it is: GitLab trims, and expands `$` later on.
fn is_dotenv_value(value: &str) -> bool {
    fits_environment(value) && value.trim() == value && !value.contains(['"', '\'', '$'])
}

/// The annotations that this job has so far.
fn read_annotations(path: &Path) -> Result<Map<String, Value>, SurfaceError> {
    let Some(text) = read_if_there(path)? else {
        return Ok(Map::new());
    };
    serde_json::from_str(&text).map_err(|_| SurfaceError::not_ours(path, "is not an annotations report"))
}

/// The text of the file at `path`, if it is there. None of ours is larger than the largest report.
fn read_if_there(path: &Path) -> Result<Option<String>, SurfaceError> {
    match std::fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Ok(metadata) if metadata.is_file() && metadata.len() <= LARGEST_ANNOTATIONS as u64 => {}
        Ok(_) => return Err(SurfaceError::not_ours(path, "is too large, or not a regular file")),
        Err(error) => return Err(SurfaceError::file(path, error)),
    }
    std::fs::read_to_string(path).map(Some).map_err(|error| SurfaceError::file(path, error))
}

/// Writes the file at `path` in one step, so that no report is ever half written.
fn replace(path: &Path, text: &str) -> Result<(), SurfaceError> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}", std::process::id()));
    let unfinished = PathBuf::from(unfinished);
    let written = std::fs::write(&unfinished, text).and_then(|()| std::fs::rename(&unfinished, path));
    written.map_err(|error| {
        // If the file cannot be removed either, there is nothing else to do.
        let _ = std::fs::remove_file(&unfinished);
        SurfaceError::file(path, error)
    })
}

#[cfg(test)]
const EXAMPLE: Example = Example {
    minimal: &[("GITLAB_CI", "true")],
    ambiguous: &[&[("GITLAB_CI", "true"), ("JENKINS_HOME", "/srv/jenkins")]],
    not_detected: &[],
    refs: Some(("CI_COMMIT_REF_NAME", "CI_COMMIT_TAG")),
    sources: &[include_str!("gitlab.rs")],
    job: &[("CI_SERVER_URL", "https://gitlab.example"), ("CI_PIPELINE_ID", "9"), ("CI_JOB_ID", "7")],
    same_job: &[&[("CI_JOB_STATUS", "failed")], &[("CI_JOB_ID", " 7 ")]],
    other_jobs: &[&[("CI_JOB_ID", "8")], &[("CI_SERVER_URL", "https://gitlab.other.example")]],
    unknown_jobs: &[&[("CI_JOB_ID", "")], &[("CI_JOB_ID", ""), ("CI_JOB_NAME", "deploy")]],
    job_status: &[(&[("CI_JOB_STATUS", "canceled")], Some("canceled"))],
};

#[cfg(test)]
mod tests;
