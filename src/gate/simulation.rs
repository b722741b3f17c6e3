//! Ten thousand jobs that wait for the same moment, driven by the real decision.

use super::tests::{block, rules};
use super::*;
use jiff::ToSpan as _;
use serde_json::json;

/// When each of ten thousand waiters comes back after the named moment, in seconds, if all have waited for `wait`.
fn returns(wait: i64) -> Vec<f64> {
    let end: Timestamp = "2025-10-28T12:00:00Z".parse().unwrap();
    let block = block(423, "NO_DEPLOY_WINDOW", json!(end.to_string()), json!({}));
    let rules = Rules { timeout: Duration::from_secs(86_400), ..rules(Reaction::Wait) };
    (0..10_000)
        .map(|seed| {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut now = end - wait.seconds();
            let mut waited = Duration::ZERO;
            loop {
                let standing = Standing { now, waited, polls: 0, unanswered_since: None, own_version: "1" };
                let Decision::Again(pause, _) = decide(&block, &rules, standing, &mut rng) else {
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
fn a_fleet_comes_back_over_a_minute_and_nobody_early() {
    for wait in [600, 1_800, 6 * 3_600] {
        let returns = returns(wait);
        let mut seconds = [0_u32; 61];
        for at in &returns {
            assert!((0.0..=60.0).contains(at), "{at}");
            seconds[*at as usize] += 1;
        }
        let busiest = seconds.iter().max().unwrap();
        assert!(*busiest <= 300, "{busiest} of 10000 in one second after {wait} s");
        assert!(returns.iter().any(|at| *at > 59.0), "not spread over the whole minute");
    }
}

#[test]
fn a_short_wait_is_spread_little() {
    for wait in [1, 3, 9] {
        assert!(returns(wait).iter().all(|at| (0.0..1.0).contains(at)));
    }
}
