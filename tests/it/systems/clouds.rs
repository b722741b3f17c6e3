//! Sample runs on CodeBuild, Cloud Build, Codefresh, Semaphore, AppVeyor and Rundeck.

use super::{HEAD, RunFixture, SystemFixture, Variables};
use crate::support::SHA;

const CODEBUILD: Variables = &[
    ("AWS_REGION", "eu-west-1"),
    ("CODEBUILD_BUILD_ARN", "arn:aws:codebuild:eu-west-1:123456789012:build/deploy-shop:b1e6661e-e4f2-4156-9ab9-82a19"),
    ("CODEBUILD_BUILD_ID", "deploy-shop:b1e6661e-e4f2-4156-9ab9-82a19"),
    ("CODEBUILD_BUILD_NUMBER", "42"),
    ("CODEBUILD_SOURCE_REPO_URL", "https://github.com/octo/shop.git"),
    ("CODEBUILD_SOURCE_VERSION", SHA),
    ("CODEBUILD_RESOLVED_SOURCE_VERSION", SHA),
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
    ("CODEBUILD_RESOLVED_SOURCE_VERSION", HEAD),
    ("CODEBUILD_WEBHOOK_HEAD_REF", "refs/heads/feature/x"),
    ("CODEBUILD_WEBHOOK_TRIGGER", "pr/7"),
];

const CODEBUILD_BY_HAND_TAG: Variables = &[
    ("AWS_REGION", "eu-west-1"),
    ("CODEBUILD_BUILD_ID", "shop:b1e6661e"),
    ("CODEBUILD_SOURCE_REPO_URL", "https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/shop"),
    ("CODEBUILD_SOURCE_VERSION", "refs/tags/v1.4.2^{0123456789abcdef0123456789abcdef01234567}"),
    ("CODEBUILD_RESOLVED_SOURCE_VERSION", SHA),
    ("CODEBUILD_INITIATOR", "mona"),
];

const CODEBUILD_PIPELINE: Variables = &[
    ("CODEBUILD_BUILD_ARN", "arn:aws:codebuild:eu-west-1:123456789012:build/shop:b1e6661e"),
    ("CODEBUILD_PUBLIC_BUILD_URL", "https://eu-west-1.codebuild.aws.amazon.com/project/abc/build/def"),
    ("CODEBUILD_SOURCE_VERSION", "arn:aws:s3:::pipeline-bucket/shop/SourceArti/AbC"),
    ("CODEBUILD_RESOLVED_SOURCE_VERSION", SHA),
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
    ("COMMIT_SHA", SHA),
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
    ("COMMIT_SHA", HEAD),
];

const CLOUD_BUILD_TAG: Variables = &[
    ("BUILDER_OUTPUT", "/builder/no/such/outputs"),
    ("REPO_NAME", "shop"),
    ("REVISION_ID", SHA),
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
    ("CF_REVISION", SHA),
    ("CF_BRANCH", "main"),
    ("VERSIONER_ENVIRONMENT", "production"),
];

const CODEFRESH_PULL_REQUEST: Variables = &[
    ("CF_BUILD_ID", "6410367cee516146a4c40002"),
    ("CF_BUILD_TRIGGER", "webhook"),
    ("CF_REPO_OWNER", "octo"),
    ("CF_REPO_NAME", "shop"),
    ("CF_REVISION", HEAD),
    ("CF_BRANCH", "refs/heads/feature/x"),
    ("CF_PULL_REQUEST_NUMBER", "7"),
    ("CF_PULL_REQUEST_TARGET", "main"),
];

const SEMAPHORE: Variables = &[
    ("CI", "true"),
    ("SEMAPHORE", "true"),
    ("SEMAPHORE_ORGANIZATION_URL", "https://octo.semaphoreci.example"),
    ("SEMAPHORE_GIT_REPO_SLUG", "octo/shop"),
    ("SEMAPHORE_GIT_SHA", SHA),
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
    ("SEMAPHORE_GIT_SHA", SHA),
    ("SEMAPHORE_GIT_PR_SHA", HEAD),
    ("SEMAPHORE_GIT_REF_TYPE", "pull-request"),
    ("SEMAPHORE_GIT_BRANCH", "main"),
    ("SEMAPHORE_GIT_WORKING_BRANCH", "feature/x"),
    ("SEMAPHORE_GIT_COMMITTER", "mona"),
];

