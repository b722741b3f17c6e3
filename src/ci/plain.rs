//! No CI system, or one that shows plain text: what Jenkins, Bitbucket and a terminal have in common.
//!
//! Owns: plain annotations. Does not own: `output_file`, which works everywhere (`report`).

use super::surface::{Level, Summary, Surface};
use super::{Context, System};

/// Outside every CI system that is known.
pub(super) const SYSTEM: System = System {
    name: "no CI system that is known",
    source_system: None,
    detect: |_| true,
    context: |_| Context::default(),
    surface: |_| Box::new(Plain),
};

/// Plain text, indented under its first line.
pub(super) struct Plain;

impl Surface for Plain {
    fn annotation(&self, level: Level, title: &str, message: &str) -> String {
        let mut text = format!("{}: {title}\n", level.word());
        for line in message.lines() {
            text.push_str("  | ");
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    fn annotates_on_stdout(&self) -> bool {
        false
    }

    fn summarise(&self, _summary: &Summary) -> Result<String, String> {
        Ok(String::new())
    }

    fn has_summary(&self) -> bool {
        false
    }

    fn hand_on(&self, _outputs: &[(&str, String)]) -> Result<String, String> {
        Ok(String::new())
    }
}
