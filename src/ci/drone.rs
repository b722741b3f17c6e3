//! Drone.
//!
//! Owns: its variables (Drone documentation, "Environment Reference"), which Harness has as well. Steps share nothing but
//! files.

#[cfg(test)]
use super::contract_tests::Example;
use super::plain::Plain;
use super::{Context, STOP_TIMEOUT, System, first, identity, link, repository_of_remote, unix_time};
use crate::env::Env;

/// Drone.
pub(super) const SYSTEM: System = System {
    name: "Drone",
    source_system: Some("drone"),
    detect: |env| env.is_true("DRONE"),
    context,
    job_identity: |env| {
        // A restarted build gets a new number, and each stage of a build its own.
        let required = ["DRONE_REPO", "DRONE_BUILD_NUMBER", "DRONE_STAGE_NUMBER"];
        identity(env, &required, &["DRONE_SYSTEM_HOST"])
    },
    job_status: |env| first(env, &["DRONE_BUILD_STATUS"]),
    temp_dir: None,
    last_step: "commands: [versioner flush] / when: { status: [success, failure] }, with spool_dir in the workspace in both steps",
    stop_timeout: STOP_TIMEOUT,
    has_plugins: true,
    surface: |_| Box::new(Plain),
    #[cfg(test)]
    example: EXAMPLE,
};

const METADATA: [(&str, &str); 6] = [
    ("vi_drone_build_number", "DRONE_BUILD_NUMBER"),
    ("vi_drone_build_parent", "DRONE_BUILD_PARENT"),
    ("vi_drone_build_event", "DRONE_BUILD_EVENT"),
    ("vi_drone_build_trigger", "DRONE_BUILD_TRIGGER"),
    ("vi_drone_stage_name", "DRONE_STAGE_NAME"),
    ("vi_drone_step_name", "DRONE_STEP_NAME"),
];

/// Events that a person triggers.
const MANUAL: [&str; 3] = ["custom", "promote", "rollback"];

fn context(env: &Env) -> Context {
    let mut context = source_context(env);
    context.build_number = first(env, &["DRONE_BUILD_NUMBER"]);
    // There is no other id. It is unique within the repository.
    context.invoke_id = context.build_number.clone();
    context.environment = first(env, &["DRONE_DEPLOY_TO"]);
    context.started_at = unix_time::timestamp(env, &["DRONE_STAGE_STARTED", "DRONE_BUILD_STARTED"]);
    let event = first(env, &["DRONE_BUILD_EVENT"]).filter(|event| MANUAL.contains(&event.raw()));
    context.manual_trigger = event.map(|event| format!("DRONE_BUILD_EVENT={}", event.value));
    // `@hook` and `@cron` are not people. A hook means that someone pushed; only the commit's author is known.
    match first(env, &["DRONE_BUILD_TRIGGER"]) {
        Some(trigger) if !trigger.raw().starts_with('@') => context.actor = Some(trigger),
        Some(trigger) if trigger.raw() != "@hook" => {}
        _ => context.actor = first(env, &["DRONE_COMMIT_AUTHOR"]),
    }
    add_author(&mut context, env);
    context.add_metadata(env, &METADATA);
    context
}

/// What is built, and the link to the run.
pub(super) fn source_context(env: &Env) -> Context {
    let is_pull_request = env.get("DRONE_PULL_REQUEST").is_some();
    let mut context = Context {
        repository: first(env, &["DRONE_REPO"])
            .or_else(|| repository_of_remote(env, &["DRONE_GIT_HTTP_URL", "DRONE_REMOTE_URL", "DRONE_GIT_SSH_URL"])),
        sha: first(env, &["DRONE_COMMIT_SHA", "DRONE_COMMIT"]),
        run_url: link(env, &["DRONE_BUILD_LINK"]),
        ..Context::default()
    };
    // On a pull request DRONE_BRANCH is its target.
    let branches = ["DRONE_SOURCE_BRANCH", "DRONE_BRANCH", "DRONE_COMMIT_BRANCH"];
    let branches = if is_pull_request { &branches[..] } else { &branches[1..] };
    context.set_refs(env, branches, &["DRONE_TAG"]);
    context
}

/// E-mail and name of the author, if the author is the actor.
pub(super) fn add_author(context: &mut Context, env: &Env) {
    let is_author = context.actor.as_ref().is_some_and(|actor| env.get("DRONE_COMMIT_AUTHOR") == Some(actor.raw()));
    if is_author {
        context.actor_email = first(env, &["DRONE_COMMIT_AUTHOR_EMAIL"]);
        context.actor_name = first(env, &["DRONE_COMMIT_AUTHOR_NAME"]);
    }
}

#[cfg(test)]
const EXAMPLE: Example = Example {
    minimal: &[("DRONE", "true")],
    ambiguous: &[],
    not_detected: &[&[("DRONE", "false")]],
    refs: Some(("DRONE_BRANCH", "DRONE_TAG")),
    sources: &[include_str!("drone.rs")],
    job: &[
        ("DRONE_SYSTEM_HOST", "drone.example"),
        ("DRONE_REPO", "octo/shop"),
        ("DRONE_BUILD_NUMBER", "42"),
        ("DRONE_STAGE_NUMBER", "1"),
        ("DRONE_STAGE_NAME", "deploy"),
    ],
    // Each step runs in its own container.
    same_job: &[&[("DRONE_STEP_NUMBER", "3"), ("HOSTNAME", "9c2f"), ("DRONE_BUILD_STATUS", "failure")]],
    other_jobs: &[
        &[("DRONE_SYSTEM_HOST", "drone.other.example")],
        &[("DRONE_REPO", "octo/web")],
        &[("DRONE_BUILD_NUMBER", "43")],
        &[("DRONE_STAGE_NUMBER", "2")],
    ],
    unknown_jobs: &[&[("DRONE_STAGE_NUMBER", "")], &[("DRONE_BUILD_NUMBER", "")], &[("DRONE_REPO", "")]],
    job_status: &[(&[("DRONE_BUILD_STATUS", "failure")], Some("failure"))],
};
