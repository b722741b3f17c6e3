//! Made-up, complete environments of GitLab, Azure DevOps, TeamCity, Buildkite, CircleCI, Bitbucket and Travis, and what
//! their surfaces need.

use crate::support::{SHA, Versioner};
use versioner_sandbox::Sandbox;

pub(crate) type Variables = &'static [(&'static str, &'static str)];

pub(crate) const AZURE: Variables = &[
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

pub(crate) const TEAMCITY: Variables = &[
    ("TEAMCITY_VERSION", "2025.07 (build 197242)"),
    ("TEAMCITY_PROJECT_NAME", "Shop"),
    ("TEAMCITY_BUILDCONF_NAME", "Deploy"),
    ("BUILD_NUMBER", "42"),
    ("BUILD_URL", "https://mona:SECRETTOKEN@teamcity.example/build/987654"),
    ("BUILD_VCS_NUMBER", SHA),
];

pub(crate) const BUILDKITE: Variables = &[
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

pub(crate) const CIRCLECI: Variables = &[
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

pub(crate) const BITBUCKET: Variables = &[
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

pub(crate) const TRAVIS: Variables = &[
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

pub(crate) const GITLAB: Variables = &[
    ("GITLAB_CI", "true"),
    ("CI_PROJECT_PATH", "group/sub/shop"),
    ("CI_COMMIT_SHA", SHA),
    ("CI_COMMIT_REF_NAME", "v1.4.2"),
    ("CI_COMMIT_TAG", "v1.4.2"),
    ("CI_PIPELINE_IID", "42"),
    ("CI_PIPELINE_ID", "987654"),
    ("CI_PIPELINE_URL", "https://gitlab.example/group/sub/shop/-/pipelines/987654"),
    ("CI_JOB_URL", "https://gitlab.example/group/sub/shop/-/jobs/5"),
    ("CI_ENVIRONMENT_NAME", "production"),
    ("CI_REPOSITORY_URL", "https://gitlab-ci-token:SECRETTOKEN@gitlab.example/group/sub/shop.git"),
];

pub(crate) const ALL: [(&str, Variables); 7] = [
    ("gitlab", GITLAB),
    ("azure", AZURE),
    ("teamcity", TEAMCITY),
    ("buildkite", BUILDKITE),
    ("circleci", CIRCLECI),
    ("bitbucket", BITBUCKET),
    ("travis", TRAVIS),
];

/// Properties as TeamCity writes them, with passwords that are nobody's business.
pub(crate) fn with_properties(call: Versioner) -> Versioner {
    let configuration = call.file(
        "configuration.properties",
        "#TeamCity\nteamcity.build.branch=<default>\nvcsroot.branch=refs/heads/main\n\
         vcsroot.url=https\\://mona\\:SECRETTOKEN@github.com/octo/shop.git\n\
         teamcity.build.triggeredBy=Mona Lisa\nteamcity.build.triggeredBy.username=mona\nteamcity.serverUrl=https\\://teamcity.example\n",
    );
    let build = call.file(
        "build.properties",
        &format!(
            "teamcity.auth.password=SECRETTOKEN\nteamcity.build.id=987654\nteamcity.buildType.id=Shop_Deploy\n\
             agent.name=agent 1\nteamcity.agent.name=agent 1\nteamcity.configuration.properties.file={}\n",
            configuration.replace('\\', "\\\\")
        ),
    );
    call.env("TEAMCITY_BUILD_PROPERTIES_FILE", &build)
}

/// A call on `system`, with whatever its surfaces need in the call's own directory.
pub(crate) fn equipped(name: &str, variables: Variables, sandbox: &Sandbox) -> Versioner {
    let call =
        Versioner::deployment(sandbox, "started").envs(variables).env("VERSIONER_UI_URL", "https://app.versioner.io");
    let path = |file: &str| call.dir.path().join(file).display().to_string();
    match name {
        "gitlab" => {
            let directory = call.dir.path().display().to_string();
            call.env("CI_PROJECT_DIR", &directory)
        }
        "azure" => {
            let directory = call.dir.path().display().to_string();
            call.env("AGENT_TEMPDIRECTORY", &directory)
        }
        "buildkite" => {
            let script = "#!/bin/sh\ntext=$(printf '%s|' \"$@\"; cat)\nprintf '%s\\n' \"$text\" >> \"$AGENT_LOG\"\n";
            call.program("bin/buildkite-agent", script);
            let (bin, log) = (format!("{}:/usr/bin:/bin", path("bin")), path("agent.log"));
            call.env("PATH", &bin).env("AGENT_LOG", &log)
        }
        "circleci" => {
            let file = path("bash_env");
            call.env("BASH_ENV", &file)
        }
        "bitbucket" => {
            let file = path("variables");
            call.env("BITBUCKET_PIPELINES_VARIABLES_PATH", &file)
        }
        _ => call,
    }
}
