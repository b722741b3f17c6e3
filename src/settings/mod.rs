//! Settings: the sources, and their resolution into one [`Plan`].
//!
//! Owns: the table of settings, the command line, precedence and errors. Later code sees only resolved types, so a
//! combination that makes no sense cannot be built. Does not own: what the settings control.

mod api;
mod command_line;
mod config_file;
mod error;
mod event;
mod flat_yaml;
mod github;
mod resolver;
mod run;
mod sources;
mod spool;
pub mod table;
mod wait;

pub use command_line::{COMMANDS, Command, CommandLine, EarlyExit, GROUPS, Subcommand, parse};
pub use error::SettingError;
pub use github::{GitHubSettings, ResumePlan};
pub use resolver::ResolvedSetting;
pub use run::{RunCommand, RunPlan};
pub use spool::SpoolConfig;

use crate::api::ApiConfig;
use crate::ci::{Context, System};
use crate::env::Env;
use crate::model::event::Event;
use crate::model::policy::{ErrorPolicy, WaitPolicy};
use crate::model::source::Sourced;
use crate::model::status::Status;
use crate::text::{Foreign, Redactor};
use config_file::ConfigFile;
use jiff::Timestamp;
use reqwest::Url;
use resolver::Resolver;
use run::RunSettings;
use sources::{Inputs, RawValue, Sources};
use std::path::PathBuf;

/// What to do.
#[derive(Debug)]
pub enum Plan {
    /// Report one event.
    Report(Settings, ReportPlan),
    /// Wrap a deployment.
    Run(Settings, RunPlan),
    /// Report the end of the deployments that this job has started, with this status if it is known.
    Finish(Settings, Option<Sourced<Status>>),
    /// Deliver spooled events.
    Flush(Settings, FlushPlan),
    /// Re-run parked jobs.
    Resume(Settings, ResumePlan),
    /// Show what would be sent.
    Check(CheckPlan),
    /// Nothing: [`Resolved::errors`] says what is wrong.
    Invalid,
}

/// One event to report.
#[derive(Debug)]
pub struct ReportPlan {
    pub event: Event,
    /// Whether a reported failure fails the job: without a subcommand, this call stands for it.
    pub failure_fails_job: bool,
}

/// Delivering the spool.
#[derive(Clone, Copy, Debug)]
pub struct FlushPlan {
    /// Whether to try the events that were set aside, too.
    pub retry_set_aside: bool,
}

/// What `check` shows.
#[derive(Debug)]
pub struct CheckPlan {
    /// The event, if it could be sent.
    pub event: Option<Event>,
    /// How to reach the API, if that is known.
    pub api: Option<ApiConfig>,
    /// Whether to ask the API.
    pub online: bool,
}

/// The settings that all commands share.
#[derive(Debug)]
pub struct Settings {
    pub api: ApiConfig,
    /// The web console, if it is known.
    pub ui_url: Option<Url>,
    /// The page of this CI run, if it is known.
    pub run_url: Option<Foreign>,
    pub wait: WaitPolicy,
    pub errors: ErrorPolicy,
    pub spool: SpoolConfig,
    pub output_file: Option<PathBuf>,
    pub github: GitHubSettings,
    /// Whether to write the job summary.
    pub summary: bool,
}

/// The result of resolving the settings.
#[derive(Debug)]
pub struct Resolved {
    pub plan: Plan,
    /// Every setting, if the plan is to show them.
    pub settings: Vec<ResolvedSetting>,
    pub errors: Vec<SettingError>,
    pub warnings: Vec<String>,
    /// A line for the log.
    pub note: Option<String>,
    /// Redacts the API key, and invalid values that were given as one.
    pub redactor: Redactor,
    /// Whether to print more.
    pub verbose: bool,
    /// Whether to print everything.
    pub debug: bool,
}

/// What the sources ask for, before the settings of it are resolved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Report { failure_fails_job: bool },
    Run,
    Finish,
    Flush,
    Resume,
    Check { online: bool },
}

