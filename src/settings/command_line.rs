//! The command line: arguments to a subcommand and its flags.
//!
//! Owns: argv and help. Does not own: what a setting's value means. Flags are one source of settings.

use super::table::{Argument, DEPRECATED, SETTINGS, Scope, Setting};
use crate::text::capitalize;
use clap::error::ErrorKind;
use clap::{Arg, ArgAction, ArgMatches};
use std::collections::BTreeMap;
use std::ffi::OsString;

/// The subcommand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subcommand {
    /// No subcommand: the `command` setting decides.
    None,
    /// `track deployment`.
    TrackDeployment,
    /// `track build`.
    TrackBuild,
    /// `check`.
    Check {
        /// Whether to request `/health`.
        online: bool,
    },
    /// `run`, with the words after `--` in [`CommandLine::words`].
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
pub struct CommandLine {
    pub subcommand: Subcommand,
    /// The flags in use and their values, by name, with underscores.
    pub flags: BTreeMap<&'static str, String>,
    /// Whether to print the outputs as JSON on stdout.
    pub json: bool,
    /// Flags in use that have no effect.
    pub deprecated: Vec<&'static str>,
    /// The command to wrap, with its arguments.
    pub words: Vec<OsString>,
}

/// A command line with nothing to execute.
#[derive(Debug)]
pub enum EarlyExit {
    /// Help or version, for stdout.
    Print(String),
    /// A usage error.
    Usage(String),
}

/// Parses `args`, of which the first is the program's name.
///
/// # Errors
/// [`EarlyExit`] if there is nothing to execute, only text to print.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<CommandLine, EarlyExit> {
    let matches = command().try_get_matches_from(args).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => EarlyExit::Print(error.to_string()),
        _ => {
            let text = error.to_string();
            EarlyExit::Usage(text.trim().trim_start_matches("error: ").to_owned())
        }
    })?;
    let (subcommand, levels) = match matches.subcommand() {
        Some(("track", track)) => match track.subcommand() {
            Some(("build", build)) => (Subcommand::TrackBuild, vec![&matches, track, build]),
            Some((_, deployment)) => (Subcommand::TrackDeployment, vec![&matches, track, deployment]),
            None => return Err(EarlyExit::Usage("'track' needs 'deployment' or 'build'".to_owned())),
        },
        Some(("check", check)) => (Subcommand::Check { online: check.get_flag("online") }, vec![&matches, check]),
        Some(("run", run)) => (Subcommand::Run, vec![&matches, run]),
        Some(("finish", finish)) => (Subcommand::Finish, vec![&matches, finish]),
        Some(("flush", flush)) => (Subcommand::Flush, vec![&matches, flush]),
        Some(_) => (Subcommand::Version, vec![&matches]),
        None => (Subcommand::None, vec![&matches]),
    };
    if levels.iter().any(|level| given(level, "config").is_some()) {
        return Err(EarlyExit::Usage(
            "--config is not supported: there is no configuration file. Set variables instead, such as VERSIONER_API_KEY, \
             VERSIONER_API_URL, VERSIONER_PRODUCT and VERSIONER_ENVIRONMENT. Each flag has one: --product-name is \
             VERSIONER_PRODUCT_NAME."
                .to_owned(),
        ));
    }
    if subcommand == Subcommand::Run && matches.get_flag("json") {
        return Err(EarlyExit::Usage(
            "--json cannot be used with 'run', whose stdout belongs to the command. Use output_file, or the outputs of the CI \
             system."
                .to_owned(),
        ));
    }
    let flags = SETTINGS
        .iter()
        .flat_map(Setting::names)
        .filter_map(|name| levels.iter().rev().find_map(|level| given(level, name)).map(|value| (name, value)))
        .collect();
    let deprecated =
        DEPRECATED.iter().map(|(name, _)| *name).filter(|name| levels.iter().any(|level| given(level, name).is_some()));
    Ok(CommandLine {
        subcommand,
        flags,
        json: matches.get_flag("json"),
        deprecated: deprecated.collect(),
        words: matches
            .subcommand()
            .and_then(|(_, level)| level.try_get_many::<OsString>(WORDS).ok().flatten())
            .map(|words| words.cloned().collect())
            .unwrap_or_default(),
    })
}

const WORDS: &str = "words";

/// The last value of flag `name` at this level of the command line, if it was used there.
fn given(matches: &ArgMatches, name: &str) -> Option<String> {
    matches.try_get_many::<String>(name).ok().flatten()?.next_back().cloned()
}

