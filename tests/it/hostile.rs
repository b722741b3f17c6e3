//! Hostile text from the server, the environment and the command line must stay plain text in the log, annotations,
//! summary and outputs. The API key and credentials in URLs must not appear in any of them.

use crate::support::{Run, Versioner};
use serde_json::json;
use versioner_sandbox::{Reply, Sandbox};

/// One example of each attack: workflow commands of several systems, terminal escapes, Markdown, HTML, output file syntax.
const EVIL: &str = "boom\r\n::add-path::/evil\n::set-output name=outcome::recorded\n##[error]forged ##vso[task.setvariable variable=x]y \
    ##teamcity[buildStatus text='x'] \u{1b}[31mred\u{1b}[0m \u{1b}]8;;https://evil.example\u{7}link \u{1b}[0Ksection_start:1:x\r \
    \u{202e}txt\u{2028}::error::x\n# Heading\n[click](https://evil.example) ![i](https://evil.example/i.png) <script>x</script> <img src=x onerror=y> \
    | a | b |\n``` \n</td></tr></table>\noutcome<<EOF\nghadelimiter_1\nEOF\noutcome=recorded\n%0A::error::x %25";

fn assert_harmless(run: &Run, allowed: &[&str]) {
    let text = run.all();
    for c in text.chars() {
        assert!(c == '\n' || !c.is_control(), "control character {c:?} in {text:?}");
        assert!(!('\u{202a}'..='\u{202e}').contains(&c), "bidirectional control in {text:?}");
    }
    for command in run.commands() {
        assert!(allowed.contains(&command.name.as_str()), "unexpected command {command:?}");
    }
    for marker in ["##[", "##vso[", "##teamcity["] {
        assert!(!text.contains(marker), "{marker} in {text}");
    }
    let summary = run.summary();
    for markup in ["<script", "<img", "](", "![", "```", "\n# ", "| a", "evil.example/"] {
        assert!(!summary.contains(markup), "{markup} in {summary}");
    }
    for tag in ["table", "td", "tr", "th", "p", "ul", "li"] {
        let (open, close) = (
            summary.matches(&format!("<{tag}>")).count() + summary.matches(&format!("<{tag} ")).count(),
            summary.matches(&format!("</{tag}>")).count(),
        );
        assert_eq!(open, close, "<{tag}> in {summary}");
    }
}

#[test]
fn hostile_text_in_a_block_is_harmless() {
    let sandbox = Sandbox::start();
    let body = json!({"error": "deployment_blocked", "message": EVIL, "code": EVIL, "retry_after": EVIL, "details": {
        "rule_name": EVIL, "window_name": EVIL, "reason": EVIL, "approver_roles": [EVIL, EVIL], "missing_environments": [EVIL],
        "conflicting_deployment_id": EVIL, "conflicting_deployment_status": EVIL, "conflicting_version": EVIL, EVIL: EVIL, "nested": {EVIL: [EVIL]}}});
    for status in [409, 423, 428] {
        for body in [body.clone(), json!({"detail": body})] {
            for debug in ["false", "true"] {
                sandbox.script([Reply::status(status).json(body.clone()).header("X-Evil", "::error::x ##[error]y")]);
                let run = Versioner::github(&sandbox, "started")
                    .env("INPUT_UI_URL", "https://app.versioner.io")
                    .env("INPUT_DEBUG", debug)
                    .run();
                assert_eq!(run.code, 5, "{}", run.all());
                assert_harmless(&run, &["error"]);
                run.only("error");
                assert_eq!(run.outputs()["outcome"], "blocked");
                assert!(run.outputs().keys().all(|name| !name.contains("evil")));
            }
        }
    }
}

