//! How to have the job wait next time, where that can help.

use super::{View, setting};
use crate::gate::wait::WaitLimit;
use crate::gate::{BlockEnd, FailReason, block_end};
use crate::model::block::BlockKind;
use crate::model::policy::OnBlock;
use crate::report::layout::Step;
use crate::report::markup::{Text, words};
use crate::report::times;
use std::time::Duration;
use tokio::time::Instant;

/// Jobs on runners that GitHub hosts end after this.
const LONGEST_GITHUB_JOB: Duration = Duration::from_secs(6 * 3_600);
/// A poll may be this late after the announced end.
const JITTER: Duration = Duration::from_secs(60);

/// What to set next time.
pub(super) struct Hint {
    kind: BlockKind,
    how: How,
}

enum How {
    /// Wait, with this `wait_timeout` if the one that is set does not suffice.
    Wait(Option<String>),
    /// Wait longer than this job did.
    WaitLonger(String),
    /// Let go of the runner, and re-run when the block has ended.
    Park,
}

/// What would have let this job wait. `None` if waiting does not help, or not within the job's own limit.
pub(super) fn next_time(view: &View<'_>) -> Option<Hint> {
    let (block, wait) = (view.block, view.failure.wait);
    let policy = &view.context.settings.wait;
    if view.context.has_happened() || view.stale.is_some() || !block.readable || block.kind == BlockKind::Flow {
        return None;
    }
    // It was to be parked, and ends too late for that: it is too late for waiting as well.
    if view.failure.reason == FailReason::Park {
        return None;
    }
    let kind = block.kind;
    let waited = wait.waited().unwrap_or_default();
    if view.failure.reason == FailReason::DeadlineReached {
        return match wait.limit {
            Some(WaitLimit::Job(..)) => park(view),
            _ => Some(Hint { kind, how: How::WaitLonger(times::wait_timeout(policy.timeout * 2)) }),
        };
    }
    let needed = match block_end(block, view.now()) {
        BlockEnd::Announced(moment, _) => Some(waited + moment.at.duration_since(view.now()).unsigned_abs() + JITTER),
        BlockEnd::Passed(..) | BlockEnd::Unknown => None,
    };
    let job_left = policy.job_end.as_ref().map(|(end, _)| end.saturating_duration_since(Instant::now()));
    let longest = if view.context.system.source_system == Some("github") { Some(LONGEST_GITHUB_JOB) } else { job_left };
    if needed.zip(longest).is_some_and(|(needed, longest)| needed > longest) {
        return park(view);
    }
    let timeout = needed.filter(|needed| *needed > policy.timeout).map(times::wait_timeout);
    match (policy.on(kind), timeout) {
        (OnBlock::Wait, Some(timeout)) => Some(Hint { kind, how: How::WaitLonger(timeout) }),
        (OnBlock::Wait, None) => None,
        (_, timeout) => Some(Hint { kind, how: How::Wait(timeout) }),
    }
}

/// Only GitHub lets a job go and re-runs it later.
fn park(view: &View<'_>) -> Option<Hint> {
    let kind = view.block.kind;
    (view.context.system.source_system == Some("github")).then_some(Hint { kind, how: How::Park })
}

impl Hint {
    /// The line for the annotation.
    pub(super) fn line(&self) -> String {
        let setting = setting(self.kind);
        match &self.how {
            How::Wait(timeout) => {
                let timeout = timeout.as_ref().map_or_else(String::new, |timeout| format!(", wait_timeout: {timeout}"));
                let what = if self.kind == BlockKind::Conflict { "queue" } else { "have the job wait" };
                format!("To {what} next time: {setting}: wait{timeout}")
            }
            How::WaitLonger(timeout) => format!("To wait longer: wait_timeout: {timeout}"),
            How::Park => format!("To have it re-run by itself: {setting}: park"),
        }
    }

    /// The same, as something to do.
    pub(super) fn step(&self, view: &View<'_>) -> Step {
        let setting = setting(self.kind);
        let keeps = match view.context.system.source_system {
            Some("github") => words(" A waiting job keeps its runner; ").setting("park").words(" does not."),
            _ => words(" A waiting job keeps its runner."),
        };
        let wait = |timeout: &String| Text::default().setting(format!("wait_timeout: {timeout}"));
        match &self.how {
            How::Wait(timeout) => {
                let text = Text::default().setting(format!("{setting}: wait"));
                let text = match timeout {
                    Some(timeout) => text.words(" with ").and(wait(timeout)),
                    None => text,
                };
                Step::new("Next time, have the job wait:", text.words(".").and(keeps))
            }
            How::WaitLonger(timeout) => Step::new("Next time, wait longer:", wait(timeout).words(".").and(keeps)),
            How::Park => Step::new(
                "Next time, have it re-run automatically:",
                Text::default()
                    .setting(format!("{setting}: park"))
                    .words(". It lasts too long to keep a runner waiting."),
            ),
        }
    }
}
