//! A fleet of jobs that wait for the same window to end, in virtual time, by the program's own decisions.
//!
//! Owns: the events of the simulation and a server with a limit. Does not own: when a job polls or retries, which is what
//! `decide_wait` and `RetryPauses` say. A request takes no time here.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;
use versioner_action::internals::{
    Block, OnBlock, PollReason, RetryDecision, RetryPauses, WaitDecision, WaitPolicy, WaitState, decide_wait,
};

/// Attempts after the first, as `retries` has them by default.
const RETRIES: u32 = 3;

/// The fleet and the server.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Fleet {
    pub(crate) jobs: u32,
    /// How long before the window's end the first job arrives, in seconds. The others follow evenly.
    pub(crate) window: u64,
    /// `false`: every job polls exactly at the end, as if the decision had no jitter.
    pub(crate) jitter: bool,
    /// How many requests a second the server accepts after the window's end. The others get 429.
    pub(crate) limit: Option<u32>,
    /// The `Retry-After` of a 429, in seconds.
    pub(crate) retry_after: Option<u64>,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FleetResult {
    pub(crate) fleet: Fleet,
    /// The most requests in one second before the end.
    pub(crate) peak_before: u32,
    /// The most requests in one second from the end on.
    pub(crate) peak_after: u32,
    /// Requests in each of the first seconds after the end. Recorded only for the fleets in the chart.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) per_second: Vec<u32>,
    /// How long after the end a job may go on, in seconds: on average, for 95 % of the jobs, and for the last.
    pub(crate) lost: [f64; 3],
    /// Requests of a job after its first: on average, and the most.
    pub(crate) polls: (f64, u32),
    /// Requests answered with 429.
    pub(crate) rejected: u64,
    /// Jobs that gave up.
    pub(crate) failed: u32,
}

/// A job that waits.
struct Job {
    /// When it met the block.
    began: Option<u64>,
    /// Polls in a row without an announced end.
    polls: u32,
    requests: u32,
    retries: Option<Box<RetryPauses>>,
    rng: fastrand::Rng,
}

struct Simulation {
    fleet: Fleet,
    block: Block,
    policy: WaitPolicy,
    start: Timestamp,
    /// The window's end. Times are microseconds since the start.
    end: u64,
    /// The next request of each waiting job.
    queue: BinaryHeap<Reverse<(u64, u32)>>,
    /// Requests by second.
    seconds: BTreeMap<u64, u32>,
    rejected: u64,
    failed: u32,
    lost: Vec<f64>,
}

impl Fleet {
    /// Runs the simulation. The same fleet gives the same result.
    pub(crate) fn run(self) -> FleetResult {
        let mut simulation = Simulation::new(self);
        let arrival = |index: u32| u64::from(index) * simulation.end / u64::from(self.jobs);
        simulation.queue = (0..self.jobs).map(|index| Reverse((arrival(index), index))).collect();
        let new_job = |index: u32| Job {
            began: None,
            polls: 0,
            requests: 0,
            retries: None,
            rng: fastrand::Rng::with_seed(u64::from(index)),
        };
        let mut jobs: Vec<Job> = (0..self.jobs).map(new_job).collect();
        while let Some(Reverse((now, index))) = simulation.queue.pop() {
            simulation.request(now, index, &mut jobs[index as usize]);
        }
        simulation.result(&jobs)
    }
}

