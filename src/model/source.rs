//! Where a value came from.

use crate::text::Foreign;
use std::fmt;

/// The source of a value, under the name by which a person would look for it. The names are safe to print: each is a known
/// setting's or CI variable's, and a path is clean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag, such as `--product`.
    Flag(String),
    /// The subcommand itself, such as `track build`.
    Subcommand(&'static str),
    /// A variable that sets a setting, such as `INPUT_PRODUCT` or `VERSIONER_PRODUCT`.
    Variable(String),
    /// A line of the configuration file.
    ConfigFile(Box<ConfigLine>),
    /// The CI system or the git checkout: which of its variables or files.
    Detected(String),
    /// The setting's default.
    Default,
}

/// A line of the configuration file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigLine {
    /// The file's path.
    pub path: Foreign,
    /// The line's number, from 1.
    pub number: usize,
    /// Whether the user named the file. Otherwise it is the one in the home directory.
    pub named: bool,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) | Self::Detected(name) => f.write_str(name),
            Self::ConfigFile(line) => write!(f, "{}, line {}", line.path, line.number),
            Self::Subcommand(words) => write!(f, "'{words}'"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value with its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    pub value: T,
    pub source: Source,
}

impl<T> Sourced<T> {
    /// The same source with a changed value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Sourced<U> {
        Sourced { value: change(self.value), source: self.source }
    }
}
