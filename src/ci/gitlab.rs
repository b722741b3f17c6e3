//! GitLab CI.
//!
//! Owns: the predefined variables (GitLab documentation, "Predefined CI/CD variables reference").

use super::plain::Plain;
use super::{Context, System, first, link};
use crate::env::Env;

/// GitLab CI.
pub(super) const SYSTEM: System = System {
    name: "GitLab CI",
    source_system: Some("gitlab"),
    detect: |env| env.is_true("GITLAB_CI"),
    context,
    surface: |_| Box::new(Plain),
};

const METADATA: [(&str, &str); 6] = [
    ("vi_gl_pipeline_id", "CI_PIPELINE_ID"),
    ("vi_gl_pipeline_url", "CI_PIPELINE_URL"),
    ("vi_gl_job_id", "CI_JOB_ID"),
    ("vi_gl_job_name", "CI_JOB_NAME"),
    ("vi_gl_job_url", "CI_JOB_URL"),
    ("vi_gl_pipeline_source", "CI_PIPELINE_SOURCE"),
];

/// Environment actions of jobs that do not deploy (GitLab documentation, `environment:action`).
const NO_DEPLOYMENT: [&str; 4] = ["stop", "prepare", "verify", "access"];

fn context(env: &Env) -> Context {
    let deploys = env.get("CI_ENVIRONMENT_ACTION").is_none_or(|action| !NO_DEPLOYMENT.contains(&action.trim()));
    let mut context = Context {
        repository: first(env, &["CI_PROJECT_PATH"]),
        // In a merged-results pipeline CI_COMMIT_SHA is a merge commit that nobody ever sees again.
        sha: first(env, &["CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", "CI_COMMIT_SHA"]),
        branch: first(env, &["CI_COMMIT_BRANCH", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"]),
        tag: first(env, &["CI_COMMIT_TAG"]),
        environment: deploys.then(|| first(env, &["CI_ENVIRONMENT_NAME"])).flatten(),
        build_number: first(env, &["CI_PIPELINE_IID"]),
        invoke_id: first(env, &["CI_PIPELINE_ID"]),
        run_url: link(env, &["CI_PIPELINE_URL"]),
        actor: first(env, &["GITLAB_USER_LOGIN"]),
        actor_email: first(env, &["GITLAB_USER_EMAIL"]),
        actor_name: first(env, &["GITLAB_USER_NAME"]),
        started_at: first(env, &["CI_JOB_STARTED_AT"]),
        job_timeout: first(env, &["CI_JOB_TIMEOUT"]),
        by_hand: env
            .get("CI_PIPELINE_SOURCE")
            .filter(|source| *source == "web")
            .map(|_| "CI_PIPELINE_SOURCE=web".to_owned()),
        ..Context::default()
    };
    if context.branch_or_tag().is_none() {
        context.take_ref(first(env, &["CI_COMMIT_REF_NAME"]));
    }
    context.add_metadata(env, &METADATA);
    context
}
