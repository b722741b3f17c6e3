//! Reports: all wording for people, and the outputs for machines.
//!
//! Owns: which message and which outputs belong to which result. Does not own: outcomes, nor where messages are shown
//! (`console`, `ci`).

mod blocked;
pub mod check;
mod context;
pub mod finish;
mod interrupted;
mod layout;
pub mod outputs;
mod parked;
pub mod progress;
pub mod rejected;
pub mod resume;
pub mod spool;
mod superseded;
pub mod unavailable;
mod undelivered;

pub use context::ReportContext;
pub use layout::Report;
pub use outputs::Outputs;
pub use undelivered::Severity;

use crate::gate::FailReason;
use crate::gate::wait::{WaitEnd, WaitRecord};
use crate::model::clock::ServerClock;
use crate::model::event::EventType;
use crate::model::message::Level;
use crate::model::time::format_duration;
use crate::model::verdict::{Answer, Receipt, Verdict, Violation};
use crate::state::SpoolResult;
use crate::text::Foreign;
use blocked::BlockFailure;
use jiff::Timestamp;

/// An event that was sent, or could not be, and everything that came of it.
#[derive(Debug)]
pub struct Delivery {
    pub answer: Answer,
    /// The last reply's HTTP status.
    pub http_status: Option<u16>,
    /// How many requests were sent.
    pub requests: u32,
    pub server_clock: ServerClock,
    /// When, by our clock, the first attempt was sent that has no final answer.
    pub unanswered_since: Option<Timestamp>,
    pub wait: WaitRecord,
    pub wait_end: WaitEnd,
    /// Whether the job continues although the event is not recorded.
    pub excused: bool,
    pub spool: SpoolResult,
}

impl Delivery {
    /// Why the event is not recorded, as part of a sentence; empty if it is.
    #[must_use]
    pub fn failure(&self, context: ReportContext<'_>) -> String {
        failure(&self.answer, context)
    }

    /// The report, at `now` by our clock.
    #[must_use]
    pub fn report(&self, context: ReportContext<'_>, now: Timestamp) -> Report {
        let severity = match &self.spool {
            SpoolResult::Spooled(location) => Severity::Spooled(location),
            SpoolResult::Failed(reason) => Severity::Lost(reason),
            SpoolResult::NotSpooled if self.excused => Severity::Excused,
            SpoolResult::NotSpooled => Severity::Fails,
        };
        let mut report = match &self.answer {
            Answer::Interrupted { signal, .. } => return interrupted::report(context, &self.wait, signal, severity),
            Answer::HeldBack => unavailable::held_back(context, severity),
            Answer::Superseded(why) => superseded::report(context, why, &self.wait),
            Answer::Verdict(Verdict::Recorded(receipt)) => recorded(context, receipt),
            Answer::Verdict(Verdict::Blocked(block)) => {
                let server = |at| self.server_clock.at(at);
                let reason = match self.wait_end {
                    WaitEnd::Parked(marker) => return parked::report(context, block, marker, server(now)),
                    WaitEnd::TooFarToPark(_) => FailReason::Park,
                    WaitEnd::Blocked(reason) => reason,
                    WaitEnd::Answered | WaitEnd::Superseded(_) => FailReason::Setting,
                };
                let unanswered_since = self.unanswered_since.map(server);
                let failure = BlockFailure { now: server(now), reason, wait: &self.wait, unanswered_since };
                blocked::report(context, block, failure)
            }
            Answer::Verdict(Verdict::Rejected(rejection)) => rejected::report(context, rejection, severity),
            Answer::Verdict(Verdict::Unavailable(unavailable)) => {
                unavailable::report(context, unavailable, self.requests, severity)
            }
        };
        if let Some(waited) = self.wait.waited() {
            report.fact("Waited", Some(format!("{} ({} requests)", format_duration(waited), self.requests)));
            for stage in &self.wait.stages {
                let time = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S").to_string();
                let what = blocked::what_blocks(&stage.block);
                report.fact("Waited for", Some(format!("{what}: {} to {} UTC", time(stage.from), time(stage.to))));
            }
        }
        report
    }
}

/// Why an event is not recorded, as part of a sentence; empty if it is.
#[must_use]
pub fn failure(answer: &Answer, context: ReportContext<'_>) -> String {
    match answer {
        Answer::Verdict(Verdict::Recorded(_)) => String::new(),
        Answer::Verdict(Verdict::Blocked(block)) => blocked::what_blocks(block),
        Answer::Verdict(Verdict::Rejected(rejection)) => rejected::summary(rejection),
        Answer::Verdict(Verdict::Unavailable(unavailable)) => unavailable::summary(unavailable),
        Answer::HeldBack => unavailable::held_back_reason(context),
        Answer::Superseded(why) => superseded::reason(why),
        Answer::Interrupted { signal, .. } => format!("{signal} came while it was sent"),
    }
}

/// The report of a recorded event, with the violations of rules that did not block.
fn recorded(context: ReportContext<'_>, receipt: &Receipt) -> Report {
    let event = context.event;
    let mut report = Report::new(Level::Notice, format!("Recorded: {} ({})", context.name(), event.status.value));
    let label = match event.event_type {
        EventType::Deployment => "Deployment",
        EventType::Build => "Build",
    };
    report.linked_fact(label, receipt.id.as_ref().map(Foreign::clean), outputs::link(context, receipt));
    for violation in &receipt.violations {
        let message = violation.message.as_ref().map_or("report-only", Foreign::clean);
        report.fact(format!("⚠️ Violated: {}", rule_name(violation)), Some(message));
    }
    report
}

fn rule_name(violation: &Violation) -> &str {
    violation.rule.as_ref().map_or("a rule without a name", Foreign::clean)
}

/// The warnings for violated rules that did not block: title and message.
#[must_use]
pub fn violations(receipt: &Receipt) -> Vec<(String, String)> {
    let warning = |violation: &Violation| {
        let message = violation.message.as_ref().map_or("The rule gives no reason.", Foreign::clean);
        let (title, note) = match violation.report_only {
            true => (
                "Report-only rule violated",
                "This rule is in Report Only mode. It would block this deployment if it were enabled.",
            ),
            false => ("Rule violated", "The server says that this rule is enabled, but recorded the event."),
        };
        (format!("{title}: {}", rule_name(violation)), format!("{message}\n{note}"))
    };
    receipt.violations.iter().map(warning).collect()
}

/// The message when a wait ended with a success.
#[must_use]
pub fn cleared(context: ReportContext<'_>, wait: &WaitRecord) -> Option<String> {
    let waited = wait.waited()?;
    let what = if context.is_gate() { "may start" } else { "is recorded" };
    Some(format!("{} {what}, after {}.", context.name(), format_duration(waited)))
}
