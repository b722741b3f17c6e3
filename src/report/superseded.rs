//! The report of a deployment that a newer run makes obsolete.

use super::blocked::what_blocks;
use super::context::ReportContext;
use super::layout::{Report, Step};
use super::markup::{Text, words};
use crate::gate::wait::WaitRecord;
use crate::model::message::{Level, State};
use crate::model::superseded::Superseded;

/// The report of a deployment that is superseded, or that may be.
#[must_use]
pub fn report(context: ReportContext<'_>, why: &Superseded, wait: &WaitRecord) -> Report {
    let name = context.name();
    let (title, heading, reason, step) = match why {
        Superseded::By(number) => (
            format!("Superseded: {name} will not be deployed (run {number} of this workflow is newer)"),
            words("Superseded: ").and(context.name_text()).words(" will not be deployed"),
            format!(
                "Run {number} of the same workflow and branch succeeded, runs or is pending, so this deployment would replace \
                 a newer one (on_superseded: fail)."
            ),
            Step::new(
                "A rollback?",
                words("To deploy this version all the same, ").and(context.again_link()).words(" yourself."),
            ),
        ),
        Superseded::Unknown(problem) => (
            format!("Blocked: {name} (GitHub cannot say whether a newer run exists)"),
            words("Blocked: ").and(context.name_text()),
            format!("{problem}. With require_gate, the deployment must not start then."),
            Step::new(
                "Give",
                words("the job ")
                    .setting("permissions: actions: read")
                    .words(", pass ")
                    .setting("github_token")
                    .words(", then ")
                    .and(context.again_link())
                    .words("."),
            ),
        ),
    };
    let mut report = Report::new(Level::Error, State::Blocked, title, heading);
    report.section.cause = Some(Text::default().value(&reason));
    report.lines.push(reason);
    if let Some(block) = &wait.block {
        report.lines.push(format!("Was waiting for: {}", what_blocks(block)));
        report.section.row("Was waiting for", Some(Text::default().value(what_blocks(block))));
    }
    report.lines.push(step.first_line());
    report.section.steps.push(step);
    report
}

/// Why the event is not recorded, as part of a sentence.
#[must_use]
pub fn reason(why: &Superseded) -> String {
    match why {
        Superseded::By(number) => format!("run {number} of this workflow is newer"),
        Superseded::Unknown(problem) => problem.clone(),
    }
}
