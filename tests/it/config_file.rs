//! The configuration file: which one is read, its precedence, and its errors.

use crate::support::{Run, Versioner, last_event, statuses};
use std::fs;
use std::path::PathBuf;
use versioner_sandbox::Sandbox;

impl Versioner {
    /// The path of `name` in the call's directory, which is its working directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Writes `text` to the file `name` there, which only its owner can read or write.
    pub(crate) fn with_file(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        #[cfg(unix)]
        for path in path.ancestors().take_while(|path| *path != self.dir.path()) {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = if path.is_dir() { 0o700 } else { 0o600 };
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
        self
    }

    /// Writes `text` to `~/.versioner/config.yaml`.
    pub(crate) fn with_implicit(self, text: impl AsRef<[u8]>) -> Self {
        self.with_file("home/.versioner/config.yaml", text)
    }
}

/// A file with everything that a deployment needs.
pub(crate) fn complete(sandbox: &Sandbox) -> String {
    format!(
        "api_key: {}\napi_url: {}\nproduct: shop\nversion: 1.10\nenvironment: production\n",
        sandbox.key(),
        sandbox.url()
    )
}

/// `check`'s row for a setting.
fn row<'a>(run: &'a Run, name: &str) -> &'a str {
    let row = run.stdout.lines().find(|line| line.contains(&format!("  {name} ")));
    row.unwrap_or_else(|| panic!("no {name}: {}", run.all()))
}

#[test]
fn a_deployment_can_be_described_by_the_file_alone() {
    for named in [None, Some("--config"), Some("VERSIONER_CONFIG")] {
        let sandbox = Sandbox::start();
        let call = Versioner::bare();
        let call = match named {
            None => call.with_implicit(complete(&sandbox)),
            Some("--config") => call.with_file("a.yaml", complete(&sandbox)).args(["--config", "a.yaml"]),
            Some(variable) => call.with_file("home/b.yaml", complete(&sandbox)).env(variable, "~/b.yaml"),
        };
        let run = call.args(["track", "deployment"]).run();
        assert_eq!(run.code, 0, "{named:?}: {}", run.all());
        let event = last_event(&sandbox);
        assert_eq!((&event["product_name"], &event["version"]), (&"shop".into(), &"1.10".into()));
        assert!(!run.all().contains(sandbox.key()));
        assert!(!run.all().to_lowercase().contains("warning"), "{}", run.all());
    }
}

#[test]
fn a_flag_beats_an_input_beats_a_variable_beats_the_file_beats_detection_beats_the_default() {
    let sandbox = Sandbox::start();
    let names = ["scm_branch", "build_number", "product_name", "version", "environment", "retries"];
    let text: String = names.iter().map(|name| format!("{name}: 6\n")).collect();
    let run = Versioner::github(&sandbox, "success")
        .with_file("a.yaml", format!("{text}poll_interval:\nrequest_timeout: auto\nwait_timeout: ''\n"))
        .args(["check", "--config", "a.yaml", "--version", "1"])
        .envs(&[("INPUT_VERSION", "2"), ("INPUT_ENVIRONMENT", "2"), ("INPUT_PRODUCT-NAME", "2")])
        .envs(&[("VERSIONER_VERSION", "3"), ("VERSIONER_PRODUCT", "3"), ("VERSIONER_RETRIES", "3")])
        .run();
    assert_eq!(run.code, 0, "{}", run.all());
    for (name, value, source) in [
        ("config", "a.yaml", "--config"),
        ("version", "1", "--version"),
        ("environment", "2", "INPUT_ENVIRONMENT"),
        ("product_name", "2", "INPUT_PRODUCT-NAME"),
        ("retries", "3", "VERSIONER_RETRIES"),
        ("scm_branch", "6", "a.yaml, line 1"),
        ("build_number", "6", "a.yaml, line 2"),
        ("invoke_id", "1234567890", "GITHUB_RUN_ID"),
        ("poll_interval", "30s", "default"),
        ("request_timeout", "30s", "default"),
        ("wait_timeout", "30m", "default"),
    ] {
        let row = row(&run, name);
        assert!(row.contains(&format!("  {value}  (")) && row.contains(source), "{name}: {row}");
    }
}

