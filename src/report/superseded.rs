//! The report of a deployment that a newer run makes obsolete.

use super::blocked::what_blocks;
use super::context::ReportContext;
use super::layout::Report;
use crate::gate::wait::WaitRecord;
use crate::model::message::Level;
use crate::model::superseded::Superseded;

/// The report of a deployment that is superseded, or that may be.
#[must_use]
pub fn report(context: ReportContext<'_>, why: &Superseded, wait: &WaitRecord) -> Report {
    let name = context.name();
    let mut report = match why {
        Superseded::By(number) => {
            let title = format!("Superseded: {name} will not be deployed (run {number} of this workflow is newer)");
            let mut report = Report::new(Level::Error, title);
            report.lead.push(format!(
                "Run {number} of the same workflow and branch succeeded, runs or is pending, so this deployment would replace \
                 a newer one (on_superseded: fail)."
            ));
            report.next.push(
                "To deploy this version nevertheless, for example as a rollback: re-run this job yourself.".to_owned(),
            );
            report
        }
        Superseded::Unknown(problem) => {
            let title = format!("Blocked: {name} (GitHub cannot say whether a newer run exists)");
            let mut report = Report::new(Level::Error, title);
            report.lead.push(format!("{problem}. With require_gate, the deployment must not start then."));
            report
                .next
                .push("Give the job 'permissions: actions: read' and pass github_token, then re-run it.".to_owned());
            report
        }
    };
    report.fact("Was waiting for", wait.block.as_ref().map(|block| what_blocks(block)));
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
