//! What is detected on each sample run, from which variable, and what the real binary sends.

use super::{RunFixture, SystemFixture, systems};
use crate::support::Versioner;
use std::fmt::Write as _;
use versioner_action::Env;
use versioner_action::internals::{Context, System};
use versioner_sandbox::Sandbox;

/// The detected values, one per line with the variable that each comes from.
fn detected(context: &Context) -> String {
    let values = [
        ("repository", &context.repository),
        ("sha", &context.sha),
        ("branch", &context.branch),
        ("tag", &context.tag),
        ("product", &context.product),
        ("version", &context.version),
        ("environment", &context.environment),
        ("build_number", &context.build_number),
        ("invoke_id", &context.invoke_id),
        ("run_url", &context.run_url),
        ("actor", &context.actor),
        ("actor_email", &context.actor_email),
        ("actor_name", &context.actor_name),
        ("started_at", &context.started_at),
        ("job_timeout", &context.job_timeout),
    ];
    let mut text = String::new();
    for (name, found) in values {
        if let Some(found) = found {
            writeln!(text, "{name}: {} ({})", found.value.raw(), found.source).unwrap();
        }
    }
    if let Some(manual_trigger) = &context.manual_trigger {
        writeln!(text, "by hand: {manual_trigger}").unwrap();
    }
    text
}

/// The detected values of a run and the event that is sent: a deployment, or a build if there is no environment.
fn detected_and_sent(system: &SystemFixture, run: &RunFixture) -> String {
    let sandbox = Sandbox::start();
    let call = Versioner::shell(&sandbox);
    let variables = run.variables(&call);
    let env: Env = variables.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let context = System::detect(&env).context(&env, call.dir.path());
    let deploys = context.environment.is_some() || env.get("VERSIONER_ENVIRONMENT").is_some();
    let kind = if deploys { "deployment" } else { "build" };
    let call = variables.iter().fold(call, |call, (name, value)| call.env(name, value)).args(["track", kind]);
    let output = call.run();
    assert_eq!(output.code, 0, "{}: {}", system.name, output.all());
    let requests = sandbox.requests();
    assert_eq!(requests.len(), 1, "{}", system.name);
    let mut body = requests[0].json().clone();
    if let Some(time) = body.get_mut("completed_at") {
        *time = "[now]".into();
    }
    for (field, value) in body.as_object().unwrap() {
        assert!(!value.is_null() && value != "", "{}: {field} is empty", system.name);
    }
    let text = format!("{}\n{}\n", detected(&context), serde_json::to_string_pretty(&body).unwrap());
    for secret in ["SECRETTOKEN", sandbox.key()] {
        assert!(!text.contains(secret) && !output.all().contains(secret), "{}: {text}", system.name);
    }
    text
}

#[test]
fn detected_and_sent_values_match_the_snapshot_on_each_system() {
    for system in systems() {
        let text: String =
            system.runs.iter().map(|run| format!("== {} ==\n{}\n", run.name, detected_and_sent(system, run))).collect();
        insta::assert_snapshot!(system.name, text);
    }
}
