//! The command line, from arguments to a command and the flags that were given.
//!
//! Owns: argv. Does not own: what a setting's value means, nor any other source than flags (`settings`).

use crate::settings::names::{RETIRED, SETTINGS, Scope, Setting, Takes};
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches};
use std::collections::BTreeMap;
use std::ffi::OsString;

/// What the caller asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// No subcommand: what the `command` setting says.
    Bare,
    /// `track deployment`.
    TrackDeployment,
    /// `track build`.
    TrackBuild,
    /// `check`, asking the API's health too if `online`.
    Check {
        /// Whether `--online` was given.
        online: bool,
    },
    /// `run`: wraps the command in [`Invocation::command_line`].
    Run,
    /// `finish`.
    Finish,
    /// `flush`.
    Flush,
    /// `version`.
    Version,
}

/// A parsed command line.
#[derive(Debug)]
pub struct Invocation {
    /// The command.
    pub command: Command,
    /// Flags that set a setting: by the name they were given under, with underscores.
    pub flags: BTreeMap<&'static str, String>,
    /// Whether outputs are wanted as JSON on stdout.
    pub json: bool,
    /// Flags that were given, and mean nothing any more.
    pub retired: Vec<&'static str>,
    /// The command to wrap, with its arguments.
    pub command_line: Vec<OsString>,
}

/// A command line that asks for nothing to be done, or for nothing that can be done.
#[derive(Debug)]
pub enum Stop {
    /// Help or version, for stdout.
    Print(String),
    /// Wrong usage, for people.
    Usage(String),
}

/// Reads `args`, of which the first is the program's name.
///
/// # Errors
/// [`Stop`] where there is nothing to do but to print.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Invocation, Stop> {
    let matches = command().try_get_matches_from(args).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Stop::Print(error.to_string()),
        _ => {
            let text = error.to_string();
            Stop::Usage(text.trim().trim_start_matches("error: ").to_owned())
        }
    })?;
    let (command, levels) = match matches.subcommand() {
        Some(("track", track)) => match track.subcommand() {
            Some(("build", build)) => (Command::TrackBuild, vec![&matches, track, build]),
            Some((_, deployment)) => (Command::TrackDeployment, vec![&matches, track, deployment]),
            None => return Err(Stop::Usage("'track' needs 'deployment' or 'build'".to_owned())),
        },
        Some(("check", check)) => (Command::Check { online: check.get_flag("online") }, vec![&matches, check]),
        Some(("run", run)) => (Command::Run, vec![&matches, run]),
        Some(("finish", finish)) => (Command::Finish, vec![&matches, finish]),
        Some(("flush", flush)) => (Command::Flush, vec![&matches, flush]),
        Some(_) => (Command::Version, vec![&matches]),
        None => (Command::Bare, vec![&matches]),
    };
    if levels.iter().any(|level| given(level, "config").is_some()) {
        return Err(Stop::Usage(
            "--config is not supported: there is no configuration file. Set the same values as variables \
             instead: VERSIONER_API_KEY, VERSIONER_API_URL, VERSIONER_PRODUCT, VERSIONER_ENVIRONMENT and so on \
             (each flag has one: --product-name is VERSIONER_PRODUCT_NAME)."
                .to_owned(),
        ));
    }
    if command == Command::Run {
        check_run(&levels, matches.get_flag("json"))?;
    }
    let flags = SETTINGS
        .iter()
        .flat_map(Setting::names)
        .filter_map(|name| levels.iter().rev().find_map(|level| given(level, name)).map(|value| (name, value)))
        .collect();
    let retired =
        RETIRED.iter().map(|(name, _)| *name).filter(|name| levels.iter().any(|level| given(level, name).is_some()));
    Ok(Invocation {
        command,
        flags,
        json: matches.get_flag("json"),
        retired: retired.collect(),
        command_line: matches
            .subcommand()
            .and_then(|(_, level)| level.try_get_many::<OsString>(COMMAND_LINE).ok().flatten())
            .map(|words| words.cloned().collect())
            .unwrap_or_default(),
    })
}

