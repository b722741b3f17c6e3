//! `versioner run` with real commands that end without a signal from outside: their streams, arguments and environment,
//! the exit code, and what is reported.

use crate::support::{JOB, Versioner, last_event, statuses};
use serde_json::json;
use std::io::Write as _;
use std::process::{Command, Stdio};
use versioner_sandbox::{Fault, Reply, Sandbox};

/// `versioner run -- sh -c SCRIPT`.
fn shell(sandbox: &Sandbox, script: &str) -> Versioner {
    Versioner::wrap(sandbox, ["sh", "-c", script])
}

#[test]
fn command_result_is_reported_with_its_exit_code() {
    for (script, code, status) in [
        ("exit 0", 0, "completed"),
        ("exit 7", 7, "failed"),
        ("exit 255", 255, "failed"),
        ("kill -KILL $$", 137, "failed"),
        ("kill -SEGV $$", 139, "failed"),
        // The command died of a signal, but none came to versioner within a second: failed, not aborted.
        ("kill -TERM $$", 143, "failed"),
        ("trap 'exit 0' TERM; kill -TERM $$", 0, "completed"),
    ] {
        let sandbox = Sandbox::start();
        let run = shell(&sandbox, script).run();
        assert_eq!(run.code, code, "{script}: {}", run.all());
        assert_eq!(statuses(&sandbox), ["started", status], "{script}");
        let last = last_event(&sandbox);
        assert_eq!(last["extra_metadata"]["exit_code"], code, "{script}: {last}");
        assert!(last["extra_metadata"]["deployment_duration_seconds"].is_number(), "{last}");
        assert!(last["completed_at"].is_string() && last["extra_metadata"].get("vi_started_at").is_none(), "{last}");
        assert_eq!(run.stdout, "", "something other than the command wrote to stdout");
    }
}

#[test]
fn command_that_cannot_start_exits_126_or_127() {
    let sandbox = Sandbox::start();
    let call = Versioner::wrap(&sandbox, ["no-such-program"]);
    let plain = call.file("plain.txt", "hello\n");
    for (command, code, hint) in [
        (vec!["no-such-program"], 127, "on the PATH"),
        (vec!["./no/such/path", "arg"], 127, "on the PATH"),
        (vec![plain.as_str()], 126, "chmod +x"),
        (vec!["/"], 126, "chmod +x"),
    ] {
        sandbox.clear_requests();
        let run = Versioner::wrap(&sandbox, &command).run();
        assert_eq!(run.code, code, "{command:?}: {}", run.all());
        assert!(run.stderr.contains("could not be started") && run.stderr.contains(hint), "{}", run.stderr);
        assert_eq!(statuses(&sandbox), ["started", "failed"], "{command:?}");
        let metadata = &last_event(&sandbox)["extra_metadata"];
        let invented = ["exit_code", "deployment_duration_seconds"].map(|name| metadata.get(name).is_some());
        assert_eq!(invented, [false, false], "a command that never ran: {metadata}");
    }
}

#[test]
fn script_without_a_shebang_runs_under_sh() {
    let sandbox = Sandbox::start();
    let call = Versioner::wrap(&sandbox, ["./deploy", "a b"]);
    call.program("deploy", "echo \"deployed $1\"\nexit 4\n");
    let run = call.run();
    assert_eq!((run.code, run.stdout.as_str()), (4, "deployed a b\n"), "{}", run.all());
}

#[test]
fn command_inherits_stdin_stdout_and_stderr() {
    let sandbox = Sandbox::start();
    let call = shell(&sandbox, "cat; echo to-stderr >&2");
    let mut child = call.command().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"line 1\nline 2").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(0), b"line 1\nline 2".as_slice()));
    assert!(String::from_utf8(output.stderr).unwrap().contains("\nto-stderr\n"));
}

#[test]
fn hundred_megabytes_of_output_arrive_unchanged() {
    let sandbox = Sandbox::start();
    let command = shell(&sandbox, "seq 1 13000000").command().stdout(Stdio::piped()).stderr(Stdio::null()).spawn();
    let mut child = command.unwrap();
    let sum = Command::new("cksum").stdin(child.stdout.take().unwrap()).output().unwrap();
    assert!(child.wait().unwrap().success());
    let expected = Command::new("sh").args(["-c", "seq 1 13000000 | cksum"]).output().unwrap();
    assert_eq!(sum.stdout, expected.stdout);
    let bytes: u64 = String::from_utf8(sum.stdout).unwrap().split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(bytes > 100_000_000, "{bytes}");
}

