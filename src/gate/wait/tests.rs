//! The loop in virtual time.

use super::super::tests::{after, block, rules, seconds, start};
use super::*;
use crate::api::reply::{Receipt, Refusal, Unreached};
use crate::gate::Reaction;
use jiff::ToSpan as _;
use serde_json::{Value, json};
use std::cell::RefCell;

/// A server in virtual time: what it answers is a function of its clock.
struct Server<F> {
    answers: F,
    asked: Vec<Duration>,
    began: Instant,
    clock: Clock,
    /// How long a request without an answer lasts.
    patience: u64,
}

/// What the server does with a request.
enum Does {
    Answers(Verdict),
    /// It does not answer: the request lasts as long as it may, for a while.
    Hangs,
}

impl<F: FnMut(usize, Timestamp) -> Does> Ask for Server<F> {
    async fn ask(&mut self, deadline: Option<Instant>) -> Answer {
        self.asked.push(self.began.elapsed());
        let now = self.clock.now();
        let verdict = match (self.answers)(self.asked.len(), now) {
            Does::Answers(verdict) => verdict,
            Does::Hangs => {
                let limit = Instant::now() + seconds(self.patience);
                tokio::time::sleep_until(deadline.map_or(limit, |deadline| limit.min(deadline))).await;
                unreachable()
            }
        };
        let date = httpdate::fmt_http_date(now.into());
        Answer {
            verdict,
            http_status: None,
            requests: 1,
            server_clock: ServerClock::of_date(Some(&date), now),
            asked_pause: None,
            unanswered_since: None,
            key: String::new(),
        }
    }
}

/// How a wait went.
struct Story {
    verdict: Verdict,
    end: End,
    wait: Wait,
    asked: Vec<Duration>,
    said: Vec<(Duration, String)>,
    took: Duration,
}

async fn wait_with(rules: &Rules, seed: u64, answers: impl FnMut(usize, Timestamp) -> Does) -> Story {
    let clock = Clock::simulated(start());
    let began = Instant::now();
    let said = RefCell::new(Vec::new());
    let say = |line: &str| said.borrow_mut().push((began.elapsed(), line.to_owned()));
    let terms = Terms { rules, own_version: "1.4.2", for_the_record: false, clock };
    let mut server = Server { answers, asked: Vec::new(), began, clock, patience: 100 };
    let mut wait = Wait::default();
    let (answer, end) = pass(&mut server, &say, &terms, &mut fastrand::Rng::with_seed(seed), &mut wait).await;
    assert_eq!(answer.requests, u32::try_from(server.asked.len()).unwrap());
    let took = began.elapsed();
    Story { verdict: answer.verdict, end, wait, asked: server.asked, said: said.into_inner(), took }
}

fn blocked(block: &Block) -> Does {
    Does::Answers(Verdict::Blocked(Box::new(block.clone())))
}

fn recorded() -> Does {
    Does::Answers(Verdict::Recorded(Box::<Receipt>::default()))
}

fn unreachable() -> Verdict {
    Verdict::Unreachable(Unreached { what: "503".to_owned(), advice: None, status: Some(503), may_be_recorded: true })
}

fn freeze(end: Timestamp) -> Block {
    block(423, "NO_DEPLOY_WINDOW", json!(end.to_string()), json!({"window_name": "friday_freeze"}))
}

fn approval() -> Block {
    block(428, "APPROVAL_REQUIRED", Value::Null, json!({"required_approvals": 2, "current_approvals": 0}))
}

