//! Buildkite's surfaces: the log, and an agent that records its calls.

use super::*;
use crate::ci::surface::tests::{clean, clean_lines};
use crate::process::recording::{Recorder, program};
use proptest::prelude::*;

fn surface(agent: Option<HelperProgram>) -> Buildkite {
    Buildkite { agent, job: "job-1".to_owned() }
}

/// Whether a line of the log begins a group, by "Managing log output".
fn is_header(line: &str) -> bool {
    ["---", "+++", "~~~", "^^^"].iter().any(|marker| line.starts_with(marker))
}

#[test]
fn long_message_is_truncated_with_a_mark() {
    let text = surface(None).annotation(Level::Error, &"t".repeat(9_000), &"ä\n".repeat(9_000));
    assert!(text.len() <= LARGEST_ANNOTATION && text.ends_with("(cut)\n"), "{}", text.len());
}

#[test]
fn missing_agent_is_reported() {
    assert!(!surface(None).has_summary());
    assert!(surface(None).set_outputs(&[("outcome", "blocked".to_owned())]).unwrap().contains("not on the PATH"));
}

#[test]
fn time_limit_is_in_minutes() {
    let of = |value: &str| {
        job_timeout(&[("BUILDKITE_TIMEOUT", value)].into_iter().collect()).map(|found| found.raw().to_owned())
    };
    assert_eq!(of("10"), Some("600".to_owned()));
    for none in ["false", "0", "", "-1", "99999999999"] {
        assert_eq!(of(none), None, "{none}");
    }
}

#[cfg(unix)]
#[test]
fn agent_is_called_as_documented() {
    let dir = tempfile::tempdir().unwrap();
    let script = "#!/bin/sh\ntext=$(for arg; do printf '[%s]' \"$arg\"; done)\nprintf '%s<%s>\\n' \"$text\" \"$(cat)\" >> \"$OUT\"\n";
    program(dir.path(), "buildkite-agent", script);
    let out = dir.path().join("out");
    let path = format!("{}:/usr/bin:/bin", dir.path().display());
    let env: Env = [("PATH", path.as_str()), ("OUT", out.to_str().unwrap()), ("BUILDKITE_JOB_ID", "0190-a b")]
        .into_iter()
        .collect();
    let surface = Buildkite::new(&env);
    assert_eq!(surface.job, "job", "only a valid id is part of a context");
    let summary = Summary {
        level: Level::Error,
        state: State::Blocked,
        title: "Blocked".to_owned(),
        markdown: format!("# Blocked {}", "x".repeat(2 * LARGEST_BODY)),
        link: None,
    };
    assert_eq!(surface.add_summary(&summary).unwrap(), "");
    let seen = std::fs::read_to_string(&out).unwrap();
    assert!(
        seen.starts_with("[annotate][--style][error][--context][versioner-job][--append]<# Blocked xxx"),
        "{}",
        &seen[..90]
    );
    assert!(seen.len() < LARGEST_BODY + 200 && seen.contains("cut: Buildkite"), "{}", seen.len());
    std::fs::remove_file(&out).unwrap();
    let outputs = [("outcome", "a b"), ("gate", "--help"), ("url", " "), ("block_code", "$(x) '\"")];
    let line = surface.set_outputs(&outputs.map(|(name, value)| (name, value.to_owned()))).unwrap();
    assert!(line.ends_with(": VERSIONER_GATE, VERSIONER_URL\n"), "{line}");
    let seen = std::fs::read_to_string(&out).unwrap();
    let mut seen: Vec<&str> = seen.lines().collect();
    seen.sort_unstable();
    let expected = ["[meta-data][set][VERSIONER_BLOCK_CODE][$(x) '\"]<>", "[meta-data][set][VERSIONER_OUTCOME][a b]<>"];
    assert_eq!(seen, expected);
}

proptest! {
    #[test]
    fn log_has_one_group_with_exactly_the_text(
        title in "(\\PC|[+~^\n\r\u{1b}-]){0,30}", message in "(\\PC|[\n\r\u{1b}\u{7}]|--- |\\+\\+\\+ |~~~ |\\^\\^\\^ \\+\\+\\+){0,60}"
    ) {
        let (title, message) = (clean(&title), clean_lines(&message));
        for (level, head, headers) in [(Level::Error, "+++ error: ", 1), (Level::Notice, "notice: ", 0)] {
            let log = surface(None).annotation(level, &title, &message);
            prop_assert!(log.chars().all(|c| c == '\n' || !c.is_control()));
            let lines: Vec<&str> = log.lines().collect();
            prop_assert_eq!(lines.iter().filter(|line| is_header(line)).count(), headers);
            let given = message.lines().filter(|line| !line.is_empty()).map(|line| format!("  | {line}"));
            let expected: Vec<String> = std::iter::once(format!("{head}{title}")).chain(given).collect();
            prop_assert_eq!(lines, expected);
        }
    }
}

#[cfg(unix)]
proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn each_value_arrives_unchanged_or_is_left_out(value in "([a-z '\"$`\\\\;=\n\r-]|\\PC|--[a-z]{1,4}){0,20}") {
        let recorder = Recorder::new("buildkite-agent", 0);
        let outputs = [("outcome", "blocked".to_owned()), ("url", value.clone())];
        let line = Buildkite::new(&recorder.env()).set_outputs(&outputs).unwrap();
        let calls = recorder.calls();
        let call = |name: &str, value: &str| ["meta-data", "set", name, value].map(str::to_owned).to_vec();
        prop_assert!(calls.contains(&call("VERSIONER_OUTCOME", "blocked")));
        let is_set = calls.contains(&call("VERSIONER_URL", &value));
        prop_assert_eq!(is_set, !line.contains("VERSIONER_URL"));
        prop_assert_eq!(calls.len(), 1 + usize::from(is_set));
        // The agent rejects blank values, and parses what begins with a hyphen as a flag.
        prop_assert!(!is_set || !(value.starts_with('-') || value.trim().is_empty()), "{:?}", value);
        prop_assert!(recorder.inputs().is_empty());
    }

    #[test]
    fn annotation_is_one_call_with_its_text_on_stdin(
        markdown in "([a-z '\"$`\\\\;=\n-]|\\PC){1,60}", title in "(--[a-z]{1,4}|\\PC){0,10}", job in "(\\PC|-){0,12}",
    ) {
        let recorder = Recorder::new("buildkite-agent", 0);
        let env: Env = recorder.env().iter().chain([("BUILDKITE_JOB_ID", job.as_str())]).collect();
        let summary = Summary { level: Level::Warning, state: State::NotRecorded, title, markdown: markdown.clone(), link: None };
        prop_assert_eq!(Buildkite::new(&env).add_summary(&summary).unwrap(), "");
        let calls = recorder.calls();
        prop_assert_eq!(calls.len(), 1);
        let (known, context) = (&calls[0][..4], calls[0][4].strip_prefix("versioner-"));
        prop_assert_eq!(known, ["annotate", "--style", "warning", "--context"]);
        let is_id = |context: &str| context.len() <= 64 && context.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
        prop_assert!(context.is_some_and(is_id) && calls[0][5..] == ["--append"], "{:?}", calls);
        prop_assert_eq!(recorder.inputs(), [markdown]);
    }
}
