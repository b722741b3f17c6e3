//! What a failure of the API means for the job and for the event: it fails the job, is excused, or the event is queued in the
//! spool.

use super::context::ReportContext;
use super::ended;
use super::layout::{Report, Step};
use super::links::{self, Page};
use super::markup::{Text, words};
use crate::model::message::{Level, State};
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
    /// A report with the level of the consequence, and with `title` and `heading` unless the event is spooled.
    #[must_use]
    pub fn report(self, context: ReportContext<'_>, state: State, title: String, heading: Text) -> Report {
        let level = match self {
            Self::Fails | Self::Lost(_) => Level::Error,
            Self::Excused | Self::Spooled(_) => Level::Warning,
        };
        let Self::Spooled(location) = self else { return Report::new(level, state, title, heading) };
        let status = &context.event.status.value;
        let heading = words("Not recorded yet: ").and(context.name_text()).words(" (").value(status).words(")");
        let how_long = match location.retention {
            Retention::Persistent => "is queued on this machine",
            Retention::Machine => "is queued on this machine, which may end with the job",
            Retention::Job(_) => "is queued on this runner until the job ends",
        };
        Report::new(level, state, format!("Not recorded yet: {} ({status}) {how_long}", context.name()), heading)
    }

    /// The page about it, if `page` is that about the cause.
    #[must_use]
    pub fn page(self, page: Page) -> Page {
        if matches!(self, Self::Spooled(_)) { links::NOT_RECORDED } else { page }
    }

    /// Adds to `report` the consequence, and what to do: `steps`, and `last` after them.
    pub fn explain(self, report: &mut Report, context: ReportContext<'_>, steps: Vec<Step>, last: Option<Step>) {
        let ended = context.end.and_then(|end| ended::sentence(context, end));
        if let Some(ended) = ended {
            note(report, ended);
        }
        match self {
            Self::Fails => add_steps(report, steps, last),
            Self::Excused => {
                let gate = if context.is_gate() { " No Deployment Rule was checked." } else { "" };
                note(report, format!("The job continues because fail_on_api_error is false.{gate}"));
                add_steps(report, steps, None);
            }
            Self::Spooled(location) => spooled(report, context, location, steps, last),
            Self::Lost(reason) => {
                note(report, format!("The event could not be queued in spool_dir either: {reason}."));
                let correct = Step::new(
                    "To queue it next time,",
                    words("correct that, or set ").setting("spool_dir").words(" to another directory."),
                );
                add_steps(report, steps, Some(correct));
            }
        }
    }
}

fn note(report: &mut Report, note: String) {
    report.section.paragraphs.push(Text::default().value(&note));
    report.lines.push(note);
}

fn add_steps(report: &mut Report, steps: Vec<Step>, last: Option<Step>) {
    report.lines.extend(steps.first().map(Step::first_line));
    // In the annotation, the second step is worth a line only if nothing more useful follows.
    let second = last.as_ref().or_else(|| steps.get(1));
    report.lines.extend(second.map(Step::line));
    report.section.steps.extend(steps.into_iter().chain(last));
}

/// How a spooled event is delivered. `steps` is what to do about the cause, without which it cannot be; `last`, what may help.
fn spooled(
    report: &mut Report,
    context: ReportContext<'_>,
    location: &SpoolLocation,
    steps: Vec<Step>,
    last: Option<Step>,
) {
    let last_step = |before: &'static str| words(before).setting(context.system.last_step);
    let lost = match location.retention {
        Retention::Persistent => None,
        Retention::Machine => Some("a last step that delivers it, or it may be lost with the machine:  "),
        Retention::Job(_) => Some("a last step that delivers it, or it is lost with the runner:  "),
    };
    let deliver = match lost {
        None => vec![
            Step::new("Nothing,", words("if another event follows from this machine: it delivers this one first.")),
            Step::new("To deliver it now:", words("").setting("versioner flush")),
        ],
        Some(lost) => vec![
            Step::new("Add", last_step(lost)),
            Step::new(
                "To keep it longer,",
                words("set ").setting("spool_dir").words(" to a directory that outlives the job."),
            ),
        ],
    };
    if !context.has_summary {
        report.lines.push(format!("Queued in: {}", location.path));
    }
    report.lines.extend(deliver.first().map(Step::first_line));
    report.lines.extend(deliver.get(1).map(Step::line));
    report.lines.extend(steps.first().map(Step::line));
    let retention = match location.retention {
        Retention::Persistent => words("until it is delivered"),
        Retention::Machine => words("as long as this machine or container, which may end with the job"),
        Retention::Job(variable) => words("until the job ends: the CI system then empties ").code(variable),
    };
    report.section.row("Queued in", Some(Text::default().code(&location.path)));
    report.section.row("Kept", Some(retention));
    report.section.row("Delivered", Some(words("before the next event, with its own times")));
    report.section.steps.extend(deliver.into_iter().chain(steps).chain(last));
}
