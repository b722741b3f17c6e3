//! Settings: who said what, resolved to one typed value each, with its source and errors that say what to do.
//!
//! Owns: the resolved types. Later code sees these alone. Does not own: the names (`names`), nor how sources are
//! collected (`said`) and weighed (`resolver`).

mod connection;
mod described;
pub mod names;
mod resolver;
pub mod said;
mod waiting;

pub use connection::Connection;
pub(crate) use connection::{is_loopback, is_readable_file};
pub use described::{Described, EventType};
pub use resolver::{Row, Sourced};

use crate::ci::Context;
use crate::cli::{Command, Invocation};
use crate::env::Env;
use crate::gate::Rules;
use crate::secret::Redactor;
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
    /// Show what would be sent.
    Check {
        /// And ask the API whether it is up.
        online: bool,
    },
}

/// All settings of one call.
#[derive(Debug)]
pub struct Settings {
    /// What to do.
    pub action: Action,
    /// How to reach the API.
    pub connection: Connection,
    /// The event.
    pub described: Described,
    /// Whether and how long to wait for a block to lift.
    pub waiting: Rules,
    /// Whether an API that is unreachable or refuses fails the job.
    pub fail_on_api_error: bool,
    /// File for outputs.
    pub output_file: Option<PathBuf>,
    /// Whether to write the job summary.
    pub summary: bool,
}

/// What came of reading the settings.
#[derive(Debug)]
pub struct Reading {
    /// The settings, if an event can be sent with them.
    pub settings: Option<Settings>,
    /// How each setting turned out.
    pub rows: Vec<Row>,
    /// What is wrong; empty exactly if there are settings.
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
    let described = described::read(&mut resolver, invocation.command, context, &mut warnings);
    let waiting = waiting::read(&mut resolver, context, now);
    let fail_on_api_error = resolver.switch("fail_on_api_error", true);
    let output_file =
        resolver.optional("output_file", &["output_file"], None, "a path", |path| Some(PathBuf::from(path)));
    let summary = resolver.switch("summary", true);
    let verbose = resolver.switch("verbose", false);
    let debug = resolver.switch("debug", env.get("RUNNER_DEBUG") == Some("1") || env.is_true("CI_DEBUG_TRACE"));
    let settings = match (action, connection.clone(), described, waiting) {
        (Some(action), Some(connection), Some(described), Some(waiting)) if resolver.problems.is_empty() => {
            Some(Settings {
                action,
                connection,
                described,
                waiting,
                fail_on_api_error,
                output_file: output_file.map(|path| path.value),
                summary,
            })
        }
        _ => None,
    };
    let Resolver { rows, problems, redactor, .. } = resolver;
    let action = action.unwrap_or(Action::Report { subcommand: true });
    Reading { settings, rows, problems, warnings, redactor, connection, verbose, debug, action }
}

fn action(resolver: &mut Resolver<'_>, command: Command) -> Option<Action> {
    let of_word = |word: &str| match word.to_ascii_lowercase().as_str() {
        "report" => Some(Action::Report { subcommand: false }),
        "check" => Some(Action::Check { online: false }),
        _ => None,
    };
    match command {
        Command::Bare => {
            resolver.or_default("command", "report", "report or check", of_word).map(|action| action.value)
        }
        Command::Check { online } => Some(Action::Check { online }),
        Command::TrackDeployment | Command::TrackBuild | Command::Version => Some(Action::Report { subcommand: true }),
    }
}

/// A value that the subcommand itself gives.
fn from_subcommand(value: &str, words: &'static str) -> Given {
    Given { value: value.to_owned(), source: Source::Subcommand(words) }
}
