//! The report of a block: what is blocked, by which rule, why, until when, who can lift it, and what to do.

mod facts;
mod next_steps;

use super::context::ReportContext;
use super::layout::Report;
use super::parked;
use crate::gate::wait::{WaitLimit, WaitRecord};
use crate::gate::{FailReason, StaleConflict, stale_conflict};
use crate::model::block::{Block, BlockKind};
use crate::model::message::Level;
use crate::model::time::format_duration;
use crate::text::Foreign;
use jiff::Timestamp;
use std::time::Duration;

/// How a block failed the job.
#[derive(Clone, Copy, Debug)]
pub struct BlockFailure<'a> {
    /// The server's clock.
    pub now: Timestamp,
    pub reason: FailReason,
    pub wait: &'a WaitRecord,
    /// When, by the server's clock, this job sent an attempt that may have been recorded.
    pub unanswered_since: Option<Timestamp>,
}

/// The report of `block`.
#[must_use]
pub fn report(context: ReportContext<'_>, block: &Block, failure: BlockFailure<'_>) -> Report {
    let event = context.event;
    let max_age = context.settings.wait.conflict_max_age;
    let stale = stale_conflict(block, max_age, failure.now, failure.unanswered_since, event.version.value.raw());
    let may_be_recorded = failure.wait.may_be_recorded() && context.is_gate();
    let mut report = Report::new(Level::Error, format!("Blocked: {} ({})", context.name(), what_blocks(block)));
    report.lead.push(message(block));
    report.lead.extend(already_happened(context));
    report.lead.extend(stale.map(|stale| stale_reason(stale, max_age)));
    report.lead.extend(wait_outcome(block, failure));
    if may_be_recorded {
        report
            .lead
            .push("The last request got no answer: the server may have recorded the deployment as started.".to_owned());
    }
    facts::add(&mut report, context, block, failure.now);
    report.next = next_steps::for_block(context, block, failure.now, stale);
    if failure.reason == FailReason::Setting && stale.is_none() && !event.status.value.is_terminal() {
        report.next.push(next_steps::how_to_wait(block.kind));
    }
    if may_be_recorded {
        let command = context.closing_command(Some(&event.version.value));
        report.next.push(format!(
            "If the console shows this deployment as started, close it before you run this again: {command}"
        ));
    }
    report
}

/// The server's message, or what is known without one.
fn message(block: &Block) -> String {
    match &block.message {
        Some(message) => message.to_string(),
        None if block.readable => format!("The server answered {} without saying why.", block.status),
        None => format!(
            "The server answered {} with a message that cannot be read. Another deployment may be in progress, so this one \
             must not start.",
            block.status
        ),
    }
}

/// The note that a block of a terminal status rejects only the record.
fn already_happened(context: ReportContext<'_>) -> Option<String> {
    let event = context.event;
    let kind = event.event_type.word();
    event.status.value.is_terminal().then(|| {
        format!(
            "The {kind} itself has already happened (its status is {}): only the record of it was rejected. Waiting would \
             delay only the record.",
            event.status.value
        )
    })
}

/// Why the job does not wait for a stale conflict.
fn stale_reason(stale: StaleConflict, max_age: Duration) -> String {
    match stale {
        StaleConflict::OwnAttempt => {
            "That deployment began after a request of this job that got no reply. It is probably this \
                                      job's own: recorded, although its reply was lost. Waiting for it would not help."
                .to_owned()
        }
        StaleConflict::TooOld(age) => format!(
            "That deployment began {} ago, longer than conflict_max_age ({}). Its job has probably died without reporting the \
             end, so waiting for it would not help.",
            format_duration(age),
            format_duration(max_age)
        ),
    }
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
        FailReason::Park => Some(parked::TOO_FAR.to_owned()),
        FailReason::Setting => {
            Some(format!("The reason has changed, and {} is set to fail.{waited}", setting(block.kind)))
        }
        FailReason::Unreadable | FailReason::Stale(_) => Some(waited.trim().to_owned()),
        FailReason::BeyondDeadline => Some(format!(
            "The job cannot wait for this block to lift: it lasts longer than may be waited ({limit}).{waited}"
        )),
        FailReason::DeadlineReached => {
            Some(format!("The block did not lift: the time to wait is over ({limit}).{waited}"))
        }
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

fn join(texts: &[Foreign], separator: &str) -> String {
    texts.iter().map(Foreign::clean).collect::<Vec<_>>().join(separator)
}