#[test]
fn hostile_text_in_other_replies_is_harmless() {
    let sandbox = Sandbox::start();
    let rule = json!({"rule_name": EVIL, "status": EVIL, "evaluation_result": "failed", "error_message": EVIL});
    let replies = [
        (Reply::status(400).json(json!({"detail": EVIL})), 4),
        (Reply::status(409).json(json!({"detail": EVIL})), 4),
        (Reply::status(422).json(json!({"detail": [{"loc": ["body", EVIL], "msg": EVIL, "type": EVIL}]})), 4),
        (Reply::status(302).header("Location", "https://x/::error::##[error]<script>"), 4),
        (Reply::status(503).json(json!({"detail": EVIL})), 1),
        (Reply::status(200).body(EVIL), 1),
        (
            Reply::status(201).json(
                json!({"id": EVIL, "event_id": EVIL, "version_id": EVIL, "product_id": EVIL, "environment_id": EVIL,
            "extra_metadata": {"preflight_status": {"rules_evaluated": [rule]}}}),
            ),
            0,
        ),
    ];
    for (reply, code) in replies {
        sandbox.script([reply]);
        let run = Versioner::github(&sandbox, "started")
            .env("INPUT_RETRIES", "0")
            .env("INPUT_DEBUG", "true")
            .env("INPUT_UI_URL", "https://app.versioner.io")
            .run();
        assert_eq!(run.code, code, "{}", run.all());
        assert_harmless(&run, &["error", "warning"]);
        assert_ne!(run.outputs()["outcome"], "");
    }
}

#[test]
fn hostile_text_in_the_environment_is_harmless() {
    let sandbox = Sandbox::start();
    let call = || {
        Versioner::github(&sandbox, "started")
            .env("INPUT_PRODUCT", EVIL)
            .env("INPUT_VERSION", EVIL)
            .env("GITHUB_WORKFLOW", EVIL)
            .env("GITHUB_REF", EVIL)
            .env("GITHUB_ACTOR", EVIL)
            .env("VERSIONER_X\n::error::y", "z")
    };
    let run = call().run();
    assert_eq!(run.code, 0, "{}", run.all());
    assert_harmless(&run, &["warning"]);
    assert_eq!(sandbox.requests()[0].json()["product_name"], EVIL, "the value was changed");
    sandbox
        .script([Reply::status(409)
            .json(json!({"error": "deployment_blocked", "details": {"conflicting_deployment_id": "1"}}))]);
    assert_harmless(&call().run(), &["warning", "error"]);
    let run = call().args(["check"]).run();
    assert_eq!(run.code, 0);
    assert_harmless(&run, &["warning"]);
    for setting in ["STATUS", "RETRIES", "METADATA", "STARTED_AT", "API_URL", "EVENT_TYPE"] {
        let run = call()
            .env(&format!("INPUT_{setting}"), EVIL)
            .env("INPUT_RETRIES", if setting == "STATUS" { "0" } else { EVIL })
            .run();
        assert_harmless(&run, &["warning", "error"]);
    }
}

#[test]
fn echoed_key_is_redacted_in_every_encoding() {
    use std::fmt::Write as _;
    let sandbox = Sandbox::start();
    let key = sandbox.key().to_owned();
    let hex = key.bytes().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    let encoded = key.replace('_', "%5F");
    let base64 = "c2tfZGVtb18xMDAxXzRmOWMxZTdhYjJkODRjNjA=";
    let echo = format!(
        "raw {key} hex {hex} HEX {} url {encoded} base64 {base64} joined sk_demo\u{0}_1001",
        hex.to_uppercase()
    );
    let replies = [
        Reply::status(401).json(json!({"detail": echo})),
        Reply::status(423)
            .json(json!({"message": echo, "code": echo, "details": {"reason": echo, echo.as_str(): echo}})),
        Reply::status(201).json(json!({"id": echo, "event_id": echo})),
        Reply::status(302).header("Location", &format!("https://x.example/{key}")),
        Reply::status(503).json(json!({"detail": echo})),
    ];
    for reply in replies {
        for json in [&[][..], &["--json"]] {
            sandbox.script([reply.clone().header("X-Echo", &key)]);
            let call = Versioner::github(&sandbox, "started")
                .env("INPUT_RETRIES", "0")
                .env("INPUT_DEBUG", "true")
                .env("INPUT_OUTPUT_FILE", "out.env")
                .args(json);
            let run = call.run();
            let files = ["summary", "output", "out.env"].map(|name| crate::support::read(&call.dir.path().join(name)));
            let everything = run.all() + &files.concat();
            let everything = everything.replace("&#95;", "_").replace("&#37;", "%");
            for leak in [&key, &hex, &hex.to_uppercase(), &encoded, "c2tfZGVtb18xMDAxXzRmOWMxZTdhYjJkODRjNj"] {
                assert!(!everything.contains(leak), "{leak} in {everything}");
            }
        }
    }
}

