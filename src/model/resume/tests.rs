use super::*;
use crate::model::park::ParkKind;

fn now() -> Timestamp {
    "2025-10-28T15:00:00Z".parse().unwrap()
}

fn run(number: u64, progress: Progress) -> WorkflowRun {
    WorkflowRun {
        id: number * 1_000,
        number,
        attempt: 1,
        workflow_id: None,
        event: "push".to_owned(),
        branch: Some("main".to_owned()),
        is_own: true,
        progress,
        created: now(),
        updated: now(),
    }
}

fn parked(id: u64, name: &str, seconds_until_due: i64) -> ParkedJob {
    let due = now() + jiff::SignedDuration::from_secs(seconds_until_due);
    ParkedJob { id, name: name.into(), due }
}

fn notice(message: &str) -> Annotation {
    Annotation { is_notice: true, title: MARKER_TITLE.to_owned(), message: message.to_owned() }
}

#[test]
fn only_failure_cancelled_and_timed_out_are_failed() {
    for conclusion in ["failure", "cancelled", "timed_out"] {
        assert_eq!(Progress::parse(Some("completed"), Some(conclusion)), Progress::Failed);
    }
    for conclusion in ["neutral", "skipped", "stale", "action_required", "startup_failure"] {
        assert_eq!(Progress::parse(Some("completed"), Some(conclusion)), Progress::Other);
    }
    for status in ["queued", "in_progress", "waiting", "requested", "pending"] {
        assert_eq!(Progress::parse(Some(status), None), Progress::NotCompleted);
    }
    assert_eq!(Progress::parse(Some("completed"), Some("success")), Progress::Succeeded);
    assert_eq!(Progress::parse(None, None), Progress::NotCompleted);
}

#[test]
fn runs_of_forks_other_branches_and_other_events_do_not_count() {
    let counts = |change: fn(&mut WorkflowRun)| {
        let mut run = run(7, Progress::Succeeded);
        change(&mut run);
        assert_eq!(run.counts("main"), run.supersedes(6, "main"));
        run.counts("main")
    };
    assert!(counts(|_| {}));
    for event in EVENTS {
        let run = WorkflowRun { event: event.to_owned(), ..run(7, Progress::Failed) };
        assert!(run.counts("main"), "{event}");
    }
    assert!(!counts(|run| run.is_own = false));
    assert!(!counts(|run| run.branch = Some("Main".to_owned())));
    assert!(!counts(|run| run.branch = None));
    for event in ["pull_request", "pull_request_target", "merge_group", "workflow_run", "issue_comment"] {
        let run = WorkflowRun { event: event.to_owned(), ..run(7, Progress::Succeeded) };
        assert!(!run.counts("main") && !run.supersedes(6, "main"), "{event}");
    }
}

#[test]
fn newer_run_supersedes_unless_it_failed() {
    for (progress, expected) in [
        (Progress::Succeeded, true),
        (Progress::NotCompleted, true),
        (Progress::Failed, false),
        (Progress::Other, false),
    ] {
        assert_eq!(run(7, progress).supersedes(6, "main"), expected, "{progress:?}");
        assert!(!run(7, progress).supersedes(7, "main"));
        assert!(!run(7, progress).supersedes(8, "main"));
    }
}

