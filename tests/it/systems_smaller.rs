//! What each system of the smaller kind is told, sent and shown: the parts that its tests share.

use crate::support::{Versioner, steady};
use serde_json::{Value, json};
use versioner_sandbox::{Reply, Sandbox};

/// Variables of one run.
pub(crate) type Variables = &'static [(&'static str, &'static str)];

/// What the real binary sends from `env`: a deployment, or a build where no environment is told.
pub(crate) fn sent(env: Variables, kind: &str) -> String {
    let sandbox = Sandbox::start();
    let run = Versioner::shell(&sandbox).envs(env).args(["track", kind]).run();
    assert_eq!(run.code, 0, "{}", run.all());
    let requests = sandbox.requests();
    assert_eq!(requests.len(), 1, "{requests:?}");
    let mut body: Value = requests[0].json().clone();
    body["completed_at"] = "[now]".into();
    let text = serde_json::to_string_pretty(&body).unwrap();
    assert!(!text.contains("SECRETTOKEN"), "{text}");
    assert!(!text.contains("\"\""), "a field is empty: {text}");
    text
}

/// What a person sees from `env`: of a success, a block and a refusal.
pub(crate) fn shown(env: Variables) -> String {
    let block = json!({"error": "deployment_blocked", "message": "No deployments allowed on Fridays after 3pm PST",
        "code": "NO_DEPLOY_WINDOW", "retry_after": "2025-10-28T00:00:00Z", "details": {"window_name": "friday_freeze",
        "window_start": "2025-10-25T15:00:00-07:00", "window_end": "2025-10-28T00:00:00-07:00", "reason": "Weekly freeze"}});
    let replies = [
        ("SUCCESS", Reply::status(201).json(json!({"id": "d-1", "event_id": "e-1", "version_id": "v-1"}))),
        ("BLOCK", Reply::status(423).json(block)),
        ("REFUSAL", Reply::status(401).json(json!({"detail": "Invalid authentication credentials"}))),
    ];
    let mut text = String::new();
    for (what, reply) in replies {
        let sandbox = Sandbox::start();
        sandbox.script([reply.header("Date", "Mon, 27 Oct 2025 21:46:00 GMT")]);
        let run = Versioner::shell(&sandbox)
            .envs(env)
            .args(["track", "deployment", "--product", "shop", "--version", "1.4.2", "--environment", "production"])
            .args(["--status", "started", "--ui-url", "https://app.versioner.io"])
            .run();
        let streams = format!("STDOUT\n{}STDERR\n{}", run.stdout, run.stderr);
        text.push_str(&format!("{what}: exit code {}\n{}\n", run.code, steady(&streams, &sandbox)));
    }
    text
}

/// A test that compares what is sent from each of some environments, by name.
macro_rules! sends {
    ($($name:ident: $kind:expr, $env:expr;)*) => { $(
        #[test]
        fn $name() {
            insta::assert_snapshot!(stringify!($name), crate::systems_smaller::sent($env, $kind));
        }
    )* };
}

/// A test that compares what is shown in each of some environments, by name.
macro_rules! shows {
    ($($name:ident: $env:expr;)*) => { $(
        #[test]
        fn $name() {
            insta::assert_snapshot!(stringify!($name), crate::systems_smaller::shown($env));
        }
    )* };
}

pub(crate) use {sends, shows};
