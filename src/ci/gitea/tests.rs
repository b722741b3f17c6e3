//! The identity of a job, and annotations as act parses them.

use super::*;
use crate::ci::contract_tests::Variables;
use proptest::prelude::*;

/// `header.{"scp":"…","TaskID":N,"RunID":7,"JobID":8}.signature`, with N = 21 and N = 22.
const TASK_21: &str = "e30.eyJzY3AiOiJBY3Rpb25zLlJlc3VsdHM6Nzo4IiwiVGFza0lEIjoyMSwiUnVuSUQiOjcsIkpvYklEIjo4fQ.c2ln";
const TASK_22: &str = "e30.eyJzY3AiOiJBY3Rpb25zLlJlc3VsdHM6Nzo4IiwiVGFza0lEIjoyMiwiUnVuSUQiOjcsIkpvYklEIjo4fQ.c2ln";

pub(super) const GITEA_IMITATES: Variables = &[("GITEA_ACTIONS", "true"), ("GITHUB_ACTIONS", "true")];
pub(super) const FORGEJO_IMITATES: Variables =
    &[("FORGEJO_ACTIONS", "true"), ("GITEA_ACTIONS", "true"), ("GITHUB_ACTIONS", "true")];

/// What both systems share.
pub(super) const EXAMPLE: Example = Example {
    minimal: &[],
    ambiguous: &[],
    not_detected: &[],
    refs: None,
    sources: &[include_str!("../gitea.rs"), include_str!("../github.rs")],
    job: &[
        ("GITHUB_SERVER_URL", "https://git.example"),
        ("GITHUB_REPOSITORY", "octo/shop"),
        ("GITHUB_RUN_ID", "7"),
        ("GITHUB_JOB", "deploy"),
        ("ACTIONS_RUNTIME_TOKEN", TASK_21),
        ("RUNNER_TEMP", "/tmp"),
        ("HOSTNAME", "4f1c"),
    ],
    // An action that runs in its own container.
    same_job: &[&[("GITHUB_ACTION", "2"), ("HOSTNAME", "9c2f")]],
    other_jobs: &[
        &[("ACTIONS_RUNTIME_TOKEN", TASK_22)],
        &[("GITHUB_SERVER_URL", "https://git.other.example")],
        // Servers whose token is not a JWT.
        &[("ACTIONS_RUNTIME_TOKEN", "0123456789abcdef")],
        &[("ACTIONS_RUNTIME_TOKEN", "0123456789abcdef"), ("HOSTNAME", "9c2f")],
        &[("ACTIONS_RUNTIME_TOKEN", "a.b.c"), ("RUNNER_TEMP", "/root/.cache/act/1a2b/tmp")],
        &[("ACTIONS_RUNTIME_TOKEN", ""), ("GITHUB_RUN_ATTEMPT", "2")],
    ],
    unknown_jobs: &[&[("GITHUB_RUN_ID", "")]],
    job_status: &[],
};

/// A line as act parses it: the message begins after the last `::`. Returns name, properties and message, still escaped.
fn parse(line: &str) -> Option<(&str, &str, &str)> {
    let (head, message) = line.strip_prefix("::")?.rsplit_once("::")?;
    let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
    Some((name, properties, message))
}

fn unescape(text: &str, order: &[(&str, &str)]) -> String {
    order.iter().fold(text.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}

const ORDERS: [[(&str, &str); 5]; 3] = [
    [("%25", "%"), ("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ",")],
    [("%2C", ","), ("%3A", ":"), ("%0A", "\n"), ("%0D", "\r"), ("%25", "%")],
    [("%0A", "\n"), ("%25", "%"), ("%2C", ","), ("%0D", "\r"), ("%3A", ":")],
];

proptest! {
    #[test]
    fn annotation_is_one_command_with_exactly_its_text(
        title in "([:%=,0-9A-D ]|25|0A|\\PC){0,40}", message in "([:%,\n0-9A-D]|::|%0A|%25|##\\[error\\]|\\PC){0,60}"
    ) {
        let text = Gitea::new(&Env::default()).annotation(Level::Error, &title, &message);
        prop_assert_eq!(text.matches('\n').count(), 1);
        let (name, properties, escaped) = parse(text.trim_end_matches('\n')).expect("a command");
        prop_assert_eq!(name, "error");
        let pairs: Vec<Vec<&str>> = properties.split(',').map(|pair| pair.split('=').collect()).collect();
        prop_assert!(pairs.len() == 1 && pairs[0].len() == 2 && pairs[0][0] == "title", "{:?}", pairs);
        let expected_title = defuse(&title.replace('=', ":"));
        // Without a message there would be no annotation: the title is used instead.
        let expected_message = if message.is_empty() { expected_title.clone() } else { defuse(&message) };
        for order in ORDERS {
            prop_assert_eq!(unescape(escaped, &order), expected_message.clone());
            prop_assert_eq!(unescape(pairs[0][1], &order), expected_title.clone());
        }
    }
}

#[test]
fn only_ambiguous_text_is_changed() {
    assert_eq!(defuse("100% of 12:30 a::b %0A"), "100% of 12:30 a: :b % 0A");
    assert_eq!(defuse(":::"), " : : :");
}
