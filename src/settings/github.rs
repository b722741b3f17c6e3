//! The settings for GitHub's API: where it is, the token, and what `resume` and `on_superseded` need.
//!
//! Owns: defaults from the runner's variables, and which commands need a token.

use super::error::SettingError;
use super::resolver::Resolver;
use super::table::{Argument, ON_SUPERSEDED};
use crate::api::is_loopback;
use crate::ci::{GitHubRun, System};
use crate::env::Env;
use crate::forge::{GitHubConfig, Token};
use crate::model::source::{Source, Sourced};
use reqwest::Url;

const DEFAULT_URL: &str = "https://api.github.com";

/// What `resume` does.
#[derive(Clone, Debug)]
pub struct ResumePlan {
    pub github: GitHubConfig,
    /// The workflow's id or its file's name.
    pub workflow: String,
    /// `None`: the default branch.
    pub branch: Option<String>,
    /// Whether to print only what would be done.
    pub dry_run: bool,
    /// The address of the repository's runs, for links.
    pub pages: Option<String>,
}

/// What the settings say about GitHub.
#[derive(Clone, Debug)]
pub struct GitHubSettings {
    /// `None` without a token.
    pub api: Option<GitHubConfig>,
    /// The run that this job belongs to. `None` on other systems.
    pub run: Option<GitHubRun>,
    /// Whether a newer run of the workflow fails this job.
    pub fail_if_superseded: bool,
}

/// The settings for GitHub, and the plan of `resume` if that is the command.
pub(super) fn resolve(
    resolver: &mut Resolver<'_>,
    env: &Env,
    system: &System,
    is_resume: bool,
) -> (GitHubSettings, Option<ResumePlan>) {
    let run = GitHubRun::read(env);
    let fail_if_superseded = on_superseded(resolver, system);
    let token = token(resolver, &run);
    let workflow = resolver.optional("workflow", &["workflow"], None, WORKFLOWS, parse_workflow);
    let branch = resolver.optional("branch", &["branch"], None, "the name of a branch", |branch| {
        let name = branch.strip_prefix("refs/heads/").unwrap_or(branch);
        (!name.is_empty()).then(|| name.to_owned())
    });
    let dry_run = resolver.switch("dry_run", false);
    let used = is_resume || fail_if_superseded || token.is_some();
    let url = if used { url(resolver, &run, is_resume) } else { None };
    let config = || Some(GitHubConfig { url: url?, repository: run.repository.clone()?, token: token?.value });
    let api = config();
    if is_resume {
        required(resolver, system, &run, api.as_ref(), workflow.is_some());
    }
    let plan = || {
        let (workflow, branch) = (workflow?.value, branch.map(|branch| branch.value));
        Some(ResumePlan { github: api.clone()?, workflow, branch, dry_run, pages: run.pages() })
    };
    let plan = if is_resume { plan() } else { None };
    let run = system.is_github().then_some(run);
    (GitHubSettings { api, run, fail_if_superseded }, plan)
}

/// Whether a newer run fails this job.
fn on_superseded(resolver: &mut Resolver<'_>, system: &System) -> bool {
    let parse = |word: &str| match word.to_ascii_lowercase().as_str() {
        "ignore" => Some(false),
        "fail" => Some(true),
        _ => None,
    };
    let Some(fail) = resolver.with_default("on_superseded", "ignore", &Argument::allowed(ON_SUPERSEDED), parse) else {
        return false;
    };
    if fail.value && !system.is_github() {
        resolver.errors.push(SettingError::OnlyOnGitHub {
            name: "on_superseded",
            value: "fail",
            set_by: fail.source,
            system: system.name,
            instead: "Remove it. To run one deployment at a time, use what the CI system has for that, such as GitLab's \
                      resource_group",
        });
    }
    fail.value
}

