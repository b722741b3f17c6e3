//! Travis CI.
//!
//! Owns: its variables (Travis CI documentation, "Environment variables"). It shows only the log.

#[cfg(test)]
use super::contract_tests::Example;
use super::plain::Plain;
use super::{Context, STOP_TIMEOUT, System, exit_status, first, identity, link};
use crate::env::Env;

/// Travis CI.
pub(super) const SYSTEM: System = System {
    name: "Travis CI",
    source_system: Some("travis"),
    detect: |env| env.get("TRAVIS").is_some(),
    context,
    // A restarted job keeps its id. TRAVIS_JOB_RESTARTED is the time of the last restart.
    job_identity: |env| identity(env, &["TRAVIS_JOB_ID"], &["TRAVIS_JOB_RESTARTED"]),
    // Set in `after_script`.
    job_status: |env| exit_status(env, "TRAVIS_TEST_RESULT"),
    temp_dir: None,
    last_step: "after_script: versioner flush",
    stop_timeout: STOP_TIMEOUT,
    has_plugins: false,
    surface: |_| Box::new(Plain),
    #[cfg(test)]
    example: EXAMPLE,
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
        // On a pull request TRAVIS_COMMIT is a temporary merge commit.
        sha: first(env, &["TRAVIS_PULL_REQUEST_SHA", "TRAVIS_COMMIT"]),
        build_number: first(env, &["TRAVIS_BUILD_NUMBER"]),
        invoke_id: first(env, &["TRAVIS_BUILD_ID"]),
        run_url: link(env, &["TRAVIS_BUILD_WEB_URL", "TRAVIS_JOB_WEB_URL"]),
        // The only person it names.
        actor: first(env, &["TRAVIS_JOB_RESTARTED_BY"]),
        ..Context::default()
    };
    // TRAVIS_BRANCH is a pull request's target, and the tag in a run for a tag.
    context.set_refs(env, &["TRAVIS_PULL_REQUEST_BRANCH", "TRAVIS_BRANCH"], &["TRAVIS_TAG"]);
    context.add_metadata(env, &METADATA);
    context
}

#[cfg(test)]
const EXAMPLE: Example = Example {
    minimal: &[("TRAVIS", "true")],
    ambiguous: &[],
    not_detected: &[],
    refs: Some(("TRAVIS_BRANCH", "TRAVIS_TAG")),
    sources: &[include_str!("travis.rs")],
    job: &[("TRAVIS_BUILD_ID", "1000"), ("TRAVIS_JOB_ID", "1001"), ("TRAVIS_JOB_NUMBER", "42.1")],
    same_job: &[&[("TRAVIS_TEST_RESULT", "1")]],
    other_jobs: &[
        &[("TRAVIS_JOB_ID", "1002")],
        &[("TRAVIS_JOB_RESTARTED", "2025-10-28T15:00:00Z")],
        &[("TRAVIS_JOB_RESTARTED", "2025-10-28T16:00:00Z")],
    ],
    unknown_jobs: &[&[("TRAVIS_JOB_ID", "")]],
    job_status: &[(&[("TRAVIS_TEST_RESULT", "0")], Some("success")), (&[("TRAVIS_TEST_RESULT", "1")], Some("failed"))],
};
