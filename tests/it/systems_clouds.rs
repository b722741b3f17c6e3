//! CodeBuild, Cloud Build, Codefresh, Semaphore, AppVeyor and Rundeck: what is sent from their environments, and what they
//! show.

use crate::support::Versioner;
use crate::systems_smaller::{Variables, sends, shows};
use versioner_sandbox::Sandbox;

const CODEBUILD: Variables = &[
    ("AWS_REGION", "eu-west-1"),
    ("CODEBUILD_BUILD_ARN", "arn:aws:codebuild:eu-west-1:123456789012:build/deploy-shop:b1e6661e-e4f2-4156-9ab9-82a19"),
    ("CODEBUILD_BUILD_ID", "deploy-shop:b1e6661e-e4f2-4156-9ab9-82a19"),
    ("CODEBUILD_BUILD_NUMBER", "42"),
    ("CODEBUILD_SOURCE_REPO_URL", "https://github.com/octo/shop.git"),
    ("CODEBUILD_SOURCE_VERSION", "0123456789abcdef0123456789abcdef01234567"),
    ("CODEBUILD_RESOLVED_SOURCE_VERSION", "0123456789abcdef0123456789abcdef01234567"),
    ("CODEBUILD_WEBHOOK_HEAD_REF", "refs/heads/main"),
    ("CODEBUILD_WEBHOOK_TRIGGER", "branch/main"),
    ("CODEBUILD_WEBHOOK_EVENT", "PUSH"),
    ("CODEBUILD_WEBHOOK_ACTOR_ACCOUNT_ID", "583231"),
    ("CODEBUILD_INITIATOR", "GitHub-Hookshot/eb43b0a"),
    ("CODEBUILD_START_TIME", "1761663600123"),
    ("VERSIONER_ENVIRONMENT", "production"),
];

const CODEBUILD_PULL_REQUEST: Variables = &[
    ("CODEBUILD_BUILD_ARN", "arn:aws-cn:codebuild:cn-north-1:123456789012:build/shop:b1e6661e"),
    ("CODEBUILD_SOURCE_REPO_URL", "https://SECRETTOKEN@bitbucket.org/octo/shop.git"),
    ("CODEBUILD_SOURCE_VERSION", "pr/7"),
    ("CODEBUILD_RESOLVED_SOURCE_VERSION", "feedfacefeedfacefeedfacefeedfacefeedface"),
    ("CODEBUILD_WEBHOOK_HEAD_REF", "refs/heads/feature/x"),
    ("CODEBUILD_WEBHOOK_TRIGGER", "pr/7"),
];

const CODEBUILD_BY_HAND_TAG: Variables = &[
    ("AWS_REGION", "eu-west-1"),
    ("CODEBUILD_BUILD_ID", "shop:b1e6661e"),
    ("CODEBUILD_SOURCE_REPO_URL", "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/shop"),
    ("CODEBUILD_SOURCE_VERSION", "refs/tags/v1.4.2^{0123456789abcdef0123456789abcdef01234567}"),
    ("CODEBUILD_RESOLVED_SOURCE_VERSION", "0123456789abcdef0123456789abcdef01234567"),
    ("CODEBUILD_INITIATOR", "mona"),
];

const CODEBUILD_PIPELINE: Variables = &[
    ("CODEBUILD_BUILD_ARN", "arn:aws:codebuild:eu-west-1:123456789012:build/shop:b1e6661e"),
    ("CODEBUILD_PUBLIC_BUILD_URL", "https://eu-west-1.codebuild.aws.amazon.com/project/abc/build/def"),
    ("CODEBUILD_SOURCE_VERSION", "arn:aws:s3:::pipeline-bucket/shop/SourceArti/AbC"),
    ("CODEBUILD_RESOLVED_SOURCE_VERSION", "0123456789abcdef0123456789abcdef01234567"),
    ("CODEBUILD_INITIATOR", "codepipeline/shop"),
    ("VERSIONER_PRODUCT", "shop"),
];

