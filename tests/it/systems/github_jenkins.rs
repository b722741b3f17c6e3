//! Sample runs on GitHub and Jenkins.

use super::{HEAD, RunFixture, SystemFixture, Variables};
use crate::support::SHA;

const GITHUB: Variables = &[
    ("CI", "true"),
    ("GITHUB_ACTIONS", "true"),
    ("GITHUB_SERVER_URL", "https://github.com"),
    ("GITHUB_REPOSITORY", "octo/shop"),
    ("GITHUB_SHA", SHA),
    ("GITHUB_REF", "refs/heads/main"),
    ("GITHUB_REF_NAME", "main"),
    ("GITHUB_RUN_ID", "1234567890"),
    ("GITHUB_RUN_NUMBER", "42"),
    ("GITHUB_RUN_ATTEMPT", "2"),
    ("GITHUB_ACTOR", "mona"),
    ("GITHUB_WORKFLOW", "Deploy to production"),
    ("GITHUB_JOB", "deploy"),
    ("GITHUB_EVENT_NAME", "push"),
    ("VERSIONER_ENVIRONMENT", "production"),
];

const JENKINS: Variables = &[
    ("JENKINS_URL", "https://jenkins.example/"),
    ("JOB_NAME", "shop/main"),
    ("BUILD_NUMBER", "42"),
    ("BUILD_ID", "42"),
    ("BUILD_URL", "https://ci:SECRETTOKEN@jenkins.example/job/shop/job/main/42/"),
    ("NODE_NAME", "agent-1"),
    ("EXECUTOR_NUMBER", "0"),
    ("GIT_COMMIT", SHA),
    ("GIT_BRANCH", "origin/main"),
    ("GIT_URL", "https://ci:SECRETTOKEN@git.example/octo/shop.git"),
    ("BUILD_USER_ID", "mona"),
    ("BUILD_USER", "Mona Lisa"),
    ("BUILD_USER_EMAIL", "mona@example.org"),
    ("VERSIONER_ENVIRONMENT", "production"),
];

const JENKINS_WITHOUT_ROOT_URL: Variables = &[("JENKINS_HOME", "/var/jenkins_home"), ("BUILD_NUMBER", "42")];

pub(super) const SYSTEMS: &[SystemFixture] = &[
    SystemFixture {
        name: "github",
        runs: &[
            RunFixture { name: "a branch", base: GITHUB, changes: &[] },
            RunFixture {
                name: "a tag",
                base: GITHUB,
                changes: &[("GITHUB_REF", "refs/tags/v1.4.2"), ("GITHUB_REF_NAME", "v1.4.2")],
            },
            RunFixture {
                name: "a pull request",
                base: GITHUB,
                changes: &[
                    ("GITHUB_REF", "refs/pull/7/merge"),
                    ("GITHUB_REF_NAME", "7/merge"),
                    ("GITHUB_HEAD_REF", "feature/x"),
                    ("GITHUB_BASE_REF", "main"),
                    ("GITHUB_EVENT_NAME", "pull_request"),
                    ("PULL_REQUEST_HEAD", HEAD),
                    ("VERSIONER_ENVIRONMENT", ""),
                ],
            },
            RunFixture {
                name: "a server of its own, by hand",
                base: GITHUB,
                changes: &[
                    ("GITHUB_SERVER_URL", "https://github.example:8443/"),
                    ("GITHUB_EVENT_NAME", "workflow_dispatch"),
                ],
            },
        ],
    },
    SystemFixture {
        name: "jenkins",
        runs: &[
            RunFixture { name: "a branch, by hand", base: JENKINS, changes: &[] },
            RunFixture {
                name: "a tag",
                base: JENKINS,
                changes: &[
                    ("GIT_BRANCH", "detached"),
                    ("BRANCH_NAME", "v1.4.2"),
                    ("TAG_NAME", "v1.4.2"),
                    ("BUILD_USER_ID", "scmChange"),
                ],
            },
            RunFixture {
                name: "a pull request",
                base: JENKINS,
                changes: &[
                    ("GIT_BRANCH", "PR-7"),
                    ("BRANCH_NAME", "PR-7"),
                    ("CHANGE_ID", "7"),
                    ("CHANGE_BRANCH", "feature/x"),
                    ("CHANGE_TARGET", "main"),
                    ("VERSIONER_ENVIRONMENT", ""),
                ],
            },
            RunFixture {
                name: "a pull request, by the pull request builder",
                base: JENKINS,
                changes: &[
                    ("GIT_BRANCH", "origin/pr/7/merge"),
                    ("ghprbActualCommit", HEAD),
                    ("ghprbSourceBranch", "feature/x"),
                    ("ghprbTargetBranch", "main"),
                    ("VERSIONER_ENVIRONMENT", ""),
                ],
            },
            RunFixture {
                name: "a controller without its root URL",
                base: JENKINS_WITHOUT_ROOT_URL,
                changes: &[("VERSIONER_PRODUCT", "shop")],
            },
        ],
    },
];
