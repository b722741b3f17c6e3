//! GitLab's surfaces, parsed as GitLab does.

use super::reports::{ANNOTATIONS, DOTENV, SECTION, job_started};
use super::*;
use crate::ci::surface::tests::{clean, clean_lines};
use crate::model::message::State;
use gitlab::{Line, read_log};
use proptest::prelude::*;
use serde_json::{Map, Value};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// A parser of job logs, by `ansi2json/converter.rb`, without its regular expressions.
mod gitlab {
    #[derive(Debug, PartialEq, Eq)]
    pub(super) enum Line {
        Start { name: String, collapsed: bool },
        End { name: String },
        Text(String),
    }

    /// Lines and sections. Panics at an escape sequence that is not a color and not part of a section.
    pub(super) fn read_log(log: &str) -> Vec<Line> {
        let mut lines = Vec::new();
        for line in log.strip_suffix('\n').unwrap_or(log).split('\n') {
            let mut rest = line;
            if let Some(marker) = rest.strip_prefix("\u{1b}[0Ksection_") {
                let (head, after) = marker.split_once("\r\u{1b}[0K").expect("a marker ends");
                rest = after;
                let parts: Vec<&str> = head.splitn(3, ':').collect();
                assert!(parts[1].bytes().all(|b| b.is_ascii_digit()), "{head}");
                let (name, options) = parts[2].split_once('[').unwrap_or((parts[2], ""));
                let is_name = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
                assert!(!name.is_empty() && name.chars().all(is_name), "{head}");
                lines.push(match parts[0] {
                    "start" => Line::Start { name: name.to_owned(), collapsed: options == "collapsed=true]" },
                    "end" => Line::End { name: name.to_owned() },
                    other => panic!("{other}"),
                });
                if rest.is_empty() {
                    continue;
                }
            }
            lines.push(Line::Text(without_colors(rest)));
        }
        lines
    }

    fn without_colors(text: &str) -> String {
        let mut parts = text.split('\u{1b}');
        let mut out = parts.next().unwrap().to_owned();
        for part in parts {
            let (codes, after) = part.strip_prefix('[').unwrap().split_once('m').unwrap();
            assert!(codes.chars().all(|c| c.is_ascii_digit() || c == ';'), "{part}");
            out.push_str(after);
        }
        assert!(!out.contains('\r'), "a bare \\r erases the line");
        out
    }
}

/// The surface of a job that began at `started`.
fn surface_since(directory: &Path, started: &str) -> GitLab {
    let variables = [
        ("CI_PROJECT_DIR", directory.to_str().unwrap()),
        ("CI_JOB_URL", "https://gitlab.example/jobs/5"),
        ("CI_JOB_STARTED_AT", started),
    ];
    GitLab::new(&variables.into_iter().collect())
}

fn surface(directory: &Path) -> GitLab {
    surface_since(directory, "2025-10-28T15:00:00Z")
}

fn set(surface: &GitLab, outputs: &[(&str, &str)]) -> String {
    let outputs: Vec<(&str, String)> = outputs.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    surface.set_outputs(&outputs).unwrap()
}

fn summary(title: &str, link: Option<&str>) -> Summary {
    Summary {
        level: Level::Error,
        state: State::Blocked,
        title: title.to_owned(),
        markdown: String::new(),
        link: link.map(str::to_owned),
    }
}

fn links(directory: &Path) -> Vec<(String, String)> {
    let text = fs::read_to_string(directory.join(ANNOTATIONS)).unwrap();
    assert!(text.len() <= 80_000);
    let report: Map<String, Value> = serde_json::from_str(&text).unwrap();
    assert!(report.len() <= 20 && report.values().all(|section| section.as_array().unwrap().len() <= 1_000));
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let ours = report[SECTION].as_array().unwrap().iter().map(|item| {
        assert_eq!(item.as_object().unwrap().len(), 1);
        (text(&item["external_link"]["label"]), text(&item["external_link"]["url"]))
    });
    ours.collect()
}