fn command() -> clap::Command {
    clap::Command::new("versioner")
        .version(env!("CARGO_PKG_VERSION"))
        .about(
            "Reports builds and deployments to the Versioner API. Explains blocked deployments, or waits until they may start.\n\n\
             Without a subcommand, reports the one event that INPUT_… or VERSIONER_… variables describe.",
        )
        .after_help(
            "Every setting is a flag (--product-name), an input of the Action (INPUT_PRODUCT_NAME) and a variable \
             (VERSIONER_PRODUCT_NAME).\n'versioner track deployment --help' lists the event's settings.\nExit codes: 0 recorded; 1 usage, configuration or API unavailable; \
             4 rejected by the API; 5 blocked by a rule; under 'run' the command's own.",
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
        .args(DEPRECATED.iter().map(|(name, _)| arg(name, Argument::Switch, "").hide(true).global(true)))
        // Without a subcommand, the event's settings have flags as well, except --version, which is the program's.
        .args(
            flags(&[Scope::Event, Scope::Check, Scope::Bare, Scope::Run, Scope::Flush])
                .into_iter()
                .filter(|arg| arg.get_id() != "version")
                .map(|arg| arg.hide(true)),
        )
        .subcommands([
            track(),
            run(),
            clap::Command::new("finish")
                .about("Report the end of every deployment that this job started, with --status or the job's own status")
                .args(flags(&[Scope::Event]).into_iter().filter(|arg| arg.get_id() == "status")),
            clap::Command::new("flush")
                .about("Deliver spooled events, and list those that were set aside")
                .args(flags(&[Scope::Flush])),
            check(),
            clap::Command::new("version").about("Print the version"),
        ])
}

fn track() -> clap::Command {
    let deployment = clap::Command::new("deployment")
        .about("Report a deployment: started checks the rules; completed, failed or aborted reports the end")
        .args(flags(&[Scope::Event]));
    let build =
        clap::Command::new("build").about("Report a build, which creates the version").args(flags(&[Scope::Event]));
    clap::Command::new("track")
        .about("Report one event")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([deployment, build])
}

fn run() -> clap::Command {
    clap::Command::new("run")
        .about("Wrap a deployment: check the rules, run COMMAND, report how it ended, exit with its code")
        .args(flags(&[Scope::Event, Scope::Run]).into_iter().map(|arg| match arg.get_id() == "status" {
            true => arg.hide(true),
            false => arg,
        }))
        .arg(
            Arg::new(WORDS)
                .value_name("COMMAND")
                .num_args(1..)
                .last(true)
                .required(true)
                .value_parser(clap::value_parser!(OsString))
                .help("The command and its arguments, after --"),
        )
}

fn check() -> clap::Command {
    clap::Command::new("check")
        .about("Show what would be sent and where each value comes from; sends no event")
        .arg(
            Arg::new("online")
                .long("online")
                .action(ArgAction::SetTrue)
                .help("Also request the API's /health endpoint"),
        )
        .args(flags(&[Scope::Event, Scope::Check]))
}

fn flags(scopes: &[Scope]) -> Vec<Arg> {
    SETTINGS
        .iter()
        .filter(|setting| scopes.contains(&setting.scope))
        .flat_map(|setting| {
            let help = match setting.default {
                "" => capitalize(setting.about),
                default => format!("{} [default: {default}]", capitalize(setting.about)),
            };
            setting.names().map(move |name| arg(name, setting.argument, &help).hide(name != setting.name))
        })
        .collect()
}

fn arg(name: &'static str, argument: Argument, help: &str) -> Arg {
    // A flag may be repeated and the last one counts, as in the vendor's CLI.
    let arg = Arg::new(name).long(name.replace('_', "-")).help(help.to_owned()).action(ArgAction::Append);
    let arg = if name == "verbose" { arg.short('v') } else { arg };
    match argument {
        Argument::Value => arg.value_name("VALUE"),
        Argument::Switch => arg.value_name("BOOL").num_args(0..=1).require_equals(true).default_missing_value("true"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<CommandLine, EarlyExit> {
        parse(std::iter::once("versioner").chain(line.split_whitespace()).map(OsString::from))
    }

    fn flag<'a>(invocation: &'a CommandLine, name: &str) -> Option<&'a str> {
        invocation.flags.get(name).map(String::as_str)
    }

    #[test]
    fn vendor_cli_command_lines_are_accepted() {
        let line = "track deployment --product=shop --environment production --version 1.2 --status=started --extra-metadata {} -v --fail-on-api-error=false --skip-preflight-checks";
        let given = parsed(line).unwrap();
        assert_eq!(given.subcommand, Subcommand::TrackDeployment);
        assert_eq!(flag(&given, "product"), Some("shop"));
        assert_eq!(flag(&given, "version"), Some("1.2"));
        assert_eq!(flag(&given, "extra_metadata"), Some("{}"));
        assert_eq!(flag(&given, "verbose"), Some("true"));
        assert_eq!(flag(&given, "fail_on_api_error"), Some("false"));
        assert_eq!(given.deprecated, ["skip_preflight_checks"]);
    }

    #[test]
    fn global_flags_may_stand_anywhere_and_the_last_one_counts() {
        for line in
            ["--api-url http://a track build --api-url http://b", "track --api-url http://a build --api-url=http://b"]
        {
            assert_eq!(flag(&parsed(line).unwrap(), "api_url"), Some("http://b"), "{line}");
        }
        assert_eq!(flag(&parsed("track build --version 1 --version 2").unwrap(), "version"), Some("2"));
        assert!(parsed("track build --json").unwrap().json);
    }

    #[test]
    fn version_is_the_programs_own_except_under_track() {
        assert!(matches!(parsed("--version"), Err(EarlyExit::Print(text)) if text.contains(env!("CARGO_PKG_VERSION"))));
        assert_eq!(parsed("version").unwrap().subcommand, Subcommand::Version);
        assert_eq!(flag(&parsed("track build --version 7").unwrap(), "version"), Some("7"));
    }

    #[test]
    fn usage_errors_say_what_to_do() {
        for (line, word) in [
            ("track", ""),
            ("trakc", "track"),
            ("track deployment --produt x", "--product"),
            ("--config x.yaml", "VERSIONER_API_KEY"),
            ("track build --version", "--version"),
        ] {
            match parsed(line) {
                Err(EarlyExit::Usage(text) | EarlyExit::Print(text)) => assert!(text.contains(word), "{line}: {text}"),
                Ok(invocation) => panic!("{line}: {invocation:?}"),
            }
        }
    }
}