#[tokio::test(start_paused = true)]
async fn a_freeze_of_six_hours_takes_few_requests_and_ends_on_time() {
    let end = after(start(), 6 * 3_600);
    let rules = Rules { timeout: seconds(7 * 3_600), ..rules(Reaction::Wait) };
    for seed in 0..20 {
        let story = wait_with(&rules, seed, |_, now| if now < end { blocked(&freeze(end)) } else { recorded() }).await;
        assert!(matches!(story.verdict, Verdict::Recorded(_)));
        assert!(story.asked.len() <= 38, "{}", story.asked.len());
        assert!(story.took >= seconds(6 * 3_600) && story.took <= seconds(6 * 3_600 + 60), "{:?}", story.took);
        assert_eq!(story.wait.stages.len(), 1);
        let rules = Rules { recheck_interval: Duration::ZERO, ..rules.clone() };
        let story = wait_with(&rules, seed, |_, now| if now < end { blocked(&freeze(end)) } else { recorded() }).await;
        assert_eq!(story.asked.len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn half_an_hour_takes_at_most_five_requests() {
    let end = after(start(), 1_800);
    let rules = Rules { timeout: seconds(3_600), ..rules(Reaction::Wait) };
    let story = wait_with(&rules, 3, |_, now| if now < end { blocked(&freeze(end)) } else { recorded() }).await;
    assert!(story.asked.len() <= 5, "{:?}", story.asked);
}

#[tokio::test(start_paused = true)]
async fn a_rule_lifted_early_is_noticed_within_one_recheck() {
    let (end, lifted) = (after(start(), 6 * 3_600), after(start(), 4_000));
    let rules = Rules { timeout: seconds(7 * 3_600), ..rules(Reaction::Wait) };
    let story = wait_with(&rules, 3, |_, now| if now < lifted { blocked(&freeze(end)) } else { recorded() }).await;
    assert!(story.took >= seconds(4_000) && story.took <= seconds(4_600), "{:?}", story.took);
}

#[tokio::test(start_paused = true)]
async fn a_reason_that_changes_is_said_once_and_follows_its_own_setting() {
    let conflict = block(409, "CONCURRENT_DEPLOYMENT", Value::Null, json!({}));
    let answers = |request: usize, now: Timestamp| match request {
        1..=3 => blocked(&conflict),
        4..=5 => blocked(&freeze(now + 60.seconds())),
        6..=8 => blocked(&approval()),
        _ => recorded(),
    };
    let story = wait_with(&rules(Reaction::Wait), 3, answers).await;
    assert!(matches!(story.verdict, Verdict::Recorded(_)));
    let stages: Vec<&str> = story.wait.stages.iter().map(|stage| stage.what.as_str()).collect();
    assert_eq!(stages, ["another deployment is in progress", "no-deploy window friday_freeze", "0 of 2 approvals"]);
    let said = |words: &str| story.said.iter().filter(|(_, line)| line.contains(words)).count();
    assert_eq!(
        (said("now waiting for another reason: no-deploy window"), said("now waiting for another reason: 0 of 2")),
        (1, 1)
    );

    let rules = Rules { on_approval: Reaction::Fail, ..rules(Reaction::Wait) };
    let story = wait_with(&rules, 3, answers).await;
    assert!(matches!(story.end, End::Blocked(Why::Setting)) && story.asked.len() == 6, "{:?}", story.end);
}

#[tokio::test(start_paused = true)]
async fn failures_in_between_do_not_end_it_but_a_refusal_does() {
    let end = after(start(), 300);
    let story = wait_with(&rules(Reaction::Wait), 3, |request, now| match request {
        1 => blocked(&freeze(end)),
        2..=4 => Does::Answers(unreachable()),
        5 => Does::Hangs,
        _ if now < end => blocked(&freeze(end)),
        _ => recorded(),
    })
    .await;
    assert!(matches!(story.verdict, Verdict::Recorded(_)), "{:?}", story.verdict);
    let refusal = Refusal { status: 401, ..Refusal::default() };
    let story = wait_with(&rules(Reaction::Wait), 3, |request, _| match request {
        1 => blocked(&freeze(end)),
        _ => Does::Answers(Verdict::Refused(refusal.clone())),
    })
    .await;
    assert!(matches!(story.verdict, Verdict::Refused(_)) && story.wait.block.is_some() && story.asked.len() == 2);
}

#[tokio::test(start_paused = true)]
async fn the_deadline_is_never_overrun_whatever_the_server_does() {
    for timeout in [1, 7, 60, 1_800] {
        let rules = Rules { timeout: seconds(timeout), poll_interval: seconds(1), ..rules(Reaction::Wait) };
        for seed in 0..30 {
            let mut chance = fastrand::Rng::with_seed(seed);
            let story = wait_with(&rules, seed, |request, now| match (request, chance.u8(0..6)) {
                (1, _) | (_, 0) => blocked(&approval()),
                (_, 1) => blocked(&freeze(now + i64::from(chance.u16(0..600)).seconds())),
                (_, 2) => blocked(&block(409, "CONCURRENT_DEPLOYMENT", json!("nonsense"), json!({}))),
                (_, 3) => Does::Answers(unreachable()),
                _ => Does::Hangs,
            })
            .await;
            assert!(story.took <= seconds(timeout), "{:?} of {timeout} s", story.took);
            assert!(matches!(story.end, End::Blocked(_)) && matches!(story.verdict, Verdict::Blocked(_)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_poll_is_made_just_before_the_deadline() {
    let story = wait_with(&rules(Reaction::Wait), 3, |_, _| blocked(&approval())).await;
    assert!(matches!(story.end, End::Blocked(Why::DeadlineReached)));
    let last = story.asked.last().unwrap();
    assert_eq!(*last, seconds(1_798));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_come_in_time_fails_at_once() {
    let story = wait_with(&rules(Reaction::Wait), 3, |_, _| blocked(&freeze(after(start(), 1_801)))).await;
    assert!(matches!(story.end, End::Blocked(Why::BeyondDeadline)));
    assert_eq!((story.took, story.asked.len(), story.wait.waited()), (Duration::ZERO, 1, None));
}

#[tokio::test(start_paused = true)]
async fn progress_is_said_at_the_start_and_every_minute_and_not_more() {
    let end = after(start(), 1_500);
    let story =
        wait_with(&rules(Reaction::Wait), 3, |_, now| if now < end { blocked(&freeze(end)) } else { recorded() }).await;
    assert_eq!(story.said[0].0, Duration::ZERO);
    assert!(
        story.said[0].1.starts_with(
            "waiting: no-deploy window friday_freeze, until 2025-10-28 12:25 UTC (in 25 min); at most 30 min"
        ),
        "{}",
        story.said[0].1
    );
    let mut times: Vec<Duration> = story.said.iter().map(|(at, _)| *at).collect();
    times.push(story.took);
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] <= seconds(60), "{pair:?}");
    }
    let story =
        wait_with(&Rules { poll_interval: seconds(1), ..rules(Reaction::Wait) }, 3, |_, _| blocked(&approval())).await;
    for pair in story.said.windows(2) {
        assert!(pair[1].0 - pair[0].0 >= seconds(10), "{pair:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_blocked_is_not_waited_for() {
    for verdict in [
        unreachable(),
        Verdict::Refused(Refusal { status: 409, ..Refusal::default() }),
        Verdict::Recorded(Box::default()),
    ] {
        let story = wait_with(&rules(Reaction::Wait), 3, |_, _| Does::Answers(verdict.clone())).await;
        assert!(matches!(story.end, End::Answered) && story.asked.len() == 1 && story.wait.waited().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn progress_is_said_while_a_request_gets_no_answer() {
    let story = wait_with(&rules(Reaction::Wait), 3, |request, _| match request {
        1 => blocked(&approval()),
        2..=4 => Does::Hangs,
        _ => recorded(),
    })
    .await;
    let mut times: Vec<Duration> = story.said.iter().map(|(at, _)| *at).collect();
    times.push(story.took);
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] <= seconds(60), "{times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn approvals_that_come_in_one_by_one_are_not_another_reason() {
    let so_far = |current: usize| {
        block(428, "APPROVAL_REQUIRED", Value::Null, json!({"required_approvals": 5, "current_approvals": current}))
    };
    let story =
        wait_with(
            &rules(Reaction::Wait),
            3,
            |request, _| {
                if request <= 5 { blocked(&so_far(request - 1)) } else { recorded() }
            },
        )
        .await;
    assert_eq!(story.wait.stages.len(), 1, "{:?}", story.wait.stages);
    assert!(!story.said.iter().any(|(_, line)| line.contains("another reason")), "{:?}", story.said);
}

#[tokio::test(start_paused = true)]
async fn reasons_that_alternate_are_said_once_each() {
    let story =
        wait_with(&Rules { poll_interval: seconds(1), ..rules(Reaction::Wait) }, 3, |request, now| match request {
            20.. => recorded(),
            odd if odd % 2 == 1 => blocked(&approval()),
            _ => blocked(&freeze(now + 1.second())),
        })
        .await;
    let changes = story.said.iter().filter(|(_, line)| line.contains("another reason")).count();
    assert_eq!(changes, 1, "{:?}", story.said);
}

#[tokio::test(start_paused = true)]
async fn the_jobs_own_end_is_never_overrun() {
    let ends = Instant::now() + seconds(90);
    let rules = Rules { job_ends: Some((ends, "CI_JOB_TIMEOUT".to_owned())), ..rules(Reaction::Wait) };
    for hangs in [1, 2, 3] {
        let story =
            wait_with(&rules, 3, |request, _| if request == hangs { Does::Hangs } else { blocked(&approval()) }).await;
        assert!(Instant::now() <= ends, "{:?}", story.took);
    }
    let story = wait_with(&rules, 3, |_, _| blocked(&freeze(after(start(), 1_000)))).await;
    assert!(
        matches!(story.end, End::Blocked(_)) && story.wait.limit.contains("CI_JOB_TIMEOUT"),
        "{}",
        story.wait.limit
    );
}

#[tokio::test(start_paused = true)]
async fn a_named_time_just_before_the_deadline_is_asked_for_in_time() {
    let end = after(start(), 5);
    let rules = Rules { timeout: seconds(6), ..rules(Reaction::Wait) };
    for seed in 0..50 {
        let story = wait_with(&rules, seed, |_, now| if now < end { blocked(&freeze(end)) } else { recorded() }).await;
        assert!(matches!(story.verdict, Verdict::Recorded(_)), "{:?}", story.end);
    }
}
