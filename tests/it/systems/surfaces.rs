//! What a success, a block and a rejection look like on each system: stdout, stderr, and what its surfaces write.

use super::{SystemFixture, systems, with_surfaces};
use crate::support::{Versioner, normalize, read};
use serde_json::{Value, json};
use versioner_sandbox::{Reply, Sandbox};

/// The server's time: 2 h 14 min before the window ends.
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

fn rejected() -> Reply {
    Reply::status(401).json(json!({"detail": "Invalid authentication credentials"}))
}

/// Replaces the decimal number or the 32 hexadecimal digits after each `prefix`.
fn without_numbers(text: &str, prefix: &str) -> String {
    let mut parts = text.split(prefix);
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |out, part| {
        let hexadecimal = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        let rest = match hexadecimal {
            32 => &part[32..],
            // Buildkite's context contains the job id, which is fixed in the fixture.
            _ if prefix == "versioner-" => part,
            _ => part.trim_start_matches(|c: char| c.is_ascii_digit() || c == '_'),
        };
        let number = if rest.len() < part.len() { "[n]" } else { "" };
        format!("{out}{prefix}{number}{rest}")
    })
}

/// The exit code, stdout, stderr and files of a call that gets `reply`.
fn rendered(system: &SystemFixture, reply: Reply) -> String {
    let sandbox = Sandbox::start();
    sandbox.script([reply.header("Date", SERVER_DATE)]);
    let call = Versioner::deployment(&sandbox, "started").env("VERSIONER_UI_URL", "https://app.versioner.io");
    let call = system.runs[0].variables(&call).into_iter().fold(call, |call, (name, value)| call.env(&name, &value));
    let call = with_surfaces(system.name, call);
    let run = call.run();
    let mut text = format!("exit code {}\n\nSTDOUT\n{}\nSTDERR\n{}", run.code, run.stdout, run.stderr);
    let mut files: Vec<_> = std::fs::read_dir(call.dir.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    for path in files.into_iter().filter(|path| path.extension().is_none_or(|extension| extension != "properties")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let content = read(&path);
        let mut lines: Vec<&str> = content.lines().collect();
        if name == "calls" {
            // Calls that run in parallel are logged in any order.
            let is_parallel =
                |line: &&str| ["meta-data|", "put|", "SetVariable|"].iter().any(|start| line.starts_with(start));
            let (mut parallel, rest): (Vec<&str>, Vec<&str>) = lines.into_iter().partition(is_parallel);
            parallel.sort_unstable();
            lines = rest.into_iter().chain(parallel).collect();
        }
        if path.is_file() {
            text.push_str(&format!("\nFILE {name}\n{}\n", lines.join("\n")));
        }
    }
    let text = text.replace(&call.dir.path().display().to_string(), "[dir]");
    let text = ["section_start:", "section_end:", ":versioner_", "versioner-"]
        .into_iter()
        .fold(text, |text, prefix| without_numbers(&text, prefix));
    let text = text.replace('\u{1b}', "␛").replace('\r', "␍");
    normalize(&text, &sandbox)
}

#[test]
fn success_block_and_rejection_match_the_snapshot_on_each_system() {
    for system in systems() {
        let replies = [("success", recorded()), ("block", Reply::status(423).json(blocked())), ("refusal", rejected())];
        let text: String =
            replies.map(|(kind, reply)| format!("== a {kind} ==\n{}\n", rendered(system, reply))).concat();
        insta::assert_snapshot!(system.name, text);
    }
}