#[test]
fn unusual_arguments_arrive_unchanged() {
    let sandbox = Sandbox::start();
    let arguments = [
        "",
        " ",
        "a b",
        "'",
        "\"",
        "$(id)",
        "`id`",
        "\\",
        "\n",
        "--",
        "-x",
        "--status",
        "*",
        "ö\u{202e}",
        "%s",
        "::error::",
    ];
    let run = Versioner::wrap(&sandbox, ["printf", "%s\\0"].iter().chain(arguments.iter())).run();
    assert_eq!((run.code, run.stdout), (0, arguments.map(|argument| format!("{argument}\0")).concat()));
}

#[test]
fn command_environment_lacks_only_our_key_and_inputs() {
    let sandbox = Sandbox::start();
    let large = "x".repeat(64 * 1024);
    let call = Versioner::wrap(&sandbox, ["env", "-0"]).envs(&[
        ("LARGE", &large),
        ("INPUT_PRODUCT", "other"),
        ("INPUT_ANY-THING", "other"),
        ("VERSIONER_RUN", "exit 3"),
        ("VERSIONER_UI_URL", "https://console.example"),
    ]);
    let run = call.run();
    assert_eq!(run.code, 0, "{}", run.stderr);
    let value_of = |name: &str| run.stdout.split('\0').find_map(|pair| pair.strip_prefix(&format!("{name}=")));
    assert_eq!(value_of("LARGE"), Some(large.as_str()));
    assert_eq!(value_of("VERSIONER_UI_URL"), Some("https://console.example"));
    for removed in ["VERSIONER_API_KEY", "VERSIONER_RUN", "INPUT_PRODUCT", "INPUT_ANY-THING"] {
        assert_eq!(value_of(removed), None, "{removed}");
    }
    assert!(!run.stdout.contains(sandbox.key()));
}

#[test]
fn keep_api_key_passes_the_key_to_the_command() {
    let sandbox = Sandbox::start();
    let stdout = |call: Versioner| call.env("PATH", "/usr/bin:/bin").run().stdout;
    let print = "printf %s \"$VERSIONER_API_KEY\"";
    assert_eq!(stdout(shell(&sandbox, print).env("VERSIONER_KEEP_API_KEY", "yes")), sandbox.key());
    let action = Versioner::github(&sandbox, "auto").env("INPUT_RUN", print).env("INPUT_KEEP_API_KEY", "true");
    assert_eq!(stdout(action), sandbox.key());
    assert_eq!(stdout(Versioner::github(&sandbox, "auto").env("INPUT_RUN", print)), "");
}

#[test]
fn background_process_is_left_running() {
    let sandbox = Sandbox::start();
    let call = shell(&sandbox, "sleep 300 >/dev/null 2>&1 & echo $!");
    let run = call.run();
    assert_eq!(run.code, 0);
    let pid = run.stdout.trim();
    let alive = Command::new("kill").args(["-0", pid]).status().unwrap().success();
    assert!(Command::new("kill").args(["-KILL", pid]).status().unwrap().success());
    assert!(alive);
}

#[test]
fn closed_stdout_keeps_the_exit_code() {
    let sandbox = Sandbox::start();
    let run = shell(&sandbox, "exec >&-; echo lost; exit 0").run();
    assert_eq!((run.code, statuses(&sandbox)), (0, vec!["started".to_owned(), "completed".to_owned()]));
    // versioner's own stdout and stderr, closed before it starts.
    let call = shell(&sandbox, "exit 3");
    let program = crate::support::binary();
    let quoted = |text: &std::ffi::OsStr| format!("'{}'", text.to_str().unwrap().replace('\'', r"'\''"));
    let words: Vec<String> = [program.as_os_str()].into_iter().chain(call.command().get_args()).map(quoted).collect();
    let mut closed = Command::new("/bin/sh");
    closed.args(["-c", &format!("exec {} >&- 2>&-", words.join(" "))]).env_clear().current_dir(call.dir.path());
    closed.envs(call.command().get_envs().filter_map(|(name, value)| Some((name, value?))));
    assert_eq!(closed.status().unwrap().code(), Some(3));
}

