//! Gitea, Forgejo, Drone, Woodpecker and Harness: what is sent from their environments, and what they show.

use crate::support::Versioner;
use crate::systems_smaller::{Variables, sends, shows};
use versioner_sandbox::Sandbox;

const GITEA: Variables = &[
    ("CI", "true"),
    ("GITEA_ACTIONS", "true"),
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_SERVER_URL", "https://gitea.example:3000"),
    ("GITHUB_REPOSITORY", "octo/shop"),
    ("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567"),
    ("GITHUB_REF", "refs/heads/main"),
    ("GITHUB_REF_NAME", "main"),
    ("GITHUB_RUN_ID", "8731"),
    ("GITHUB_RUN_NUMBER", "42"),
    ("GITHUB_RUN_ATTEMPT", "2"),
    ("GITHUB_ACTOR", "mona"),
    ("GITHUB_WORKFLOW", "deploy.yaml"),
    ("GITHUB_JOB", "deploy"),
    ("GITHUB_EVENT_NAME", "push"),
    ("VERSIONER_ENVIRONMENT", "production"),
];

const FORGEJO_TAG: Variables = &[
    ("CI", "true"),
    ("FORGEJO_ACTIONS", "true"),
    ("GITEA_ACTIONS", "true"),
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_SERVER_URL", "https://forgejo.example/"),
    ("GITHUB_REPOSITORY", "octo/shop"),
    ("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567"),
    ("GITHUB_REF", "refs/tags/v1.4.2"),
    ("GITHUB_RUN_ID", "8731"),
    ("GITHUB_RUN_NUMBER", "42"),
    ("GITHUB_ACTOR", "mona"),
    ("GITHUB_EVENT_NAME", "push"),
];

const GITEA_PULL_REQUEST: Variables = &[
    ("GITEA_ACTIONS", "true"),
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_REPOSITORY", "octo/shop"),
    ("GITHUB_SHA", "feedfacefeedfacefeedfacefeedfacefeedface"),
    ("GITHUB_REF", "refs/pull/7/head"),
    ("GITHUB_HEAD_REF", "feature/x"),
    ("GITHUB_BASE_REF", "main"),
    ("GITHUB_EVENT_NAME", "pull_request"),
];

const DRONE: Variables = &[
    ("CI", "true"),
    ("DRONE", "true"),
    ("DRONE_REPO", "octo/shop"),
    ("DRONE_GIT_HTTP_URL", "https://git.example/octo/shop.git"),
    ("DRONE_COMMIT_SHA", "0123456789abcdef0123456789abcdef01234567"),
    ("DRONE_BRANCH", "main"),
    ("DRONE_BUILD_NUMBER", "42"),
    ("DRONE_BUILD_LINK", "https://drone.example/octo/shop/42"),
    ("DRONE_BUILD_EVENT", "push"),
    ("DRONE_BUILD_TRIGGER", "@hook"),
    ("DRONE_STAGE_STARTED", "1761663600"),
    ("DRONE_STAGE_NAME", "default"),
    ("DRONE_STEP_NAME", "deploy"),
    ("DRONE_COMMIT_AUTHOR", "mona"),
    ("DRONE_COMMIT_AUTHOR_NAME", "Mona Lisa"),
    ("DRONE_COMMIT_AUTHOR_EMAIL", "mona@example.org"),
];

const DRONE_PROMOTION: Variables = &[
    ("DRONE", "true"),
    ("DRONE_REPO", "octo/shop"),
    ("DRONE_COMMIT_SHA", "0123456789abcdef0123456789abcdef01234567"),
    ("DRONE_BRANCH", "main"),
    ("DRONE_BUILD_NUMBER", "43"),
    ("DRONE_BUILD_PARENT", "42"),
    ("DRONE_BUILD_LINK", "https://drone.example/octo/shop/43"),
    ("DRONE_BUILD_EVENT", "promote"),
    ("DRONE_BUILD_TRIGGER", "lisa"),
    ("DRONE_DEPLOY_TO", "production"),
    ("DRONE_COMMIT_AUTHOR", "mona"),
    ("DRONE_COMMIT_AUTHOR_EMAIL", "mona@example.org"),
];

