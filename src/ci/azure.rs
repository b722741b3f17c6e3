//! Azure DevOps: Azure Pipelines, and its classic releases.
//!
//! Owns: the predefined variables and logging commands. Sources: Azure DevOps documentation, "Use predefined variables"
//! and "Logging commands"; the agent's own parser (microsoft/azure-pipelines-agent, `Command.cs`,
//! `CommandStringConvertor.cs`, `TaskCommandExtension.cs`).

#[cfg(test)]
use super::contract_tests::Example;
use super::output_variables::{fits_environment, select};
use super::plain::Plain;
use super::surface::{LARGEST_ANNOTATION, Surface, SurfaceError};
use super::{Context, Detected, STOP_TIMEOUT, System, equals, first, identity, link, repository_of_remote};
use crate::env::Env;
use crate::model::message::{Level, Summary};
use crate::text;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;

/// Azure DevOps.
pub(super) const SYSTEM: System = System {
    name: "Azure DevOps",
    source_system: Some("azure-devops"),
    detect: |env| env.get("TF_BUILD").is_some(),
    context,
    job_identity,
    job_status: |env| first(env, &["AGENT_JOBSTATUS"]),
    temp_dir: Some("AGENT_TEMPDIRECTORY"),
    last_step: "script: versioner flush / condition: always()",
    stop_timeout: STOP_TIMEOUT,
    has_plugins: false,
    surface: |env| Box::new(Azure { temp_dir: env.get("AGENT_TEMPDIRECTORY").map(PathBuf::from) }),
    #[cfg(test)]
    example: EXAMPLE,
};

const METADATA: [(&str, &str); 4] = [
    ("vi_azure_build_id", "BUILD_BUILDID"),
    ("vi_azure_definition_name", "BUILD_DEFINITIONNAME"),
    ("vi_azure_agent_name", "AGENT_NAME"),
    ("vi_azure_team_project", "SYSTEM_TEAMPROJECT"),
];

fn context(env: &Env) -> Context {
    let build_number = first(env, &["BUILD_BUILDNUMBER", "BUILD_BUILDID"]);
    // In a release, the build's person is the one who built the artifact, not the one who deploys it.
    let deployer = ["RELEASE_DEPLOYMENT_REQUESTEDFOR", "BUILD_REQUESTEDFOR"];
    let email = match first(env, &deployer) {
        Some(found) if found.source == deployer[0] => "RELEASE_DEPLOYMENT_REQUESTEDFOREMAIL",
        _ => "BUILD_REQUESTEDFOREMAIL",
    };
    let remotes = ["SYSTEM_PULLREQUEST_SOURCEREPOSITORYURI", "BUILD_REPOSITORY_URI"];
    let mut context = Context {
        // For Azure's own repositories, BUILD_REPOSITORY_NAME lacks the project.
        repository: repository_of_remote(env, &remotes).or_else(|| first(env, &["BUILD_REPOSITORY_NAME"])),
        // On a pull request BUILD_SOURCEVERSION is a temporary merge commit.
        sha: first(env, &["SYSTEM_PULLREQUEST_SOURCECOMMITID", "BUILD_SOURCEVERSION"]),
        version: build_number.clone(),
        environment: first(env, &["RELEASE_ENVIRONMENTNAME", "ENVIRONMENT_NAME"]),
        build_number,
        invoke_id: first(env, &["BUILD_BUILDID"]),
        run_url: run_url(env),
        actor: first(env, &deployer),
        actor_email: first(env, &[email]),
        actor_name: first(env, &deployer),
        manual_trigger: equals(env, "BUILD_REASON", "Manual"),
        ..Context::default()
    };
    // BUILD_SOURCEBRANCHNAME is only the last part: "one" of "feature/one".
    context.set_refs(env, &["SYSTEM_PULLREQUEST_SOURCEBRANCH", "BUILD_SOURCEBRANCH", "BUILD_SOURCEBRANCHNAME"], &[]);
    context.add_metadata(env, &METADATA);
    context
}

/// The run's page. BUILD_BUILDURI is a `vstfs:` address, which no browser opens.
fn run_url(env: &Env) -> Option<Detected> {
    if let Some(release) = link(env, &["RELEASE_RELEASEWEBURL"]) {
        return Some(release);
    }
    let server = link(env, &["SYSTEM_TEAMFOUNDATIONSERVERURI", "SYSTEM_COLLECTIONURI"])?;
    let project = first(env, &["SYSTEM_TEAMPROJECTID", "SYSTEM_TEAMPROJECT"])?;
    let build = first(env, &["BUILD_BUILDID"])?;
    let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string().replace("%2D", "-");
    let value = format!(
        "{}/{}/_build/results?buildId={}",
        server.raw().trim_end_matches('/'),
        encode(project.raw()),
        encode(build.raw())
    );
    Some(Detected::new(value, format!("{}, {} and BUILD_BUILDID", server.source, project.source)))
}

