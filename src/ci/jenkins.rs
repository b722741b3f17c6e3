//! Jenkins.
//!
//! Owns: the variables of Jenkins core, of multibranch pipelines, and of the plugins git, GitLab, build-user-vars and GitHub
//! Pull Request Builder. Jenkins sets JENKINS_URL and BUILD_URL only if its root URL is configured.

#[cfg(test)]
use super::contract_tests::Example;
use super::plain::Plain;
use super::{Context, STOP_TIMEOUT, System, first, identity, link, repository_of_remote};
use crate::env::Env;

/// Jenkins.
pub(super) const SYSTEM: System = System {
    name: "Jenkins",
    source_system: Some("jenkins"),
    detect: |env| ["JENKINS_URL", "JENKINS_HOME"].iter().any(|name| env.get(name).is_some()),
    context,
    // Parallel stages have the same build tag, but on one node each has its own workspace. STAGE_NAME is not used: a gate and
    // its `finish` may be in different stages. JOB_NAME is used because BUILD_TAG is the same for jobs `a/b` and `a-b`.
    job_identity: |env| identity(env, &["BUILD_TAG"], &["NODE_NAME", "WORKSPACE", "JENKINS_URL", "JOB_NAME"]),
    job_status: |_| None,
    temp_dir: Some("WORKSPACE_TMP"),
    last_step: "post { always { sh 'versioner flush' } }",
    stop_timeout: STOP_TIMEOUT,
    has_plugins: false,
    surface: |_| Box::new(Plain),
    #[cfg(test)]
    example: EXAMPLE,
};

const METADATA: [(&str, &str); 4] = [
    ("vi_jenkins_job_name", "JOB_NAME"),
    ("vi_jenkins_build_url", "BUILD_URL"),
    ("vi_jenkins_node_name", "NODE_NAME"),
    ("vi_jenkins_executor_number", "EXECUTOR_NUMBER"),
];

/// What the build-user-vars plugin gives as the user if no person started the build.
const PROGRAMS: [&str; 3] = ["scmChange", "timer", "remoteRequest"];

fn context(env: &Env) -> Context {
    let build_number = first(env, &["BUILD_NUMBER"]);
    let mut context = Context {
        repository: repository_of_remote(env, &["GIT_URL", "GIT_URL_1"]),
        // The pull request builder checks out a temporary merge commit.
        sha: first(env, &["ghprbActualCommit", "GIT_COMMIT"]),
        version: build_number.clone(),
        build_number,
        invoke_id: first(env, &["BUILD_ID"]),
        run_url: link(env, &["BUILD_URL"]),
        actor: first(env, &["BUILD_USER_ID", "BUILD_USER"]),
        actor_email: first(env, &["BUILD_USER_EMAIL"]),
        actor_name: first(env, &["BUILD_USER"]),
        manual_trigger: first(env, &["BUILD_USER_ID"])
            .filter(|user| !PROGRAMS.contains(&user.raw()))
            .map(|user| user.source),
        ..Context::default()
    };
    // For a change request BRANCH_NAME is "PR-7", and the first three variables hold its source. The git plugin gives
    // "detached" if it was told to check out a commit.
    let branches = ["CHANGE_BRANCH", "ghprbSourceBranch", "gitlabSourceBranch", "GIT_BRANCH", "BRANCH_NAME"];
    let attached: Vec<&str> = branches.into_iter().filter(|name| env.get(name) != Some("detached")).collect();
    context.set_refs(env, &attached, &["TAG_NAME"]);
    context.add_metadata(env, &METADATA);
    context
}

#[cfg(test)]
const EXAMPLE: Example = Example {
    minimal: &[("JENKINS_HOME", "/var/jenkins_home")],
    ambiguous: &[],
    not_detected: &[],
    refs: Some(("BRANCH_NAME", "TAG_NAME")),
    sources: &[include_str!("jenkins.rs")],
    job: &[
        ("JOB_NAME", "shop/main"),
        ("BUILD_TAG", "jenkins-shop-main-42"),
        ("NODE_NAME", "agent-1"),
        ("WORKSPACE", "/srv/workspace/shop_main"),
        ("STAGE_NAME", "Gate"),
    ],
    same_job: &[&[("STAGE_NAME", "Report"), ("EXECUTOR_NUMBER", "3")]],
    other_jobs: &[
        &[("BUILD_TAG", "jenkins-shop-main-43")],
        &[("JOB_NAME", "shop-main")],
        &[("NODE_NAME", "agent-2")],
        &[("WORKSPACE", "/srv/workspace/shop_main@2")],
    ],
    unknown_jobs: &[&[("BUILD_TAG", "")]],
    job_status: &[],
};
