//! The output file, parsed as both versions of Harness' parser do.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// harness/godotenv v3: a quoted value ends at the next quote of its kind without a backslash before it. In a value without
/// quotes, a `#` after a space begins a comment, spaces at the ends are trimmed, and `$NAME` is expanded.
fn parse_v3(text: &str) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| !c.is_whitespace()) {
        rest = &rest[start..];
        let (key, after) = rest.split_once('=').expect("a name");
        let after = after.trim_start_matches([' ', '\t', '\u{b}', '\u{c}', '\r', '\u{85}', '\u{a0}']);
        let value = match after.chars().next() {
            Some(quote @ ('\'' | '"')) => {
                let ends = |(at, c): &(usize, char)| *at > 0 && *c == quote && !after[..*at].ends_with('\\');
                let (end, _) = after.char_indices().find(ends).expect("the end of the quotes");
                rest = &after[end + 1..];
                let value = after[..end].trim_matches(quote);
                assert!(quote == '\'' || !value.contains(['\\', '$']), "is expanded: {value}");
                value
            }
            _ => {
                let end = after.find(['\n', '\r']).unwrap_or(after.len());
                rest = &after[end..];
                let value = &after[..end];
                assert!(!value.contains(['$', '#', '\\']) && value.trim() == value, "is changed: {value}");
                value
            }
        };
        assert!(pairs.insert(key.to_owned(), value.to_owned()).is_none(), "{key} twice");
    }
    pairs
}

/// harness/godotenv v2: line by line. It splits a line at each `#`, and drops parts unless an odd number of quotes before them
/// is open. Then it removes a pair of quotes around the value.
fn parse_v2(text: &str) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        assert!(line.len() < 64 * 1024);
        let (mut open, mut kept) = (false, Vec::new());
        for part in line.split('#') {
            if part.matches('"').count() == 1 || part.matches('\'').count() == 1 {
                if open {
                    kept.push(part);
                }
                open = !open;
            }
            if kept.is_empty() || open {
                kept.push(part);
            }
        }
        let line = kept.join("#");
        let (key, value) = line.split_once('=').expect("a name");
        assert!(!key.contains(':'));
        let value = value.trim_matches(' ');
        let inside = |quote| value.len() > 1 && value.starts_with(quote) && value.ends_with(quote);
        let value = match (inside('\''), inside('"')) {
            (true, _) => &value[1..value.len() - 1],
            (_, true) => {
                assert!(!value.contains(['\\', '$']), "is expanded: {value}");
                &value[1..value.len() - 1]
            }
            _ => {
                assert!(!value.contains('$'), "is expanded: {value}");
                value
            }
        };
        pairs.insert(key.to_owned(), value.to_owned());
    }
    pairs
}

fn written_to_file(outputs: &[(&str, String)]) -> (String, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("output");
    let env: Env = [("DRONE_OUTPUT", path.to_str().unwrap())].into_iter().collect();
    let line = Harness::new(&env).set_outputs(outputs).unwrap();
    (std::fs::read_to_string(path).unwrap(), line)
}

proptest! {
    #[test]
    fn both_parsers_read_the_outputs_unchanged(
        one in "([ a-z'\"#$\\\\={}()\n\r]|\\PC){0,20}", two in "[ a#'\"$:=]{0,12}"
    ) {
        let outputs = [("block_message", one.clone()), ("url", two.clone()), ("outcome", "blocked".to_owned())];
        let (text, line) = written_to_file(&outputs);
        let mut expected = BTreeMap::from([("VERSIONER_OUTCOME".to_owned(), "blocked".to_owned())]);
        for (name, value) in [("VERSIONER_BLOCK_MESSAGE", one), ("VERSIONER_URL", two)] {
            if line.contains(name) {
                continue;
            }
            expected.insert(name.to_owned(), value);
        }
        prop_assert_eq!(&parse_v3(&text), &expected);
        prop_assert_eq!(&parse_v2(&text), &expected);
    }
}

#[test]
fn values_are_quoted_only_if_needed_and_if_possible() {
    let quoted = |value: &str| quote(value);
    assert_eq!(quoted("https://app.example/x?view=1&a=b").as_deref(), Some("https://app.example/x?view=1&a=b"));
    assert_eq!(quoted("").as_deref(), Some(""));
    assert_eq!(quoted("No $ on Fridays # 3pm").as_deref(), Some("'No $ on Fridays # 3pm'"));
    assert_eq!(quoted("it isn't time").as_deref(), Some("\"it isn't time\""));
    for impossible in ["two\nlines", "it's \"so\"", "it's $5", "back\\slash x", "a \"b\" # c", &"x".repeat(60_001)] {
        assert_eq!(quoted(impossible), None, "{impossible}");
    }
}

#[test]
fn unwritable_file_is_an_error() {
    let env: Env = [("HARNESS_OUTPUT_FILE", "/no/such/dir/out")].into_iter().collect();
    let problem = Harness::new(&env).set_outputs(&[("outcome", "x".to_owned())]).unwrap_err().to_string();
    assert!(problem.contains("HARNESS_OUTPUT_FILE (/no/such/dir/out)"), "{problem}");
    assert_eq!(Harness::new(&Env::default()).set_outputs(&[("outcome", "x".to_owned())]).unwrap(), "");
}