const CLOUD_BUILD: Variables = &[
    ("BUILDER_OUTPUT", "/builder/no/such/outputs"),
    ("PROJECT_ID", "octo-prod"),
    ("BUILD_ID", "b9a6a2f1-8a55-4d3e-9d0e-0f6f6a0c2a11"),
    ("LOCATION", "europe-west1"),
    ("TRIGGER_NAME", "deploy-shop"),
    ("REPO_FULL_NAME", "octo/shop"),
    ("COMMIT_SHA", "0123456789abcdef0123456789abcdef01234567"),
    ("BRANCH_NAME", "main"),
    ("VERSIONER_ENVIRONMENT", "production"),
];

const CLOUD_BUILD_PULL_REQUEST: Variables = &[
    ("BUILDER_OUTPUT", "/builder/no/such/outputs"),
    ("PROJECT_ID", "octo-prod"),
    ("BUILD_ID", "b9a6a2f1-8a55-4d3e-9d0e-0f6f6a0c2a11"),
    ("LOCATION", "global"),
    ("_HEAD_REPO_URL", "https://github.com/octo/shop"),
    ("_HEAD_BRANCH", "feature/x"),
    ("_BASE_BRANCH", "main"),
    ("_PR_NUMBER", "7"),
    ("COMMIT_SHA", "feedfacefeedfacefeedfacefeedfacefeedface"),
];

const CLOUD_BUILD_TAG: Variables = &[
    ("BUILDER_OUTPUT", "/builder/no/such/outputs"),
    ("REPO_NAME", "shop"),
    ("REVISION_ID", "0123456789abcdef0123456789abcdef01234567"),
    ("TAG_NAME", "v1.4.2"),
];

const CODEFRESH: Variables = &[
    ("CF_BUILD_ID", "6410367cee516146a4c40001"),
    ("CF_BUILD_URL", "https://g.codefresh.example/build/6410367cee516146a4c40001"),
    ("CF_BUILD_TIMESTAMP", "1761663600123"),
    ("CF_BUILD_TRIGGER", "build"),
    ("CF_BUILD_INITIATOR", "mona"),
    ("CF_COMMIT_AUTHOR", "lisa"),
    ("CF_PIPELINE_NAME", "shop/deploy"),
    ("CF_STEP_NAME", "report"),
    ("CF_REPO_OWNER", "octo"),
    ("CF_REPO_NAME", "shop"),
    ("CF_REVISION", "0123456789abcdef0123456789abcdef01234567"),
    ("CF_BRANCH", "main"),
    ("VERSIONER_ENVIRONMENT", "production"),
];

const CODEFRESH_PULL_REQUEST: Variables = &[
    ("CF_BUILD_ID", "6410367cee516146a4c40002"),
    ("CF_BUILD_TRIGGER", "webhook"),
    ("CF_REPO_OWNER", "octo"),
    ("CF_REPO_NAME", "shop"),
    ("CF_REVISION", "feedfacefeedfacefeedfacefeedfacefeedface"),
    ("CF_BRANCH", "refs/heads/feature/x"),
    ("CF_PULL_REQUEST_NUMBER", "7"),
    ("CF_PULL_REQUEST_TARGET", "main"),
];

const SEMAPHORE: Variables = &[
    ("CI", "true"),
    ("SEMAPHORE", "true"),
    ("SEMAPHORE_ORGANIZATION_URL", "https://octo.semaphoreci.example"),
    ("SEMAPHORE_GIT_REPO_SLUG", "octo/shop"),
    ("SEMAPHORE_GIT_SHA", "0123456789abcdef0123456789abcdef01234567"),
    ("SEMAPHORE_GIT_REF_TYPE", "branch"),
    ("SEMAPHORE_GIT_BRANCH", "main"),
    ("SEMAPHORE_GIT_WORKING_BRANCH", "main"),
    ("SEMAPHORE_WORKFLOW_ID", "0dd982e8-32f5-4037-983e-4de01ac7fb1e"),
    ("SEMAPHORE_WORKFLOW_NUMBER", "42"),
    ("SEMAPHORE_WORKFLOW_TRIGGERED_BY", "mona"),
    ("SEMAPHORE_WORKFLOW_RERUN", "false"),
    ("SEMAPHORE_PIPELINE_ID", "ea3e6bba-d19a-45d7-86a0-e78a2301b616"),
    ("SEMAPHORE_PIPELINE_PROMOTED_BY", "lisa"),
    ("SEMAPHORE_JOB_ID", "a26d42cf-89ac-4c3f-9e2d-51bb231897bf"),
    ("SEMAPHORE_JOB_NAME", "Deploy"),
    ("SEMAPHORE_JOB_CREATION_TIME", "1761663600"),
    ("VERSIONER_ENVIRONMENT", "production"),
];

