//! `park` and `on_superseded`: what a job on GitHub leaves, and what it asks GitHub.

use crate::support::{RUN, Run, Versioner, statuses};
use jiff::Timestamp;
use serde_json::{Value, json};
use versioner_sandbox::{NewRun, Permission, Reply, Rule, Sandbox};

fn window(seconds: i64) -> Rule {
    json!({"kind": "window", "name": "friday_freeze", "environment": "production", "ends_in_seconds": seconds,
        "message": "No deployments allowed on Fridays after 3pm PST"})
    .into()
}

fn parking(sandbox: &Sandbox) -> Versioner {
    Versioner::github(sandbox, "started").env("INPUT_ON_BLOCK", "park")
}

/// The marker of a job.
fn marker(run: &Run) -> Value {
    let notice = run.only("notice");
    assert_eq!(notice.title(), "versioner-parked");
    serde_json::from_str(&notice.message).unwrap()
}

fn not_before(run: &Run) -> Timestamp {
    marker(run)["not_before"].as_str().unwrap().parse().unwrap()
}

#[test]
fn parked_job_fails_at_once_with_a_marker_and_one_error() {
    let sandbox = Sandbox::start();
    sandbox.rule(window(7_200));
    let run = parking(&sandbox).run();
    assert_eq!((run.code, sandbox.requests().len()), (5, 1), "{}", run.all());
    let retry_after = sandbox.requests()[0].reply_status;
    assert_eq!(retry_after, Some(423));
    let outputs = run.outputs();
    assert_eq!((outputs["outcome"].as_str(), outputs["gate"].as_str()), ("blocked", "blocked"));
    assert_eq!(outputs["wait_result"], "parked");
    assert_eq!(outputs["retry_after"], marker(&run)["not_before"].as_str().unwrap());
    let marker = marker(&run);
    assert_eq!((&marker["v"], &marker["kind"], marker.as_object().unwrap().len()), (&json!(1), &json!("window"), 3));
    let error = run.only("error");
    assert!(error.title().starts_with("Parked: shop 1.4.2 → production until 20"), "{}", error.title());
    assert!(error.title().ends_with(" UTC (no-deploy window friday_freeze)"), "{}", error.title());
    for words in
        ["Fridays", "re-runs by itself then if this repository has a scheduled resume workflow", "docs/resume.md"]
    {
        assert!(error.message.contains(words), "{words}: {}", error.message);
    }
    assert!(run.summary().contains("Parked"), "{}", run.summary());
}

#[test]
fn every_kind_of_block_but_flow_is_parked_and_always_has_a_time() {
    for (status, code, kind) in [
        (409, "CONCURRENT_DEPLOYMENT", "conflict"),
        (423, "NO_DEPLOY_WINDOW", "window"),
        (428, "APPROVAL_REQUIRED", "approval"),
        (428, "QUALITY_APPROVAL_REQUIRED", "approval"),
        (428, "INSUFFICIENT_SOAK_TIME", "soak"),
    ] {
        let sandbox = Sandbox::start();
        sandbox.script([Reply::status(status).json(json!({"error": "deployment_blocked", "code": code}))]);
        let run = parking(&sandbox).env("GITHUB_RUN_ATTEMPT", "2").run();
        assert_eq!((run.code, marker(&run)["kind"].as_str()), (5, Some(kind)), "{}", run.all());
        let minutes = not_before(&run).duration_since(Timestamp::now()).as_mins();
        assert!((29..=30).contains(&minutes), "{minutes} min after the second attempt");
    }
    let sandbox = Sandbox::start();
    sandbox.script([Reply::status(428).json(json!({"error": "deployment_blocked", "code": "FLOW_VIOLATION"}))]);
    let run = parking(&sandbox).run();
    assert_eq!((run.code, run.outputs()["wait_result"].as_str()), (5, "not_waited"));
    assert!(!run.all().contains("versioner-parked"));
}

#[test]
fn time_of_the_marker_is_the_servers() {
    let sandbox = Sandbox::start();
    sandbox.settings(json!({"clock_offset_seconds": -86_400}));
    sandbox.script([Reply::status(428).json(json!({"error": "deployment_blocked", "code": "APPROVAL_REQUIRED"}))]);
    let away = not_before(&parking(&sandbox).run()).duration_since(Timestamp::now()).as_hours();
    assert_eq!(away, -23);
}

