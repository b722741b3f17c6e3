//! The configuration file: which one is read, and its lines.
//!
//! Owns: whom to trust with it, and errors in its form. Does not own: precedence (`sources`), nor what a value means.

use super::command_line::CommandLine;
use super::error::SettingError;
use super::flat_yaml::{self, FlatYamlError, Pair};
use crate::ci::System;
use crate::env::Env;
use crate::files::{Untrusted, is_readable_by_others, read_named, read_trusted};
use crate::model::source::{ConfigLine, Source};
use crate::text::Foreign;
use std::fs::{self, Metadata};
use std::path::Path;
use std::time::Duration;
use thiserror::Error;

/// The size limit, in bytes. 100 KB of metadata fit.
const LARGEST: u64 = 256 * 1024;

/// The time limit for a file that is not a regular one.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The file that is read outside CI if no other is named.
const IMPLICIT: &str = "~/.versioner/config.yaml";

/// The variable that names the file.
pub const VARIABLE: &str = "VERSIONER_CONFIG";

/// What the configuration file says.
#[derive(Debug, Default)]
pub struct ConfigFile {
    /// Its lines. Names have underscores and lower case, and no two are the same.
    pub pairs: Vec<Pair>,
    path: Foreign,
    /// The flag or variable that names it.
    set_by: Option<Source>,
    /// Whether some of its bytes are not UTF-8: then such values contain [`char::REPLACEMENT_CHARACTER`].
    pub is_lossy: bool,
    /// A line for the log.
    pub note: Option<String>,
    pub warnings: Vec<String>,
    pub error: Option<SettingError>,
}

/// Why the configuration file cannot be used.
#[derive(Debug, Error)]
pub enum ConfigProblem {
    #[error("cannot be read: {0}")]
    Unreadable(Foreign),
    #[error("cannot be used: {0}")]
    Form(Foreign),
    #[error("cannot be used: line {line}: {name} was set before, on line {first}. Remove one of them")]
    Twice { name: Foreign, line: usize, first: usize },
}

impl ConfigFile {
    /// Reads the file that a flag or variable names or, outside CI, the one in the home directory. In CI an earlier job of the
    /// same user could have written that one.
    pub(super) fn load(line: &CommandLine, env: &Env, system: &System) -> Self {
        match named(line, env) {
            Err(error) => Self { error: Some(error), ..Self::default() },
            Ok(Some((path, _))) if path == "none" => Self::default(),
            Ok(Some((path, set_by))) => Self::read_named(&path, &env.expand_home(&path), set_by),
            Ok(None) => match env.home().map(|_| env.expand_home(IMPLICIT)) {
                Some(path) if system.source_system.is_some() || env.is_true("CI") => Self::ignored(&path),
                Some(path) => Self::read_implicit(&path),
                None => Self::default(),
            },
        }
    }

    fn read_named(name: &str, path: &Path, set_by: Source) -> Self {
        let file = Self { path: name.into(), set_by: Some(set_by), ..Self::default() };
        match read_named(path, LARGEST, TIMEOUT) {
            Ok(bytes) => {
                let metadata = fs::metadata(path).ok().filter(Metadata::is_file);
                file.with_content(&bytes, metadata.as_ref())
            }
            Err(error) => file.with_error(ConfigProblem::Unreadable(error.to_string().into())),
        }
    }

    fn read_implicit(path: &Path) -> Self {
        let file = Self { path: IMPLICIT.into(), ..Self::default() };
        match read_trusted(path, LARGEST) {
            Ok(None) => Self::default(),
            Ok(Some((bytes, metadata))) => file.with_content(&bytes, Some(&metadata)),
            Err(reason) => {
                let next = match reason {
                    Untrusted::SharedFile => "Run 'chmod go-w' on it",
                    Untrusted::SharedDirectory(_) => "Let only its owner write there ('chmod go-w')",
                    _ => "Correct that",
                };
                let warning = format!(
                    "The configuration file {} is ignored: {reason}. {next}, or name the file with --config or {VARIABLE}.",
                    file.path
                );
                Self { warnings: vec![warning], ..Self::default() }
            }
        }
    }

