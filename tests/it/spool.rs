//! The spool: undelivered events are stored on disk and delivered late, in order, once, and only with their own key.

mod set_aside;

use crate::support::{JOB, RUN, Run, Versioner, end_of, last_event, lenient, statuses};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use versioner_sandbox::{Fault, Reply, Sandbox};

fn spool(call: &Versioner) -> PathBuf {
    call.dir.path().join("state/versioner/spool")
}

/// The spooled event files, sorted by name.
fn spooled(call: &Versioner) -> Vec<PathBuf> {
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
    let run = call.run_with(end_of("production", "1"));
    assert_eq!((run.code, spooled(&call).len()), (0, 1), "{}", run.all());
    let first = sandbox.requests()[0].clone();
    for needle in [
        "Not recorded yet: shop 1 → production (completed) is queued on this machine",
        "state/versioner/spool",
        "another event follows from this machine",
        "versioner flush",
        "503",
    ] {
        assert!(run.stderr.contains(needle), "{needle}: {}", run.stderr);
    }
    let run = call.run_with(end_of("production", "2"));
    assert_eq!((run.code, spooled(&call).len()), (0, 0), "{}", run.all());
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
    assert!(warning.title().ends_with("is queued on this runner until the job ends"), "{warning:?}");
    assert!(
        run.summary().contains("until the job ends: the CI system then empties <code>RUNNER&#95;TEMP</code>"),
        "{}",
        run.summary()
    );
}

#[test]
fn only_ends_and_builds_with_recoverable_errors_are_spooled() {
    let reply = |status: u16| Reply::status(status);
    let cases = [
        (reply(401), "success", true),
        (reply(403), "failed", true),
        (reply(404), "cancelled", true),
        (reply(302), "success", true),
        (Reply::fault(Fault::Close), "success", true),
        (Reply::status(200).body("<html>"), "success", true),
        (reply(400), "success", false),
        (reply(422), "success", false),
        (reply(409).json(json!({"detail": "Version exists"})), "success", false),
        (reply(409).body("<html>"), "success", true),
        (reply(423), "success", false),
        (reply(503), "started", false),
        (reply(503), "pending", false),
        (reply(503), "half-done", false),
    ];
    for (reply, status, expected) in cases {
        let sandbox = Sandbox::start();
        sandbox.script([reply.clone()]);
        let mut call = lenient(&sandbox);
        let mut args = end_of("production", "1");
        args[9] = status;
        let run = call.run_with(args);
        assert_eq!(spooled(&call).len(), usize::from(expected), "{status} {reply:?}: {}", run.all());
        assert_eq!(run.code, if reply.status == Some(423) { 5 } else { 0 }, "{}", run.all());
    }
    let sandbox = Sandbox::start();
    sandbox.script([Reply::status(503), Reply::status(503)]);
    let mut call = lenient(&sandbox);
    assert_eq!(call.run_with(["track", "build", "--product", "shop", "--version", "1", "--status", "started"]).code, 0);
    assert_eq!(spooled(&call).len(), 1, "a build with status started was not spooled");
    call = call.env("VERSIONER_FAIL_ON_API_ERROR", "true");
    sandbox.script([Reply::status(503)]);
    let run = call.run_with(end_of("production", "1"));
    assert_eq!((run.code, spooled(&call).len()), (1, 1), "fail_on_api_error=true: {}", run.all());
}