const SEMAPHORE_PULL_REQUEST: Variables = &[
    ("SEMAPHORE", "true"),
    ("SEMAPHORE_GIT_URL", "http://git@github.com:octo/shop.git"),
    ("SEMAPHORE_GIT_REPO_SLUG", "octo/shop"),
    ("SEMAPHORE_GIT_SHA", "0123456789abcdef0123456789abcdef01234567"),
    ("SEMAPHORE_GIT_PR_SHA", "feedfacefeedfacefeedfacefeedfacefeedface"),
    ("SEMAPHORE_GIT_REF_TYPE", "pull-request"),
    ("SEMAPHORE_GIT_BRANCH", "main"),
    ("SEMAPHORE_GIT_WORKING_BRANCH", "feature/x"),
    ("SEMAPHORE_GIT_COMMITTER", "mona"),
];

const SEMAPHORE_TAG: Variables = &[
    ("SEMAPHORE", "true"),
    ("SEMAPHORE_GIT_REPO_SLUG", "octo/shop"),
    ("SEMAPHORE_GIT_SHA", "0123456789abcdef0123456789abcdef01234567"),
    ("SEMAPHORE_GIT_REF_TYPE", "tag"),
    ("SEMAPHORE_GIT_BRANCH", "refs/tags/v1.4.2"),
    ("SEMAPHORE_GIT_TAG_NAME", "v1.4.2"),
    ("SEMAPHORE_PIPELINE_PROMOTED_BY", "auto-promotion"),
    ("SEMAPHORE_WORKFLOW_TRIGGERED_BY", "mona"),
];

const APPVEYOR: Variables = &[
    ("CI", "True"),
    ("APPVEYOR", "True"),
    ("APPVEYOR_URL", "https://ci.appveyor.example"),
    ("APPVEYOR_ACCOUNT_NAME", "octo-org"),
    ("APPVEYOR_PROJECT_SLUG", "shop-x1"),
    ("APPVEYOR_BUILD_ID", "4711"),
    ("APPVEYOR_BUILD_NUMBER", "42"),
    ("APPVEYOR_BUILD_VERSION", "1.4.2.42"),
    ("APPVEYOR_JOB_ID", "j1"),
    ("APPVEYOR_JOB_NAME", "Image: Ubuntu"),
    ("APPVEYOR_REPO_PROVIDER", "gitHub"),
    ("APPVEYOR_REPO_NAME", "octo/shop"),
    ("APPVEYOR_REPO_COMMIT", "0123456789abcdef0123456789abcdef01234567"),
    ("APPVEYOR_REPO_BRANCH", "main"),
    ("APPVEYOR_REPO_COMMIT_AUTHOR", "Mona Lisa"),
    ("APPVEYOR_REPO_COMMIT_AUTHOR_EMAIL", "mona@example.org"),
    ("VERSIONER_ENVIRONMENT", "production"),
];

const APPVEYOR_PULL_REQUEST: Variables = &[
    ("APPVEYOR", "true"),
    ("APPVEYOR_BUILD_ID", "4712"),
    ("APPVEYOR_REPO_NAME", "octo/shop"),
    ("APPVEYOR_REPO_COMMIT", "0123456789abcdef0123456789abcdef01234567"),
    ("APPVEYOR_REPO_BRANCH", "main"),
    ("APPVEYOR_PULL_REQUEST_NUMBER", "7"),
    ("APPVEYOR_PULL_REQUEST_HEAD_COMMIT", "feedfacefeedfacefeedfacefeedfacefeedface"),
    ("APPVEYOR_PULL_REQUEST_HEAD_REPO_BRANCH", "feature/x"),
    ("APPVEYOR_FORCED_BUILD", "True"),
    ("APPVEYOR_REPO_COMMIT_AUTHOR", "Mona Lisa"),
];

