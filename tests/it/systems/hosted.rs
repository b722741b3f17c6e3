//! Sample runs on GitLab, Azure DevOps, TeamCity, Buildkite, CircleCI, Bitbucket and Travis.

use super::{HEAD, RunFixture, SystemFixture, Variables};
use crate::support::SHA;

pub(super) const AZURE: Variables = &[
    ("TF_BUILD", "True"),
    ("BUILD_REPOSITORY_NAME", "shop"),
    ("BUILD_REPOSITORY_URI", "https://SECRETTOKEN@dev.azure.com/octo/store/_git/shop"),
    ("BUILD_SOURCEVERSION", SHA),
    ("BUILD_SOURCEBRANCH", "refs/heads/feature/one"),
    ("BUILD_SOURCEBRANCHNAME", "one"),
    ("BUILD_BUILDNUMBER", "20251028.3"),
    ("BUILD_BUILDID", "4711"),
    ("BUILD_BUILDURI", "vstfs:///Build/Build/4711"),
    ("BUILD_REASON", "Manual"),
    ("BUILD_DEFINITIONNAME", "shop deploy"),
    ("BUILD_REQUESTEDFOR", "Mona Lisa"),
    ("BUILD_REQUESTEDFOREMAIL", "mona@example.org"),
    ("AGENT_NAME", "agent 1"),
    ("ENVIRONMENT_NAME", "production"),
    ("SYSTEM_TEAMPROJECT", "Web store"),
    ("SYSTEM_TEAMPROJECTID", "5b3c2d1e-0000-4000-8000-123456789abc"),
    ("SYSTEM_COLLECTIONURI", "https://dev.azure.com/octo/"),
    ("SYSTEM_TEAMFOUNDATIONSERVERURI", "https://dev.azure.com/octo/"),
];

pub(super) const TEAMCITY: Variables = &[
    ("TEAMCITY_VERSION", "2025.07 (build 197242)"),
    ("TEAMCITY_PROJECT_NAME", "Shop"),
    ("TEAMCITY_BUILDCONF_NAME", "Deploy"),
    ("BUILD_NUMBER", "42"),
    ("BUILD_URL", "https://mona:SECRETTOKEN@teamcity.example/build/987654"),
    ("BUILD_VCS_NUMBER", SHA),
];

pub(super) const BUILDKITE: Variables = &[
    ("BUILDKITE", "true"),
    ("CI", "true"),
    ("BUILDKITE_REPO", "https://mona:SECRETTOKEN@github.com/octo/shop.git"),
    ("BUILDKITE_COMMIT", SHA),
    ("BUILDKITE_BRANCH", "main"),
    ("BUILDKITE_TAG", ""),
    ("BUILDKITE_BUILD_NUMBER", "42"),
    ("BUILDKITE_BUILD_ID", "0190a1b2-0000-7000-8000-00000000000a"),
    ("BUILDKITE_BUILD_URL", "https://buildkite.com/octo/shop/builds/42"),
    ("BUILDKITE_JOB_ID", "0190a1b2-0000-7000-8000-00000000000b"),
    ("BUILDKITE_LABEL", ":rocket: Deploy"),
    ("BUILDKITE_STEP_KEY", "deploy"),
    ("BUILDKITE_PIPELINE_SLUG", "shop"),
    ("BUILDKITE_RETRY_COUNT", "0"),
    ("BUILDKITE_SOURCE", "webhook"),
    ("BUILDKITE_AGENT_NAME", "agent-1"),
    ("BUILDKITE_BUILD_CREATOR", "Mona Lisa"),
    ("BUILDKITE_BUILD_CREATOR_EMAIL", "mona@example.org"),
    ("BUILDKITE_BUILD_AUTHOR", "Somebody Else"),
    ("BUILDKITE_BUILD_AUTHOR_EMAIL", "else@example.org"),
    ("BUILDKITE_PULL_REQUEST", "false"),
];

