//! The report of a block that parks the job.

use super::blocked::what_blocks;
use super::context::ReportContext;
use super::layout::Report;
use crate::model::block::Block;
use crate::model::message::Level;
use crate::model::park::{Marker, ParkKind};
use crate::model::time::{format_duration, rfc3339};
use crate::text::Foreign;
use jiff::Timestamp;
use std::time::Duration;

/// The page about parking.
pub const PAGE: &str = "https://github.com/versioner/action/blob/main/docs/resume.md";

/// Why a block that lasts too long fails the job.
pub const TOO_FAR: &str = "The job cannot be parked: the block ends more than 30 days after this run was created, and GitHub \
    then no longer re-runs its jobs. Start a new run after that.";

/// The report of a job that is parked with `marker`, because of `block`, at `now` by the server's clock.
#[must_use]
pub fn report(context: ReportContext<'_>, block: &Block, marker: Marker, now: Timestamp) -> Report {
    let what = what_blocks(block);
    let title = match marker.kind {
        ParkKind::Window | ParkKind::Soak => {
            format!("Parked: {} until {} ({what})", context.name(), minutes(marker.not_before))
        }
        ParkKind::Approval | ParkKind::Conflict => format!("Parked: {} ({what})", context.name()),
    };
    let mut report = Report::new(Level::Error, title);
    report.lead.extend(block.message.as_ref().map(Foreign::to_string));
    report.fact("Rule", block.rule().map(Foreign::clean));
    report.fact("Reason", block.details.reason.as_ref().map(Foreign::clean));
    if let (ParkKind::Conflict, Some(id)) = (marker.kind, &block.details.conflicting_id) {
        report.linked_fact("Blocked by", Some(format!("deployment {id}")), context.deployment_link(id));
    }
    let roles: Vec<&str> = block.details.approver_roles.iter().map(Foreign::clean).collect();
    report.fact("Who can approve", (!roles.is_empty()).then(|| roles.join(", ")));
    let ahead = Duration::try_from(marker.not_before.duration_since(now)).unwrap_or_default();
    let earliest = format!("{} ({} after this check)", minutes(marker.not_before), format_duration(ahead));
    let when = match marker.kind {
        ParkKind::Window | ParkKind::Soak => format!("after {earliest}"),
        ParkKind::Approval => format!("first after {earliest}, and again until it is approved"),
        ParkKind::Conflict => format!("first after {earliest}, and again until the other deployment has ended"),
    };
    report.next.push(format!(
        "It re-runs by itself if resume is scheduled in this repository, {when}: {PAGE}. Otherwise re-run this job then."
    ));
    report
}

/// `2026-11-28 00:00 UTC`, rounded up to a minute.
#[must_use]
pub fn minutes(at: Timestamp) -> String {
    let second = at.as_second();
    let rounded = Timestamp::from_second(second + (60 - second.rem_euclid(60)) % 60).unwrap_or(at);
    let text = rfc3339(rounded);
    format!("{} {} UTC", &text[..10], &text[11..16])
}
