//! What calls print and write: no key, no workflow command that the server wrote.

use crate::invariants::all_calls;
use crate::schedule::Schedule;
use crate::world::Observed;
use base64::Engine as _;

/// Neither what was printed nor a file holds the API key, in any of these encodings.
pub(crate) fn no_key_leaks(_: &Schedule, observed: &Observed) -> Vec<String> {
    let key = observed.key.as_bytes();
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    // Without the last characters, which depend on what follows the key.
    let base64 = base64::engine::general_purpose::STANDARD.encode(&key[..key.len() / 3 * 3]);
    let forms = [observed.key.clone(), hex.to_uppercase(), hex, observed.key.replace('_', "%5F"), base64];
    let mut broken = Vec::new();
    for (name, content) in &observed.files {
        let plain: String =
            content.chars().filter(|c| !c.is_control() && !('\u{200b}'..='\u{200f}').contains(c)).collect();
        let plain = plain.replace("&#95;", "_").replace("&#37;", "%");
        for form in forms.iter().filter(|form| plain.contains(form.as_str())) {
            broken.push(format!("{name} contains the key as {form}"));
        }
    }
    broken
}

/// The output has no workflow command but our own annotations, no control character, and no output that we do not know.
pub(crate) fn no_workflow_command_is_forged(_: &Schedule, observed: &Observed) -> Vec<String> {
    let mut broken = Vec::new();
    for (_, call) in all_calls(observed) {
        let text = format!("{}\n{}", call.stdout, call.stderr);
        let is_control = |c: char| c != '\n' && c.is_control() || ('\u{202a}'..='\u{202e}').contains(&c);
        if let Some(c) = text.chars().find(|c| is_control(*c)) {
            broken.push(format!("call {} prints {c:?}", call.id));
        }
        for marker in ["##[", "##vso[", "##teamcity["] {
            if text.contains(marker) {
                broken.push(format!("call {} prints {marker}", call.id));
            }
        }
        for line in text.lines() {
            let Some((head, _)) = line.trim_start().strip_prefix("::").and_then(|rest| rest.split_once("::")) else {
                continue;
            };
            let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
            if !["error", "warning", "notice"].contains(&name) || properties.starts_with("title=pwned") {
                broken.push(format!("call {} prints the command {line}", call.id));
            }
        }
        let outcomes = ["recorded", "blocked", "rejected", "unavailable", "spooled"];
        if call.outputs.get("outcome").is_some_and(|outcome| !outcomes.contains(&outcome.as_str())) {
            broken.push(format!("call {} has the outcome {:?}", call.id, call.outputs.get("outcome")));
        }
    }
    for (name, content) in observed.files.iter().filter(|(name, _)| name.starts_with("output")) {
        if content.lines().any(|line| line.starts_with("outcome<<EOF") || line == "pwned") {
            broken.push(format!("{name} has a forged output"));
        }
    }
    broken
}
