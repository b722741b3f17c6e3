//! Usage errors: what is wrong with a command line, and what to write instead.

use super::commands::{COMMANDS, Command};
use super::help::usage;
use crate::settings::sources::distance;
use crate::settings::table::{SETTINGS, Setting};
use thiserror::Error;

/// What is wrong with a command line.
#[derive(Debug, Error)]
pub(super) enum UsageError {
    /// No flag has this name.
    #[error("there is no flag {flag}{}", did_you_mean(nearest))]
    UnknownFlag { flag: String, nearest: Option<String> },
    /// Only other commands have this flag.
    #[error("{flag} is not a flag of '{}', but of '{of}'", command.name())]
    OtherCommand { flag: String, command: &'static Command, of: String },
    /// A flag has no value.
    #[error("{flag} needs a value: {flag} {argument}. If the value begins with a hyphen, write {flag}=VALUE")]
    MissingValue { flag: String, argument: String },
    /// A flag that takes no value has one.
    #[error("{0} takes no value")]
    UnexpectedValue(String),
    /// An argument is not text.
    #[error("an argument is not valid UTF-8: {0}")]
    NotUtf8(String),
    /// No command has this name.
    #[error("there is no command '{word}'{}", did_you_mean(nearest))]
    UnknownCommand { word: String, nearest: Option<String> },
    /// A word that belongs to nothing.
    #[error("unexpected argument '{word}'. A switch takes its value after an equals sign, such as --summary=false")]
    UnexpectedWord { word: String },
    /// A word under `run` that is not after `--`.
    #[error("unexpected argument '{0}'. The command goes after --, as in: versioner run -- {0}")]
    CommandWithoutDashes(String),
    /// `run` without a command.
    #[error("'run' needs a command after --, as in: versioner run -- ./deploy.sh")]
    NoCommand,
    /// `--json` under `run`.
    #[error(
        "--json cannot be used with 'run', whose stdout belongs to the command. Use output_file, or the outputs of the CI \
         system"
    )]
    JsonUnderRun,
}

impl UsageError {
    /// The flag `name`, with underscores, which `command` does not have.
    pub(super) fn unknown_flag(name: &str, command: &'static Command) -> Self {
        let flag = Setting::flag(name);
        if let Some(setting) = SETTINGS.iter().find(|setting| setting.names().any(|known| known == name)) {
            let has_it = |other: &&Command| other.subcommand.is_some() && other.accepts(setting);
            if let Some(of) = COMMANDS.iter().skip(1).find(has_it).or_else(|| COMMANDS.first()) {
                return Self::OtherCommand { flag, command, of: of.name() };
            }
        }
        let accepted = SETTINGS.iter().filter(|setting| command.accepts(setting)).flat_map(Setting::names);
        Self::UnknownFlag { flag, nearest: nearest(name, accepted).map(Setting::flag) }
    }

    /// The word `word`, which no command after `parent` has.
    pub(super) fn unknown_word(word: String, parent: &'static Command) -> Self {
        let mut children = parent.children().filter_map(|child| child.words.last().copied()).peekable();
        if children.peek().is_none() {
            return Self::UnexpectedWord { word };
        }
        let nearest = nearest(&word, children).map(str::to_owned);
        Self::UnknownCommand { word, nearest }
    }

    /// The message, with where to read on.
    pub(super) fn message(&self, command: &Command) -> String {
        format!("{self}.\nUsage: {}\n'{} --help' lists all flags.", usage(command), command.name())
    }
}

fn did_you_mean(nearest: &Option<String>) -> String {
    nearest.as_ref().map_or_else(String::new, |nearest| format!(": did you mean {nearest}?"))
}

/// The candidate that `name` most likely means, if any is similar.
fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (distance, nearest) =
        candidates.map(|candidate| (distance(candidate, name), candidate)).min_by_key(|(distance, _)| *distance)?;
    let (no_common_word, edits) = distance;
    (!no_common_word || edits <= name.len() / 2).then_some(nearest)
}
