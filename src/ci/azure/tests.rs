//! Azure's surfaces, parsed as the agent does.

use super::*;
use crate::ci::surface::tests::{clean, clean_lines};
use crate::model::message::State;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::path::Path;

#[derive(Debug, PartialEq, Eq)]
struct Command {
    name: String,
    properties: BTreeMap<String, String>,
    data: String,
}

/// The command that Azure's agent finds anywhere in a line (`Command.cs`). Panics where the agent would warn.
fn parse(line: &str) -> Option<Command> {
    let (_, rest) = line.split_once("##vso[")?;
    let (head, data) = rest.split_once(']').expect("a command ends");
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    let properties = properties.split(';').filter(|pair| !pair.is_empty()).map(|pair| {
        let (key, value) = pair.split_once('=').expect("a property has a value");
        (key.to_owned(), unescape(value))
    });
    Some(Command { name: name.to_owned(), properties: properties.collect(), data: unescape(data) })
}

fn unescape(text: &str) -> String {
    let text = text.replace("%3B", ";").replace("%0D", "\r").replace("%0A", "\n").replace("%5D", "]");
    text.replace("%AZP25", "%")
}

/// All commands in `text`, and the other lines. As in all .NET programs, `\r` also ends a line.
fn read(text: &str) -> (Vec<Command>, Vec<&str>) {
    let lines = text.strip_suffix('\n').unwrap_or(text).split(['\n', '\r']);
    let (commands, others): (Vec<&str>, Vec<&str>) = lines.partition(|line| line.contains("##vso["));
    assert!(others.iter().all(|line| !line.contains("##[")), "{others:?}");
    (commands.into_iter().filter_map(parse).collect(), others)
}

fn surface(temp_dir: Option<&Path>) -> Azure {
    Azure { temp_dir: temp_dir.map(Path::to_owned) }
}

#[test]
fn long_message_is_truncated_with_a_mark() {
    for (level, message) in [(Level::Error, "]%".repeat(9_000)), (Level::Warning, "ä\n".repeat(9_000))] {
        let text = surface(None).annotation(level, "title", &message);
        assert!(text.len() <= LARGEST_ANNOTATION, "{}", text.len());
        assert!(read(&text).0[0].data.ends_with("(cut)"));
    }
}

#[test]
fn summary_is_a_file_that_the_agent_uploads() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("50% [a]; b");
    std::fs::create_dir(&dir).unwrap();
    let summary = |markdown: &str| Summary {
        level: Level::Notice,
        state: State::Deployed,
        title: "Recorded".to_owned(),
        markdown: markdown.to_owned(),
        link: None,
    };
    let uploaded: Vec<String> = ["# one", "# two"]
        .map(|markdown| {
            let (commands, others) = read_owned(&surface(Some(&dir)).add_summary(&summary(markdown)).unwrap());
            assert!(others.is_empty() && commands.len() == 1 && commands[0].name == "task.uploadsummary");
            assert!(Path::new(&commands[0].data).is_absolute());
            std::fs::read_to_string(&commands[0].data).unwrap()
        })
        .into();
    assert_eq!(uploaded, ["# one", "# two"]);
    assert!(
        surface(Some(&dir.join("none")))
            .add_summary(&summary("x"))
            .unwrap_err()
            .to_string()
            .contains("AGENT_TEMPDIRECTORY")
    );
    assert!(!surface(None).has_summary() && surface(None).add_summary(&summary("x")).unwrap().is_empty());
}

fn read_owned(text: &str) -> (Vec<Command>, Vec<String>) {
    if text.is_empty() {
        return (Vec::new(), Vec::new());
    }
    let (commands, others) = read(text);
    (commands, others.into_iter().map(str::to_owned).collect())
}

const HOSTILE: &str =
    "(\\PC|[%;\\]\n\r\u{1b}#]|##vso\\[task.complete result=Succeeded;\\]|##\\[error\\]|%0A|%5D|%AZP25|%3B){0,20}";

proptest! {
    #[test]
    fn annotation_is_one_issue_with_exactly_its_text(title in HOSTILE, message in HOSTILE) {
        for (level, kind) in [(Level::Error, "error"), (Level::Warning, "warning")] {
            let (commands, others) = read_owned(&surface(None).annotation(level, &title, &message));
            prop_assert!(others.is_empty() && commands.len() == 1, "{commands:?} {others:?}");
            prop_assert_eq!(&commands[0].name, "task.logissue");
            prop_assert_eq!(&commands[0].properties, &BTreeMap::from([("type".to_owned(), kind.to_owned())]));
            let expected = if message.is_empty() { title.clone() } else { format!("{title}\n{message}") };
            prop_assert_eq!(&commands[0].data, &expected);
        }
        let notice = surface(None).annotation(Level::Notice, &clean(&title), &clean_lines(&message));
        prop_assert!(read_owned(&notice).0.is_empty());
    }

    #[test]
    fn variable_is_set_to_exactly_the_value(value in HOSTILE) {
        let lines = surface(None).set_outputs(&[("block_message", value.clone())]).unwrap();
        let (commands, others) = read_owned(&lines);
        if !fits_environment(&value) {
            prop_assert!(commands.is_empty() && others.len() == 1 && others[0].contains("VERSIONER_BLOCK_MESSAGE"));
            return Ok(());
        }
        prop_assert!(others.is_empty() && commands.len() == 2, "{commands:?} {others:?}");
        for (command, output) in commands.iter().zip([false, true]) {
            prop_assert_eq!(command.name.as_str(), "task.setvariable");
            prop_assert_eq!(command.properties["variable"].as_str(), "VERSIONER_BLOCK_MESSAGE");
            prop_assert_eq!(command.properties.get("isOutput").is_some_and(|value| value == "true"), output);
            prop_assert_eq!(&command.data, &value);
        }
    }
}
