//! The command line: help, versions, usage errors, `--json`, and flags kept for the vendor CLI.

use crate::support::Versioner;
use versioner_sandbox::Sandbox;

#[test]
fn help_and_version_print_to_stdout_and_exit_0() {
    for args in [&["--help"][..], &["track", "deployment", "--help"], &["--version"], &["version"]] {
        let run = Versioner::bare().args(args).run();
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{args:?}");
        assert!(
            run.stdout.contains(if args.contains(&"--help") { "--api-url" } else { env!("CARGO_PKG_VERSION") }),
            "{}",
            run.stdout
        );
    }
}

#[test]
fn wrong_usage_exits_1_with_a_hint() {
    for (args, hint) in [
        (&["trak"][..], "track"),
        (&["track", "deployment", "--produkt", "x"], "--product"),
        (&["track", "build", "extra"], "extra"),
        (&["track", "build", "--environment"], "--environment"),
        (&["track", "build", "--config"], "--config needs a value: --config <FILE>"),
        (&["track"], "'versioner track' needs a further word"),
    ] {
        let run = Versioner::bare().args(args).run();
        assert_eq!(run.code, 1, "{args:?}: {}", run.all());
        assert!(run.stderr.contains(hint), "{args:?}: {}", run.stderr);
    }
}

#[test]
fn wrong_usage_on_github_prints_an_annotation() {
    let run = Versioner::bare().env("GITHUB_ACTIONS", "true").args(["track", "deployment", "--produkt", "x"]).run();
    assert_eq!(run.code, 1);
    assert!(run.only("error").message.contains("--produkt"), "{}", run.all());
}

#[test]
fn first_output_line_names_the_source_of_each_value() {
    let sandbox = Sandbox::start();
    let run = Versioner::deployment(&sandbox, "SUCCESS").run();
    let first_line = run.stdout.lines().next().unwrap();
    for needle in [
        "product shop (--product)",
        "version 1.4.2 (--version)",
        "environment production (--environment)",
        "status completed (--status)",
        "key sk_demo_1001_… (VERSIONER_API_KEY)",
    ] {
        assert!(first_line.contains(needle), "{needle}: {first_line}");
    }
}

#[test]
fn skip_preflight_checks_flag_only_warns() {
    let sandbox = Sandbox::start();
    let run = Versioner::deployment(&sandbox, "started").args(["--skip-preflight-checks"]).run();
    assert_eq!(run.code, 0);
    assert!(run.stderr.contains("--skip-preflight-checks has no effect"), "{}", run.stderr);
    assert!(sandbox.requests()[0].json().get("skip_preflight_checks").is_none());
    let run = Versioner::deployment(&sandbox, "success").env("VERSIONER_SKIP_PREFLIGHT_CHECKS", "true").run();
    assert!(run.stderr.contains("VERSIONER_SKIP_PREFLIGHT_CHECKS has no effect"), "{}", run.stderr);
}

#[test]
fn json_flag_leaves_only_json_on_stdout() {
    let sandbox = Sandbox::start();
    let run = Versioner::github(&sandbox, "success").args(["--json", "--verbose", "--debug"]).run();
    assert_eq!(run.code, 0);
    assert_eq!(run.stdout.lines().count(), 1, "{}", run.stdout);
    assert_eq!(run.json()["http_status"], 201);
    assert!(run.stderr.contains("POST"), "{}", run.stderr);
}

#[test]
fn incomplete_command_prints_its_help_and_exits_1() {
    let run = Versioner::bare().args(["track"]).run();
    assert!(run.code == 1 && run.stderr.contains("'versioner track' needs a further word"), "{}", run.all());
    assert!(run.stdout.contains("Usage: versioner track COMMAND"), "{}", run.stdout);
    assert!(run.stdout.contains("\n  deployment  "), "{}", run.stdout);
    let run = Versioner::bare().args(["track", "--json"]).run();
    assert_eq!((run.code, run.stdout.as_str()), (1, "{}\n"));
    assert!(run.stderr.contains("Usage: versioner track COMMAND"), "{}", run.stderr);
}
