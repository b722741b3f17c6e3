//! The wait: send the event, and send it again while the decision is to poll.
//!
//! Owns: the loop and its deadline. Does not own: the decision, sending, when progress is due (`progress`), nor wording.

mod progress;
#[cfg(test)]
mod tests;

pub use progress::{Progress, ProgressKind};

use super::{FailReason, PollReason, WaitDecision, WaitState, decide_wait};
use crate::api::SendResult;
use crate::model::block::{Block, BlockKind};
use crate::model::clock::{Clock, ServerClock};
use crate::model::park::Marker;
use crate::model::policy::WaitPolicy;
use crate::model::superseded::Superseded;
use crate::model::verdict::Verdict;
use crate::text::Foreign;
use jiff::Timestamp;
use progress::Reporter;
use std::time::Duration;
use tokio::time::Instant;

/// How long after the deadline the last poll may take.
const LAST_POLL: Duration = Duration::from_secs(1);

/// How long the question for a newer run may take.
const LONGEST_QUESTION: Duration = Duration::from_secs(10);

/// Sends the event once, with its own retries, until `deadline` if there is one.
pub trait EventSender {
    fn send(&mut self, deadline: Option<Instant>) -> impl Future<Output = SendResult>;

    /// Whether to ask before each poll if a newer run makes this one obsolete.
    fn may_be_superseded(&self) -> bool;

    /// Asks whether a newer run makes this one obsolete, until `deadline`.
    fn superseded(&mut self, deadline: Instant) -> impl Future<Output = Option<Superseded>>;
}

/// The parameters of a wait.
#[derive(Clone, Debug)]
pub struct WaitParams<'a> {
    pub policy: &'a WaitPolicy,
    /// The version to deploy.
    pub own_version: &'a str,
    /// This machine's clock.
    pub clock: Clock,
}

/// What distinguishes one reason for a block from another.
type Reason = (BlockKind, Option<Foreign>, Option<Foreign>);

fn reason(block: &Block) -> Reason {
    (block.kind, block.code.clone(), block.rule().cloned())
}

/// A part of the wait during which the reason stayed the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Stage {
    /// The last block with this reason.
    pub block: Box<Block>,
    /// From when, by our clock.
    pub from: Timestamp,
    /// Until when, by our clock.
    pub to: Timestamp,
}

/// What limits a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WaitLimit {
    /// `wait_timeout`.
    Setting(Duration),
    /// The job's remaining time, according to this variable.
    Job(Duration, String),
}

/// The wait so far. The caller owns it, because an interrupted wait is reported as well.
#[derive(Clone, Debug, Default)]
pub struct WaitRecord {
    /// One stage for each reason, in order.
    pub stages: Vec<Stage>,
    /// Requests so far.
    pub requests: u32,
    /// The last block.
    pub block: Option<Box<Block>>,
    pub server_clock: ServerClock,
    pub limit: Option<WaitLimit>,
    /// Whether a request has no result yet.
    pub in_flight: bool,
    /// When, by our clock, the first attempt without a final answer was sent.
    pub unanswered_since: Option<Timestamp>,
    began: Option<Instant>,
    ended: Option<Instant>,
}

impl WaitRecord {
    /// How long the wait has lasted. `None` if the job has not waited for any block.
    #[must_use]
    pub fn waited(&self) -> Option<Duration> {
        self.began.map(|began| self.ended.unwrap_or_else(Instant::now) - began)
    }

    /// Whether the API may have recorded the event without a final answer.
    #[must_use]
    pub fn may_be_recorded(&self) -> bool {
        self.in_flight || self.unanswered_since.is_some()
    }

    fn add_result(&mut self, result: &SendResult) {
        self.in_flight = false;
        self.requests += result.requests;
        self.server_clock = result.server_clock.or(self.server_clock);
        self.unanswered_since = self.unanswered_since.or(result.unanswered_since);
    }

    /// Records `block`, at `now` by our clock. A changed reason starts a new stage.
    fn add_block(&mut self, block: &Block, now: Timestamp) {
        let block = Box::new(block.clone());
        if let Some(last) = self.stages.last_mut() {
            last.to = now;
        }
        match self.stages.last_mut() {
            Some(last) if reason(&last.block) == reason(&block) => last.block = block.clone(),
            _ => self.stages.push(Stage { block: block.clone(), from: now, to: now }),
        }
        self.block = Some(block);
    }
}

/// How a wait ended.
#[derive(Clone, Debug)]
pub enum WaitEnd {
    /// With an answer that is not a block.
    Answered,
    /// With a block that fails the job.
    Blocked(FailReason),
    /// With a block that parks the job.
    Parked(Marker),
    /// With a block that cannot be parked: it ends when GitHub no longer re-runs the job.
    TooFarToPark(Marker),
    /// Because a newer run makes this one obsolete.
    Superseded(Superseded),
}

