//! Detection of special cases: pull requests, tags, and what only one system has.

use super::hosted::{AZURE, BITBUCKET, BUILDKITE, CIRCLECI, GITLAB, TEAMCITY, TRAVIS};
use super::{HEAD, Variables};
use crate::support::SHA;
use versioner_action::Env;
use versioner_action::internals::{Context, Detected, System};

fn context(variables: &[(&str, &str)], changes: &[(&str, &str)]) -> (&'static System, Context) {
    let env: Env = variables.iter().chain(changes).copied().collect();
    let system = System::detect(&env);
    (system, system.context(&env, std::path::Path::new("/")))
}

fn value(found: &Option<Detected>) -> &str {
    found.as_ref().map_or("", |found| found.value.raw())
}

#[test]
fn pull_request_has_its_source_branch_and_head_commit() {
    let cases: [(Variables, Variables, &str, &str); 4] = [
        (
            AZURE,
            &[
                ("BUILD_SOURCEBRANCH", "refs/pull/7/merge"),
                ("SYSTEM_PULLREQUEST_SOURCEBRANCH", "refs/heads/feature/x"),
                ("SYSTEM_PULLREQUEST_SOURCECOMMITID", HEAD),
            ],
            "feature/x",
            HEAD,
        ),
        (
            TRAVIS,
            &[
                ("TRAVIS_PULL_REQUEST", "7"),
                ("TRAVIS_PULL_REQUEST_BRANCH", "feature/x"),
                ("TRAVIS_PULL_REQUEST_SHA", HEAD),
            ],
            "feature/x",
            HEAD,
        ),
        (BUILDKITE, &[("BUILDKITE_PULL_REQUEST", "7"), ("BUILDKITE_BRANCH", "mona:feature/x")], "mona:feature/x", SHA),
        (
            BITBUCKET,
            &[("BITBUCKET_PR_ID", "7"), ("BITBUCKET_BRANCH", "feature/x"), ("BITBUCKET_PR_DESTINATION_BRANCH", "main")],
            "feature/x",
            SHA,
        ),
    ];
    for (variables, changes, branch, sha) in cases {
        let (system, context) = context(variables, changes);
        assert_eq!((value(&context.branch), value(&context.sha)), (branch, sha), "{}", system.name);
    }
}

#[test]
fn tag_is_detected_in_every_notation() {
    for tag in ["v1.4.2", "refs/tags/v1.4.2", "origin/tags/v1.4.2", "refs/heads/tags/v1.4.2"] {
        let cases: [(Variables, &[(&str, &str)]); 5] = [
            (BUILDKITE, &[("BUILDKITE_TAG", tag), ("BUILDKITE_BRANCH", tag)]),
            (CIRCLECI, &[("CIRCLE_TAG", tag), ("CIRCLE_BRANCH", "")]),
            (BITBUCKET, &[("BITBUCKET_TAG", tag), ("BITBUCKET_BRANCH", "")]),
            (TRAVIS, &[("TRAVIS_TAG", tag), ("TRAVIS_BRANCH", tag)]),
            (GITLAB, &[("CI_COMMIT_TAG", tag), ("CI_COMMIT_BRANCH", ""), ("CI_COMMIT_REF_NAME", tag)]),
        ];
        for (variables, changes) in cases {
            let (system, context) = context(variables, changes);
            assert_eq!((value(&context.tag), context.branch), ("v1.4.2", None), "{}: {tag}", system.name);
        }
    }
    let (_, context) = context(AZURE, &[("BUILD_SOURCEBRANCH", "refs/tags/v1.4.2")]);
    assert_eq!((value(&context.tag), context.branch), ("v1.4.2", None));
}

#[test]
fn azure_reads_release_fork_and_fallback_variables() {
    let release: &[(&str, &str)] = &[
        ("RELEASE_RELEASEWEBURL", "https://dev.azure.com/octo/store/_releaseProgress?releaseId=9"),
        ("RELEASE_ENVIRONMENTNAME", "staging"),
        ("RELEASE_DEPLOYMENT_REQUESTEDFOR", "Leonardo"),
    ];
    let (_, azure) = context(AZURE, release);
    assert_eq!(value(&azure.run_url), "https://dev.azure.com/octo/store/_releaseProgress?releaseId=9");
    assert_eq!((value(&azure.environment), value(&azure.actor), azure.actor_email), ("staging", "Leonardo", None));
    let (_, azure) = context(AZURE, &[("SYSTEM_TEAMPROJECTID", ""), ("SYSTEM_TEAMFOUNDATIONSERVERURI", "")]);
    assert_eq!(value(&azure.run_url), "https://dev.azure.com/octo/Web%20store/_build/results?buildId=4711");
    let (_, azure) = context(AZURE, &[("BUILD_REPOSITORY_URI", ""), ("BUILD_REPOSITORY_NAME", "octo/shop")]);
    assert_eq!(value(&azure.repository), "octo/shop");
    let fork = [("SYSTEM_PULLREQUEST_SOURCEREPOSITORYURI", "https://dev.azure.com/octo/forks/_git/shop")];
    assert_eq!(value(&context(AZURE, &fork).1.repository), "forks/shop");
    assert_eq!(value(&context(AZURE, &[("BUILD_BUILDNUMBER", "")]).1.build_number), "4711");
}

