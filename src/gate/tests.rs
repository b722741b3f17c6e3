//! The decision, by tables.

use super::*;
use crate::model::block::{Block, BlockKind};
use crate::model::clock::ServerClock;
use crate::model::policy::{OnBlock, WaitPolicy};
use jiff::Timestamp;
use jiff::ToSpan as _;
use serde_json::{Value, json};
use std::time::Duration;

pub(super) fn start() -> Timestamp {
    "2025-10-28T12:00:00Z".parse().unwrap()
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn after(from: Timestamp, later: i64) -> Timestamp {
    from + later.seconds()
}

pub(super) fn policy(on_block: OnBlock) -> WaitPolicy {
    WaitPolicy {
        on_conflict: on_block,
        on_window: on_block,
        on_approval: on_block,
        on_soak: on_block,
        on_flow: on_block,
        timeout: seconds(1_800),
        poll_interval: seconds(30),
        recheck_interval: seconds(600),
        conflict_max_age: seconds(7_200),
        job_end: None,
    }
}

const KINDS: [(BlockKind, u16, &str); 7] = [
    (BlockKind::Conflict, 409, "CONCURRENT_DEPLOYMENT"),
    (BlockKind::Window, 423, "NO_DEPLOY_WINDOW"),
    (BlockKind::Approval, 428, "APPROVAL_REQUIRED"),
    (BlockKind::Approval, 428, "QUALITY_APPROVAL_REQUIRED"),
    (BlockKind::Soak, 428, "INSUFFICIENT_SOAK_TIME"),
    (BlockKind::Flow, 428, "FLOW_VIOLATION"),
    (BlockKind::Flow, 428, "NOBODY_KNOWS"),
];

pub(super) fn block(status: u16, code: &str, retry_after: Value, details: Value) -> Block {
    let body = json!({"error": "deployment_blocked", "code": code, "retry_after": retry_after, "details": details});
    Block::parse(status, &body).unwrap()
}

fn at_start(now: Timestamp) -> WaitState<'static> {
    WaitState { now, waited: Duration::ZERO, polls: 0, unanswered_since: None, own_version: "1.4.2" }
}

/// A form of `retry_after` and of the window's end, given the server's time, and the expected decision.
type Form = (&'static str, fn(Timestamp) -> (Value, Value), Expected);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// A poll at the announced end, in so many seconds.
    End(u64),
    Recheck,
    Poll,
    Beyond,
}

const FORMS: [Form; 14] = [
    ("in five minutes", |now| (json!(after(now, 300).to_string()), Value::Null), Expected::End(300)),
    ("with an offset", |now| (json!(offset(after(now, 300))), Value::Null), Expected::End(300)),
    (
        "with a fraction",
        |now| (json!(after(now, 300).to_string().replace('Z', ".000Z")), Value::Null),
        Expected::End(300),
    ),
    ("without an offset", |now| (json!(after(now, 300).to_string().replace('Z', "")), Value::Null), Expected::End(300)),
    ("in twenty minutes", |now| (json!(after(now, 1_200).to_string()), Value::Null), Expected::Recheck),
    ("past", |now| (json!(after(now, -300).to_string()), Value::Null), Expected::Poll),
    (
        "past, window continues",
        |now| (json!(after(now, -300).to_string()), json!(offset(after(now, 240)))),
        Expected::End(240),
    ),
    ("absent, window continues", |now| (Value::Null, json!(after(now, 240).to_string())), Expected::End(240)),
    (
        "past, window too",
        |now| (json!(after(now, -300).to_string()), json!(after(now, -60).to_string())),
        Expected::Poll,
    ),
    ("null", |_| (Value::Null, Value::Null), Expected::Poll),
    ("a number", |now| (json!(after(now, 300).as_second()), Value::Null), Expected::Poll),
    ("nonsense", |_| (json!("soon"), Value::Null), Expected::Poll),
    ("nonsense, window continues", |now| (json!("soon"), json!(after(now, 240).to_string())), Expected::End(240)),
    ("beyond the deadline", |now| (json!(after(now, 1_801).to_string()), Value::Null), Expected::Beyond),
];

