//! Tests over all systems: detection, and that no value of any variable does harm.

use super::{Detected, SYSTEMS, System, plain};
use crate::env::Env;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::Path;

/// Variables and their values.
pub(super) type Variables = &'static [(&'static str, &'static str)];

/// What these tests need to know about a system. An empty value means that the variable is not set.
pub(super) struct Example {
    /// The fewest variables by which the system is detected.
    pub(super) minimal: Variables,
    /// Environments of the system that also hold another system's marker.
    pub(super) ambiguous: &'static [Variables],
    /// Environments that are not the system's although they hold its variables.
    pub(super) not_detected: &'static [Variables],
    /// The variables that name the branch and the tag, if there is one for each.
    pub(super) refs: Option<(&'static str, &'static str)>,
    /// The source code that names the system's variables.
    pub(super) sources: &'static [&'static str],
    /// The variables of one job execution.
    pub(super) job: Variables,
    /// Changes between two steps of that execution.
    pub(super) same_job: &'static [Variables],
    /// Changes that each make another execution: a later build, an attempt, a matrix job, a parallel stage.
    pub(super) other_jobs: &'static [Variables],
    /// Changes that leave the identity unknown.
    pub(super) unknown_jobs: &'static [Variables],
    /// Variables and the job status that they stand for.
    pub(super) job_status: &'static [(Variables, Option<&'static str>)],
}

/// The example's minimal variables with `changes` applied.
fn env(system: &System, changes: &[(&str, &str)]) -> Env {
    system.example.minimal.iter().chain(changes).copied().collect()
}

fn detected(variables: &[(&str, &str)]) -> Option<&'static str> {
    System::detect(&variables.iter().copied().collect()).source_system
}

#[test]
fn each_system_has_its_own_name() {
    let names: BTreeSet<_> = SYSTEMS.iter().filter_map(|system| system.source_system).collect();
    assert_eq!(names.len(), SYSTEMS.len());
    assert_eq!(plain::SYSTEM.source_system, None);
}

#[test]
fn each_system_is_detected_by_its_marker_alone() {
    for system in SYSTEMS.iter().copied().chain([&plain::SYSTEM]) {
        let minimal = system.example.minimal;
        assert_eq!(detected(minimal), system.source_system, "{minimal:?}");
        let in_ci: Vec<_> = [("CI", "true")].iter().chain(minimal).copied().collect();
        assert_eq!(detected(&in_ci), system.source_system, "{in_ci:?}");
    }
}

#[test]
fn a_system_is_detected_beside_the_markers_of_others() {
    for system in SYSTEMS {
        for variables in system.example.ambiguous {
            assert_eq!(detected(variables), system.source_system, "{variables:?}");
        }
        for variables in system.example.not_detected {
            assert_eq!(detected(variables), None, "{variables:?}");
        }
    }
}

#[test]
fn branches_and_tags_are_told_apart() {
    let cases = [
        (Some("refs/heads/main"), Some("refs/tags/v1"), Some("main"), Some("v1"), "main"),
        (Some("origin/main"), None, Some("main"), None, "main"),
        (None, Some("v1"), None, Some("v1"), "v1"),
        // Many systems give the tag as the branch too.
        (Some("v1"), Some("v1"), None, Some("v1"), "v1"),
        (Some("refs/tags/v1"), Some("v1"), None, Some("v1"), "v1"),
        (Some("refs/tags/v1"), None, None, Some("v1"), "v1"),
        (Some("main"), Some(" "), Some("main"), None, "main"),
    ];
    for system in SYSTEMS {
        let Some((branch_variable, tag_variable)) = system.example.refs else { continue };
        for (branch, tag, expected_branch, expected_tag, sent) in cases {
            let env = env(system, &[(branch_variable, branch.unwrap_or("")), (tag_variable, tag.unwrap_or(""))]);
            let context = system.context(&env, Path::new("/nonexistent"));
            let value = |found: Option<&Detected>| found.map(|found| found.raw().to_owned());
            let expected = [expected_branch, expected_tag, Some(sent)].map(|value| value.map(str::to_owned));
            let seen = [context.branch.as_ref(), context.tag.as_ref(), context.branch_or_tag()].map(value);
            assert_eq!(seen, expected, "{}: {branch:?} {tag:?}", system.name);
        }
    }
}

#[test]
fn job_identity_is_that_of_one_execution() {
    for system in SYSTEMS {
        let example = &system.example;
        let identity = |changes: Variables| {
            let changes: Vec<_> = example.job.iter().chain(changes).copied().collect();
            system.job_identity(&env(system, &changes))
        };
        let job = identity(&[]);
        assert!(job.is_some(), "{}", system.name);
        assert_eq!(job, identity(&[("PATH", "/bin"), ("HOME", "/root")]), "{}", system.name);
        for same in example.same_job {
            assert_eq!(identity(same), job, "{}: {same:?}", system.name);
        }
        let mut seen = BTreeSet::from([job]);
        assert!(!example.other_jobs.is_empty() && !example.unknown_jobs.is_empty(), "{}", system.name);
        for other in example.other_jobs {
            let other_job = identity(other);
            assert!(other_job.is_some() && seen.insert(other_job), "{}: {other:?}", system.name);
        }
        for unknown in example.unknown_jobs {
            assert_eq!(identity(unknown), None, "{}: {unknown:?}", system.name);
        }
    }
}

