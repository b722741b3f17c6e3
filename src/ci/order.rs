//! Tests over all systems: which one an environment belongs to, and that none is upset by what it says.

use super::{Found, SYSTEMS, System};
use crate::env::Env;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::Path;

/// For each system, what it cannot be without.
const MARKERS: [(&str, &str, &str); 20] = [
    ("forgejo", "FORGEJO_ACTIONS", "true"),
    ("gitea", "GITEA_ACTIONS", "true"),
    ("github", "GITHUB_ACTIONS", "true"),
    ("gitlab", "GITLAB_CI", "true"),
    ("jenkins", "JENKINS_HOME", "/var/jenkins_home"),
    ("azure-devops", "TF_BUILD", "True"),
    ("circleci", "CIRCLECI", "true"),
    ("bitbucket", "BITBUCKET_COMMIT", "0123456789abcdef0123456789abcdef01234567"),
    ("buildkite", "BUILDKITE", "true"),
    ("teamcity", "TEAMCITY_VERSION", "2025.07 (build 197242)"),
    ("travis", "TRAVIS", "true"),
    ("rundeck", "RD_JOB_EXECID", "17"),
    ("drone", "DRONE", "true"),
    ("woodpecker", "CI", "woodpecker"),
    ("codebuild", "CODEBUILD_BUILD_ARN", "arn:aws:codebuild:eu-west-1:123456789012:build/shop:1-2"),
    ("cloud-build", "BUILDER_OUTPUT", "/builder/outputs"),
    ("codefresh", "CF_BUILD_ID", "5f1e"),
    ("semaphore", "SEMAPHORE", "true"),
    ("appveyor", "APPVEYOR", "True"),
    ("harness", "HARNESS_BUILD_ID", "7"),
];

fn detected(pairs: &[(&str, &str)]) -> Option<&'static str> {
    System::detect(&pairs.iter().copied().collect()).source_system
}

#[test]
fn every_system_is_known_by_its_marker_alone() {
    for (name, variable, value) in MARKERS {
        assert_eq!(detected(&[(variable, value)]), Some(name), "{variable}");
        assert_eq!(detected(&[("CI", "true"), (variable, value)]), Some(name), "{variable}");
    }
    let listed: BTreeSet<_> = SYSTEMS.iter().filter_map(|system| system.source_system).collect();
    assert_eq!(listed, MARKERS.iter().map(|(name, ..)| *name).collect());
    assert_eq!(listed.len(), SYSTEMS.len());
}

#[test]
fn one_that_imitates_another_is_not_taken_for_it() {
    let cases: [(&str, &[(&str, &str)]); 9] = [
        ("forgejo", &[("FORGEJO_ACTIONS", "true"), ("GITEA_ACTIONS", "true"), ("GITHUB_ACTIONS", "true")]),
        ("gitea", &[("GITEA_ACTIONS", "true"), ("GITHUB_ACTIONS", "true")]),
        ("harness", &[("HARNESS_BUILD_ID", "7"), ("DRONE", "true")]),
        ("woodpecker", &[("CI", "woodpecker"), ("DRONE", "true")]),
        // Runners of one system on the machines of another.
        ("github", &[("GITHUB_ACTIONS", "true"), ("CODEBUILD_BUILD_ARN", "arn:aws:codebuild:r:1:build/p:1")]),
        ("gitlab", &[("GITLAB_CI", "true"), ("JENKINS_HOME", "/srv/jenkins")]),
        ("buildkite", &[("BUILDKITE", "true"), ("JENKINS_URL", "https://jenkins.example/")]),
        ("semaphore", &[("SEMAPHORE", "true"), ("JENKINS_URL", "https://jenkins.example/")]),
        ("codebuild", &[("CODEBUILD_BUILD_ID", "p:1"), ("JENKINS_URL", "https://jenkins.example/")]),
    ];
    for (name, env) in cases {
        assert_eq!(detected(env), Some(name), "{env:?}");
    }
    for nobody in [&[("CI", "true")][..], &[("DRONE", "false")], &[("APPVEYOR", "")], &[("HARNESS_BUILD_ID", " ")]] {
        assert_eq!(detected(nobody), None, "{nobody:?}");
    }
}

