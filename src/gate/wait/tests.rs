//! The loop in virtual time.

use super::super::tests::{after, block, policy, seconds, start};
use super::*;
use crate::model::policy::{OnBlock, WaitPolicy};
use crate::model::superseded::Superseded;
use crate::model::verdict::{Receipt, Rejection, Unavailable, UnavailableCause};
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
    /// From when on a newer run exists, if that is asked.
    superseded_after: Option<Duration>,
    questions: Vec<Duration>,
}

/// What the server does with a request.
enum Does {
    Answers(Verdict),
    /// It does not answer: the request lasts as long as it may, for a while.
    Hangs,
}

impl<F: FnMut(usize, Timestamp) -> Does> EventSender for Server<F> {
    async fn send(&mut self, deadline: Option<Instant>) -> SendResult {
        self.asked.push(self.began.elapsed());
        let now = self.clock.now();
        let verdict = match (self.answers)(self.asked.len(), now) {
            Does::Answers(verdict) => verdict,
            Does::Hangs => {
                let limit = Instant::now() + seconds(self.patience);
                tokio::time::sleep_until(deadline.map_or(limit, |deadline| limit.min(deadline))).await;
                unavailable()
            }
        };
        let date = httpdate::fmt_http_date(now.into());
        SendResult {
            verdict,
            http_status: None,
            requests: 1,
            server_clock: ServerClock::from_date(Some(&date), now),
            requested_pause: None,
            unanswered_since: None,
            idempotency_key: String::new(),
        }
    }

    fn may_be_superseded(&self) -> bool {
        self.superseded_after.is_some()
    }

    async fn superseded(&mut self, _deadline: Instant) -> Option<Superseded> {
        self.questions.push(self.began.elapsed());
        (self.began.elapsed() >= self.superseded_after?).then_some(Superseded::By(7))
    }
}

/// How a wait went.
struct Story {
    verdict: Verdict,
    end: WaitEnd,
    wait: WaitRecord,
    asked: Vec<Duration>,
    questions: Vec<Duration>,
    progress: Vec<(Duration, ProgressKind, BlockKind)>,
    took: Duration,
}

async fn wait_with(policy: &WaitPolicy, seed: u64, answers: impl FnMut(usize, Timestamp) -> Does) -> Story {
    wait_in_run(policy, seed, None, answers).await
}

/// The same in a run that a newer one supersedes after some time.
async fn wait_in_run(
    policy: &WaitPolicy,
    seed: u64,
    superseded_after: Option<Duration>,
    answers: impl FnMut(usize, Timestamp) -> Does,
) -> Story {
    let clock = Clock::simulated(start());
    let began = Instant::now();
    let progress = RefCell::new(Vec::new());
    let emit = |it: Progress<'_>| progress.borrow_mut().push((began.elapsed(), it.kind, it.block.kind));
    let params = WaitParams { policy, own_version: "1.4.2", clock };
    let mut server =
        Server { answers, asked: Vec::new(), began, clock, patience: 100, superseded_after, questions: Vec::new() };
    let mut wait = WaitRecord::default();
    let mut rng = fastrand::Rng::with_seed(seed);
    let (result, end) = send_until_decided(&mut server, &emit, &params, &mut rng, &mut wait).await;
    assert_eq!(result.requests, u32::try_from(server.asked.len()).unwrap());
    let took = began.elapsed();
    let (asked, questions) = (server.asked, server.questions);
    Story { verdict: result.verdict, end, wait, asked, questions, progress: progress.into_inner(), took }
}

fn blocked(block: &Block) -> Does {
    Does::Answers(Verdict::Blocked(Box::new(block.clone())))
}

fn recorded() -> Does {
    Does::Answers(Verdict::Recorded(Box::<Receipt>::default()))
}

fn unavailable() -> Verdict {
    let cause = UnavailableCause::Server { status: 503, message: None, maybe_proxy: false };
    Verdict::Unavailable(Unavailable { cause, host: "api".into(), proxy: None, requested_pause: None })
}

