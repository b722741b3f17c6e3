//! The report of a call that a signal ended.

use super::blocked::what_blocks;
use super::context::ReportContext;
use super::layout::Report;
use super::markup::{Text, words};
use super::undelivered::Severity;
use crate::gate::wait::WaitRecord;
use crate::model::message::{Level, State};
use crate::model::time::format_duration;

/// The report of an interrupted call: one line, as the agent may kill this process soon.
#[must_use]
pub fn report(context: ReportContext<'_>, wait: &WaitRecord, signal: &str, severity: Severity<'_>) -> Report {
    let name = context.name();
    let may_be_recorded = "it may or may not have been recorded";
    let what = match (&wait.block, wait.in_flight) {
        (None, false) => "was not sent".to_owned(),
        (None, true) => format!("was being sent, and {may_be_recorded}"),
        (Some(block), false) => format!("was still blocked: {}", what_blocks(block)),
        (Some(block), true) => {
            format!("was still blocked ({}). A poll was under way: {may_be_recorded}", what_blocks(block))
        }
    };
    let waited = wait.waited().map_or_else(String::new, |waited| format!(" after {}", format_duration(waited)));
    let title = format!("Aborted by {signal}{waited}: {name} {what}");
    match severity {
        Severity::Spooled(_) | Severity::Lost(_) => {
            let mut report =
                severity.report(context, State::Aborted, title.clone(), words("Aborted: ").and(context.name_text()));
            report.level = Level::Error;
            report.lines.push(format!("{title}."));
            report.section.cause = Some(Text::default().value(title).words("."));
            severity.explain(&mut report, context, Vec::new(), None);
            report
        }
        Severity::Fails | Severity::Excused => {
            let mut report =
                Report::new(Level::Error, State::Aborted, title.clone(), words("Aborted: ").and(context.name_text()));
            report.section.cause = Some(Text::default().value(title).words("."));
            report
        }
    }
}
