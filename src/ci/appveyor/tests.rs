//! Calls of the program `appveyor`.

use super::*;
use crate::process::recording::Recorder;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn message_is_one_call_whose_texts_are_not_options(
        title in "([a-z '\"=/@-]|\\PC){0,40}", message in "([a-z '\"=/@\n-]|\\PC){0,60}"
    ) {
        let recorder = Recorder::new("appveyor", 0);
        let printed = (SYSTEM.surface)(&recorder.env()).annotation(Level::Error, &title, &message);
        prop_assert_eq!(printed, Plain.annotation(Level::Error, &title, &message));
        let calls = recorder.calls();
        let expected =
            ["AddMessage", &format!("versioner: {title}"), "-Category", "Error", "-Details", &format!(" {message}")];
        prop_assert_eq!(calls.len(), 1);
        prop_assert_eq!(&calls[0][..], &expected[..]);
    }

    #[test]
    fn each_value_arrives_unchanged_or_is_left_out(value in "([a-z '\"$`\\\\;=\n\r]|\\PC|-|/|@){0,20}") {
        let recorder = Recorder::new("appveyor", 0);
        let line = (SYSTEM.surface)(&recorder.env())
            .set_outputs(&[("outcome", "blocked".to_owned()), ("url", value.clone())])
            .unwrap();
        let calls = recorder.calls();
        let call = |name: &str, value: &str| ["SetVariable", "-Name", name, "-Value", value].map(str::to_owned).to_vec();
        prop_assert!(calls.contains(&call("VERSIONER_OUTCOME", "blocked")));
        let is_set = calls.contains(&call("VERSIONER_URL", &value));
        prop_assert_eq!(is_set, !line.contains("VERSIONER_URL"));
        prop_assert!(!is_set || !value.starts_with(['-', '/', '@']));
        prop_assert_eq!(calls.len(), 1 + usize::from(is_set));
    }
}

#[test]
fn long_message_is_truncated_on_the_page_and_whole_in_the_log() {
    let recorder = Recorder::new("appveyor", 0);
    let printed = (SYSTEM.surface)(&recorder.env()).annotation(Level::Warning, &"t".repeat(900), &"ä".repeat(9_000));
    assert!(printed.contains(&"ä".repeat(9_000)), "truncated in the log");
    let call = &recorder.calls()[0];
    assert!(call[1].len() + call[5].len() <= LARGEST_ANNOTATION && call[5].ends_with(TRUNCATED), "{}", call[5].len());
}

#[test]
fn program_that_fails_is_not_called_again_and_the_failure_is_shown_once() {
    let recorder = Recorder::new("appveyor", 1);
    let surface = (SYSTEM.surface)(&recorder.env());
    let first = surface.annotation(Level::Error, "Blocked", "x");
    assert!(first.contains("not shown among the build's messages") && first.contains("exit status: 1"), "{first}");
    assert_eq!(surface.annotation(Level::Error, "Blocked", "x"), Plain.annotation(Level::Error, "Blocked", "x"));
    assert_eq!(surface.set_outputs(&[("outcome", "x".to_owned())]).unwrap(), "");
    assert_eq!(recorder.calls().len(), 1);
    let problem =
        (SYSTEM.surface)(&recorder.env()).set_outputs(&[("outcome", "x".to_owned())]).unwrap_err().to_string();
    assert!(problem.contains("SetVariable"), "{problem}");
}