#[test]
fn manual_trigger_is_detected() {
    let cases: [(Variables, Variables, Option<&str>); 4] = [
        (AZURE, &[], Some("BUILD_REASON=Manual")),
        (AZURE, &[("BUILD_REASON", "IndividualCI")], None),
        (BUILDKITE, &[], None),
        (BUILDKITE, &[("BUILDKITE_SOURCE", "ui")], Some("BUILDKITE_SOURCE=ui")),
    ];
    for (variables, changes, expected) in cases {
        assert_eq!(context(variables, changes).1.manual_trigger.as_deref(), expected);
    }
}

#[test]
fn buildkite_unblocker_is_the_actor_and_timeout_is_in_minutes() {
    let unblocked = [("BUILDKITE_UNBLOCKER", "Leonardo"), ("BUILDKITE_COMMIT", "HEAD"), ("BUILDKITE_TIMEOUT", "10")];
    let (_, buildkite) = context(BUILDKITE, &unblocked);
    assert_eq!((value(&buildkite.actor), buildkite.actor_email, buildkite.sha), ("Leonardo", None, None));
    assert_eq!(value(&buildkite.job_timeout), "600");
}

#[test]
fn circleci_repository_falls_back_to_url_and_name() {
    let (_, circle) = context(CIRCLECI, &[("CIRCLE_PROJECT_USERNAME", "")]);
    assert_eq!(value(&circle.repository), "octo/shop");
    let (_, circle) = context(CIRCLECI, &[("CIRCLE_PROJECT_USERNAME", ""), ("CIRCLE_REPOSITORY_URL", "")]);
    assert_eq!(value(&circle.repository), "shop");
}

#[test]
fn gitlab_repository_comes_from_the_clone_url() {
    let (_, gitlab) = context(GITLAB, &[("CI_PROJECT_PATH", "")]);
    assert_eq!(value(&gitlab.repository), "group/sub/shop");
    let server_under_a_path = [("CI_REPOSITORY_URL", "https://ci:SECRETTOKEN@host.example/gitlab/group/sub/shop.git")];
    assert_eq!(value(&context(GITLAB, &server_under_a_path).1.repository), "group/sub/shop");
    let mirror = [("CI_REPOSITORY_URL", "https://ci:SECRETTOKEN@host.example/mirrors/shop.git")];
    assert_eq!(value(&context(GITLAB, &mirror).1.repository), "mirrors/shop");
}

#[test]
fn bitbucket_ssh_origin_overrides_the_repository_name() {
    let (_, bitbucket) = context(BITBUCKET, &[("BITBUCKET_GIT_SSH_ORIGIN", "git@bitbucket.org:/octo/store.git")]);
    assert_eq!(value(&bitbucket.repository), "octo/store");
}

#[test]
fn jenkins_tag_on_a_detached_head_is_not_a_branch() {
    let detached = [("JENKINS_HOME", "/j"), ("GIT_BRANCH", "detached"), ("BRANCH_NAME", "v1"), ("TAG_NAME", "v1")];
    let (_, jenkins) = context(&[], &detached);
    assert_eq!((value(&jenkins.tag), jenkins.branch), ("v1", None));
}

#[test]
fn github_action_variable_alone_identifies_github() {
    let (system, github) = context(&[], &[("GITHUB_ACTION", "run"), ("GITHUB_HEAD_REF", "refs/heads/feature/x")]);
    assert_eq!((system.source_system, value(&github.branch)), (Some("github"), "feature/x"));
}

#[test]
fn teamcity_reads_its_property_files_and_ignores_bad_values() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("build.properties");
    let context_with_properties = |content: &str| {
        std::fs::write(&file, content).unwrap();
        context(TEAMCITY, &[("TEAMCITY_BUILD_PROPERTIES_FILE", file.to_str().unwrap()), ("BUILD_URL", "")]).1
    };
    let found = context_with_properties(
        "teamcity.build.id=7\nteamcity.serverUrl=https\\://u\\:p@tc.example/x/\nteamcity.build.branch=feature/x\n",
    );
    assert_eq!(value(&found.run_url), "https://tc.example/x/viewLog.html?buildId=7");
    assert_eq!(value(&found.branch), "feature/x");
    let found = context_with_properties(
        "teamcity.build.triggeredBy.username=n/a\nteamcity.build.triggeredBy=Schedule Trigger\nteamcity.build.branch=<default>\n",
    );
    assert_eq!((found.actor, found.actor_name, found.manual_trigger, found.branch), (None, None, None, None));
    let found = context_with_properties("teamcity.build.id=../x\nteamcity.serverUrl=https://tc.example\n");
    assert_eq!(found.run_url, None);
    let missing = context(TEAMCITY, &[("TEAMCITY_BUILD_PROPERTIES_FILE", "/no/such/file")]).1;
    assert_eq!((value(&missing.build_number), missing.invoke_id), ("42", None));
}

#[test]
fn one_variable_identifies_the_system() {
    let cases = [
        ("GITLAB_CI", "gitlab"),
        ("TF_BUILD", "azure-devops"),
        ("TEAMCITY_VERSION", "teamcity"),
        ("BUILDKITE", "buildkite"),
        ("CIRCLECI", "circleci"),
        ("BITBUCKET_COMMIT", "bitbucket"),
        ("BITBUCKET_BUILD_NUMBER", "bitbucket"),
        ("TRAVIS", "travis"),
    ];
    for (variable, name) in cases {
        for value_set in ["true", "True", "x"] {
            let (system, context) = context(&[], &[(variable, value_set)]);
            assert_eq!(system.source_system, Some(name));
            assert_eq!(value(&context.source_system), name);
        }
        assert_eq!(context(&[], &[(variable, " ")]).0.source_system, None);
    }
}
