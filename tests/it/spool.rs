//! The spool: what could not be delivered is kept, delivered late, in order, once, and to nobody else.

use crate::support::{Run, Versioner, last_event, lenient, statuses};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use versioner_sandbox::{Fault, Reply, Sandbox};

fn end_of<'a>(environment: &'a str, version: &'a str) -> [&'a str; 10] {
    [
        "track",
        "deployment",
        "--product",
        "shop",
        "--version",
        version,
        "--environment",
        environment,
        "--status",
        "success",
    ]
}

fn spool(call: &Versioner) -> PathBuf {
    call.dir.path().join("state/versioner/spool")
}

fn kept(call: &Versioner) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(spool(call)) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|e| e == "json"))
        .collect();
    files.sort();
    files
}

#[test]
fn spooled_end_is_delivered_before_the_next_event() {
    let sandbox = Sandbox::start();
    let mut call = lenient(&sandbox);
    sandbox.script([Reply::status(503)]);
    let run = call.again(end_of("production", "1"));
    assert_eq!((run.code, kept(&call).len()), (0, 1), "{}", run.all());
    let first = sandbox.requests()[0].clone();
    for word in [
        "Kept for later: shop 1 → production",
        "NOT recorded yet",
        "state/versioner/spool",
        "until it is delivered",
        "versioner flush",
        "503",
    ] {
        assert!(run.stderr.contains(word), "{word}: {}", run.stderr);
    }
    let run = call.again(end_of("production", "2"));
    assert_eq!((run.code, kept(&call).len()), (0, 0), "{}", run.all());
    let requests = sandbox.requests();
    let late = requests[1].json();
    assert_eq!((late["version"].as_str(), requests[2].json()["version"].as_str()), (Some("1"), Some("2")));
    assert_eq!(late["completed_at"], first.json()["completed_at"]);
    assert_eq!(late["extra_metadata"]["vi_delivered_late"], true);
    assert!(late["extra_metadata"]["vi_occurred_at"].is_string(), "{late}");
    assert_eq!(requests[1].header("idempotency-key"), first.header("idempotency-key"));
    assert!(requests[2].json().pointer("/extra_metadata/vi_delivered_late").is_none());
}

#[test]
fn spooled_event_sets_the_outcome_output() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::status(503)]);
    let call =
        Versioner::github(&sandbox, "success").envs(&[("INPUT_FAIL_ON_API_ERROR", "false"), ("INPUT_RETRIES", "0")]);
    let temp = call.dir.path().join("temp").display().to_string();
    let run = call.env("RUNNER_TEMP", &temp).run();
    assert_eq!((run.code, run.outputs()["outcome"].as_str()), (0, "spooled"), "{}", run.all());
    let warning = run.only("warning");
    assert!(warning.message.contains("until the job ends: the CI system empties RUNNER_TEMP then"), "{warning:?}");
    assert!(run.summary().contains("Kept for later"), "{}", run.summary());
}

#[test]
fn only_ends_and_builds_with_recoverable_errors_are_spooled() {
    let fail = |status: u16| Reply::status(status);
    let cases = [
        (fail(401), "success", true),
        (fail(403), "failed", true),
        (fail(404), "cancelled", true),
        (fail(302), "success", true),
        (Reply::fault(Fault::Close), "success", true),
        (Reply::status(200).body("<html>"), "success", true),
        (fail(400), "success", false),
        (fail(422), "success", false),
        (fail(409), "success", false),
        (fail(423), "success", false),
        (fail(503), "started", false),
        (fail(503), "pending", false),
        (fail(503), "half-done", false),
    ];
    for (reply, status, expected) in cases {
        let sandbox = Sandbox::start();
        sandbox.script([reply.clone()]);
        let mut call = lenient(&sandbox);
        let mut args = end_of("production", "1");
        args[9] = status;
        let run = call.again(args);
        assert_eq!(kept(&call).len(), usize::from(expected), "{status} {reply:?}: {}", run.all());
        assert_eq!(run.code, if reply.status == Some(423) { 5 } else { 0 }, "{}", run.all());
    }
    let sandbox = Sandbox::start();
    sandbox.script([Reply::status(503), Reply::status(503)]);
    let mut call = lenient(&sandbox);
    assert_eq!(call.again(["track", "build", "--product", "shop", "--version", "1", "--status", "started"]).code, 0);
    assert_eq!(kept(&call).len(), 1, "a build, whatever its status");
    call = call.env("VERSIONER_FAIL_ON_API_ERROR", "true");
    sandbox.script([Reply::status(503)]);
    let run = call.again(end_of("production", "1"));
    assert_eq!((run.code, kept(&call).len()), (1, 1), "strict: {}", run.all());
}