#[test]
fn wait_that_turns_into_another_block_parks_by_its_own_setting() {
    let sandbox = Sandbox::start();
    sandbox.rule(window(1));
    sandbox
        .rule(json!({"kind": "approval", "name": "prod_approval", "environment": "production", "required": 1}).into());
    let run = parking(&sandbox).env("INPUT_ON_WINDOW", "wait").env("INPUT_POLL_INTERVAL", "100ms").run();
    assert_eq!((run.code, run.outputs()["wait_result"].as_str()), (5, "parked"), "{}", run.all());
    assert_eq!(marker(&run)["kind"], "approval");
}

#[test]
fn some_blocks_are_never_parked() {
    let blocked = |status: u16| Reply::status(status).body("<html>");
    let never = |sandbox: &Sandbox, call: &Versioner, code: i32| {
        let run = call.run();
        assert_eq!(run.code, code, "{}", run.all());
        assert!(!run.all().contains("versioner-parked"), "{}", run.all());
        assert!(!sandbox.requests().is_empty());
    };
    // A 409 that nobody can understand.
    let sandbox = Sandbox::start();
    sandbox.script([blocked(409)]);
    never(&sandbox, &parking(&sandbox), 5);
    // Something that has already happened.
    for status in ["success", "failure", "cancelled"] {
        let sandbox = Sandbox::start();
        sandbox.script([blocked(423)]);
        never(&sandbox, &parking(&sandbox).env("INPUT_STATUS", status), 5);
    }
    // The end of a wrapped command.
    let sandbox = Sandbox::start();
    sandbox.script([Reply::behave(), blocked(423)]);
    let wrapped = parking(&sandbox).without("INPUT_STATUS").env("INPUT_RUN", "true").env("PATH", "/usr/bin:/bin");
    never(&sandbox, &wrapped, 1);
    // The end that `finish` reports.
    let sandbox = Sandbox::start();
    let mut call = parking(&sandbox);
    assert_eq!(call.run().code, 0);
    call = call.env("INPUT_STATUS", "failure").env("INPUT_COMMAND", "finish");
    sandbox.script([blocked(423)]);
    never(&sandbox, &call, 5);
}

#[test]
fn wrapped_command_of_a_parked_job_does_not_run() {
    let sandbox = Sandbox::start();
    sandbox.rule(window(600));
    let call = parking(&sandbox).without("INPUT_STATUS").env("INPUT_RUN", "echo RAN").env("PATH", "/usr/bin:/bin");
    let run = call.run();
    assert_eq!((run.code, run.outputs()["wait_result"].as_str()), (5, "parked"));
    assert!(!run.all().contains("RAN\n") && marker(&run)["v"] == 1, "{}", run.all());
}

#[test]
fn park_works_only_on_github() {
    let sandbox = Sandbox::start();
    for (variables, system) in [
        (&[("GITEA_ACTIONS", "true"), ("GITHUB_ACTIONS", "true")][..], "Gitea Actions"),
        (&[("FORGEJO_ACTIONS", "true"), ("GITHUB_ACTIONS", "true")], "Forgejo Actions"),
        (&[("GITLAB_CI", "true")], "GitLab CI"),
        (&[], "no known CI system"),
    ] {
        for (setting, value) in [("ON_BLOCK", "park"), ("ON_SOAK", "park"), ("ON_SUPERSEDED", "fail")] {
            let call = Versioner::deployment(&sandbox, "started").envs(variables);
            let run = call.env(&format!("VERSIONER_{setting}"), value).run();
            assert_eq!(run.code, 1, "{}", run.all());
            for words in [&setting.to_lowercase(), system, "only on GitHub Actions"] {
                assert!(run.all().contains(words), "{words}: {}", run.all());
            }
        }
    }
    assert!(sandbox.requests().is_empty());
    let run = Versioner::github(&sandbox, "started").env("INPUT_ON_FLOW", "park").run();
    assert!(run.code == 1 && run.only("error").message.contains("Allowed: fail or wait"), "{}", run.all());
}

