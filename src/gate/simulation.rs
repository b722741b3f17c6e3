//! Ten thousand jobs that wait for the same end, by the real decision function.

use super::tests::{block, policy};
use super::*;
use crate::model::policy::{OnBlock, WaitPolicy};
use jiff::Timestamp;
use jiff::ToSpan as _;
use serde_json::json;
use std::time::Duration;

/// When each of ten thousand jobs polls after the announced end, in seconds, if all have waited for `wait` seconds.
fn polls_after_end(wait: i64) -> Vec<f64> {
    let end: Timestamp = "2025-10-28T12:00:00Z".parse().unwrap();
    let block = block(423, "NO_DEPLOY_WINDOW", json!(end.to_string()), json!({}));
    let policy = WaitPolicy { timeout: Duration::from_secs(86_400), ..policy(OnBlock::Wait) };
    (0..10_000)
        .map(|seed| {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut now = end - wait.seconds();
            let mut waited = Duration::ZERO;
            loop {
                let state = WaitState { now, waited, polls: 0, unanswered_since: None, own_version: "1" };
                let WaitDecision::Poll(pause, _) = decide_wait(&block, &policy, state, &mut rng) else {
                    panic!("not waited for")
                };
                waited += pause;
                let at = now + jiff::SignedDuration::try_from(pause).unwrap();
                if at >= end {
                    return at.duration_since(end).as_secs_f64();
                }
                now = at;
            }
        })
        .collect()
}

#[test]
fn ten_thousand_jobs_poll_over_a_minute_and_never_early() {
    for wait in [600, 1_800, 6 * 3_600] {
        let polls = polls_after_end(wait);
        let mut seconds = [0_u32; 61];
        for at in &polls {
            assert!((0.0..=60.0).contains(at), "{at}");
            seconds[*at as usize] += 1;
        }
        let busiest = seconds.iter().max().unwrap();
        assert!(*busiest <= 300, "{busiest} of 10000 in one second after {wait} s");
        assert!(polls.iter().any(|at| *at > 59.0), "not spread over the whole minute");
    }
}

#[test]
fn short_wait_has_little_jitter() {
    for wait in [1, 3, 9] {
        assert!(polls_after_end(wait).iter().all(|at| (0.0..1.0).contains(at)));
    }
}
