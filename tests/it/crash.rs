//! SIGKILL at any moment of spooling, delivering or setting aside, and at every system call of a write: afterwards every
//! event is on disk or at the server.

use crate::support::{Versioner, end_of, lenient};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use versioner_sandbox::{Reply, Sandbox};

/// Starts a call and kills it at a random moment within `limit`. Returns its exit code if it ended before that.
fn kill_within<'a>(
    call: &Versioner,
    args: impl IntoIterator<Item = &'a str>,
    rng: &mut fastrand::Rng,
    limit: Duration,
) -> Option<i32> {
    let mut child = call.command_with(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    std::thread::sleep(limit.mul_f64(rng.f64()));
    child.kill().unwrap();
    child.wait().unwrap().code()
}

/// The names of the files in `directory` that end in `suffix`.
fn file_names(directory: &Path, suffix: &str) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(directory) else { return BTreeSet::new() };
    entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(suffix))
        .collect()
}

/// 1.5 times the duration of a call on this machine: a random moment within it usually falls into the call.
fn kill_limit(call: &Versioner, args: &[&str]) -> Duration {
    let started = std::time::Instant::now();
    call.command_with(args).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    started.elapsed() * 3 / 2
}

/// The versions of the recorded events, in order.
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
    let limit = kill_limit(&call, &end_of("production", "0"));
    let mut accepted = vec!["0".to_owned()];
    for round in 1..=40 {
        // The next request fails. If this call is killed before it sends one, a later round gets the reply.
        sandbox.script([Reply::status(503)]);
        let version = round.to_string();
        if kill_within(&call, end_of("production", &version), &mut rng, limit) == Some(0) {
            accepted.push(version);
        }
    }
    // The first flushes use up the scripted failures that are left.
    let flushed = (0..100).any(|_| call.run_with(["flush"]).code == 0);
    assert!(flushed && file_names(&state.join("spool"), ".json").is_empty());
    assert!(
        file_names(&state.join("set-aside"), "").is_empty(),
        "truncated: {:?}",
        file_names(&state.join("set-aside"), "")
    );
    let delivered = delivered(&sandbox);
    assert!(accepted.iter().all(|version| delivered.contains(version)), "{accepted:?}: {delivered:?}");
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
        assert_eq!(call.run_with(end_of("production", version)).code, 0);
    }
    assert_eq!(file_names(&spool, ".json").len(), 40);
    let mut kills = 0;
    while kills < 40 && !file_names(&spool, ".json").is_empty() {
        // Long enough to deliver an event or two.
        kill_within(&call, ["flush"], &mut rng, Duration::from_millis(25));
        kills += 1;
        let at_server: BTreeSet<String> = delivered(&sandbox).into_iter().collect();
        assert!(at_server.len() + file_names(&spool, ".json").len() >= versions.len(), "lost after {kills} kills");
    }
    assert_eq!(call.run_with(["flush"]).code, 0);
    // Each event is delivered at least once, and the first deliveries are in order.
    let mut first_deliveries = Vec::new();
    for version in delivered(&sandbox) {
        if !first_deliveries.contains(&version) {
            first_deliveries.push(version);
        }
    }
    assert_eq!(first_deliveries, versions);
}

#[test]
fn sigkill_while_setting_aside_loses_no_event() {
    let sandbox = Sandbox::start();
    let mut call = lenient(&sandbox);
    let state = call.dir.path().join("state/versioner");
    let mut rng = fastrand::Rng::with_seed(3);
    sandbox.script([Reply::status(503).times(20)]);
    for version in 0..20 {
        assert_eq!(call.run_with(end_of("production", &version.to_string())).code, 0);
    }
    let all = file_names(&state.join("spool"), ".json");
    assert_eq!(all.len(), 20);
    sandbox.script([Reply::status(422).times(1_000)]);
    for kill in 0..20 {
        kill_within(&call, ["flush"], &mut rng, Duration::from_millis(25));
        let set_aside = file_names(&state.join("set-aside"), ".json");
        let spooled = file_names(&state.join("spool"), ".json");
        assert_eq!(&set_aside | &spooled, all, "after {kill} kills");
        let reasons = file_names(&state.join("set-aside"), ".reason");
        assert!(set_aside.iter().all(|name| reasons.contains(&format!("{name}.reason"))), "{set_aside:?}: {reasons:?}");
    }
    assert_eq!(call.run_with(["flush"]).code, 1, "set-aside events are left");
    assert_eq!(file_names(&state.join("set-aside"), ".json"), all);
}

