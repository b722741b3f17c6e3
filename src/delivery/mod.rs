//! Delivery: what all commands share to send events and to report what came of them.
//!
//! Owns: the session (client, spool, journal, console), the order of sending one event, and delivering the spool. Does not
//! own: what a command does (`commands`), policy (`model`), nor wording (`report`).

mod backlog;
mod conclude;
mod send;
mod sender;
mod superseded;

pub use backlog::FlushOptions;
pub use conclude::Delivered;
pub use send::{OpenEntries, OutgoingEvent, SendBudget, deliver};

use crate::api::{Client, SendProgress, SendRequest, SendResult};
use crate::ci::System;
use crate::console::Console;
use crate::env::Env;
use crate::files::Signer;
use crate::gate::wait::Progress;
use crate::gate::wait::WaitEnd;
use crate::model::clock::Clock;
use crate::model::event::Event;
use crate::model::message::Level;
use crate::model::park::MARKER_TITLE;
use crate::model::policy::GateState;
use crate::model::verdict::{Answer, Verdict};
use crate::report::progress::{self, LogLine};
use crate::report::{self, Delivery, Outputs, Report, ReportContext};
use crate::settings::{Settings, SpoolConfig};
use crate::state::{Journal, JournalEntry, Spool, StartState};
use crate::text::sanitize;
use serde_json::{Map, Value};
use std::fmt::Display;

/// What one call shares.
pub struct Session<'a> {
    pub console: &'a Console,
    pub client: &'a Client,
    pub settings: &'a Settings,
    pub system: &'static System,
    env: &'a Env,
    /// Whether to print the outputs as JSON.
    pub json: bool,
    /// `None`: nothing is spooled.
    pub spool: Option<Spool>,
    pub journal: Result<Journal, NoJournal>,
}

/// Why there is no journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoJournal {
    /// There is no directory for it.
    NoDirectory,
    /// The CI system does not say which job execution this is.
    UnknownJob,
}

impl<'a> Session<'a> {
    #[must_use]
    pub fn new(
        console: &'a Console,
        client: &'a Client,
        settings: &'a Settings,
        env: &'a Env,
        system: &'static System,
        json: bool,
    ) -> Self {
        let api = &settings.api;
        let signer = api.key.as_ref().map(|key| Signer::new(&key.value, api.url.value.as_str()));
        let (spool, journal) = match (&settings.spool, signer) {
            (SpoolConfig::Directory(root, _), Some(signer)) => {
                let spool = Spool::new(root, signer.clone());
                let job = system.job_identity(env).ok_or(NoJournal::UnknownJob);
                (Some(spool), job.map(|job| Journal::new(root, signer, job)))
            }
            _ => (None, Err(NoJournal::NoDirectory)),
        };
        Self { console, client, settings, system, env, json, spool, journal }
    }

    /// The context of reports about `event`.
    #[must_use]
    pub fn context<'s>(&'s self, event: &'s Event, wrapped: bool) -> ReportContext<'s> {
        let has_summary = self.settings.summary && self.console.shows_summary();
        let system = self.system;
        ReportContext {
            settings: self.settings,
            event,
            system,
            has_summary,
            wrapped,
            failure_fails_step: false,
            end: None,
        }
    }

    /// Sends an event with retries, without waiting for a block to lift.
    pub(super) async fn send(&self, client: &Client, request: SendRequest<'_>) -> SendResult {
        let mut observe = |progress: SendProgress<'_>| self.show_progress(&progress, true);
        client.send(request, None, Clock::system(), &mut fastrand::Rng::new(), &mut observe).await
    }

    fn show_progress(&self, progress: &SendProgress<'_>, quiet: bool) {
        if let Some(line) = progress::retry(progress) {
            match quiet {
                true => self.console.verbose(|| line),
                false => self.console.line(&line),
            }
        }
        if self.console.debug
            && let Some(line) = progress::debug(progress)
        {
            self.console.line(&format!("debug: {}", sanitize(&self.console.redact(&line))));
        }
    }

    /// Shows the progress of a wait.
    pub(super) fn show_wait(&self, context: ReportContext<'_>, progress: &Progress<'_>) {
        for line in progress::lines(context, progress) {
            match line {
                LogLine::Line(line) => self.console.line(&line),
                LogLine::Detail(detail) => self.console.block(&detail),
            }
        }
    }

    /// Reports a delivery to people.
    pub fn report(&self, delivered: &Delivered, context: ReportContext<'_>) {
        let Delivered { delivery, decision, .. } = delivered;
        let now = Clock::system().now();
        let report = delivery.report(context, now);
        if let Some(line) = delivery.end_of_wait(context, now) {
            self.console.line(&line);
        }
        if let WaitEnd::Parked(marker) = &delivery.wait_end {
            self.console.annotate(Level::Notice, MARKER_TITLE, &marker.message());
        }
        self.print(&report);
        // A passed gate under `run` is one line in the log. The summary is about how the command ended.
        let plain = delivery.wait.waited().is_none()
            && matches!(&delivery.answer, Answer::Verdict(Verdict::Recorded(receipt)) if receipt.violations.is_empty());
        if !(context.wrapped && decision.gate == Some(GateState::Passed) && plain) {
            self.add_summary(&report);
        }
        if let Answer::Verdict(Verdict::Recorded(receipt)) = &delivery.answer {
            for (title, message) in report::violations(receipt) {
                self.console.annotate(Level::Warning, &title, &message);
            }
        }
    }