#[test]
fn end_beyond_30_days_after_the_runs_creation_is_not_parked() {
    const DAY: i64 = 86_400;
    let github_call = |sandbox: &Sandbox, run: u64| {
        let token = sandbox.github(|github, _| github.token.clone());
        parking(sandbox).envs(&[
            ("GITHUB_RUN_ID", run.to_string().as_str()),
            ("GITHUB_API_URL", sandbox.github_url().as_str()),
            ("GITHUB_TOKEN", token.as_str()),
        ])
    };
    for (age, end, with_token, expected) in [
        (0, 29 * DAY, false, "parked"),
        (0, 31 * DAY, false, "too_far"),
        // Without a token, nobody says how old the run is.
        (20 * DAY, 15 * DAY, false, "parked"),
        (20 * DAY, 15 * DAY, true, "too_far"),
        (20 * DAY, 9 * DAY, true, "parked"),
    ] {
        let sandbox = Sandbox::start();
        sandbox.rule(window(end));
        let run = sandbox.github(|github, now| github.add_run(NewRun { age, ..NewRun::default() }, now));
        let call = github_call(&sandbox, run);
        let run = if with_token { call } else { call.without("GITHUB_TOKEN") }.run();
        assert_eq!((run.code, run.outputs()["wait_result"].as_str()), (5, expected), "{age} {end}: {}", run.all());
        let error = run.only("error");
        if expected == "too_far" {
            assert!(
                error.message.contains("Not parked: it ends more than") && error.message.contains("30 days"),
                "{error:?}"
            );
            assert!(error.message.contains("Do: start a new run after"), "{error:?}");
            assert!(!run.all().contains("versioner-parked"));
        }
        sandbox.github(|github, _| assert!(github.violations.is_empty(), "{:?}", github.violations));
    }
    // A GitHub that does not answer parks the job as without a token.
    let sandbox = Sandbox::start();
    sandbox.rule(window(600));
    sandbox.github(|github, _| github.actions = Permission::None);
    let run = github_call(&sandbox, 7).run();
    assert_eq!(run.outputs()["wait_result"], "parked", "{}", run.all());
}

/// A job in the run with this number, whose newer run has this `newer` conclusion.
pub(crate) fn in_run(sandbox: &Sandbox, newer: Option<Option<&str>>) -> Versioner {
    let (number, token) = sandbox.github(|github, now| {
        let run = github.add_run(NewRun { age: 600, ..NewRun::default() }, now);
        github.add_job(run, "deploy", None, vec![]);
        let number = github.run_mut(run).number;
        if let Some(conclusion) = newer {
            let run = github.add_run(NewRun::default(), now);
            github.add_job(run, "deploy", conclusion, vec![]);
        }
        (number, github.token.clone())
    });
    Versioner::github(sandbox, "started").envs(&[
        ("INPUT_ON_SUPERSEDED", "fail"),
        ("INPUT_ON_BLOCK", "wait"),
        ("INPUT_POLL_INTERVAL", "100ms"),
        ("INPUT_GITHUB_TOKEN", &token),
        ("GITHUB_API_URL", &sandbox.github_url()),
        ("GITHUB_RUN_NUMBER", &number.to_string()),
        ("GITHUB_WORKFLOW_REF", "octo/shop/.github/workflows/deploy.yml@refs/heads/main"),
        ("GITHUB_TRIGGERING_ACTOR", "mona"),
    ])
}

/// The events that the API got.
fn events(sandbox: &Sandbox) -> usize {
    sandbox.github(|github, _| assert!(github.violations.is_empty(), "{:?}", github.violations));
    sandbox.requests().iter().filter(|request| request.path == "/deployment-events/").count()
}

#[test]
fn waiting_job_stops_when_a_newer_run_succeeded_runs_or_is_pending() {
    for (newer, superseded) in [
        (Some(Some("success")), true),
        (Some(None), true),
        (Some(Some("failure")), false),
        (Some(Some("cancelled")), false),
        (None, false),
    ] {
        let sandbox = Sandbox::start();
        sandbox.rule(window(1));
        let call = in_run(&sandbox, newer);
        let run = call.run();
        if superseded {
            assert_eq!((run.code, events(&sandbox)), (5, 1), "{newer:?}: {}", run.all());
            let outputs = run.outputs();
            assert_eq!((outputs["outcome"].as_str(), outputs["gate"].as_str()), ("superseded", "blocked"));
            let error = run.only("error");
            assert_eq!(
                error.title(),
                "Superseded: shop 1.4.2 → production will not be deployed (run 102 of this workflow is newer)"
            );
        } else {
            assert_eq!((run.code, run.outputs()["gate"].as_str()), (0, "passed"), "{newer:?}: {}", run.all());
        }
    }
}

#[test]
fn runs_of_forks_and_other_events_supersede_nothing() {
    let sandbox = Sandbox::start();
    sandbox.rule(window(1));
    let call = in_run(&sandbox, None);
    sandbox.github(|github, now| {
        for (event, fork, branch) in
            [("push", Some("evil/shop"), "main"), ("pull_request", None, "main"), ("push", None, "feature")]
        {
            let new = NewRun {
                event: event.into(),
                fork: fork.map(str::to_owned),
                branch: branch.into(),
                ..NewRun::default()
            };
            let run = github.add_run(new, now);
            github.add_job(run, "deploy", Some("success"), vec![]);
        }
    });
    let run = call.run();
    assert_eq!((run.code, run.outputs()["gate"].as_str()), (0, "passed"), "{}", run.all());
}