#[test]
fn precedence_holds_across_related_settings() {
    // The more specific setting wins only within one source.
    for (flags, variables, file, window, conflict) in [
        (vec!["--on-block", "wait"], vec![("VERSIONER_ON_WINDOW", "fail")], "", "--on-block", "--on-block"),
        (vec![], vec![("VERSIONER_ON_BLOCK", "wait")], "on_window: fail", "VERSIONER_ON_BLOCK", "VERSIONER_ON_BLOCK"),
        (vec![], vec![], "on_window: wait\non_block: fail", "line 1", "line 2"),
        (
            vec!["--on-window", "fail", "--on-block", "wait"],
            vec![("VERSIONER_ON_CONFLICT", "no such word")],
            "on_soak: nonsense",
            "--on-window",
            "--on-block",
        ),
    ] {
        let run = Versioner::bare()
            .with_file("a.yaml", format!("{file}\n"))
            .args(["check", "--config", "a.yaml", "--product", "a", "--version", "1", "--environment", "b"])
            .args(&flags)
            .envs(&variables)
            .run();
        assert_eq!(run.code, 0, "{flags:?}: {}", run.all());
        assert!(row(&run, "on_window").contains(window), "{flags:?}: {}", run.stdout);
        assert!(row(&run, "on_conflict").contains(conflict), "{flags:?}: {}", run.stdout);
    }
}

#[test]
fn within_the_file_the_canonical_name_beats_an_alias_and_spelling_does_not_matter() {
    let sandbox = Sandbox::start();
    let text = format!("{}Product-Name: web\ndeployed-by: mona\nbuilt_by: hubot\n", complete(&sandbox));
    let run = Versioner::bare().with_file("a.yaml", text).args(["track", "build", "--config", "a.yaml"]).run();
    assert_eq!(run.code, 0, "{}", run.all());
    let event = last_event(&sandbox);
    assert_eq!((&event["product_name"], &event["built_by"]), (&"web".into(), &"hubot".into()));
}

#[test]
fn a_key_file_in_a_higher_source_beats_a_key_in_the_file() {
    let sandbox = Sandbox::start();
    let text = complete(&sandbox).replace(sandbox.key(), "sk_other_1_verysecret");
    let run = Versioner::bare()
        .with_file("a.yaml", &text)
        .with_file("key", sandbox.key())
        .env("VERSIONER_API_KEY_FILE", "key")
        .args(["track", "deployment", "--config", "a.yaml"])
        .run();
    assert_eq!((run.code, statuses(&sandbox).len()), (0, 1), "{}", run.all());
    assert!(!run.all().contains("verysecret"));
    // Both in one source are an error.
    let run = Versioner::bare()
        .with_file("a.yaml", format!("{text}api_key_file: key\n"))
        .args(["track", "deployment", "--config", "a.yaml"])
        .run();
    assert!(run.code == 1 && run.stderr.contains("api_key_file are both set"), "{}", run.all());
    assert!(run.stderr.contains("a.yaml, line 1") && !run.all().contains("verysecret"), "{}", run.all());
}

#[test]
fn errors_name_file_line_and_setting() {
    for (text, expected) in [
        ("retries: many\n", "retries (from a.yaml, line 1) is \"many\", which is invalid. Allowed: a whole number"),
        ("#\n\nsummary: perhaps\n", "summary (from a.yaml, line 3) is \"perhaps\""),
        ("api_key: short\n", "api_key (from a.yaml, line 1) has fewer than"),
        (
            "product: a\nproduct: b\n",
            "a.yaml (from --config) cannot be used: line 2: product was set before, on line 1.",
        ),
        ("on_block: fail\nON-BLOCK: wait\n", "line 2: on_block was set before, on line 1."),
        ("metadata:\n  team: payments\n", "line 1: metadata must have a single value"),
        ("product: [shop]\n", "line 1: product must have a single value"),
        ("- product\n", "line 1: the file must consist of lines"),
        ("product: \"shop\n", "is not valid YAML"),
        ("a: 1\n---\nb: 1\n", "line 2: the file must have only one YAML document"),
    ] {
        let sandbox = Sandbox::start();
        let run = Versioner::deployment(&sandbox, "success")
            .without("VERSIONER_API_KEY")
            .with_file("a.yaml", text)
            .args(["--config", "a.yaml"])
            .run();
        assert!(run.code == 1 && run.stderr.contains(expected), "{text:?}: {}", run.all());
        assert!(sandbox.requests().is_empty(), "{text:?}");
    }
}