const APPVEYOR_TAG: Variables = &[
    ("APPVEYOR", "True"),
    ("APPVEYOR_REPO_NAME", "octo/shop"),
    ("APPVEYOR_REPO_COMMIT", "0123456789abcdef0123456789abcdef01234567"),
    ("APPVEYOR_REPO_BRANCH", "v1.4.2"),
    ("APPVEYOR_REPO_TAG", "true"),
    ("APPVEYOR_REPO_TAG_NAME", "v1.4.2"),
];

const RUNDECK: Variables = &[
    ("RD_JOB_EXECID", "17"),
    ("RD_JOB_ID", "5b6c7a1e-0000-4000-8000-000000000001"),
    ("RD_JOB_NAME", "deploy-shop"),
    ("RD_JOB_GROUP", "deployments"),
    ("RD_JOB_PROJECT", "octo"),
    ("RD_JOB_SERVERURL", "https://rundeck.example/"),
    ("RD_JOB_URL", "https://rundeck.example/project/octo/execution/follow/17"),
    ("RD_JOB_USERNAME", "mona"),
    ("RD_JOB_USER_EMAIL", "mona@example.org"),
    ("RD_JOB_EXECUTIONTYPE", "user"),
    ("VERSIONER_ENVIRONMENT", "production"),
];

const RUNDECK_MINIMAL: Variables =
    &[("RD_JOB_EXECID", "18"), ("RD_JOB_NAME", "deploy-shop"), ("RD_JOB_URL", "https://rundeck.example/x/18")];

sends! {
    codebuild_deployment: "deployment", CODEBUILD;
    codebuild_pull_request: "build", CODEBUILD_PULL_REQUEST;
    codebuild_by_hand_tag: "build", CODEBUILD_BY_HAND_TAG;
    codebuild_pipeline: "build", CODEBUILD_PIPELINE;
    cloud_build_deployment: "deployment", CLOUD_BUILD;
    cloud_build_pull_request: "build", CLOUD_BUILD_PULL_REQUEST;
    cloud_build_tag: "build", CLOUD_BUILD_TAG;
    codefresh_deployment: "deployment", CODEFRESH;
    codefresh_pull_request: "build", CODEFRESH_PULL_REQUEST;
    semaphore_deployment: "deployment", SEMAPHORE;
    semaphore_pull_request: "build", SEMAPHORE_PULL_REQUEST;
    semaphore_tag: "build", SEMAPHORE_TAG;
    appveyor_deployment: "deployment", APPVEYOR;
    appveyor_pull_request: "build", APPVEYOR_PULL_REQUEST;
    appveyor_tag: "build", APPVEYOR_TAG;
    rundeck_deployment: "deployment", RUNDECK;
    rundeck_minimal: "build", RUNDECK_MINIMAL;
}

shows! {
    codebuild_shown: CODEBUILD;
    cloud_build_shown: CLOUD_BUILD;
    codefresh_shown: CODEFRESH;
    semaphore_shown: SEMAPHORE;
    appveyor_shown: APPVEYOR;
    rundeck_shown: RUNDECK;
}

#[test]
fn cloud_build_gets_the_steps_output() {
    let sandbox = Sandbox::start();
    let call = Versioner::deployment(&sandbox, "started").envs(CLOUD_BUILD);
    let path = call.file("output", "");
    let directory = call.dir.path().display().to_string();
    let call = call.env("BUILDER_OUTPUT", &directory);
    let run = call.run();
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let text = crate::support::read(path.as_ref());
    assert!(text.starts_with("VERSIONER_OUTCOME=recorded\nVERSIONER_GATE=passed\n"), "{text}");
}