#[test]
fn automatic_re_run_asks_before_it_starts_and_a_manual_one_never() {
    let sandbox = Sandbox::start();
    let call = in_run(&sandbox, Some(Some("success"))).env("GITHUB_RUN_ATTEMPT", "2");
    let call = call.env("GITHUB_TRIGGERING_ACTOR", "github-actions[bot]");
    let run = call.run();
    assert_eq!((run.code, events(&sandbox)), (5, 0), "{}", run.all());
    assert_eq!(run.outputs()["outcome"], "superseded");
    assert_eq!(run.outputs()["gate"], "blocked");

    for (name, value) in [
        ("GITHUB_TRIGGERING_ACTOR", "mona"),
        ("GITHUB_REF", "refs/tags/v1.4.2"),
        ("GITHUB_EVENT_NAME", "pull_request"),
        ("GITHUB_EVENT_NAME", "merge_group"),
        ("GITHUB_EVENT_NAME", "workflow_run"),
    ] {
        let sandbox = Sandbox::start();
        sandbox.rule(window(1));
        let call = in_run(&sandbox, Some(Some("success")))
            .env("GITHUB_RUN_ATTEMPT", "2")
            .env("GITHUB_TRIGGERING_ACTOR", "github-actions[bot]");
        let run = call.env(name, value).run();
        assert_eq!(run.code, 0, "{name}={value}: {}", run.all());
        assert!(sandbox.requests().iter().all(|request| !request.path.starts_with("/github/")));
    }
}

#[test]
fn wrapped_command_of_a_superseded_job_does_not_run() {
    let sandbox = Sandbox::start();
    let call = in_run(&sandbox, Some(None))
        .without("INPUT_STATUS")
        .env("INPUT_RUN", "echo RAN")
        .env("PATH", "/usr/bin:/bin")
        .env("GITHUB_RUN_ATTEMPT", "2")
        .env("GITHUB_TRIGGERING_ACTOR", "github-actions[bot]");
    let run = call.run();
    assert_eq!((run.code, events(&sandbox)), (5, 0), "{}", run.all());
    assert!(!run.all().contains("RAN\n"));
}

#[test]
fn run_is_looked_up_if_the_variables_do_not_name_its_workflow() {
    let sandbox = Sandbox::start();
    sandbox.rule(window(1));
    let call = in_run(&sandbox, Some(None)).without("GITHUB_WORKFLOW_REF");
    let id = sandbox.github(|github, _| github.runs[0].id);
    let run = call.env("GITHUB_RUN_ID", &id.to_string()).run();
    assert_eq!((run.code, run.outputs()["outcome"].as_str()), (5, "superseded"), "{}", run.all());
}

#[test]
fn github_that_cannot_be_asked_is_one_warning_or_closes_a_required_gate() {
    let sandbox = Sandbox::start();
    sandbox.rule(window(1));
    sandbox.github(|github, _| github.actions = Permission::None);
    let call = in_run(&sandbox, None).env("INPUT_RECHECK_INTERVAL", "500ms");
    let run = call.run();
    assert_eq!((run.code, run.outputs()["gate"].as_str()), (0, "passed"), "{}", run.all());
    assert!(events(&sandbox) > 2 && run.only("warning").message.contains("actions: read"), "{}", run.all());

    let sandbox = Sandbox::start();
    sandbox.rule(window(1));
    sandbox.github(|github, _| github.actions = Permission::None);
    let run = in_run(&sandbox, None).env("INPUT_REQUIRE_GATE", "true").run();
    assert_eq!((run.code, run.outputs()["gate"].as_str()), (5, "blocked"), "{}", run.all());
    assert!(run.only("error").title().contains("GitHub cannot say"), "{}", run.all());

    // Without a token, GitHub cannot be asked either.
    let sandbox = Sandbox::start();
    sandbox.rule(window(1));
    let run = in_run(&sandbox, None).without("INPUT_GITHUB_TOKEN").run();
    assert!(run.code == 0 && run.only("warning").message.contains("github_token is not set"), "{}", run.all());
}