#[test]
fn spooled_events_are_delivered_in_order_per_product_and_environment() {
    let sandbox = Sandbox::start();
    let mut call = lenient(&sandbox);
    sandbox.script([Reply::status(503)]);
    call.run_with(end_of("production", "1"));
    // Version 1 cannot be delivered yet, which holds version 2 back, but not another environment or a `started`.
    sandbox.clear_requests();
    sandbox.script([Reply::status(503)]);
    let run = call.run_with(end_of("production", "2"));
    assert_eq!((run.code, spooled(&call).len(), sandbox.requests().len()), (0, 2, 1), "{}", run.all());
    assert!(run.stderr.contains("is not delivered yet"), "{}", run.stderr);
    sandbox.script([Reply::status(503)]);
    assert_eq!(call.run_with(end_of("staging", "1")).code, 0);
    assert_eq!(last_event(&sandbox)["environment_name"], "staging");
    sandbox.script([Reply::status(503)]);
    // Version 3 is then in progress, which would block the spooled events of versions 1 and 2.
    sandbox.settings(json!({"check_rules_on": "started"}));
    let mut gate = end_of("production", "3");
    gate[9] = "started";
    assert_eq!(call.run_with(gate).code, 0);
    assert_eq!(last_event(&sandbox)["version"], "3");
    sandbox.clear_requests();
    let run = call.run_with(["flush"]);
    assert!(run.code == 0 && run.stdout.contains("delivered 2 events; none is left"), "{}", run.all());
    let versions: Vec<Value> = sandbox.requests().iter().map(|request| request.json()["version"].clone()).collect();
    assert_eq!(versions, ["1", "2"]);
}

#[test]
fn run_spools_its_end_and_flush_delivers_it() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::behave(), Reply::fault(Fault::Close)]);
    let mut call = Versioner::shell(&sandbox).envs(&JOB).envs(&[("VERSIONER_RETRIES", "0"), ("PATH", "/usr/bin:/bin")]);
    let run = call.run_with(RUN.iter().chain(&["sh", "-c", "exit 9"]));
    assert_eq!((run.code, spooled(&call).len()), (9, 1), "{}", run.all());
    sandbox.script([Reply::status(503)]);
    let run = call.run_with(["flush", "--json"]);
    assert_eq!((run.code, &run.json()["outcome"]), (1, &json!("spooled")), "{}", run.all());
    let content: Value = serde_json::from_slice(&fs::read(&spooled(&call)[0]).unwrap()).unwrap();
    assert_eq!((&content["record"]["tries"], &content["format"]), (&json!(2), &json!(1)), "{content}");
    let run = call.run_with(["flush", "--json"]);
    assert_eq!((run.code, &run.json()["outcome"]), (0, &json!("recorded")), "{}", run.all());
    assert_eq!(last_event(&sandbox)["extra_metadata"]["exit_code"], 9);
    let run = call.run_with(["flush", "--json"]);
    assert!(run.code == 0 && run.stdout == "{}\n" && run.stderr.contains("nothing to deliver"), "{}", run.all());
    assert!(call.run_with(["finish"]).stdout.contains("nothing is open"));
}

#[test]
fn run_deploys_and_spools_its_end_while_the_api_is_down() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::fault(Fault::Close).times(2)]);
    let mut call = lenient(&sandbox).env("PATH", "/usr/bin:/bin");
    let run = call.run_with(RUN.iter().chain(&["echo", "deployed"]));
    assert_eq!((run.code, run.stdout.as_str()), (0, "deployed\n"), "{}", run.all());
    assert!(
        run.stderr.contains("No Deployment Rule was checked") && run.stderr.contains("Not recorded yet"),
        "{}",
        run.stderr
    );
    assert_eq!(call.run_with(["flush"]).code, 0);
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
        call.run_with(end_of("production", "1"));
        let run = call.run_with(["flush"]);
        assert_eq!((run.code, spooled(&call).len()), (1, 0), "{reply:?}: {}", run.all());
        let set_aside = call.dir.path().join("state/versioner/set-aside");
        let reasons: Vec<String> = fs::read_dir(&set_aside)
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
    call.run_with(end_of("production", "1"));
    sandbox.clear_requests();
    call = call.env("VERSIONER_API_KEY", sandbox.other_key());
    let run = call.run_with(["flush"]);
    assert_eq!((run.code, sandbox.requests().len(), spooled(&call).len()), (0, 0, 1), "{}", run.all());
    assert!(run.stdout.contains("1 event of another API key, sk_demo_"), "{}", run.stdout);
    // The spooled event does not hold back events of the other key.
    let run = call.run_with(end_of("production", "9"));
    assert!(run.code == 0 && run.stdout.contains("1 event of another API key, sk_demo_"), "{}", run.all());
    assert_eq!(statuses(&sandbox), ["completed"]);
    assert_eq!(last_event(&sandbox)["version"], "9");
}