#[test]
fn spooled_events_are_delivered_in_order_per_product_and_environment() {
    let sandbox = Sandbox::start();
    let mut call = lenient(&sandbox);
    sandbox.script([Reply::status(503)]);
    call.again(end_of("production", "1"));
    // The one kept stays behind, so what follows it does; another environment and a gate do not.
    sandbox.clear_requests();
    sandbox.script([Reply::status(503)]);
    let run = call.again(end_of("production", "2"));
    assert_eq!((run.code, kept(&call).len(), sandbox.requests().len()), (0, 2, 1), "{}", run.all());
    assert!(run.stderr.contains("must be delivered first"), "{}", run.stderr);
    sandbox.script([Reply::status(503)]);
    assert_eq!(call.again(end_of("staging", "1")).code, 0);
    assert_eq!(last_event(&sandbox)["environment_name"], "staging");
    sandbox.script([Reply::status(503)]);
    // Version 3 is then in progress, which would block the spooled events of versions 1 and 2.
    sandbox.settings(json!({"check_rules_on": "started"}));
    let mut gate = end_of("production", "3");
    gate[9] = "started";
    assert_eq!(call.again(gate).code, 0);
    assert_eq!(last_event(&sandbox)["version"], "3");
    sandbox.clear_requests();
    let run = call.again(["flush"]);
    assert!(run.code == 0 && run.stdout.contains("delivered 2 events; nothing is left"), "{}", run.all());
    let versions: Vec<Value> = sandbox.requests().iter().map(|request| request.json()["version"].clone()).collect();
    assert_eq!(versions, ["1", "2"]);
}

#[test]
fn run_spools_its_end_and_flush_delivers_it() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::behave(), Reply::fault(Fault::Close)]);
    let mut call = Versioner::shell(&sandbox).envs(&[("VERSIONER_RETRIES", "0"), ("PATH", "/usr/bin:/bin")]);
    let run = call.again([
        "run",
        "--product",
        "shop",
        "--version",
        "1",
        "--environment",
        "production",
        "--",
        "sh",
        "-c",
        "exit 9",
    ]);
    assert_eq!((run.code, kept(&call).len()), (9, 1), "{}", run.all());
    sandbox.script([Reply::status(503)]);
    let run = call.again(["flush", "--json"]);
    assert_eq!((run.code, &run.json()["outcome"]), (1, &json!("spooled")), "{}", run.all());
    let content: Value = serde_json::from_slice(&fs::read(&kept(&call)[0]).unwrap()).unwrap();
    assert_eq!((&content["record"]["tries"], &content["format"]), (&json!(2), &json!(1)), "{content}");
    let run = call.again(["flush", "--json"]);
    assert_eq!((run.code, &run.json()["outcome"]), (0, &json!("recorded")), "{}", run.all());
    assert_eq!(last_event(&sandbox)["extra_metadata"]["exit_code"], 9);
    let run = call.again(["flush", "--json"]);
    assert!(run.code == 0 && run.stdout == "{}\n" && run.stderr.contains("nothing to deliver"), "{}", run.all());
    assert!(call.again(["finish"]).stdout.contains("nothing is open"));
}

#[test]
fn run_deploys_and_spools_its_end_while_the_api_is_down() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::fault(Fault::Close).times(2)]);
    let mut call = lenient(&sandbox).env("PATH", "/usr/bin:/bin");
    let run = call.again([
        "run",
        "--product",
        "shop",
        "--version",
        "1",
        "--environment",
        "production",
        "--",
        "echo",
        "deployed",
    ]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "deployed\n"), "{}", run.all());
    assert!(run.stderr.contains("No rule was asked") && run.stderr.contains("Kept for later"), "{}", run.stderr);
    assert_eq!(call.again(["flush"]).code, 0);
    let last = last_event(&sandbox);
    assert!(
        last["extra_metadata"]["vi_started_at"].is_string() && last["extra_metadata"]["vi_occurred_at"].is_string(),
        "{last}"
    );
    assert_eq!(last["status"], "completed");
}

