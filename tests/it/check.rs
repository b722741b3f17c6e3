//! `versioner check`: it shows every setting, sends no event, and never shows the key.

use crate::support::Versioner;
use versioner_sandbox::{Reply, Sandbox};

#[test]
fn check_shows_settings_with_their_sources_and_sends_nothing() {
    let sandbox = Sandbox::start();
    let run = Versioner::github(&sandbox, "failure")
        .args(["check", "--product", "flagged"])
        .env("VERSIONER_ENVIRONMENT", "unused")
        .env("INPUT_PRODUCT-NAME", "unused")
        .env("VERSIONER_RETRIES", "5")
        .run();
    assert_eq!(run.code, 0, "{}", run.all());
    assert!(sandbox.requests().is_empty());
    let row = |name: &str| {
        run.stdout
            .lines()
            .find(|line| line.contains(&format!("  {name} ")))
            .unwrap_or_else(|| panic!("no {name}: {}", run.stdout))
    };
    for (name, value, source) in [
        ("api_key", "sk_demo_1001_…", "INPUT_API_KEY"),
        ("product_name", "flagged", "--product"),
        ("environment", "production", "INPUT_ENVIRONMENT"),
        ("retries", "5", "VERSIONER_RETRIES"),
        ("scm_branch", "main", "GITHUB_REF"),
        ("request_timeout", "30s", "default"),
    ] {
        assert!(row(name).contains(value) && row(name).contains(source), "{}", row(name));
    }
    assert!(run.stdout.contains("\"product_name\": \"flagged\"") && run.stdout.contains("\"status\": \"failed\""));
    assert!(!run.all().contains(sandbox.key()));
}

#[test]
fn check_output_matches_the_snapshot() {
    let sandbox = Sandbox::start();
    let run = Versioner::github(&sandbox, "started").args(["check", "--spool-dir", "off"]).run();
    insta::assert_snapshot!("check", crate::support::normalize(&run.stdout, &sandbox));
}

#[test]
fn check_needs_no_key_but_every_event_field() {
    let run = Versioner::bare().args(["check", "--product", "a", "--version", "1", "--environment", "b"]).run();
    assert_eq!(run.code, 0, "{}", run.all());
    assert!(run.stderr.contains("api_key is not set"), "{}", run.stderr);
    let run = Versioner::bare().args(["check", "--product", "a"]).run();
    assert_eq!(run.code, 1);
    assert!(run.stdout.contains("product_name") && run.stderr.contains("environment is not set"), "{}", run.all());
}

#[test]
fn check_online_requests_only_health() {
    let sandbox = Sandbox::start();
    let args = ["check", "--online", "--product", "a", "--version", "1", "--environment", "b", "--json"];
    let call = || Versioner::shell(&sandbox).args(args);
    let run = call().run();
    assert_eq!((run.code, run.json()["http_status"].as_u64()), (0, Some(200)), "{}", run.all());
    let requests = sandbox.requests();
    assert_eq!(requests.len(), 1);
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("GET", "/health"));
    assert_eq!(requests[0].header("authorization"), None);
    sandbox.script([Reply::status(503).path("/health")]);
    let run = call().run();
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("503"), "{}", run.stderr);
}

#[test]
fn command_input_check_sends_nothing() {
    let sandbox = Sandbox::start();
    let run = Versioner::github(&sandbox, "success").env("INPUT_COMMAND", "check").run();
    assert_eq!(run.code, 0, "{}", run.all());
    assert!(sandbox.requests().is_empty() && run.stdout.contains("this would be sent"));
}

#[test]
fn check_shows_the_start_that_a_wrapped_script_reports() {
    let sandbox = Sandbox::start();
    let run = Versioner::github(&sandbox, "auto").args(["check"]).env("INPUT_RUN", "./deploy").run();
    assert!(run.code == 0 && run.stdout.contains("\"status\": \"started\""), "{}", run.all());
    let run = Versioner::github(&sandbox, "success").args(["check"]).env("INPUT_RUN", "./deploy").run();
    assert!(run.code == 1 && run.only("error").message.contains("status cannot be used with 'run'"), "{}", run.all());
}
