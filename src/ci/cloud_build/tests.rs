//! The file of a step's output.

use super::*;
use proptest::prelude::*;

/// Reads `NAME=word` lines, where a word is as in a POSIX shell: bare, or pieces in single quotes and `\'`.
fn parse(text: &str) -> Vec<(String, String)> {
    let unquote = |word: &str| match word.strip_prefix('\'').and_then(|word| word.strip_suffix('\'')) {
        Some(inside) => {
            let pieces: Vec<&str> = inside.split(r"'\''").collect();
            assert!(pieces.iter().all(|piece| !piece.contains('\'')), "quotes inside {word}");
            pieces.join("'")
        }
        None => {
            assert!(!word.contains([' ', '\'', '"', '$', '`', ';', '\\', '|', '&', '<', '>', '(', ')', '*', '#']));
            word.to_owned()
        }
    };
    text.lines().filter_map(|line| line.split_once('=')).map(|(name, word)| (name.to_owned(), unquote(word))).collect()
}

fn set_outputs(before: &str, outputs: &[(&str, String)]) -> (String, String) {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("output"), before).unwrap();
    let env: Env = [("BUILDER_OUTPUT", dir.path().to_str().unwrap())].into_iter().collect();
    let line = CloudBuild::new(&env).set_outputs(outputs).unwrap();
    (std::fs::read_to_string(dir.path().join("output")).unwrap(), line)
}

proptest! {
    #[test]
    fn outputs_are_parsed_unchanged(value in "([a-z '\"=$`\\\\;\n\r]|\\PC){0,30}") {
        let outputs = [("block_message", value.clone()), ("outcome", "blocked".to_owned())];
        let (text, line) = set_outputs("", &outputs);
        let mut expected = vec![("VERSIONER_OUTCOME".to_owned(), "blocked".to_owned())];
        if value.chars().any(char::is_control) {
            prop_assert!(line.contains("VERSIONER_BLOCK_MESSAGE"));
        } else {
            expected.insert(0, ("VERSIONER_BLOCK_MESSAGE".to_owned(), value));
        }
        prop_assert_eq!(parse(&text), expected);
    }

    #[test]
    fn file_never_exceeds_the_limit(before in "x{0,4200}", sizes in prop::collection::vec(0usize..3_000, 0..5)) {
        let outputs: Vec<(&str, String)> = sizes.iter().map(|size| ("url", "y".repeat(*size))).collect();
        let (text, _) = set_outputs(&before, &outputs);
        prop_assert!(text.starts_with(&before) && text.len() <= LARGEST_OUTPUT.max(before.len()), "{}", text.len());
    }
}

#[test]
fn only_values_that_are_too_long_are_left_out() {
    let outputs = [("block_message", "m".repeat(5_000)), ("outcome", "blocked".to_owned())];
    let (text, line) = set_outputs("", &outputs);
    assert_eq!(text, "VERSIONER_OUTCOME=blocked\n");
    assert!(line.contains("VERSIONER_BLOCK_MESSAGE") && !line.contains("OUTCOME"), "{line}");
}

#[test]
fn missing_directory_is_an_error() {
    let env: Env = [("BUILDER_OUTPUT", "/no/such/dir")].into_iter().collect();
    let problem = CloudBuild::new(&env).set_outputs(&[("outcome", "x".to_owned())]).unwrap_err().to_string();
    assert!(problem.contains("BUILDER_OUTPUT (/no/such/dir/output)"), "{problem}");
}
