//! What to do about a block.

use super::facts::short;
use super::{join, setting};
use crate::gate::{BlockEnd, StaleConflict, block_end};
use crate::model::block::{Block, BlockKind, Details};
use crate::model::time::Moment;
use crate::report::context::ReportContext;
use jiff::Timestamp;
use jiff::tz::Offset;

/// What to do about `block`. `stale`: why it is not worth waiting for, if it is a stale conflict.
pub(super) fn for_block(
    context: ReportContext<'_>,
    block: &Block,
    now: Timestamp,
    stale: Option<StaleConflict>,
) -> Vec<String> {
    let details = &block.details;
    let event = context.event;
    match block.kind {
        BlockKind::Conflict => conflict(context, details, stale),
        BlockKind::Window | BlockKind::Soak => vec![run_again(block, now), emergency_override(context)],
        BlockKind::Approval => vec![approve(context, details), emergency_override(context)],
        BlockKind::Flow if !details.environments.is_empty() => vec![
            format!(
                "Deploy {} {} to {} first, then run this job again.",
                event.product.value,
                event.version.value,
                join(&details.environments, ", then ")
            ),
            emergency_override(context),
        ],
        BlockKind::Flow => {
            vec!["Do what the rule asks for, then run this job again.".to_owned(), emergency_override(context)]
        }
    }
}

/// How to let the job wait for blocks of `kind`.
pub(super) fn how_to_wait(kind: BlockKind) -> String {
    let own = setting(kind);
    match kind {
        BlockKind::Flow => format!("Or let the job wait by itself: set {own} to wait, and wait_timeout."),
        BlockKind::Conflict | BlockKind::Window | BlockKind::Approval | BlockKind::Soak => {
            format!(
                "Or let the job wait by itself: set on_block to wait ({own} for this kind of block alone), and wait_timeout."
            )
        }
    }
}

fn conflict(context: ReportContext<'_>, details: &Details, stale: Option<StaleConflict>) -> Vec<String> {
    let theirs = details.conflicting_version.as_ref();
    let Some(stale) = stale else {
        return vec![
            "Wait until the other deployment has ended, then run this job again.".to_owned(),
            format!("If that deployment is dead or safe to abort, close it: {}", context.closing_command(theirs)),
        ];
    };
    let version = match stale {
        StaleConflict::OwnAttempt => theirs.or(Some(&context.event.version.value)),
        StaleConflict::TooOld(_) => theirs,
    };
    vec![
        format!("Make sure that no deployment to {} is running.", environment(context)),
        format!("Then close that deployment, and run this job again: {}", context.closing_command(version)),
    ]
}

fn run_again(block: &Block, now: Timestamp) -> String {
    match block_end(block, now) {
        BlockEnd::Announced(moment, _) => {
            let utc = Moment { offset: Offset::UTC, ..moment };
            format!("Run this job again after {}.", short(utc))
        }
        BlockEnd::Passed(..) => "The time to retry has passed: run this job again.".to_owned(),
        BlockEnd::Unknown => "Run this job again once the rule allows it.".to_owned(),
    }
}

fn approve(context: ReportContext<'_>, details: &Details) -> String {
    let missing = details
        .required_approvals
        .as_ref()
        .zip(details.current_approvals.as_ref())
        .and_then(|(required, current)| Some(required.as_u64()?.saturating_sub(current.as_u64()?)));
    let how_many = match missing {
        None | Some(0) => "the missing approvals".to_owned(),
        Some(1) => "1 more approval".to_owned(),
        Some(n) => format!("{n} more approvals"),
    };
    let from = match details.approver_roles.is_empty() {
        true => String::new(),
        false => format!(" from {}", join(&details.approver_roles, " or ")),
    };
    format!("Ask for {how_many}{from} {}, then run this job again.", in_console(context))
}

fn emergency_override(context: ReportContext<'_>) -> String {
    format!(
        "If it cannot wait, ask somebody who administers {} for an emergency override: they switch the rule to report-only {}.",
        environment(context),
        in_console(context)
    )
}

/// What is deployed to: the environment, or the product of a build.
fn environment(context: ReportContext<'_>) -> String {
    let event = context.event;
    event.environment.as_ref().unwrap_or(&event.product).value.to_string()
}

fn in_console(context: ReportContext<'_>) -> String {
    context
        .console()
        .map_or_else(|| "in the Versioner console".to_owned(), |console| format!("in the console ({console})"))
}
