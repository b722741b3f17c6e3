//! Invalid values: exit 1, no request, and a message that names the setting, its source, its value and what is allowed.

use crate::support::Versioner;
use versioner_sandbox::Sandbox;

/// A setting, an invalid value, and part of the text that says what is allowed.
const INVALID: &[(&str, &str, &str)] = &[
    ("api_url", "ftp://api.example", "https://"),
    ("api_url", "api.versioner.io", "https://"),
    ("api_url", "https://user:hunter2@api.example", "without user"),
    ("api_url", "none", "https://"),
    ("allow_http", "maybe", "true, false"),
    ("ui_url", "console", "https://"),
    ("event_type", "release", "deployment or build"),
    ("metadata", "[1]", "JSON object"),
    ("metadata", "{\"a\":", "JSON object"),
    ("extra_metadata", "text", "JSON object"),
    ("started_at", "yesterday", "RFC 3339"),
    ("completed_at", "1761609600", "RFC 3339"),
    ("fail_on_api_error", "2", "true, false"),
    ("request_timeout", "soon", "90s"),
    ("request_timeout", "0", "more than 0"),
    ("request_timeout", "-5s", "90s"),
    ("retries", "many", "0 to 100"),
    ("retries", "101", "0 to 100"),
    ("retries", "-1", "0 to 100"),
    ("on_block", "retry", "fail, wait or park"),
    ("on_conflict", "1", "fail, wait or park"),
    ("on_window", "true", "fail, wait or park"),
    ("on_approval", "none", "fail, wait or park"),
    ("on_soak", "waiting", "fail, wait or park"),
    ("on_flow", "ignore", "fail or wait"),
    ("on_superseded", "wait", "ignore or fail"),
    ("dry_run", "perhaps", "true, false"),
    ("wait_timeout", "forever", "30m"),
    ("poll_interval", "0", "more than 0"),
    ("poll_interval", "often", "30m"),
    ("poll_interval", "0s", "more than 0"),
    ("recheck_interval", "-1", "30m"),
    ("conflict_max_age", "old", "30m"),
    ("command", "explode", "track, finish, flush, resume or check"),
    ("require_gate", "perhaps", "true, false"),
    ("stop_timeout", "later", "90s"),
    ("keep_api_key", "some", "true, false"),
    ("retry_set_aside", "maybe", "true, false"),
    ("ca_bundle", "/no/such/file.pem", "PEM file"),
    ("ca_only", "perhaps", "true, false"),
    ("summary", "perhaps", "true, false"),
    ("verbose", "loud", "true, false"),
    ("debug", "a bit", "true, false"),
];

#[test]
fn invalid_value_names_setting_source_value_and_allowed_values() {
    let sandbox = Sandbox::start();
    for (setting, value, allowed) in INVALID {
        for prefix in ["INPUT", "VERSIONER"] {
            let variable = format!("{prefix}_{}", setting.to_uppercase());
            let call = Versioner::github(&sandbox, "success").env("INPUT_UI_URL", "");
            // INPUT_API_URL has precedence over VERSIONER_API_URL.
            let call = if *setting == "api_url" { call.env("INPUT_API_URL", "") } else { call };
            let run = call.env(&variable, value).run();
            let message = run.only("error").message;
            let name = if *setting == "extra_metadata" { "metadata" } else { setting };
            assert_eq!(run.code, 1, "{setting}={value}: {}", run.all());
            assert!(
                message.contains(name) && message.contains(&variable) && message.contains(allowed),
                "{setting}={value}: {message}"
            );
            let shown = value.replace("user:hunter2@", "").replace('"', "\\\"");
            assert!(message.contains(&shown) && !message.contains("hunter2"), "{setting}={value}: {message}");
        }
    }
    assert!(sandbox.requests().is_empty());
}

