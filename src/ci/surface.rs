//! What every CI system's surface can do, each in its own way, and the parts they share.
//!
//! Owns: the trait and writing to files that others append to as well. Does not own: any system's grammar.

use crate::model::message::{Level, Summary};

/// The most that an annotation may take, in bytes as written.
pub const LARGEST_ANNOTATION: usize = 4_000;

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
    fn add_summary(&self, _summary: &Summary) -> Result<String, String> {
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
    fn set_outputs(&self, _outputs: &[(&str, String)]) -> Result<String, String> {
        Ok(String::new())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use crate::text::sanitize;

    /// `text` as a surface receives a title.
    pub(in crate::ci) fn clean(text: &str) -> String {
        sanitize(text)
    }

    /// `text` as a surface receives a message: several clean lines.
    pub(in crate::ci) fn clean_lines(text: &str) -> String {
        text.lines().map(sanitize).collect::<Vec<_>>().join("\n")
    }
}
