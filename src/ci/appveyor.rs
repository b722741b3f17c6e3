//! AppVeyor.
//!
//! Owns: its variables, and the program `appveyor`, which accepts messages and outputs. Sources: AppVeyor documentation,
//! "Environment variables" and "Build Worker API".

#[cfg(test)]
use super::contract_tests::Example;
use super::output_variables::{is_plain_line, select};
use super::plain::Plain;
use super::surface::{LARGEST_ANNOTATION, Surface, SurfaceError};
use super::{Context, Detected, STOP_TIMEOUT, System, first, identity, link};
use crate::env::Env;
use crate::model::message::Level;
use crate::process::HelperProgram;
use crate::text;
use std::cell::Cell;

/// AppVeyor.
pub(super) const SYSTEM: System = System {
    name: "AppVeyor",
    source_system: Some("appveyor"),
    detect: |env| env.is_true("APPVEYOR"),
    context,
    job_identity: |env| identity(env, &["APPVEYOR_JOB_ID"], &[]),
    job_status: |_| None,
    temp_dir: None,
    last_step: "on_finish: [versioner flush]",
    stop_timeout: STOP_TIMEOUT,
    has_plugins: false,
    surface: |env| Box::new(AppVeyor { program: HelperProgram::find(env, "appveyor"), failed: Cell::new(false) }),
    #[cfg(test)]
    example: EXAMPLE,
};

const METADATA: [(&str, &str); 7] = [
    ("vi_appveyor_build_id", "APPVEYOR_BUILD_ID"),
    ("vi_appveyor_build_version", "APPVEYOR_BUILD_VERSION"),
    ("vi_appveyor_job_id", "APPVEYOR_JOB_ID"),
    ("vi_appveyor_job_name", "APPVEYOR_JOB_NAME"),
    ("vi_appveyor_project_slug", "APPVEYOR_PROJECT_SLUG"),
    ("vi_appveyor_pull_request_number", "APPVEYOR_PULL_REQUEST_NUMBER"),
    ("vi_appveyor_re_build", "APPVEYOR_RE_BUILD"),
];

/// The variables that say that no push started the build.
const NOT_A_PUSH: [&str; 3] = ["APPVEYOR_FORCED_BUILD", "APPVEYOR_SCHEDULED_BUILD", "APPVEYOR_RE_BUILD"];

fn context(env: &Env) -> Context {
    let by_push = !NOT_A_PUSH.iter().any(|name| env.is_true(name));
    let mut context = Context {
        repository: first(env, &["APPVEYOR_REPO_NAME"]),
        // On a pull request APPVEYOR_REPO_COMMIT is a merge commit, and APPVEYOR_REPO_BRANCH the target.
        sha: first(env, &["APPVEYOR_PULL_REQUEST_HEAD_COMMIT", "APPVEYOR_REPO_COMMIT"]),
        build_number: first(env, &["APPVEYOR_BUILD_NUMBER"]),
        invoke_id: first(env, &["APPVEYOR_BUILD_ID"]),
        run_url: run_url(env),
        // The only person it names is the author of the commit, who has not started other kinds of builds.
        actor: by_push.then(|| first(env, &["APPVEYOR_REPO_COMMIT_AUTHOR"])).flatten(),
        actor_email: by_push.then(|| first(env, &["APPVEYOR_REPO_COMMIT_AUTHOR_EMAIL"])).flatten(),
        manual_trigger: env.is_true("APPVEYOR_FORCED_BUILD").then(|| "APPVEYOR_FORCED_BUILD".to_owned()),
        ..Context::default()
    };
    let branches = ["APPVEYOR_PULL_REQUEST_HEAD_REPO_BRANCH", "APPVEYOR_REPO_BRANCH"];
    context.set_refs(env, &branches, &["APPVEYOR_REPO_TAG_NAME"]);
    context.add_metadata(env, &METADATA);
    context
}

