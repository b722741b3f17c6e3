//! Set-aside events: they are listed until they are deleted, and retried only on request.

use super::{end_of, spooled};
use crate::support::{Versioner, lenient};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use versioner_sandbox::{Reply, Sandbox};

/// The names of the set-aside files and of their reasons, sorted.
fn set_aside(call: &Versioner) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(call.dir.path().join("state/versioner/set-aside")) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// A call whose ends of `versions` were rejected with 422 and set aside.
fn with_set_aside(sandbox: &Sandbox, versions: &[&str]) -> Versioner {
    let mut call = lenient(sandbox);
    sandbox.script([Reply::status(503).times(u32::try_from(versions.len()).unwrap())]);
    for version in versions {
        assert_eq!(call.run_with(end_of("production", version)).code, 0);
    }
    assert_eq!(spooled(&call).len(), versions.len());
    sandbox.script([Reply::status(422).times(u32::try_from(versions.len()).unwrap())]);
    let run = call.run_with(["flush"]);
    assert_eq!((run.code, spooled(&call).len()), (1, 0), "{}", run.all());
    sandbox.script([]);
    sandbox.clear_requests();
    call
}

#[test]
fn flush_lists_set_aside_events_until_their_files_are_deleted() {
    let sandbox = Sandbox::start();
    let mut call = with_set_aside(&sandbox, &["1"]);
    let file = set_aside(&call)[0].clone();
    let run = call.run_with(["flush"]);
    assert_eq!((run.code, sandbox.requests().len()), (1, 0), "{}", run.all());
    let line = run.stdout.lines().find(|line| line.contains("set aside: ")).unwrap();
    let today = jiff::Timestamp::now().strftime("since %Y-").to_string();
    let parts = ["shop 1 → production (completed)", "422", today.as_str(), file.to_str().unwrap()];
    assert!(parts.iter().all(|part| line.contains(part)), "{line}");
    assert!(run.stderr.contains("1 event set aside") && run.stderr.contains("--retry-set-aside"), "{}", run.stderr);
    let run = call.run_with(["flush", "--json"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, "{}\n"), "{}", run.all());
    fs::remove_file(file).unwrap();
    let run = call.run_with(["flush"]);
    assert!(run.code == 0 && run.stdout.contains("nothing to deliver"), "{}", run.all());
}

#[test]
fn retry_set_aside_delivers_events_in_order() {
    let sandbox = Sandbox::start();
    let mut call = with_set_aside(&sandbox, &["1", "2", "3"]);
    assert_eq!(set_aside(&call).len(), 6, "each event has a reason");
    // Without the flag nothing is tried again.
    assert_eq!((call.run_with(["flush"]).code, sandbox.requests().len()), (1, 0));
    sandbox.settings(json!({"check_rules_on": "started"}));
    let run = call.run_with(["flush", "--retry-set-aside"]);
    assert!(run.code == 0 && run.stdout.contains("delivered 3 events; none is left"), "{}", run.all());
    let versions: Vec<Value> = sandbox.requests().iter().map(|request| request.json()["version"].clone()).collect();
    assert_eq!(versions, ["1", "2", "3"]);
    assert_eq!((set_aside(&call), spooled(&call)), (Vec::new(), Vec::new()));
}

#[test]
fn set_aside_events_come_before_newer_spooled_ones() {
    let sandbox = Sandbox::start();
    let mut call = with_set_aside(&sandbox, &["1", "2"]);
    sandbox.script([Reply::status(503)]);
    assert_eq!(call.run_with(end_of("production", "3")).code, 0);
    sandbox.script([]);
    sandbox.clear_requests();
    let run = call.env("VERSIONER_RETRY_SET_ASIDE", "true").run_with(["flush"]);
    assert_eq!(run.code, 0, "{}", run.all());
    let versions: Vec<Value> = sandbox.requests().iter().map(|request| request.json()["version"].clone()).collect();
    assert_eq!(versions, ["1", "2", "3"]);
}

#[test]
fn event_that_fails_again_is_set_aside_again() {
    let sandbox = Sandbox::start();
    let mut call = with_set_aside(&sandbox, &["1", "2"]);
    let before = set_aside(&call);
    sandbox.script([Reply::status(400)]);
    let run = call.run_with(["flush", "--retry-set-aside"]);
    assert_eq!((run.code, spooled(&call).len()), (1, 0), "{}", run.all());
    assert_eq!(set_aside(&call), before[..2]);
    assert!(fs::read_to_string(&before[1]).unwrap().contains("400"));
    // An API that is down leaves the event in the spool.
    sandbox.script([Reply::status(503)]);
    let run = call.run_with(["flush", "--retry-set-aside"]);
    assert_eq!((run.code, spooled(&call).len(), set_aside(&call).len()), (1, 1, 0), "{}", run.all());
}

#[test]
fn set_aside_events_are_retried_by_the_action_too() {
    let sandbox = Sandbox::start();
    let mut call = with_set_aside(&sandbox, &["1"]);
    call = call.envs(&[("INPUT_COMMAND", "flush"), ("INPUT_RETRY_SET_ASIDE", "true")]);
    let run = call.run_with([""; 0]);
    assert_eq!((run.code, set_aside(&call).len(), sandbox.requests().len()), (0, 0, 1), "{}", run.all());
}

#[test]
fn set_aside_events_of_another_key_are_counted_and_unreadable_files_listed() {
    let sandbox = Sandbox::start();
    let mut call = with_set_aside(&sandbox, &["1"]);
    let event = set_aside(&call)[0].clone();
    call = call.env("VERSIONER_API_KEY", sandbox.other_key());
    let run = call.run_with(["flush", "--retry-set-aside"]);
    assert_eq!((run.code, sandbox.requests().len()), (0, 0), "{}", run.all());
    assert!(run.stdout.contains("set aside: 1 event of another API key, sk_demo_"), "{}", run.stdout);
    assert!(event.is_file());
    // A forged event is listed, and stays where it is.
    let content = fs::read_to_string(&event).unwrap();
    call = call.env("VERSIONER_API_KEY", sandbox.key());
    fs::write(&event, content.replace("\"completed\"", "\"failed\"")).unwrap();
    let torn = event.with_file_name("000000000009-torn.json");
    fs::write(&torn, "{\"form").unwrap();
    let run = call.run_with(["flush", "--retry-set-aside"]);
    assert_eq!((run.code, sandbox.requests().len(), spooled(&call).len()), (1, 0, 0), "{}", run.all());
    for part in ["a file that cannot be read", "422", "it is not JSON", torn.to_str().unwrap(), event.to_str().unwrap()]
    {
        assert!(run.stdout.contains(part), "{part}: {}", run.stdout);
    }
    assert!(run.stderr.contains("2 events set aside"), "{}", run.stderr);
}
