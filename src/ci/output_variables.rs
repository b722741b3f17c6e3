//! Outputs as variables of a job, on systems other than GitHub: their names, the values that a system cannot take, and
//! files of variables.
//!
//! Owns: names, and naming what is left out. Does not own: what a system can take, or how it gets it.

use super::first;
use super::surface::SurfaceError;
use crate::env::Env;
use crate::files::append;
use std::path::{Path, PathBuf};

/// The variable for the output `name`.
pub(super) fn variable_name(name: &str) -> String {
    format!("VERSIONER_{}", name.to_uppercase())
}

/// The variables for those `outputs` that `fits` accepts. Also returns a line that names what is left out of `place`, or
/// nothing.
pub(super) fn select<'a>(
    outputs: &'a [(&str, String)],
    place: &str,
    mut fits: impl FnMut(&str, &str) -> bool,
) -> (Vec<(String, &'a str)>, String) {
    let variables = outputs.iter().map(|(name, value)| (variable_name(name), value.as_str()));
    let (selected, left_out): (Vec<_>, Vec<_>) = variables.partition(|(name, value)| fits(name, value));
    let names: Vec<String> = left_out.into_iter().map(|(name, _)| name).collect();
    let line = match names.as_slice() {
        [] => String::new(),
        names => format!("versioner: left out of {place}: {}\n", names.join(", ")),
    };
    (selected, line)
}

/// A file of output variables, if the system names one.
pub(super) struct File {
    path: Option<PathBuf>,
    /// The variable that names it.
    variable: String,
}

impl File {
    /// The file named by the first of `variables` that is set.
    pub(super) fn named_by(env: &Env, variables: &[&str]) -> Self {
        match first(env, variables) {
            Some(found) => Self { path: Some(PathBuf::from(found.raw())), variable: found.source },
            None => Self { path: None, variable: String::new() },
        }
    }

    /// The file `name` in the directory that `self` names.
    pub(super) fn join(self, name: &str) -> Self {
        Self { path: self.path.map(|path| path.join(name)), ..self }
    }

    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Appends one line for each output: `format` makes it of the variable's name and value, or returns nothing if the file
    /// cannot hold the value. Returns a line that names what is left out of `place`, or nothing.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub(super) fn append(
        &self,
        outputs: &[(&str, String)],
        place: &str,
        mut format: impl FnMut(&str, &str) -> Option<String>,
    ) -> Result<String, SurfaceError> {
        let Some(path) = &self.path else {
            return Ok(String::new());
        };
        let mut lines = String::new();
        let (_, left_out) = select(outputs, place, |name, value| {
            let line = format(name, value);
            lines.extend(line.iter().flat_map(|line| [line.as_str(), "\n"]));
            line.is_some()
        });
        if !lines.is_empty() {
            append(path, &lines).map_err(|error| SurfaceError::file_of_variable(&self.variable, path, error))?;
        }
        Ok(left_out)
    }
}

/// Whether every environment can hold `value`: one line, and short enough that later steps can start. (Linux allows
/// 128 KiB, Windows 32,767 characters.)
pub(super) fn fits_environment(value: &str) -> bool {
    const LARGEST: usize = 32_000;
    let breaks_line = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    value.len() <= LARGEST && !value.trim().is_empty() && !value.contains(breaks_line)
}

/// Whether `value` is one line without control characters.
pub(super) fn is_plain_line(value: &str) -> bool {
    !value.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_do_not_fit_are_named() {
        let outputs = [("outcome", "blocked".to_owned()), ("url", "x\ny".to_owned())];
        let (selected, line) = select(&outputs, "the file", |_, value| is_plain_line(value));
        assert_eq!(selected, [("VERSIONER_OUTCOME".to_owned(), "blocked")]);
        assert_eq!(line, "versioner: left out of the file: VERSIONER_URL\n");
        assert_eq!(select(&outputs, "the file", |_, _| true).1, "");
    }
}