impl Simulation {
    fn new(fleet: Fleet) -> Self {
        let start = Timestamp::UNIX_EPOCH;
        let end = start + SignedDuration::from_secs(i64::try_from(fleet.window).unwrap_or(i64::MAX));
        let body = json!({"error": "deployment_blocked", "code": "NO_DEPLOY_WINDOW", "retry_after": end.to_string()});
        let wait = OnBlock::Wait;
        Self {
            fleet,
            // A 423 always is a block.
            block: Block::parse(423, &body).unwrap_or_else(|| unreachable!()),
            // The defaults, with a time-out that covers the window.
            policy: WaitPolicy {
                on_conflict: wait,
                on_window: wait,
                on_approval: wait,
                on_soak: wait,
                on_flow: wait,
                timeout: Duration::from_secs(fleet.window + 1_800),
                poll_interval: Duration::from_secs(30),
                recheck_interval: Duration::from_secs(600),
                conflict_max_age: Duration::from_secs(7_200),
                job_end: None,
            },
            start,
            end: fleet.window * 1_000_000,
            queue: BinaryHeap::new(),
            seconds: BTreeMap::new(),
            rejected: 0,
            failed: 0,
            lost: Vec::new(),
        }
    }

    /// One request of `job` at `now`, and what the job does then.
    fn request(&mut self, now: u64, index: u32, job: &mut Job) {
        job.requests += 1;
        let count = self.seconds.entry(now / 1_000_000).or_default();
        *count += 1;
        if now < self.end {
            job.retries = None;
            job.began.get_or_insert(now);
            self.decide(now, index, job, Duration::ZERO);
        } else if self.fleet.limit.is_some_and(|limit| *count > limit) {
            self.rejected += 1;
            self.retry(now, index, job);
        } else {
            self.lost.push((now - self.end) as f64 / 1e6);
        }
    }

    /// After a 429: the client retries, and then the wait goes on.
    fn retry(&mut self, now: u64, index: u32, job: &mut Job) {
        let requested = self.fleet.retry_after.map(Duration::from_secs);
        let pauses = job.retries.get_or_insert_with(|| Box::new(RetryPauses::new(RETRIES)));
        match pauses.next(requested, &mut job.rng) {
            RetryDecision::After(pause) => self.queue.push(Reverse((now + micros(pause), index))),
            RetryDecision::Exhausted | RetryDecision::TooLong(_) => {
                job.retries = None;
                job.began.get_or_insert(now);
                self.decide(now, index, job, requested.unwrap_or_default());
            }
        }
    }

    /// Waits as the program decides, and at least as long as the server `requested`.
    fn decide(&mut self, now: u64, index: u32, job: &mut Job, requested: Duration) {
        let waited = Duration::from_micros(now - job.began.unwrap_or(now));
        let at = self.start + SignedDuration::from_micros(i64::try_from(now).unwrap_or(i64::MAX));
        let state = WaitState { now: at, waited, polls: job.polls, unanswered_since: None, own_version: "1.4.2" };
        match decide_wait(&self.block, &self.policy, state, &mut job.rng) {
            WaitDecision::Fail(_) => self.failed += 1,
            WaitDecision::Poll(pause, reason) => {
                job.polls = if reason == PollReason::NoEnd { job.polls + 1 } else { 0 };
                let at = match reason {
                    PollReason::AnnouncedEnd if !self.fleet.jitter => self.end,
                    _ => now + micros(pause.max(requested)),
                };
                self.queue.push(Reverse((at, index)));
            }
        }
    }

    fn result(mut self, jobs: &[Job]) -> FleetResult {
        let end = self.end / 1_000_000;
        let most = |seconds: &mut dyn Iterator<Item = (&u64, &u32)>| seconds.map(|(_, count)| *count).max();
        self.lost.sort_by(f64::total_cmp);
        let recorded = self.lost.len();
        let mean = self.lost.iter().sum::<f64>() / recorded.max(1) as f64;
        let at = |index: usize| self.lost.get(index.min(recorded.saturating_sub(1))).copied().unwrap_or_default();
        let requests: u64 = jobs.iter().map(|job| u64::from(job.requests - 1)).sum();
        FleetResult {
            fleet: self.fleet,
            peak_before: most(&mut self.seconds.range(..end)).unwrap_or_default(),
            peak_after: most(&mut self.seconds.range(end..)).unwrap_or_default(),
            per_second: (end..end + 240).map(|at| self.seconds.get(&at).copied().unwrap_or_default()).collect(),
            lost: [mean, at(recorded * 95 / 100), at(recorded)].map(|seconds| (seconds * 10.0).round() / 10.0),
            polls: (
                (requests as f64 / jobs.len() as f64 * 100.0).round() / 100.0,
                jobs.iter().map(|job| job.requests - 1).max().unwrap_or_default(),
            ),
            rejected: self.rejected,
            failed: self.failed,
        }
    }
}

