//! Everything that is said: lines, annotations, the summary and outputs, without the API key and without being able to fail.
//!
//! Owns: which stream, scrubbing, and that a surface that fails is warned of once. Does not own: words (`report`), nor
//! any system's grammar (`ci`).

use crate::ci::surface::{Level, Summary, Surface};
use crate::secret::Redactor;
use crate::text;
use std::cell::Cell;
use std::io::{self, Write};

/// Where messages go. Texts that come in are ours, with what is not ours in them already made safe by [`text::shown`].
pub struct Console {
    surface: Box<dyn Surface>,
    redactor: Redactor,
    /// Whether stdout belongs to something else, the outputs as JSON or a command, and messages go to stderr.
    stdout_is_taken: bool,
    /// Whether to say more.
    pub verbose: bool,
    /// Whether to say everything.
    pub debug: bool,
    stdout_failed: Cell<bool>,
}

impl Console {
    /// Speaks through `surface`; to stderr alone if `stdout_is_taken`.
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

    /// From now on leaves stdout to a command.
    pub fn leave_stdout(&mut self) {
        self.stdout_is_taken = true;
    }

    /// From now on hides what `redactor` knows.
    pub fn hide(&mut self, redactor: Redactor) {
        self.redactor = redactor;
    }

    /// `text` without the API key.
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        self.redactor.scrub(text)
    }

    /// One line for everybody.
    pub fn line(&self, line: &str) {
        self.people(&format!("versioner: {}\n", self.scrub(line)), false);
    }

    /// A line for whoever asked for more.
    pub fn verbose(&self, line: impl FnOnce() -> String) {
        if self.verbose || self.debug {
            self.line(&line());
        }
    }

    /// A block of lines, such as JSON, indented.
    pub fn block(&self, lines: &str) {
        let scrubbed = self.scrub(lines);
        let shown: String = scrubbed
            .lines()
            .map(|line| {
                let indent = line.len() - line.trim_start_matches(' ').len();
                format!("  {}{}\n", &line[..indent], text::shown(line))
            })
            .collect();
        self.people(&shown, false);
    }

    /// A message that is shown where the CI system shows such things. `message` may have several lines.
    pub fn annotate(&self, level: Level, title: &str, message: &str) {
        let annotation = self.surface.annotation(level, &self.scrub(title), &self.scrub(message));
        self.people(&annotation, level != Level::Notice && !self.surface.annotates_on_stdout());
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

    /// Adds to the job's summary, which is complete: scrubbed and escaped.
    pub fn summarise(&self, summary: &Summary) {
        self.through_surface("job summary", self.surface.summarise(summary));
    }

    /// Hands on outputs to later steps, already scrubbed.
    pub fn hand_on(&self, outputs: &[(&str, String)]) {
        self.through_surface("outputs", self.surface.hand_on(outputs));
    }

    fn through_surface(&self, what: &str, written: Result<String, String>) {
        match written {
            Ok(lines) => self.people(&lines, false),
            Err(problem) => self.warn(&format!(
                "The {what} could not be written: {}. Nothing else is affected.",
                text::shown(&problem)
            )),
        }
    }

    /// Prints `text` on stdout as the one thing that belongs there: JSON, help, a version.
    pub fn print(&self, text: &str) {
        self.to_stdout(text);
    }

    fn people(&self, text: &str, grave: bool) {
        if self.stdout_is_taken || grave {
            // Nobody is left to tell if stderr is closed.
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
