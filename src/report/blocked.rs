//! The report of a block: what is blocked, by which rule, why, until when, who can lift it, and what to do.

use super::context::ReportContext;
use super::layout::Report;
use crate::gate::wait::{WaitLimit, WaitRecord};
use crate::gate::{BlockEnd, FailReason, StaleConflict, block_end, stale_conflict};
use crate::model::block::{Block, BlockKind};
use crate::model::message::Level;
use crate::model::time::{Moment, format_duration};
use crate::text::Foreign;
use jiff::Timestamp;
use jiff::tz::Offset;

/// How a block came to fail the job.
#[derive(Clone, Copy, Debug)]
pub struct BlockFailure<'a> {
    /// The server's clock.
    pub now: Timestamp,
    pub reason: FailReason,
    pub wait: &'a WaitRecord,
    /// When, by the server's clock, an attempt of ours was sent that may have been recorded.
    pub unanswered_since: Option<Timestamp>,
}

/// The report of `block`.
#[must_use]
pub fn report(context: ReportContext<'_>, block: &Block, failure: BlockFailure<'_>) -> Report {
    let event = context.event;
    let now = failure.now;
    let mut report = Report::new(Level::Error, format!("Blocked: {} ({})", context.name(), what_blocks(block)));
    report.lead.push(match &block.message {
        Some(message) => message.to_string(),
        None if block.readable => format!("The server answered {} without saying why.", block.status),
        None => format!(
            "The server answered {}, and its message cannot be read. It may report another deployment in progress, so this \
             one must not start.",
            block.status
        ),
    });
    if event.status.value.is_terminal() {
        let kind = event.event_type.word();
        report.lead.push(format!(
            "The {kind} itself has already happened (its status is {}): only the record of it was rejected, and waiting would \
             be for the record alone.",
            event.status.value
        ));
    }
    let max_age = context.settings.wait.conflict_max_age;
    let stale = stale_conflict(block, max_age, now, failure.unanswered_since, event.version.value.raw());
    report.lead.extend(stale.map(|stale| match stale {
        StaleConflict::OwnAttempt => "That deployment began after a request of this job that got no reply: it is probably this job's \
                              own, recorded although its reply was lost, and would be waited for in vain."
            .to_owned(),
        StaleConflict::TooOld(age) => format!(
            "That deployment began {} ago, longer than conflict_max_age ({}): its job has probably died without saying so, and \
             it would be waited for in vain.",
            format_duration(age),
            format_duration(max_age)
        ),
    }));
    report.lead.extend(wait_outcome(block, failure));
    let may_be_recorded = failure.wait.may_be_recorded() && context.is_gate();
    if may_be_recorded {
        report
            .lead
            .push("The last request got no answer: the server may have recorded the deployment as started.".to_owned());
    }
    facts(&mut report, context, block, now);
    report.next = next_steps(context, block, now, stale);
    if failure.reason == FailReason::Setting && stale.is_none() && !event.status.value.is_terminal() {
        let own = setting(block.kind);
        report.next.push(match block.kind {
            BlockKind::Flow => format!("Or let the job wait by itself: set {own} to wait, and wait_timeout."),
            _ => format!(
                "Or let the job wait by itself: set on_block to wait ({own} for this kind of block alone), and wait_timeout."
            ),
        });
    }
    if may_be_recorded {
        let command = context.closing_command(Some(&event.version.value));
        report.next.push(format!(
            "If the console shows this deployment as started, close it before you run this again: {command}"
        ));
    }
    report
}

/// The setting for blocks of `kind`.
fn setting(kind: BlockKind) -> &'static str {
    match kind {
        BlockKind::Conflict => "on_conflict",
        BlockKind::Window => "on_window",
        BlockKind::Approval => "on_approval",
        BlockKind::Soak => "on_soak",
        BlockKind::Flow => "on_flow",
    }
}

/// `wait_timeout, 30 min`.
#[must_use]
pub fn format_limit(limit: Option<&WaitLimit>) -> String {
    match limit {
        None => "wait_timeout".to_owned(),
        Some(WaitLimit::Setting(duration)) => format!("wait_timeout, {}", format_duration(*duration)),
        Some(WaitLimit::Job(duration, variable)) => {
            format!("what is left of the job by {variable}, {}", format_duration(*duration))
        }
    }
}

/// Why the wait ended with the block.
fn wait_outcome(block: &Block, failure: BlockFailure<'_>) -> Option<String> {
    let BlockFailure { reason, wait, .. } = failure;
    let limit = format_limit(wait.limit.as_ref());
    let waited = wait.waited().map_or_else(String::new, |waited| format!(" Waited {}.", format_duration(waited)));
    match reason {
        FailReason::Setting | FailReason::Unreadable | FailReason::Stale(_) if waited.is_empty() => None,
        FailReason::Setting => Some(format!("The reason has changed, and {} is fail.{waited}", setting(block.kind))),
        FailReason::Unreadable | FailReason::Stale(_) => Some(waited.trim().to_owned()),
        FailReason::BeyondDeadline => {
            Some(format!("Not waited for to its end: it lasts longer than may be waited ({limit}).{waited}"))
        }
        FailReason::DeadlineReached => Some(format!("Waited in vain: the time to wait is over ({limit}).{waited}")),
    }
}