/// Sends the event until the answer is not a block, or the decision is to fail, and emits progress meanwhile. Only a recorded
/// or rejected event ends a block; an unavailable API does not.
pub async fn send_until_decided(
    sender: &mut impl EventSender,
    emit: &impl Fn(Progress<'_>),
    params: &WaitParams<'_>,
    rng: &mut fastrand::Rng,
    record: &mut WaitRecord,
) -> (SendResult, WaitEnd) {
    let job_end = params.policy.job_end.as_ref();
    record.in_flight = true;
    let result = sender.send(job_end.map(|(end, _)| *end)).await;
    record.add_result(&result);
    match &result.verdict {
        Verdict::Blocked(block) => {
            let block = block.clone();
            poll(sender, emit, params, rng, record, result, block).await
        }
        Verdict::Recorded(_) | Verdict::Rejected(_) | Verdict::Unavailable(_) => (result, WaitEnd::Answered),
    }
}

/// Polls until the event is recorded or rejected, or the decision is to fail. The first request returned `result`, with
/// `block`.
async fn poll(
    sender: &mut impl EventSender,
    emit: &impl Fn(Progress<'_>),
    params: &WaitParams<'_>,
    rng: &mut fastrand::Rng,
    record: &mut WaitRecord,
    mut result: SendResult,
    mut block: Box<Block>,
) -> (SendResult, WaitEnd) {
    let began = Instant::now();
    let (limit, policy) = limit(params.policy, began);
    record.limit = Some(limit.clone());
    let deadline = began + policy.timeout;
    let mut reporter = Reporter::new(deadline, limit, params.clock, emit);
    let mut polls = 0;
    loop {
        record.add_block(&block, params.clock.now());
        let (pause, reason) = match decide_wait(&block, &policy, state(params, record, began, polls), rng) {
            WaitDecision::Fail(reason) => {
                record.ended = Some(Instant::now());
                return (blocked_result(result, block, record), WaitEnd::Blocked(reason));
            }
            WaitDecision::Poll(pause, reason) => (pause, reason),
        };
        polls = if reason == PollReason::NoEnd { polls + 1 } else { 0 };
        let wake = (Instant::now() + pause.max(requested_pause(&result))).min(deadline);
        record.began.get_or_insert(began);
        if sender.may_be_superseded() {
            // The answer must not delay the last poll.
            let ask_at = wake.min(deadline.checked_sub(LONGEST_QUESTION).unwrap_or(wake));
            reporter.sleep(record, &block, ask_at, wake).await;
            if let Some(superseded) = sender.superseded(Instant::now() + LONGEST_QUESTION).await {
                record.ended = Some(Instant::now());
                return (blocked_result(result, block, record), WaitEnd::Superseded(superseded));
            }
        }
        reporter.sleep(record, &block, wake, wake).await;
        record.in_flight = true;
        result = reporter.while_sending(sender.send(Some(deadline + LAST_POLL)), record, &block).await;
        record.add_result(&result);
        match &result.verdict {
            Verdict::Recorded(_) | Verdict::Rejected(_) => {
                record.add_block(&block, params.clock.now());
                record.ended = Some(Instant::now());
                result.requests = record.requests;
                result.unanswered_since = record.unanswered_since;
                return (result, WaitEnd::Answered);
            }
            Verdict::Blocked(next) => block = next.clone(),
            // The last block remains in force.
            Verdict::Unavailable(_) => {}
        }
    }
}

/// What the next decision depends on, besides the block and the policy. The wait began at `began`.
fn state<'a>(params: &WaitParams<'a>, record: &WaitRecord, began: Instant, polls: u32) -> WaitState<'a> {
    WaitState {
        now: record.server_clock.at(params.clock.now()),
        waited: began.elapsed(),
        polls,
        unanswered_since: record.unanswered_since.map(|sent| record.server_clock.at(sent)),
        own_version: params.own_version,
    }
}

/// The pause that an unavailable server requested. The wait makes it as far as the deadline allows.
fn requested_pause(result: &SendResult) -> Duration {
    match &result.verdict {
        Verdict::Unavailable(_) => result.requested_pause.unwrap_or_default(),
        Verdict::Recorded(_) | Verdict::Blocked(_) | Verdict::Rejected(_) => Duration::ZERO,
    }
}

/// The limit of a wait that began at `began`, and the policy with that limit as its time-out: `wait_timeout`, or the end of
/// the job if that is earlier.
fn limit(policy: &WaitPolicy, began: Instant) -> (WaitLimit, WaitPolicy) {
    match policy.job_end.as_ref().filter(|(end, _)| *end < began + policy.timeout) {
        Some((end, variable)) => {
            let timeout = end.saturating_duration_since(began);
            (WaitLimit::Job(timeout, variable.clone()), WaitPolicy { timeout, ..policy.clone() })
        }
        None => (WaitLimit::Setting(policy.timeout), policy.clone()),
    }
}

/// The result of a wait that ends with `block`. The last request may have ended otherwise.
fn blocked_result(last: SendResult, block: Box<Block>, record: &WaitRecord) -> SendResult {
    SendResult {
        requests: record.requests,
        http_status: Some(block.status),
        server_clock: record.server_clock,
        unanswered_since: record.unanswered_since,
        verdict: Verdict::Blocked(block),
        ..last
    }
}
