//! Replaces what differs between runs of the tests by fixed values.

use std::fmt::Write as _;
use versioner_sandbox::Sandbox;

/// Replaces what differs between runs.
pub(super) fn fixed(text: &str, sandbox: &Sandbox) -> String {
    let host = sandbox.url();
    let host = host.split("://").nth(1).unwrap().split(':').next().unwrap();
    let text = text.replace(&sandbox.url(), "https://api.versioner.io").replace(host, "api.versioner.io");
    let text = text.replace("127.0.0.1", "api.versioner.io");
    // The port on which nothing listens.
    let text = text.split("http://api.versioner.io:").enumerate().fold(String::new(), |out, (n, part)| match n {
        0 => part.to_owned(),
        _ => out + "https://api.versioner.io" + part.trim_start_matches(|c: char| c.is_ascii_digit()),
    });
    match text.split_once("checked 20") {
        // Without a reply, the time is this machine's.
        Some((before, after)) if !after.starts_with("26-11-24") => {
            format!("{before}checked 2026-11-24 14:37 UTC{}", &after["26-11-24 14:37 UTC".len()..])
        }
        _ => text,
    }
}

/// Replaces the seconds that a command ran: these commands end at once, or a second later on a busy machine.
pub(super) fn with_fixed_duration(text: &str) -> String {
    ["after ", "in ", "waited ", "<td>"].iter().fold(text.to_owned(), |text, word| {
        let mut parts = text.split(word);
        let first = parts.next().unwrap_or_default().to_owned();
        parts.fold(first, |out, part| {
            let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
            let is_duration = rest.len() < part.len() && rest.starts_with(" s");
            out + word + if is_duration { "12" } else { "" } + if is_duration { rest } else { part }
        })
    })
}

/// Control characters of GitLab's sections made visible, and the numbers in their names fixed.
pub(super) fn readable(text: &str) -> String {
    let mut out = String::new();
    for line in text.replace('\u{1b}', "␛").replace('\r', "␍").lines() {
        match line.split_once("section_").and_then(|(before, rest)| Some((before, rest.split_once('␍')?))) {
            Some((before, (rest, after))) => {
                let kind = rest.split(':').next().unwrap_or_default();
                let options = rest.find('[').map_or("", |at| &rest[at..]);
                writeln!(out, "{before}section_{kind}:1795531020:versioner_1{options}␍{after}").unwrap();
            }
            None => writeln!(out, "{line}").unwrap(),
        }
    }
    out
}