    /// The file in the home directory in CI: it is only mentioned.
    fn ignored(path: &Path) -> Self {
        let note = fs::symlink_metadata(path)
            .is_ok()
            .then(|| format!("{IMPLICIT} is ignored: in CI, only a file named by --config or {VARIABLE} is read"));
        Self { note, ..Self::default() }
    }

    fn with_content(mut self, bytes: &[u8], metadata: Option<&Metadata>) -> Self {
        let text = String::from_utf8_lossy(bytes);
        self.is_lossy = matches!(text, std::borrow::Cow::Owned(_));
        let pairs = match flat_yaml::parse(&text).map_err(|error| form(&error)).and_then(normalize) {
            Ok(pairs) => pairs,
            Err(problem) => return self.with_error(problem),
        };
        let has_key = pairs.iter().any(|pair| pair.name == "api_key" && pair.value.is_some());
        if has_key && metadata.is_some_and(is_readable_by_others) {
            self.warnings.push(format!(
                "The configuration file {} contains an API key, and other users can read it. Run 'chmod 600' on it.",
                self.path
            ));
        }
        Self { pairs, ..self }
    }

    fn with_error(mut self, problem: ConfigProblem) -> Self {
        let set_by = self.set_by.as_ref().map(|source| format!(" (from {source})")).unwrap_or_default();
        self.error = Some(SettingError::Config { path: self.path.clone(), set_by, problem });
        self
    }

    /// Its path and what names it, for `check`.
    pub(super) fn shown(&self) -> Option<(Foreign, Source)> {
        (!self.path.is_empty()).then(|| (self.path.clone(), self.set_by.clone().unwrap_or(Source::Default)))
    }

    /// The source of the values on line `number`.
    pub(super) fn source(&self, number: usize) -> Source {
        Source::ConfigFile(Box::new(ConfigLine { path: self.path.clone(), number, named: self.set_by.is_some() }))
    }

    /// The values that must not be printed: keys, and names that look like one.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        self.pairs.iter().flat_map(|pair| {
            let value = pair.value.as_deref().filter(|value| {
                pair.name == "api_key" || (pair.name == "api_key_file" && value.trim().starts_with("sk_"))
            });
            Some(pair.name.as_str()).filter(|name| name.starts_with("sk_")).into_iter().chain(value)
        })
    }
}

/// The path that a flag or a variable gives, with its source.
fn named(line: &CommandLine, env: &Env) -> Result<Option<(String, Source)>, SettingError> {
    let flag = line.config.as_deref().map(|path| (path, Source::Flag("--config".to_owned())));
    let variable = || env.get(VARIABLE).map(|path| (path, Source::Variable(VARIABLE.to_owned())));
    let is_set = |(path, _): &(&str, Source)| !matches!(path.trim(), "" | "auto");
    match flag.filter(is_set).or_else(|| variable().filter(is_set)) {
        Some((path, source)) => Ok(Some((path.trim().to_owned(), source))),
        None if env.unreadable().any(|name| name == VARIABLE) => {
            Err(SettingError::NotUtf8 { name: "config", set_by: Source::Variable(VARIABLE.to_owned()) })
        }
        None => Ok(None),
    }
}

/// The pairs with the names of settings as the table writes them.
fn normalize(mut pairs: Vec<Pair>) -> Result<Vec<Pair>, ConfigProblem> {
    for index in 0..pairs.len() {
        let name = pairs[index].name.trim().replace('-', "_").to_lowercase();
        if let Some(first) = pairs[..index].iter().find(|pair| pair.name == name) {
            return Err(ConfigProblem::Twice { name: name.into(), line: pairs[index].line, first: first.line });
        }
        pairs[index].name = name;
    }
    Ok(pairs)
}

fn form(error: &FlatYamlError) -> ConfigProblem {
    ConfigProblem::Form(error.to_string().into())
}
