//! Whether and how long to wait for a block to lift.
//!
//! Owns: the decision after each reply, which is pure: block, rules, clocks and randomness come in. The loop round it is
//! [`wait`]. Does not own: what counts as a block (`api::block`), nor how it is told (`report`).

pub mod wait;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;

use crate::api::block::{Block, Kind};
use crate::when::Moment;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;
use tokio::time::Instant;

/// What to do about a kind of block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reaction {
    /// Fail at once.
    Fail,
    /// Wait for it to lift.
    Wait,
}

/// The settings of waiting.
#[derive(Clone, Debug)]
pub struct Rules {
    /// `on_conflict`.
    pub on_conflict: Reaction,
    /// `on_window`.
    pub on_window: Reaction,
    /// `on_approval`.
    pub on_approval: Reaction,
    /// `on_soak`.
    pub on_soak: Reaction,
    /// `on_flow`.
    pub on_flow: Reaction,
    /// The longest to wait in all.
    pub timeout: Duration,
    /// Between polls where no time is named.
    pub poll_interval: Duration,
    /// Looks in this often before a named time; zero never does.
    pub recheck_interval: Duration,
    /// A conflicting deployment older than this is taken for dead.
    pub conflict_max_age: Duration,
    /// When the job itself is ended, and which variable says so.
    pub job_ends: Option<(Instant, String)>,
}

impl Rules {
    /// What to do about `kind`.
    #[must_use]
    pub fn reaction(&self, kind: Kind) -> Reaction {
        match kind {
            Kind::Conflict => self.on_conflict,
            Kind::Window => self.on_window,
            Kind::Approval => self.on_approval,
            Kind::Soak => self.on_soak,
            Kind::Flow => self.on_flow,
        }
    }

    /// The same, but that nothing is waited for.
    #[must_use]
    pub fn never(&self) -> Self {
        let fail = Reaction::Fail;
        Self { on_conflict: fail, on_window: fail, on_approval: fail, on_soak: fail, on_flow: fail, ..self.clone() }
    }

    /// How much of the wait is kept for its last request, so that it is made before the deadline and answered by it.
    #[must_use]
    pub fn reserve(&self) -> Duration {
        (self.timeout / 10).min(Duration::from_secs(2))
    }
}

/// The setting that says what is done about `kind`.
#[must_use]
pub fn setting(kind: Kind) -> &'static str {
    match kind {
        Kind::Conflict => "on_conflict",
        Kind::Window => "on_window",
        Kind::Approval => "on_approval",
        Kind::Soak => "on_soak",
        Kind::Flow => "on_flow",
    }
}

/// Until when a block lasts, as far as the server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until this time, which lies ahead; as it was written, too.
    Named(Moment, String),
    /// A time was named, and has passed.
    Passed(Moment, String),
    /// No time was named that can be read.
    Unknown,
}

impl Until {
    /// The time, as it was written.
    #[must_use]
    pub fn text(self) -> Option<String> {
        match self {
            Self::Named(_, text) | Self::Passed(_, text) => Some(text),
            Self::Unknown => None,
        }
    }
}

/// Until when `block` lasts, at `now` by the server's clock: `retry_after`, or where that is missing, unreadable or past,
/// the end of the window if it lies ahead.
#[must_use]
pub fn until(block: &Block, now: Timestamp) -> Until {
    let times = [&block.retry_after, &block.details.window_end];
    let ahead = times.into_iter().flatten().find(|(moment, _)| moment.at > now);
    match (ahead, &block.retry_after) {
        (Some((moment, text)), _) => Until::Named(*moment, text.clone()),
        (None, Some((moment, text))) => Until::Passed(*moment, text.clone()),
        (None, None) => Until::Unknown,
    }
}

/// Why a conflicting deployment will not end by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suspicion {
    /// It is older than `conflict_max_age`: probably its job died.
    Dead(Duration),
    /// It began after a try of ours that got no reply: probably that try was recorded, and it is our own.
    OurOwn,
}

