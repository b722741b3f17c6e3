//! Calls of the program `sem-context`.

use super::*;
use crate::process::recording::Recorder;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn each_value_arrives_unchanged_or_is_left_out(value in "([a-z '\"$`\\\\;\n\r-]|=|\\PC){0,20}") {
        let recorder = Recorder::new("sem-context", 0);
        let surface = (SYSTEM.surface)(&recorder.env());
        let line = surface.set_outputs(&[("outcome", "blocked".to_owned()), ("url", value.clone())]).unwrap();
        let calls = recorder.calls();
        // sem-context splits one argument at its only `=` into two parts. Neither may be empty.
        for call in &calls {
            prop_assert_eq!(&call[..2], ["put", "--force"]);
            prop_assert!(call.len() == 3 && call[2].split('=').count() == 2 && !call[2].ends_with('='), "{:?}", call);
        }
        let is_set = calls.iter().any(|call| call[2] == format!("VERSIONER_URL={value}"));
        prop_assert_eq!(is_set, !line.contains("VERSIONER_URL"));
        prop_assert_eq!(calls.len(), 1 + usize::from(is_set));
    }
}

#[test]
fn missing_program_is_ignored_and_a_failure_is_an_error() {
    let outputs = [("outcome", "blocked".to_owned())];
    assert_eq!((SYSTEM.surface)(&Env::default()).set_outputs(&outputs).unwrap(), "");
    let recorder = Recorder::new("sem-context", 2);
    let problem = (SYSTEM.surface)(&recorder.env()).set_outputs(&outputs).unwrap_err().to_string();
    assert!(problem.contains("put") && problem.contains("exit status: 2"), "{problem}");
}