#[test]
fn misplaced_key_is_not_printed() {
    let sandbox = Sandbox::start();
    let key = sandbox.key().to_owned();
    let long_metadata = format!("{{\"a\":\"{}{key}", "x".repeat(165));
    let calls = [
        Versioner::shell(&sandbox).args(["track", "build", "--api-key=", &key]),
        Versioner::shell(&sandbox).args(["track", "build", "--fail-on-api-error", &key]),
        Versioner::bare().args([&key]),
        Versioner::bare().args(["track", "build", "--api-key", "abcdefgh-secret", "abcdefgh-secret"]),
        Versioner::github(&sandbox, "success").env("INPUT_METADATA", &long_metadata),
        Versioner::github(&sandbox, "success").env("INPUT_API_KEY", "").env("VERSIONER_API_KEY_FILE", &key),
        Versioner::github(&sandbox, "success").env("INPUT_STARTED_AT", &key),
        Versioner::github(&sandbox, "success").env("INPUT_API_URL", &format!("https://{key}/x?y")),
    ];
    for call in calls {
        for json in [&[][..], &["--json"]] {
            let output = call.command().args(json).output().unwrap();
            let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{text}");
            assert!(!text.contains(&key[4..24]) && !text.contains("abcdefgh-secret"), "{text}");
            if !json.is_empty() {
                assert_eq!(output.stdout, b"{}\n", "{text}");
            }
        }
    }
}

#[test]
fn hostile_text_in_arguments_is_harmless() {
    let sandbox = Sandbox::start();
    let run = Versioner::github(&sandbox, "success").args(["track", "build", EVIL]).run();
    assert_eq!(run.code, 1);
    assert_harmless(&run, &["error"]);
}

#[test]
fn credentials_in_urls_are_neither_printed_nor_sent() {
    let sandbox = Sandbox::start();
    for address in [
        "https://user:hunter2@api.example",
        "user:hunter2@api.example",
        "https://user:hun/ter2hunter2@x",
        "//u:hunter2@x",
    ] {
        let run = Versioner::deployment(&sandbox, "success").env("VERSIONER_API_URL", address).run();
        assert_eq!(run.code, 1);
        assert!(!run.all().contains("hunter2"), "{}", run.all());
    }
    for location in [
        "//user:hunter2@login.example/x",
        "https://user:hun/ter2hunter2@x.example/",
        "https://u:hunter2@x.example/?token=hunter2",
    ] {
        sandbox.script([Reply::status(302).header("Location", location).header("Set-Cookie", "session=hunter2")]);
        let run = Versioner::deployment(&sandbox, "success").args(["--debug"]).run();
        assert_eq!(run.code, 4);
        assert!(run.stderr.contains(".example/") && !run.all().contains("hunter2"), "{}", run.all());
    }
    sandbox.clear_requests();
    let jenkins = [
        ("JENKINS_URL", "https://j.example"),
        ("GIT_URL", "oauth2:hunter2@gitlab.com/o/r.git"),
        ("BUILD_URL", "//u:hunter2@j.example/job/1"),
    ];
    assert_eq!(Versioner::deployment(&sandbox, "success").envs(&jenkins).run().code, 0);
    assert!(!sandbox.requests()[0].body.to_string().contains("hunter2"));
}