fn offset(at: Timestamp) -> String {
    at.to_zoned(jiff::tz::offset(-7).to_time_zone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

#[test]
fn decision_follows_kind_policy_end_and_clock() {
    for (kind, status, code) in KINDS {
        for (form, times, expected) in FORMS {
            for skew in [Some(-3_600), Some(0), Some(3_600), None] {
                let server = after(start(), skew.unwrap_or(0));
                let date = skew.map(|_| httpdate::fmt_http_date(server.into()));
                let now = ServerClock::from_date(date.as_deref(), start()).at(start());
                let (retry_after, window_end) = times(server);
                let block = block(status, code, retry_after, json!({"window_end": window_end}));
                assert_eq!(block.kind, kind);
                let mut rng = fastrand::Rng::with_seed(7);
                let failed = decide_wait(&block, &policy(OnBlock::Fail), at_start(now), &mut rng);
                assert_eq!(failed, WaitDecision::Fail(FailReason::Setting), "{kind:?} {form}");
                let decided = decide_wait(&block, &policy(OnBlock::Wait), at_start(now), &mut rng);
                let what = format!("{kind:?}, {form}, clock {skew:?}: {decided:?}");
                match expected {
                    Expected::End(named) => {
                        let WaitDecision::Poll(pause, PollReason::AnnouncedEnd) = decided else { panic!("{what}") };
                        assert!(pause >= seconds(named) && pause <= seconds(named).mul_f64(1.1), "{what}");
                    }
                    Expected::Recheck => {
                        assert_eq!(decided, WaitDecision::Poll(seconds(600), PollReason::Recheck), "{what}")
                    }
                    Expected::Poll => {
                        let WaitDecision::Poll(pause, PollReason::NoEnd) = decided else { panic!("{what}") };
                        assert!(pause >= seconds(27) && pause <= seconds(33), "{what}");
                    }
                    Expected::Beyond => assert_eq!(decided, WaitDecision::Fail(FailReason::BeyondDeadline), "{what}"),
                }
            }
        }
    }
}

#[test]
fn each_kind_has_its_own_setting() {
    for (kind, status, code) in KINDS {
        let block = block(status, code, Value::Null, json!({}));
        let mut only = policy(OnBlock::Fail);
        match kind {
            BlockKind::Conflict => only.on_conflict = OnBlock::Wait,
            BlockKind::Window => only.on_window = OnBlock::Wait,
            BlockKind::Approval => only.on_approval = OnBlock::Wait,
            BlockKind::Soak => only.on_soak = OnBlock::Wait,
            BlockKind::Flow => only.on_flow = OnBlock::Wait,
        }
        let mut rng = fastrand::Rng::with_seed(7);
        assert!(matches!(decide_wait(&block, &only, at_start(start()), &mut rng), WaitDecision::Poll(..)), "{kind:?}");
    }
}

#[test]
fn stale_conflict_is_not_waited_for() {
    let started = |ago: i64| {
        block(
            409,
            "CONCURRENT_DEPLOYMENT",
            Value::Null,
            json!({"conflicting_deployment_started": after(start(), -ago).to_string()}),
        )
    };
    let decided = |block: &Block, unanswered: Option<i64>| {
        let unanswered_since = unanswered.map(|ago| after(start(), -ago));
        decide_wait(
            block,
            &policy(OnBlock::Wait),
            WaitState { unanswered_since, ..at_start(start()) },
            &mut fastrand::Rng::with_seed(1),
        )
    };
    assert!(matches!(decided(&started(7_200), None), WaitDecision::Poll(..)));
    assert_eq!(
        decided(&started(7_201), None),
        WaitDecision::Fail(FailReason::Stale(StaleConflict::TooOld(seconds(7_201))))
    );
    let own = WaitDecision::Fail(FailReason::Stale(StaleConflict::OwnAttempt));
    assert_eq!(decided(&started(5), Some(10)), own, "it began after our try");
    assert_eq!(decided(&started(11), Some(10)), own, "the server cut the fraction of its second");
    let of_another = block(
        409,
        "CONCURRENT_DEPLOYMENT",
        Value::Null,
        json!({"conflicting_deployment_started": after(start(), -5).to_string(), "conflicting_version": "9.9.9"}),
    );
    assert!(matches!(decided(&of_another, Some(10)), WaitDecision::Poll(..)), "it is of another version");
    assert!(matches!(decided(&started(30), Some(10)), WaitDecision::Poll(..)), "it began before our try");
    assert!(matches!(decided(&started(-86_400), None), WaitDecision::Poll(..)), "a start in the future has no age");
    let window = block(
        423,
        "NO_DEPLOY_WINDOW",
        Value::Null,
        json!({"conflicting_deployment_started": after(start(), -99_999).to_string()}),
    );
    assert!(matches!(decided(&window, Some(0)), WaitDecision::Poll(..)));
}

#[test]
fn poll_pauses_grow_fourfold_and_the_last_poll_is_at_the_deadline() {
    let block = block(428, "APPROVAL_REQUIRED", Value::Null, json!({}));
    for seed in 0..200 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut pause = |polls, waited| match decide_wait(
            &block,
            &policy(OnBlock::Wait),
            WaitState { polls, waited: seconds(waited), ..at_start(start()) },
            &mut rng,
        ) {
            WaitDecision::Poll(pause, PollReason::NoEnd) => Some(pause),
            decision => {
                assert_eq!(decision, WaitDecision::Fail(FailReason::DeadlineReached));
                None
            }
        };
        let pauses: Vec<f64> = (0..8).map(|polls| pause(polls, 0).unwrap().as_secs_f64()).collect();
        assert!(
            (27.0..=33.0).contains(&pauses[0]) && pauses.iter().all(|pause| *pause <= 120.0) && pauses[7] >= 108.0,
            "{pauses:?}"
        );
        assert!(pauses[7] < 120.0, "jobs at the cap would poll at the same time");
        assert_eq!(pause(8, 1_750), Some(seconds(50)), "shortened to the deadline");
        assert_eq!(pause(8, 1_800), None);
    }
}