pub(super) const CIRCLECI: Variables = &[
    ("CIRCLECI", "true"),
    ("CI", "true"),
    ("CIRCLE_PROJECT_USERNAME", "octo"),
    ("CIRCLE_PROJECT_REPONAME", "shop"),
    ("CIRCLE_REPOSITORY_URL", "git@github.com:octo/shop.git"),
    ("CIRCLE_SHA1", SHA),
    ("CIRCLE_BRANCH", "main"),
    ("CIRCLE_BUILD_NUM", "42"),
    ("CIRCLE_BUILD_URL", "https://circleci.com/gh/octo/shop/42"),
    ("CIRCLE_WORKFLOW_ID", "00000000-0000-4000-8000-00000000000a"),
    ("CIRCLE_WORKFLOW_JOB_ID", "00000000-0000-4000-8000-00000000000b"),
    ("CIRCLE_JOB", "deploy"),
    ("CIRCLE_NODE_INDEX", "0"),
    ("CIRCLE_USERNAME", "mona"),
];

pub(super) const BITBUCKET: Variables = &[
    ("CI", "true"),
    ("BITBUCKET_BUILD_NUMBER", "42"),
    ("BITBUCKET_COMMIT", SHA),
    ("BITBUCKET_BRANCH", "main"),
    ("BITBUCKET_REPO_FULL_NAME", "octo/shop"),
    ("BITBUCKET_REPO_SLUG", "shop"),
    ("BITBUCKET_WORKSPACE", "octo"),
    ("BITBUCKET_PIPELINE_UUID", "{00000000-0000-4000-8000-00000000000a}"),
    ("BITBUCKET_STEP_UUID", "{00000000-0000-4000-8000-00000000000b}"),
    ("BITBUCKET_STEP_TRIGGERER_UUID", "{00000000-0000-4000-8000-00000000000c}"),
    ("BITBUCKET_DEPLOYMENT_ENVIRONMENT", "production"),
];

pub(super) const TRAVIS: Variables = &[
    ("TRAVIS", "true"),
    ("CI", "true"),
    ("TRAVIS_REPO_SLUG", "octo/shop"),
    ("TRAVIS_COMMIT", SHA),
    ("TRAVIS_BRANCH", "main"),
    ("TRAVIS_TAG", ""),
    ("TRAVIS_BUILD_NUMBER", "42"),
    ("TRAVIS_BUILD_ID", "987654"),
    ("TRAVIS_BUILD_WEB_URL", "https://app.travis-ci.com/octo/shop/builds/987654"),
    ("TRAVIS_JOB_ID", "987655"),
    ("TRAVIS_JOB_NUMBER", "42.1"),
    ("TRAVIS_EVENT_TYPE", "push"),
    ("TRAVIS_PULL_REQUEST", "false"),
];

pub(super) const GITLAB: Variables = &[
    ("GITLAB_CI", "true"),
    ("CI_PROJECT_PATH", "group/sub/shop"),
    ("CI_COMMIT_SHA", SHA),
    ("CI_COMMIT_REF_NAME", "main"),
    ("CI_COMMIT_BRANCH", "main"),
    ("CI_PROJECT_URL", "https://gitlab.example/group/sub/shop"),
    ("CI_PIPELINE_SOURCE", "push"),
    ("CI_JOB_ID", "5"),
    ("CI_JOB_NAME", "deploy"),
    ("CI_JOB_STARTED_AT", "2025-10-28T15:00:00Z"),
    ("CI_JOB_TIMEOUT", "3600"),
    ("GITLAB_USER_LOGIN", "mona"),
    ("GITLAB_USER_NAME", "Mona Lisa"),
    ("GITLAB_USER_EMAIL", "mona@example.org"),
    ("CI_PIPELINE_IID", "42"),
    ("CI_PIPELINE_ID", "987654"),
    ("CI_PIPELINE_URL", "https://gitlab.example/group/sub/shop/-/pipelines/987654"),
    ("CI_JOB_URL", "https://gitlab.example/group/sub/shop/-/jobs/5"),
    ("CI_ENVIRONMENT_NAME", "production"),
    ("CI_REPOSITORY_URL", "https://gitlab-ci-token:SECRETTOKEN@gitlab.example/group/sub/shop.git"),
];