#[test]
fn token_reaches_no_child_and_no_other_server() {
    let sandbox = Sandbox::start();
    let mut call = Versioner::shell(&sandbox)
        .env("PATH", "/usr/bin:/bin")
        .envs(&[("VERSIONER_GITHUB_TOKEN", "ghs_only_for_us_0123"), ("GITHUB_TOKEN", "ghs_of_the_script_4567")]);
    let run = call.run_with(RUN.into_iter().chain(["sh", "-c", "env"]));
    assert_eq!(run.code, 0, "{}", run.all());
    assert!(!run.all().contains("ghs_only_for_us") && run.stdout.contains("GITHUB_TOKEN=ghs_of_the_script_4567"));
    for request in sandbox.requests() {
        assert!(!format!("{request:?}").contains("ghs_"), "{request:?}");
    }
    assert_eq!(statuses(&sandbox), ["started", "completed"]);
}

/// One attempt of the job `deploy` of a run: wraps a command, and reports to GitHub how it ended.
fn attempt(sandbox: &Sandbox, run: u64, attempt: u32, version: &str) -> Run {
    let (number, token) = sandbox.github(|github, _| (github.run_mut(run).number, github.token.clone()));
    let actor = if attempt == 1 { "mona" } else { "github-actions[bot]" };
    let output = parking(sandbox)
        .without("INPUT_STATUS")
        .envs(&[
            ("INPUT_RUN", "echo deployed"),
            ("INPUT_VERSION", version),
            ("INPUT_ON_SUPERSEDED", "fail"),
            ("PATH", "/usr/bin:/bin"),
            ("GITHUB_TOKEN", &token),
            ("GITHUB_API_URL", &sandbox.github_url()),
            ("GITHUB_RUN_ID", &run.to_string()),
            ("GITHUB_RUN_NUMBER", &number.to_string()),
            ("GITHUB_RUN_ATTEMPT", &attempt.to_string()),
            ("GITHUB_WORKFLOW_REF", "octo/shop/.github/workflows/deploy.yml@refs/heads/main"),
            ("GITHUB_TRIGGERING_ACTOR", actor),
        ])
        .run();
    let conclusion = if output.code == 0 { "success" } else { "failure" };
    sandbox.github(|github, now| github.complete_job(run, "deploy", conclusion, &output.all(), now));
    output
}

#[test]
fn after_a_freeze_the_newest_commit_is_deployed_alone() {
    let sandbox = Sandbox::start();
    sandbox.rule(window(7_200));
    let runs = ["1.4.2", "1.4.3", "1.4.4"].map(|version| {
        let run = sandbox.github(|github, now| {
            let run = github.add_run(NewRun::default(), now);
            github.add_job(run, "deploy", None, vec![]);
            run
        });
        let output = attempt(&sandbox, run, 1, version);
        assert_eq!((output.code, output.outputs()["wait_result"].as_str()), (5, "parked"), "{}", output.all());
        run
    });
    let resume = || {
        let token = sandbox.github(|github, _| github.token.clone());
        let call = Versioner::bare().envs(&[("GITHUB_ACTIONS", "true"), ("GITHUB_REPOSITORY", "octo/shop")]);
        let call = call.envs(&[("GITHUB_TOKEN", &token), ("GITHUB_API_URL", &sandbox.github_url())]);
        let output = call.args(["resume", "--workflow", "deploy.yml", "--json"]).run();
        assert_eq!(output.code, 0, "{}", output.all());
        let json = output.json();
        let rows = json["jobs"].as_array().unwrap().iter();
        rows.map(|row| (row["run"].as_u64().unwrap(), row["decision"].as_str().unwrap().to_owned())).collect::<Vec<_>>()
    };
    let rows = |newest: &[&str]| {
        let newest = newest.iter().map(|word| (runs[2], (*word).to_owned()));
        let others = [runs[1], runs[0]].map(|run| (run, "superseded".to_owned()));
        newest.chain(others).collect::<Vec<_>>()
    };
    assert_eq!(resume(), rows(&["waiting"]));
    sandbox.settings(json!({"clock_offset_seconds": 7_200 + 61}));
    assert_eq!(resume(), rows(&["rerun"]));
    let output = attempt(&sandbox, runs[2], 2, "1.4.4");
    assert_eq!(output.code, 0, "{}", output.all());
    assert_eq!(resume(), rows(&[]));
    let attempts = sandbox.github(|github, _| runs.map(|run| github.run_mut(run).attempts.len()));
    assert_eq!(attempts, [1, 1, 2]);
    let state = sandbox.state();
    let all = |kind: &str, field: &str| -> Vec<String> {
        let items = state["accounts"]["main"][kind].as_array().unwrap().iter();
        items.map(|item| item[field].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (all("versions", "version"), all("deployments", "status")),
        (vec!["1.4.4".into()], vec!["completed".into()])
    );
    sandbox.github(|github, _| assert!(github.violations.is_empty(), "{:?}", github.violations));
}
