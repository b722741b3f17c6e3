//! The facts in the report of a block.

use super::join;
use crate::gate::{BlockEnd, block_end};
use crate::model::block::Block;
use crate::model::time::Moment;
use crate::report::context::ReportContext;
use crate::report::layout::Report;
use crate::text::Foreign;
use jiff::Timestamp;
use jiff::tz::Offset;

/// Adds the facts about `block` to `report`.
pub(super) fn add(report: &mut Report, context: ReportContext<'_>, block: &Block, now: Timestamp) {
    let details = &block.details;
    let code = block.code.as_ref().map_or("no code", Foreign::clean);
    report.fact("Blocked", Some(context.name()));
    report.fact(
        "By",
        Some(match block.rule() {
            Some(rule) => format!("{rule} ({code}, HTTP {})", block.status),
            None if block.code.is_none() => format!("a rule that the server does not name (HTTP {})", block.status),
            None => format!("{code} (HTTP {})", block.status),
        }),
    );
    report.fact("Reason", details.reason.as_ref().map(Foreign::clean));
    times(report, block, now);
    conflict(report, context, block, now);
    approvals(report, block);
    if !details.environments.is_empty() {
        report.fact("Still to go through", Some(join(&details.environments, ", ")));
    }
    for (name, value) in &details.others {
        report.fact(name.clean().replace('_', " "), Some(value.clean()));
    }
}

/// When the block lifts, and the window it belongs to.
fn times(report: &mut Report, block: &Block, now: Timestamp) {
    let details = &block.details;
    let zone = zone(block);
    let format = |moment: &Moment| in_zone(*moment, zone).format(now);
    match block_end(block, now) {
        BlockEnd::Announced(moment, text) => {
            report.fact("Until", Some(format(&moment)));
            if let Some((retry_after, written)) = block.retry_after.as_ref().filter(|(_, written)| *written != text) {
                report.fact(
                    "Retry after",
                    Some(format!(
                        "{}, which has passed: the window's end ({text}) counts, not {written}",
                        format(retry_after)
                    )),
                );
            }
        }
        BlockEnd::Passed(moment, _) => report.fact("Retry after", Some(format(&moment))),
        BlockEnd::Unknown => {}
    }
    if let Some((end, _)) = &details.window_end {
        let start =
            details.window_start.map_or_else(String::new, |start| format!("{} to ", short(in_zone(start, zone))));
        report.fact("Window", Some(format!("{start}{}", short(in_zone(*end, zone)))));
    }
}

fn conflict(report: &mut Report, context: ReportContext<'_>, block: &Block, now: Timestamp) {
    let details = &block.details;
    let Some(id) = &details.conflicting_id else {
        if let Some(started) = details.conflicting_started {
            report.fact("Conflicting deployment", Some(format!("started {}", started.format(now))));
        }
        return;
    };
    let version = details.conflicting_version.as_ref().map_or_else(String::new, |version| format!(" of {version}"));
    let status = details.conflicting_status.as_ref().map_or_else(String::new, |status| format!(", {status}"));
    let age =
        details.conflicting_started.map_or_else(String::new, |started| format!(", started {}", started.format(now)));
    report.linked_fact(
        "Conflicting deployment",
        Some(format!("{id}{version}{status}{age}")),
        context.deployment_link(id),
    );
}

fn approvals(report: &mut Report, block: &Block) {
    let details = &block.details;
    let roles = join(&details.approver_roles, ", ");
    let count = match (&details.current_approvals, &details.required_approvals) {
        (Some(current), Some(required)) => Some(format!("{current} of {required}")),
        (None, Some(required)) => Some(format!("{required} required")),
        (Some(current), None) => Some(format!("{current} so far")),
        (None, None) => None,
    };
    report.fact("Approvals", count);
    report.fact("Who can approve", (!roles.is_empty()).then_some(roles));
}

/// The time zone of the window: the first offset other than UTC among its times.
fn zone(block: &Block) -> Option<Offset> {
    let details = &block.details;
    [
        details.window_end.as_ref().map(|(end, _)| *end),
        details.window_start,
        block.retry_after.as_ref().map(|(at, _)| *at),
    ]
    .into_iter()
    .flatten()
    .map(|moment| moment.offset)
    .find(|offset| *offset != Offset::UTC)
}

fn in_zone(moment: Moment, zone: Option<Offset>) -> Moment {
    Moment { offset: zone.unwrap_or(moment.offset), ..moment }
}

/// A time in its own zone only, such as `2025-10-28 00:00 (UTC-07:00)`.
pub(super) fn short(moment: Moment) -> String {
    let formatted = moment.format(moment.at);
    formatted.split(" = ").next().unwrap_or_default().trim_end_matches(" (now)").to_owned()
}