/// The token: the setting, else the runner's usual variable. A value of the latter that cannot be a token is ignored.
fn token(resolver: &mut Resolver<'_>, run: &GitHubRun) -> Option<Sourced<Token>> {
    let given = resolver.pick(&["github_token"]).filter(|raw| raw.value.raw() != "none");
    let none = matches!(resolver.sources.pick(&["github_token"]), Ok(Some(raw)) if raw.value.raw() == "none");
    let from_runner = || {
        let token = run.token.as_ref().filter(|_| !none)?;
        Some(Sourced { value: Token::parse(token)?, source: Source::Detected("GITHUB_TOKEN".to_owned()) })
    };
    let token = match given {
        None => from_runner(),
        Some(raw) => {
            let token = Token::parse(raw.value.raw());
            if token.is_none() {
                resolver.redactor.add(raw.value.raw());
                resolver.errors.push(SettingError::Token(raw.source.clone()));
            }
            token.map(|value| Sourced { value, source: raw.source })
        }
    };
    if let Some(token) = &token {
        resolver.redactor.add(token.value.expose());
    }
    resolver.note("github_token", token.as_ref().map(|token| ("(not shown)".into(), token.source.clone())));
    token
}

/// GitHub's address. The token is not sent unencrypted, unless the user allows that for the API key as well. An unusable
/// address is an error only if the command needs it.
fn url(resolver: &mut Resolver<'_>, run: &GitHubRun, is_needed: bool) -> Option<Url> {
    let text = run.api_url.as_deref().unwrap_or(DEFAULT_URL);
    let allow_http =
        matches!(resolver.sources.pick(&["allow_http"]), Ok(Some(raw)) if raw.value.raw().eq_ignore_ascii_case("true"));
    let is_plain = |url: &Url| url.username().is_empty() && url.password().is_none() && url.query().is_none();
    let is_safe = |url: &Url| url.scheme() == "https" || (url.scheme() == "http" && (allow_http || is_loopback(url)));
    let url = Url::parse(text.trim_end_matches('/')).ok().filter(|url| is_safe(url) && is_plain(url));
    if url.is_none() && is_needed {
        resolver.errors.push(SettingError::GitHubUrl(crate::text::clean_url(text).into()));
    }
    url
}

/// Adds the errors of what `resume` needs and does not have.
fn required(
    resolver: &mut Resolver<'_>,
    system: &System,
    run: &GitHubRun,
    api: Option<&GitHubConfig>,
    has_workflow: bool,
) {
    let is_other = system.source_system.is_some() && !system.is_github();
    if is_other || run.repository.as_ref().is_none_or(|repository| repository.split('/').count() != 2) {
        resolver.errors.push(SettingError::ResumeElsewhere(system.name));
        return;
    }
    let names: Vec<&str> = resolver.errors.iter().filter_map(SettingError::setting).collect();
    let (token, workflow) = (names.contains(&"github_token"), names.contains(&"workflow"));
    if api.is_none() && !token && !resolver.errors.iter().any(|error| matches!(error, SettingError::GitHubUrl(_))) {
        resolver.errors.push(SettingError::NoToken);
    }
    if !has_workflow && !workflow {
        resolver
            .errors
            .push(SettingError::Missing { name: "workflow", what: "the file of the workflow whose jobs park" });
    }
}

const WORKFLOWS: &str = "the file name of a workflow in .github/workflows, such as deploy.yml, or its id";

fn parse_workflow(text: &str) -> Option<String> {
    let name = text.trim_start_matches("./");
    let name = name.strip_prefix(".github/workflows/").unwrap_or(name);
    let is_valid = !name.is_empty() && !name.contains('/') && !matches!(name, "." | "..");
    is_valid.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workflow_is_a_file_name_or_an_id() {
        for (text, expected) in [
            ("deploy.yml", Some("deploy.yml")),
            (".github/workflows/deploy.yml", Some("deploy.yml")),
            ("./.github/workflows/deploy.yml", Some("deploy.yml")),
            ("4711", Some("4711")),
            ("../deploy.yml", None),
            ("ci/deploy.yml", None),
            ("..", None),
        ] {
            assert_eq!(parse_workflow(text).as_deref(), expected, "{text}");
        }
    }
}