fn run_url(env: &Env) -> Option<Detected> {
    let server = link(env, &["APPVEYOR_URL"]);
    let server = server.as_ref().map_or("https://ci.appveyor.com", Detected::raw);
    let build = env.get("APPVEYOR_BUILD_ID")?.trim();
    let project = match (env.get("APPVEYOR_ACCOUNT_NAME"), env.get("APPVEYOR_PROJECT_SLUG")) {
        (Some(account), Some(slug)) => format!("{}/{}", account.trim(), slug.trim()),
        _ => env.get("APPVEYOR_REPO_NAME")?.trim().to_owned(),
    };
    let value = format!("{}/project/{project}/builds/{build}", server.trim_end_matches('/'));
    Some(Detected::new(value, "APPVEYOR_URL, APPVEYOR_PROJECT_SLUG and APPVEYOR_BUILD_ID"))
}

/// Plain text, and the program `appveyor` for messages on the build's page and variables.
struct AppVeyor {
    program: Option<HelperProgram>,
    /// Whether the program has failed. Then it is not called again.
    failed: Cell<bool>,
}

impl AppVeyor {
    fn working_program(&self) -> Option<&HelperProgram> {
        self.program.as_ref().filter(|_| !self.failed.get())
    }
}

/// Much larger values might exceed what a program can be given as an argument.
const LARGEST_VALUE: usize = 20_000;
const TRUNCATED: &str = " … (cut; whole in the log)";

impl Surface for AppVeyor {
    fn annotation(&self, level: Level, title: &str, message: &str) -> String {
        let mut text = Plain.annotation(level, title, message);
        let Some(program) = self.working_program() else {
            return text;
        };
        let category = match level {
            Level::Notice => "Information",
            Level::Warning => "Warning",
            Level::Error => "Error",
        };
        // Neither argument can look like an option: the title begins with a word of ours, the details with a space.
        let title = format!("versioner: {title}");
        let title = text::truncate(&title, 300, "…", char::len_utf8);
        let details = format!(" {message}");
        let details = text::truncate(&details, LARGEST_ANNOTATION - 300, TRUNCATED, char::len_utf8);
        let arguments = ["AddMessage", &title, "-Category", category, "-Details", &details];
        if let Err(error) = program.call(&arguments, "").map_err(SurfaceError::helper_program) {
            self.failed.set(true);
            text.push_str(&format!("versioner: not shown among the build's messages: {error}\n"));
        }
        text
    }

    fn set_outputs(&self, outputs: &[(&str, String)]) -> Result<String, SurfaceError> {
        let Some(program) = self.working_program() else {
            return Ok(String::new());
        };
        let place = "the build's variables (plain lines that look like no option, at most 20 KB)";
        let (selected, line) = select(outputs, place, |_, value| {
            let is_option = value.is_empty() || value.starts_with(['-', '/', '@']);
            is_plain_line(value) && !is_option && value.len() <= LARGEST_VALUE
        });
        let arguments =
            |name: &str, value: &str| ["SetVariable", "-Name", name, "-Value", value].map(str::to_owned).to_vec();
        program.call_for_each(&selected, arguments).map_err(SurfaceError::helper_program)?;
        Ok(line)
    }
}

#[cfg(test)]
const EXAMPLE: Example = Example {
    minimal: &[("APPVEYOR", "True")],
    ambiguous: &[],
    not_detected: &[&[("APPVEYOR", "")]],
    refs: Some(("APPVEYOR_REPO_BRANCH", "APPVEYOR_REPO_TAG_NAME")),
    sources: &[include_str!("appveyor.rs")],
    job: &[("APPVEYOR_JOB_ID", "tq4sxv8k01pvjkx2"), ("APPVEYOR_JOB_NAME", "deploy")],
    same_job: &[],
    other_jobs: &[&[("APPVEYOR_JOB_ID", "a1b2c3d4e5f6g7h8")]],
    unknown_jobs: &[&[("APPVEYOR_JOB_ID", "")]],
    job_status: &[],
};

#[cfg(test)]
#[cfg(unix)]
mod tests;
