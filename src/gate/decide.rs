//! What to do about a block: fail, or poll again after a pause. Pure: the block, the policy, clocks and random numbers come in.

use crate::model::block::{Block, BlockKind};
use crate::model::policy::{OnBlock, WaitPolicy};
use crate::model::time::{Moment, rfc3339};
use crate::text::Foreign;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// When a block ends, according to the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BlockEnd {
    /// At this time, which is in the future. Parsed, and as it was written.
    Announced(Moment, Foreign),
    /// The announced time has passed.
    Passed(Moment, Foreign),
    /// No readable time was announced.
    Unknown,
}

impl BlockEnd {
    /// The time as it was written.
    #[must_use]
    pub fn text(self) -> Option<Foreign> {
        match self {
            Self::Announced(_, text) | Self::Passed(_, text) => Some(text),
            Self::Unknown => None,
        }
    }
}

/// When `block` ends, at `now` by the server's clock: `retry_after`; if that is missing, unreadable or past, the window's end
/// if it is in the future; else the `Retry-After` header.
#[must_use]
pub fn block_end(block: &Block, now: Timestamp) -> BlockEnd {
    let from_header = block.retry_after_header.map(|at| (Moment { at, offset: Offset::UTC }, rfc3339(at).into()));
    let times = [&block.retry_after, &block.details.window_end, &from_header];
    let ahead = times.into_iter().flatten().find(|(moment, _)| moment.at > now);
    match (ahead, &block.retry_after) {
        (Some((moment, text)), _) => BlockEnd::Announced(*moment, text.clone()),
        (None, Some((moment, text))) => BlockEnd::Passed(*moment, text.clone()),
        (None, None) => BlockEnd::Unknown,
    }
}

/// Why waiting for a conflicting deployment does not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StaleConflict {
    /// It is this old, more than `conflict_max_age`: its job has probably died.
    TooOld(Duration),
    /// It began after an attempt of ours that may have been recorded: it is probably our own.
    OwnAttempt,
}

/// Whether waiting for the conflicting deployment in `block` does not help, at `now` by the server's clock.
/// `unanswered_since` is when, by the server's clock, an attempt of ours for `own_version` was sent that may have been
/// recorded.
#[must_use]
pub fn stale_conflict(
    block: &Block,
    conflict_max_age: Duration,
    now: Timestamp,
    unanswered_since: Option<Timestamp>,
    own_version: &str,
) -> Option<StaleConflict> {
    if block.kind != BlockKind::Conflict {
        return None;
    }
    let started = block.details.conflicting_started?.at;
    // The server's times have whole seconds.
    let may_be_own = block.details.conflicting_version.as_ref().is_none_or(|version| version.raw() == own_version);
    if may_be_own && unanswered_since.is_some_and(|sent| started.as_second() >= sent.as_second() - 1) {
        return Some(StaleConflict::OwnAttempt);
    }
    let age = Duration::try_from(now.duration_since(started)).unwrap_or_default();
    (age > conflict_max_age).then_some(StaleConflict::TooOld(age))
}

/// The state of a wait when a block arrives.
#[derive(Clone, Copy, Debug)]
pub struct WaitState<'a> {
    /// The server's clock.
    pub now: Timestamp,
    /// How long the wait has lasted.
    pub waited: Duration,
    /// Polls in a row without an announced end.
    pub polls: u32,
    /// When, by the server's clock, an attempt of ours was sent that may have been recorded.
    pub unanswered_since: Option<Timestamp>,
    /// The version to deploy.
    pub own_version: &'a str,
}

/// What to do after a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitDecision {
    /// Fail the job.
    Fail(FailReason),
    /// Poll after this pause.
    Poll(Duration, PollReason),
}

/// Why a block fails the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailReason {
    /// Its `on_…` setting is `fail`.
    Setting,
    /// Its body cannot be understood.
    Unreadable,
    /// Its `on_…` setting is `park`.
    Park,
    /// Its announced end is after the deadline.
    BeyondDeadline,
    /// The deadline has passed.
    DeadlineReached,
    /// Waiting for the conflicting deployment does not help.
    Stale(StaleConflict),
}

/// Why to poll then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PollReason {
    /// The announced end is reached.
    AnnouncedEnd,
    /// The rule may have been lifted early.
    Recheck,
    /// No end is announced.
    NoEnd,
}

/// The largest jitter after an announced end.
const LARGEST_JITTER: Duration = Duration::from_secs(60);

/// Decides what to do about `block`.
#[must_use]
pub fn decide_wait(block: &Block, policy: &WaitPolicy, state: WaitState<'_>, rng: &mut fastrand::Rng) -> WaitDecision {
    let on_block = policy.on(block.kind);
    if on_block == OnBlock::Fail {
        return WaitDecision::Fail(FailReason::Setting);
    }
    if !block.readable {
        return WaitDecision::Fail(FailReason::Unreadable);
    }
    if on_block == OnBlock::Park {
        return WaitDecision::Fail(FailReason::Park);
    }
    let WaitState { now, waited, polls, unanswered_since, own_version } = state;
    if let Some(stale) = stale_conflict(block, policy.conflict_max_age, now, unanswered_since, own_version) {
        return WaitDecision::Fail(FailReason::Stale(stale));
    }
    let left = policy.timeout.saturating_sub(waited);
    match block_end(block, now) {
        BlockEnd::Announced(moment, _)
            if moment.at.duration_since(now) > SignedDuration::try_from(left).unwrap_or_default() =>
        {
            WaitDecision::Fail(FailReason::BeyondDeadline)
        }
        _ if left.is_zero() => WaitDecision::Fail(FailReason::DeadlineReached),
        BlockEnd::Announced(moment, _) => until_end(moment.at, policy, state, left, rng),
        BlockEnd::Passed(..) | BlockEnd::Unknown => {
            WaitDecision::Poll(poll_pause(policy.poll_interval, polls, rng).min(left), PollReason::NoEnd)
        }
    }
}

/// The pause until the announced end at `end`, or until an extra poll before it. At most what is `left` of the wait.
fn until_end(
    end: Timestamp,
    policy: &WaitPolicy,
    state: WaitState<'_>,
    left: Duration,
    rng: &mut fastrand::Rng,
) -> WaitDecision {
    let ahead = Duration::try_from(end.duration_since(state.now)).unwrap_or_default();
    // An extra poll just before the end is left out.
    if !policy.recheck_interval.is_zero() && ahead > policy.recheck_interval.mul_f64(1.1) {
        return WaitDecision::Poll(policy.recheck_interval.min(left), PollReason::Recheck);
    }
    // Without jitter, all jobs that wait for the same window would poll in the same second.
    let jitter = ((state.waited + ahead) / 10).min(LARGEST_JITTER).mul_f64(rng.f64());
    WaitDecision::Poll((ahead + jitter).min(left), PollReason::AnnouncedEnd)
}

/// The pause before poll number `polls`: grows up to four times `interval`, with a jitter of a tenth.
fn poll_pause(interval: Duration, polls: u32, rng: &mut fastrand::Rng) -> Duration {
    let growth = 1.5_f64.powi(i32::try_from(polls.min(16)).unwrap_or(16)).min(4.0);
    // Drawn from what the cap allows, not cut off at the cap: half of all jobs would then poll at the same time.
    let largest = (4.0 / growth).min(1.1);
    interval.mul_f64(growth * (0.9 + (largest - 0.9) * rng.f64()))
}
