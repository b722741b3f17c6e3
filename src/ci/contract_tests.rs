//! Tests over all systems: which one an environment belongs to, and that none is upset by what it says.

use super::{Detected, SYSTEMS, System};
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
            let value = |found: Option<&Detected>| found.map(|found| found.raw().to_owned());
            let expected = [expected_branch, expected_tag, Some(sent)].map(|value| value.map(str::to_owned));
            let seen = [context.branch.as_ref(), context.tag.as_ref(), context.branch_or_tag()].map(value);
            assert_eq!(seen, expected, "{system}: {branch:?} {tag:?}");
        }
    }
}

/// Every variable that the files of the system `name` read.
fn variables(name: &str) -> Vec<&'static str> {
    let files: &[&str] = match name {
        "forgejo" => &[include_str!("gitea.rs"), include_str!("github.rs")],
        "gitea" => &[include_str!("gitea.rs"), include_str!("github.rs")],
        "github" => &[include_str!("github.rs")],
        "gitlab" => &[include_str!("gitlab.rs")],
        "jenkins" => &[include_str!("jenkins.rs")],
        "azure-devops" => &[include_str!("azure.rs")],
        "circleci" => &[include_str!("circleci.rs")],
        "bitbucket" => &[include_str!("bitbucket.rs")],
        "buildkite" => &[include_str!("buildkite.rs")],
        "teamcity" => &[include_str!("teamcity.rs"), include_str!("teamcity/properties.rs")],
        "travis" => &[include_str!("travis.rs")],
        "rundeck" => &[include_str!("rundeck.rs")],
        "drone" => &[include_str!("drone.rs")],
        "woodpecker" => &[include_str!("woodpecker.rs")],
        "codebuild" => &[include_str!("codebuild.rs")],
        "cloud-build" => &[include_str!("cloud_build.rs")],
        "codefresh" => &[include_str!("codefresh.rs")],
        "semaphore" => &[include_str!("semaphore.rs")],
        "appveyor" => &[include_str!("appveyor.rs")],
        "harness" => &[include_str!("harness.rs"), include_str!("drone.rs")],
        other => panic!("{other} has no file"),
    };
    let is_name = |word: &&str| {
        word.len() > 4 && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let names: BTreeSet<_> = files.iter().flat_map(|file| file.split('"')).filter(is_name).collect();
    assert!(names.len() > 5, "{name}: {names:?}");
    names.into_iter().collect()
}

/// Checks that what is told on the system `name` by `env` is something or nothing, and holds no credentials.
fn assert_sound(name: &str, env: &Env) {
    let system = SYSTEMS.iter().find(|system| system.source_system == Some(name)).expect("a system");
    let context = system.context(env, Path::new("/nonexistent"));
    let refs = [&context.repository, &context.sha, &context.branch, &context.tag, &context.version, &context.run_url];
    let others = [&context.product, &context.environment, &context.build_number, &context.invoke_id];
    for found in refs.into_iter().chain(others).flatten() {
        assert!(
            !found.source.is_empty() && found.raw().trim() == found.raw() && !found.raw().is_empty(),
            "{name}: {found:?}"
        );
    }
    assert!(context.run_url.is_none_or(|url| !url.raw().contains("u:p@")), "{name}");
    assert!(context.job_timeout.is_none_or(|timeout| timeout.raw().len() < 1_000_001));
    for (key, value) in &context.metadata {
        assert!(key.starts_with("vi_") && value.as_str().is_some_and(|value| !value.is_empty()), "{name}: {key}");
    }
}

/// What no variable should hold.
fn absurd() -> Vec<String> {
    let words = [
        "",
        " \t ",
        "\u{0}\n\r\u{1b}[31m\u{7}\u{202e}\u{85}\u{2028}",
        "$(touch pwned) `touch pwned` ${HOME}",
        "::error::x\n##[error]x ##vso[task.complete]x ##teamcity[buildStatus text='x']",
        "http://",
        "https://u:p@",
        "https://[::1",
        "://u:p@h//u:p@h/",
        "refs/heads/",
        "refs/tags/",
        "origin/",
        "arn:aws:codebuild",
        "pr/",
        "^{",
        "-1",
        "/dev/zero",
        "/",
        "../../../../etc/passwd",
        "null",
        "\u{fffd}\u{1f4a5}",
    ];
    let enormous = ["x", "/", "@", ":", "%25", "9", "ä/", "\\", "https://u:p@h/"];
    let enormous = enormous.into_iter().map(|part| part.repeat(10_000 / part.len()));
    words.into_iter().map(str::to_owned).chain(enormous).collect()
}

#[test]
fn no_value_of_any_variable_does_harm() {
    for (system, marker, marked) in MARKERS {
        let everything = variables(system);
        for value in absurd() {
            let all = everything.iter().map(|name| (*name, value.as_str())).chain([(marker, marked)]);
            assert_sound(system, &all.collect());
        }
        for (part, name) in ["x", "/", "%25@", "https://u:p@h/"].into_iter().zip(&everything) {
            let megabyte = part.repeat(1_000_000 / part.len());
            assert_sound(system, &[(*name, megabyte.as_str()), (marker, marked)].into_iter().collect());
        }
        // And beside sound ones.
        for absurd in &everything {
            for value in ["", "\u{0}\n::error::x", "https://u:p@", "refs/heads/", "x"] {
                let others =
                    everything.iter().filter(|name| *name != absurd).map(|name| (*name, "https://ci.example/a/1"));
                assert_sound(system, &others.chain([(*absurd, value), (marker, marked)]).collect());
            }
        }
    }
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
    fn nothing_that_variables_hold_together_does_harm(
        odd in prop::collection::vec((any::<prop::sample::Index>(), odd()), 1..12), marker in 0..MARKERS.len()
    ) {
        let (name, variable, value) = MARKERS[marker];
        let names = variables(name);
        let mut env: Vec<(&str, &str)> = odd.iter().map(|(at, value)| (names[at.index(names.len())], value.as_str())).collect();
        env.push((variable, value));
        assert_sound(name, &env.into_iter().collect());
    }
}
