//! This workflow run, as GitHub's API knows it.
//!
//! Owns: the variables that name it. Source: GitHub's documentation "Variables reference".

use crate::env::Env;
use crate::text::clean_url;

/// The run that this job belongs to.
#[derive(Clone, Debug, Default)]
pub struct GitHubRun {
    /// The REST API's base URL.
    pub api_url: Option<String>,
    /// The web pages' base URL.
    pub server_url: Option<String>,
    /// `owner/name`.
    pub repository: Option<String>,
    /// The token, if a workflow passes it in the usual variable.
    pub token: Option<String>,
    pub id: Option<u64>,
    /// The number among the runs of the workflow.
    pub number: Option<u64>,
    pub attempt: u32,
    pub event: String,
    /// The ref that started the run, such as `refs/heads/main`.
    pub git_ref: String,
    /// The file name of the workflow.
    pub workflow: Option<String>,
    /// Who started this attempt.
    pub triggering_actor: String,
}

impl GitHubRun {
    /// Reads the variables of the runner.
    #[must_use]
    pub fn read(env: &Env) -> Self {
        let text = |name: &str| env.get(name).map(|value| value.trim().to_owned());
        let number = |name: &str| env.get(name).and_then(|value| value.trim().parse().ok());
        Self {
            api_url: text("GITHUB_API_URL"),
            server_url: text("GITHUB_SERVER_URL"),
            repository: text("GITHUB_REPOSITORY"),
            token: text("GITHUB_TOKEN"),
            id: number("GITHUB_RUN_ID"),
            number: number("GITHUB_RUN_NUMBER"),
            attempt: number("GITHUB_RUN_ATTEMPT").and_then(|attempt| attempt.try_into().ok()).unwrap_or(1),
            event: text("GITHUB_EVENT_NAME").unwrap_or_default(),
            git_ref: text("GITHUB_REF").unwrap_or_default(),
            // octo/shop/.github/workflows/deploy.yml@refs/heads/main
            workflow: text("GITHUB_WORKFLOW_REF").and_then(|reference| {
                let path = reference.split_once('@')?.0;
                path.rsplit('/').next().filter(|file| !file.is_empty()).map(str::to_owned)
            }),
            triggering_actor: text("GITHUB_TRIGGERING_ACTOR").unwrap_or_default(),
        }
    }

    /// The address of the repository's runs for a browser.
    #[must_use]
    pub fn pages(&self) -> Option<String> {
        let server = clean_url(self.server_url.as_ref()?);
        Some(format!("{}/{}/actions/runs", server.trim_end_matches('/'), self.repository.as_ref()?))
    }

    /// The branch, if a branch started the run.
    #[must_use]
    pub fn branch(&self) -> Option<&str> {
        self.git_ref.strip_prefix("refs/heads/")
    }
}