fn micros(pause: Duration) -> u64 {
    u64::try_from(pause.as_micros()).unwrap_or(u64::MAX)
}

/// The fleets of the page: with and without jitter, and before a server that rejects what exceeds its limit.
pub(crate) fn all(million: bool) -> Vec<Fleet> {
    let window = 3 * 3_600;
    let jittered = |jobs| Fleet { jobs, window, jitter: true, limit: None, retry_after: None };
    let sizes = [10, 1_000, 100_000].into_iter().chain(million.then_some(1_000_000));
    let mut fleets: Vec<Fleet> =
        sizes.flat_map(|jobs| [jittered(jobs), Fleet { jitter: false, ..jittered(jobs) }]).collect();
    for retry_after in [None, Some(1), Some(60)] {
        // A third of what the fleet needs at its peak.
        let limited = |jobs: u32| Fleet { limit: Some(jobs / 180), retry_after, ..jittered(jobs) };
        fleets.extend([1_000, 100_000].map(limited));
    }
    fleets
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(jobs: u32, window: u64) -> Fleet {
        Fleet { jobs, window, jitter: true, limit: None, retry_after: None }
    }

    #[test]
    fn waiting_jobs_arrive_over_a_minute_and_never_early() {
        for window in [1_800, 3 * 3_600, 24 * 3_600] {
            let result = fleet(10_000, window).run();
            assert_eq!((result.failed, result.rejected), (0, 0));
            assert_eq!(result.per_second.iter().sum::<u32>(), 10_000, "each job polls once from the end on");
            let [_, _, last] = result.lost;
            assert!(last > 55.0 && last <= 60.0, "the last job lost {last} s");
        }
    }

    #[test]
    fn no_second_has_more_than_3_percent_of_the_fleet() {
        for jobs in [1_000, 10_000] {
            let result = fleet(jobs, 3 * 3_600).run();
            let limit = jobs * 3 / 100;
            assert!(result.peak_after <= limit, "{} of {jobs} in one second", result.peak_after);
            assert!(result.peak_before <= limit, "{} of {jobs} in one second", result.peak_before);
        }
    }

    #[test]
    fn without_jitter_all_jobs_would_arrive_in_one_second() {
        let result = Fleet { jitter: false, ..fleet(1_000, 3_600) }.run();
        assert_eq!(result.peak_after, 1_000);
    }

    #[test]
    fn short_wait_has_little_jitter() {
        for window in [1, 3, 9] {
            let [_, _, last] = fleet(100, window).run().lost;
            assert!(last <= 1.0, "{last} s after a wait of {window} s");
        }
    }

    #[test]
    fn job_polls_only_for_a_reason() {
        let result = fleet(1_000, 1_800).run();
        assert!(result.polls.1 <= 4, "{} polls in half an hour", result.polls.1);
    }

    #[test]
    fn fleet_converges_before_a_server_that_rejects_most_requests() {
        for retry_after in [None, Some(1), Some(60)] {
            let result = Fleet { limit: Some(10), retry_after, ..fleet(2_000, 3 * 3_600) }.run();
            assert_eq!(result.failed, 0, "Retry-After: {retry_after:?}");
            assert!(result.rejected > 0);
            // The server needs 200 s for 2,000 requests.
            let [_, _, last] = result.lost;
            assert!((199.0..900.0).contains(&last), "Retry-After: {retry_after:?}: the last job lost {last} s");
        }
    }
}
