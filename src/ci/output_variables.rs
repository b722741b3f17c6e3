//! Outputs as variables of a job, outside GitHub: their names, what a system cannot take, and files of them.
//!
//! Owns: names, what is left out, and that it is said. Does not own: what a system can take, nor how it is told.

use super::first;
use super::surface::SurfaceError;
use crate::env::Env;
use crate::files::append;
use std::path::{Path, PathBuf};

/// The name of the output `name` as a variable of a job.
pub(super) fn name_of(name: &str) -> String {
    format!("VERSIONER_{}", name.to_uppercase())
}

/// Sorts out of `outputs`, under their names for a job, those that `fits` takes; and gives the line that says which are
/// left out of `place`, or nothing.
pub(super) fn select<'a>(
    outputs: &'a [(&str, String)],
    place: &str,
    mut fits: impl FnMut(&str, &str) -> bool,
) -> (Vec<(String, &'a str)>, String) {
    let named = outputs.iter().map(|(name, value)| (name_of(name), value.as_str()));
    let (taken, left_out): (Vec<_>, Vec<_>) = named.partition(|(name, value)| fits(name, value));
    let names: Vec<String> = left_out.into_iter().map(|(name, _)| name).collect();
    let line = match names.as_slice() {
        [] => String::new(),
        names => format!("versioner: left out of {place}: {}\n", names.join(", ")),
    };
    (taken, line)
}

/// A file to which a system has outputs appended, if it says where.
pub(super) struct File {
    path: Option<PathBuf>,
    /// The variable that says where.
    named_by: String,
}

impl File {
    /// The file that the first of `variables` names.
    pub(super) fn named_by(env: &Env, variables: &[&str]) -> Self {
        let found = first(env, variables);
        let named_by = found.as_ref().map_or_else(String::new, |found| found.source.clone());
        Self { path: found.map(|found| PathBuf::from(found.raw())), named_by }
    }

    /// The file `name` in the directory that this names.
    pub(super) fn join(self, name: &str) -> Self {
        Self { path: self.path.map(|path| path.join(name)), ..self }
    }

    /// Where it is.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Appends what `write` makes of each output's name and value, if it can be written in `place`. Gives the line that
    /// says what is left out, or nothing.
    ///
    /// # Errors
    /// Says which file could not be written, and why.
    pub(super) fn take(
        &self,
        outputs: &[(&str, String)],
        place: &str,
        mut write: impl FnMut(&str, &str) -> Option<String>,
    ) -> Result<String, SurfaceError> {
        let Some(path) = &self.path else {
            return Ok(String::new());
        };
        let mut lines = String::new();
        let (_, left_out) = select(outputs, place, |name, value| {
            let line = write(name, value);
            lines.extend(line.iter().flat_map(|line| [line.as_str(), "\n"]));
            line.is_some()
        });
        if !lines.is_empty() {
            append(path, &lines).map_err(|error| SurfaceError::file_of_variable(&self.named_by, path, error))?;
        }
        Ok(left_out)
    }
}

/// Whether every environment takes `value`: one line, and not so long that no later step could start (Linux takes
/// 128 KiB, Windows 32,767 characters).
pub(super) fn fits_environment(value: &str) -> bool {
    const LARGEST: usize = 32_000;
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    value.len() <= LARGEST && !value.trim().is_empty() && !value.contains(breaks)
}

/// Whether `value` is one line of text, without characters that control anything.
pub(super) fn is_plain_line(value: &str) -> bool {
    !value.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_named() {
        let outputs = [("outcome", "blocked".to_owned()), ("url", "x\ny".to_owned())];
        let (taken, line) = select(&outputs, "the file", |_, value| is_plain_line(value));
        assert_eq!(taken, [("VERSIONER_OUTCOME".to_owned(), "blocked")]);
        assert_eq!(line, "versioner: left out of the file: VERSIONER_URL\n");
        assert_eq!(select(&outputs, "the file", |_, _| true).1, "");
    }
}