/// Where each system that has both a variable for branches and one for tags tells them.
const REFS: [(&str, &str, &str); 12] = [
    ("gitlab", "CI_COMMIT_REF_NAME", "CI_COMMIT_TAG"),
    ("bitbucket", "BITBUCKET_BRANCH", "BITBUCKET_TAG"),
    ("buildkite", "BUILDKITE_BRANCH", "BUILDKITE_TAG"),
    ("circleci", "CIRCLE_BRANCH", "CIRCLE_TAG"),
    ("travis", "TRAVIS_BRANCH", "TRAVIS_TAG"),
    ("harness", "DRONE_BRANCH", "DRONE_TAG"),
    ("woodpecker", "CI_COMMIT_BRANCH", "CI_COMMIT_TAG"),
    ("drone", "DRONE_BRANCH", "DRONE_TAG"),
    ("semaphore", "SEMAPHORE_GIT_BRANCH", "SEMAPHORE_GIT_TAG_NAME"),
    ("appveyor", "APPVEYOR_REPO_BRANCH", "APPVEYOR_REPO_TAG_NAME"),
    ("cloud-build", "BRANCH_NAME", "TAG_NAME"),
    ("jenkins", "BRANCH_NAME", "TAG_NAME"),
];

#[test]
fn a_branch_that_is_told_is_the_branch_and_else_the_tag_is() {
    let cases = [
        (Some("refs/heads/main"), Some("refs/tags/v1"), Some("main"), Some("v1"), "main"),
        (Some("origin/main"), None, Some("main"), None, "main"),
        (None, Some("v1"), None, Some("v1"), "v1"),
        // Many systems name the tag as branch on its run.
        (Some("v1"), Some("v1"), None, Some("v1"), "v1"),
        (Some("refs/tags/v1"), Some("v1"), None, Some("v1"), "v1"),
        (Some("refs/tags/v1"), None, None, Some("v1"), "v1"),
        (Some("main"), Some(" "), Some("main"), None, "main"),
    ];
    for (system, branch_variable, tag_variable) in REFS {
        let (_, marker, marked) = MARKERS.into_iter().find(|(name, ..)| *name == system).unwrap();
        for (branch, tag, expected_branch, expected_tag, sent) in cases {
            let told = [(branch_variable, branch), (tag_variable, tag), (marker, Some(marked))];
            let env: Env = told.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
            let context = System::detect(&env).context(&env, Path::new("/nonexistent"));
            let value = |found: Option<&Found>| found.map(|found| found.value.clone());
            let expected = [expected_branch, expected_tag, Some(sent)].map(|value| value.map(str::to_owned));
            let seen = [context.branch.as_ref(), context.tag.as_ref(), context.branch_or_tag()].map(value);
            assert_eq!(seen, expected, "{system}: {branch:?} {tag:?}");
        }
    }
}

/// Every variable that these systems' files name.
fn variables() -> Vec<&'static str> {
    const FILES: [&str; 12] = [
        include_str!("appveyor.rs"),
        include_str!("cloud_build.rs"),
        include_str!("codebuild.rs"),
        include_str!("codefresh.rs"),
        include_str!("drone.rs"),
        include_str!("gitea.rs"),
        include_str!("github.rs"),
        include_str!("gitlab.rs"),
        include_str!("harness.rs"),
        include_str!("rundeck.rs"),
        include_str!("semaphore.rs"),
        include_str!("woodpecker.rs"),
    ];
    let is_name = |word: &&str| {
        word.len() > 4 && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let names: BTreeSet<_> = FILES.iter().flat_map(|file| file.split('"')).filter(is_name).collect();
    names.into_iter().filter(|name| !name.ends_with("_PATH") && *name != "GITHUB_OUTPUT").collect()
}

/// What a variable may hold that nobody expects there.
fn odd() -> impl Strategy<Value = String> {
    prop_oneof![
        "\\PC{0,12}",
        "[/:@#?^{}]{0,8}",
        "(refs/|heads/|tags/|origin/|branch/|tag/|pr/|\\^\\{|arn:aws:|https://u:p@|git@h:|/|:|@|-|[a-f0-9]{40}){0,5}",
        Just("9".repeat(40)),
        Just("ä/".repeat(50_000)),
        Just("\u{0}\n\r\u{1b}".to_owned()),
    ]
}

proptest! {
    #[test]
    fn nothing_that_a_variable_holds_does_harm(
        odd in prop::collection::vec((any::<prop::sample::Index>(), odd()), 1..12), marker in 0..MARKERS.len()
    ) {
        let names = variables();
        let (name, variable, value) = MARKERS[marker];
        let mut env: Vec<(&str, &str)> = odd.iter().map(|(at, value)| (names[at.index(names.len())], value.as_str())).collect();
        env.push((variable, value));
        let env: Env = env.into_iter().collect();
        let system = SYSTEMS.iter().find(|system| system.source_system == Some(name)).expect("a system");
        let context = system.context(&env, Path::new("/nonexistent"));
        for found in [&context.repository, &context.sha, &context.branch, &context.tag, &context.version, &context.run_url] {
            prop_assert!(found.as_ref().is_none_or(|found| found.value.trim() == found.value), "{:?}", found);
        }
        prop_assert!(context.run_url.is_none_or(|url| !url.value.contains("u:p@")));
    }
}
