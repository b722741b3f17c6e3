//! The ways in which an earlier job of the same user, or another user, could abuse the configuration file.

use crate::config_file::complete;
use crate::support::{Run, Versioner, statuses};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Command;
use versioner_sandbox::Sandbox;

const FILE: &str = "home/.versioner/config.yaml";

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A deployment whose key and address are only in `~/.versioner/config.yaml`, after `abuse` has changed that.
fn after(sandbox: &Sandbox, abuse: impl FnOnce(&Versioner)) -> Run {
    let call = Versioner::bare().with_implicit(complete(sandbox)).args(["track", "deployment"]);
    abuse(&call);
    call.run()
}

#[test]
fn in_ci_a_file_that_nobody_named_is_mentioned_and_not_read() {
    let sandbox = Sandbox::start();
    let run = Versioner::github(&sandbox, "success").with_implicit("product: evil\n").run();
    assert_eq!(run.code, 0, "{}", run.all());
    assert_eq!(crate::support::last_event(&sandbox)["product_name"], "shop");
    let lines: Vec<&str> = run.stdout.lines().filter(|line| line.contains("config.yaml")).collect();
    assert!(
        matches!(lines[..], [line] if line.contains("is ignored: in CI, only a file named by --config")),
        "{lines:?}"
    );
    assert!(!lines[0].contains("::"), "it is no annotation: {lines:?}");
    // Its content is not even looked at, and one that does not exist is not mentioned.
    for (call, count) in [
        (Versioner::github(&sandbox, "success").with_implicit("{{{"), 1),
        (Versioner::github(&sandbox, "success"), 0),
        (Versioner::deployment(&sandbox, "success").env("CI", "true").with_implicit("retries: many"), 1),
        (Versioner::deployment(&sandbox, "success").env("GITLAB_CI", "true").with_implicit("retries: many"), 1),
    ] {
        let run = call.run();
        assert_eq!((run.code, run.all().matches("config.yaml is ignored").count()), (0, count), "{}", run.all());
    }
}

#[test]
fn in_ci_a_named_file_is_read() {
    let sandbox = Sandbox::start();
    let run = Versioner::github(&sandbox, "success")
        .with_implicit("product: named\n")
        .env("VERSIONER_CONFIG", "~/.versioner/config.yaml")
        .run();
    assert_eq!(run.code, 0, "{}", run.all());
    assert_eq!(crate::support::last_event(&sandbox)["product_name"], "named");
}

#[test]
fn files_in_the_working_directory_are_never_read() {
    let sandbox = Sandbox::start();
    let names =
        ["config.yaml", ".versioner/config.yaml", "versioner.yaml", ".versioner.yaml", ".versioner.yml", "none"];
    for name in names {
        let run = Versioner::deployment(&sandbox, "success").with_file(name, "product: evil\nretries: many\n").run();
        assert_eq!(run.code, 0, "{name}: {}", run.all());
        assert!(!run.all().contains(name), "{name}: {}", run.all());
    }
}

#[test]
fn a_key_from_elsewhere_is_not_sent_where_an_unnamed_file_says() {
    let (victim, thief) = (Sandbox::start(), Sandbox::start());
    let remote = "http://versioner.example:9";
    for (text, set_by, variables) in [
        (format!("api_url: {}\n", thief.url()), "api_url", vec![]),
        ("allow_http: true\n".to_owned(), "allow_http", vec![("VERSIONER_API_URL", remote)]),
        ("ca_bundle: /etc/ssl/certs/ca-certificates.crt\n".to_owned(), "ca_bundle", vec![]),
    ] {
        for key in ["variable", "key file", "flag"] {
            let call = Versioner::bare().with_implicit(&text).with_file("key", victim.key()).envs(&variables);
            let call = match key {
                "variable" => call.env("VERSIONER_API_KEY", victim.key()),
                "key file" => call.env("VERSIONER_API_KEY_FILE", "key"),
                _ => call.args(["--api-key", victim.key()]),
            };
            let run =
                call.args(["track", "deployment", "--product", "a", "--version", "1", "--environment", "b"]).run();
            let expected = format!("{set_by} (from ");
            assert!(run.code == 1 && run.stderr.contains(&expected), "{key}: {text}: {}", run.all());
            assert!(run.stderr.contains("config.yaml, line 1) cannot be used with the API key from"), "{}", run.all());
        }
    }
    assert!(thief.requests().is_empty() && victim.requests().is_empty());
}

#[test]
fn a_key_is_sent_where_its_own_source_a_higher_one_or_a_named_file_says() {
    let sandbox = Sandbox::start();
    let event = ["track", "deployment", "--product", "a", "--version", "1", "--environment", "b"];
    let address = format!("api_url: {}\n", sandbox.url());
    for call in [
        Versioner::bare()
            .with_file("a.yaml", &address)
            .env("VERSIONER_API_KEY", sandbox.key())
            .args(["--config", "a.yaml"]),
        Versioner::bare()
            .with_implicit(format!("api_key: {}\n", sandbox.key()))
            .env("VERSIONER_API_URL", &sandbox.url()),
        Versioner::bare().with_implicit(format!("{address}api_key: {}\n", sandbox.key())),
        // The file says what is the default anyway, or what has no effect.
        Versioner::shell(&sandbox).with_implicit("allow_http: true\napi_url: http://evil.example\n"),
    ] {
        let run = call.args(event).run();
        assert_eq!(run.code, 0, "{}", run.all());
    }
    assert_eq!(statuses(&sandbox).len(), 4);
    let run = Versioner::bare()
        .with_implicit("api_url: https://api.versioner.io/\n")
        .env("VERSIONER_API_KEY", sandbox.key())
        .args(["check"])
        .args(&event[2..])
        .run();
    assert_eq!(run.code, 0, "{}", run.all());
}