#[test]
fn forged_truncated_and_newer_files_are_kept_but_not_sent() {
    let sandbox = Sandbox::start();
    let mut call = lenient(&sandbox);
    sandbox.script([Reply::status(503)]);
    call.run_with(end_of("production", "1"));
    sandbox.clear_requests();
    let original = fs::read_to_string(&spooled(&call)[0]).unwrap();
    let forged = original.replace("\"completed\"", "\"failed\"");
    assert_ne!(forged, original);
    let write = |name: &str, content: &str| fs::write(spool(&call).join(name), content).unwrap();
    write("000000000002-forged.json", &forged);
    write("000000000003-truncated.json", &original[..original.len() / 2]);
    write("000000000004-newer.json", "{\"format\": 2, \"record\": {}}");
    let run = call.run_with(["flush"]);
    assert_eq!(run.code, 1, "the newer file and two set-aside files are left: {}", run.all());
    assert!(run.stderr.contains("Needs a newer version of versioner: 1 event"), "{}", run.stderr);
    assert_eq!(statuses(&sandbox), ["completed"]);
    let set_aside = call.dir.path().join("state/versioner/set-aside");
    assert!(
        set_aside.join("000000000002-forged.json").is_file() && set_aside.join("000000000003-truncated.json").is_file()
    );
    assert_eq!(spooled(&call).len(), 1);
}

#[cfg(unix)]
#[test]
fn unusable_spool_dir_exits_1_unless_it_is_off() {
    let sandbox = Sandbox::start();
    let run_with_spool_dir = |directory: &str| -> Run {
        sandbox.script([Reply::status(503)]);
        lenient(&sandbox).env("VERSIONER_SPOOL_DIR", directory).args(end_of("production", "1")).run()
    };
    for directory in ["/proc/self/spool", "/dev/null/spool"] {
        let run = run_with_spool_dir(directory);
        assert_eq!(run.code, 1, "{}", run.all());
        assert!(
            run.stderr.contains("could not be queued in spool_dir") && run.stderr.contains(directory),
            "{}",
            run.stderr
        );
        assert!(run.stderr.contains("spool_dir"), "{}", run.stderr);
    }
    let off = run_with_spool_dir("off");
    assert!(
        off.code == 0 && off.stderr.contains("The job continues because fail_on_api_error is false"),
        "{}",
        off.all()
    );
    // A spool that belongs to another user.
    let foreign = tempfile::tempdir().unwrap();
    fs::create_dir(foreign.path().join("spool")).unwrap();
    let owner = std::os::unix::fs::MetadataExt::uid(&fs::metadata(foreign.path()).unwrap());
    if owner == 0 {
        std::os::unix::fs::chown(foreign.path().join("spool"), Some(65_534), None).unwrap();
        let run = run_with_spool_dir(foreign.path().to_str().unwrap());
        assert!(run.code == 1 && run.stderr.contains("belongs to another user"), "{}", run.all());
    }
}