pub(super) const SYSTEMS: &[SystemFixture] = &[
    SystemFixture {
        name: "gitlab",
        runs: &[
            RunFixture { name: "a branch", base: GITLAB, changes: &[] },
            RunFixture {
                name: "a tag",
                base: GITLAB,
                changes: &[("CI_COMMIT_REF_NAME", "v1.4.2"), ("CI_COMMIT_BRANCH", ""), ("CI_COMMIT_TAG", "v1.4.2")],
            },
            RunFixture {
                name: "a merge request",
                base: GITLAB,
                changes: &[
                    ("CI_COMMIT_REF_NAME", "feature/x"),
                    ("CI_COMMIT_BRANCH", ""),
                    ("CI_MERGE_REQUEST_IID", "7"),
                    ("CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "feature/x"),
                    ("CI_MERGE_REQUEST_TARGET_BRANCH_NAME", "main"),
                    ("CI_MERGE_REQUEST_SOURCE_BRANCH_SHA", HEAD),
                    ("CI_PIPELINE_SOURCE", "merge_request_event"),
                    ("CI_ENVIRONMENT_NAME", "review/x"),
                ],
            },
            RunFixture {
                name: "a server under a path, by hand",
                base: GITLAB,
                changes: &[
                    (
                        "CI_REPOSITORY_URL",
                        "https://gitlab-ci-token:SECRETTOKEN@host.example:8443/gitlab/group/sub/shop.git",
                    ),
                    ("CI_PROJECT_URL", "https://host.example:8443/gitlab/group/sub/shop"),
                    ("CI_PIPELINE_URL", "https://host.example:8443/gitlab/group/sub/shop/-/pipelines/987654"),
                    ("CI_PIPELINE_SOURCE", "web"),
                    ("CI_ENVIRONMENT_ACTION", "stop"),
                ],
            },
        ],
    },
    SystemFixture {
        name: "azure",
        runs: &[
            RunFixture { name: "a branch, by hand", base: AZURE, changes: &[] },
            RunFixture {
                name: "a tag",
                base: AZURE,
                changes: &[
                    ("BUILD_SOURCEBRANCH", "refs/tags/v1.4.2"),
                    ("BUILD_SOURCEBRANCHNAME", "v1.4.2"),
                    ("BUILD_REASON", "IndividualCI"),
                ],
            },
            RunFixture {
                name: "a pull request",
                base: AZURE,
                changes: &[
                    ("BUILD_SOURCEBRANCH", "refs/pull/7/merge"),
                    ("BUILD_SOURCEBRANCHNAME", "merge"),
                    ("SYSTEM_PULLREQUEST_SOURCEBRANCH", "refs/heads/feature/x"),
                    ("SYSTEM_PULLREQUEST_SOURCECOMMITID", HEAD),
                    ("SYSTEM_PULLREQUEST_SOURCEREPOSITORYURI", "https://dev.azure.com/octo/store/_git/shop"),
                    ("BUILD_REASON", "PullRequest"),
                    ("ENVIRONMENT_NAME", ""),
                ],
            },
            RunFixture {
                name: "a server of its own",
                base: AZURE,
                changes: &[
                    ("BUILD_REPOSITORY_URI", "https://tfs.example:8080/tfs/DefaultCollection/Web%20store/_git/shop"),
                    ("SYSTEM_TEAMFOUNDATIONSERVERURI", "https://tfs.example:8080/tfs/DefaultCollection/"),
                    ("SYSTEM_TEAMPROJECTID", ""),
                ],
            },
            RunFixture {
                name: "a classic release",
                base: AZURE,
                changes: &[
                    ("RELEASE_RELEASEWEBURL", "https://dev.azure.com/octo/store/_releaseProgress?releaseId=9"),
                    ("RELEASE_ENVIRONMENTNAME", "staging"),
                    ("RELEASE_DEPLOYMENT_REQUESTEDFOR", "Leonardo"),
                ],
            },
            RunFixture {
                name: "a repository on GitHub",
                base: AZURE,
                changes: &[
                    ("BUILD_REPOSITORY_NAME", "octo/shop"),
                    ("BUILD_REPOSITORY_URI", "https://github.com/octo/shop"),
                ],
            },
        ],
    },
    SystemFixture {
        name: "teamcity",
        runs: &[
            RunFixture { name: "a branch, by hand, with its properties", base: TEAMCITY, changes: &[] },
            RunFixture { name: "a tag", base: TEAMCITY, changes: &[("BRANCH", "refs/tags/v1.4.2")] },
            RunFixture {
                name: "a pull request",
                base: TEAMCITY,
                changes: &[("BRANCH", "pull/7"), ("PULL_REQUEST_SOURCE", "feature/x")],
            },
            RunFixture { name: "an older server", base: TEAMCITY, changes: &[("BUILD_URL", "")] },
            RunFixture {
                name: "without its properties",
                base: TEAMCITY,
                changes: &[("TEAMCITY_BUILD_PROPERTIES_FILE", "/no/such/file"), ("VERSIONER_PRODUCT", "shop")],
            },
        ],
    },
    SystemFixture {
        name: "buildkite",
        runs: &[
            RunFixture { name: "a branch", base: BUILDKITE, changes: &[] },
            RunFixture {
                name: "a tag",
                base: BUILDKITE,
                changes: &[("BUILDKITE_TAG", "v1.4.2"), ("BUILDKITE_BRANCH", "v1.4.2")],
            },
            RunFixture {
                name: "a pull request",
                base: BUILDKITE,
                changes: &[
                    ("BUILDKITE_PULL_REQUEST", "7"),
                    ("BUILDKITE_BRANCH", "mona:feature/x"),
                    ("BUILDKITE_PULL_REQUEST_BASE_BRANCH", "main"),
                ],
            },
            RunFixture {
                name: "by hand, unblocked",
                base: BUILDKITE,
                changes: &[
                    ("BUILDKITE_SOURCE", "ui"),
                    ("BUILDKITE_COMMIT", "HEAD"),
                    ("BUILDKITE_UNBLOCKER", "Leonardo"),
                    ("BUILDKITE_TIMEOUT", "10"),
                    ("VERSIONER_VERSION", "1.4.2"),
                ],
            },
        ],
    },
    SystemFixture {
        name: "circleci",
        runs: &[
            RunFixture { name: "a branch", base: CIRCLECI, changes: &[] },
            RunFixture { name: "a tag", base: CIRCLECI, changes: &[("CIRCLE_BRANCH", ""), ("CIRCLE_TAG", "v1.4.2")] },
            RunFixture {
                name: "a pull request from a fork",
                base: CIRCLECI,
                changes: &[("CIRCLE_BRANCH", "pull/7"), ("CIRCLE_PR_NUMBER", "7"), ("CIRCLE_SHA1", HEAD)],
            },
            RunFixture {
                name: "a server of its own",
                base: CIRCLECI,
                changes: &[
                    ("CIRCLE_PROJECT_USERNAME", ""),
                    ("CIRCLE_REPOSITORY_URL", "ssh://git@git.example:7999/octo/shop.git"),
                    ("CIRCLE_BUILD_URL", "https://circleci.example/gh/octo/shop/42"),
                ],
            },
        ],
    },
    SystemFixture {
        name: "bitbucket",
        runs: &[
            RunFixture { name: "a branch", base: BITBUCKET, changes: &[] },
            RunFixture {
                name: "a tag",
                base: BITBUCKET,
                changes: &[("BITBUCKET_BRANCH", ""), ("BITBUCKET_TAG", "v1.4.2")],
            },
            RunFixture {
                name: "a pull request",
                base: BITBUCKET,
                changes: &[
                    ("BITBUCKET_BRANCH", "feature/x"),
                    ("BITBUCKET_PR_ID", "7"),
                    ("BITBUCKET_PR_DESTINATION_BRANCH", "main"),
                    ("BITBUCKET_DEPLOYMENT_ENVIRONMENT", ""),
                ],
            },
        ],
    },
    SystemFixture {
        name: "travis",
        runs: &[
            RunFixture { name: "a branch", base: TRAVIS, changes: &[] },
            RunFixture {
                name: "a tag",
                base: TRAVIS,
                changes: &[("TRAVIS_TAG", "v1.4.2"), ("TRAVIS_BRANCH", "v1.4.2")],
            },
            RunFixture {
                name: "a pull request",
                base: TRAVIS,
                changes: &[
                    ("TRAVIS_PULL_REQUEST", "7"),
                    ("TRAVIS_PULL_REQUEST_BRANCH", "feature/x"),
                    ("TRAVIS_PULL_REQUEST_SHA", HEAD),
                    ("TRAVIS_EVENT_TYPE", "pull_request"),
                ],
            },
            RunFixture {
                name: "a server of its own, restarted",
                base: TRAVIS,
                changes: &[
                    ("TRAVIS_BUILD_WEB_URL", "https://travis.example/octo/shop/builds/987654"),
                    ("TRAVIS_JOB_RESTARTED_BY", "mona"),
                ],
            },
        ],
    },
];
