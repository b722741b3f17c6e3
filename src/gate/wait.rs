//! The wait: send the event, and send it again as long as the decision says so.
//!
//! Owns: the loop, its deadline, and when progress is due. Does not own: the decision, sending, nor wording.

use super::{Decision, FailReason, PollReason, WaitState, decide};
use crate::api::SendResult;
use crate::model::block::{Block, BlockKind};
use crate::model::clock::{Clock, ServerClock};
use crate::model::policy::WaitPolicy;
use crate::model::verdict::Verdict;
use crate::text::Foreign;
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// Some CI systems kill a job that prints nothing for minutes.
const PROGRESS_EVERY: Duration = Duration::from_secs(60);

/// How long after the deadline the last poll may take.
const LAST_POLL: Duration = Duration::from_secs(1);

/// Sends the event once, with its own retries, until `deadline` if there is one.
pub trait EventSender {
    fn send(&mut self, deadline: Option<Instant>) -> impl Future<Output = SendResult>;
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

/// What distinguishes one reason for a block from another, whatever its details.
type Reason = (BlockKind, Option<Foreign>, Option<Foreign>);

fn reason(block: &Block) -> Reason {
    (block.kind, block.code.clone(), block.rule().cloned())
}

/// A reason that was waited for.
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
    /// What is left of the job, according to this variable.
    Job(Duration, String),
}

/// The wait so far. It lives outside the loop, as an interrupted wait is reported as well.
#[derive(Clone, Debug, Default)]
pub struct WaitRecord {
    /// The reasons that were waited for, in order.
    pub stages: Vec<Stage>,
    /// Requests so far.
    pub requests: u32,
    /// The last block.
    pub block: Option<Box<Block>>,
    pub server_clock: ServerClock,
    pub limit: Option<WaitLimit>,
    /// Whether a request is being sent.
    pub in_flight: bool,
    /// When, by our clock, the first attempt was sent that has no final answer.
    pub unanswered_since: Option<Timestamp>,
    began: Option<Instant>,
    ended: Option<Instant>,
}

impl WaitRecord {
    /// How long it has lasted; `None` if there was no block, or none that was waited for.
    #[must_use]
    pub fn waited(&self) -> Option<Duration> {
        self.began.map(|began| self.ended.unwrap_or_else(Instant::now) - began)
    }

    /// Whether the API may have recorded the event although no answer says so.
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

    /// Notes `block`, at `now` by our clock: a new stage if its reason is new.
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
    /// With an answer that is no block.
    Answered,
    /// With a block that fails the job.
    Blocked(FailReason),
}

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
    /// Nothing has changed.
    Waiting,
}

/// Sends the event until the answer is no block, or the decision is to fail, and emits progress meanwhile. A block stays a
/// block until a success lifts it.
pub async fn send_until_decided(
    sender: &mut impl EventSender,
    emit: &impl Fn(Progress<'_>),
    params: &WaitParams<'_>,
    rng: &mut fastrand::Rng,
    record: &mut WaitRecord,
) -> (SendResult, WaitEnd) {
    let job_end = params.policy.job_end.as_ref();
    record.in_flight = true;
    let mut result = sender.send(job_end.map(|(end, _)| *end)).await;
    record.add_result(&result);
    let Verdict::Blocked(first) = &result.verdict else {
        return (result, WaitEnd::Answered);
    };
    let mut block = first.clone();
    let began = Instant::now();
    let (limit, policy) = limit(params.policy, began);
    record.limit = Some(limit.clone());
    let deadline = began + policy.timeout;
    let mut polls = 0;
    let mut reporter = Reporter { last: None, reasons: Vec::new(), deadline, limit, clock: params.clock, emit };
    loop {
        record.add_block(&block, params.clock.now());
        let server_now = record.server_clock.at(params.clock.now());
        let state = WaitState {
            now: server_now,
            waited: began.elapsed(),
            polls,
            unanswered_since: record.unanswered_since.map(|sent| record.server_clock.at(sent)),
            own_version: params.own_version,
        };
        let (pause, reason) = match decide(&block, &policy, state, rng) {
            Decision::Fail(reason) => {
                record.ended = Some(Instant::now());
                return (blocked_result(result, block, record), WaitEnd::Blocked(reason));
            }
            Decision::Poll(pause, reason) => (pause, reason),
        };
        polls = if reason == PollReason::NoEnd { polls + 1 } else { 0 };
        // A server that is unavailable may ask for a longer pause. It is made as far as the deadline allows.
        let asked = result.asked_pause.filter(|_| matches!(result.verdict, Verdict::Unavailable(_)));
        let wake = (Instant::now() + pause.max(asked.unwrap_or_default())).min(deadline);
        record.began.get_or_insert(began);
        reporter.sleep(record, &block, wake).await;
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
            // Only a success opens the gate, and only a rejection ends the wait: the last block stands.
            Verdict::Unavailable(_) => {}
        }
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

/// The result of a wait that ends with `block`, whatever the last request came to.
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

/// Emits progress when it is due.
struct Reporter<'a, E> {
    /// When progress was last emitted.
    last: Option<Instant>,
    /// The reasons that were reported.
    reasons: Vec<Reason>,
    deadline: Instant,
    limit: WaitLimit,
    clock: Clock,
    emit: &'a E,
}

impl<E: Fn(Progress<'_>)> Reporter<'_, E> {
    /// Sleeps until `wake`.
    async fn sleep(&mut self, record: &WaitRecord, block: &Block, wake: Instant) {
        let reason = reason(block);
        if !self.reasons.contains(&reason) {
            self.report(record, block, Some(wake));
            self.reasons.push(reason);
        }
        while self.due() <= wake {
            sleep_until(self.due()).await;
            self.report(record, block, Some(wake));
        }
        sleep_until(wake).await;
    }

    /// Waits for `sending`.
    async fn while_sending(
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
        let kind = match self.last {
            None => ProgressKind::Begun,
            Some(_) if !self.reasons.contains(&reason(block)) => ProgressKind::NewReason,
            Some(_) => ProgressKind::Waiting,
        };
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

#[cfg(test)]
mod tests;
