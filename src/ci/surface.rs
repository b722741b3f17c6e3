//! What every CI system's surface can do, each in its own way, and the parts they share.
//!
//! Owns: the trait and writing to files that others append to as well. Does not own: any system's grammar.

use std::fs::OpenOptions;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

/// How grave a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Something to know.
    Notice,
    /// Something to look at.
    Warning,
    /// What failed the job.
    Error,
}

impl Level {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// The most that an annotation may take, in bytes as written.
pub const LARGEST_ANNOTATION: usize = 4_000;

/// What a job's summary says, in the forms that systems take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// How grave it is.
    pub level: Level,
    /// What happened, in one line.
    pub title: String,
    /// All of it, in Markdown whose every text is escaped.
    pub markdown: String,
    /// Where to see more, in the web console.
    pub link: Option<String>,
}

/// Where a CI system shows things: what it has no way of its own for is plain text, as in a terminal. Text comes in clean of
/// control characters (but for line breaks in messages) and without the API key; each surface escapes it by its own grammar.
pub trait Surface {
    /// The lines to print for an annotation, each complete with whatever makes the system recognise it.
    /// `message` may have several lines.
    fn annotation(&self, level: Level, title: &str, message: &str) -> String {
        let lines: String = message.lines().map(|line| format!("  | {line}\n")).collect();
        format!("{}: {title}\n{lines}", level.word())
    }

    /// Whether annotations belong on stdout with everything else, or to stderr when grave, as in a plain shell.
    fn annotates_on_stdout(&self) -> bool {
        false
    }

    /// Adds to the job's summary. Gives lines to print, mostly none.
    ///
    /// # Errors
    /// Says what could not be written, where and why.
    fn summarise(&self, _summary: &Summary) -> Result<String, String> {
        Ok(String::new())
    }

    /// Whether there is a summary at all.
    fn has_summary(&self) -> bool {
        false
    }

    /// Hands outputs on to later steps. Names are lower case; values are single lines. Gives lines to print, mostly none.
    ///
    /// # Errors
    /// Says what could not be written, where and why.
    fn hand_on(&self, _outputs: &[(&str, String)]) -> Result<String, String> {
        Ok(String::new())
    }
}

/// Appends `text` to the file at `path` in one write, beginning on a line of its own.
///
/// # Errors
/// Those of opening, reading and writing the file.
pub fn append(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
    let mut whole = String::new();
    if file.metadata()?.is_file() && file.seek(SeekFrom::End(-1)).is_ok() {
        let mut last = [0];
        file.read_exact(&mut last)?;
        if last != *b"\n" {
            whole.push('\n');
        }
    }
    whole.push_str(text);
    file.write_all(whole.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn appending_begins_a_line_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out");
        append(&path, "a=1\n").unwrap();
        std::fs::write(&path, "a=1\nb=2").unwrap();
        append(&path, "c=3\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a=1\nb=2\nc=3\n");
        assert!(append(&dir.path().join("no/such/dir"), "x").is_err());
    }
}