const DRONE_PULL_REQUEST: Variables = &[
    ("DRONE", "true"),
    ("DRONE_REMOTE_URL", "https://ci:SECRETTOKEN@git.example/octo/shop.git"),
    ("DRONE_COMMIT_SHA", "feedfacefeedfacefeedfacefeedfacefeedface"),
    ("DRONE_BRANCH", "main"),
    ("DRONE_SOURCE_BRANCH", "feature/x"),
    ("DRONE_TARGET_BRANCH", "main"),
    ("DRONE_PULL_REQUEST", "7"),
    ("DRONE_BUILD_NUMBER", "44"),
    ("DRONE_BUILD_TRIGGER", "@cron"),
    ("DRONE_COMMIT_AUTHOR", "mona"),
];

const DRONE_TAG: Variables = &[
    ("DRONE", "true"),
    ("DRONE_REPO", "octo/shop"),
    ("DRONE_COMMIT_SHA", "0123456789abcdef0123456789abcdef01234567"),
    ("DRONE_TAG", "v1.4.2"),
    ("DRONE_BUILD_NUMBER", "45"),
];

const WOODPECKER: Variables = &[
    ("CI", "woodpecker"),
    ("CI_REPO", "octo/shop"),
    ("CI_COMMIT_SHA", "0123456789abcdef0123456789abcdef01234567"),
    ("CI_COMMIT_BRANCH", "main"),
    ("CI_PIPELINE_NUMBER", "42"),
    ("CI_PIPELINE_PARENT", "0"),
    ("CI_PIPELINE_EVENT", "deployment"),
    ("CI_PIPELINE_URL", "https://woodpecker.example/repos/7/pipeline/42"),
    ("CI_PIPELINE_DEPLOY_TARGET", "production"),
    ("CI_PIPELINE_STARTED", "1761663600"),
    ("CI_PIPELINE_AUTHOR", "mona"),
    ("CI_COMMIT_AUTHOR", "mona"),
    ("CI_COMMIT_AUTHOR_EMAIL", "mona@example.org"),
    ("CI_WORKFLOW_NAME", "deploy"),
    ("CI_STEP_NAME", "report"),
    ("CI_STEP_URL", "https://woodpecker.example/repos/7/pipeline/42/3"),
];

const WOODPECKER_PULL_REQUEST: Variables = &[
    ("CI", "woodpecker"),
    ("CI_REPO_CLONE_URL", "https://git.example/octo/shop.git"),
    ("CI_COMMIT_SHA", "feedfacefeedfacefeedfacefeedfacefeedface"),
    ("CI_COMMIT_BRANCH", "main"),
    ("CI_COMMIT_SOURCE_BRANCH", "feature/x"),
    ("CI_COMMIT_TARGET_BRANCH", "main"),
    ("CI_PIPELINE_NUMBER", "43"),
    ("CI_PIPELINE_EVENT", "pull_request"),
    ("CI_PIPELINE_AUTHOR", "lisa"),
    ("CI_COMMIT_AUTHOR", "mona"),
    ("CI_COMMIT_AUTHOR_EMAIL", "mona@example.org"),
];

const WOODPECKER_OLD_TAG: Variables = &[
    ("CI", "woodpecker"),
    ("CI_REPO", "octo/shop"),
    ("CI_COMMIT_SHA", "0123456789abcdef0123456789abcdef01234567"),
    ("CI_COMMIT_TAG", "v1.4.2"),
    ("CI_BUILD_NUMBER", "44"),
    ("CI_BUILD_EVENT", "tag"),
    ("CI_BUILD_LINK", "https://woodpecker.example/octo/shop/build/44"),
];

