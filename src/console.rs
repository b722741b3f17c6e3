//! Terminal and CI output: redacted, never fatal.
//!
//! Owns: the choice of stream, redaction, and one warning per surface that fails. Does not own: wording (`report`), nor the
//! grammar of a CI system (`ci`).

use crate::ci::surface::Surface;
use crate::model::message::{Level, Summary};
use crate::text::{Redactor, sanitize};
use std::cell::Cell;
use std::fmt::Display;
use std::io::{self, Write};

/// The output of one call. Foreign text in messages is already sanitized.
pub struct Console {
    surface: Box<dyn Surface>,
    redactor: Redactor,
    /// Whether stdout belongs to the outputs as JSON or to a command. Messages then go to stderr.
    stdout_is_taken: bool,
    /// Whether to print more.
    pub verbose: bool,
    /// Whether to print everything.
    pub debug: bool,
    stdout_failed: Cell<bool>,
}

impl Console {
    /// Prints through `surface`; only to stderr if `stdout_is_taken`.
    #[must_use]
    pub fn new(surface: Box<dyn Surface>, stdout_is_taken: bool) -> Self {
        Self {
            surface,
            redactor: Redactor::default(),
            stdout_is_taken,
            verbose: false,
            debug: false,
            stdout_failed: Cell::new(false),
        }
    }

    /// From now on stdout belongs to a command.
    pub fn leave_stdout(&mut self) {
        self.stdout_is_taken = true;
    }

    /// From now on redacts with `redactor`.
    pub fn set_redactor(&mut self, redactor: Redactor) {
        self.redactor = redactor;
    }

    /// `text` without the API key.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.redactor.redact(text)
    }

    /// One line.
    pub fn line(&self, line: &str) {
        self.print_message(&format!("versioner: {}\n", self.redact(line)), false);
    }

    /// A line that is printed only with `verbose`.
    pub fn verbose(&self, line: impl FnOnce() -> String) {
        if self.verbose || self.debug {
            self.line(&line());
        }
    }

    /// A block of lines, such as JSON, indented.
    pub fn block(&self, lines: &str) {
        let redacted = self.redact(lines);
        let lines: String = redacted
            .lines()
            .map(|line| {
                let indent = line.len() - line.trim_start_matches(' ').len();
                format!("  {}{}\n", &line[..indent], sanitize(line))
            })
            .collect();
        self.print_message(&lines, false);
    }

    /// Aligned lines. Foreign text in them is already sanitized, and none begins a line.
    pub fn table(&self, lines: &str) {
        self.print_message(&self.redact(lines), false);
    }

    /// A message in the CI system's own form. `message` may have several lines.
    pub fn annotate(&self, level: Level, title: &str, message: &str) {
        let annotation = self.surface.annotation(level, &self.redact(title), &self.redact(message));
        self.print_message(&annotation, level != Level::Notice && !self.surface.annotates_on_stdout());
    }

    /// A warning.
    pub fn warn(&self, message: &str) {
        self.annotate(Level::Warning, "versioner", message);
    }

    /// Whether the job has a summary.
    #[must_use]
    pub fn has_summary(&self) -> bool {
        self.surface.has_summary()
    }

    /// Whether people see the whole text of the summary.
    #[must_use]
    pub fn shows_summary(&self) -> bool {
        self.surface.shows_summary()
    }

    /// Adds a section to the job summary, already redacted.
    pub fn add_summary(&self, summary: &Summary) {
        self.write_surface("job summary", self.surface.add_summary(summary));
    }

    /// Sets outputs for later steps, already redacted.
    pub fn set_outputs(&self, outputs: &[(&str, String)]) {
        self.write_surface("outputs", self.surface.set_outputs(outputs));
    }

    fn write_surface<E: Display>(&self, what: &str, written: Result<String, E>) {
        match written {
            Ok(lines) => self.print_message(&lines, false),
            Err(problem) => self.warn(&format!(
                "The {what} could not be written: {}. Nothing else is affected.",
                sanitize(&problem.to_string())
            )),
        }
    }

    /// Prints `text` on stdout: JSON, help or a version.
    pub fn print(&self, text: &str) {
        self.to_stdout(text);
    }

    /// Prints help that nobody asked for: on stdout, unless that is taken.
    pub fn print_help(&self, text: &str) {
        self.print_message(text, false);
    }

    fn print_message(&self, text: &str, to_stderr: bool) {
        if self.stdout_is_taken || to_stderr {
            // If stderr is closed, there is no way left to report it.
            let _ = io::stderr().write_all(text.as_bytes());
        } else {
            self.to_stdout(text);
        }
    }

    fn to_stdout(&self, text: &str) {
        if text.is_empty() || self.stdout_failed.get() {
            return;
        }
        let mut stdout = io::stdout().lock();
        if let Err(error) = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
            self.stdout_failed.set(true);
            let _ = writeln!(
                io::stderr(),
                "versioner: warning: stdout cannot be written ({error}); messages on it are lost"
            );
        }
    }
}