const SEMAPHORE_TAG: Variables = &[
    ("SEMAPHORE", "true"),
    ("SEMAPHORE_GIT_REPO_SLUG", "octo/shop"),
    ("SEMAPHORE_GIT_SHA", SHA),
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
    ("APPVEYOR_REPO_COMMIT", SHA),
    ("APPVEYOR_REPO_BRANCH", "main"),
    ("APPVEYOR_REPO_COMMIT_AUTHOR", "Mona Lisa"),
    ("APPVEYOR_REPO_COMMIT_AUTHOR_EMAIL", "mona@example.org"),
    ("VERSIONER_ENVIRONMENT", "production"),
];

const APPVEYOR_PULL_REQUEST: Variables = &[
    ("APPVEYOR", "true"),
    ("APPVEYOR_BUILD_ID", "4712"),
    ("APPVEYOR_REPO_NAME", "octo/shop"),
    ("APPVEYOR_REPO_COMMIT", SHA),
    ("APPVEYOR_REPO_BRANCH", "main"),
    ("APPVEYOR_PULL_REQUEST_NUMBER", "7"),
    ("APPVEYOR_PULL_REQUEST_HEAD_COMMIT", HEAD),
    ("APPVEYOR_PULL_REQUEST_HEAD_REPO_BRANCH", "feature/x"),
    ("APPVEYOR_FORCED_BUILD", "True"),
    ("APPVEYOR_REPO_COMMIT_AUTHOR", "Mona Lisa"),
];

const APPVEYOR_TAG: Variables = &[
    ("APPVEYOR", "True"),
    ("APPVEYOR_REPO_NAME", "octo/shop"),
    ("APPVEYOR_REPO_COMMIT", SHA),
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

pub(super) const SYSTEMS: &[SystemFixture] = &[
    SystemFixture {
        name: "codebuild",
        runs: &[
            RunFixture { name: "a branch, by webhook", base: CODEBUILD, changes: &[] },
            RunFixture { name: "a pull request, in another partition", base: CODEBUILD_PULL_REQUEST, changes: &[] },
            RunFixture { name: "a tag, by hand, without the ARN", base: CODEBUILD_BY_HAND_TAG, changes: &[] },
            RunFixture { name: "a pipeline", base: CODEBUILD_PIPELINE, changes: &[] },
        ],
    },
    SystemFixture {
        name: "cloud_build",
        runs: &[
            RunFixture { name: "a branch", base: CLOUD_BUILD, changes: &[] },
            RunFixture { name: "a pull request", base: CLOUD_BUILD_PULL_REQUEST, changes: &[] },
            RunFixture { name: "a tag, of which little is mapped", base: CLOUD_BUILD_TAG, changes: &[] },
        ],
    },
    SystemFixture {
        name: "codefresh",
        runs: &[
            RunFixture { name: "a branch", base: CODEFRESH, changes: &[] },
            RunFixture { name: "a pull request", base: CODEFRESH_PULL_REQUEST, changes: &[] },
            RunFixture {
                name: "a tag",
                base: CODEFRESH,
                changes: &[("CF_BRANCH", "refs/tags/v1.4.2"), ("CF_BUILD_TRIGGER", "webhook")],
            },
        ],
    },
    SystemFixture {
        name: "semaphore",
        runs: &[
            RunFixture { name: "a branch, promoted", base: SEMAPHORE, changes: &[] },
            RunFixture { name: "a pull request", base: SEMAPHORE_PULL_REQUEST, changes: &[] },
            RunFixture { name: "a tag, promoted by itself", base: SEMAPHORE_TAG, changes: &[] },
        ],
    },
    SystemFixture {
        name: "appveyor",
        runs: &[
            RunFixture { name: "a branch, on a server of its own", base: APPVEYOR, changes: &[] },
            RunFixture { name: "a pull request, by hand", base: APPVEYOR_PULL_REQUEST, changes: &[] },
            RunFixture { name: "a tag", base: APPVEYOR_TAG, changes: &[] },
        ],
    },
    SystemFixture {
        name: "rundeck",
        runs: &[
            RunFixture { name: "a job, by hand", base: RUNDECK, changes: &[] },
            RunFixture { name: "a job over SSH, of which little arrives", base: RUNDECK_MINIMAL, changes: &[] },
        ],
    },
];
