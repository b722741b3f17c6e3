//! The command line: arguments to a subcommand and its flags.
//!
//! Owns: argv and help. Does not own: what a setting's value means. Flags are one source of settings. The parser and the help
//! use our own tables, as a general parser first builds its own from them: that was 43 % of the instructions of a call, and
//! 180 KB of the binary.

mod commands;
mod error;
mod help;
#[cfg(test)]
mod tests;

pub use commands::{COMMANDS, Command, GROUPS};

use super::table::{Argument, DEPRECATED, FILE, Setting, find};
use error::UsageError;
use help::help;
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
    /// `resume`.
    Resume,
    /// `version`.
    Version,
}

/// A parsed command line.
#[derive(Debug)]
pub struct CommandLine {
    pub subcommand: Subcommand,
    /// The flags in use and their values, by name, with underscores.
    pub flags: BTreeMap<&'static str, String>,
    /// The path of the configuration file.
    pub config: Option<String>,
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
    /// A command that needs a further word: its help, and the error.
    Incomplete { help: String, error: String },
}

/// Parses `args`, of which the first is the program's name.
///
/// # Errors
/// [`EarlyExit`] if there is nothing to execute, only text to print.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<CommandLine, EarlyExit> {
    let mut parser = Parser {
        args: lexopt::Parser::from_iter(args),
        command: Command::bare(),
        online: false,
        line: CommandLine {
            subcommand: Subcommand::None,
            flags: BTreeMap::new(),
            config: None,
            json: false,
            deprecated: Vec::new(),
            words: Vec::new(),
        },
    };
    match parser.parse().and_then(|()| parser.check()) {
        Ok(()) => Ok(parser.line),
        Err(Stop::Print(text)) => Err(EarlyExit::Print(text)),
        Err(Stop::Incomplete) => Err(EarlyExit::Incomplete {
            help: help(parser.command),
            error: format!("'{}' needs a further word, such as: {}", parser.command.name(), parser.command.example),
        }),
        Err(Stop::Usage(error)) => Err(EarlyExit::Usage(error.message(parser.command))),
    }
}

/// Why parsing ends early.
enum Stop {
    Print(String),
    Incomplete,
    Usage(UsageError),
}

impl From<UsageError> for Stop {
    fn from(error: UsageError) -> Self {
        Self::Usage(error)
    }
}

/// What `lexopt` itself finds wrong: a value for a flag that has none, as we read all values.
impl From<lexopt::Error> for Stop {
    fn from(error: lexopt::Error) -> Self {
        Self::Usage(match error {
            lexopt::Error::UnexpectedValue { option, .. } => UsageError::UnexpectedValue(option),
            error => UsageError::NotUtf8(error.to_string()),
        })
    }
}

struct Parser {
    args: lexopt::Parser,
    /// The command that the words so far name.
    command: &'static Command,
    online: bool,
    line: CommandLine,
}

impl Parser {
    fn parse(&mut self) -> Result<(), Stop> {
        loop {
            if let Some(words) = self.words_after_dashes() {
                self.line.words = words;
                return Ok(());
            }
            match self.args.next() {
                // `-v=false`. No other short flag takes a value.
                Err(lexopt::Error::UnexpectedValue { option, value }) if option == "-v" => {
                    self.line.flags.insert("verbose", text(value)?);
                }
                Err(error) => return Err(error.into()),
                Ok(arg) => match arg {
                    None => return Ok(()),
                    Some(lexopt::Arg::Short(letter)) => self.short(letter)?,
                    Some(lexopt::Arg::Long(name)) => {
                        let name = name.replace('-', "_");
                        self.flag(&name)?;
                    }
                    Some(lexopt::Arg::Value(word)) => {
                        let word = text(word)?;
                        self.word(word)?;
                    }
                },
            }
        }
    }

    /// The words after `--`, if that is next.
    fn words_after_dashes(&mut self) -> Option<Vec<OsString>> {
        let mut rest = self.args.try_raw_args()?;
        rest.next_if(|arg| arg == "--")?;
        Some(rest.collect())
    }