#[test]
fn invalid_flag_value_names_the_flag() {
    let sandbox = Sandbox::start();
    for (flag, value) in [
        ("--retries", "x"),
        ("--request-timeout", "x"),
        ("--started-at", "x"),
        ("--metadata", "x"),
        ("--extra-metadata", "x"),
        ("--api-url", "x"),
    ] {
        let run = Versioner::deployment(&sandbox, "success").args([flag, value]).run();
        assert_eq!(run.code, 1);
        assert!(run.stderr.contains(&format!("(from {flag}) is \"x\"")), "{}", run.stderr);
    }
    for flag in ["--fail-on-api-error=x", "--summary=x", "--allow-http=x", "--debug=x"] {
        assert_eq!(Versioner::deployment(&sandbox, "success").args([flag]).run().code, 1, "{flag}");
    }
    assert!(sandbox.requests().is_empty());
}

#[test]
fn metadata_over_100_kib_exits_1() {
    let sandbox = Sandbox::start();
    let metadata = |size: usize| format!("{{\"k\":\"{}\"}}", "x".repeat(size - 8));
    let run = |size| Versioner::github(&sandbox, "success").env("INPUT_METADATA", &metadata(size)).run();
    let at_limit = run(100 * 1024);
    assert_eq!(at_limit.code, 0, "{}", at_limit.all());
    assert!(at_limit.only("warning").message.contains("no room"), "{}", at_limit.all());
    let over_limit = run(100 * 1024 + 1);
    assert_eq!(over_limit.code, 1);
    assert!(over_limit.only("error").message.len() < 1_000);
}

#[test]
fn missing_required_settings_are_named() {
    let run = Versioner::bare().run();
    assert_eq!(run.code, 1);
    for needle in [
        "api_key is not set",
        "product_name is not set",
        "version is not set",
        "environment is not set",
        "VERSIONER_PRODUCT_NAME",
    ] {
        assert!(run.stderr.contains(needle), "{needle}: {}", run.stderr);
    }
}

#[test]
fn empty_status_or_version_input_exits_1() {
    let sandbox = Sandbox::start();
    for (variable, empty) in [("INPUT_STATUS", ""), ("INPUT_VERSION", ""), ("INPUT_VERSION", " \n")] {
        let run = Versioner::github(&sandbox, "success").env(variable, empty).run();
        assert_eq!(run.code, 1);
        let message = run.only("error").message;
        assert!(message.contains(variable) && message.contains("expression"), "{message}");
    }
    assert!(sandbox.requests().is_empty());
    // With a subcommand, INPUT_ variables are not read: they belong to another Action.
    assert_eq!(Versioner::deployment(&sandbox, "success").env("INPUT_STATUS", "").run().code, 0);
    assert_eq!(Versioner::github(&sandbox, "auto").env("INPUT_VERSION", "auto").run().code, 0);
}

const SECRET: &str = "sk_acme_k1_topsecret";

#[test]
fn invalid_key_is_not_printed() {
    let sandbox = Sandbox::start();
    for bad in ["hunter2", "sk_acme_k1\nhunter2hunter2", "hunter2hunter2\u{7f}"] {
        let run = Versioner::deployment(&sandbox, "success").env("VERSIONER_API_KEY", bad).run();
        assert_eq!(run.code, 1, "{}", run.all());
        assert!(
            run.stderr.contains("api_key (from VERSIONER_API_KEY)") && !run.all().contains("hunter2"),
            "{}",
            run.all()
        );
    }
    assert!(sandbox.requests().is_empty());
}

#[test]
fn key_and_key_file_follow_the_precedence() {
    let sandbox = Sandbox::start();
    let key = sandbox.key().to_owned();
    let call = || Versioner::deployment(&sandbox, "success");
    let file = |call: &Versioner| call.file("key", &format!("  {key}\n"));

    let both = call();
    let path = file(&both);
    let run = both.env("VERSIONER_API_KEY_FILE", &path).run();
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("api_key and api_key_file are both set"), "{}", run.stderr);

    let higher = call();
    let path = file(&higher);
    assert_eq!(higher.env("VERSIONER_API_KEY", SECRET).args(["--api-key-file", &path]).run().code, 0);

    let alone = call().without("VERSIONER_API_KEY");
    let path = file(&alone);
    assert_eq!(alone.env("VERSIONER_API_KEY_FILE", &path).run().code, 0);

    let missing = call().without("VERSIONER_API_KEY").env("VERSIONER_API_KEY_FILE", "/no/such/key").run();
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.contains("/no/such/key"), "{}", missing.stderr);

    let flag = call().args(["--api-key", &key]).run();
    assert_eq!(flag.code, 0);
    assert!(flag.stderr.contains("--api-key is visible") && !flag.all().contains(&key), "{}", flag.all());
    assert_eq!(call().env("VERSIONER_API_KEY", &format!(" {key}\r\n")).run().code, 0, "white space is dropped");
}