#[test]
fn parallel_flushes_deliver_each_event_once_and_in_order() {
    let sandbox = Sandbox::start();
    let mut call = lenient(&sandbox);
    let versions: Vec<String> = (1..=30).map(|version| version.to_string()).collect();
    // The API cannot take the first event, which holds the others back.
    sandbox.script([Reply::status(503).times(30)]);
    for version in &versions {
        assert_eq!(call.run_with(end_of("production", version)).code, 0);
    }
    assert_eq!(spooled(&call).len(), 30);
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

/// Runs the call from a shell script, which gets the program and its arguments as `$@`.
#[cfg(unix)]
fn run_from_shell(call: &Versioner, script: &str) -> std::process::Output {
    let command = call.command_with(end_of("production", "1"));
    let mut shell = std::process::Command::new("/bin/sh");
    shell.arg("-c").arg(script).arg("sh").arg(command.get_program()).args(command.get_args());
    shell.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    shell.env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin").current_dir(call.dir.path()).output().unwrap()
}

#[cfg(unix)]
#[test]
fn full_disk_is_reported_and_leaves_no_partial_file() {
    let sandbox = Sandbox::start();
    let fill_disk =
        "mkdir full && mount -t tmpfs -o size=64k none full && { head -c 1M /dev/zero >full/fill; :; } 2>/dev/null";
    let can_mount =
        std::process::Command::new("unshare").args(["-rm", "true"]).status().is_ok_and(|status| status.success());
    // Without permission to create namespaces, a file size limit takes the place of the full disk.
    let (script, message) = match can_mount {
        true => (
            format!("exec unshare -rm sh -c '{fill_disk}; \"$@\"; code=$?; ls -A full/spool; exit $code' sh \"$@\""),
            "No space left on device",
        ),
        false => (
            "trap '' XFSZ; mkdir full; ulimit -f 0; \"$@\"; code=$?; ls -A full/spool; exit $code".to_owned(),
            "File too large",
        ),
    };
    sandbox.script([Reply::status(503)]);
    let call = lenient(&sandbox).env("VERSIONER_SPOOL_DIR", "full");
    let output = run_from_shell(&call, &script);
    let [stdout, stderr] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
    assert_eq!(output.status.code(), Some(1), "{stdout}{stderr}");
    assert!(stderr.contains("could not be queued in spool_dir") && stderr.contains(message), "{stderr}");
    assert!(!stdout.contains(".unfinished") && !stdout.contains(".json"), "{stdout}");
}

#[test]
fn key_is_never_written_to_disk() {
    let sandbox = Sandbox::start();
    let echo =
        |status: u16| Reply::status(status).json(json!({"detail": format!("bad header: Bearer {}", sandbox.key())}));
    sandbox.script([echo(401), echo(401), echo(422)]);
    let mut call =
        lenient(&sandbox).envs(&JOB).env("VERSIONER_METADATA", &format!("{{\"mine\": \"{}\"}}", sandbox.key()));
    assert_eq!(call.run_with(end_of("production", "1")).code, 0);
    assert_eq!(spooled(&call).len(), 1);
    assert_eq!(call.run_with(["flush"]).code, 1);
    let assert_no_key = |call: &Versioner| {
        let found =
            std::process::Command::new("grep").args(["-rlF", sandbox.key()]).arg(call.dir.path()).output().unwrap();
        assert_eq!(String::from_utf8(found.stdout).unwrap(), "");
    };
    assert_no_key(&call);
    assert_eq!(call.run_with(["flush"]).code, 1);
    assert!(call.dir.path().join("state/versioner/set-aside").is_dir());
    assert_no_key(&call);
    let mut gate = end_of("production", "2");
    gate[9] = "started";
    assert_eq!(call.run_with(gate).code, 0);
    assert!(call.dir.path().join("state/versioner/open").is_dir());
    assert_no_key(&call);
}

#[test]
fn spooled_event_at_the_metadata_limit_is_delivered() {
    let sandbox = Sandbox::start();
    sandbox.script([Reply::status(503)]);
    let metadata = format!("{{\"large\":\"{}\"}}", "x".repeat(100 * 1024 - 12));
    let mut call = lenient(&sandbox).env("VERSIONER_METADATA", &metadata);
    assert_eq!(call.run_with(end_of("production", "1")).code, 0);
    assert_eq!(call.run_with(["flush"]).code, 0);
    assert_eq!((statuses(&sandbox).len(), sandbox.requests()[1].reply_status), (2, Some(201)));
}

#[test]
fn event_held_back_is_spooled_and_says_so() {
    let sandbox = Sandbox::start();
    let mut call = Versioner::shell(&sandbox).env("VERSIONER_RETRIES", "0");
    sandbox.script([Reply::status(503).times(3)]);
    let with_flag =
        |version, flag: &'static str| end_of("production", version).into_iter().chain([flag]).collect::<Vec<_>>();
    assert_eq!(call.run_with(with_flag("1", "--fail-on-api-error=false")).code, 0);
    // Held back: spooled either way, and an error if API errors are.
    for (flag, code) in [("--fail-on-api-error=true", 1), ("--fail-on-api-error=false", 0)] {
        let before = spooled(&call).len();
        let run = call.run_with(with_flag("2", flag));
        assert_eq!((run.code, spooled(&call).len()), (code, before + 1), "{}", run.all());
        let message = "eld back: an earlier event of shop → production is not delivered yet";
        assert!(run.stderr.contains(message), "{}", run.stderr);
    }
    sandbox.settings(json!({"check_rules_on": "started"}));
    assert_eq!((call.run_with(["flush"]).code, spooled(&call).len()), (0, 0));
}

#[test]
fn home_that_cannot_be_used_is_silent_unless_it_is_needed() {
    let sandbox = Sandbox::start();
    let call = |status: &str| {
        Versioner::deployment(&sandbox, status).envs(&JOB).without("XDG_STATE_HOME").env("HOME", "/dev/null").run()
    };
    let run = call("success");
    assert!(run.code == 0 && run.stderr.is_empty(), "{}", run.all());
    let run = call("started");
    assert!(run.code == 0 && run.all().contains("journal"), "{}", run.all());
}

/// Takes the lock of a process that delivers the spool.
fn lock_delivery(call: &Versioner) -> fs::File {
    let lock = fs::File::create(spool(call).join("delivering.lock")).unwrap();
    lock.lock().unwrap();
    lock
}

#[test]
fn waiting_for_another_process_is_reported_at_once() {
    use std::io::{BufRead as _, BufReader, Read as _};
    let sandbox = Sandbox::start();
    let mut call = lenient(&sandbox);
    let end = end_of("production", "2");
    for args in [&["flush", "--wait-timeout=1h"][..], &end[..]] {
        sandbox.script([Reply::status(503)]);
        assert_eq!(call.run_with(end_of("production", "1")).code, 0);
        assert_eq!(spooled(&call).len(), 1);
        let lock = lock_delivery(&call);
        let mut child = call.command_with(args).stdout(std::process::Stdio::piped()).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        // The API gets nothing before the lock is free.
        sandbox.clear_requests();
        while !line.contains("another versioner process is delivering the spool; waiting up to ") {
            line.clear();
            assert_ne!(stdout.read_line(&mut line).unwrap(), 0, "{args:?} did not say that it waits");
        }
        assert!(line.contains(if args[0] == "flush" { "1 h" } else { "10 s" }), "{args:?}: {line}");
        assert_eq!(sandbox.requests().len(), 0, "{args:?}");
        lock.unlock().unwrap();
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{args:?}: {rest}");
        assert!(!rest.contains("waiting up to") && rest.contains("delivered late"), "{args:?}: {rest}");
    }
}

#[test]
fn flush_that_waits_for_nothing_says_nothing_about_it() {
    let sandbox = Sandbox::start();
    let mut call = lenient(&sandbox);
    sandbox.script([Reply::status(503)]);
    assert_eq!(call.run_with(end_of("production", "1")).code, 0);
    let lock = lock_delivery(&call);
    // A gate does not wait for the process that delivers.
    let mut gate = end_of("production", "2");
    gate[9] = "started";
    let run = call.run_with(gate);
    assert!(run.code == 0 && !run.all().contains("waiting up to"), "{}", run.all());
    lock.unlock().unwrap();
    sandbox.settings(json!({"check_rules_on": "started"}));
    let run = call.run_with(["flush"]);
    assert!(run.code == 0 && !run.all().contains("waiting up to"), "{}", run.all());
}
