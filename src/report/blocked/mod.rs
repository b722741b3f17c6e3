//! The report of a block: what is blocked, by which rule, why, until when, who can lift it, and what to do.
//!
//! Owns: the frame that all blocks share. Does not own: what a kind of block adds (one file each), nor the log of a wait
//! (`progress`).

mod approval;
mod conflict;
mod flow;
mod hint;
mod notes;
mod soak;
mod what;
mod window;

pub(super) use conflict::blocked_by;
pub use what::{cause, what_blocks};

use super::context::{ReportContext, http};
use super::layout::{Report, Row, Step};
use super::links::{self, Page};
use super::markup::{Text, words};
use super::times;
use crate::gate::wait::WaitRecord;
use crate::gate::{FailReason, StaleConflict, stale_conflict};
use crate::model::block::{Block, BlockKind};
use crate::model::message::{Level, State};
use crate::text::{Foreign, capitalize};
use jiff::Timestamp;

/// How a block failed the job.
#[derive(Clone, Copy, Debug)]
pub struct BlockFailure<'a> {
    /// The server's clock.
    pub now: Timestamp,
    pub reason: FailReason,
    pub wait: &'a WaitRecord,
    /// When, by the server's clock, this job sent an attempt that may have been recorded.
    pub unanswered_since: Option<Timestamp>,
}

/// A block, and everything that its wording depends on.
struct View<'a> {
    context: ReportContext<'a>,
    block: &'a Block,
    failure: BlockFailure<'a>,
    /// Why it is not worth waiting for, if it is a stale conflict.
    stale: Option<StaleConflict>,
}

/// What a kind of block adds to the frame.
struct Parts {
    /// After the subject of a wait that timed out, such as `still has 1 of 2 approvals`.
    still: String,
    /// Lines for the annotation: which rule, why, until when, who.
    facts: Vec<String>,
    /// What to do, after `Do: `.
    action: String,
    /// Who can lift it, and where.
    lift: Option<String>,
    /// The cause, as a sentence.
    sentence: Text,
    rows: Vec<Row>,
    /// The row about who can lift it.
    lifted_by: &'static str,
    steps: Vec<Step>,
    page: Page,
}

/// The report of `block`.
#[must_use]
pub fn report(context: ReportContext<'_>, block: &Block, failure: BlockFailure<'_>) -> Report {
    let max_age = context.settings.wait.conflict_max_age;
    let own_version = context.event.version.value.raw();
    let stale = stale_conflict(block, max_age, failure.now, failure.unanswered_since, own_version);
    let view = View { context, block, failure, stale };
    let parts = match block.kind {
        BlockKind::Conflict => conflict::parts(&view),
        BlockKind::Window => window::parts(&view),
        BlockKind::Approval => approval::parts(&view),
        BlockKind::Soak => soak::parts(&view),
        BlockKind::Flow => flow::parts(&view),
    };
    view.report(parts)
}

