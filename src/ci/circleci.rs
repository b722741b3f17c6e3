//! CircleCI.
//!
//! Owns: its variables, and `$BASH_ENV`, which later steps of the job source. Sources: CircleCI documentation, "Project
//! values and variables" and "Set an environment variable in a shell command".

use super::output_variables::{File, fits_environment};
use super::surface::{Surface, SurfaceError};
use super::{Context, Detected, System, first, link, repository_of_remote};
use crate::env::Env;
use crate::text;

/// CircleCI.
pub(super) const SYSTEM: System = System {
    name: "CircleCI",
    source_system: Some("circleci"),
    detect: |env| env.get("CIRCLECI").is_some(),
    context,
    surface: |env| Box::new(CircleCi { bash_env: File::named_by(env, &["BASH_ENV"]) }),
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

/// Not every integration sets both names, nor the remote.
fn repository(env: &Env) -> Option<Detected> {
    let name = first(env, &["CIRCLE_PROJECT_REPONAME"]);
    if let (Some(owner), Some(name)) = (env.get("CIRCLE_PROJECT_USERNAME"), &name) {
        let value = format!("{}/{}", owner.trim(), name.raw());
        return Some(Detected::new(value, "CIRCLE_PROJECT_USERNAME and CIRCLE_PROJECT_REPONAME"));
    }
    repository_of_remote(env, &["CIRCLE_REPOSITORY_URL"]).or(name)
}

/// CircleCI's surfaces: plain text, and variables for later steps.
pub(super) struct CircleCi {
    bash_env: File,
}

impl Surface for CircleCi {
    fn set_outputs(&self, outputs: &[(&str, String)]) -> Result<String, SurfaceError> {
        let export = |name: &str, value: &str| format!("export {name}={}", text::quote_shell(value));
        self.bash_env.take(outputs, "BASH_ENV", |name, value| fits_environment(value).then(|| export(name, value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_shell_reads_back_what_was_handed_on_and_runs_nothing(
            text in "(\\PC|[\"'$`\\\\;&|<>(){}~!#*? \n\r\t\u{1b}]){0,60}", before in "(export EARLIER=1\n?)?"
        ) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("bash_env");
            std::fs::write(&path, &before).unwrap();
            let env: Env = [("BASH_ENV", path.to_str().unwrap())].into_iter().collect();
            let surface = (SYSTEM.surface)(&env);
            let printed = surface.set_outputs(&[("block_message", text.clone()), ("outcome", "blocked".to_owned())]).unwrap();
            let taken = fits_environment(&text);
            prop_assert_eq!(printed.contains("VERSIONER_BLOCK_MESSAGE"), !taken);
            let script = "printf '%s|%s|%s' \"$EARLIER\" \"$VERSIONER_OUTCOME\" \"$VERSIONER_BLOCK_MESSAGE\"";
            let output = Command::new("bash").env_clear().env("BASH_ENV", &path).current_dir(dir.path())
                .args(["-c", script]).output().unwrap();
            prop_assert!(output.stderr.is_empty(), "{:?}", output);
            let expected = format!("{}|blocked|{}", if before.is_empty() { "" } else { "1" }, if taken { text.as_str() } else { "" });
            prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
            prop_assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        }
    }
}