/// What cannot be said together with `run`.
fn check_run(levels: &[&ArgMatches], json: bool) -> Result<(), Stop> {
    if levels.iter().any(|level| given(level, "status").is_some()) {
        return Err(Stop::Usage(STATUS_UNDER_RUN.to_owned()));
    }
    if json {
        return Err(Stop::Usage(
            "--json has no place under 'run', whose stdout is the command's: use output_file, or the outputs that the \
             CI system hands on"
                .to_owned(),
        ));
    }
    Ok(())
}

/// Why a status cannot be given where a command is wrapped.
pub const STATUS_UNDER_RUN: &str = "status has no place under 'run': it reports started by itself, and then how the command ended. Remove status, or \
     report the one event with 'track deployment --status …'";

const COMMAND_LINE: &str = "command_line";

/// The last value given for `name`, if this level of the command line knows it and it was given.
fn given(matches: &ArgMatches, name: &str) -> Option<String> {
    matches.try_get_many::<String>(name).ok().flatten()?.next_back().cloned()
}

fn command() -> clap::Command {
    let deployment = clap::Command::new("deployment")
        .about("Report a deployment: started asks the rules, completed, failed and aborted tell the end")
        .args(flags(&[Scope::Event]));
    let build =
        clap::Command::new("build").about("Report a build, which creates the version").args(flags(&[Scope::Event]));
    let track = clap::Command::new("track")
        .about("Report one event")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([deployment, build]);
    let check = clap::Command::new("check")
        .about("Show what would be sent and where each value comes from; sends no event")
        .arg(Arg::new("online").long("online").action(ArgAction::SetTrue).help("Also ask the API whether it is up"))
        .args(flags(&[Scope::Event, Scope::Check]));
    let run = clap::Command::new("run")
        .about("Wrap a deployment: ask the rules, run COMMAND, report how it ended, and exit as it did")
        .args(flags(&[Scope::Event, Scope::Run]).into_iter().map(|arg| match arg.get_id() == "status" {
            true => arg.hide(true),
            false => arg,
        }))
        .arg(
            Arg::new(COMMAND_LINE)
                .value_name("COMMAND")
                .num_args(1..)
                .last(true)
                .required(true)
                .value_parser(clap::value_parser!(OsString))
                .help("The command and its arguments, after --"),
        );
    let finish = clap::Command::new("finish")
        .about("Close what this job has started and not closed, with --status or else the job's own status")
        .args(flags(&[Scope::Event]).into_iter().filter(|arg| arg.get_id() == "status"));
    let flush = clap::Command::new("flush").about("Deliver the events that could not be delivered before");
    clap::Command::new("versioner")
        .version(env!("CARGO_PKG_VERSION"))
        .about(
            "Tells the Versioner API what is being built and deployed, and explains a no.\n\n\
             Without a subcommand, reports the one event that INPUT_… or VERSIONER_… variables describe.",
        )
        .after_help(
            "Every setting is a flag (--product-name), an input of the Action (INPUT_PRODUCT_NAME) and a variable \
             (VERSIONER_PRODUCT_NAME).\nThose of the event are listed by 'versioner track deployment --help'.\nExit codes: 0 recorded; 1 usage, configuration or API not reached; \
             4 refused by the API; 5 blocked by a rule; under 'run' the command's own.",
        )
        .args_override_self(true)
        .arg(
            Arg::new("json")
                .long("json")
                .global(true)
                .action(ArgAction::SetTrue)
                .help("Print the outputs as one JSON object on stdout, all else on stderr"),
        )
        .arg(Arg::new("config").long("config").global(true).hide(true).num_args(0..=1).default_missing_value(""))
        .args(flags(&[Scope::Everywhere]).into_iter().map(|arg| arg.global(true)))
        .args(RETIRED.iter().map(|(name, _)| arg(name, Takes::Switch, "").hide(true).global(true)))
        // Without a subcommand the event's settings have flags as well, but for --version, which is the program's.
        .args(
            flags(&[Scope::Event, Scope::Check, Scope::Bare, Scope::Run])
                .into_iter()
                .filter(|arg| arg.get_id() != "version")
                .map(|arg| arg.hide(true)),
        )
        .subcommands([track, run, finish, flush, check, clap::Command::new("version").about("Print the version")])
}