#[test]
fn ca_only_without_ca_bundle_exits_1() {
    let sandbox = Sandbox::start();
    for bundle in ["", "none"] {
        let call = Versioner::deployment(&sandbox, "success").env("VERSIONER_CA_BUNDLE", bundle);
        let run = call.args(["--ca-only"]).run();
        assert_eq!(run.code, 1, "{}", run.stderr);
        assert!(run.stderr.contains("ca_only (from --ca-only) is true, but ca_bundle is not set"), "{}", run.stderr);
    }
    assert!(sandbox.requests().is_empty());
    assert_eq!(Versioner::deployment(&sandbox, "success").args(["--ca-only=false"]).run().code, 0);
}

#[test]
fn plain_http_to_a_remote_host_exits_1() {
    let run = Versioner::bare()
        .args(["track", "build", "--product", "a", "--version", "1", "--api-url", "http://198.51.100.1"])
        .env("VERSIONER_API_KEY", SECRET)
        .run();
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("allow_http") && run.stderr.contains("198.51.100.1"), "{}", run.stderr);
}

#[test]
fn unknown_variable_warns_with_the_nearest_name() {
    let sandbox = Sandbox::start();
    let run = Versioner::deployment(&sandbox, "success")
        .env("VERSIONER_ENVIROMENT", "x")
        .env("VERSIONER_ZEBRA_CROSSING", "x")
        .env("VERSIONER_DEPLOYMENT_ID", "from an earlier job")
        .env("VERSIONER_BIN", "/usr/bin/versioner")
        .run();
    assert_eq!(run.code, 0);
    assert!(run.stderr.contains("did you mean VERSIONER_ENVIRONMENT?"), "{}", run.stderr);
    assert!(run.stderr.contains("VERSIONER_ZEBRA_CROSSING is not a setting"), "{}", run.stderr);
    for (name, suggestion) in [("ENV", "ENVIRONMENT"), ("KEY", "API_KEY"), ("SHA", "SCM_SHA")] {
        let run = Versioner::deployment(&sandbox, "success").env(&format!("VERSIONER_{name}"), "x").run();
        assert!(run.stderr.contains(&format!("did you mean VERSIONER_{suggestion}?")), "{}", run.stderr);
    }
    assert!(!run.stderr.contains("VERSIONER_DEPLOYMENT_ID") && !run.stderr.contains("VERSIONER_BIN"), "{}", run.stderr);
}

#[test]
fn unknown_status_is_sent_unchanged() {
    let sandbox = Sandbox::start();
    let run = Versioner::deployment(&sandbox, "Half-Baked").run();
    assert_eq!(run.code, 4, "the server decides");
    assert_eq!(sandbox.requests()[0].json()["status"], "Half-Baked");
    assert!(run.stderr.contains("\"Half-Baked\", an unknown word"), "{}", run.stderr);
}

#[test]
fn manually_started_run_warns_about_detected_values() {
    let sandbox = Sandbox::start();
    let manual_run = || Versioner::github(&sandbox, "success").env("GITHUB_EVENT_NAME", "workflow_dispatch");
    let run = manual_run().env("INPUT_VERSION", "auto").run();
    let warned = |name: &str| {
        run.commands()
            .iter()
            .any(|c| c.name == "warning" && c.message.starts_with(name) && c.message.contains("started manually"))
    };
    assert!(warned("version") && warned("product_name"), "{}", run.all());
    let run = manual_run().env("INPUT_PRODUCT", "shop").run();
    assert!(run.commands().is_empty(), "{}", run.all());
}