#[test]
fn spooled_event_that_is_rejected_or_blocked_is_set_aside() {
    for reply in [
        Reply::status(400),
        Reply::status(422),
        Reply::status(409).json(json!({"detail": "exists"})),
        Reply::status(423),
    ] {
        let sandbox = Sandbox::start();
        let mut call = lenient(&sandbox);
        sandbox.script([Reply::status(503), reply.clone()]);
        call.again(end_of("production", "1"));
        let run = call.again(["flush"]);
        assert_eq!((run.code, kept(&call).len()), (0, 0), "{reply:?}: {}", run.all());
        let aside = call.dir.path().join("state/versioner/set-aside");
        let reasons: Vec<String> = fs::read_dir(&aside)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|extension| extension == "reason"))
            .map(|path| fs::read_to_string(path).unwrap())
            .collect();
        assert!(reasons.len() == 1 && reasons[0].contains(&reply.status.unwrap().to_string()), "{reasons:?}");
        assert!(run.stderr.contains("set aside in") && run.stderr.contains("shop 1 → production"), "{}", run.stderr);
    }
}

#[test]
fn spooled_events_are_not_sent_with_another_key() {
    let sandbox = Sandbox::start();
    let mut call = lenient(&sandbox);
    sandbox.script([Reply::status(503)]);
    call.again(end_of("production", "1"));
    sandbox.clear_requests();
    call = call.env("VERSIONER_API_KEY", sandbox.other_key());
    let run = call.again(["flush"]);
    assert_eq!((run.code, sandbox.requests().len(), kept(&call).len()), (0, 0, 1), "{}", run.all());
    assert!(run.stdout.contains("1 event of another API key, sk_demo_"), "{}", run.stdout);
    // Nor does it hold up theirs.
    let run = call.again(end_of("production", "9"));
    assert!(run.code == 0 && run.stdout.contains("1 event of another API key, sk_demo_"), "{}", run.all());
    assert_eq!(statuses(&sandbox), ["completed"]);
    assert_eq!(last_event(&sandbox)["version"], "9");
}

#[test]
fn forged_truncated_and_newer_files_are_kept_but_not_sent() {
    let sandbox = Sandbox::start();
    let mut call = lenient(&sandbox);
    sandbox.script([Reply::status(503)]);
    call.again(end_of("production", "1"));
    sandbox.clear_requests();
    let genuine = fs::read_to_string(&kept(&call)[0]).unwrap();
    let planted = genuine.replace("\"completed\"", "\"failed\"");
    assert_ne!(planted, genuine);
    let write = |name: &str, content: &str| fs::write(spool(&call).join(name), content).unwrap();
    write("000000000002-planted.json", &planted);
    write("000000000003-torn.json", &genuine[..genuine.len() / 2]);
    write("000000000004-newer.json", "{\"format\": 2, \"record\": {}}");
    let run = call.again(["flush"]);
    assert_eq!(run.code, 1, "something is left: {}", run.all());
    assert!(run.stderr.contains("written by a newer version"), "{}", run.stderr);
    assert_eq!(statuses(&sandbox), ["completed"]);
    let aside = call.dir.path().join("state/versioner/set-aside");
    assert!(aside.join("000000000002-planted.json").is_file() && aside.join("000000000003-torn.json").is_file());
    assert_eq!(kept(&call).len(), 1);
}

#[cfg(unix)]
#[test]
fn unusable_spool_dir_exits_1_unless_it_is_off() {
    let sandbox = Sandbox::start();
    let try_in = |directory: &str| -> Run {
        sandbox.script([Reply::status(503)]);
        lenient(&sandbox).env("VERSIONER_SPOOL_DIR", directory).args(end_of("production", "1")).run()
    };
    for directory in ["/proc/self/spool", "/dev/null/spool"] {
        let run = try_in(directory);
        assert_eq!(run.code, 1, "{}", run.all());
        assert!(run.stderr.contains("could not be kept") && run.stderr.contains(directory), "{}", run.stderr);
        assert!(run.stderr.contains("spool_dir"), "{}", run.stderr);
    }
    let off = try_in("off");
    assert!(off.code == 0 && off.stderr.contains("NOT recorded"), "{}", off.all());
    // Somebody else's.
    let theirs = tempfile::tempdir().unwrap();
    fs::create_dir(theirs.path().join("spool")).unwrap();
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(theirs.path()).unwrap());
    if owner == 0 {
        std::os::unix::fs::chown(theirs.path().join("spool"), Some(65_534), None).unwrap();
        let run = try_in(theirs.path().to_str().unwrap());
        assert!(run.code == 1 && run.stderr.contains("belongs to another user"), "{}", run.all());
    }
}