/// Whether the deployment that `block` conflicts with will not end by itself, at `now` by the server's clock.
/// `unanswered_since` is when, by the server's clock, a try of ours was sent that got no reply, for `own_version`.
#[must_use]
pub fn suspicion(
    block: &Block,
    conflict_max_age: Duration,
    now: Timestamp,
    unanswered_since: Option<Timestamp>,
    own_version: &str,
) -> Option<Suspicion> {
    if block.kind != Kind::Conflict {
        return None;
    }
    let started = block.details.conflicting_started?.at;
    // The server tells whole seconds, of its clock as of when things began.
    let may_be_own = block.details.conflicting_version.as_deref().is_none_or(|version| version == own_version);
    if may_be_own && unanswered_since.is_some_and(|sent| started.as_second() >= sent.as_second() - 1) {
        return Some(Suspicion::OurOwn);
    }
    let age = Duration::try_from(now.duration_since(started)).unwrap_or_default();
    (age > conflict_max_age).then_some(Suspicion::Dead(age))
}

/// Where a wait stands when a block was answered.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// The server's clock.
    pub now: Timestamp,
    /// How long the wait has lasted.
    pub waited: Duration,
    /// How many polls in a row were made without a named time.
    pub polls: u32,
    /// When, by the server's clock, a try of ours was sent that got no reply.
    pub unanswered_since: Option<Timestamp>,
    /// The version that it was sent for.
    pub own_version: &'a str,
}

/// What to do after a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Fail, because of this.
    Fail(Why),
    /// Ask again after this long, because of that.
    Again(Duration, Because),
}

/// Why a block fails the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Its setting says so.
    Setting,
    /// It lasts until after the deadline.
    BeyondDeadline,
    /// The deadline has come.
    DeadlineReached,
    /// What it conflicts with will not end by itself.
    Suspicious(Suspicion),
}

/// Why it is asked again then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    /// The named time has come.
    TimeNamed,
    /// Somebody may have lifted the rule before its time.
    Recheck,
    /// No time is named.
    Poll,
}

/// The most that the return after a named time is spread.
const LARGEST_SPREAD: Duration = Duration::from_secs(60);

/// Decides what to do about `block`.
#[must_use]
pub fn decide(block: &Block, rules: &Rules, standing: Standing<'_>, rng: &mut fastrand::Rng) -> Decision {
    if rules.reaction(block.kind) == Reaction::Fail {
        return Decision::Fail(Why::Setting);
    }
    let Standing { now, waited, polls, unanswered_since, own_version } = standing;
    if let Some(suspicion) = suspicion(block, rules.conflict_max_age, now, unanswered_since, own_version) {
        return Decision::Fail(Why::Suspicious(suspicion));
    }
    let left = rules.timeout.saturating_sub(waited);
    let last = left.saturating_sub(rules.reserve());
    match until(block, now) {
        Until::Named(moment, _)
            if moment.at.duration_since(now) > SignedDuration::try_from(left).unwrap_or_default() =>
        {
            Decision::Fail(Why::BeyondDeadline)
        }
        _ if last.is_zero() => Decision::Fail(Why::DeadlineReached),
        Until::Named(moment, _) => named(moment.at, rules, standing, last, rng),
        Until::Passed(..) | Until::Unknown => {
            Decision::Again(poll_pause(rules.poll_interval, polls, rng).min(last), Because::Poll)
        }
    }
}

/// The pause before a named time, or before a look on the way; none is longer than `last`, which leaves time for a request.
fn named(at: Timestamp, rules: &Rules, standing: Standing<'_>, last: Duration, rng: &mut fastrand::Rng) -> Decision {
    let ahead = Duration::try_from(at.duration_since(standing.now)).unwrap_or_default();
    // Where the next look would come just before the named time, it is left out.
    if !rules.recheck_interval.is_zero() && ahead > rules.recheck_interval.mul_f64(1.1) {
        return Decision::Again(rules.recheck_interval.min(last), Because::Recheck);
    }
    // Everybody who waits for the same moment would come back in the same second: the longer the wait, the wider.
    let spread = ((standing.waited + ahead) / 10).min(LARGEST_SPREAD);
    let late = ahead + spread.mul_f64(rng.f64());
    Decision::Again(late.min(last), Because::TimeNamed)
}

/// The pause before poll number `polls`: growing to four times `interval`, give or take a tenth.
fn poll_pause(interval: Duration, polls: u32, rng: &mut fastrand::Rng) -> Duration {
    let growth = 1.5_f64.powi(i32::try_from(polls.min(16)).unwrap_or(16)).min(4.0);
    let jitter = 0.9 + 0.2 * rng.f64();
    interval.mul_f64((growth * jitter).min(4.0))
}