    /// The outputs of a delivery.
    #[must_use]
    pub fn outputs(&self, delivered: &Delivered, context: ReportContext<'_>) -> Outputs {
        let Delivered { delivery, decision, outcome, .. } = delivered;
        Outputs::of(delivery, context, *outcome, decision.gate, Clock::system().now())
    }

    /// Prints a report and adds it to the summary.
    pub fn show(&self, report: &Report) {
        self.print(report);
        self.add_summary(report);
    }

    /// A success is one line. Anything else is an annotation. The key is removed before anything is cut: a part of it would not
    /// be recognized.
    fn print(&self, report: &Report) {
        let report = report.redacted(|text| self.console.redact(text));
        match report.level {
            Level::Notice => self.console.line(&[&[report.title], &report.lines[..]].concat().join(", ")),
            Level::Warning | Level::Error => self.console.annotate(report.level, &report.title, &report.message()),
        }
    }

    fn add_summary(&self, report: &Report) {
        if self.settings.summary && self.console.has_summary() {
            self.console.add_summary(&report.redacted(|text| self.console.redact(text)).summary());
        }
    }

    /// Sets the outputs of the whole call, once.
    pub fn set_outputs(&self, outputs: Outputs) {
        let outputs = outputs.redacted(|text| self.console.redact(text));
        let pairs = outputs.pairs();
        // A call without outputs leaves those of an earlier one.
        if !pairs.is_empty() {
            self.console.set_outputs(&pairs);
            if let Some(path) = &self.settings.output_file
                && let Err(error) = outputs.append_to(path)
            {
                self.console.warn(&format!(
                    "The outputs could not be written: output_file ({}): {}. Nothing else is affected.",
                    sanitize(&path.display().to_string()),
                    sanitize(&error.to_string())
                ));
            }
        }
        print_json(self.console, self.json, &outputs);
    }

    /// Updates the journal's entry.
    fn update(&self, entry: &mut JournalEntry, start: StartState) {
        if let Ok(journal) = &self.journal {
            self.note_error(journal.update(entry, start));
        }
    }

    /// Records in the journal's entry an end that the API did not take.
    fn note_end(&self, entry: &mut JournalEntry, end: &Map<String, Value>) {
        if let Ok(journal) = &self.journal {
            self.note_error(journal.note_end(entry, end));
        }
    }

    /// Records that the API recorded an event, if that matters for spooled ones.
    fn note_recorded(&self, spool: &Spool) {
        if !spool.is_empty()
            && let Err(error) = spool.note_recorded(Clock::system().now())
        {
            self.console.verbose(|| format!("the time of this event is not noted in the spool: {error}"));
        }
    }

    /// Removes the journal's entry of a deployment that is closed or never started.
    pub fn close(&self, entry: &JournalEntry) {
        if let Ok(journal) = &self.journal {
            self.note_error(journal.close(entry));
        }
    }

    /// Returns the value, or prints that the journal cannot be written.
    fn note_error<T, E: Display>(&self, result: Result<T, E>) -> Option<T> {
        let note = |error: &E| {
            self.console
                .warn(&format!("Not noted in the journal, so 'versioner finish' will not know of it: {error}."));
        };
        result.inspect_err(note).ok()
    }

    /// `body` as it may be written to disk. Users may have put the key into metadata or a link. Identifying fields are never
    /// changed.
    #[must_use]
    pub(super) fn without_key(&self, body: &Map<String, Value>) -> Map<String, Value> {
        const IDENTIFYING: [&str; 4] = ["product_name", "version", "environment_name", "status"];
        let redact = |value: &Value| {
            let redacted = self.console.redact(&value.to_string());
            serde_json::from_str(&redacted).unwrap_or_else(|_| value.clone())
        };
        body.iter()
            .map(|(name, value)| match IDENTIFYING.contains(&name.as_str()) {
                true => (name.clone(), value.clone()),
                false => (name.clone(), redact(value)),
            })
            .collect()
    }
}

/// Prints `outputs` as JSON on stdout, if wanted.
pub fn print_json(console: &Console, json: bool, outputs: &Outputs) {
    if json {
        console.print(&format!("{}\n", outputs.json()));
    }
}

impl Delivered {
    /// Whether the API may have recorded the event although no answer says so.
    #[must_use]
    pub fn may_be_recorded(&self) -> bool {
        let Delivery { answer, unanswered_since, .. } = &self.delivery;
        unanswered_since.is_some() && !matches!(answer, Answer::Verdict(Verdict::Recorded(_)))
    }
}
