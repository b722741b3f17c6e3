//! Jenkins.
//!
//! Owns: the variables of Jenkins core, of the plugins git, GitLab, build-user-vars and GitHub Pull Request Builder, and of
//! multibranch pipelines.
//! Jenkins sets JENKINS_URL and BUILD_URL only where its root URL is configured.

use super::plain::Plain;
use super::{Context, System, first, link, repository_of_remote};
use crate::env::Env;

/// Jenkins.
pub(super) const SYSTEM: System = System {
    name: "Jenkins",
    source_system: Some("jenkins"),
    detect: |env| ["JENKINS_URL", "JENKINS_HOME"].iter().any(|name| env.get(name).is_some()),
    context,
    surface: |_| Box::new(Plain),
};

const METADATA: [(&str, &str); 4] = [
    ("vi_jenkins_job_name", "JOB_NAME"),
    ("vi_jenkins_build_url", "BUILD_URL"),
    ("vi_jenkins_node_name", "NODE_NAME"),
    ("vi_jenkins_executor_number", "EXECUTOR_NUMBER"),
];

/// What the build-user-vars plugin writes as user where none started the build.
const NO_PERSON: [&str; 3] = ["scmChange", "timer", "remoteRequest"];

fn context(env: &Env) -> Context {
    let build_number = first(env, &["BUILD_NUMBER"]);
    let mut context = Context {
        repository: repository_of_remote(env, &["GIT_URL", "GIT_URL_1"]),
        // The pull request builder checks out a merge commit that nobody ever sees again.
        sha: first(env, &["ghprbActualCommit", "GIT_COMMIT"]),
        version: build_number.clone(),
        build_number,
        invoke_id: first(env, &["BUILD_ID"]),
        run_url: link(env, &["BUILD_URL"]),
        actor: first(env, &["BUILD_USER_ID", "BUILD_USER"]),
        actor_email: first(env, &["BUILD_USER_EMAIL"]),
        actor_name: first(env, &["BUILD_USER"]),
        manual_trigger: first(env, &["BUILD_USER_ID"])
            .filter(|user| !NO_PERSON.contains(&user.raw()))
            .map(|user| user.source),
        ..Context::default()
    };
    // On a change request BRANCH_NAME is "PR-7", and the first of these are where it comes from. The git plugin writes
    // "detached" where it was asked for a commit.
    let branches = ["CHANGE_BRANCH", "ghprbSourceBranch", "gitlabSourceBranch", "GIT_BRANCH", "BRANCH_NAME"];
    let told: Vec<&str> = branches.into_iter().filter(|name| env.get(name) != Some("detached")).collect();
    context.set_refs(env, &told, &["TAG_NAME"]);
    context.add_metadata(env, &METADATA);
    context
}
