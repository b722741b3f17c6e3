//! `resume` against GitHub's part of the sandbox. Every request is checked against GitHub's own description of its API.

use crate::support::{Run, Versioner};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use versioner_sandbox::{Fault, GitHubAnnotation, GitHubState, NewRun, Permission, Reply, Sandbox};

/// A call of `resume` in a scheduled workflow.
fn call(sandbox: &Sandbox) -> Versioner {
    let token = sandbox.github(|github, _| github.token.clone());
    let call = Versioner::bare();
    let summary = call.dir.path().join("summary").display().to_string();
    call.env("GITHUB_STEP_SUMMARY", &summary)
        .envs(&[
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_REPOSITORY", "octo/shop"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_API_URL", &sandbox.github_url()),
            ("GITHUB_TOKEN", &token),
            ("VERSIONER_RETRIES", "0"),
        ])
        .args(["resume", "--workflow", "deploy.yml", "--json"])
}

fn resume(sandbox: &Sandbox) -> Run {
    checked(sandbox, &call(sandbox))
}

/// Runs a call, and checks what holds for every one.
fn checked(sandbox: &Sandbox, call: &Versioner) -> Run {
    sandbox.clear_requests();
    let run = call.run();
    let requests = sandbox.requests();
    sandbox.github(|github, _| {
        assert!(github.violations.is_empty(), "{:?}", github.violations);
        assert!(!run.all().contains(&github.token) && !run.summary().contains(&github.token), "{}", run.all());
        for request in &requests {
            assert_eq!(request.header("authorization"), Some(format!("Bearer {}", github.token).as_str()));
            assert!(request.header("user-agent").unwrap().starts_with("versioner-action/"));
        }
    });
    let json = run.json();
    assert_eq!(json["requests"], requests.len(), "{json}");
    assert!(requests.len() <= 300, "{}", requests.len());
    run
}

fn marker(kind: &str, not_before: Timestamp) -> GitHubAnnotation {
    GitHubAnnotation::notice("versioner-parked", &message(kind, not_before))
}