#[test]
fn command_does_not_run_unless_the_gate_passes() {
    let block = json!({"error": "deployment_blocked", "code": "NO_DEPLOY_WINDOW", "message": "frozen"});
    let lenient = "--fail-on-api-error=false";
    let cases: [(&[&str], Vec<Reply>, u8); 13] = [
        (&[], vec![Reply::status(423).json(block.clone())], 5),
        (&[lenient], vec![Reply::status(423).json(block.clone())], 5),
        (&[lenient], vec![Reply::status(428)], 5),
        (&[lenient], vec![Reply::status(400)], 4),
        (&[lenient], vec![Reply::status(422)], 4),
        (&[lenient], vec![Reply::status(409).json(json!({"detail": "Version exists"}))], 4),
        (&[lenient], vec![Reply::status(410)], 4),
        (&[], vec![Reply::status(401)], 4),
        (&[], vec![Reply::status(302).header("Location", "https://elsewhere.example/")], 4),
        (&[], vec![Reply::status(503).times(9)], 1),
        (&["--require-gate", lenient], vec![Reply::status(503).times(9)], 1),
        (&["--require-gate", lenient], vec![Reply::status(401)], 4),
        // Once blocked, an API error does not open the gate, even with fail_on_api_error=false.
        (
            &["--on-block", "wait", "--wait-timeout", "1s", "--poll-interval", "100ms", lenient],
            vec![Reply::status(423).json(block), Reply::fault(Fault::Close).times(99)],
            5,
        ),
    ];
    for (flags, replies, code) in cases {
        let sandbox = Sandbox::start();
        sandbox.script(replies);
        let call = Versioner::shell(&sandbox).envs(&JOB).env("VERSIONER_RETRIES", "1").env("PATH", "/usr/bin:/bin");
        let mut call = call.args(["run", "--product", "shop", "--version", "1", "--environment", "production"]);
        let run = {
            call = call.args(flags).args(["--", "touch", "ran"]);
            call.run()
        };
        assert_eq!(run.code, i32::from(code), "{flags:?}: {}", run.all());
        assert!(!call.dir.path().join("ran").exists(), "{flags:?}: the command ran");
        // A `started` that the server may have recorded without our knowledge gets an `aborted`.
        let aborted = usize::from(code == 1 || flags.contains(&"wait"));
        assert_eq!(statuses(&sandbox).iter().filter(|status| *status != "started").count(), aborted, "{flags:?}");
        assert!(run.stderr.contains("the command was not run"), "{}", run.stderr);
        assert!(!run.all().contains("The job continues"), "{}", run.all());
        // `aborted` is delivered or spooled, so nothing is left for `finish`.
        let finish = call.run_with(["finish", "--status", "failed"]);
        assert!(finish.all().contains("nothing is open"), "{flags:?}: {}", finish.all());
    }
}

#[test]
fn run_without_the_api_warns_that_no_rule_was_checked() {
    for reply in
        [Reply::status(503).times(2), Reply::status(401), Reply::status(403), Reply::status(404), Reply::status(302)]
    {
        let sandbox = Sandbox::start();
        sandbox.script([reply.clone()]);
        let call = Versioner::github(&sandbox, "auto").envs(&[
            ("INPUT_RUN", "echo deployed"),
            ("INPUT_FAIL_ON_API_ERROR", "false"),
            ("INPUT_RETRIES", "1"),
            ("PATH", "/usr/bin:/bin"),
        ]);
        let run = call.run();
        assert_eq!((run.code, run.stdout.as_str()), (0, "deployed\n"), "{reply:?}: {}", run.all());
        assert!(run.only("warning").message.contains("No Deployment Rule was checked"), "{}", run.all());
        let outputs = run.outputs();
        assert_eq!((outputs["gate"].as_str(), outputs["outcome"].as_str()), ("not_checked", "recorded"));
        assert_eq!((outputs["deployment_status"].as_str(), outputs["exit_code"].as_str()), ("completed", "0"));
        let last = last_event(&sandbox);
        assert!(last["extra_metadata"]["vi_started_at"].is_string(), "{last}");
    }
}

#[test]
fn script_runs_under_bash_or_sh_and_stops_at_the_first_error() {
    let sandbox = Sandbox::start();
    let run = |script: &str, path: &str| {
        let temp = tempfile::tempdir().unwrap();
        let call = Versioner::github(&sandbox, "auto").envs(&[
            ("INPUT_RUN", script),
            ("PATH", path),
            ("RUNNER_TEMP", temp.path().to_str().unwrap()),
        ]);
        let run = call.run();
        let files: Vec<_> = temp.path().read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(files.iter().all(|name| name == "versioner"), "{files:?}");
        run
    };
    let path = "/usr/bin:/bin";
    let bash = run("stat -c %a \"$0\"\n[[ -n ${BASH_VERSION} ]] && echo \"bash $-\"\n", path);
    assert!(bash.stdout.starts_with("600\nbash ") && bash.stdout.contains('e'), "{}", bash.all());
    assert_eq!(run("false\necho after", path).stdout, "");
    assert_eq!(run("false | true\necho after", path).code, 1);
    assert_eq!(run("exit 42", path).code, 42);
    // Without bash, the script runs under sh.
    let tools = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/bin/sh", tools.path().join("sh")).unwrap();
    let sh = run("false\necho after", tools.path().to_str().unwrap());
    assert_eq!((sh.code, sh.stdout.as_str()), (1, ""), "{}", sh.all());
    assert_eq!(run("echo \"${BASH_VERSION-none}\"", tools.path().to_str().unwrap()).stdout, "none\n");
}

