//! Runs the commands of the example pipelines for systems that have no runner here, in the order in which the system
//! would run them, with its variables and its job status.
//!
//! `curl` is a stand-in that copies the program under test. The examples for GitHub and GitLab run under real runners:
//! see `tests/act` and `.ci/gitlab.sh`.

use super::root;
use crate::support::{Versioner, binary, read, statuses};
use saphyr::{LoadableYamlNode, YamlOwned};
use std::process::Command;
use versioner_sandbox::Sandbox;

type Variables = &'static [(&'static str, &'static str)];

const CURL: &str = "#!/bin/sh\nset -eu\nwhile [ $# -gt 0 ]; do\n  case $1 in -o) out=$2; shift ;; http*) url=$1 ;; esac\n  shift\n\
    done\ntest \"$url\" = \"$RELEASE/versioner-x86_64-unknown-linux-musl\"\ncp -- \"$PROGRAM\" \"$out\"\n";

fn example(name: &str) -> YamlOwned {
    let text = read(&root().join("examples").join(name));
    YamlOwned::load_from_str(&text).unwrap().remove(0)
}

fn text(node: &YamlOwned) -> String {
    node.as_str().unwrap_or_else(|| panic!("not a text: {node:?}")).to_owned()
}

/// The commands of a pipeline, each for a shell of its own.
struct Pipeline {
    commands: Vec<String>,
    variables: Variables,
    /// How the system calls the shell: with `-e`, it stops at the first line that fails.
    shell_options: &'static str,
}

impl Pipeline {
    fn new(commands: Vec<String>, variables: Variables) -> Self {
        Self { commands, variables, shell_options: "-ec" }
    }

    /// The statuses that the API receives if every command succeeds.
    fn statuses(&self) -> Vec<String> {
        let (statuses, failure) = self.run(&sha256_of_the_program());
        assert_eq!(failure, None);
        statuses
    }

    /// Runs the commands until one fails, in one directory, which paths of the system's image are moved into. Returns
    /// the statuses that the API received, and what the failed command printed.
    fn run(&self, sha256: &str) -> (Vec<String>, Option<String>) {
        let sandbox = Sandbox::start();
        let call = Versioner::shell(&sandbox).envs(self.variables);
        let directory = call.dir.path().display().to_string();
        for name in ["deploy.sh", "migrate.sh", "bin/apt-get"] {
            call.program(name, "#!/bin/sh\nexit 0\n");
        }
        call.program("bin/curl", CURL);
        if !self.commands.iter().any(|command| command.contains("curl")) {
            std::os::unix::fs::symlink(binary(), call.dir.path().join("bin/versioner")).unwrap();
        }
        let release = format!("https://github.com/versioner/action/releases/download/v{}", env!("CARGO_PKG_VERSION"));
        for command in &self.commands {
            let command = command.replace("/tmp/", &format!("{directory}/"));
            let command = command.replace("/usr/local/bin/", &format!("{directory}/bin/"));
            let mut shell = Command::new("/bin/sh");
            shell.args([self.shell_options, &command]).env_clear().current_dir(&directory);
            shell.envs(call.command().get_envs().filter_map(|(name, value)| Some((name, value?))));
            shell.env("PATH", format!("{directory}/bin:/usr/bin:/bin")).env("AGENT_TEMPDIRECTORY", &directory);
            shell.env("PROGRAM", binary()).env("RELEASE", &release).env("SHA256", sha256);
            let output = shell.output().unwrap();
            if !output.status.success() {
                let printed = [output.stdout, output.stderr].concat();
                return (statuses(&sandbox), Some(format!("{command}: {}", String::from_utf8_lossy(&printed))));
            }
        }
        (statuses(&sandbox), None)
    }
}

