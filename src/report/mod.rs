//! Reports: all wording for people, and the outputs for machines.
//!
//! Owns: which message and which outputs belong to which result. Does not own: outcomes, nor where messages are shown
//! (`console`, `ci`).

mod blocked;
pub mod check;
mod context;
mod ended;
pub mod finish;
mod interrupted;
mod layout;
mod links;
mod markup;
pub mod outputs;
mod parked;
pub mod progress;
pub mod rejected;
pub mod resume;
pub mod spool;
mod superseded;
mod times;
pub mod unavailable;
mod undelivered;
#[cfg(test)]
mod wait_tests;

pub use context::{CommandEnd, ReportContext};
pub use ended::violations;
pub use layout::Report;
pub use outputs::Outputs;
pub use undelivered::Severity;

use crate::gate::FailReason;
use crate::gate::wait::{WaitEnd, WaitRecord};
use crate::model::clock::ServerClock;
use crate::model::message::Level;
use crate::model::verdict::{Answer, Verdict};
use crate::state::SpoolResult;
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
            Answer::Verdict(Verdict::Recorded(receipt)) => ended::report(context, receipt),
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
        // What fails the step is an error, although the event is safe in the spool.
        let command_failed = context.end.is_some_and(|end| end.exit_code.is_some_and(|code| code != 0));
        if command_failed && report.level == Level::Warning
            || matches!(self.answer, Answer::HeldBack) && !self.excused && !context.wrapped
        {
            report.level = Level::Error;
        }
        let is_blocked = matches!(self.answer, Answer::Verdict(Verdict::Blocked(_)));
        if let Some(last) = report.section.footer.len().checked_sub(1).filter(|_| !is_blocked) {
            let checked = markup::words("checked ").computed(times::stamp(self.server_clock.at(now)));
            report.section.footer.insert(last, checked);
        }
        ended::add_wait(&mut report, &self.wait, self.requests, self.server_clock);
        report
    }

    /// The line of the log about how a wait ended.
    #[must_use]
    pub fn end_of_wait(&self, context: ReportContext<'_>, now: Timestamp) -> Option<String> {
        match &self.answer {
            Answer::Verdict(Verdict::Recorded(_)) => progress::cleared(context, &self.wait),
            Answer::Verdict(Verdict::Blocked(block)) => {
                progress::gave_up(context, block, &self.wait, self.server_clock.at(now))
            }
            // The report says it in one line.
            Answer::Verdict(_) | Answer::HeldBack | Answer::Superseded(_) | Answer::Interrupted { .. } => None,
        }
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