const HARNESS: Variables = &[
    ("CI", "true"),
    ("DRONE", "true"),
    ("HARNESS_BUILD_ID", "42"),
    ("HARNESS_EXECUTION_ID", "XbPKZ5bQSv6-IYOE2T2Eyg"),
    ("HARNESS_PIPELINE_ID", "deploy_shop"),
    ("HARNESS_STAGE_ID", "deploy"),
    ("HARNESS_PROJECT_ID", "shop"),
    ("HARNESS_USER_ID", "lv0euRhKRCyiXWzS7pOg6g"),
    ("DRONE_REPO", "octo/shop"),
    ("DRONE_COMMIT_SHA", "0123456789abcdef0123456789abcdef01234567"),
    ("DRONE_BRANCH", "main"),
    ("DRONE_BUILD_EVENT", "push"),
    ("DRONE_BUILD_LINK", "https://app.harness.example/ng/#/account/a1/ci/pipelines/deploy_shop/executions/X/pipeline"),
    ("DRONE_STEP_NAME", "report"),
    ("DRONE_COMMIT_AUTHOR", "mona"),
    ("DRONE_COMMIT_AUTHOR_EMAIL", "mona@example.org"),
    ("VERSIONER_ENVIRONMENT", "production"),
];

const HARNESS_TAG: Variables = &[
    ("HARNESS_BUILD_ID", "43"),
    ("DRONE_REMOTE_URL", "https://ci:SECRETTOKEN@git.example/octo/shop.git"),
    ("DRONE_COMMIT_SHA", "0123456789abcdef0123456789abcdef01234567"),
    ("DRONE_TAG", "v1.4.2"),
    ("DRONE_COMMIT_AUTHOR", "mona"),
    ("DRONE_COMMIT_AUTHOR_NAME", "Mona Lisa"),
    ("DRONE_COMMIT_AUTHOR_EMAIL", "mona@example.org"),
];

sends! {
    gitea_deployment: "deployment", GITEA;
    gitea_pull_request: "build", GITEA_PULL_REQUEST;
    forgejo_tag: "build", FORGEJO_TAG;
    drone_build: "build", DRONE;
    drone_promotion: "deployment", DRONE_PROMOTION;
    drone_pull_request: "build", DRONE_PULL_REQUEST;
    drone_tag: "build", DRONE_TAG;
    woodpecker_deployment: "deployment", WOODPECKER;
    woodpecker_pull_request: "build", WOODPECKER_PULL_REQUEST;
    woodpecker_old_tag: "build", WOODPECKER_OLD_TAG;
    harness_deployment: "deployment", HARNESS;
    harness_tag: "build", HARNESS_TAG;
}

shows! {
    gitea_shown: GITEA;
    drone_shown: DRONE;
    woodpecker_shown: WOODPECKER;
    harness_shown: HARNESS;
}

#[test]
fn harness_gets_its_output_variables() {
    let sandbox = Sandbox::start();
    let call = Versioner::deployment(&sandbox, "started").envs(HARNESS);
    let path = call.file("harness.env", "EARLIER=1");
    let call = call.env("HARNESS_OUTPUT_FILE", &path);
    assert_eq!(call.run().code, 0);
    let text = crate::support::read(path.as_ref());
    assert!(text.starts_with("EARLIER=1\nVERSIONER_OUTCOME=recorded\nVERSIONER_GATE=passed\n"), "{text}");
}

#[test]
fn gitea_and_forgejo_take_outputs_and_summary_as_github_does() {
    for marker in ["GITEA_ACTIONS", "FORGEJO_ACTIONS"] {
        let sandbox = Sandbox::start();
        let run = Versioner::github(&sandbox, "started").env(marker, "true").run();
        assert_eq!((run.code, run.outputs()["outcome"].as_str()), (0, "recorded"), "{}", run.all());
        assert!(run.summary().contains("Recorded"), "{}", run.summary());
    }
}