fn sha256_of_the_program() -> String {
    let output = Command::new("sha256sum").arg(binary()).output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

fn azure() -> Pipeline {
    let pipeline = example("azure-pipelines.yml");
    let steps = pipeline["steps"].as_sequence().unwrap();
    // Azure takes the first key for the kind of the step.
    let first_key = |step: &YamlOwned| text(step.as_mapping().unwrap().keys().next().unwrap());
    assert!(steps.iter().all(|step| first_key(step) == "script"));
    let commands = steps.iter().map(|step| text(&step["script"])).collect();
    let variables =
        &[("TF_BUILD", "True"), ("BUILD_REPOSITORY_NAME", "octo/shop"), ("BUILD_BUILDNUMBER", "20251028.3")];
    Pipeline { shell_options: "-c", ..Pipeline::new(commands, variables) }
}

fn circleci() -> Pipeline {
    let pipeline = example("circleci.yml");
    let steps = pipeline["jobs"]["deploy"]["steps"].as_sequence().unwrap();
    let runs = steps.iter().filter_map(|step| step.as_mapping_get("run"));
    let variables = &[
        ("CIRCLECI", "true"),
        ("CIRCLE_PROJECT_USERNAME", "octo"),
        ("CIRCLE_PROJECT_REPONAME", "shop"),
        ("CIRCLE_SHA1", "0123456789abcdef0123456789abcdef01234567"),
    ];
    Pipeline::new(runs.map(|run| text(&run["command"])).collect(), variables)
}

fn bitbucket() -> Pipeline {
    let pipeline = example("bitbucket-pipelines.yml");
    let step = &pipeline["pipelines"]["branches"]["main"][0]["step"];
    let lines = ["script", "after-script"].into_iter().flat_map(|key| step[key].as_sequence().unwrap());
    // One shell runs all lines of `script`; another one runs `after-script`, where nothing is open any more.
    let commands = lines.map(text).filter(|line| !line.starts_with("export RELEASE="));
    let variables = &[
        ("BITBUCKET_BUILD_NUMBER", "7"),
        ("BITBUCKET_REPO_FULL_NAME", "octo/shop"),
        ("BITBUCKET_COMMIT", "0123456789abcdef0123456789abcdef01234567"),
        ("BITBUCKET_STEP_UUID", "{5a3c}"),
        ("BITBUCKET_EXIT_CODE", "0"),
    ];
    Pipeline::new(commands.collect(), variables)
}

fn buildkite() -> Pipeline {
    let pipeline = example("buildkite.yml");
    let variables = &[
        ("BUILDKITE", "true"),
        ("BUILDKITE_REPO", "git@github.com:octo/shop.git"),
        ("BUILDKITE_COMMIT", "0123456789abcdef0123456789abcdef01234567"),
    ];
    Pipeline::new(vec![text(&pipeline["steps"][0]["command"])], variables)
}

#[test]
fn example_pipelines_report_the_deployment() {
    for pipeline in [azure(), circleci(), bitbucket(), buildkite()] {
        assert_eq!(pipeline.statuses(), ["started", "completed"], "{:?}", pipeline.commands);
    }
}

#[test]
fn example_pipelines_do_not_run_a_program_with_another_checksum() {
    for pipeline in [azure(), circleci(), bitbucket()] {
        let (statuses, failure) = pipeline.run(&"0".repeat(64));
        assert!(statuses.is_empty(), "{:?} sent {statuses:?}", pipeline.commands);
        assert!(failure.is_some_and(|text| text.contains("FAILED")), "{:?}", pipeline.commands);
    }
}

/// The commands of the `sh '…'` steps of a Jenkinsfile.
fn jenkins_commands(name: &str) -> Vec<String> {
    let file = read(&root().join("examples").join(name));
    file.lines().filter_map(|line| line.trim().strip_prefix("sh '")?.strip_suffix('\'').map(str::to_owned)).collect()
}

macro_rules! jenkins_variables {
    ($result:literal) => {
        &[
            ("JENKINS_URL", "https://ci.example/"),
            ("BUILD_TAG", "jenkins-shop-7"),
            ("BUILD_NUMBER", "7"),
            ("VERSIONER_PRODUCT", "shop"),
            ("VERSIONER_ENVIRONMENT", "production"),
            ("RESULT", $result),
        ]
    };
}

#[test]
fn jenkins_pipelines_report_the_result_of_the_build() {
    let wrapped = jenkins_commands("Jenkinsfile");
    let steps = jenkins_commands("Jenkinsfile-steps");
    let [started, _, _, finish] = &steps[..] else { panic!("{steps:?}") };
    let stopped = vec![started.clone(), finish.clone()];
    for (commands, variables, expected) in [
        (&wrapped, jenkins_variables!("SUCCESS"), ["started", "completed"]),
        (&steps, jenkins_variables!("SUCCESS"), ["started", "completed"]),
        (&stopped, jenkins_variables!("ABORTED"), ["started", "aborted"]),
        (&stopped, jenkins_variables!("FAILURE"), ["started", "failed"]),
    ] {
        assert_eq!(Pipeline::new(commands.clone(), variables).statuses(), expected, "{commands:?}");
    }
}
