//! CircleCI.
//!
//! Owns: its variables, and `$BASH_ENV`, which later steps of the job source. Sources: CircleCI documentation, "Project
//! values and variables" and "Set an environment variable in a shell command".

#[cfg(test)]
use super::contract_tests::Example;
use super::output_variables::{File, fits_environment};
use super::surface::{Surface, SurfaceError};
use super::{Context, Detected, STOP_TIMEOUT, System, first, identity, link, repository_of_remote};
use crate::env::Env;
use crate::text;

/// CircleCI.
pub(super) const SYSTEM: System = System {
    name: "CircleCI",
    source_system: Some("circleci"),
    detect: |env| env.get("CIRCLECI").is_some(),
    context,
    job_identity,
    job_status: |_| None,
    temp_dir: None,
    last_step: "run: { command: versioner flush, when: always }",
    stop_timeout: STOP_TIMEOUT,
    has_plugins: false,
    surface: |env| Box::new(CircleCi { bash_env: File::named_by(env, &["BASH_ENV"]) }),
    #[cfg(test)]
    example: EXAMPLE,
};

const METADATA: [(&str, &str); 4] = [
    ("vi_circle_workflow_id", "CIRCLE_WORKFLOW_ID"),
    ("vi_circle_workflow_job_id", "CIRCLE_WORKFLOW_JOB_ID"),
    ("vi_circle_job_name", "CIRCLE_JOB"),
    ("vi_circle_node_index", "CIRCLE_NODE_INDEX"),
];

fn context(env: &Env) -> Context {
    let mut context = Context {
        repository: repository(env),
        sha: first(env, &["CIRCLE_SHA1"]),
        build_number: first(env, &["CIRCLE_BUILD_NUM"]),
        invoke_id: first(env, &["CIRCLE_WORKFLOW_ID"]),
        run_url: link(env, &["CIRCLE_BUILD_URL"]),
        actor: first(env, &["CIRCLE_USERNAME"]),
        ..Context::default()
    };
    context.set_refs(env, &["CIRCLE_BRANCH"], &["CIRCLE_TAG"]);
    context.add_metadata(env, &METADATA);
    context
}

/// Not every integration sets both names, or the remote.
fn repository(env: &Env) -> Option<Detected> {
    let name = first(env, &["CIRCLE_PROJECT_REPONAME"]);
    if let (Some(owner), Some(name)) = (env.get("CIRCLE_PROJECT_USERNAME"), &name) {
        let value = format!("{}/{}", owner.trim(), name.raw());
        return Some(Detected::new(value, "CIRCLE_PROJECT_USERNAME and CIRCLE_PROJECT_REPONAME"));
    }
    repository_of_remote(env, &["CIRCLE_REPOSITORY_URL"]).or(name)
}

/// The nodes of a job with `parallelism` share its id. Older servers give only the job's page, which ends in its number.
fn job_identity(env: &Env) -> Option<String> {
    let node = ["CIRCLE_NODE_INDEX"];
    identity(env, &["CIRCLE_WORKFLOW_JOB_ID"], &node).or_else(|| identity(env, &["CIRCLE_BUILD_URL"], &node))
}

/// CircleCI's surfaces: plain text, and variables for later steps.
struct CircleCi {
    bash_env: File,
}

impl Surface for CircleCi {
    fn set_outputs(&self, outputs: &[(&str, String)]) -> Result<String, SurfaceError> {
        let export = |name: &str, value: &str| format!("export {name}={}", text::quote_shell(value));
        self.bash_env.append(outputs, "BASH_ENV", |name, value| fits_environment(value).then(|| export(name, value)))
    }
}

#[cfg(test)]
const EXAMPLE: Example = Example {
    minimal: &[("CIRCLECI", "true")],
    ambiguous: &[],
    not_detected: &[],
    refs: Some(("CIRCLE_BRANCH", "CIRCLE_TAG")),
    sources: &[include_str!("circleci.rs")],
    job: &[("CIRCLE_JOB", "deploy"), ("CIRCLE_WORKFLOW_JOB_ID", "5034460f-0001"), ("CIRCLE_NODE_INDEX", "0")],
    same_job: &[],
    other_jobs: &[
        &[("CIRCLE_WORKFLOW_JOB_ID", "5034460f-0002")],
        &[("CIRCLE_NODE_INDEX", "1")],
        &[("CIRCLE_WORKFLOW_JOB_ID", ""), ("CIRCLE_BUILD_URL", "https://circleci.example/gh/octo/shop/42")],
        &[("CIRCLE_WORKFLOW_JOB_ID", ""), ("CIRCLE_BUILD_URL", "https://circleci.example/gh/octo/shop/43")],
    ],
    unknown_jobs: &[&[("CIRCLE_WORKFLOW_JOB_ID", "")]],
    job_status: &[],
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn shell_reads_the_same_values_and_runs_nothing(
            text in "(\\PC|[\"'$`\\\\;&|<>(){}~!#*? \n\r\t\u{1b}]){0,60}", before in "(export EARLIER=1\n?)?"
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("bash_env");
            std::fs::write(&path, &before).unwrap();
            let env: Env = [("BASH_ENV", path.to_str().unwrap())].into_iter().collect();
            let surface = (SYSTEM.surface)(&env);
            let printed = surface.set_outputs(&[("block_message", text.clone()), ("outcome", "blocked".to_owned())]).unwrap();
            let fits = fits_environment(&text);
            prop_assert_eq!(printed.contains("VERSIONER_BLOCK_MESSAGE"), !fits);
            let script = "printf '%s|%s|%s' \"$EARLIER\" \"$VERSIONER_OUTCOME\" \"$VERSIONER_BLOCK_MESSAGE\"";
            let output = Command::new("bash").env_clear().env("BASH_ENV", &path).current_dir(dir.path())
                .args(["-c", script]).output().unwrap();
            prop_assert!(output.stderr.is_empty(), "{:?}", output);
            let expected = format!("{}|blocked|{}", if before.is_empty() { "" } else { "1" }, if fits { text.as_str() } else { "" });
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
            prop_assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }
}
