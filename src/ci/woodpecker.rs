//! Woodpecker.
//!
//! Owns: its variables (Woodpecker documentation, "Environment variables"; before version 1.0 they began with `CI_BUILD_`). It has
//! nowhere to show errors but the log, and hands on nothing between steps but files.

use super::plain::Plain;
use super::{Context, System, first, link, repository_of_remote, unix_time};
use crate::env::Env;

/// Woodpecker.
pub(super) const SYSTEM: System = System {
    name: "Woodpecker",
    source_system: Some("woodpecker"),
    detect: |env| env.get("CI").is_some_and(|name| name.trim().eq_ignore_ascii_case("woodpecker")),
    context,
    surface: |_| Box::new(Plain),
};

const METADATA: [(&str, &str); 6] = [
    ("vi_woodpecker_pipeline_number", "CI_PIPELINE_NUMBER"),
    ("vi_woodpecker_pipeline_parent", "CI_PIPELINE_PARENT"),
    ("vi_woodpecker_pipeline_event", "CI_PIPELINE_EVENT"),
    ("vi_woodpecker_workflow_name", "CI_WORKFLOW_NAME"),
    ("vi_woodpecker_step_name", "CI_STEP_NAME"),
    ("vi_woodpecker_step_url", "CI_STEP_URL"),
];

/// Events that are somebody's own doing.
const MANUAL: [&str; 2] = ["manual", "deployment"];

fn context(env: &Env) -> Context {
    let number = first(env, &["CI_PIPELINE_NUMBER", "CI_BUILD_NUMBER"]);
    let mut context = Context {
        repository: first(env, &["CI_REPO"])
            .or_else(|| repository_of_remote(env, &["CI_REPO_CLONE_URL", "CI_REPO_URL", "CI_REPO_LINK"])),
        sha: first(env, &["CI_COMMIT_SHA"]),
        environment: first(env, &["CI_PIPELINE_DEPLOY_TARGET", "CI_BUILD_DEPLOY_TARGET"]),
        // There is no other id: it is unique within the repository.
        invoke_id: number.clone(),
        build_number: number,
        run_url: link(env, &["CI_PIPELINE_URL", "CI_PIPELINE_LINK", "CI_BUILD_LINK"]),
        actor: first(env, &["CI_PIPELINE_AUTHOR", "CI_COMMIT_AUTHOR"]),
        started_at: unix_time::time(env, &["CI_PIPELINE_STARTED", "CI_BUILD_STARTED"]),
        manual_trigger: first(env, &["CI_PIPELINE_EVENT", "CI_BUILD_EVENT"])
            .filter(|event| MANUAL.contains(&event.raw()))
            .map(|event| format!("{}={}", event.source, event.value)),
        ..Context::default()
    };
    // On a pull request CI_COMMIT_BRANCH is its target.
    context.set_refs(env, &["CI_COMMIT_SOURCE_BRANCH", "CI_COMMIT_BRANCH"], &["CI_COMMIT_TAG"]);
    // The e-mail address is the commit author's, who need not have started the pipeline.
    if context.actor.as_ref().is_some_and(|actor| env.get("CI_COMMIT_AUTHOR") == Some(actor.raw())) {
        context.actor_email = first(env, &["CI_COMMIT_AUTHOR_EMAIL"]);
    }
    context.add_metadata(env, &METADATA);
    context
}