/// Parses a dotenv report by `parse_dotenv_artifact_service.rb`. Panics where GitLab would reject it.
fn dotenv(text: &str) -> Vec<(String, String)> {
    assert!(text.len() < 5 * 1_024, "{}", text.len());
    let pairs: Vec<(String, String)> = text
        .lines()
        .map(|line| {
            let (key, value) = line.split_once('=').expect("a variable on each line");
            assert!(!key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_'), "{line:?}");
            (key.trim().to_owned(), value.trim().to_owned())
        })
        .collect();
    assert!(pairs.len() <= 20);
    let names: std::collections::BTreeSet<_> = pairs.iter().map(|(name, _)| name).collect();
    assert_eq!(names.len(), pairs.len(), "a variable is there twice: {pairs:?}");
    pairs
}

#[test]
fn links_of_several_calls_are_kept_within_the_limits() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(surface(dir.path()).add_summary(&summary("first", Some("https://app.example/1"))).unwrap(), "");
    surface(dir.path()).add_summary(&summary("second", None)).unwrap();
    surface(dir.path()).add_summary(&summary("third", Some("javascript:alert(1)"))).unwrap();
    let job = "https://gitlab.example/jobs/5".to_owned();
    let expected = [
        ("first".to_owned(), "https://app.example/1".to_owned()),
        ("second".to_owned(), job.clone()),
        ("third".to_owned(), job),
    ];
    assert_eq!(links(dir.path()), expected);
    for n in 0..400 {
        surface(dir.path()).add_summary(&summary(&format!("{n} {}", "ä".repeat(300)), None)).unwrap();
    }
    let links = links(dir.path());
    assert!(links.last().unwrap().0.starts_with("399 ") && links.len() > 100, "{}", links.len());
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file remains");
}