#[test]
fn conflicting_options_exit_1() {
    let sandbox = Sandbox::start();
    for status in ["started", "success"] {
        let run = Versioner::github(&sandbox, status).env("INPUT_RUN", "touch ran").run();
        let message = run.only("error").message;
        assert!(run.code == 1 && message.contains("INPUT_STATUS") && message.contains("'run'"), "{}", run.all());
    }
    let flag = Versioner::shell(&sandbox).args(["run", "--status", "started", "--", "true"]).run();
    assert!(flag.code == 1 && flag.all().contains("status cannot be used with 'run'"), "{}", flag.all());
    let json = Versioner::shell(&sandbox).args(["run", "--json", "--", "true"]).run();
    assert!(json.code == 1 && json.all().contains("--json cannot be used"), "{}", json.all());
    let both = Versioner::github(&sandbox, "auto").envs(&[("INPUT_RUN", "true"), ("INPUT_COMMAND", "finish")]).run();
    assert!(both.code == 1 && both.all().contains("one call does one thing"), "{}", both.all());
    let build = Versioner::github(&sandbox, "auto").envs(&[("INPUT_RUN", "true"), ("INPUT_EVENT_TYPE", "build")]).run();
    assert!(build.code == 1 && build.all().contains("wraps only deployments"), "{}", build.all());
    let none = Versioner::shell(&sandbox).args(["run", "--product", "shop"]).run();
    assert!(none.code == 1 && none.all().contains("COMMAND"), "{}", none.all());
    assert_eq!(sandbox.requests().len(), 0);
    let variable = shell(&sandbox, "exit 0").env("VERSIONER_STATUS", "failed").run();
    assert!(variable.code == 1 && variable.all().contains("VERSIONER_STATUS"), "{}", variable.all());
    // An output of an earlier job, which a dotenv report passes to this one, is not a setting.
    let run = shell(&sandbox, "exit 0").env("VERSIONER_DEPLOYMENT_STATUS", "failed").run();
    assert!(!run.stderr.contains("VERSIONER_DEPLOYMENT_STATUS"), "{}", run.stderr);
    assert_eq!((run.code, statuses(&sandbox)), (0, vec!["started".to_owned(), "completed".to_owned()]));
}

#[test]
fn lost_final_event_changes_only_exit_0() {
    let block = || Reply::status(423).json(json!({"error": "deployment_blocked", "code": "NO_DEPLOY_WINDOW"}));
    let rejected = || Reply::status(422);
    let cases: [(&[&str], &str, Reply, i32); 8] = [
        (&[], "exit 0", rejected(), 4),
        (&["--fail-on-api-error=false"], "exit 0", rejected(), 1),
        (&[], "exit 3", rejected(), 3),
        (&[], "exit 0", block(), 1),
        (&[], "exit 0", Reply::status(503).times(9), 0),
        (&["--spool-dir", "off"], "exit 0", Reply::status(503).times(9), 1),
        (&["--spool-dir", "off", "--fail-on-api-error=false"], "exit 0", Reply::status(503).times(9), 0),
        (&["--spool-dir", "/proc/no"], "exit 0", Reply::status(503).times(9), 1),
    ];
    for (flags, script, reply, code) in cases {
        let sandbox = Sandbox::start();
        sandbox.script([Reply::behave(), reply]);
        let call = Versioner::shell(&sandbox).env("VERSIONER_RETRIES", "0").env("PATH", "/usr/bin:/bin");
        let call = call.args(["run", "--product", "shop", "--version", "1", "--environment", "production"]);
        let run = call.args(flags).args(["--on-block", "wait", "--", "sh", "-c", script]).run();
        assert_eq!(run.code, code, "{flags:?} {script}: {}", run.all());
        assert_eq!(sandbox.requests().len(), 2, "the final event waited: {}", run.all());
        let is_explained = run.stderr.contains("error: ") || run.code == 0;
        assert!(is_explained && (run.code == 0 || !run.stderr.contains("The job continues")), "{}", run.stderr);
    }
}
