//! Every supported CI system: what is detected and sent, and what its surfaces show.
//!
//! Owns the fixtures: sample runs with their environment variables, files and helper programs. All names, ids and URLs
//! are invented.

mod clouds;
mod detection;
mod edge_cases;
mod forges;
mod github_jenkins;
mod hosted;
mod hostile_variables;
mod markers;
mod surfaces;

pub(crate) use markers::MARKERS;

use crate::support::Versioner;

/// Environment variables, as name and value.
type Variables = &'static [(&'static str, &'static str)];

/// The head commit of a pull request.
const HEAD: &str = "feedfacefeedfacefeedfacefeedfacefeedface";

/// A system with sample runs. The first run sets the most variables.
pub(crate) struct SystemFixture {
    pub(crate) name: &'static str,
    pub(crate) runs: &'static [RunFixture],
}

/// A sample run: `base`, overridden by `changes`. An empty value unsets the variable.
pub(crate) struct RunFixture {
    name: &'static str,
    base: Variables,
    changes: Variables,
}

pub(crate) fn systems() -> impl Iterator<Item = &'static SystemFixture> {
    [github_jenkins::SYSTEMS, hosted::SYSTEMS, forges::SYSTEMS, clouds::SYSTEMS].into_iter().flatten()
}

impl RunFixture {
    /// The variables of the run. Writes the files that some of them name into the directory of `call`.
    pub(crate) fn variables(&self, call: &Versioner) -> Vec<(String, String)> {
        let pairs = self.base.iter().chain(self.changes).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let mut all: std::collections::BTreeMap<String, String> = pairs.collect();
        if let Some(head) = all.remove("PULL_REQUEST_HEAD") {
            let event = format!(r#"{{"pull_request": {{"head": {{"sha": "{head}"}}}}}}"#);
            all.insert("GITHUB_EVENT_PATH".to_owned(), call.file("event.json", &event));
        }
        if all.contains_key("TEAMCITY_VERSION") && !all.contains_key("TEAMCITY_BUILD_PROPERTIES_FILE") {
            let branch = all.remove("BRANCH").unwrap_or_else(|| "<default>".to_owned());
            let source = all.remove("PULL_REQUEST_SOURCE").unwrap_or_default();
            all.insert("TEAMCITY_BUILD_PROPERTIES_FILE".to_owned(), teamcity_properties(call, &branch, &source));
        }
        all.retain(|_, value| !value.is_empty());
        all.into_iter().collect()
    }
}

/// Writes property files as TeamCity does, passwords included. Returns the path of the build's file.
fn teamcity_properties(call: &Versioner, branch: &str, source: &str) -> String {
    let configuration = call.file(
        "configuration.properties",
        &format!(
            "#TeamCity\nteamcity.build.branch={branch}\nteamcity.pullRequest.source.branch={source}\n\
             vcsroot.branch=refs/heads/main\nvcsroot.url=https\\://mona\\:SECRETTOKEN@github.com/octo/shop.git\n\
             teamcity.build.triggeredBy=Mona Lisa\nteamcity.build.triggeredBy.username=mona\n\
             teamcity.serverUrl=https\\://teamcity.example\n"
        ),
    );
    let configuration = configuration.replace('\\', "\\\\");
    call.file(
        "build.properties",
        &format!(
            "teamcity.auth.password=SECRETTOKEN\nteamcity.build.id=987654\nteamcity.buildType.id=Shop_Deploy\n\
             teamcity.agent.name=agent 1\nteamcity.configuration.properties.file={configuration}\n"
        ),
    )
}

/// Adds the files and programs that the surfaces of `system` need. The programs log their calls to the file `calls`.
pub(crate) fn with_surfaces(system: &str, call: Versioner) -> Versioner {
    let path = |file: &str| call.dir.path().join(file).display().to_string();
    let directory = call.dir.path().display().to_string();
    let program = |name: &str| {
        let script = "#!/bin/sh\ntext=$(printf '%s|' \"$@\"; cat)\nprintf '%s\\n' \"$text\" >> \"$CALLS\"\n";
        call.program(&format!("bin/{name}"), script);
        vec![("PATH", format!("{}:/usr/bin:/bin", path("bin"))), ("CALLS", path("calls"))]
    };
    let variables = match system {
        "github" | "gitea" | "forgejo" => {
            vec![("GITHUB_OUTPUT", path("output")), ("GITHUB_STEP_SUMMARY", path("summary"))]
        }
        "gitlab" => vec![("CI_PROJECT_DIR", directory)],
        "azure" => vec![("AGENT_TEMPDIRECTORY", directory)],
        "circleci" => vec![("BASH_ENV", path("bash_env"))],
        "bitbucket" => vec![("BITBUCKET_PIPELINES_VARIABLES_PATH", path("variables"))],
        "harness" => vec![("HARNESS_OUTPUT_FILE", path("output"))],
        "cloud_build" => vec![("BUILDER_OUTPUT", directory)],
        "buildkite" => program("buildkite-agent"),
        "codefresh" => program("cf_export"),
        "semaphore" => program("sem-context"),
        "appveyor" => program("appveyor"),
        _ => Vec::new(),
    };
    variables.into_iter().fold(call, |call, (name, value)| call.env(name, &value))
}
