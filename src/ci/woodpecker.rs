//! Woodpecker.
//!
//! Owns: its variables (Woodpecker documentation, "Environment variables"). Before version 1.0 they began with `CI_BUILD_`.
//! It shows errors only in the log, and steps share nothing but files.

#[cfg(test)]
use super::contract_tests::Example;
use super::plain::Plain;
use super::{Context, STOP_TIMEOUT, System, first, identity, link, repository_of_remote, unix_time};
use crate::env::Env;

/// Woodpecker.
pub(super) const SYSTEM: System = System {
    name: "Woodpecker",
    source_system: Some("woodpecker"),
    detect: |env| env.get("CI").is_some_and(|name| name.trim().eq_ignore_ascii_case("woodpecker")),
    context,
    job_identity: |env| {
        // A restarted pipeline gets a new number. Its workflows are numbered, each combination of a matrix separately.
        identity(env, &["CI_REPO", "CI_PIPELINE_NUMBER", "CI_WORKFLOW_NUMBER"], &["CI_SYSTEM_URL"])
    },
    // The workflow's status right before the step started. Older versions use the other names. DRONE_BUILD_STATUS, which is set
    // for compatibility, is always "success".
    job_status: |env| first(env, &["CI_PIPELINE_STATUS", "CI_STEP_STATUS", "CI_BUILD_STATUS"]),
    temp_dir: None,
    last_step: "commands: [versioner flush] / when: [{ status: [success, failure] }], with spool_dir in the workspace in both steps",
    stop_timeout: STOP_TIMEOUT,
    has_plugins: true,
    surface: |_| Box::new(Plain),
    #[cfg(test)]
    example: EXAMPLE,
};

const METADATA: [(&str, &str); 6] = [
    ("vi_woodpecker_pipeline_number", "CI_PIPELINE_NUMBER"),
    ("vi_woodpecker_pipeline_parent", "CI_PIPELINE_PARENT"),
    ("vi_woodpecker_pipeline_event", "CI_PIPELINE_EVENT"),
    ("vi_woodpecker_workflow_name", "CI_WORKFLOW_NAME"),
    ("vi_woodpecker_step_name", "CI_STEP_NAME"),
    ("vi_woodpecker_step_url", "CI_STEP_URL"),
];

/// Events that a person triggers.
const MANUAL: [&str; 2] = ["manual", "deployment"];

fn context(env: &Env) -> Context {
    let number = first(env, &["CI_PIPELINE_NUMBER", "CI_BUILD_NUMBER"]);
    let mut context = Context {
        repository: first(env, &["CI_REPO"])
            .or_else(|| repository_of_remote(env, &["CI_REPO_CLONE_URL", "CI_REPO_URL", "CI_REPO_LINK"])),
        sha: first(env, &["CI_COMMIT_SHA"]),
        environment: first(env, &["CI_PIPELINE_DEPLOY_TARGET", "CI_BUILD_DEPLOY_TARGET"]),
        // There is no other id. It is unique within the repository.
        invoke_id: number.clone(),
        build_number: number,
        run_url: link(env, &["CI_PIPELINE_URL", "CI_PIPELINE_LINK", "CI_BUILD_LINK"]),
        actor: first(env, &["CI_PIPELINE_AUTHOR", "CI_COMMIT_AUTHOR"]),
        started_at: unix_time::timestamp(env, &["CI_PIPELINE_STARTED", "CI_BUILD_STARTED"]),
        manual_trigger: first(env, &["CI_PIPELINE_EVENT", "CI_BUILD_EVENT"])
            .filter(|event| MANUAL.contains(&event.raw()))
            .map(|event| format!("{}={}", event.source, event.value)),
        ..Context::default()
    };
    // On a pull request CI_COMMIT_BRANCH is its target.
    context.set_refs(env, &["CI_COMMIT_SOURCE_BRANCH", "CI_COMMIT_BRANCH"], &["CI_COMMIT_TAG"]);
    // The e-mail address is the commit author's, who may not have started the pipeline.
    if context.actor.as_ref().is_some_and(|actor| env.get("CI_COMMIT_AUTHOR") == Some(actor.raw())) {
        context.actor_email = first(env, &["CI_COMMIT_AUTHOR_EMAIL"]);
    }
    context.add_metadata(env, &METADATA);
    context
}

#[cfg(test)]
const EXAMPLE: Example = Example {
    minimal: &[("CI", "woodpecker")],
    ambiguous: &[&[("CI", "woodpecker"), ("DRONE", "true")]],
    not_detected: &[&[("CI", "true")]],
    refs: Some(("CI_COMMIT_BRANCH", "CI_COMMIT_TAG")),
    sources: &[include_str!("woodpecker.rs")],
    job: &[
        ("CI_SYSTEM_URL", "https://woodpecker.example"),
        ("CI_REPO", "octo/shop"),
        ("CI_PIPELINE_NUMBER", "42"),
        ("CI_WORKFLOW_NUMBER", "1"),
        ("CI_WORKFLOW_NAME", "deploy"),
    ],
    // Each step runs in its own container.
    same_job: &[&[("CI_STEP_NUMBER", "3"), ("HOSTNAME", "9c2f"), ("CI_PIPELINE_STATUS", "failure")]],
    other_jobs: &[
        &[("CI_SYSTEM_URL", "https://woodpecker.other.example")],
        &[("CI_REPO", "octo/web")],
        &[("CI_PIPELINE_NUMBER", "43")],
        &[("CI_WORKFLOW_NUMBER", "2")],
    ],
    unknown_jobs: &[&[("CI_WORKFLOW_NUMBER", "")], &[("CI_PIPELINE_NUMBER", "")], &[("CI_REPO", "")]],
    job_status: &[
        (&[("CI_PIPELINE_STATUS", "success")], Some("success")),
        (&[("CI_PIPELINE_STATUS", "failure"), ("CI_STEP_STATUS", "success")], Some("failure")),
        (&[("CI_STEP_STATUS", "failure")], Some("failure")),
        (&[("CI_PREV_PIPELINE_STATUS", "failure")], None),
    ],
};
