//! GitHub's surfaces: annotations and the summary with their size limits, report-only rules, links and debug output.

use crate::support::Versioner;
use serde_json::json;
use versioner_sandbox::{Reply, Sandbox};

#[test]
fn long_message_is_truncated_in_the_annotation_but_not_in_the_summary() {
    let sandbox = Sandbox::start();
    let long = format!("begin {} end", "100%,:ä ".repeat(2_000));
    sandbox.script([Reply::status(423).json(json!({"message": long, "details": {"window_name": "w".repeat(3_000)}}))]);
    let run = Versioner::github(&sandbox, "started").run();
    let line = run.stdout.lines().find(|line| line.starts_with("::error")).unwrap();
    assert!(line.len() <= 4_000, "{}", line.len());
    let annotation = run.only("error");
    let lines: Vec<&str> = annotation.message.lines().collect();
    assert!(lines[0].starts_with("begin ") && lines[0].ends_with('…'), "{}", annotation.message);
    assert!(
        lines.iter().any(|line| line.starts_with("Do: re-run this job ")),
        "what to do is cut: {}",
        annotation.message
    );
    assert!(run.summary().contains(" end</blockquote>"));
}

#[test]
fn summary_stays_within_1_mib() {
    let sandbox = Sandbox::start();
    let call = Versioner::github(&sandbox, "success").env("INPUT_UI_URL", "https://app.versioner.io");
    call.file("summary", &"x".repeat(1_048_576 - 100));
    let run = call.run();
    assert_eq!(run.code, 0);
    assert!(
        run.summary().len() <= 1_048_576 && run.summary().contains("cut: GitHub takes at most 1 MiB"),
        "{}",
        run.summary().len()
    );
    let full = Versioner::github(&sandbox, "success");
    full.file("summary", &"x".repeat(1_048_576));
    let run = full.run();
    assert_eq!((run.code, run.summary().len()), (0, 1_048_576));
    assert!(run.only("warning").message.contains("job summary"), "{}", run.all());
}

#[test]
fn failing_surface_warns_once_and_keeps_exit_0() {
    let sandbox = Sandbox::start();
    let run = Versioner::github(&sandbox, "success")
        .env("GITHUB_STEP_SUMMARY", "/no/such/dir/summary")
        .env("GITHUB_OUTPUT", "/no/such/dir/output")
        .run();
    assert_eq!(run.code, 0);
    let warnings: Vec<String> = run.commands().into_iter().filter(|c| c.name == "warning").map(|c| c.message).collect();
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(warnings[0].contains("GITHUB_STEP_SUMMARY") && warnings[1].contains("GITHUB_OUTPUT"), "{warnings:?}");
}

#[test]
fn summary_can_be_disabled() {
    let sandbox = Sandbox::start();
    assert_eq!(Versioner::github(&sandbox, "success").env("INPUT_SUMMARY", "no").run().summary(), "");
}

#[test]
fn report_only_violation_is_a_warning_and_passed_rules_are_not_mentioned() {
    let sandbox = Sandbox::start();
    sandbox.rule(json!({"kind": "window", "name": "friday, freeze", "mode": "report_only", "environment": "production", "ends_in_seconds": 600, "message": "Frozen"}).into());
    sandbox.rule(json!({"kind": "flow", "name": "anything goes", "mode": "enabled", "environment": "production", "requires": []}).into());
    let run = Versioner::github(&sandbox, "started").run();
    assert_eq!((run.code, run.outputs()["gate"].as_str()), (0, "passed"), "{}", run.all());
    let warning = run.only("warning");
    assert_eq!(warning.title(), "Report-only rule violated: friday, freeze");
    assert!(warning.message.contains("Frozen"), "{}", warning.message);
    assert!(run.summary().contains("friday&#44; freeze"), "{}", run.summary());
    assert!(!run.all().contains("anything goes") && !run.summary().contains("anything goes"));
}

#[test]
fn url_output_links_to_the_console() {
    let sandbox = Sandbox::start();
    let run = Versioner::github(&sandbox, "success").env("INPUT_UI_URL", "https://app.versioner.io/").run();
    let outputs = run.outputs();
    assert_eq!(
        outputs["url"],
        format!("https://app.versioner.io/manage/deployments?view={}", outputs["deployment_id"])
    );
    let run = Versioner::github(&sandbox, "success")
        .env("INPUT_EVENT_TYPE", "build")
        .env("INPUT_UI_URL", "https://app.versioner.io")
        .run();
    let outputs = run.outputs();
    assert_eq!(
        outputs["url"],
        format!("https://app.versioner.io/manage/catalog?tab=versions&view={}", outputs["version_id"])
    );
}

#[test]
fn debug_log_shows_request_and_reply_without_the_key() {
    let sandbox = Sandbox::start();
    let run = Versioner::github(&sandbox, "success").env("RUNNER_DEBUG", "1").run();
    assert!(run.stdout.contains("debug: POST") && run.stdout.contains("debug: reply 201"), "{}", run.stdout);
    assert!(!run.all().contains(sandbox.key()));
}