#[test]
fn a_named_file_that_cannot_be_read_is_an_error_and_what_is_missing_is_not_listed() {
    let call = |path: &str| Versioner::bare().args(["--config", path, "track", "deployment"]).run();
    for (path, expected) in [("no/such.yaml", "No such file"), (".", "directory"), ("~/x.yaml", "~/x.yaml")] {
        let run = call(path);
        assert!(run.code == 1 && run.stderr.contains("The configuration file "), "{path}: {}", run.all());
        assert!(
            run.stderr.contains(expected) && run.stderr.contains("(from --config) cannot be read"),
            "{}",
            run.all()
        );
        assert!(!run.stderr.contains("is not set"), "{}", run.all());
    }
    let big = format!("product: {}\n", "x".repeat(256 * 1024));
    let run = Versioner::bare().with_file("a.yaml", big).args(["--config", "a.yaml", "track", "build"]).run();
    assert!(run.code == 1 && run.stderr.contains("larger than 256 KiB"), "{}", run.all());
    // The flag has precedence, and 'none' reads no file at all.
    let sandbox = Sandbox::start();
    let call =
        Versioner::deployment(&sandbox, "success").with_implicit("retries: many\n").env("VERSIONER_CONFIG", "no.yaml");
    let run = call.args(["--config", "none"]).run();
    assert_eq!(run.code, 0, "{}", run.all());
}

#[test]
fn only_a_value_that_wins_is_validated() {
    let sandbox = Sandbox::start();
    let text = b"version: \xff\nretries: many\nsummary: \xfe\nproduct: sh\xc3\xb6p\n".to_vec();
    let call = |args: &[&str]| {
        Versioner::shell(&sandbox)
            .with_file("a.yaml", &text)
            .args(["track", "deployment", "--environment", "production", "--config", "a.yaml"])
            .args(args)
            .run()
    };
    let run = call(&["--version", "1", "--retries", "0", "--summary"]);
    assert_eq!(run.code, 0, "{}", run.all());
    assert_eq!(last_event(&sandbox)["product_name"], "shöp");
    let run = call(&["--retries", "0"]);
    assert_eq!(run.code, 1);
    for expected in ["version (from a.yaml, line 1) contains bytes that are not UTF-8", "summary (from a.yaml, line 3)"]
    {
        assert!(run.stderr.contains(expected), "{}", run.all());
    }
}

#[test]
fn unknown_names_get_a_warning_with_the_nearest_name() {
    let sandbox = Sandbox::start();
    let text = "enviroment: x\nskip_preflight_checks: true\nsk_acme_k1_verysecret: x\nretries: 0\n";
    let run = Versioner::deployment(&sandbox, "success").with_file("a.yaml", text).args(["--config", "a.yaml"]).run();
    assert_eq!(run.code, 0, "{}", run.all());
    for expected in [
        "enviroment (a.yaml, line 1) is not a setting and is ignored: did you mean environment?",
        "skip_preflight_checks (a.yaml, line 2) has no effect",
    ] {
        assert!(run.stderr.contains(expected), "{}", run.all());
    }
    assert!(!run.all().contains("verysecret"), "{}", run.all());
}

#[test]
fn the_file_reaches_every_command() {
    let sandbox = Sandbox::start();
    let mut call = Versioner::bare()
        .with_implicit(complete(&sandbox))
        .env("PATH", "/usr/bin:/bin")
        .env("VERSIONER_SPOOL_DIR", "spool");
    for (args, code) in [
        (vec!["check"], 0),
        (vec!["run", "--", "true"], 0),
        (vec!["flush"], 0),
        (vec!["track", "deployment", "--status", "started"], 0),
        (vec!["version"], 0),
    ] {
        let run = call.run_with(&args);
        assert_eq!(run.code, code, "{args:?}: {}", run.all());
    }
    assert_eq!(statuses(&sandbox), ["started", "completed", "started"]);
    let run = call.run_with(["--help"]);
    assert!(run.stdout.contains("--config <FILE>"), "{}", run.stdout);
}