#[test]
fn named_pipe_in_a_file_setting_exits_1() {
    use std::process::Command;
    let sandbox = Sandbox::start();
    for setting in ["VERSIONER_API_KEY_FILE", "VERSIONER_CA_BUNDLE"] {
        let call = Versioner::deployment(&sandbox, "success");
        let pipe = call.dir.path().join("pipe").display().to_string();
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let call = if setting.contains("KEY") { call.without("VERSIONER_API_KEY") } else { call };
        let run = call.env(setting, &pipe).run();
        assert_eq!(run.code, 1);
        assert!(run.stderr.contains(setting), "{}", run.stderr);
    }
}

#[test]
fn metadata_numbers_keep_every_digit() {
    let sandbox = Sandbox::start();
    let metadata = r#"{"big":12345678901234567890123,"price":1.10}"#;
    let run = Versioner::deployment(&sandbox, "success").args(["--metadata", metadata, "--debug"]).run();
    assert_eq!(run.code, 0);
    assert!(run.stdout.contains(r#""big":12345678901234567890123,"price":1.10"#), "{}", run.stdout);
}

#[test]
fn event_flags_work_without_a_subcommand() {
    let sandbox = Sandbox::start();
    let run =
        Versioner::github(&sandbox, "success").args(["--environment", "staging", "--event-type", "deployment"]).run();
    assert_eq!(run.code, 0, "{}", run.all());
    assert_eq!(sandbox.requests()[0].json()["environment_name"], "staging");
}

#[test]
fn flag_beats_variables_of_related_settings() {
    let sandbox = Sandbox::start();
    let window = || {
        sandbox.clear_requests();
        sandbox.script([versioner_sandbox::Reply::status(423).json(serde_json::json!({"code": "NO_DEPLOY_WINDOW"}))]);
    };
    let started = || Versioner::deployment(&sandbox, "started").env("VERSIONER_POLL_INTERVAL", "100ms");
    window();
    let run = started().env("VERSIONER_ON_WINDOW", "fail").args(["--on-block", "wait"]).run();
    assert_eq!((run.code, sandbox.requests().len()), (0, 2), "{}", run.all());
    // Within one source, the more specific setting wins.
    window();
    let run = started().args(["--on-block", "wait", "--on-window", "fail"]).run();
    assert_eq!((run.code, sandbox.requests().len()), (5, 1), "{}", run.all());
}

#[test]
fn value_that_does_not_win_is_not_validated() {
    use std::os::unix::ffi::OsStrExt as _;
    let sandbox = Sandbox::start();
    let not_utf8 = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    let call =
        Versioner::deployment(&sandbox, "success").env("VERSIONER_ON_BLOCK", "nonsense").args(["--on-block", "fail"]);
    let output = call.command().env("VERSIONER_PRODUCT", not_utf8).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(sandbox.requests()[0].json()["product_name"], "shop");
}

#[test]
fn absurdly_long_limits_do_no_harm() {
    let sandbox = Sandbox::start();
    let run = Versioner::deployment(&sandbox, "started")
        .envs(&[
            ("GITLAB_CI", "true"),
            ("CI_JOB_TIMEOUT", "9223372036854775807"),
            ("VERSIONER_WAIT_TIMEOUT", "99999999999999999999"),
            ("VERSIONER_REQUEST_TIMEOUT", "9999999h"),
            ("VERSIONER_ON_BLOCK", "wait"),
        ])
        .run();
    assert_eq!(run.code, 0, "{}", run.all());
}

#[test]
fn key_from_a_pipe_without_a_writer_times_out() {
    let sandbox = Sandbox::start();
    let call = Versioner::deployment(&sandbox, "success")
        .without("VERSIONER_API_KEY")
        .env("VERSIONER_API_KEY_FILE", "/dev/stdin");
    let run = |key: &[u8], close: bool| {
        let mut child = call
            .command()
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, key).unwrap();
        let open = (!close).then_some(stdin);
        let output = child.wait_with_output().unwrap();
        drop(open);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(run(sandbox.key().as_bytes(), true).0, Some(0));
    let (code, stderr) = run(b"", false);
    assert_eq!(code, Some(1));
    assert!(stderr.contains("/dev/stdin") && stderr.contains("within 5 seconds"), "{stderr}");
}

#[test]
fn plugin_settings_are_read_only_where_plugins_exist() {
    let sandbox = Sandbox::start();
    let settings = [
        ("PLUGIN_API_URL", sandbox.url()),
        ("PLUGIN_API_KEY", sandbox.key().to_owned()),
        ("PLUGIN_PRODUCT", "shop".to_owned()),
        ("PLUGIN_VERSION", "1".to_owned()),
        ("PLUGIN_ENVIRONMENT", "staging".to_owned()),
    ];
    let call = |system: (&str, &str)| {
        settings.iter().fold(Versioner::bare().env(system.0, system.1), |call, (name, value)| call.env(name, value))
    };
    for system in [("DRONE", "true"), ("CI", "woodpecker"), ("HARNESS_BUILD_ID", "7")] {
        sandbox.clear_requests();
        let run = call(system).run();
        assert_eq!((run.code, sandbox.requests().len()), (0, 1), "{system:?}: {}", run.all());
        // A subcommand belongs to a script, whose step's settings are not ours.
        assert_eq!(call(system).args(["track", "deployment"]).run().code, 1);
    }
    assert_eq!(call(("GITLAB_CI", "true")).run().code, 1);
}

#[test]
fn usage_error_shows_no_key_however_its_variable_is_spelled() {
    let key = "acme-without-the-usual-prefix-4711";
    for name in ["VERSIONER_API_KEY", "INPUT_API_KEY", "INPUT_API-KEY", "INPUT_Api_Key", "PLUGIN_API_KEY"] {
        let run = Versioner::bare().env(name, key).args(["track", key]).run();
        assert!(run.code == 1 && !run.all().contains(key), "{name}: {}", run.all());
        assert!(run.all().contains("***"), "{name}: {}", run.all());
    }
}

#[test]
fn each_invalid_value_is_reported_once_and_is_not_called_missing() {
    let sandbox = Sandbox::start();
    for (variable, value, setting) in [
        ("INPUT_RUN", "", "run"),
        ("INPUT_VERSION", "", "version"),
        ("INPUT_ON_BLOCK", "later", "on_block"),
        ("INPUT_API_KEY", "pat_mona_secret123", "api_key"),
    ] {
        let run = Versioner::github(&sandbox, "started").without("INPUT_STATUS").env(variable, value).run();
        let error = run.only("error");
        assert_eq!((run.code, error.title()), (1, "Invalid setting: no event was sent"), "{}", run.all());
        assert!(error.message.contains(&format!("{setting} (from {variable}) is ")), "{}", error.message);
        assert!(!error.message.contains("is not set") && !run.all().contains("secret123"), "{}", run.all());
    }
    assert!(sandbox.requests().is_empty());
}

#[test]
fn script_and_another_command_exit_1() {
    let sandbox = Sandbox::start();
    for command in ["finish", "flush", "check"] {
        let run = Versioner::github(&sandbox, "auto").envs(&[("INPUT_RUN", "true"), ("INPUT_COMMAND", command)]).run();
        let message = run.only("error").message;
        assert!(
            run.code == 1 && message.contains("run (from INPUT_RUN) and command (from INPUT_COMMAND)"),
            "{message}"
        );
    }
    assert!(sandbox.requests().is_empty());
}

#[cfg(unix)]
#[test]
fn key_is_read_from_a_named_pipe_and_not_from_a_large_file() {
    let sandbox = Sandbox::start();
    let call = Versioner::deployment(&sandbox, "success").without("VERSIONER_API_KEY");
    let pipe = call.dir.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let key = sandbox.key().to_owned();
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::write(pipe, key).unwrap()
    });
    let run = call.env("VERSIONER_API_KEY_FILE", &pipe.display().to_string()).run();
    writer.join().unwrap();
    assert_eq!(run.code, 0, "{}", run.all());
    let call = Versioner::deployment(&sandbox, "success").without("VERSIONER_API_KEY");
    let run = call.env("VERSIONER_API_KEY_FILE", "/dev/zero").run();
    assert!(run.code == 1 && run.stderr.contains("larger than 16 KiB"), "{}", run.all());
}
