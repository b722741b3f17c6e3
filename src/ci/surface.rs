//! Where a CI system shows errors and summaries, and accepts outputs.
//!
//! Owns: the trait, with plain text as every method's default, and its errors. Does not own: any system's grammar.

use crate::model::message::{Level, Summary};
use crate::text::Foreign;
use std::fmt::Display;
use std::io;
use std::path::Path;

/// The largest annotation, in bytes as written.
pub const LARGEST_ANNOTATION: usize = 4_000;

/// Where a CI system shows messages and accepts outputs. The defaults are plain text, as in a terminal.
///
/// Titles and messages are clean: no control characters (except line breaks in messages), no workflow commands, no API key.
/// Each surface escapes them by its own grammar.
pub trait Surface {
    /// The lines to print for an annotation, complete with the system's markup. `message` may have several lines.
    fn annotation(&self, level: Level, title: &str, message: &str) -> String {
        let lines: String = message.lines().map(|line| format!("  | {line}\n")).collect();
        format!("{}: {title}\n{lines}", level.word())
    }

    /// Whether all annotations belong on stdout. Otherwise warnings and errors belong on stderr, as in a shell.
    fn annotates_on_stdout(&self) -> bool {
        false
    }

    /// Adds to the job's summary. Returns lines to print, usually none.
    ///
    /// # Errors
    /// If the summary cannot be written.
    fn add_summary(&self, _summary: &Summary) -> Result<String, SurfaceError> {
        Ok(String::new())
    }

    /// Whether the system takes summaries.
    fn has_summary(&self) -> bool {
        false
    }

    /// Whether people see the whole text of a summary.
    fn shows_summary(&self) -> bool {
        self.has_summary()
    }

    /// Passes outputs to later steps. Names are lower case; values are single lines. Returns lines to print, usually none.
    ///
    /// # Errors
    /// If the outputs cannot be passed on.
    fn set_outputs(&self, _outputs: &[(&str, String)]) -> Result<String, SurfaceError> {
        Ok(String::new())
    }
}

/// Why a summary or outputs could not be written.
#[derive(Debug, thiserror::Error)]
pub enum SurfaceError {
    /// A file cannot be read or written.
    #[error("{file}: {error}")]
    File {
        /// Its path, and the variable that names it, if one does.
        file: Foreign,
        /// What went wrong.
        error: io::Error,
    },
    /// A file that we write exists already, with content that we did not write.
    #[error("{file} exists already and {reason}")]
    NotOurs {
        /// Its path.
        file: Foreign,
        /// How its content differs from ours.
        reason: &'static str,
    },
    /// The job summary has no room left.
    #[error("the job summary is full ({limit})")]
    SummaryFull {
        /// The system's limit.
        limit: &'static str,
    },
    /// A program of the CI system failed.
    #[error("{0}")]
    HelperProgram(Foreign),
}

impl SurfaceError {
    pub(super) fn file(path: &Path, error: io::Error) -> Self {
        Self::File { file: path.display().to_string().into(), error }
    }

    pub(super) fn file_of_variable(variable: &str, path: &Path, error: io::Error) -> Self {
        Self::File { file: format!("{variable} ({})", path.display()).into(), error }
    }

    pub(super) fn not_ours(path: &Path, reason: &'static str) -> Self {
        Self::NotOurs { file: path.display().to_string().into(), reason }
    }

    pub(super) fn helper_program(error: impl Display) -> Self {
        Self::HelperProgram(error.to_string().into())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::text::sanitize;

    /// `text` as a surface receives a title.
    pub(in crate::ci) fn clean(text: &str) -> String {
        sanitize(text)
    }

    /// `text` as a surface receives a message: several clean lines.
    pub(in crate::ci) fn clean_lines(text: &str) -> String {
        text.lines().map(sanitize).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn errors_print_clean_text() {
        let path = Path::new("/tmp/a\n::error::b/##vso[x]");
        let error = || io::Error::from(io::ErrorKind::NotFound);
        let cases = [
            (SurfaceError::file(path, error()), "/tmp/a ::error::b/# #vso[x]: entity not found"),
            (
                SurfaceError::file_of_variable("GITHUB_OUTPUT", path, error()),
                "GITHUB_OUTPUT (/tmp/a ::error::b/# #vso[x]): entity not found",
            ),
            (
                SurfaceError::not_ours(path, "is not a report"),
                "/tmp/a ::error::b/# #vso[x] exists already and is not a report",
            ),
            (SurfaceError::helper_program("agent\n::error::x"), "agent ::error::x"),
        ];
        for (error, expected) in cases {
            assert_eq!(error.to_string(), expected);
        }
    }
}
