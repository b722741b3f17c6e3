//! Progress while a wait lasts.
//!
//! Owns: when progress is due. Does not own: its wording (`report::progress`).

use super::{Reason, WaitLimit, WaitRecord, reason};
use crate::api::SendResult;
use crate::model::block::{Block, Count};
use crate::model::clock::Clock;
use crate::text::Foreign;
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Some CI systems kill a job that prints nothing for minutes.
const PROGRESS_EVERY: Duration = Duration::from_secs(60);
/// Systems cut the beginning of a long log, so the explanation is repeated.
const REMIND_EVERY: Duration = Duration::from_secs(600);

/// A progress report.
#[derive(Clone, Debug)]
pub struct Progress<'a> {
    pub kind: ProgressKind,
    pub block: &'a Block,
    pub limit: &'a WaitLimit,
    /// The server's clock.
    pub now: Timestamp,
    pub waited: Duration,
    /// How much of the wait is left.
    pub left: Duration,
    /// Until the next poll; `None` while one is being sent.
    pub next_poll: Option<Duration>,
}

/// The occasion of a progress report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressKind {
    /// The wait begins.
    Begun,
    /// The block has a reason that was not reported yet.
    NewReason,
    /// The reason is the same, and something about it has changed, such as the number of approvals.
    Advanced,
    /// Nothing has changed, and the last full explanation was long ago.
    Reminder,
    /// Nothing has changed.
    Waiting,
}

/// What can change while the reason stays the same.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Standing {
    reason: Reason,
    approvals: [Option<Count>; 2],
    environments: Vec<Foreign>,
    other_deployment: Option<Foreign>,
}

fn standing(block: &Block) -> Standing {
    let details = &block.details;
    Standing {
        reason: reason(block),
        approvals: [details.current_approvals.clone(), details.required_approvals.clone()],
        environments: details.environments.clone(),
        other_deployment: details.conflicting_id.clone(),
    }
}

impl Standing {
    /// Whether `new` says something else about the same reason.
    fn has_advanced(&self, new: &Self) -> bool {
        self.reason == new.reason && self != new
    }
}

/// Emits progress when it is due.
pub(super) struct Reporter<'a, E> {
    /// When progress was last emitted.
    last: Option<Instant>,
    /// When the block was last explained in full.
    explained: Option<Instant>,
    /// The reasons reported so far.
    reasons: Vec<Reason>,
    /// What was last reported about the reason.
    standing: Option<Standing>,
    deadline: Instant,
    limit: WaitLimit,
    clock: Clock,
    emit: &'a E,
}

impl<'a, E: Fn(Progress<'_>)> Reporter<'a, E> {
    pub(super) fn new(deadline: Instant, limit: WaitLimit, clock: Clock, emit: &'a E) -> Self {
        Self { last: None, explained: None, reasons: Vec::new(), standing: None, deadline, limit, clock, emit }
    }

    /// Sleeps until `wake`, and reports progress meanwhile. The next poll is at `next_poll`.
    pub(super) async fn sleep(&mut self, record: &WaitRecord, block: &Block, wake: Instant, next_poll: Instant) {
        let reason = reason(block);
        if !self.reasons.contains(&reason) {
            self.report(record, block, Some(next_poll));
            self.reasons.push(reason);
        } else if self.standing.as_ref().is_some_and(|known| known.has_advanced(&standing(block))) {
            self.report(record, block, Some(next_poll));
        }
        self.standing = Some(standing(block));
        while self.due() <= wake {
            sleep_until(self.due()).await;
            self.report(record, block, Some(next_poll));
        }
        sleep_until(wake).await;
    }

    /// Awaits `sending`, and reports progress meanwhile.
    pub(super) async fn while_sending(
        &mut self,
        sending: impl Future<Output = SendResult>,
        record: &WaitRecord,
        block: &Block,
    ) -> SendResult {
        tokio::pin!(sending);
        loop {
            tokio::select! {
                biased;
                result = &mut sending => return result,
                () = sleep_until(self.due()) => self.report(record, block, None),
            }
        }
    }

    /// When the next report is due.
    fn due(&self) -> Instant {
        self.last.map_or_else(Instant::now, |last| last + PROGRESS_EVERY)
    }

    fn report(&mut self, record: &WaitRecord, block: &Block, wake: Option<Instant>) {
        let reminder_due = self.explained.is_none_or(|explained| explained.elapsed() >= REMIND_EVERY);
        let advanced = self.standing.as_ref().is_some_and(|known| known.has_advanced(&standing(block)));
        let kind = match self.last {
            None => ProgressKind::Begun,
            Some(_) if !self.reasons.contains(&reason(block)) => ProgressKind::NewReason,
            Some(_) if advanced => ProgressKind::Advanced,
            Some(_) if reminder_due => ProgressKind::Reminder,
            Some(_) => ProgressKind::Waiting,
        };
        if matches!(kind, ProgressKind::Begun | ProgressKind::Reminder) {
            self.explained = Some(Instant::now());
        }
        let until = |at: Instant| at.saturating_duration_since(Instant::now());
        (self.emit)(Progress {
            kind,
            block,
            limit: &self.limit,
            now: record.server_clock.at(self.clock.now()),
            waited: record.waited().unwrap_or_default(),
            left: until(self.deadline),
            next_poll: wake.map(until),
        });
        self.last = Some(Instant::now());
    }
}
