//! How `sem-context` is called.

use super::*;
use crate::process::recording::Recorder;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn every_value_arrives_as_it_is_or_is_left_out(value in "([a-z '\"$`\\\\;\n\r-]|=|\\PC){0,20}") {
        let recorder = Recorder::new("sem-context", 0);
        let surface = (SYSTEM.surface)(&recorder.env());
        let line = surface.set_outputs(&[("outcome", "blocked".to_owned()), ("url", value.clone())]).unwrap();
        let calls = recorder.calls();
        // As sem-context reads it: one argument that a `=` splits in two, of which none is empty.
        for call in &calls {
            prop_assert_eq!(&call[..2], ["put", "--force"]);
            prop_assert!(call.len() == 3 && call[2].split('=').count() == 2 && !call[2].ends_with('='), "{:?}", call);
        }
        let is_taken = calls.iter().any(|call| call[2] == format!("VERSIONER_URL={value}"));
        prop_assert_eq!(is_taken, !line.contains("VERSIONER_URL"));
        prop_assert_eq!(calls.len(), 1 + usize::from(is_taken));
    }
}

#[test]
fn without_the_program_nothing_is_handed_on_and_a_failure_is_an_error() {
    let outputs = [("outcome", "blocked".to_owned())];
    assert_eq!((SYSTEM.surface)(&Env::default()).set_outputs(&outputs).unwrap(), "");
    let recorder = Recorder::new("sem-context", 2);
    let problem = (SYSTEM.surface)(&recorder.env()).set_outputs(&outputs).unwrap_err().to_string();
    assert!(problem.contains("put") && problem.contains("exit status: 2"), "{problem}");
}
