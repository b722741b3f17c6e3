//! Calls of the program `cf_export`.

use super::*;
use crate::process::recording::Recorder;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn each_value_arrives_unchanged_or_is_left_out(value in "([a-z '\"=$`\\\\;\n\r-]|\\PC){0,30}") {
        let recorder = Recorder::new("cf_export", 0);
        let surface = (SYSTEM.surface)(&recorder.env());
        let line = surface.set_outputs(&[("url", value.clone()), ("outcome", "blocked".to_owned())]).unwrap();
        let mut expected = vec![format!("VERSIONER_URL={value}"), "VERSIONER_OUTCOME=blocked".to_owned()];
        if value.chars().any(char::is_control) {
            prop_assert!(line.contains("VERSIONER_URL"));
            expected.remove(0);
        }
        prop_assert_eq!(recorder.calls(), [expected]);
    }
}

#[test]
fn missing_program_is_ignored_and_a_failure_is_an_error() {
    let outputs = [("outcome", "blocked".to_owned())];
    assert_eq!((SYSTEM.surface)(&Env::default()).set_outputs(&outputs).unwrap(), "");
    let recorder = Recorder::new("cf_export", 3);
    let problem = (SYSTEM.surface)(&recorder.env()).set_outputs(&outputs).unwrap_err().to_string();
    assert!(problem.contains("cf_export") && problem.contains("exit status: 3"), "{problem}");
}