#[test]
fn job_status_is_read_from_its_variables() {
    for system in SYSTEMS {
        assert_eq!(system.job_status(&env(system, &[])), None, "{}", system.name);
        for (variables, expected) in system.example.job_status {
            let status = system.job_status(&env(system, variables));
            assert_eq!(status.as_ref().map(Detected::raw), *expected, "{}: {variables:?}", system.name);
            if let Some(status) = status {
                assert!(variables.iter().any(|(name, _)| *name == status.source), "{}: {status:?}", system.name);
            }
        }
    }
}

#[test]
fn temporary_directory_is_an_absolute_path() {
    for system in SYSTEMS {
        let Some(variable) = system.temp_dir else { continue };
        assert_eq!(system.temp_dir(&env(system, &[(variable, "/tmp/job")])), Some((variable, "/tmp/job".into())));
        for unusable in ["", "tmp"] {
            assert_eq!(system.temp_dir(&env(system, &[(variable, unusable)])), None, "{unusable:?}");
        }
    }
}

#[test]
fn stop_timeout_is_shorter_than_the_grace_of_the_agent() {
    for system in SYSTEMS.iter().copied().chain([&plain::SYSTEM]) {
        let grace = if system.source_system == Some("buildkite") { 9 } else { 10 };
        assert!(system.stop_timeout().as_secs() < grace, "{}", system.name);
    }
}

/// Every variable that the system's source code names.
fn variables(system: &System) -> Vec<&'static str> {
    let is_name = |word: &&str| {
        word.len() > 4 && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
    };
    let words = system.example.sources.iter().flat_map(|source| source.split('"'));
    let names: BTreeSet<_> = words.filter(is_name).collect();
    assert!(names.len() > 5, "{}: {names:?}", system.name);
    names.into_iter().collect()
}

/// Asserts that each value detected in `env` is usable, and that none holds credentials.
fn assert_usable(system: &System, env: &Env) {
    let context = system.context(env, Path::new("/nonexistent"));
    let refs = [&context.repository, &context.sha, &context.branch, &context.tag, &context.version, &context.run_url];
    let others = [&context.product, &context.environment, &context.build_number, &context.invoke_id];
    for found in refs.into_iter().chain(others).flatten() {
        assert!(
            !found.source.is_empty() && found.raw().trim() == found.raw() && !found.raw().is_empty(),
            "{}: {found:?}",
            system.name
        );
    }
    assert!(context.run_url.is_none_or(|url| !url.raw().contains("u:p@")), "{}", system.name);
    assert!(context.job_timeout.is_none_or(|timeout| timeout.raw().len() < 1_000_001));
    for (key, value) in &context.metadata {
        assert!(
            key.starts_with("vi_") && value.as_str().is_some_and(|value| !value.is_empty()),
            "{}: {key}",
            system.name
        );
    }
    assert!(system.job_identity(env).is_none_or(|identity| !identity.is_empty()), "{}", system.name);
    let status = system.job_status(env);
    assert!(status.is_none_or(|status| !status.source.is_empty() && !status.raw().is_empty()), "{}", system.name);
}

/// Values that no variable should hold.
fn absurd_values() -> Vec<String> {
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
    for system in SYSTEMS {
        let (names, minimal) = (variables(system), system.example.minimal.iter().copied());
        for value in absurd_values() {
            let all = names.iter().map(|name| (*name, value.as_str())).chain(minimal.clone());
            assert_usable(system, &all.collect());
        }
        for (part, name) in ["x", "/", "%25@", "https://u:p@h/"].into_iter().zip(&names) {
            let megabyte = part.repeat(1_000_000 / part.len());
            assert_usable(system, &[(*name, megabyte.as_str())].into_iter().chain(minimal.clone()).collect());
        }
        // One absurd value among valid ones.
        for absurd in &names {
            for value in ["", "\u{0}\n::error::x", "https://u:p@", "refs/heads/", "x"] {
                let valid = names.iter().filter(|name| *name != absurd).map(|name| (*name, "https://ci.example/a/1"));
                assert_usable(system, &valid.chain([(*absurd, value)]).chain(minimal.clone()).collect());
            }
        }
    }
}

/// Unexpected values for a variable.
fn odd_value() -> impl Strategy<Value = String> {
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
    fn no_combination_of_values_does_harm(
        odd in prop::collection::vec((any::<prop::sample::Index>(), odd_value()), 1..12), system in 0..SYSTEMS.len()
    ) {
        let system = SYSTEMS[system];
        let names = variables(system);
        let odd = odd.iter().map(|(at, value)| (names[at.index(names.len())], value.as_str()));
        assert_usable(system, &odd.chain(system.example.minimal.iter().copied()).collect());
    }
}