/// What blocks, in a few words.
#[must_use]
pub fn what_blocks(block: &Block) -> String {
    let named = |what: &str| block.rule().map_or_else(|| what.to_owned(), |rule| format!("{what} {rule}"));
    let details = &block.details;
    match block.kind {
        BlockKind::Conflict => "another deployment is in progress".to_owned(),
        BlockKind::Window => named("no-deploy window"),
        BlockKind::Approval => match (&details.current_approvals, &details.required_approvals) {
            (Some(current), Some(required)) => format!("{current} of {required} approvals"),
            _ => named("approval required"),
        },
        BlockKind::Soak => named("soak time"),
        BlockKind::Flow if block.code.as_ref().is_some_and(|code| code.raw() == "FLOW_VIOLATION") => {
            named("deployment flow")
        }
        BlockKind::Flow => {
            block.rule().map_or_else(|| "a precondition is missing".to_owned(), |rule| format!("rule {rule}"))
        }
    }
}

fn facts(report: &mut Report, context: ReportContext<'_>, block: &Block, now: Timestamp) {
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
    conflict(report, context, block, now);
    approvals(report, block);
    if !details.environments.is_empty() {
        report.fact("Still to go through", Some(join(&details.environments, ", ")));
    }
    for (name, value) in &details.others {
        report.fact(name.clean().replace('_', " "), Some(value.clean()));
    }
}

fn join(texts: &[Foreign], separator: &str) -> String {
    texts.iter().map(Foreign::clean).collect::<Vec<_>>().join(separator)
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

/// The time zone of the window: the offset of its own times, if they have one.
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

/// A time in its own zone only: `2025-10-28 00:00 (UTC-07:00)`.
fn short(moment: Moment) -> String {
    let formatted = moment.format(moment.at);
    formatted.split(" = ").next().unwrap_or_default().trim_end_matches(" (now)").to_owned()
}

fn next_steps(context: ReportContext<'_>, block: &Block, now: Timestamp, stale: Option<StaleConflict>) -> Vec<String> {
    let details = &block.details;
    let event = context.event;
    let environment = &event.environment.as_ref().unwrap_or(&event.product).value;
    let in_console = context
        .console()
        .map_or_else(|| "in the Versioner console".to_owned(), |console| format!("in the console ({console})"));
    let override_it = format!(
        "If it cannot wait, ask somebody who administers {environment} for an emergency override: they switch the rule to \
         report-only {in_console}."
    );
    let again = match block_end(block, now) {
        BlockEnd::Announced(moment, _) => {
            let utc = Moment { offset: Offset::UTC, ..moment };
            format!("Run this job again after {}.", short(utc))
        }
        BlockEnd::Passed(..) => "The time to retry has passed: run this job again.".to_owned(),
        BlockEnd::Unknown => "Run this job again once the rule allows it.".to_owned(),
    };
    match block.kind {
        BlockKind::Conflict if stale.is_some() => {
            let own = Some(&event.version.value).filter(|_| stale == Some(StaleConflict::OwnAttempt));
            let version = details.conflicting_version.as_ref().or(own);
            vec![
                format!("Make sure that nothing deploys to {environment} at the moment."),
                format!("Then close that deployment, and run this job again: {}", context.closing_command(version)),
            ]
        }
        BlockKind::Conflict => vec![
            "Wait until the other deployment has ended, then run this job again.".to_owned(),
            format!(
                "If that deployment is dead or safe to abort, close it: {}",
                context.closing_command(details.conflicting_version.as_ref())
            ),
        ],
        BlockKind::Window => vec![again, override_it],
        BlockKind::Approval => {
            let missing = match (&details.current_approvals, &details.required_approvals) {
                (Some(current), Some(required)) => {
                    required.as_u64().zip(current.as_u64()).map(|(r, c)| r.saturating_sub(c))
                }
                _ => None,
            };
            let how_many = missing.filter(|n| *n > 0).map_or_else(
                || "the missing approvals".to_owned(),
                |n| match n {
                    1 => "1 more approval".to_owned(),
                    n => format!("{n} more approvals"),
                },
            );
            let whom = if details.approver_roles.is_empty() {
                String::new()
            } else {
                format!(" from {}", join(&details.approver_roles, " or "))
            };
            vec![format!("Ask for {how_many}{whom} {in_console}, then run this job again."), override_it]
        }
        BlockKind::Soak => vec![again, override_it],
        BlockKind::Flow if !details.environments.is_empty() => vec![
            format!(
                "Deploy {} {} to {} first, then run this job again.",
                event.product.value,
                event.version.value,
                join(&details.environments, ", then ")
            ),
            override_it,
        ],
        BlockKind::Flow => vec!["Do what the rule asks for, then run this job again.".to_owned(), override_it],
    }
}