/// Resolves all settings at `now`. `redactor` redacts the keys that are known already.
#[must_use]
pub fn resolve(
    line: &CommandLine,
    env: &Env,
    system: &System,
    context: &Context,
    now: Timestamp,
    redactor: Redactor,
) -> Resolved {
    let input = matches!(line.subcommand, Subcommand::None | Subcommand::Check { .. });
    let inputs = Inputs { input, plugin: input && system.has_plugins() };
    let file = ConfigFile::load(line, env, system);
    let sources = Sources::new(line, env, inputs, &file);
    let mut resolver = Resolver::new(&sources, redactor);
    file.secrets().for_each(|secret| resolver.redactor.add(secret));
    resolver.note("config", file.shown());
    resolver.warnings.extend(sources::without_effect(line, env, &file));
    let action = action(&mut resolver, line.subcommand);
    let is_check = matches!(action, Some(Action::Check { .. }));
    resolver.records = is_check;
    // `resume` needs no key.
    let key = if action == Some(Action::Resume) { None } else { api::api_key(&mut resolver, !is_check) };
    if let Some(key) = &key {
        resolver.redactor.add(key.value.expose());
    }
    let (api, ui_url) = api::resolve(&mut resolver, key);
    let mut event = None;
    let mut job_status = None;
    match action {
        Some(Action::Flush | Action::Resume) => {}
        Some(Action::Finish) => job_status = event::job_status(&mut resolver, system.job_status(env).as_ref()),
        Some(Action::Report { .. } | Action::Run | Action::Check { .. }) | None => {
            // `check` shows the event of the script to wrap.
            let under_run = action == Some(Action::Run) || (is_check && script(&mut resolver).is_some());
            event = event::resolve(&mut resolver, line.subcommand, under_run, context);
        }
    }
    let wait = wait::resolve(&mut resolver, system, context, now);
    let (github, resume) = github::resolve(&mut resolver, env, system, action == Some(Action::Resume));
    let fail_on_api_error = resolver.switch("fail_on_api_error", true);
    let require_gate = resolver.switch("require_gate", false);
    let run = run::resolve(&mut resolver, system.stop_timeout());
    let spool = spool::resolve(&mut resolver, env, system);
    let flush = FlushPlan { retry_set_aside: resolver.switch("retry_set_aside", false) };
    let errors = ErrorPolicy { fail_on_api_error, require_gate, spool: !matches!(spool, SpoolConfig::Off) };
    let output_file =
        resolver.optional("output_file", &["output_file"], None, "a path", |path| Some(PathBuf::from(path)));
    let summary = resolver.switch("summary", true);
    let verbose = resolver.switch("verbose", false);
    let debug = resolver.switch("debug", env.get("RUNNER_DEBUG") == Some("1") || env.is_true("CI_DEBUG_TRACE"));

    let Resolver { resolved, errors: mut problems, mut warnings, redactor, .. } = resolver;
    warnings.extend(file.warnings);
    if let Some(error) = file.error {
        // What is missing may be in that file.
        problems.retain(|problem| !problem.is_missing());
        problems.insert(0, error);
    }
    let valid = problems.is_empty();
    let plan = match action {
        Some(Action::Check { online }) => Plan::Check(CheckPlan { event: event.filter(|_| valid), api, online }),
        Some(action) if valid => {
            let output_file = output_file.map(|path| path.value);
            let run_url = context.run_url.as_ref().map(|url| url.value.clone());
            let settings = || {
                let (api, wait) = (api?, wait?);
                Some(Settings { api, ui_url, run_url, wait, errors, spool, output_file, github, summary })
            };
            plan(action, settings(), Parts { event, job_status, run, flush, resume }, line).unwrap_or(Plan::Invalid)
        }
        Some(_) | None => Plan::Invalid,
    };
    Resolved { plan, settings: resolved, errors: problems, warnings, note: file.note, redactor, verbose, debug }
}

/// What the commands need besides the common settings.
struct Parts {
    event: Option<Event>,
    job_status: Option<Sourced<Status>>,
    run: RunSettings,
    flush: FlushPlan,
    resume: Option<ResumePlan>,
}

/// The plan for `action`. `None` only if a part is missing, which is an error that has been noted.
fn plan(action: Action, settings: Option<Settings>, parts: Parts, line: &CommandLine) -> Option<Plan> {
    let Parts { event, job_status, run, flush, resume } = parts;
    let settings = settings?;
    Some(match action {
        Action::Report { failure_fails_job } => Plan::Report(settings, ReportPlan { event: event?, failure_fails_job }),
        Action::Run => {
            let RunSettings { script, stop_timeout, keep_api_key } = run;
            let command = match line.words.as_slice() {
                [] => RunCommand::Script(script?),
                words => RunCommand::Words(words.to_vec()),
            };
            Plan::Run(settings, RunPlan { event: event?, command, stop_timeout: stop_timeout?, keep_api_key })
        }
        Action::Finish => Plan::Finish(settings, job_status),
        Action::Flush => Plan::Flush(settings, flush),
        Action::Resume => Plan::Resume(settings, resume?),
        Action::Check { .. } => return None,
    })
}

fn action(resolver: &mut Resolver<'_>, subcommand: Subcommand) -> Option<Action> {
    match subcommand {
        Subcommand::None => action_of_settings(resolver),
        Subcommand::Run => Some(Action::Run),
        Subcommand::Finish => Some(Action::Finish),
        Subcommand::Flush => Some(Action::Flush),
        Subcommand::Resume => Some(Action::Resume),
        Subcommand::Check { online } => Some(Action::Check { online }),
        Subcommand::TrackDeployment | Subcommand::TrackBuild | Subcommand::Version => {
            Some(Action::Report { failure_fails_job: false })
        }
    }
}

/// The action without a subcommand: that of the `command` setting, or `run` if there is a script.
fn action_of_settings(resolver: &mut Resolver<'_>) -> Option<Action> {
    let parse = |word: &str| match word.to_ascii_lowercase().as_str() {
        "track" => Some(Action::Report { failure_fails_job: true }),
        "finish" => Some(Action::Finish),
        "flush" => Some(Action::Flush),
        "resume" => Some(Action::Resume),
        "check" => Some(Action::Check { online: false }),
        _ => None,
    };
    let action = resolver.with_default("command", "track", &table::Argument::allowed(table::COMMAND), parse)?;
    match (action.value, script(resolver)) {
        (Action::Report { .. }, Some(_)) => Some(Action::Run),
        (Action::Finish | Action::Flush | Action::Resume | Action::Check { .. }, Some(script)) => {
            resolver.errors.push(SettingError::RunAndCommand { run: script.source, command: action.source });
            None
        }
        (action, _) => Some(action),
    }
}

/// The script to wrap, if there is one.
fn script(resolver: &mut Resolver<'_>) -> Option<RawValue> {
    resolver.pick(&["run"]).filter(|script| script.value.raw() != "none")
}