fn flags(scopes: &[Scope]) -> Vec<Arg> {
    SETTINGS
        .iter()
        .filter(|setting| scopes.contains(&setting.scope))
        .flat_map(|setting| {
            let help = match setting.default {
                "" => capitalised(setting.about),
                default => format!("{} [default: {default}]", capitalised(setting.about)),
            };
            setting.names().map(move |name| arg(name, setting.takes, &help).hide(name != setting.name))
        })
        .collect()
}

fn arg(name: &'static str, takes: Takes, help: &str) -> Arg {
    // Repeating a flag is allowed, and the last one counts, as with the vendor's CLI.
    let arg = Arg::new(name).long(name.replace('_', "-")).help(help.to_owned()).action(ArgAction::Append);
    let arg = if name == "verbose" { arg.short('v') } else { arg };
    match takes {
        Takes::Value => arg.value_name("VALUE"),
        Takes::Switch => arg.value_name("BOOL").num_args(0..=1).require_equals(true).default_missing_value("true"),
    }
}

fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Invocation, Stop> {
        parse(std::iter::once("versioner").chain(line.split_whitespace()).map(OsString::from))
    }

    fn flag<'a>(invocation: &'a Invocation, name: &str) -> Option<&'a str> {
        invocation.flags.get(name).map(String::as_str)
    }

    #[test]
    fn the_vendors_command_lines_are_understood() {
        let line = "track deployment --product=shop --environment production --version 1.2 --status=started --extra-metadata {} -v --fail-on-api-error=false --skip-preflight-checks";
        let given = parsed(line).unwrap();
        assert_eq!(given.command, Command::TrackDeployment);
        assert_eq!(flag(&given, "product"), Some("shop"));
        assert_eq!(flag(&given, "version"), Some("1.2"));
        assert_eq!(flag(&given, "extra_metadata"), Some("{}"));
        assert_eq!(flag(&given, "verbose"), Some("true"));
        assert_eq!(flag(&given, "fail_on_api_error"), Some("false"));
        assert_eq!(given.retired, ["skip_preflight_checks"]);
    }

    #[test]
    fn global_flags_stand_anywhere_and_the_last_one_counts() {
        for line in
            ["--api-url http://a track build --api-url http://b", "track --api-url http://a build --api-url=http://b"]
        {
            assert_eq!(flag(&parsed(line).unwrap(), "api_url"), Some("http://b"), "{line}");
        }
        assert_eq!(flag(&parsed("track build --version 1 --version 2").unwrap(), "version"), Some("2"));
        assert!(parsed("track build --json").unwrap().json);
    }

    #[test]
    fn version_is_the_programs_alone_and_the_events_under_track() {
        assert!(matches!(parsed("--version"), Err(Stop::Print(text)) if text.contains(env!("CARGO_PKG_VERSION"))));
        assert_eq!(parsed("version").unwrap().command, Command::Version);
        assert_eq!(flag(&parsed("track build --version 7").unwrap(), "version"), Some("7"));
    }

    #[test]
    fn wrong_usage_says_what_to_do() {
        for (line, word) in [
            ("track", ""),
            ("trakc", "track"),
            ("track deployment --produt x", "--product"),
            ("--config x.yaml", "VERSIONER_API_KEY"),
            ("track build --version", "--version"),
        ] {
            match parsed(line) {
                Err(Stop::Usage(text) | Stop::Print(text)) => assert!(text.contains(word), "{line}: {text}"),
                Ok(invocation) => panic!("{line}: {invocation:?}"),
            }
        }
    }
}
