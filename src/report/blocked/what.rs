//! What blocks, in a few words, for titles and for the log.

use super::join;
use crate::gate::{BlockEnd, block_end};
use crate::model::block::{Block, BlockKind};
use crate::report::times;
use jiff::Timestamp;

/// What blocks, and until when: `no-deploy window friday_freeze until 16:51 UTC`.
#[must_use]
pub fn cause(block: &Block, now: Timestamp) -> String {
    let what = what_blocks(block);
    match (block.kind, block_end(block, now)) {
        (BlockKind::Conflict | BlockKind::Flow | BlockKind::Approval, _) | (_, BlockEnd::Unknown) => what,
        (BlockKind::Window | BlockKind::Soak, BlockEnd::Passed(moment, _)) => {
            format!("{what}, due to end {}", times::clock(times::end(moment.at), now))
        }
        (BlockKind::Window | BlockKind::Soak, BlockEnd::Announced(moment, _)) => {
            format!("{what} until {}", times::clock(times::end(moment.at), now))
        }
    }
}

/// What blocks.
#[must_use]
pub fn what_blocks(block: &Block) -> String {
    let details = &block.details;
    let named = |what: &str| block.rule().map_or_else(|| what.to_owned(), |rule| format!("{what} {rule}"));
    match block.kind {
        BlockKind::Conflict if !block.readable => "another deployment may be in progress".to_owned(),
        BlockKind::Conflict => "another deployment is in progress".to_owned(),
        BlockKind::Window => named("no-deploy window"),
        BlockKind::Approval => match (&details.current_approvals, &details.required_approvals) {
            (Some(current), Some(required)) => format!("{current} of {required} approvals"),
            _ => "approval required".to_owned(),
        },
        BlockKind::Soak => match &details.environment {
            Some(environment) => format!("soaking in {environment}"),
            None => "soaking".to_owned(),
        },
        BlockKind::Flow if !details.environments.is_empty() => {
            format!("not yet deployed to {}", join(&details.environments, ", "))
        }
        BlockKind::Flow if block.code.as_ref().is_some_and(|code| code.raw() == "FLOW_VIOLATION") => {
            named("deployment flow")
        }
        BlockKind::Flow => match (block.rule(), &block.code) {
            (Some(rule), _) => format!("rule {rule}"),
            (None, Some(code)) => code.to_string(),
            (None, None) => "a precondition is not met".to_owned(),
        },
    }
}
