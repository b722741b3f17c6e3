//! For every supported system: its marker is the only variable that an event, a block and a rejection need.

use crate::support::Versioner;
use std::fmt::Write as _;
use versioner_sandbox::{Reply, Sandbox};

pub(crate) const MARKERS: [(&str, &str, &str); 21] = [
    ("forgejo", "FORGEJO_ACTIONS", "true"),
    ("gitea", "GITEA_ACTIONS", "true"),
    ("github", "GITHUB_ACTIONS", "true"),
    ("gitlab", "GITLAB_CI", "true"),
    ("jenkins", "JENKINS_URL", "https://jenkins.example/"),
    ("jenkins", "JENKINS_HOME", "/var/jenkins_home"),
    ("azure-devops", "TF_BUILD", "True"),
    ("circleci", "CIRCLECI", "true"),
    ("bitbucket", "BITBUCKET_BUILD_NUMBER", "7"),
    ("buildkite", "BUILDKITE", "true"),
    ("teamcity", "TEAMCITY_VERSION", "2025.07 (build 197242)"),
    ("travis", "TRAVIS", "true"),
    ("rundeck", "RD_JOB_EXECID", "17"),
    ("drone", "DRONE", "true"),
    ("woodpecker", "CI", "woodpecker"),
    ("codebuild", "CODEBUILD_BUILD_ARN", "arn:aws:codebuild:eu-west-1:123456789012:build/shop:1-2"),
    ("cloud-build", "BUILDER_OUTPUT", "/builder/no/such/outputs"),
    ("codefresh", "CF_BUILD_ID", "5f1e"),
    ("semaphore", "SEMAPHORE", "true"),
    ("appveyor", "APPVEYOR", "True"),
    ("harness", "HARNESS_BUILD_ID", "7"),
];

#[test]
fn marker_variable_alone_is_enough_on_each_system() {
    let mut sent = String::new();
    for (system, variable, value) in MARKERS {
        let sandbox = Sandbox::start();
        let call = || Versioner::deployment(&sandbox, "started").env(variable, value);
        let run = call().run();
        assert_eq!(run.code, 0, "{system}: {}", run.all());
        let request = &sandbox.requests()[0];
        assert_eq!(request.json()["source_system"], system);
        writeln!(sent, "{variable}={value}\n{}\n", serde_json::to_string_pretty(request.json()).unwrap()).unwrap();
        let empty = request.json().as_object().unwrap().values().any(|value| value.is_null() || *value == "");
        assert!(!empty, "{system}: {}", request.json());
        assert!(request.header("user-agent").unwrap().contains(system), "{system}");
        // A block is explained, and a missing surface does not change the exit code.
        sandbox.script([Reply::status(423), Reply::status(401)]);
        let run = call().run();
        assert_eq!(run.code, 5, "{system}: {}", run.all());
        assert!(run.all().contains("Blocked"), "{system}: {}", run.all());
        assert_eq!(call().run().code, 4, "{system}");
        // Without flags, the missing settings are named. On Jenkins and Rundeck the product may be detected.
        let run = Versioner::shell(&sandbox).env(variable, value).args(["track", "build"]).run();
        let may_detect_product = ["rundeck", "jenkins"].contains(&system);
        assert!(
            run.code == 1 && (may_detect_product || run.all().contains("product_name is not set")),
            "{system}: {}",
            run.all()
        );
    }
    insta::assert_snapshot!("minimal", sent);
}
