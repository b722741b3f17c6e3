//! TeamCity's surfaces, parsed as TeamCity does.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[derive(Debug, PartialEq, Eq)]
struct Message {
    name: String,
    values: BTreeMap<String, String>,
}

impl Message {
    fn new(name: &str, values: &[(&str, &str)]) -> Self {
        let values = values.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self { name: name.to_owned(), values: values.collect() }
    }
}

/// Parses a line by "Service messages". Panics where TeamCity could not parse it.
fn parse(line: &str) -> Message {
    let inner = line.strip_prefix("##teamcity[").expect("a message");
    let (name, mut rest) = inner.split_once(' ').unwrap();
    let mut values = BTreeMap::new();
    while rest != "]" {
        let (key, after) = rest.trim_start().split_once("='").unwrap();
        let (mut units, mut chars) = (Vec::new(), after.chars());
        loop {
            match chars.next().expect("a value ends") {
                '\'' => break,
                '|' => match chars.next().unwrap() {
                    c @ ('|' | '\'' | '[' | ']') => units.push(c as u16),
                    'n' => units.push(u16::from(b'\n')),
                    'r' => units.push(u16::from(b'\r')),
                    '0' => {
                        assert_eq!(chars.next(), Some('x'));
                        let digits: String = chars.by_ref().take(4).collect();
                        units.push(u16::from_str_radix(&digits, 16).unwrap());
                    }
                    other => panic!("|{other}"),
                },
                c @ ('[' | ']' | '\n' | '\r') => panic!("{c:?} is not escaped"),
                c => {
                    assert!(c.is_ascii() && !c.is_control(), "{c:?} is not escaped");
                    units.push(c as u16);
                }
            }
        }
        values.insert(key.to_owned(), String::from_utf16(&units).unwrap());
        rest = chars.as_str();
    }
    Message { name: name.to_owned(), values }
}

fn read(text: &str) -> Vec<Message> {
    text.strip_suffix('\n').unwrap_or(text).split('\n').map(parse).collect()
}

#[test]
fn long_message_is_truncated_with_a_mark() {
    let text = TeamCity.annotation(Level::Error, &"t".repeat(9_000), &"ä|]\n".repeat(9_000));
    assert!(text.lines().all(|line| line.len() < LARGEST_ANNOTATION), "{}", text.len());
    assert!(read(&text)[0].values["text"].ends_with("(cut)"));
}

const HOSTILE: &str = "(\\PC|['\\[\\]|\n\r\u{1b}%#{}]|##teamcity\\[buildStatus text='x'\\]|\\|n|\\|0x0027){0,15}";

proptest! {
    #[test]
    fn annotation_is_one_message_with_exactly_its_text(title in HOSTILE, message in HOSTILE) {
        let whole = if message.is_empty() { title.clone() } else { format!("{title}\n{message}") };
        for (level, status) in [(Level::Warning, "WARNING"), (Level::Notice, "NORMAL")] {
            let expected = [Message::new("message", &[("text", &whole), ("status", status)])];
            prop_assert_eq!(read(&TeamCity.annotation(level, &title, &message)), expected);
        }
        let line = format!("{{build.status.text}}; {title}");
        let expected =
            [Message::new("message", &[("text", &whole), ("status", "ERROR")]), Message::new("buildStatus", &[("text", &line)])];
        prop_assert_eq!(read(&TeamCity.annotation(Level::Error, &title, &message)), expected);
    }

    #[test]
    fn parameter_is_set_to_exactly_the_value(value in HOSTILE) {
        let lines = TeamCity.set_outputs(&[("block_message", value.clone())]).unwrap();
        if !fits_environment(&value) {
            prop_assert!(!lines.contains("##teamcity") && lines.contains("VERSIONER_BLOCK_MESSAGE"));
            return Ok(());
        }
        let doubled = value.replace('%', "%%");
        prop_assert_eq!(
            read(&lines),
            [Message::new("setParameter", &[("name", "env.VERSIONER_BLOCK_MESSAGE"), ("value", &doubled)])]
        );
    }
}

#[test]
fn job_identity_is_the_build_id_of_the_properties_file() {
    let dir = tempfile::tempdir().unwrap();
    let identity = |build: &str, server: &str, variables: &[(&str, &str)]| {
        let path = dir.path().join(format!("{build}.properties"));
        let properties =
            format!("teamcity.build.id={build}\nteamcity.serverUrl={server}\nteamcity.agent.name=agent 1\n");
        std::fs::write(&path, properties).unwrap();
        let file = ("TEAMCITY_BUILD_PROPERTIES_FILE", path.to_str().unwrap());
        job_identity(&variables.iter().copied().chain([file]).collect()).unwrap()
    };
    let job = identity("987654", "https://teamcity.example", &[]);
    assert_eq!(job, identity("987654", "https://teamcity.example", &[("BUILD_NUMBER", "42")]));
    assert_ne!(job, identity("987655", "https://teamcity.example", &[]));
    assert_ne!(job, identity("987654", "https://teamcity.other.example", &[]));
    let number = [("TEAMCITY_PROJECT_NAME", "Shop"), ("TEAMCITY_BUILDCONF_NAME", "Deploy"), ("BUILD_NUMBER", "42")];
    assert!(identity("", "", &number).contains("agent 1"), "without a build id, the agent counts");
}