    /// A word: the next one of the command.
    fn word(&mut self, word: String) -> Result<(), Stop> {
        if word == "help" && self.command.children().next().is_some() {
            let mut command = self.command;
            while let Some(lexopt::Arg::Value(word)) = self.args.next()? {
                command = word.to_str().and_then(|word| command.child(word)).unwrap_or(command);
            }
            return Err(Stop::Print(help(command)));
        }
        self.command = match self.command.child(&word) {
            Some(child) => child,
            None if self.command.subcommand == Some(Subcommand::Run) => {
                return Err(UsageError::CommandWithoutDashes(word).into());
            }
            None => return Err(UsageError::unknown_word(word, self.command).into()),
        };
        Ok(())
    }

    fn short(&mut self, letter: char) -> Result<(), Stop> {
        match letter {
            'v' => {
                self.line.flags.insert("verbose", "true".to_owned());
                Ok(())
            }
            'h' => self.flag("help"),
            'V' if self.is_bare() => self.flag("version"),
            _ => Err(UsageError::UnknownFlag { flag: format!("-{letter}"), nearest: None }.into()),
        }
    }

    fn is_bare(&self) -> bool {
        self.command.subcommand == Some(Subcommand::None)
    }

    /// The flag `name`, with underscores.
    fn flag(&mut self, name: &str) -> Result<(), Stop> {
        match name {
            "help" => Err(Stop::Print(help(self.command))),
            "version" if self.is_bare() => {
                Err(Stop::Print(concat!("versioner ", env!("CARGO_PKG_VERSION"), "\n").to_owned()))
            }
            "json" => {
                self.line.json = true;
                Ok(())
            }
            "online" if matches!(self.command.subcommand, Some(Subcommand::Check { .. })) => {
                self.online = true;
                Ok(())
            }
            "config" => {
                self.line.config = Some(self.value(name, FILE)?);
                Ok(())
            }
            _ => self.setting(name),
        }
    }

    /// The flag of the setting `name`. If it is repeated, the last one counts, as in the vendor's CLI.
    fn setting(&mut self, name: &str) -> Result<(), Stop> {
        if let Some((deprecated, _)) = DEPRECATED.iter().find(|(deprecated, _)| *deprecated == name) {
            let _ = self.args.optional_value();
            self.line.deprecated.push(deprecated);
            return Ok(());
        }
        let found = find(name).filter(|setting| self.command.accepts(setting));
        let setting = found.ok_or_else(|| UsageError::unknown_flag(name, self.command))?;
        let value = self.value(name, setting.argument)?;
        // An alias is a name of its own: the canonical name beats it within one source.
        let known = setting.names().find(|known| *known == name).unwrap_or(setting.name);
        self.line.flags.insert(known, value);
        Ok(())
    }

    /// The value of the flag `name`. A next argument that begins with a hyphen is a flag, whose value was forgotten.
    fn value(&mut self, name: &str, argument: Argument) -> Result<String, Stop> {
        if let Some(value) = self.args.optional_value() {
            return Ok(text(value)?);
        }
        if argument == Argument::Switch {
            return Ok("true".to_owned());
        }
        let next = self
            .args
            .try_raw_args()
            .and_then(|mut rest| rest.next_if(|next| next == "-" || !next.as_encoded_bytes().starts_with(b"-")));
        let missing = || UsageError::MissingValue { flag: Setting::flag(name), argument: argument.form() };
        Ok(text(next.ok_or_else(missing)?)?)
    }

    /// Checks the whole command line.
    fn check(&mut self) -> Result<(), Stop> {
        self.line.subcommand = match self.command.subcommand.ok_or(Stop::Incomplete)? {
            Subcommand::Check { .. } => Subcommand::Check { online: self.online },
            subcommand => subcommand,
        };
        match (self.line.subcommand, self.line.words.first()) {
            (Subcommand::Run, _) if self.line.json => Err(UsageError::JsonUnderRun.into()),
            (Subcommand::Run, None) => Err(UsageError::NoCommand.into()),
            (Subcommand::Run, Some(_)) | (_, None) => Ok(()),
            (_, Some(word)) => Err(UsageError::UnexpectedWord { word: word.to_string_lossy().into_owned() }.into()),
        }
    }
}

fn text(value: OsString) -> Result<String, UsageError> {
    value.into_string().map_err(|value| UsageError::NotUtf8(value.to_string_lossy().into_owned()))
}
