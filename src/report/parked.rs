//! The report of a block that parks the job.

use super::blocked::{blocked_by, what_blocks};
use super::context::{ReportContext, http};
use super::layout::{Report, Step};
use super::links::{self, PARKED};
use super::markup::{Text, words};
use super::times;
use crate::model::block::Block;
use crate::model::message::{Level, State};
use crate::model::park::{Marker, ParkKind};
use crate::text::{Foreign, capitalize};
use jiff::Timestamp;

/// Why a block that lasts too long fails the job.
pub const TOO_FAR: &str = "Not parked: it ends more than 30 days after this run was created, and GitHub re-runs no job \
    after that.";

/// The report of a job that is parked with `marker`, because of `block`, at `now` by the server's clock.
#[must_use]
pub fn report(context: ReportContext<'_>, block: &Block, marker: Marker, now: Timestamp) -> Report {
    let (name, what) = (context.name(), what_blocks(block));
    let at = times::end(marker.not_before);
    let has_end = matches!(marker.kind, ParkKind::Window | ParkKind::Soak);
    let title = match has_end {
        true => format!("Parked: {name} until {} ({what})", times::stamp(at)),
        false => format!("Parked: {name} ({what})"),
    };
    let heading = words("Parked: ").and(context.name_text());
    let mut report = Report::new(Level::Error, State::Blocked, title, heading);
    report.lines.extend(block.message.as_ref().map(Foreign::to_string));
    let section = &mut report.section;
    section.quote = block.message.as_ref().map(Foreign::to_string);
    let cause = Text::default().value(capitalize(&what));
    section.cause =
        Some(if has_end { cause.words(" until ").computed(times::stamp(at)).words(".") } else { cause.words(".") });
    section.row("Rule", block.rule().map(|rule| Text::default().code(rule)));
    section.row("Why", block.details.reason.as_ref().map(|reason| Text::default().value(reason)));
    if let Some((other, link)) = blocked_by(context, block, now).filter(|_| marker.kind == ParkKind::Conflict) {
        section.row("Blocked by", Some(Text::default().linked_value(&other, link.clone())));
        report.lines.push(format!("Blocked by: {other}"));
        report.lines.extend(link);
    }
    let roles: Vec<&str> = block.details.approver_roles.iter().map(Foreign::clean).collect();
    if !roles.is_empty() {
        report.section.row("Who can approve", Some(Text::default().value(roles.join(", "))));
        report.lines.push(format!("Who can approve: {}", roles.join(", ")));
    }
    let when = match marker.kind {
        ParkKind::Window | ParkKind::Soak => "then",
        ParkKind::Approval => "until it is approved",
        ParkKind::Conflict => "until the other deployment has ended",
    };
    let first = format!("{} at the earliest, {}", times::stamp(at), times::relative(at, now));
    report.lines.push(format!(
        "It re-runs by itself {when} if this repository has a scheduled resume workflow: {}. Otherwise re-run this job.",
        PARKED.url()
    ));
    let section = &mut report.section;
    section.row("Next run", Some(Text::default().computed(first)));
    let resumed = words("If this repository has ").link("a scheduled resume workflow", Some(PARKED.url()));
    section.steps.push(Step::new("", resumed.words(", the job re-runs by itself ").words(when).words(".")));
    section.steps.push(Step::new("Otherwise,", context.again_link().words(".")));
    section.footer.extend(block.code.as_ref().map(|code| Text::default().value(code)));
    section.footer.push(http(block.status));
    section.footer.push(words("checked ").computed(times::stamp(now)));
    section.footer.push(context.about(links::PARKED));
    report
}
