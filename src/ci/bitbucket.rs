//! Bitbucket Pipelines.
//!
//! Owns: its variables, and the file of variables for later steps. Its job page shows only the log. Sources: Bitbucket
//! documentation, "Variables and secrets" and "Variable sharing".

#[cfg(test)]
use super::contract_tests::Example;
use super::output_variables::{File, fits_environment};
use super::surface::{Surface, SurfaceError};
use super::{Context, Detected, STOP_TIMEOUT, System, exit_status, first, identity, repository_of_remote};
use crate::env::Env;

/// Bitbucket Pipelines.
pub(super) const SYSTEM: System = System {
    name: "Bitbucket Pipelines",
    source_system: Some("bitbucket"),
    detect: |env| ["BITBUCKET_BUILD_NUMBER", "BITBUCKET_COMMIT"].iter().any(|name| env.get(name).is_some()),
    context,
    // A step may keep its id when it is run again.
    job_identity: |env| identity(env, &["BITBUCKET_STEP_UUID"], &["BITBUCKET_STEP_RUN_NUMBER"]),
    // Set in `after-script`.
    job_status: |env| exit_status(env, "BITBUCKET_EXIT_CODE"),
    temp_dir: None,
    last_step: "after-script: [versioner flush]",
    stop_timeout: STOP_TIMEOUT,
    has_plugins: false,
    surface: |env| Box::new(Bitbucket { variables: File::named_by(env, &[VARIABLES]) }),
    #[cfg(test)]
    example: EXAMPLE,
};

/// The variable that names the file of variables for later steps.
const VARIABLES: &str = "BITBUCKET_PIPELINES_VARIABLES_PATH";

const METADATA: [(&str, &str); 4] = [
    ("vi_bb_pipeline_uuid", "BITBUCKET_PIPELINE_UUID"),
    ("vi_bb_step_uuid", "BITBUCKET_STEP_UUID"),
    ("vi_bb_workspace", "BITBUCKET_WORKSPACE"),
    ("vi_bb_repo_slug", "BITBUCKET_REPO_SLUG"),
];

fn context(env: &Env) -> Context {
    let remotes = ["BITBUCKET_GIT_SSH_ORIGIN", "BITBUCKET_GIT_HTTP_ORIGIN"];
    let mut context = Context {
        repository: repository_of_remote(env, &remotes).or_else(|| first(env, &["BITBUCKET_REPO_FULL_NAME"])),
        sha: first(env, &["BITBUCKET_COMMIT"]),
        environment: first(env, &["BITBUCKET_DEPLOYMENT_ENVIRONMENT"]),
        build_number: first(env, &["BITBUCKET_BUILD_NUMBER"]),
        invoke_id: first(env, &["BITBUCKET_PIPELINE_UUID"]),
        run_url: run_url(env),
        // There is no login, name or e-mail address.
        actor: first(env, &["BITBUCKET_STEP_TRIGGERER_UUID"]),
        ..Context::default()
    };
    context.set_refs(env, &["BITBUCKET_BRANCH"], &["BITBUCKET_TAG"]);
    context.add_metadata(env, &METADATA);
    context
}

fn run_url(env: &Env) -> Option<Detected> {
    let repository = env.get("BITBUCKET_REPO_FULL_NAME")?.trim();
    let number = env.get("BITBUCKET_BUILD_NUMBER")?.trim();
    let value = format!("https://bitbucket.org/{repository}/addon/pipelines/home#!/results/{number}");
    Some(Detected::new(value, "BITBUCKET_REPO_FULL_NAME and BITBUCKET_BUILD_NUMBER"))
}

/// Bitbucket's surfaces: plain text, and variables for later steps.
struct Bitbucket {
    variables: File,
}

impl Surface for Bitbucket {
    fn set_outputs(&self, outputs: &[(&str, String)]) -> Result<String, SurfaceError> {
        self.variables
            .append(outputs, VARIABLES, |name, value| fits_environment(value).then(|| format!("{name}={value}")))
    }
}

#[cfg(test)]
const EXAMPLE: Example = Example {
    minimal: &[("BITBUCKET_COMMIT", "0123456789abcdef0123456789abcdef01234567")],
    ambiguous: &[],
    not_detected: &[],
    refs: Some(("BITBUCKET_BRANCH", "BITBUCKET_TAG")),
    sources: &[include_str!("bitbucket.rs")],
    job: &[
        ("BITBUCKET_REPO_FULL_NAME", "octo/shop"),
        ("BITBUCKET_BUILD_NUMBER", "42"),
        ("BITBUCKET_STEP_UUID", "{1f8b9c1e-7d0c-4d1b-9c51-000000000001}"),
    ],
    same_job: &[&[("BITBUCKET_EXIT_CODE", "1")]],
    other_jobs: &[
        &[("BITBUCKET_STEP_UUID", "{1f8b9c1e-7d0c-4d1b-9c51-000000000002}")],
        &[("BITBUCKET_STEP_RUN_NUMBER", "1")],
        &[("BITBUCKET_STEP_RUN_NUMBER", "2")],
    ],
    unknown_jobs: &[&[("BITBUCKET_STEP_UUID", "")]],
    job_status: &[
        (&[("BITBUCKET_EXIT_CODE", "0")], Some("success")),
        (&[("BITBUCKET_EXIT_CODE", "2")], Some("failed")),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn file_has_one_line_for_each_variable(text in "(\\PC|[=\"'$\n\r\u{85}\u{2028}\u{1b}]){0,60}", before in "(OWN=1\n?)?") {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("variables");
            std::fs::write(&path, &before).unwrap();
            let env: Env = [(VARIABLES, path.to_str().unwrap())].into_iter().collect();
            let surface = (SYSTEM.surface)(&env);
            let printed = surface.set_outputs(&[("block_message", text.clone()), ("outcome", "blocked".to_owned())]).unwrap();
            let written = std::fs::read_to_string(&path).unwrap();
            let ends_line = |c: char| matches!(c, '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{85}' | '\u{2028}' | '\u{2029}');
            let lines = written.trim_end_matches('\n').split(ends_line);
            let pairs: Vec<(&str, &str)> = lines.map(|line| line.split_once('=').unwrap()).collect();
            let mut expected = if before.is_empty() { vec![] } else { vec![("OWN", "1")] };
            match fits_environment(&text) {
                true => expected.push(("VERSIONER_BLOCK_MESSAGE", text.as_str())),
                false => prop_assert!(printed.contains("VERSIONER_BLOCK_MESSAGE")),
            }
            expected.push(("VERSIONER_OUTCOME", "blocked"));
            prop_assert_eq!(pairs, expected);
        }
    }
}