/// SYSTEM_JOBID is unique within a run only: two runs of a pipeline share it. In a release, BUILD_BUILDID is the build that
/// is deployed, and the deployment has its own id.
fn job_identity(env: &Env) -> Option<String> {
    let run = ["SYSTEM_PLANID", "BUILD_BUILDID", "RELEASE_DEPLOYMENTID"];
    let attempts = ["RELEASE_ATTEMPTNUMBER", "SYSTEM_STAGEATTEMPT", "SYSTEM_PHASEATTEMPT", "SYSTEM_JOBATTEMPT"];
    first(env, &run)?;
    identity(env, &["SYSTEM_JOBID"], &[&["SYSTEM_COLLECTIONID"], &run[..], &attempts].concat())
}

/// Azure's surfaces: logging commands on stdout.
struct Azure {
    /// Where a summary is kept until the agent has uploaded it.
    temp_dir: Option<PathBuf>,
}

const TRUNCATED: &str = " … (cut)";
const TRUNCATED_BESIDE_SUMMARY: &str = " … (cut; whole in the run's summary)";

impl Surface for Azure {
    fn annotation(&self, level: Level, title: &str, message: &str) -> String {
        let properties = match level {
            Level::Error => "type=error",
            Level::Warning => "type=warning",
            // There is no type for notices.
            Level::Notice => return Plain.annotation(level, title, message),
        };
        let head = format!("##vso[task.logissue {properties};]");
        let room = LARGEST_ANNOTATION - head.len();
        let has_summary = self.temp_dir.is_some() && level == Level::Error;
        let mark = if has_summary { TRUNCATED_BESIDE_SUMMARY } else { TRUNCATED };
        let whole = if message.is_empty() { title.to_owned() } else { format!("{title}\n{message}") };
        let whole = text::truncate(&whole, room, mark, |c| escape(c.encode_utf8(&mut [0; 4])).len());
        format!("{head}{}\n", escape(&whole))
    }

    fn annotates_on_stdout(&self) -> bool {
        // The agent reads both streams. Using only one keeps the order.
        true
    }

    fn add_summary(&self, summary: &Summary) -> Result<String, SurfaceError> {
        let Some(directory) = &self.temp_dir else {
            return Ok(String::new());
        };
        let path = directory.join(format!("versioner-{}.md", uuid::Uuid::new_v4().simple()));
        let failed = |error| SurfaceError::file_of_variable("AGENT_TEMPDIRECTORY", &path, error);
        // The agent uploads it when it reads the command, and empties the directory after the job.
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .and_then(|mut file| file.write_all(summary.markdown.as_bytes()))
            .map_err(failed)?;
        let absolute = std::path::absolute(&path).map_err(failed)?;
        Ok(format!("##vso[task.uploadsummary]{}\n", escape(&absolute.display().to_string())))
    }

    fn has_summary(&self) -> bool {
        self.temp_dir.is_some()
    }

    fn set_outputs(&self, outputs: &[(&str, String)]) -> Result<String, SurfaceError> {
        let (selected, mut lines) = select(outputs, "the variables", |_, value| fits_environment(value));
        for (name, value) in selected {
            let value = escape(value);
            // Once for later steps of this job, and once for other jobs, which read it by the step's name.
            lines.push_str(&format!("##vso[task.setvariable variable={name};]{value}\n"));
            lines.push_str(&format!("##vso[task.setvariable variable={name};isOutput=true;]{value}\n"));
        }
        Ok(lines)
    }
}

/// Escapes a property or the text of a command. The agent reverses this.
fn escape(text: &str) -> String {
    text.replace('%', "%AZP25").replace(';', "%3B").replace('\r', "%0D").replace('\n', "%0A").replace(']', "%5D")
}

#[cfg(test)]
const EXAMPLE: Example = Example {
    minimal: &[("TF_BUILD", "True")],
    ambiguous: &[],
    not_detected: &[],
    refs: None,
    sources: &[include_str!("azure.rs")],
    job: &[
        ("SYSTEM_COLLECTIONID", "6c6f3423"),
        ("SYSTEM_PLANID", "36330d11"),
        ("BUILD_BUILDID", "5678"),
        ("SYSTEM_JOBID", "12f1170f-54f2-53f3-20dd-22fc7dff55f9"),
        ("SYSTEM_JOBATTEMPT", "1"),
    ],
    same_job: &[&[("SYSTEM_TASKINSTANCEID", "2")]],
    other_jobs: &[
        &[("SYSTEM_PLANID", "36330d12"), ("BUILD_BUILDID", "5679")],
        &[("SYSTEM_PLANID", ""), ("BUILD_BUILDID", "5680")],
        &[("SYSTEM_JOBATTEMPT", "2")],
        &[("SYSTEM_STAGEATTEMPT", "2")],
        &[("SYSTEM_JOBID", "3dc8fd7e-4368-5a92-293e-d53cefc8c4b3")],
        // Two deployments of one build.
        &[("RELEASE_DEPLOYMENTID", "1")],
        &[("RELEASE_DEPLOYMENTID", "2")],
    ],
    unknown_jobs: &[&[("SYSTEM_JOBID", "")], &[("SYSTEM_PLANID", ""), ("BUILD_BUILDID", "")]],
    job_status: &[
        (&[("AGENT_JOBSTATUS", "SucceededWithIssues")], Some("SucceededWithIssues")),
        (&[("AGENT_JOBSTATUS", "Canceled")], Some("Canceled")),
    ],
};

#[cfg(test)]
mod tests;
