//! The report of a call that a signal ended.

use super::blocked::what_blocks;
use super::context::ReportContext;
use super::layout::Report;
use super::undelivered::Severity;
use crate::gate::wait::WaitRecord;
use crate::model::message::Level;
use crate::model::time::format_duration;

/// The report of an interrupted call: one line, as the agent may kill this process soon.
#[must_use]
pub fn report(context: ReportContext<'_>, wait: &WaitRecord, signal: &str, severity: Severity<'_>) -> Report {
    let may_be_recorded = "the server may have recorded the event";
    let what = match (&wait.block, wait.in_flight) {
        (None, false) => "before the event was sent".to_owned(),
        (None, true) => format!("while its request was being sent: {may_be_recorded}"),
        (Some(block), false) => format!("while it waited for a block to lift: {}", what_blocks(block)),
        (Some(block), true) => {
            format!("while it waited for a block to lift ({}) and was polling: {may_be_recorded}", what_blocks(block))
        }
    };
    let waited = wait.waited().map_or_else(String::new, |waited| format!(", after {}", format_duration(waited)));
    let title = format!("{} was stopped by {signal}{waited}, {what}", context.name());
    let mut report = Report::new(Level::Error, title);
    if matches!(severity, Severity::Spooled(_) | Severity::Lost(_)) {
        severity.explain(&mut report, context);
    }
    report
}
