//! SIGKILL at any moment of writing, delivering and setting aside: afterwards every event is in the spool or at the server.

use crate::support::{Versioner, lenient};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use versioner_sandbox::{Reply, Sandbox};

fn end_of(version: &str) -> [&str; 10] {
    [
        "track",
        "deployment",
        "--product",
        "shop",
        "--version",
        version,
        "--environment",
        "production",
        "--status",
        "success",
    ]
}

/// Starts a call, and kills it within `most`. Gives its exit code, if it was faster.
fn kill_within<'a>(
    call: &Versioner,
    args: impl IntoIterator<Item = &'a str>,
    rng: &mut fastrand::Rng,
    most: Duration,
) -> Option<i32> {
    let mut child = call.command_with(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(most.mul_f64(rng.f64()));
    child.kill().unwrap();
    child.wait().unwrap().code()
}

fn names(directory: &Path, suffix: &str) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(directory) else { return BTreeSet::new() };
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(suffix))
        .collect()
}

/// How long a call takes here, so that the kills fall into it whatever the machine: three times one that is left alone.
fn span(call: &Versioner, args: &[&str]) -> Duration {
    let started = std::time::Instant::now();
    call.command_with(args).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    started.elapsed() * 3 / 2
}

fn delivered(sandbox: &Sandbox) -> Vec<String> {
    let recorded = sandbox.requests().into_iter().filter(|request| request.reply_status == Some(201));
    recorded.map(|request| request.json()["version"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn sigkill_while_spooling_loses_no_event() {
    let sandbox = Sandbox::start();
    let mut call = lenient(&sandbox);
    let state = call.dir.path().join("state/versioner");
    let mut rng = fastrand::Rng::with_seed(1);
    sandbox.script([Reply::status(503)]);
    let span = span(&call, &end_of("0"));
    let mut promised = vec!["0".to_owned()];
    for round in 1..=40 {
        // One for what is kept already, one for what is new: whatever is not used up is used by a later round.
        sandbox.script([Reply::status(503)]);
        let version = round.to_string();
        if kill_within(&call, end_of(&version), &mut rng, span) == Some(0) {
            promised.push(version);
        }
    }
    // What is scripted still is used up on the way.
    let flushed = (0..100).any(|_| call.again(["flush"]).code == 0);
    assert!(flushed && names(&state.join("spool"), ".json").is_empty());
    assert!(names(&state.join("set-aside"), "").is_empty(), "torn: {:?}", names(&state.join("set-aside"), ""));
    let delivered = delivered(&sandbox);
    assert!(promised.iter().all(|version| delivered.contains(version)), "{promised:?}: {delivered:?}");
}

#[test]
fn sigkill_while_delivering_loses_no_event() {
    let sandbox = Sandbox::start();
    let mut call = lenient(&sandbox);
    let spool = call.dir.path().join("state/versioner/spool");
    let mut rng = fastrand::Rng::with_seed(2);
    sandbox.script([Reply::status(503).times(40)]);
    let versions: Vec<String> = (0..40).map(|version| version.to_string()).collect();
    for version in &versions {
        assert_eq!(call.again(end_of(version)).code, 0);
    }
    assert_eq!(names(&spool, ".json").len(), 40);
    let mut kills = 0;
    while kills < 40 && !names(&spool, ".json").is_empty() {
        // Just long enough for an event or two.
        kill_within(&call, ["flush"], &mut rng, Duration::from_millis(25));
        kills += 1;
        let at_server: BTreeSet<String> = delivered(&sandbox).into_iter().collect();
        assert!(at_server.len() + names(&spool, ".json").len() >= versions.len(), "lost after {kills} kills");
    }
    assert_eq!(call.again(["flush"]).code, 0);
    // At least once, and the first time in order.
    let mut first = Vec::new();
    for version in delivered(&sandbox) {
        if !first.contains(&version) {
            first.push(version);
        }
    }
    assert_eq!(first, versions);
}

#[test]
fn sigkill_while_setting_aside_loses_no_event() {
    let sandbox = Sandbox::start();
    let mut call = lenient(&sandbox);
    let state = call.dir.path().join("state/versioner");
    let mut rng = fastrand::Rng::with_seed(3);
    sandbox.script([Reply::status(503).times(20)]);
    for version in 0..20 {
        assert_eq!(call.again(end_of(&version.to_string())).code, 0);
    }
    let all = names(&state.join("spool"), ".json");
    assert_eq!(all.len(), 20);
    sandbox.script([Reply::status(422).times(1_000)]);
    for kill in 0..20 {
        kill_within(&call, ["flush"], &mut rng, Duration::from_millis(25));
        let aside = names(&state.join("set-aside"), ".json");
        let kept = names(&state.join("spool"), ".json");
        assert_eq!(&aside | &kept, all, "after {kill} kills");
        let reasons = names(&state.join("set-aside"), ".reason");
        assert!(aside.iter().all(|name| reasons.contains(&format!("{name}.reason"))), "{aside:?}: {reasons:?}");
    }
    assert_eq!(call.again(["flush"]).code, 0);
    assert_eq!(names(&state.join("set-aside"), ".json"), all);
}
