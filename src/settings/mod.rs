//! Settings: who said what, resolved to one typed value each, with its source and errors that say what to do.
//!
//! Owns: the resolved types. Later code sees these alone. Does not own: the names (`names`), nor how sources are
//! collected (`said`) and weighed (`resolver`).

mod connection;
mod described;
pub mod keeping;
pub mod names;
mod resolver;
pub mod said;
mod waiting;
pub mod wrapping;

pub use connection::Connection;
pub(crate) use connection::{is_loopback, is_readable_file};
pub use described::{Described, EventType};
pub use keeping::Keeping;
pub use resolver::{Row, Sourced};
pub use wrapping::Wrapping;

use crate::ci::{Context, job};
use crate::cli::{Command, Invocation};
use crate::env::Env;
use crate::gate::Rules;
use crate::secret::Redactor;
use crate::status::Status;
use jiff::Timestamp;
use resolver::Resolver;
use said::{Given, Said, Source};
use std::path::PathBuf;

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Report the one event that is described. Without a subcommand, a reported `failed` fails the job.
    Report {
        /// Whether a subcommand said so.
        subcommand: bool,
    },
    /// Ask the rules, run a command or the script of the `run` setting, and report how it ended.
    Run,
    /// Close what this job has started.
    Finish,
    /// Deliver what could not be delivered before.
    Flush,
    /// Show what would be sent.
    Check {
        /// And ask the API whether it is up.
        online: bool,
    },
}

/// All settings of one call but the event's.
#[derive(Debug)]
pub struct Settings {
    /// How to reach the API.
    pub connection: Connection,
    /// Whether and how long to wait for a block to lift.
    pub waiting: Rules,
    /// Whether an API that is unreachable or refuses fails the job.
    pub fail_on_api_error: bool,
    /// Whether nothing is deployed without the server's yes.
    pub require_gate: bool,
    /// How a command is wrapped.
    pub wrapping: Wrapping,
    /// Where things are kept between calls.
    pub keeping: Keeping,
    /// File for outputs.
    pub output_file: Option<PathBuf>,
    /// Whether to write the job summary.
    pub summary: bool,
}

/// What came of reading the settings.
#[derive(Debug)]
pub struct Reading {
    /// The settings, if nothing is wrong with any.
    pub settings: Option<Settings>,
    /// The event, where one is described.
    pub described: Option<Described>,
    /// How the job ended, for `finish`.
    pub job_status: Option<Sourced<Status>>,
    /// How each setting turned out.
    pub rows: Vec<Row>,
    /// What is wrong with them.
    pub problems: Vec<String>,
    /// What is odd.
    pub warnings: Vec<String>,
    /// Hides whatever is, or may be, a key.
    pub redactor: Redactor,
    /// How to reach the API, as far as that is known even where other settings are wrong.
    pub connection: Option<Connection>,
    /// Whether to say more.
    pub verbose: bool,
    /// Whether to say everything.
    pub debug: bool,
    /// What to do; to report where that could not be understood.
    pub action: Action,
}

/// Reads all settings: from the command line, the environment, and what the CI system tells, at `now`. `redactor` hides what
/// is known to be a key already.
#[must_use]
pub fn read(invocation: &Invocation, env: &Env, context: &Context, now: Timestamp, redactor: Redactor) -> Reading {
    let inputs = matches!(invocation.command, Command::Bare | Command::Check { .. });
    let said = Said::new(invocation, env, inputs);
    let mut resolver = Resolver::new(&said, redactor);
    let mut warnings = said::unread(invocation, env);
    resolver.problems.extend(said::unreadable(env, inputs).map(|(name, variable)| {
        format!("{name} (from {variable}) holds bytes that are not UTF-8. Allowed: text in UTF-8.")
    }));
    if inputs {
        resolver.problems.extend(said::empty_inputs(env).map(|(name, variable)| {
            format!(
                "{name} (from {variable}) is empty. The expression that it comes from gave nothing, such as an output \
                 of a step that did not run or has no id. Mend the expression, or write 'auto' for the default."
            )
        }));
    }
    let action = action(&mut resolver, invocation.command);
    let key_required = !matches!(action, Some(Action::Check { .. }));
    let key = connection::api_key(&mut resolver, key_required, &mut warnings);
    if let Some(key) = &key {
        resolver.redactor.hide(key.value.expose());
    }
    let connection = connection::read(&mut resolver, key);
    let (described, job_status) = match action {
        Some(Action::Flush) => (None, None),
        Some(Action::Finish) => (None, described::job_status(&mut resolver, job::status(env), &mut warnings)),
        Some(Action::Report { .. } | Action::Run | Action::Check { .. }) | None => {
            (described::read(&mut resolver, invocation.command, action, context, &mut warnings), None)
        }
    };
    let waiting = waiting::read(&mut resolver, context, now);
    let fail_on_api_error = resolver.switch("fail_on_api_error", true);
    let require_gate = resolver.switch("require_gate", false);
    let wrapping = wrapping::read(&mut resolver);
    if action == Some(Action::Run) {
        wrapping::check_run(&mut resolver);
    }
    let keeping = keeping::read(&mut resolver, env);
    let output_file =
        resolver.optional("output_file", &["output_file"], None, "a path", |path| Some(PathBuf::from(path)));
    let summary = resolver.switch("summary", true);
    let verbose = resolver.switch("verbose", false);
    let debug = resolver.switch("debug", env.get("RUNNER_DEBUG") == Some("1") || env.is_true("CI_DEBUG_TRACE"));
    let settings = match (connection.clone(), waiting, wrapping) {
        (Some(connection), Some(waiting), Some(wrapping)) if resolver.problems.is_empty() => Some(Settings {
            connection,
            waiting,
            fail_on_api_error,
            require_gate,
            wrapping,
            keeping,
            output_file: output_file.map(|path| path.value),
            summary,
        }),
        _ => None,
    };
    let Resolver { rows, problems, redactor, .. } = resolver;
    let action = action.unwrap_or(Action::Report { subcommand: true });
    Reading { settings, described, job_status, rows, problems, warnings, redactor, connection, verbose, debug, action }
}

fn action(resolver: &mut Resolver<'_>, command: Command) -> Option<Action> {
    let of_word = |word: &str| match word.to_ascii_lowercase().as_str() {
        "report" => Some(Action::Report { subcommand: false }),
        "finish" => Some(Action::Finish),
        "flush" => Some(Action::Flush),
        "check" => Some(Action::Check { online: false }),
        _ => None,
    };
    match command {
        Command::Bare => {
            let action = resolver.or_default("command", "report", "report, finish, flush or check", of_word)?;
            let script = resolver.said.pick(&["run"]).filter(|script| script.value != "none");
            match (action.value, script) {
                (Action::Report { .. }, Some(_)) => Some(Action::Run),
                (Action::Finish | Action::Flush, Some(script)) => {
                    resolver.problems.push(format!(
                        "run (from {}) and command (from {}) are both set, and one call does one thing. Remove one of them.",
                        script.source, action.source
                    ));
                    None
                }
                (action, _) => Some(action),
            }
        }
        Command::Run => Some(Action::Run),
        Command::Finish => Some(Action::Finish),
        Command::Flush => Some(Action::Flush),
        Command::Check { online } => Some(Action::Check { online }),
        Command::TrackDeployment | Command::TrackBuild | Command::Version => Some(Action::Report { subcommand: true }),
    }
}

/// A value that the subcommand itself gives.
fn from_subcommand(value: &str, words: &'static str) -> Given {
    Given { value: value.to_owned(), source: Source::Subcommand(words) }
}