fn freeze(end: Timestamp) -> Block {
    block(423, "NO_DEPLOY_WINDOW", json!(end.to_string()), json!({"window_name": "friday_freeze"}))
}

fn approval() -> Block {
    block(428, "APPROVAL_REQUIRED", Value::Null, json!({"required_approvals": 2, "current_approvals": 0}))
}

#[tokio::test(start_paused = true)]
async fn six_hour_window_takes_few_requests_and_ends_on_time() {
    let end = after(start(), 6 * 3_600);
    let policy = WaitPolicy { timeout: seconds(7 * 3_600), ..policy(OnBlock::Wait) };
    for seed in 0..20 {
        let story = wait_with(&policy, seed, |_, now| if now < end { blocked(&freeze(end)) } else { recorded() }).await;
        assert!(matches!(story.verdict, Verdict::Recorded(_)));
        assert!(story.asked.len() <= 38, "{}", story.asked.len());
        assert!(story.took >= seconds(6 * 3_600) && story.took <= seconds(6 * 3_600 + 60), "{:?}", story.took);
        assert_eq!(story.wait.stages.len(), 1);
        let policy = WaitPolicy { recheck_interval: Duration::ZERO, ..policy.clone() };
        let story = wait_with(&policy, seed, |_, now| if now < end { blocked(&freeze(end)) } else { recorded() }).await;
        assert_eq!(story.asked.len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn half_hour_window_takes_at_most_five_requests() {
    let end = after(start(), 1_800);
    let policy = WaitPolicy { timeout: seconds(3_600), ..policy(OnBlock::Wait) };
    let story = wait_with(&policy, 3, |_, now| if now < end { blocked(&freeze(end)) } else { recorded() }).await;
    assert!(story.asked.len() <= 5, "{:?}", story.asked);
}

#[tokio::test(start_paused = true)]
async fn rule_lifted_early_is_noticed_within_one_recheck_interval() {
    let (end, lifted) = (after(start(), 6 * 3_600), after(start(), 4_000));
    let policy = WaitPolicy { timeout: seconds(7 * 3_600), ..policy(OnBlock::Wait) };
    let story = wait_with(&policy, 3, |_, now| if now < lifted { blocked(&freeze(end)) } else { recorded() }).await;
    assert!(story.took >= seconds(4_000) && story.took <= seconds(4_600), "{:?}", story.took);
}

#[tokio::test(start_paused = true)]
async fn changed_reason_is_reported_once_and_follows_its_own_setting() {
    let conflict = block(409, "CONCURRENT_DEPLOYMENT", Value::Null, json!({}));
    let answers = |request: usize, now: Timestamp| match request {
        1..=3 => blocked(&conflict),
        4..=5 => blocked(&freeze(now + 60.seconds())),
        6..=8 => blocked(&approval()),
        _ => recorded(),
    };
    let story = wait_with(&policy(OnBlock::Wait), 3, answers).await;
    assert!(matches!(story.verdict, Verdict::Recorded(_)));
    let stages: Vec<BlockKind> = story.wait.stages.iter().map(|stage| stage.block.kind).collect();
    assert_eq!(stages, [BlockKind::Conflict, BlockKind::Window, BlockKind::Approval]);
    let new_reasons = |kind: BlockKind| {
        story.progress.iter().filter(|(_, progress, of)| *progress == ProgressKind::NewReason && *of == kind).count()
    };
    assert_eq!((new_reasons(BlockKind::Window), new_reasons(BlockKind::Approval)), (1, 1));

    let policy = WaitPolicy { on_approval: OnBlock::Fail, ..policy(OnBlock::Wait) };
    let story = wait_with(&policy, 3, answers).await;
    assert!(matches!(story.end, WaitEnd::Blocked(FailReason::Setting)) && story.asked.len() == 6, "{:?}", story.end);
}

#[tokio::test(start_paused = true)]
async fn transient_failures_do_not_end_the_wait_but_a_rejection_does() {
    let end = after(start(), 300);
    let story = wait_with(&policy(OnBlock::Wait), 3, |request, now| match request {
        1 => blocked(&freeze(end)),
        2..=4 => Does::Answers(unavailable()),
        5 => Does::Hangs,
        _ if now < end => blocked(&freeze(end)),
        _ => recorded(),
    })
    .await;
    assert!(matches!(story.verdict, Verdict::Recorded(_)), "{:?}", story.verdict);
    let rejection = Rejection { status: 401, ..Rejection::default() };
    let story = wait_with(&policy(OnBlock::Wait), 3, |request, _| match request {
        1 => blocked(&freeze(end)),
        _ => Does::Answers(Verdict::Rejected(rejection.clone())),
    })
    .await;
    assert!(matches!(story.verdict, Verdict::Rejected(_)) && story.wait.block.is_some() && story.asked.len() == 2);
}

#[tokio::test(start_paused = true)]
async fn wait_exceeds_its_deadline_only_by_the_last_poll() {
    for timeout in [1, 7, 60, 1_800] {
        let policy = WaitPolicy { timeout: seconds(timeout), poll_interval: seconds(1), ..policy(OnBlock::Wait) };
        for seed in 0..30 {
            let mut chance = fastrand::Rng::with_seed(seed);
            let story = wait_with(&policy, seed, |request, now| match (request, chance.u8(0..6)) {
                (1, _) | (_, 0) => blocked(&approval()),
                (_, 1) => blocked(&freeze(now + i64::from(chance.u16(0..600)).seconds())),
                (_, 2) => blocked(&block(409, "CONCURRENT_DEPLOYMENT", json!("nonsense"), json!({}))),
                (_, 3) => Does::Answers(unavailable()),
                _ => Does::Hangs,
            })
            .await;
            // The last poll leaves by the deadline and gets one more second.
            assert!(story.took <= seconds(timeout + 1), "{:?} of {timeout} s", story.took);
            assert!(matches!(story.end, WaitEnd::Blocked(_)) && matches!(story.verdict, Verdict::Blocked(_)));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn last_poll_is_sent_by_the_deadline() {
    let story = wait_with(&policy(OnBlock::Wait), 3, |_, _| blocked(&approval())).await;
    assert!(matches!(story.end, WaitEnd::Blocked(FailReason::DeadlineReached)));
    let last = story.asked.last().unwrap();
    assert_eq!(*last, seconds(1_800));
}

#[tokio::test(start_paused = true)]
async fn end_beyond_the_deadline_fails_at_once() {
    let story = wait_with(&policy(OnBlock::Wait), 3, |_, _| blocked(&freeze(after(start(), 1_801)))).await;
    assert!(matches!(story.end, WaitEnd::Blocked(FailReason::BeyondDeadline)));
    assert_eq!((story.took, story.asked.len(), story.wait.waited()), (Duration::ZERO, 1, None));
}

#[tokio::test(start_paused = true)]
async fn progress_is_reported_at_the_start_and_every_minute() {
    let end = after(start(), 1_500);
    let story =
        wait_with(&policy(OnBlock::Wait), 3, |_, now| if now < end { blocked(&freeze(end)) } else { recorded() }).await;
    assert_eq!(story.progress[0], (Duration::ZERO, ProgressKind::Begun, BlockKind::Window));
    let mut times: Vec<Duration> = story.progress.iter().map(|(at, ..)| *at).collect();
    times.push(story.took);
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] <= seconds(60), "{pair:?}");
    }
    let story =
        wait_with(&WaitPolicy { poll_interval: seconds(1), ..policy(OnBlock::Wait) }, 3, |_, _| blocked(&approval()))
            .await;
    for pair in story.progress.windows(2) {
        assert!(pair[1].0 - pair[0].0 >= seconds(10), "{pair:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn only_blocks_are_waited_for() {
    for verdict in [
        unavailable(),
        Verdict::Rejected(Rejection { status: 409, ..Rejection::default() }),
        Verdict::Recorded(Box::default()),
    ] {
        let story = wait_with(&policy(OnBlock::Wait), 3, |_, _| Does::Answers(verdict.clone())).await;
        assert!(matches!(story.end, WaitEnd::Answered) && story.asked.len() == 1 && story.wait.waited().is_none());
    }
}

#[tokio::test(start_paused = true)]
async fn progress_is_reported_while_a_request_hangs() {
    let story = wait_with(&policy(OnBlock::Wait), 3, |request, _| match request {
        1 => blocked(&approval()),
        2..=4 => Does::Hangs,
        _ => recorded(),
    })
    .await;
    let mut times: Vec<Duration> = story.progress.iter().map(|(at, ..)| *at).collect();
    times.push(story.took);
    for pair in times.windows(2) {
        assert!(pair[1] - pair[0] <= seconds(60), "{times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn approvals_so_far_do_not_change_the_reason() {
    let so_far = |current: usize| {
        block(428, "APPROVAL_REQUIRED", Value::Null, json!({"required_approvals": 5, "current_approvals": current}))
    };
    let story =
        wait_with(
            &policy(OnBlock::Wait),
            3,
            |request, _| {
                if request <= 5 { blocked(&so_far(request - 1)) } else { recorded() }
            },
        )
        .await;
    assert_eq!(story.wait.stages.len(), 1, "{:?}", story.wait.stages);
    assert!(!story.progress.iter().any(|(_, kind, _)| *kind == ProgressKind::NewReason), "{:?}", story.progress);
}

#[tokio::test(start_paused = true)]
async fn alternating_reasons_are_reported_once_each() {
    let story =
        wait_with(
            &WaitPolicy { poll_interval: seconds(1), ..policy(OnBlock::Wait) },
            3,
            |request, now| match request {
                20.. => recorded(),
                odd if odd % 2 == 1 => blocked(&approval()),
                _ => blocked(&freeze(now + 1.second())),
            },
        )
        .await;
    let changes = story.progress.iter().filter(|(_, kind, _)| *kind == ProgressKind::NewReason).count();
    assert_eq!(changes, 1, "{:?}", story.progress);
}

#[tokio::test(start_paused = true)]
async fn wait_never_exceeds_the_end_of_the_job() {
    let ends = Instant::now() + seconds(90);
    let policy = WaitPolicy { job_end: Some((ends, "CI_JOB_TIMEOUT".to_owned())), ..policy(OnBlock::Wait) };
    for hangs in [1, 2, 3] {
        let story =
            wait_with(&policy, 3, |request, _| if request == hangs { Does::Hangs } else { blocked(&approval()) }).await;
        assert!(Instant::now() <= ends, "{:?}", story.took);
    }
    let story = wait_with(&policy, 3, |_, _| blocked(&freeze(after(start(), 1_000)))).await;
    assert!(
        matches!(story.end, WaitEnd::Blocked(_))
            && matches!(&story.wait.limit, Some(WaitLimit::Job(_, variable)) if variable == "CI_JOB_TIMEOUT"),
        "{:?}",
        story.wait.limit
    );
}

#[tokio::test(start_paused = true)]
async fn announced_end_just_before_the_deadline_is_polled() {
    let end = after(start(), 5);
    let policy = WaitPolicy { timeout: seconds(6), ..policy(OnBlock::Wait) };
    for seed in 0..50 {
        let story = wait_with(&policy, seed, |_, now| if now < end { blocked(&freeze(end)) } else { recorded() }).await;
        assert!(matches!(story.verdict, Verdict::Recorded(_)), "{:?}", story.end);
    }
}

#[tokio::test(start_paused = true)]
async fn announced_end_in_the_last_seconds_is_polled() {
    let policy = WaitPolicy { timeout: seconds(60), ..policy(OnBlock::Wait) };
    for ends_in in [57, 58, 59, 60] {
        let end = after(start(), ends_in);
        for seed in 0..20 {
            let story =
                wait_with(&policy, seed, |_, now| if now < end { blocked(&freeze(end)) } else { recorded() }).await;
            assert!(matches!(story.verdict, Verdict::Recorded(_)), "{ends_in} s: {:?}", story.end);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_header_announces_the_end() {
    let end = after(start(), 600);
    let block = Block { retry_after_header: Some(end), ..approval() };
    let story =
        wait_with(&policy(OnBlock::Wait), 3, |_, now| if now < end { blocked(&block) } else { recorded() }).await;
    assert_eq!(story.asked.len(), 2, "{:?}", story.asked);
    let block = Block { retry_after_header: Some(after(start(), 7_200)), ..approval() };
    let story = wait_with(&policy(OnBlock::Wait), 3, |_, _| blocked(&block)).await;
    assert!(matches!(story.end, WaitEnd::Blocked(FailReason::BeyondDeadline)), "{:?}", story.end);
}

#[tokio::test(start_paused = true)]
async fn unreadable_conflict_is_not_waited_for() {
    let story = wait_with(&policy(OnBlock::Wait), 3, |_, _| blocked(&Block::unreadable_conflict())).await;
    assert!(matches!(story.end, WaitEnd::Blocked(FailReason::Unreadable)), "{:?}", story.end);
    assert_eq!(story.asked.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn block_that_parks_ends_at_once_even_if_another_was_waited_for() {
    let park = policy(OnBlock::Park);
    for block in [freeze(after(start(), 60)), approval(), block(409, "CONCURRENT_DEPLOYMENT", Value::Null, json!({}))] {
        let story = wait_with(&park, 3, |_, _| blocked(&block)).await;
        assert!(matches!(story.end, WaitEnd::Blocked(FailReason::Park)), "{:?}", story.end);
        assert_eq!((story.asked.len(), story.wait.waited()), (1, None));
    }
    let policy = WaitPolicy { on_approval: OnBlock::Park, ..policy(OnBlock::Wait) };
    let story = wait_with(&policy, 3, |request, now| {
        blocked(&if request == 1 { freeze(now + 60.seconds()) } else { approval() })
    })
    .await;
    assert!(matches!(story.end, WaitEnd::Blocked(FailReason::Park)) && story.asked.len() == 2, "{:?}", story.end);
}

#[tokio::test(start_paused = true)]
async fn unreadable_conflict_and_flow_are_not_parked() {
    let story = wait_with(&policy(OnBlock::Park), 3, |_, _| blocked(&Block::unreadable_conflict())).await;
    assert!(matches!(story.end, WaitEnd::Blocked(FailReason::Unreadable)), "{:?}", story.end);
    let never = policy(OnBlock::Park).never_park();
    let story = wait_with(&never, 3, |_, _| blocked(&approval())).await;
    assert!(matches!(story.end, WaitEnd::Blocked(FailReason::Setting)), "{:?}", story.end);
}

#[tokio::test(start_paused = true)]
async fn newer_run_ends_the_wait_before_the_next_poll() {
    let story = wait_in_run(&policy(OnBlock::Wait), 3, Some(seconds(100)), |_, _| blocked(&approval())).await;
    assert!(matches!(story.end, WaitEnd::Superseded(Superseded::By(7))), "{:?}", story.end);
    assert_eq!(story.questions.len(), story.asked.len(), "one question before each poll after the first request");
    assert!(story.took >= seconds(100) && story.took < seconds(200), "{:?}", story.took);
}

#[tokio::test(start_paused = true)]
async fn question_for_a_newer_run_does_not_delay_the_last_poll() {
    for timeout in [5, 10, 60, 1_800] {
        let policy = WaitPolicy { timeout: seconds(timeout), ..policy(OnBlock::Wait) };
        let story = wait_in_run(&policy, 3, Some(seconds(10_000)), |_, _| blocked(&approval())).await;
        assert_eq!(*story.asked.last().unwrap(), seconds(timeout));
        assert_eq!(story.questions.len(), story.asked.len() - 1);
        assert!(story.questions.iter().all(|at| *at <= seconds(timeout.saturating_sub(10))), "{:?}", story.questions);
    }
}
