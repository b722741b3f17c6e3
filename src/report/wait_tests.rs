//! What people see of a wait, in virtual time: the log from beginning to end, and the message of a wait that timed out.

use super::progress::{LogLine, lines};
use super::{Delivery, ReportContext};
use crate::api::SendResult;
use crate::ci::System;
use crate::env::Env;
use crate::gate::wait::{EventSender, Progress, WaitParams, WaitRecord, send_until_decided};
use crate::model::block::Block;
use crate::model::clock::{Clock, ServerClock};
use crate::model::superseded::Superseded;
use crate::model::verdict::{Answer, Verdict};
use crate::settings::{self, Plan, ReportPlan, Settings};
use crate::state::SpoolResult;
use crate::text::Redactor;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::path::Path;
use tokio::time::Instant;

const START: &str = "2026-11-24T14:37:00Z";

/// The settings and the event of a deployment on GitHub that waits.
fn plan() -> (Settings, ReportPlan) {
    let args = "versioner track deployment --product shop --version 1.4.2 --environment production --status started \
                --api-key sk_demo_9999_secret --on-block wait";
    let line = settings::parse(args.split(' ').filter(|arg| !arg.is_empty()).map(Into::into)).unwrap();
    let env: Env = [("GITHUB_ACTIONS", "true"), ("HOME", "/home/runner")].into_iter().collect();
    let system = System::detect(&env);
    let context = system.context(&env, Path::new("/nowhere"));
    let resolved = settings::resolve(&line, &env, system, &context, START.parse().unwrap(), Redactor::default());
    match resolved.plan {
        Plan::Report(settings, plan) => (settings, plan),
        other => panic!("{other:?}: {:?}", resolved.errors),
    }
}

/// A server that answers as its clock says.
struct Server<F> {
    answer: F,
    clock: Clock,
    began: Instant,
}

impl<F: FnMut(u64) -> Verdict> EventSender for Server<F> {
    fn may_be_superseded(&self) -> bool {
        false
    }

    async fn superseded(&mut self, _: Instant) -> Option<Superseded> {
        None
    }

    async fn send(&mut self, _: Option<Instant>) -> SendResult {
        SendResult {
            verdict: (self.answer)(self.began.elapsed().as_secs()),
            http_status: None,
            requests: 1,
            server_clock: ServerClock::from_date(
                Some(&httpdate::fmt_http_date(self.clock.now().into())),
                self.clock.now(),
            ),
            requested_pause: None,
            unanswered_since: None,
            idempotency_key: String::new(),
        }
    }
}

fn blocked(status: u16, body: &Value) -> Verdict {
    Verdict::Blocked(Box::new(Block::parse(status, body).unwrap()))
}

fn approvals(current: u8) -> Verdict {
    blocked(
        428,
        &json!({"code": "APPROVAL_REQUIRED", "message": "Production deployment requires approval from 2 team leads",
            "details": {"rule_name": "prod_approval", "required_approvals": 2, "current_approvals": current,
            "approver_roles": ["team-lead", "manager"]}}),
    )
}

fn window() -> Verdict {
    blocked(
        423,
        &json!({"code": "NO_DEPLOY_WINDOW", "message": "No deployments during the release review",
            "retry_after": "2026-11-24T14:57:00Z", "details": {"window_name": "release_review"}}),
    )
}

fn conflict() -> Verdict {
    blocked(
        409,
        &json!({"code": "CONCURRENT_DEPLOYMENT", "message": "Another deployment to production is already in progress",
            "details": {"conflicting_deployment_id": "550e8400-e29b-41d4-a716-446655440000",
            "conflicting_deployment_started": "2026-11-24T14:31:00Z"}}),
    )
}

/// The log of a wait, each line with its time, and the report at its end.
async fn wait(answer: impl FnMut(u64) -> Verdict) -> (String, String) {
    let (settings, plan) = plan();
    let system = System::detect(&[("GITHUB_ACTIONS", "true")].into_iter().collect());
    let context = ReportContext {
        settings: &settings,
        event: &plan.event,
        system,
        has_summary: true,
        wrapped: false,
        failure_fails_step: true,
        end: None,
    };
    let clock = Clock::simulated(START.parse::<Timestamp>().unwrap());
    let log = RefCell::new(String::new());
    let print = |line: &str| log.borrow_mut().push_str(line);
    let emit = |progress: Progress<'_>| {
        for line in lines(context, &progress) {
            match line {
                LogLine::Line(line) => print(&format!("versioner: {line}\n")),
                LogLine::Detail(detail) => print(&format!("  {detail}\n")),
            }
        }
    };
    let params = WaitParams { policy: &settings.wait, own_version: "1.4.2", clock };
    let mut server = Server { answer, clock, began: Instant::now() };
    let mut record = WaitRecord::default();
    let mut rng = fastrand::Rng::with_seed(7);
    let (result, end) = send_until_decided(&mut server, &emit, &params, &mut rng, &mut record).await;
    let delivery = Delivery {
        http_status: None,
        requests: result.requests,
        server_clock: result.server_clock,
        unanswered_since: None,
        answer: Answer::Verdict(result.verdict),
        wait: record,
        wait_end: end,
        excused: false,
        spool: SpoolResult::NotSpooled,
    };
    let now = clock.now();
    if let Some(line) = delivery.end_of_wait(context, now) {
        print(&format!("versioner: {line}\n"));
    }
    let report = delivery.report(context, now);
    let message = format!("{}\n{}\n\n{}", report.title, report.message(), report.summary().markdown);
    (log.into_inner(), message)
}

#[tokio::test(start_paused = true)]
async fn log_of_a_wait_shows_every_change_and_repeats_the_explanation() {
    let (log, _) = wait(|seconds| match seconds {
        0..150 => approvals(0),
        150..760 => approvals(1),
        760..1_200 => window(),
        _ => Verdict::Recorded(Box::default()),
    })
    .await;
    insta::assert_snapshot!("log_of_a_wait", log);
    assert_eq!(log.matches("is blocked: ").count(), 3, "explained at the start and every 10 minutes:\n{log}");
    assert_eq!(log.matches("\nversioner: progress  1 of 2 approvals\n").count(), 1, "{log}");
    assert!(
        log.contains("versioner: changed   now blocked by no-deploy window release_review until 14:57 UTC: \""),
        "{log}"
    );
    assert!(
        log.trim_end().lines().last().unwrap().starts_with("versioner: cleared   shop 1.4.2 → production may start")
    );
}

#[tokio::test(start_paused = true)]
async fn wait_that_times_out_says_so_in_the_log_and_in_the_message() {
    let (log, message) = wait(|seconds| approvals(u8::from(seconds > 90))).await;
    let last = log.trim_end().lines().last().unwrap();
    assert_eq!(last, "versioner: gave up   shop 1.4.2 → production is still blocked after 30 min: 1 of 2 approvals");
    insta::assert_snapshot!("timed_out", message);
}

#[tokio::test(start_paused = true)]
async fn log_names_the_conflicting_deployment_and_its_page() {
    let (log, _) = wait(|seconds| if seconds < 40 { conflict() } else { Verdict::Recorded(Box::default()) }).await;
    insta::assert_snapshot!("log_of_a_conflict", log);
}