#[test]
fn a_wrapped_command_may_read_the_file_itself() {
    let sandbox = Sandbox::start();
    let binary = crate::support::binary().display().to_string();
    let call = Versioner::bare().with_implicit(complete(&sandbox)).env("PATH", "/usr/bin:/bin");
    let run = call.args(["run", "--keep-api-key", "--", &binary, "track", "build"]).run();
    assert_eq!((run.code, statuses(&sandbox).len()), (0, 3), "{}", run.all());
}

#[test]
fn a_file_that_others_could_have_written_is_not_read() {
    let sandbox = Sandbox::start();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("config.yaml"), complete(&sandbox)).unwrap();
    let link = |call: &Versioner, name: &str, target: &Path| {
        let path = call.path(name);
        if path.is_dir() {
            fs::remove_dir_all(&path).unwrap()
        } else {
            fs::remove_file(&path).unwrap()
        }
        symlink(target, path).unwrap();
    };
    type Abuse<'a> = Box<dyn FnOnce(&Versioner) + 'a>;
    let cases: Vec<(&str, Abuse<'_>)> = vec![
        ("not a regular file", Box::new(|call| link(call, FILE, &elsewhere.path().join("config.yaml")))),
        ("not a regular file", Box::new(|call| link(call, FILE, Path::new("/no/such/file")))),
        ("or it is a link", Box::new(|call| link(call, "home/.versioner", elsewhere.path()))),
        ("other users can write it", Box::new(|call| set_mode(&call.path(FILE), 0o622))),
        ("other users can write it", Box::new(|call| set_mode(&call.path(FILE), 0o620))),
        ("home/.versioner, or", Box::new(|call| set_mode(&call.path("home/.versioner"), 0o777))),
        ("home/.versioner, or", Box::new(|call| set_mode(&call.path("home/.versioner"), 0o1777))),
        ("home/.versioner, or", Box::new(|call| set_mode(&call.path("home/.versioner"), 0o720))),
        ("home, or", Box::new(|call| set_mode(&call.path("home"), 0o777))),
        (
            "not a regular file",
            Box::new(|call| {
                fs::remove_file(call.path(FILE)).unwrap();
                fs::create_dir(call.path(FILE)).unwrap();
            }),
        ),
        (
            "not a regular file",
            Box::new(|call| {
                fs::remove_file(call.path(FILE)).unwrap();
                assert!(Command::new("mkfifo").arg(call.path(FILE)).status().unwrap().success());
            }),
        ),
        ("too large", Box::new(|call| fs::write(call.path(FILE), "#".repeat(257 * 1024)).unwrap())),
    ];
    for (expected, abuse) in cases {
        let run = after(&sandbox, abuse);
        assert_eq!(run.code, 1, "{expected}: {}", run.all());
        let lines: Vec<&str> = run.stderr.lines().filter(|line| line.contains("config.yaml is ignored: ")).collect();
        assert!(matches!(lines[..], [line] if line.contains(expected)), "{expected}: {}", run.all());
        assert!(run.stderr.contains("api_key is not set"), "{}", run.all());
    }
    assert!(sandbox.requests().is_empty());
}

#[test]
fn a_file_or_directory_of_another_user_is_not_read() {
    let sandbox = Sandbox::start();
    const NOBODY: u32 = 65_534;
    for (path, expected) in
        [(FILE, "belongs to another user"), ("home/.versioner", ".versioner, or"), ("home", "home, or")]
    {
        let mut given = false;
        // Only root can give a file away. Without root, it stays ours and is read.
        let run = after(&sandbox, |call| given = chown(call.path(path), Some(NOBODY), None).is_ok());
        let ignored = run.stderr.contains("is ignored") && run.stderr.contains(expected);
        assert_eq!((ignored, run.code), (given, i32::from(given)), "{path}: {}", run.all());
    }
}

#[test]
fn a_file_with_a_key_that_others_can_read_gets_a_warning() {
    let sandbox = Sandbox::start();
    for (mode, text, warned) in [
        (0o644, complete(&sandbox), true),
        (0o640, complete(&sandbox), true),
        (0o604, complete(&sandbox), true),
        (0o600, complete(&sandbox), false),
        (0o644, complete(&sandbox).replace("api_key:", "# api_key:"), false),
    ] {
        for named in [false, true] {
            let call = Versioner::bare()
                .with_implicit(&text)
                .env("VERSIONER_API_KEY_FILE", "key")
                .with_file("key", sandbox.key());
            let call = if named { call.env("VERSIONER_CONFIG", "~/.versioner/config.yaml") } else { call };
            set_mode(&call.path(FILE), mode);
            let run = call.args(["check"]).run();
            let warning = "contains an API key, and other users can read it. Run 'chmod 600'";
            assert_eq!(run.stderr.contains(warning), warned, "{mode:o}: {}", run.all());
            assert!(!run.all().contains(sandbox.key()));
        }
    }
}

#[test]
fn a_named_pipe_or_an_open_file_can_be_the_file() {
    let sandbox = Sandbox::start();
    let call = Versioner::bare();
    let pipe = call.path("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = std::thread::spawn({
        let text = complete(&sandbox);
        move || fs::write(pipe, text).unwrap()
    });
    let run = call.args(["track", "deployment", "--config", "pipe"]).run();
    writer.join().unwrap();
    assert_eq!((run.code, statuses(&sandbox).len()), (0, 1), "{}", run.all());
    assert!(!run.all().to_lowercase().contains("warning"), "{}", run.all());
    let run = Versioner::bare().args(["track", "deployment", "--config", "/dev/zero"]).run();
    assert!(run.code == 1 && run.stderr.contains("larger than 256 KiB"), "{}", run.all());
}