fn message(kind: &str, not_before: Timestamp) -> String {
    format!(r#"{{"v":1,"kind":"{kind}","not_before":"{not_before:.0}"}}"#)
}

fn ago(now: Timestamp, seconds: i64) -> Timestamp {
    now - SignedDuration::from_secs(seconds)
}

/// Adds a run that was created so many seconds ago, with one job `deploy` that is parked and due.
fn parked(github: &mut GitHubState, now: Timestamp, age: i64) -> u64 {
    let run = github.add_run(NewRun { age, ..NewRun::default() }, now);
    github.add_job(run, "deploy", Some("failure"), vec![marker("window", ago(now, 120))]);
    run
}

/// The re-runs that were asked for, as the ends of their paths.
fn reruns(sandbox: &Sandbox) -> Vec<String> {
    let posts = sandbox.requests().into_iter().filter(|request| request.method == "POST");
    posts.map(|request| request.path.split_once("/actions/").unwrap().1.to_owned()).collect()
}

/// Run, job and decision of each row.
fn decisions(run: &Run) -> Vec<(u64, String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let json = run.json();
    let rows = json["jobs"].as_array().unwrap().iter();
    rows.map(|row| (row["run"].as_u64().unwrap(), text(&row["job"]), text(&row["decision"]))).collect()
}

fn decision(run: u64, job: &str, word: &str) -> (u64, String, String) {
    (run, job.to_owned(), word.to_owned())
}

#[test]
fn due_job_is_re_run_and_an_early_one_is_not() {
    let sandbox = Sandbox::start();
    let run = sandbox.github(|github, now| parked(github, now, 3_600));
    let output = resume(&sandbox);
    assert_eq!(output.code, 0, "{}", output.all());
    assert_eq!(decisions(&output), [decision(run, "deploy", "rerun")]);
    assert_eq!(reruns(&sandbox), [format!("runs/{run}/rerun-failed-jobs")]);
    assert_eq!(sandbox.github(|github, _| github.run_mut(run).attempts.len()), 2);
    let json = output.json();
    assert_eq!((&json["jobs"][0]["attempt"], &json["left"]), (&Value::from(1), &Value::from(0)));
    assert!(output.stderr.contains("deploy") && output.summary().contains("<td>deploy</td>"), "{}", output.all());
    // While it runs, nothing is done.
    let output = resume(&sandbox);
    assert_eq!((output.code, decisions(&output).len(), reruns(&sandbox).len()), (0, 0, 0), "{}", output.all());

    let sandbox = Sandbox::start();
    sandbox.github(|github, now| {
        let run = github.add_run(NewRun::default(), now);
        github.add_job(run, "deploy", Some("failure"), vec![marker("window", now + SignedDuration::from_secs(600))]);
    });
    let output = resume(&sandbox);
    assert_eq!((output.code, reruns(&sandbox).len()), (0, 0));
    assert_eq!(decisions(&output)[0].2, "waiting");
    assert!(output.json()["jobs"][0]["reason"].as_str().unwrap().starts_with("due at 20"), "{}", output.all());
}

#[test]
fn time_is_githubs_not_this_machines() {
    let sandbox = Sandbox::start();
    let run = sandbox.github(|github, now| {
        let run = github.add_run(NewRun::default(), now);
        github.add_job(run, "deploy", Some("failure"), vec![marker("window", now + SignedDuration::from_secs(7_200))]);
        run
    });
    assert_eq!(decisions(&resume(&sandbox))[0].2, "waiting");
    // Two hours and a minute of jitter later, by GitHub's clock alone.
    sandbox.settings(serde_json::json!({"clock_offset_seconds": 7_261}));
    assert_eq!(decisions(&resume(&sandbox)), [decision(run, "deploy", "rerun")]);
    // A clock that is months ahead of GitHub's: the list still begins 30 days ago by GitHub's.
    let sandbox = Sandbox::start();
    sandbox.settings(serde_json::json!({"clock_offset_seconds": -90 * 86_400}));
    let run = sandbox.github(|github, now| parked(github, now, 3_600));
    assert_eq!(decisions(&resume(&sandbox)), [decision(run, "deploy", "rerun")]);
}

#[test]
fn approval_is_tried_again_15_minutes_after_the_job_and_then_ever_more_rarely() {
    for (attempts, age, expected) in
        [(1, 800, "waiting"), (1, 1_000, "rerun"), (2, 1_000, "waiting"), (2, 1_900, "rerun")]
    {
        let sandbox = Sandbox::start();
        sandbox.github(|github, now| {
            let run = github.add_run(NewRun { age, ..NewRun::default() }, now);
            github.add_job(
                run,
                "deploy",
                Some("failure"),
                vec![marker("approval", now + SignedDuration::from_hours(99))],
            );
            let run = github.run_mut(run);
            run.attempts.insert(0, Vec::new());
            run.attempts.drain(..2 - attempts);
        });
        assert_eq!(decisions(&resume(&sandbox))[0].2, expected, "attempt {attempts}, {age} s ago");
    }
}

#[test]
fn only_runs_of_the_repositorys_own_branch_count() {
    let sandbox = Sandbox::start();
    let run = sandbox.github(|github, now| {
        let run = parked(github, now, 3_600);
        // None of these is re-run, and none supersedes the one above, although each is newer.
        for (event, fork) in [
            ("push", Some("evil/shop")),
            ("pull_request", Some("evil/shop")),
            ("pull_request", None),
            ("pull_request_target", None),
            ("workflow_run", None),
            ("merge_group", None),
        ] {
            let new = NewRun { event: event.into(), fork: fork.map(str::to_owned), ..NewRun::default() };
            let other = github.add_run(new.clone(), now);
            github.add_job(other, "deploy", Some("failure"), vec![marker("window", ago(now, 120))]);
            let other = github.add_run(new.clone(), now);
            github.add_job(other, "deploy", Some("success"), vec![]);
            let other = github.add_run(new, now);
            github.add_job(other, "deploy", None, vec![]);
        }
        let feature = github.add_run(NewRun { branch: "feature".into(), ..NewRun::default() }, now);
        github.add_job(feature, "deploy", Some("failure"), vec![marker("window", ago(now, 120))]);
        run
    });
    let output = resume(&sandbox);
    assert_eq!((output.code, decisions(&output)), (0, vec![decision(run, "deploy", "rerun")]), "{}", output.all());
    assert!(output.stderr.contains("18 runs do not count"), "{}", output.stderr);
}

#[test]
fn another_branch_and_dry_run_can_be_asked_for() {
    let sandbox = Sandbox::start();
    let (main, feature) = sandbox.github(|github, now| {
        let main = parked(github, now, 3_600);
        let feature = github.add_run(NewRun { branch: "release/1.x".into(), age: 60, ..NewRun::default() }, now);
        github.add_job(feature, "deploy", Some("failure"), vec![marker("soak", ago(now, 120))]);
        (main, feature)
    });
    let dry = checked(&sandbox, &call(&sandbox).args(["--dry-run"]));
    assert_eq!((dry.code, decisions(&dry)), (0, vec![decision(main, "deploy", "would_rerun")]));
    assert_eq!(reruns(&sandbox).len(), 0);
    let other = checked(&sandbox, &call(&sandbox).args(["--branch", "release/1.x"]));
    assert_eq!(decisions(&other), [decision(feature, "deploy", "rerun")]);
}

#[test]
fn job_with_a_newer_one_of_its_name_stays_failed() {
    for conclusion in [Some("success"), None] {
        let sandbox = Sandbox::start();
        let run = sandbox.github(|github, now| {
            let run = parked(github, now, 3_600);
            let newer = github.add_run(NewRun { event: "schedule".into(), ..NewRun::default() }, now);
            github.add_job(newer, "deploy", conclusion, vec![]);
            run
        });
        let output = resume(&sandbox);
        assert_eq!(decisions(&output), [decision(run, "deploy", "superseded")], "{conclusion:?}");
        assert_eq!((output.code, reruns(&sandbox).len()), (0, 0));
    }
    // A newer run that failed for another reason does not supersede it, nor does another job that succeeded.
    let sandbox = Sandbox::start();
    let run = sandbox.github(|github, now| {
        let run = parked(github, now, 3_600);
        let newer = github.add_run(NewRun::default(), now);
        github.add_job(newer, "deploy", Some("failure"), vec![GitHubAnnotation::notice("x", "y")]);
        github.add_job(newer, "test", Some("success"), vec![]);
        run
    });
    assert_eq!(decisions(&resume(&sandbox)), [decision(run, "deploy", "rerun")]);
}

#[test]
fn newest_parked_run_goes_alone() {
    let sandbox = Sandbox::start();
    let runs = sandbox.github(|github, now| [3_000, 2_000, 1_000].map(|age| parked(github, now, age)));
    let output = resume(&sandbox);
    let expected = [(2, "rerun"), (1, "superseded"), (0, "superseded")];
    assert_eq!(decisions(&output), expected.map(|(run, word)| decision(runs[run], "deploy", word)));
    assert_eq!(reruns(&sandbox), [format!("runs/{}/rerun-failed-jobs", runs[2])]);
}

#[test]
fn nothing_is_re_run_while_a_newer_run_goes() {
    let sandbox = Sandbox::start();
    let (older, newer) = sandbox.github(|github, now| {
        let older = parked(github, now, 3_000);
        let newer = github.add_run(NewRun { age: 2_000, ..NewRun::default() }, now);
        github.add_job(newer, "migrate", Some("failure"), vec![marker("window", ago(now, 120))]);
        (older, newer)
    });
    let output = resume(&sandbox);
    assert_eq!(decisions(&output), [decision(newer, "migrate", "rerun"), decision(older, "deploy", "held")]);
    assert_eq!(reruns(&sandbox).len(), 1);
    let output = resume(&sandbox);
    assert_eq!(decisions(&output), [decision(older, "deploy", "held")]);
    sandbox.github(|github, now| github.complete_job(newer, "migrate", "success", "", now));
    assert_eq!(decisions(&resume(&sandbox)), [decision(older, "deploy", "rerun")]);
}

#[test]
fn of_two_parked_jobs_the_due_one_goes_alone_and_the_other_is_found_later() {
    let sandbox = Sandbox::start();
    let (run, east, west) = sandbox.github(|github, now| {
        let run = github.add_run(NewRun { age: 3_600, ..NewRun::default() }, now);
        let east = github.add_job(run, "east", Some("failure"), vec![marker("window", ago(now, 120))]);
        let west =
            github.add_job(run, "west", Some("failure"), vec![marker("window", now + SignedDuration::from_secs(600))]);
        (run, east, west)
    });
    let output = resume(&sandbox);
    assert_eq!(decisions(&output), [decision(run, "east", "rerun"), decision(run, "west", "waiting")]);
    assert_eq!(reruns(&sandbox), [format!("jobs/{east}/rerun")]);
    // The copy of the other job has a new id and no annotations.
    sandbox.github(|github, now| github.complete_job(run, "east", "success", "", now));
    assert_eq!(decisions(&resume(&sandbox)), [decision(run, "west", "waiting")]);
    sandbox.settings(serde_json::json!({"clock_offset_seconds": 661}));
    let output = resume(&sandbox);
    assert_eq!(decisions(&output), [decision(run, "west", "rerun")], "{}", output.all());
    assert_eq!(reruns(&sandbox), [format!("runs/{run}/rerun-failed-jobs")]);
    assert!(sandbox.github(|github, _| github.run_mut(run).latest().iter().all(|job| job.id != west)));
}

#[test]
fn job_that_ran_again_and_failed_otherwise_is_not_parked_any_more() {
    let sandbox = Sandbox::start();
    let run = sandbox.github(|github, now| parked(github, now, 3_600));
    resume(&sandbox);
    sandbox.settings(serde_json::json!({"clock_offset_seconds": 60}));
    // Cancelled before it could print anything.
    sandbox.github(|github, now| github.complete_job(run, "deploy", "cancelled", "", now));
    let output = resume(&sandbox);
    assert_eq!((decisions(&output), reruns(&sandbox).len()), (vec![], 0), "{}", output.all());
}

#[test]
fn job_that_failed_for_another_reason_is_left_alone() {
    let sandbox = Sandbox::start();
    let (run, deploy) = sandbox.github(|github, now| {
        let run = github.add_run(NewRun { age: 3_600, ..NewRun::default() }, now);
        github.add_job(run, "lint", Some("cancelled"), vec![]);
        let deploy = github.add_job(run, "deploy", Some("failure"), vec![marker("window", ago(now, 120))]);
        (run, deploy)
    });
    assert_eq!(decisions(&resume(&sandbox)), [decision(run, "deploy", "rerun")]);
    assert_eq!(reruns(&sandbox), [format!("jobs/{deploy}/rerun")]);
}

#[test]
fn hostile_and_masked_markers_are_named_and_ignored() {
    let sandbox = Sandbox::start();
    let run = sandbox.github(|github, now| {
        github.secrets = vec!["window".into()];
        let run = github.add_run(NewRun { age: 3_600, ..NewRun::default() }, now);
        github.add_job(run, "masked", None, vec![]);
        let notice = |text: &str| format!("::notice title=versioner-parked::{text}\n");
        github.complete_job(run, "masked", "failure", &notice(&message("window", now)), now);
        for (name, text) in [
            ("not json", "::error::x".to_owned()),
            ("huge", "x".repeat(60_000)),
            ("\u{202e}##[error]hostile<b>", "{}".to_owned()),
            ("other version", message("soak", now).replace(":1,", ":2,")),
        ] {
            github.add_job(run, name, Some("failure"), vec![GitHubAnnotation::notice("versioner-parked", &text)]);
        }
        // The latest of several counts, and it says only when: the rest of it is not read.
        let elsewhere = message("soak", ago(now, 120)).replace('}', r#","run":1,"job":"x","repository":"evil/x"}"#);
        let several = ["***".to_owned(), message("soak", ago(now, 9_000)), elsewhere];
        let several = several.iter().map(|text| GitHubAnnotation::notice("versioner-parked", text)).collect();
        github.add_job(run, "several", Some("failure"), several);
        run
    });
    let output = resume(&sandbox);
    assert_eq!(output.code, 0, "{}", output.all());
    let found = decisions(&output);
    assert!(found.iter().filter(|(_, _, word)| word == "ignored").count() == 5, "{found:?}");
    assert_eq!(found.last(), Some(&decision(run, "several", "rerun")));
    assert!(output.commands().is_empty(), "{}", output.all());
    assert!(!output.summary().contains("<b>") && !output.all().contains("##["), "{}", output.summary());
}

#[test]
fn attempt_40_is_given_up_with_an_error() {
    let sandbox = Sandbox::start();
    let run = sandbox.github(|github, now| {
        let run = parked(github, now, 3_600);
        let attempts = &mut github.run_mut(run).attempts;
        attempts.splice(0..0, std::iter::repeat_n(Vec::new(), 38));
        run
    });
    assert_eq!(decisions(&resume(&sandbox)), [decision(run, "deploy", "rerun")]);
    let log =
        sandbox.github(|_, now| format!("::notice title=versioner-parked::{}\n", message("window", ago(now, 120))));
    sandbox.github(|github, now| github.complete_job(run, "deploy", "failure", &log, now));
    let output = resume(&sandbox);
    assert_eq!((output.code, decisions(&output)), (1, vec![decision(run, "deploy", "gave_up")]));
    assert!(output.only("error").message.contains("attempt 40"), "{}", output.all());
    assert_eq!(reruns(&sandbox).len(), 0);
}

#[test]
fn missing_permission_is_said_and_the_rest_goes_on() {
    let sandbox = Sandbox::start();
    let (older, newer) = sandbox.github(|github, now| {
        github.actions = Permission::Read;
        let older = parked(github, now, 3_000);
        let newer = github.add_run(NewRun { age: 2_000, ..NewRun::default() }, now);
        github.add_job(newer, "migrate", Some("failure"), vec![marker("window", ago(now, 120))]);
        (older, newer)
    });
    let output = resume(&sandbox);
    assert_eq!(decisions(&output), [decision(newer, "migrate", "failed"), decision(older, "deploy", "failed")]);
    let error = output.only("error");
    assert!(output.code == 1 && error.message.contains("actions: write"), "{error:?}");
    assert!(error.message.contains("Resource not accessible by integration"), "{error:?}");

    sandbox.github(|github, _| {
        github.actions = Permission::Write;
        github.checks = Permission::None;
    });
    let output = resume(&sandbox);
    assert_eq!((output.code, reruns(&sandbox).len()), (1, 0));
    assert!(output.only("error").message.contains("checks: read"), "{}", output.all());
    sandbox.github(|github, _| github.actions = Permission::None);
    assert_eq!(resume(&sandbox).code, 1);
}

#[test]
fn unknown_workflow_repository_or_token_fails() {
    let sandbox = Sandbox::start();
    sandbox.github(|github, now| parked(github, now, 60));
    for (variable, value, words) in [
        ("VERSIONER_WORKFLOW", "other.yml", "404"),
        ("GITHUB_REPOSITORY", "octo/other", "404"),
        ("VERSIONER_GITHUB_TOKEN", "ghs_wrong_0123456789", "401"),
    ] {
        let mut call = call(&sandbox).env("VERSIONER_WORKFLOW", "deploy.yml").env(variable, value);
        let output = call.run_with(["resume", "--json"]);
        assert!(output.code == 1 && output.only("error").message.contains(words), "{}", output.all());
        assert!(!output.all().contains("ghs_wrong"), "{}", output.all());
        assert_eq!(output.json()["jobs"], Value::Array(vec![]));
    }
}

#[test]
fn token_that_expires_in_the_middle_ends_the_call() {
    let sandbox = Sandbox::start();
    sandbox.github(|github, now| {
        for age in 0..20 {
            parked(github, now, age);
        }
        github.token_expires_after = Some(9);
    });
    let output = resume(&sandbox);
    assert!(output.code == 1 && output.only("error").message.contains("expired"), "{}", output.all());
    assert_eq!(sandbox.requests().len(), 10);
    let left = output.json()["left"].as_u64().unwrap();
    assert_eq!(left as usize + decisions(&output).len(), 20);
}

#[test]
fn primary_rate_limit_ends_the_call_at_once() {
    let sandbox = Sandbox::start();
    sandbox.github(|github, now| {
        for age in 0..20 {
            parked(github, now, age);
        }
        github.requests_left = Some(9);
    });
    let output = resume(&sandbox);
    assert!(output.code == 1 && output.only("error").message.contains("rate limit"), "{}", output.all());
    assert_eq!(sandbox.requests().len(), 10);
}

#[test]
fn secondary_rate_limit_is_waited_out_and_reported() {
    let sandbox = Sandbox::start();
    let run = sandbox.github(|github, now| parked(github, now, 3_600));
    let limited = Reply::status(403)
        .json(serde_json::json!({"message": "You have exceeded a secondary rate limit"}))
        .header("Retry-After", "1");
    sandbox.script([Reply { path: Some("/github/repos/octo/shop".into()), ..limited }]);
    let output = resume(&sandbox);
    assert_eq!(decisions(&output), [decision(run, "deploy", "rerun")]);
    assert!(output.code == 1 && output.stderr.contains("rate limit"), "{}", output.all());
    let times: Vec<Timestamp> =
        sandbox.requests().iter().map(|request| request.received_at.parse().unwrap()).take(2).collect();
    assert!(times[1].duration_since(times[0]).as_millis() >= 1_000, "{times:?}");
}

#[test]
fn run_that_another_call_re_runs_is_no_failure() {
    // Between reading the run and re-running it, another call was faster.
    let sandbox = Sandbox::start();
    let run = sandbox.github(|github, now| parked(github, now, 3_600));
    sandbox.script([Reply {
        path: Some(format!("/github/repos/octo/shop/actions/runs/{run}/rerun-failed-jobs")),
        behave: true,
        ..Reply::status(403).json(serde_json::json!({"message": "This workflow is already running"}))
    }]);
    let output = resume(&sandbox);
    assert_eq!((output.code, decisions(&output)), (0, vec![decision(run, "deploy", "running")]), "{}", output.all());

    // Before that, it sees the other attempt.
    let sandbox = Sandbox::start();
    let run = sandbox.github(|github, now| {
        let run = parked(github, now, 3_600);
        parked(github, now, 5_000);
        run
    });
    let listed = sandbox.github(|github, _| github.run_mut(run).clone());
    let (one, other) = (call(&sandbox), call(&sandbox));
    let (one, other) = std::thread::scope(|scope| {
        let one = scope.spawn(|| one.run());
        let other = scope.spawn(|| other.run());
        (one.join().unwrap(), other.join().unwrap())
    });
    assert_eq!((one.code, other.code), (0, 0), "{}{}", one.all(), other.all());
    let attempts = sandbox.github(|github, _| github.runs.iter().map(|run| run.attempts.len()).sum::<usize>());
    assert_eq!((attempts, listed.attempts.len()), (3, 1), "exactly one re-run");
}

#[test]
fn re_run_whose_answer_is_lost_is_found_out() {
    let sandbox = Sandbox::start();
    let run = sandbox.github(|github, now| parked(github, now, 3_600));
    let path = Some(format!("/github/repos/octo/shop/actions/runs/{run}/rerun-failed-jobs"));
    sandbox.script([Reply { path: path.clone(), ..Reply::fault(Fault::LoseReply) }]);
    let output = resume(&sandbox);
    assert_eq!((output.code, decisions(&output)), (0, vec![decision(run, "deploy", "rerun")]), "{}", output.all());
    assert_eq!(reruns(&sandbox).len(), 1, "a re-run is asked for once");

    let sandbox = Sandbox::start();
    let run = sandbox.github(|github, now| parked(github, now, 3_600));
    sandbox.script([Reply { path, ..Reply::status(502) }]);
    let output = resume(&sandbox);
    assert_eq!((output.code, decisions(&output)), (1, vec![decision(run, "deploy", "failed")]), "{}", output.all());
}

#[test]
fn run_that_cannot_be_read_holds_back_older_ones() {
    let sandbox = Sandbox::start();
    let (older, newer) = sandbox.github(|github, now| (parked(github, now, 3_000), parked(github, now, 2_000)));
    sandbox.script([Reply {
        path: Some(format!("/github/repos/octo/shop/actions/runs/{newer}/jobs")),
        ..Reply::status(404)
    }]);
    let output = resume(&sandbox);
    assert_eq!((output.code, decisions(&output)), (1, vec![decision(older, "deploy", "held")]), "{}", output.all());
    assert_eq!(reruns(&sandbox).len(), 0);
}

#[test]
fn ten_thousand_runs_take_at_most_300_requests() {
    // All failed and parked: the newest are looked at, and the rest is counted.
    let sandbox = Sandbox::start();
    sandbox.github(|github, now| {
        for age in (0..10_000).rev() {
            parked(github, now, age * 100);
        }
    });
    let output = resume(&sandbox);
    let (found, json) = (decisions(&output), output.json());
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert_eq!(found[0].2, "rerun");
    assert!(found.len() > 140 && found[1..].iter().all(|(_, _, word)| word == "superseded"), "{}", found.len());
    assert_eq!(json["left"].as_u64().unwrap() as usize + found.len(), 10_000);
    assert!(output.stderr.contains("not looked at"), "{}", output.stderr);

    // All succeeded but the oldest: the whole list is read, in slices of fewer than 1,000.
    let sandbox = Sandbox::start();
    let oldest = sandbox.github(|github, now| {
        let oldest = github.add_run(NewRun { age: 10_000 * 100, ..NewRun::default() }, now);
        github.add_job(oldest, "migrate", Some("failure"), vec![marker("window", ago(now, 120))]);
        for age in (0..9_999).rev() {
            // Several in one second, also where one slice ends.
            let run = github.add_run(NewRun { age: age / 3 * 100, ..NewRun::default() }, now);
            github.add_job(run, "deploy", Some("success"), vec![]);
        }
        oldest
    });
    let output = resume(&sandbox);
    let pages = sandbox.requests().iter().filter(|request| request.path.contains("/workflows/")).count();
    assert!((100..115).contains(&pages), "{pages}");
    // Reading the jobs of 10,000 newer runs is beyond the limit, so the job is not re-run.
    assert_eq!((decisions(&output), reruns(&sandbox).len()), (vec![], 0), "{}", output.all());
    assert_eq!(output.json()["left"], 1, "{oldest}");
}

#[test]
fn runs_beyond_30_days_are_not_listed() {
    let sandbox = Sandbox::start();
    sandbox.github(|github, now| {
        parked(github, now, 31 * 86_400);
    });
    assert_eq!(decisions(&resume(&sandbox)), []);
}

#[test]
fn what_it_needs_is_an_error_that_says_so() {
    let sandbox = Sandbox::start();
    let mut github = call(&sandbox);
    let bare = |variables: &[(&str, &str)]| {
        Versioner::bare().envs(variables).args(["resume", "--workflow", "deploy.yml"]).run()
    };
    let output = github.run_with(["resume"]);
    assert!(output.code == 1 && output.only("error").message.contains("--workflow"), "{}", output.all());
    let output = bare(&[("GITHUB_ACTIONS", "true"), ("GITHUB_REPOSITORY", "octo/shop")]);
    assert!(output.code == 1 && output.only("error").message.contains("actions: write"), "{}", output.all());
    for variables in [
        &[("GITEA_ACTIONS", "true"), ("GITHUB_REPOSITORY", "octo/shop"), ("GITHUB_TOKEN", "0123456789")][..],
        &[("GITLAB_CI", "true"), ("GITHUB_TOKEN", "0123456789")],
        &[("GITHUB_TOKEN", "0123456789")],
    ] {
        let output = bare(variables);
        assert!(output.code == 1 && output.all().contains("re-runs jobs on GitHub"), "{}", output.all());
    }
    let output = bare(&[
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_REPOSITORY", "octo/shop"),
        ("GITHUB_TOKEN", "ghs_0123456789"),
        ("GITHUB_API_URL", "http://github.example/api/v3"),
    ]);
    assert!(output.code == 1 && output.only("error").message.contains("GITHUB_API_URL"), "{}", output.all());
    assert!(!output.all().contains("ghs_0123456789"));
}

#[test]
fn action_resumes_by_its_inputs() {
    let sandbox = Sandbox::start();
    let run = sandbox.github(|github, now| parked(github, now, 3_600));
    let (token, url) = (sandbox.github(|github, _| github.token.clone()), sandbox.github_url());
    let output = Versioner::github(&sandbox, "auto")
        .without("INPUT_API_KEY")
        .envs(&[("INPUT_COMMAND", "resume"), ("INPUT_WORKFLOW", ".github/workflows/deploy.yml"), ("INPUT_RUN", "auto")])
        .envs(&[("INPUT_GITHUB_TOKEN", &token), ("GITHUB_API_URL", &url), ("INPUT_DRY_RUN", "true")])
        .run();
    assert!(output.code == 0 && output.stdout.contains("would_rerun"), "{}", output.all());
    assert!(
        output
            .summary()
            .contains(&format!("https&#58;&#47;&#47;github.com&#47;octo&#47;shop&#47;actions&#47;runs&#47;{run}"))
    );
    assert!(!output.all().contains(&token));
}