#[test]
fn parallel_flushes_deliver_each_event_once_and_in_order() {
    let sandbox = Sandbox::start();
    let mut call = lenient(&sandbox);
    let versions: Vec<String> = (1..=30).map(|version| version.to_string()).collect();
    // The first fails at the server, the others stay behind it.
    sandbox.script([Reply::status(503).times(30)]);
    for version in &versions {
        assert_eq!(call.again(end_of("production", version)).code, 0);
    }
    assert_eq!(kept(&call).len(), 30);
    sandbox.script([]);
    sandbox.clear_requests();
    let children: Vec<_> =
        (0..10).map(|_| call.command_with(["flush"]).stdout(std::process::Stdio::null()).spawn().unwrap()).collect();
    let codes: Vec<Option<i32>> = children.into_iter().map(|mut child| child.wait().unwrap().code()).collect();
    assert!(codes.iter().all(|code| *code == Some(0)), "{codes:?}");
    let delivered: Vec<String> =
        sandbox.requests().iter().map(|request| request.json()["version"].as_str().unwrap().to_owned()).collect();
    assert_eq!(delivered, versions);
}

/// Runs the call under `before`, a line of shell that ends in `exec "$@"`.
#[cfg(unix)]
fn under(call: &Versioner, before: &str) -> std::process::Output {
    let plain = call.command_with(end_of("production", "1"));
    let mut command = std::process::Command::new("/bin/sh");
    command.arg("-c").arg(before).arg("sh").arg(plain.get_program()).args(plain.get_args());
    command.env_clear().envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").current_dir(call.dir.path()).output().unwrap()
}

#[cfg(unix)]
#[test]
fn full_disk_is_reported_and_leaves_no_partial_file() {
    let sandbox = Sandbox::start();
    let full =
        "mkdir full && mount -t tmpfs -o size=64k none full && { head -c 1M /dev/zero >full/fill; :; } 2>/dev/null";
    let can_mount =
        std::process::Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|status| status.success());
    // Where no namespace is to be had, a limit on what may be written stands in for the disk.
    let (before, words) = match can_mount {
        true => (
            format!("exec unshare -rm sh -c '{full}; \"$@\"; code=$?; ls -A full/spool; exit $code' sh \"$@\""),
            "No space left on device",
        ),
        false => (
            "trap '' XFSZ; mkdir full; ulimit -f 0; \"$@\"; code=$?; ls -A full/spool; exit $code".to_owned(),
            "File too large",
        ),
    };
    sandbox.script([Reply::status(503)]);
    let call = lenient(&sandbox).env("VERSIONER_SPOOL_DIR", "full");
    let output = under(&call, &before);
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert_eq!(output.status.code(), Some(1), "{stdout}{stderr}");
    assert!(stderr.contains("could not be kept") && stderr.contains(words), "{stderr}");
    assert!(!stdout.contains(".unfinished") && !stdout.contains(".json"), "{stdout}");
}

#[test]
fn key_is_never_written_to_disk() {
    let sandbox = Sandbox::start();
    let echo =
        |status: u16| Reply::status(status).json(json!({"detail": format!("bad header: Bearer {}", sandbox.key())}));
    sandbox.script([echo(401), echo(401), echo(422)]);
    let mut call = lenient(&sandbox).env("VERSIONER_METADATA", &format!("{{\"mine\": \"{}\"}}", sandbox.key()));
    assert_eq!(call.again(end_of("production", "1")).code, 0);
    assert_eq!(kept(&call).len(), 1);
    assert_eq!(call.again(["flush"]).code, 1);
    let no_key = |call: &Versioner| {
        let found =
            std::process::Command::new("grep").args(["-rlF", sandbox.key()]).arg(call.dir.path()).output().unwrap();
        assert_eq!(String::from_utf8(found.stdout).unwrap(), "");
    };
    no_key(&call);
    assert_eq!(call.again(["flush"]).code, 0);
    assert!(call.dir.path().join("state/versioner/set-aside").is_dir());
    no_key(&call);
    let mut gate = end_of("production", "2");
    gate[9] = "started";
    assert_eq!(call.again(gate).code, 0);
    assert!(call.dir.path().join("state/versioner/open").is_dir());
    no_key(&call);
}

#[test]
fn spooled_event_at_the_metadata_limit_is_delivered() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::status(503)]);
    let metadata = format!("{{\"large\":\"{}\"}}", "x".repeat(100 * 1024 - 12));
    let mut call = lenient(&sandbox).env("VERSIONER_METADATA", &metadata);
    assert_eq!(call.again(end_of("production", "1")).code, 0);
    assert_eq!(call.again(["flush"]).code, 0);
    assert_eq!((statuses(&sandbox).len(), sandbox.requests()[1].reply_status), (2, Some(201)));
}