/// The system calls that write, move, lock or remove a file, or send an event. The names are those of any architecture.
const SYSTEM_CALLS: [&str; 9] =
    ["/^mkdir", "/^openat", "write", "fsync", "/^rename", "/^unlink", "flock", "/^send|^writev", "close"];

/// Calls the binary with each of [`SYSTEM_CALLS`] killed at its first, second … occurrence, until the call is not killed any
/// more. `after` gets the version, and the exit code unless it was killed.
fn kill_at_every_system_call(
    call: &Versioner,
    args: impl Fn(&str) -> Vec<String>,
    mut after: impl FnMut(&str, Option<i32>),
) {
    let mut kills = 0;
    for (number, system_call) in SYSTEM_CALLS.into_iter().enumerate() {
        for occurrence in 1.. {
            let version = format!("{number}-{occurrence}");
            let plain = call.command_with(args(&version));
            let mut traced = Command::new("strace");
            traced
                .args(["-qq", "-o", "/dev/null", "-e"])
                .arg(format!("trace={system_call}"))
                .arg("-e")
                .arg(format!("inject={system_call}:signal=KILL:when={occurrence}"))
                .arg(plain.get_program())
                .args(plain.get_args())
                .env_clear()
                .envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))))
                .env("PATH", std::env::var_os("PATH").unwrap_or_default())
                .current_dir(call.dir.path());
            let output = traced.stdin(Stdio::null()).output().unwrap();
            // strace ends itself by the signal that ended the program.
            let code = output.status.code();
            after(&version, code);
            if code.is_some() {
                break;
            }
            kills += 1;
        }
    }
    println!("killed at {kills} system calls");
    assert!(kills > 20, "only {kills} system calls");
}

#[test]
fn strace_sigkill_at_every_system_call_of_a_spool_write_tears_and_loses_nothing() {
    let sandbox = Sandbox::start();
    sandbox.refuse_connections(true);
    let call = lenient(&sandbox);
    let state = call.dir.path().join("state/versioner");
    let args = |version: &str| end_of("production", version).map(str::to_owned).to_vec();
    let mut flush = Versioner::shell(&sandbox).env("VERSIONER_SPOOL_DIR", &state.display().to_string());
    kill_at_every_system_call(&call, args, |version, code| {
        for name in file_names(&state.join("spool"), ".json") {
            let content = fs::read_to_string(state.join("spool").join(&name)).unwrap();
            let file: serde_json::Value = serde_json::from_str(&content).unwrap();
            assert!(file["hmac_sha256"].is_string(), "{version}: {content}");
        }
        assert!(code.is_none_or(|code| code == 0), "{version}: {code:?}");
        // Also empties the spool: the number of system calls must not grow with each event.
        sandbox.refuse_connections(false);
        let run = flush.run_with(["flush"]);
        sandbox.refuse_connections(true);
        assert_eq!(run.code, 0, "{version}: {}", run.all());
        assert!(file_names(&state.join("set-aside"), "").is_empty(), "{version}: {}", run.all());
        assert!(code.is_none() || delivered(&sandbox).contains(&version.to_owned()), "{version}: {}", run.all());
    });
}

#[test]
fn strace_sigkill_at_every_system_call_of_a_start_leaves_no_open_deployment() {
    let sandbox = Sandbox::start();
    let call = Versioner::shell(&sandbox).envs(&[
        ("VERSIONER_RETRIES", "0"),
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_RUN_ID", "1"),
    ]);
    let call = call.envs(&[("GITHUB_RUN_ATTEMPT", "1"), ("GITHUB_JOB", "deploy"), ("GITHUB_REPOSITORY", "octo/shop")]);
    let args = |version: &str| {
        let mut args = end_of("production", version).map(str::to_owned).to_vec();
        args[9] = "started".to_owned();
        args
    };
    kill_at_every_system_call(&call, args, |version, code| {
        assert!(code.is_none_or(|code| code == 0), "{version}: {code:?}");
        let finish = call.command_with(["finish", "--status", "failed"]).output().unwrap();
        assert_eq!(finish.status.code(), Some(0), "{version}: {}", String::from_utf8_lossy(&finish.stderr));
        let state = sandbox.state();
        let deployments = state["accounts"]["main"]["deployments"].as_array().unwrap();
        assert!(deployments.iter().all(|it| it["status"] != "started"), "{version}: {state}");
        assert!(file_names(&call.dir.path().join("state/versioner/open"), ".json").is_empty(), "{version}");
    });
}