#[test]
fn latest_marker_counts_and_unreadable_ones_are_counted() {
    let markers = Markers::find(&[
        notice(r#"{"v":1,"kind":"window","not_before":"2025-10-28T15:00:00Z"}"#),
        notice(r#"{"v":1,"kind":"approval","not_before":"2025-10-29T15:00:00Z"}"#),
        notice(r#"{"v":1,"kind":"soak","not_before":"2025-10-27T15:00:00Z"}"#),
        notice("***"),
        Annotation { title: "another".to_owned(), ..notice("x") },
        Annotation { is_notice: false, ..notice(r#"{"v":1,"kind":"window","not_before":"2026-10-28T15:00:00Z"}"#) },
    ]);
    assert_eq!((markers.latest.unwrap().kind, markers.unreadable), (ParkKind::Approval, 1));
    assert_eq!(Markers::find(&[]), Markers::default());
}

#[test]
fn job_that_ran_again_is_no_copy() {
    let at = |seconds| Some(now() + jiff::SignedDuration::from_secs(seconds));
    let job = |started, completed| Job { id: 1, name: "deploy".into(), progress: Progress::Failed, started, completed };
    let earlier = job(at(0), at(60));
    assert!(job(at(0), at(60)).may_be_copy_of(&earlier));
    assert!(job(None, None).may_be_copy_of(&earlier));
    assert!(!job(at(100), at(160)).may_be_copy_of(&earlier));
}

#[test]
fn all_failed_jobs_are_re_run_together_only_if_each_is_ready() {
    let newer = NewerRuns::default();
    let decide = |failed, parked: &[ParkedJob]| newer.decide(&run(7, Progress::Failed), failed, parked, now());
    let (one, two) = (parked(1, "a", 0), parked(2, "b", -60));
    assert_eq!(decide(1, std::slice::from_ref(&one)), (vec![Decision::Rerun], Some(Rerun::FailedJobs)));
    let both = decide(2, &[one.clone(), two.clone()]);
    assert_eq!(both, (vec![Decision::Rerun, Decision::Rerun], Some(Rerun::FailedJobs)));
    // A third job failed for another reason: the one that has been due for longest goes first.
    let third = decide(3, &[one.clone(), two]);
    assert_eq!(third, (vec![Decision::OneAtATime, Decision::Rerun], Some(Rerun::Job(2))));
    let later = parked(3, "c", 1);
    let (decisions, rerun) = decide(2, &[one, later.clone()]);
    assert_eq!((decisions, rerun), (vec![Decision::Rerun, Decision::Waiting(later.due)], Some(Rerun::Job(1))));
    assert_eq!(decide(1, std::slice::from_ref(&later)), (vec![Decision::Waiting(later.due)], None));
    assert_eq!(decide(1, &[]), (vec![], None));
}

#[test]
fn job_of_a_newer_run_supersedes_by_name() {
    let mut newer = NewerRuns::default();
    let job = |name: &str, progress| Job { id: 1, name: name.into(), progress, started: None, completed: None };
    newer.add_jobs(
        9,
        &[
            job("a", Progress::Succeeded),
            job("b", Progress::NotCompleted),
            job("c", Progress::Failed),
            job("d", Progress::Other),
        ],
    );
    newer.add_superseding("e", 8);
    let decide = |name| newer.decide(&run(7, Progress::Failed), 1, &[parked(1, name, 0)], now());
    for (name, expected) in [
        ("a", Decision::Superseded(9)),
        ("b", Decision::Superseded(9)),
        ("c", Decision::Rerun),
        ("d", Decision::Rerun),
        ("e", Decision::Superseded(8)),
    ] {
        let rerun = (expected == Decision::Rerun).then_some(Rerun::FailedJobs);
        assert_eq!(decide(name), (vec![expected], rerun), "{name}");
    }
}

#[test]
fn superseded_job_stays_failed_while_the_other_is_re_run() {
    let mut newer = NewerRuns::default();
    newer.add_superseding("a", 9);
    let jobs = [parked(1, "a", 0), parked(2, "b", 0)];
    let (decisions, rerun) = newer.decide(&run(7, Progress::Failed), 2, &jobs, now());
    assert_eq!((decisions, rerun), (vec![Decision::Superseded(9), Decision::Rerun], Some(Rerun::Job(2))));
}

#[test]
fn nothing_is_re_run_while_a_newer_run_is_active_or_unknown() {
    let decide = |change: fn(&mut NewerRuns), seconds| {
        let mut newer = NewerRuns::default();
        change(&mut newer);
        let (mut decisions, rerun) = newer.decide(&run(7, Progress::Failed), 1, &[parked(1, "a", seconds)], now());
        assert_eq!(rerun, None);
        decisions.remove(0)
    };
    assert_eq!(decide(|newer| newer.add_active(8), 0), Decision::NewerRunActive(8));
    assert_eq!(decide(|newer| newer.add_unknown(8), 0), Decision::NewerRunUnknown(8));
    assert_eq!(decide(|newer| newer.add_unknown_job("a", 8), 0), Decision::NewerRunUnknown(8));
    assert!(matches!(decide(|newer| newer.add_active(8), 60), Decision::Waiting(_)));
}

#[test]
fn attempt_40_is_the_last() {
    let decide = |attempt| {
        let run = WorkflowRun { attempt, ..run(7, Progress::Failed) };
        NewerRuns::default().decide(&run, 1, &[parked(1, "a", 0)], now())
    };
    assert_eq!(decide(39), (vec![Decision::Rerun], Some(Rerun::FailedJobs)));
    assert_eq!(decide(40), (vec![Decision::GaveUp], None));
    assert_eq!(decide(50), (vec![Decision::GaveUp], None));
}
