//! What a success, a block and a refusal look like on GitLab, Azure DevOps, TeamCity, Buildkite, CircleCI, Bitbucket and
//! Travis: streams, and the files and calls of their surfaces.

use crate::support::{read, steady};
use crate::systems_given::{ALL, Variables, equipped};
use serde_json::{Value, json};
use versioner_sandbox::{Reply, Sandbox};

/// The server's clock: two hours and fourteen minutes before the window ends.
const SERVER_DATE: &str = "Mon, 27 Oct 2025 21:46:00 GMT";

fn recorded() -> Reply {
    Reply::status(201).json(json!({"id": "d-1", "event_id": "e-1", "version_id": "v-1", "product_id": "p-1",
        "environment_id": "n-1"}))
}

fn blocked() -> Value {
    json!({"error": "deployment_blocked", "message": "No deployments allowed on Fridays after 3pm PST", "code": "NO_DEPLOY_WINDOW",
        "retry_after": "2025-10-28T00:00:00Z", "details": {"window_name": "friday_freeze", "window_start": "2025-10-25T15:00:00-07:00",
        "window_end": "2025-10-28T00:00:00-07:00", "reason": "Weekly deployment freeze"}})
}

fn refused() -> Reply {
    Reply::status(401).json(json!({"detail": "Invalid authentication credentials"}))
}

/// `text` with the numbers after `mark` made steady, also those of 32 hexadecimal digits.
fn numberless(text: &str, mark: &str) -> String {
    let mut parts = text.split(mark);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| {
        let hexadecimal = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        let rest = match hexadecimal {
            32 => &part[32..],
            // A context of Buildkite is the id of its job, which is made up here.
            _ if mark == "versioner-" => part,
            _ => part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_'),
        };
        let number = if rest.len() < part.len() { "[n]" } else { "" };
        format!("{out}{mark}{number}{rest}")
    })
}

/// What is seen of one call: exit code, streams, and the files that its surfaces wrote.
fn seen(name: &str, variables: Variables, reply: Reply) -> String {
    let sandbox = Sandbox::start();
    sandbox.script([reply.header("Date", SERVER_DATE)]);
    let call = equipped(name, variables, &sandbox);
    let run = call.run();
    let mut text = format!("exit code {}\n\nSTDOUT\n{}\nSTDERR\n{}", run.code, run.stdout, run.stderr);
    let mut files: Vec<_> = std::fs::read_dir(call.dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for path in files.into_iter().filter(|path| path.is_file()) {
        let content = read(&path);
        // Calls that are made at once are written down in any order.
        let (mut at_once, rest): (Vec<&str>, Vec<&str>) =
            content.lines().partition(|line| line.starts_with("meta-data|"));
        at_once.sort_unstable();
        let lines: Vec<&str> = rest.into_iter().chain(at_once).collect();
        text.push_str(&format!("\nFILE {}\n{}", path.file_name().unwrap().to_string_lossy(), lines.join("\n")));
    }
    let text = text.replace(&call.dir.path().display().to_string(), "[dir]");
    let text = ["section_start:", "section_end:", ":versioner_", "versioner-"]
        .into_iter()
        .fold(text, |text, mark| numberless(&text, mark));
    let text = text.replace('\u{1b}', "␛").replace('\r', "␍");
    steady(&text, &sandbox)
}

#[test]
fn a_success() {
    for (name, variables) in ALL {
        insta::assert_snapshot!(format!("{name}_recorded"), seen(name, variables, recorded()));
    }
}

#[test]
fn a_block() {
    for (name, variables) in ALL {
        insta::assert_snapshot!(format!("{name}_blocked"), seen(name, variables, Reply::status(423).json(blocked())));
    }
}

#[test]
fn a_refusal() {
    for (name, variables) in ALL {
        insta::assert_snapshot!(format!("{name}_refused"), seen(name, variables, refused()));
    }
}