impl View<'_> {
    fn report(&self, parts: Parts) -> Report {
        let Parts { still, facts, action, lift, lifted_by, sentence, rows, steps, page } = parts;
        let name = self.context.name();
        let hint = hint::next_time(self);
        let notes = self.notes();
        let (title, heading, page) = match self.timed_out() {
            Some(after) => (
                format!("Timed out after {after}: {name} {still}"),
                words("Timed out after ").computed(after).words(": "),
                links::TIMED_OUT,
            ),
            None => {
                let cause = match self.stale {
                    Some(StaleConflict::TooOld(age)) => {
                        format!("another deployment has been in progress for {}", times::minutes(age))
                    }
                    _ => cause(self.block, self.now()),
                };
                let blocked = if self.context.has_happened() { "Record blocked: " } else { "Blocked: " };
                (format!("{blocked}{name} ({cause})"), words(blocked), page)
            }
        };
        let heading = heading.and(self.context.name_text());
        let state = if self.context.has_happened() { State::NotRecorded } else { State::Blocked };
        let mut report = Report::new(Level::Error, state, title, heading);
        report.lines.push(self.quote());
        match self.timed_out() {
            Some(_) if !facts.is_empty() => report.lines.push(facts.join(". ")),
            Some(_) => {}
            None => report.lines.extend(facts),
        }
        report.lines.extend(notes.iter().cloned());
        match (self.timed_out(), hint.as_ref()) {
            (Some(_), Some(hint)) => report.lines.push(format!("Do: {action} {}", hint.line())),
            (Some(_), None) => report.lines.push(format!("Do: {action}")),
            (None, hint) => {
                report.lines.push(format!("Do: {action}"));
                report.lines.extend(lift);
                report.lines.extend(hint.map(hint::Hint::line));
            }
        }
        let section = &mut report.section;
        section.cause = Some(sentence);
        section.quote = self.block.message.as_ref().map(Foreign::to_string);
        let unexplained = self.block.message.is_none().then(|| self.quote());
        section.paragraphs = unexplained.into_iter().chain(notes).map(|note| Text::default().value(note)).collect();
        section.rows = rows;
        for (name, value) in self.other_details() {
            section.row(capitalize(&name.clean().replace('_', " ")), Some(Text::default().value(value)));
        }
        section.row("Who can lift it", Some(words(lifted_by)));
        section.steps = steps;
        section.steps.extend(self.closing_step());
        section.steps.extend(hint.map(|hint| hint.step(self)));
        section.footer.extend(self.block.code.as_ref().map(|code| Text::default().value(code)));
        section.footer.push(http(self.block.status));
        section.footer.push(words("checked ").computed(times::stamp(self.now())));
        section.footer.push(self.context.about(page));
        report
    }

    fn now(&self) -> Timestamp {
        self.failure.now
    }

    /// How to try again. GitHub re-runs no job of a run that is as old as this one is when such a block ends.
    fn again(&self) -> &'static str {
        if self.failure.reason == FailReason::Park { "start a new run" } else { self.context.again() }
    }

    /// The same, as a link to this run.
    fn again_link(&self) -> Text {
        if self.failure.reason == FailReason::Park { words(self.again()) } else { self.context.again_link() }
    }

    /// How long the job waited, if it gave up.
    fn timed_out(&self) -> Option<String> {
        let waited = self.failure.wait.waited().filter(|_| self.failure.reason == FailReason::DeadlineReached)?;
        Some(times::minutes(waited))
    }

    /// The server's message, or what is known without one.
    fn quote(&self) -> String {
        match &self.block.message {
            Some(message) => message.to_string(),
            None if self.block.readable => format!("The API returned {} without a reason.", self.block.status),
            None => format!(
                "The API returned {} with a reply that cannot be understood, so this deployment must not start.",
                self.block.status
            ),
        }
    }

    fn own_closing_command(&self) -> String {
        self.context.closing_command(Some(&self.context.event.version.value))
    }

    fn closing_step(&self) -> Option<Step> {
        self.may_be_recorded().then(|| Step {
            title: "Recorded as started?",
            text: words("Close it before you re-run this job."),
            command: Some(self.own_closing_command()),
        })
    }

    /// The details that no kind of block explains.
    fn other_details(&self) -> impl Iterator<Item = (Foreign, &Foreign)> {
        let details = &self.block.details;
        let environment = details.environment.as_ref().filter(|it| {
            self.block.kind != BlockKind::Soak
                && self.context.event.environment.as_ref().is_none_or(|own| own.value != **it)
        });
        let environment = environment.map(|environment| (Foreign::new("environment"), environment));
        environment.into_iter().chain(details.others.iter().map(|(name, value)| (name.clone(), value)))
    }

    /// `Rule: friday_freeze (Weekly deployment freeze)`, as far as that is known.
    fn rule_fact(&self, more: Option<String>) -> Option<String> {
        match (self.block.rule(), more) {
            (Some(rule), Some(more)) => Some(format!("Rule: {rule} ({more})")),
            (Some(rule), None) => Some(format!("Rule: {rule}")),
            (None, Some(more)) => Some(format!("Why: {more}")),
            (None, None) => None,
        }
    }

    fn rule_row(&self, kind: &'static str) -> Row {
        let value = match self.block.rule() {
            Some(rule) => Text::default().code(rule).words(kind),
            None => words(kind.trim_start_matches(" (").trim_end_matches(')')).words(", not named by the API"),
        };
        row("Rule", value)
    }

    /// Who can lift the block: `question` is what makes a person look for it.
    fn lift(&self, question: &'static str) -> String {
        let rule = self.block.rule().map_or("the rule", Foreign::clean);
        format!(
            "{question} {MANAGERS} can switch {rule} to Report Only: {} > Settings > Deployment Rules",
            self.context.console_or_name()
        )
    }

    /// The same, as something to do.
    fn lift_step(&self, title: &'static str) -> Step {
        let text = words("Ask an Admin, Release Manager or SRE to switch ");
        let text = match self.block.rule() {
            Some(rule) => text.code(rule),
            None => text.words("the rule"),
        };
        let text = text.words(" to ").name("Report Only").words(" under ").and(self.context.rules_link());
        Step::new(title, text.words(", then ").and(self.again_link()).words("."))
    }
}

/// Who manages Deployment Rules.
pub(super) const MANAGERS: &str = "An Admin, Release Manager or SRE";

/// The same, for the table.
const MANAGER: &str = "a Versioner Admin, Release Manager or SRE";

fn row(label: &'static str, value: Text) -> Row {
    Row { label: label.to_owned(), value }
}

/// The setting for blocks of `kind`.
fn setting(kind: BlockKind) -> &'static str {
    match kind {
        BlockKind::Conflict => "on_conflict",
        BlockKind::Window => "on_window",
        BlockKind::Approval => "on_approval",
        BlockKind::Soak => "on_soak",
        BlockKind::Flow => "on_flow",
    }
}

fn join(texts: &[Foreign], separator: &str) -> String {
    texts.iter().map(Foreign::clean).collect::<Vec<_>>().join(separator)
}
