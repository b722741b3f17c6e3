//! What a failure of the API means for the job and for the event: it fails the job, is excused, or the event is spooled.

use super::context::ReportContext;
use super::layout::Report;
use crate::model::message::Level;
use crate::state::Retention;
use crate::state::SpoolLocation;

/// The consequence of an event that was not recorded.
#[derive(Clone, Copy, Debug)]
pub enum Severity<'a> {
    /// The job fails.
    Fails,
    /// The job continues, because of `fail_on_api_error=false`.
    Excused,
    /// The event is spooled.
    Spooled(&'a SpoolLocation),
    /// The event should be spooled and could not be, because of this.
    Lost(&'a str),
}

impl Severity<'_> {
    /// The level of the report.
    #[must_use]
    pub fn level(self) -> Level {
        match self {
            Self::Fails | Self::Lost(_) => Level::Error,
            Self::Excused | Self::Spooled(_) => Level::Warning,
        }
    }

    /// The title of the report of a spooled event.
    #[must_use]
    pub fn spooled_title(self, context: ReportContext<'_>) -> String {
        format!("Spooled: {} ({})", context.name(), context.event.status.value)
    }

    /// Adds the consequence to `report`.
    pub fn explain(self, report: &mut Report, context: ReportContext<'_>) {
        match self {
            Self::Fails if context.wrapped && !context.is_gate() => report
                .lead
                .push("The command has ended. The event that reports its end was not spooled either.".to_owned()),
            Self::Fails => {}
            Self::Excused => {
                let gate = if context.is_gate() { " No rule was checked for this deployment." } else { "" };
                report.lead.push(format!(
                    "The event was NOT recorded. The job continues because fail_on_api_error is false.{gate}"
                ));
            }
            Self::Spooled(location) => {
                report.lead.push(
                    "The event is NOT recorded yet. It is spooled and will be delivered late, with its own times."
                        .to_owned(),
                );
                let (retention, delivery) = retention(location.retention);
                report.fact("Spooled in", Some(location.path.clean()));
                report.fact("Retention", Some(retention));
                report.next.insert(0, delivery.to_owned());
            }
            Self::Lost(reason) => {
                report.lead.push(format!("The event is NOT recorded, and could not be spooled either: {reason}."));
                report.next.push(
                    "Correct that, or set spool_dir to another directory. 'versioner flush' delivers the events that are \
                     spooled already. (With spool_dir=off nothing is spooled.)"
                        .to_owned(),
                );
            }
        }
    }
}

/// How long spooled events are kept, and how to deliver them.
fn retention(retention: Retention) -> (String, &'static str) {
    match retention {
        Retention::Persistent => (
            "until it is delivered".to_owned(),
            "The next event sent from this machine by the same user, with the same API key and directory, delivers it first. \
             To deliver it sooner: versioner flush",
        ),
        Retention::Machine => (
            "as long as this machine or container, which may end with the job".to_owned(),
            "The next event from this machine delivers it first, as does 'versioner flush' in a last step. To keep it longer \
             than the job, set spool_dir to a directory that persists, such as a volume or a cache, and run 'versioner flush' \
             there.",
        ),
        Retention::Job(variable) => (
            format!("until the job ends: the CI system empties {variable} then"),
            "The next event of this job delivers it first, as does 'versioner flush' in a last step. To keep it longer than \
             the job, set spool_dir to a directory that persists, and run 'versioner flush' there.",
        ),
    }
}
