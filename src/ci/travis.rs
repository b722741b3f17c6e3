//! Travis CI.
//!
//! Owns: its variables (Travis CI documentation, "Environment variables"). It shows the log alone.

use super::plain::Plain;
use super::{Context, System, first, link};
use crate::env::Env;

/// Travis CI.
pub(super) const SYSTEM: System = System {
    name: "Travis CI",
    source_system: Some("travis"),
    detect: |env| env.get("TRAVIS").is_some(),
    context,
    surface: |_| Box::new(Plain),
};

const METADATA: [(&str, &str); 4] = [
    ("vi_travis_build_id", "TRAVIS_BUILD_ID"),
    ("vi_travis_job_id", "TRAVIS_JOB_ID"),
    ("vi_travis_job_number", "TRAVIS_JOB_NUMBER"),
    ("vi_travis_event_type", "TRAVIS_EVENT_TYPE"),
];

fn context(env: &Env) -> Context {
    let mut context = Context {
        repository: first(env, &["TRAVIS_REPO_SLUG"]),
        // On a pull request TRAVIS_COMMIT is a merge commit that nobody ever sees again.
        sha: first(env, &["TRAVIS_PULL_REQUEST_SHA", "TRAVIS_COMMIT"]),
        build_number: first(env, &["TRAVIS_BUILD_NUMBER"]),
        invoke_id: first(env, &["TRAVIS_BUILD_ID"]),
        run_url: link(env, &["TRAVIS_BUILD_WEB_URL", "TRAVIS_JOB_WEB_URL"]),
        // Nobody is told but who restarted the job.
        actor: first(env, &["TRAVIS_JOB_RESTARTED_BY"]),
        ..Context::default()
    };
    // TRAVIS_BRANCH is a pull request's target, and the tag on a tag's run.
    context.set_refs(env, &["TRAVIS_PULL_REQUEST_BRANCH", "TRAVIS_BRANCH"], &["TRAVIS_TAG"]);
    context.add_metadata(env, &METADATA);
    context
}
