//! Tests of the campaign itself: it finds bugs that are planted between it and the program, and names the promise that each
//! breaks.

#![allow(missing_docs, clippy::unwrap_used, reason = "tests")]

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

/// A wrapper around the program, and the promise that it breaks.
///
/// A wrapper gets the program and its arguments. `CAMPAIGN_DIR` is the directory of the schedule, `state` in it the program's.
const PLANTED: [(&str, &str, &str); 8] = [
    (
        "a blocked deployment runs",
        "command_runs_only_through_an_open_gate",
        r#"program=$1; shift
"$program" "$@"; code=$?
if [ "$1" = run ] && [ "$code" = 5 ]; then
  while [ "$1" != -- ]; do shift; done; shift
  "$@"
fi
exit "$code""#,
    ),
    (
        "an unavailable API is called a success",
        "exit_code_outputs_and_requests_agree",
        r#""$@"; code=$?
[ "$code" = 1 ] && exit 0
exit "$code""#,
    ),
    (
        "a spooled event is lost",
        "spooled_event_is_delivered",
        r#""$@"; code=$?
rm -f "$CAMPAIGN_DIR"/state/spool/*.json
exit "$code""#,
    ),
    (
        "a delivered event is spooled again",
        "recorded_event_is_not_sent_again",
        r#"rm -rf "$CAMPAIGN_DIR/copy"; cp -r "$CAMPAIGN_DIR/state/spool" "$CAMPAIGN_DIR/copy" 2>&-
"$@"; code=$?
cp "$CAMPAIGN_DIR"/copy/*.json "$CAMPAIGN_DIR/state/spool/" 2>&-
exit "$code""#,
    ),
    (
        "every event is sent twice",
        "recorded_event_is_not_sent_again",
        r#"[ "$2" = track ] && "$@" >"$CAMPAIGN_DIR/first" 2>&1
exec "$@""#,
    ),
    (
        "the journal forgets a deployment",
        "every_started_deployment_is_closed",
        r#""$@"; code=$?
rm -f "$CAMPAIGN_DIR"/state/open/*.json
exit "$code""#,
    ),
    ("the key is printed", "no_key_leaks", r#"echo "using $VERSIONER_API_KEY" >&2; exec "$@""#),
    (
        "the server's text is printed as it is",
        "no_workflow_command_is_forged",
        r#"echo '::set-output name=outcome::recorded'; exec "$@""#,
    ),
];

#[test]
fn planted_bugs_are_found() {
    let directory = tempfile::tempdir().unwrap();
    for (what, promise, script) in PLANTED {
        let wrapper = directory.path().join(promise);
        std::fs::write(directory.path().join("source"), format!("#!/bin/sh\n{script}\n")).unwrap();
        // Written by another process: a file that this one has open for writing cannot be executed.
        let source = directory.path().join("source");
        assert!(Command::new("install").args(["-m", "755"]).arg(&source).arg(&wrapper).status().unwrap().success());
        assert_eq!(std::fs::metadata(&wrapper).unwrap().permissions().mode() & 0o111, 0o111);
        let output = Command::new(env!("CARGO_BIN_EXE_versioner-campaign"))
            .args(["--schedules", "48", "--workers", "16", "--first", "--wrapper"])
            .arg(&wrapper)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!output.status.success() && text.contains(&format!("× {promise}")), "{what}: {text}");
    }
}

#[test]
fn printed_schedule_can_be_replayed() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("schedule.json");
    let schedule = r#"{"github":false,"rules_on_started":true,"steps":[{"outage":true,"script":[],"calls":[{"command":
        {"Deployment":{"status":"failed","version":1,"environment":1}},"settings":{"fail_on_api_error":false,
        "require_gate":false,"wait":false,"retries":0,"request_timeout_ms":1500,"wait_timeout_ms":500,"debug":false},
        "signal":null}]}]}"#;
    std::fs::write(&file, schedule).unwrap();
    let replay = |wrapper: Option<&str>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_versioner-campaign"));
        command.arg("--replay").arg(&file);
        if let Some(wrapper) = wrapper {
            command.arg("--wrapper").arg(wrapper);
        }
        command.output().unwrap()
    };
    let output = replay(None);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    // `true` ends with 0 and does nothing.
    let output = replay(Some("/bin/true"));
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success() && text.contains("exit_code_outputs_and_requests_agree"), "{text}");
    assert!(text.ends_with("FAILED\n"), "{text}");
}
