//! GitLab CI.
//!
//! Owns: the predefined variables, sections of the job log, and the files for reports (`reports`). Sources: GitLab
//! documentation, "Predefined CI/CD variables reference", "Job logs" and "GitLab CI/CD artifacts reports types"; GitLab's
//! `ansi2json/converter.rb` and `parse_dotenv_artifact_service.rb`.

#[cfg(test)]
use super::contract_tests::Example;
use super::surface::{LARGEST_ANNOTATION, Surface, SurfaceError};
use super::{Context, Detected, STOP_TIMEOUT, System, equals, first, identity, link, repository_of_remote};
use crate::env::Env;
use crate::model::clock::Clock;
use crate::model::message::{Level, Summary};
use crate::text;
use reports::Reports;
use std::cell::Cell;

mod reports;

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
    last_step: "after_script: [versioner flush]",
    stop_timeout: STOP_TIMEOUT,
    has_plugins: false,
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
        // In a merged-results pipeline CI_COMMIT_SHA is a temporary merge commit.
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

/// The repository in the remote, which also holds the job's token and is not used for anything else. On a server under a path,
/// as in `https://host/gitlab/group/shop`, the remote has that path, and CI_PROJECT_PATH does not.
fn repository(env: &Env) -> Option<Detected> {
    let remote = repository_of_remote(env, &["CI_REPOSITORY_URL", "CI_PROJECT_URL"]);
    let project = first(env, &["CI_PROJECT_PATH"]);
    match (remote, project) {
        (Some(remote), Some(project)) if !remote.raw().ends_with(project.raw()) => Some(remote),
        (remote, project) => project.or(remote),
    }
}

/// GitLab's surfaces: sections in the log, and files that a job uploads as reports.
struct GitLab {
    reports: Reports,
    job_url: Option<String>,
    /// Unix time, for the sections.
    now: i64,
    /// How many sections there are. Two sections of a job must not share a name.
    sections: Cell<u32>,
}

impl GitLab {
    fn new(env: &Env) -> Self {
        Self {
            reports: Reports::new(env),
            job_url: link(env, &["CI_JOB_URL", "CI_PIPELINE_URL"]).map(|found| found.raw().to_owned()),
            now: Clock::system().now().as_second(),
            sections: Cell::new(0),
        }
    }
}

const TRUNCATED: &str = " … (cut)";
/// The beginning of each line of a message.
const INDENT: &str = "  | ";

impl Surface for GitLab {
    fn annotation(&self, level: Level, title: &str, message: &str) -> String {
        // An error is shown open: the reader must not have to look for the reason.
        let (color, options) = match level {
            Level::Error => ("\u{1b}[31;1m", ""),
            Level::Warning => ("\u{1b}[33;1m", "[collapsed=true]"),
            Level::Notice => ("\u{1b}[36;1m", "[collapsed=true]"),
        };
        let count = self.sections.replace(self.sections.get() + 1);
        let (now, name) = (self.now, format!("versioner_{}_{}_{count}", self.now, std::process::id()));
        let title = text::truncate(title, 300, "…", char::len_utf8);
        let head = format!(
            "\u{1b}[0Ksection_start:{now}:{name}{options}\r\u{1b}[0K{color}{}: {title}\u{1b}[0m\n",
            level.word()
        );
        let tail = format!("\u{1b}[0Ksection_end:{now}:{name}\r\u{1b}[0K\n");
        let lines: Vec<&str> = message.lines().filter(|line| !line.is_empty()).collect();
        let measure = |c: char| c.len_utf8() + if c == '\n' { INDENT.len() } else { 0 };
        let room = LARGEST_ANNOTATION - head.len() - tail.len() - INDENT.len() - 1;
        let body = text::truncate(&lines.join("\n"), room, TRUNCATED, measure);
        let body: String = body.lines().map(|line| format!("{INDENT}{line}\n")).collect();
        format!("{head}{body}{tail}")
    }

    fn annotates_on_stdout(&self) -> bool {
        // The job log joins both streams. Using only one keeps the order.
        true
    }

    fn add_summary(&self, summary: &Summary) -> Result<String, SurfaceError> {
        let is_web = |link: &&str| link.starts_with("https://") || link.starts_with("http://");
        let links = [summary.link.as_deref(), self.job_url.as_deref()];
        if let Some(url) = links.into_iter().flatten().find(is_web) {
            self.reports.add_link(&summary.title, url)?;
        }
        Ok(String::new())
    }

    fn has_summary(&self) -> bool {
        true
    }

    fn shows_summary(&self) -> bool {
        // Of a summary, only its title and link are on the job's page.
        false
    }

    fn set_outputs(&self, outputs: &[(&str, String)]) -> Result<String, SurfaceError> {
        self.reports.set_variables(outputs)
    }
}

#[cfg(test)]
const EXAMPLE: Example = Example {
    minimal: &[("GITLAB_CI", "true")],
    ambiguous: &[&[("GITLAB_CI", "true"), ("JENKINS_HOME", "/srv/jenkins")]],
    not_detected: &[],
    refs: Some(("CI_COMMIT_REF_NAME", "CI_COMMIT_TAG")),
    sources: &[include_str!("gitlab.rs"), include_str!("gitlab/reports.rs")],
    job: &[("CI_SERVER_URL", "https://gitlab.example"), ("CI_PIPELINE_ID", "9"), ("CI_JOB_ID", "7")],
    same_job: &[&[("CI_JOB_STATUS", "failed")], &[("CI_JOB_ID", " 7 ")]],
    other_jobs: &[&[("CI_JOB_ID", "8")], &[("CI_SERVER_URL", "https://gitlab.other.example")]],
    unknown_jobs: &[&[("CI_JOB_ID", "")], &[("CI_JOB_ID", ""), ("CI_JOB_NAME", "deploy")]],
    job_status: &[(&[("CI_JOB_STATUS", "canceled")], Some("canceled"))],
};

#[cfg(test)]
mod tests;