#[test]
fn file_that_is_not_ours_is_unchanged_and_named() {
    let dir = tempfile::tempdir().unwrap();
    for content in ["no json", "[]", r#"{"Versioner": 1}"#] {
        fs::write(dir.path().join(ANNOTATIONS), content).unwrap();
        let problem = surface(dir.path()).add_summary(&summary("x", None)).unwrap_err().to_string();
        assert!(problem.contains(ANNOTATIONS), "{problem}");
        assert_eq!(fs::read_to_string(dir.path().join(ANNOTATIONS)).unwrap(), content);
    }
    fs::write(dir.path().join(ANNOTATIONS), r#"{"Preview": [{"external_link": {"label": "a", "url": "b"}}]}"#).unwrap();
    surface(dir.path()).add_summary(&summary("x", None)).unwrap();
    assert_eq!(links(dir.path()).len(), 1);
    assert!(fs::read_to_string(dir.path().join(ANNOTATIONS)).unwrap().contains("Preview"));
    let missing = surface(&dir.path().join("no/such"));
    assert!(missing.add_summary(&summary("x", None)).unwrap_err().to_string().contains("no/such"));
    assert!(missing.set_outputs(&[("outcome", "recorded".to_owned())]).unwrap_err().to_string().contains("no/such"));
}

#[test]
fn outputs_of_earlier_calls_are_kept_and_updated() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join(DOTENV);
    fs::write(&path, "OWN=1").unwrap();
    let set = |outputs: &[(&str, &str)]| set(&surface(dir.path()), outputs);
    assert_eq!(set(&[("outcome", "recorded"), ("gate", "passed"), ("block_message", "-")]), "");
    assert_eq!(set(&[("outcome", "blocked"), ("url", "https://app.example/x?view=1")]), "");
    let text = fs::read_to_string(&path).unwrap();
    let kept = "OWN=1\nVERSIONER_GATE=passed\nVERSIONER_BLOCK_MESSAGE=-\n";
    assert_eq!(text, format!("{kept}VERSIONER_OUTCOME=blocked\nVERSIONER_URL=https://app.example/x?view=1\n"));
    // A value that does not fit must not leave its predecessor.
    let line = set(&[("block_message", "it's $HOME"), ("gate", "blocked"), ("url", &"x".repeat(5_000))]);
    assert!(line.ends_with(": VERSIONER_BLOCK_MESSAGE, VERSIONER_URL\n"), "{line}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "OWN=1\nVERSIONER_OUTCOME=blocked\nVERSIONER_GATE=blocked\n");
}

#[test]
fn reports_of_an_earlier_job_are_not_this_jobs() {
    let dir = tempfile::tempdir().unwrap();
    let (dotenv, annotations) = (dir.path().join(DOTENV), dir.path().join(ANNOTATIONS));
    fs::write(&dotenv, "OWN=1\n").unwrap();
    fs::write(&annotations, r#"{"Preview": []}"#).unwrap();
    set(&surface(dir.path()), &[("outcome", "blocked"), ("block_code", "X")]);
    surface(dir.path()).add_summary(&summary("Blocked", None)).unwrap();
    let an_hour_ago = SystemTime::now() - Duration::from_secs(3_600);
    for path in [&dotenv, &annotations] {
        fs::File::options().write(true).open(path).unwrap().set_modified(an_hour_ago).unwrap();
    }
    let started = jiff::Timestamp::try_from(an_hour_ago + Duration::from_secs(60)).unwrap().to_string();
    for title in ["Cleared to deploy", "Deployed"] {
        set(&surface_since(dir.path(), &started), &[("outcome", "recorded")]);
        surface_since(dir.path(), &started).add_summary(&summary(title, None)).unwrap();
    }
    assert_eq!(fs::read_to_string(&dotenv).unwrap(), "OWN=1\nVERSIONER_OUTCOME=recorded\n");
    let labels: Vec<String> = links(dir.path()).into_iter().map(|(label, _)| label).collect();
    assert_eq!(labels, ["Cleared to deploy", "Deployed"]);
    assert!(fs::read_to_string(&annotations).unwrap().contains("Preview"));
}

#[test]
fn start_of_the_job_is_unknown_if_the_clocks_disagree() {
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_761_663_600);
    let started = |at: &str| job_started(&[("CI_JOB_STARTED_AT", at)].into_iter().collect(), now);
    assert_eq!(started("2025-10-28T15:00:00Z"), Some(now));
    for unknown in ["2025-10-28T15:00:01Z", "", "yesterday"] {
        assert_eq!(started(unknown), None, "{unknown}");
    }
}

#[test]
fn report_has_no_more_variables_than_gitlab_allows() {
    let dir = tempfile::tempdir().unwrap();
    let own: String = (0..18).map(|n| format!("OWN_{n}=x\n")).collect();
    fs::write(dir.path().join(DOTENV), &own).unwrap();
    let outputs: Vec<(&str, String)> = ["outcome", "gate", "url"].map(|name| (name, "x".to_owned())).into();
    let line = surface(dir.path()).set_outputs(&outputs).unwrap();
    assert!(line.ends_with(": VERSIONER_URL\n"), "{line}");
    assert_eq!(dotenv(&fs::read_to_string(dir.path().join(DOTENV)).unwrap()).len(), 20);
}

#[test]
fn long_message_is_truncated_with_a_mark() {
    let text = surface(Path::new(".")).annotation(Level::Error, &"t".repeat(9_000), &"ä%\n".repeat(9_000));
    assert!(text.len() <= LARGEST_ANNOTATION && text.contains(TRUNCATED), "{}", text.len());
}

proptest! {
    #[test]
    fn section_has_exactly_the_text_and_only_errors_are_open(
        title in "(\\PC|[#\u{1b}\r\n\u{0}]|section_start:1:x\r\u{1b}\\[0K){1,8}",
        message in "(\\PC|[\n\r\u{1b}#]|\u{1b}\\[0Ksection_end:1:versioner\r\u{1b}\\[0K|::error::|##\\[error\\]){0,60}",
    ) {
        let (title, message) = (clean(&title), clean_lines(&message));
        let levels = [(Level::Error, "error", false), (Level::Warning, "warning", true), (Level::Notice, "notice", true)];
        for (level, word, is_collapsed) in levels {
            let lines = read_log(&surface(Path::new(".")).annotation(level, &title, &message));
            let Some((Line::Start { name, collapsed }, rest)) = lines.split_first() else { panic!("{lines:?}") };
            let Some((Line::End { name: end }, rest)) = rest.split_last() else { panic!("{lines:?}") };
            prop_assert_eq!((name, *collapsed), (end, is_collapsed));
            let given = message.lines().filter(|line| !line.is_empty()).map(|line| format!("  | {line}"));
            let expected: Vec<Line> = std::iter::once(format!("{word}: {title}")).chain(given).map(Line::Text).collect();
            prop_assert_eq!(rest, expected.as_slice());
        }
    }

    #[test]
    fn dotenv_report_is_never_rejected(values in proptest::collection::vec("(\\PC|[=\"'$#\n\r\u{85}\u{2028} ]){0,40}|x{4000,6000}", 1..30)) {
        let dir = tempfile::tempdir().unwrap();
        let names: Vec<String> = (0..values.len()).map(|n| format!("output_{n}")).collect();
        let outputs: Vec<(&str, String)> = names.iter().map(String::as_str).zip(values.iter().cloned()).collect();
        let printed = surface(dir.path()).set_outputs(&outputs).unwrap();
        let pairs = dotenv(&fs::read_to_string(dir.path().join(DOTENV)).unwrap());
        for (name, value) in &outputs {
            let name = format!("VERSIONER_{}", name.to_uppercase());
            match pairs.iter().find(|(key, _)| *key == name) {
                Some((_, read)) => prop_assert_eq!(read, value),
                None => prop_assert!(printed.contains(&name), "{name} is neither set nor named"),
            }
        }
    }

    #[test]
    fn link_has_exactly_its_label(title in "(\\PC|[\"\\\\\n\u{1b}]){1,60}", link in "https://(\\PC|[\"\\\\]){0,20}") {
        let dir = tempfile::tempdir().unwrap();
        let title = clean(&title);
        surface(dir.path()).add_summary(&summary(&title, Some(&link))).unwrap();
        prop_assert_eq!(links(dir.path()), [(title, link)]);
    }
}
