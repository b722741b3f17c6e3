//! Sample runs on Gitea, Forgejo, Drone, Woodpecker and Harness.

use super::{HEAD, RunFixture, SystemFixture, Variables};
use crate::support::SHA;

const GITEA: Variables = &[
    ("CI", "true"),
    ("GITEA_ACTIONS", "true"),
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_SERVER_URL", "https://gitea.example:3000"),
    ("GITHUB_REPOSITORY", "octo/shop"),
    ("GITHUB_SHA", SHA),
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
    ("GITHUB_SHA", SHA),
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
    ("GITHUB_SHA", HEAD),
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
    ("DRONE_COMMIT_SHA", SHA),
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
    ("DRONE_COMMIT_SHA", SHA),
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
    ("DRONE_COMMIT_SHA", HEAD),
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
    ("DRONE_COMMIT_SHA", SHA),
    ("DRONE_TAG", "v1.4.2"),
    ("DRONE_BUILD_NUMBER", "45"),
];

const WOODPECKER: Variables = &[
    ("CI", "woodpecker"),
    ("CI_REPO", "octo/shop"),
    ("CI_COMMIT_SHA", SHA),
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
    ("CI_COMMIT_SHA", HEAD),
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
    ("CI_COMMIT_SHA", SHA),
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
    ("DRONE_COMMIT_SHA", SHA),
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
    ("DRONE_COMMIT_SHA", SHA),
    ("DRONE_TAG", "v1.4.2"),
    ("DRONE_COMMIT_AUTHOR", "mona"),
    ("DRONE_COMMIT_AUTHOR_NAME", "Mona Lisa"),
    ("DRONE_COMMIT_AUTHOR_EMAIL", "mona@example.org"),
];

pub(super) const SYSTEMS: &[SystemFixture] = &[
    SystemFixture {
        name: "gitea",
        runs: &[
            RunFixture { name: "a branch", base: GITEA, changes: &[] },
            RunFixture { name: "a pull request", base: GITEA_PULL_REQUEST, changes: &[] },
            RunFixture {
                name: "a tag",
                base: GITEA,
                changes: &[("GITHUB_REF", "refs/tags/v1.4.2"), ("GITHUB_REF_NAME", "v1.4.2")],
            },
        ],
    },
    SystemFixture {
        name: "forgejo",
        runs: &[
            RunFixture { name: "a tag", base: FORGEJO_TAG, changes: &[] },
            RunFixture {
                name: "a branch, by hand",
                base: FORGEJO_TAG,
                changes: &[("GITHUB_REF", "refs/heads/main"), ("GITHUB_EVENT_NAME", "workflow_dispatch")],
            },
            RunFixture { name: "a pull request", base: GITEA_PULL_REQUEST, changes: &[("FORGEJO_ACTIONS", "true")] },
        ],
    },
    SystemFixture {
        name: "drone",
        runs: &[
            RunFixture { name: "a branch", base: DRONE, changes: &[] },
            RunFixture { name: "a promotion", base: DRONE_PROMOTION, changes: &[] },
            RunFixture { name: "a pull request, by cron", base: DRONE_PULL_REQUEST, changes: &[] },
            RunFixture { name: "a tag", base: DRONE_TAG, changes: &[] },
            RunFixture { name: "a tag on a branch", base: DRONE_TAG, changes: &[("DRONE_BRANCH", "main")] },
        ],
    },
    SystemFixture {
        name: "woodpecker",
        runs: &[
            RunFixture { name: "a deployment", base: WOODPECKER, changes: &[] },
            RunFixture { name: "a pull request", base: WOODPECKER_PULL_REQUEST, changes: &[] },
            RunFixture { name: "a tag, before version 1.0", base: WOODPECKER_OLD_TAG, changes: &[] },
            RunFixture {
                name: "a tag",
                base: WOODPECKER,
                changes: &[
                    ("CI_PIPELINE_EVENT", "tag"),
                    ("CI_COMMIT_BRANCH", "refs/tags/v1.4.2"),
                    ("CI_COMMIT_TAG", "v1.4.2"),
                ],
            },
        ],
    },
    SystemFixture {
        name: "harness",
        runs: &[
            RunFixture { name: "a branch", base: HARNESS, changes: &[] },
            RunFixture { name: "a tag", base: HARNESS_TAG, changes: &[] },
            RunFixture {
                name: "a pull request",
                base: HARNESS,
                changes: &[
                    ("DRONE_PULL_REQUEST", "7"),
                    ("DRONE_SOURCE_BRANCH", "feature/x"),
                    ("DRONE_TARGET_BRANCH", "main"),
                    ("DRONE_COMMIT_SHA", HEAD),
                ],
            },
        ],
    },
];
