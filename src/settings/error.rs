//! Invalid settings. Each message names the setting, its source, the value (never a secret's) and what is allowed.

use super::config_file::ConfigProblem;
use super::table::Setting;
use crate::api::ClientError;
use crate::model::api_key::ApiKeyError;
use crate::model::source::Source;
use crate::model::status::Status;
use crate::text::Foreign;
use thiserror::Error;

/// Why the settings cannot be used.
#[derive(Debug, Error)]
pub enum SettingError {
    /// A value is not one of those allowed.
    #[error("{name} (from {set_by}) is {value:?}, which is invalid. Allowed: {allowed}.")]
    Invalid {
        name: &'static str,
        set_by: Source,
        /// Without credentials and the API key.
        value: Foreign,
        allowed: String,
    },
    /// A setting's variable, or its line of the configuration file, is not text.
    #[error("{name} (from {set_by}) contains bytes that are not UTF-8. Allowed: text in UTF-8.")]
    NotUtf8 { name: &'static str, set_by: Source },
    /// The configuration file cannot be used.
    #[error("The configuration file {path}{set_by} {problem}.")]
    Config { path: Foreign, set_by: String, problem: ConfigProblem },
    /// An input is empty that `action.yml` gives a default.
    #[error(
        "{name} (from {variable}) is empty. Its expression has no value, such as an output of a step that did not run or has \
         no id. Correct the expression, or write 'auto' for the default."
    )]
    EmptyInput { name: &'static str, variable: &'static str },
    /// A required setting is missing.
    #[error(
        "{name} is not set and could not be detected: {what}. Set it with {}, INPUT_{} or VERSIONER_{}.",
        Setting::flag(name), name.to_uppercase(), name.to_uppercase()
    )]
    Missing { name: &'static str, what: &'static str },
    /// There is no API key.
    #[error("{MISSING_KEY}")]
    MissingKey,
    /// One source sets `api_key` and `api_key_file`.
    #[error("api_key and api_key_file are both set by the same kind of source (api_key by {0}). Remove one of them.")]
    BothKeys(Source),
    /// The key, or the file that should contain it, is invalid.
    #[error("{name} (from {set_by}) {problem}. Allowed: {allowed}.")]
    Key { name: &'static str, set_by: Source, problem: Box<KeyProblem>, allowed: &'static str },
    /// The key would be sent unencrypted.
    #[error(
        "api_url (from {set_by}) is {url}, which would send the API key unencrypted. Use https, or set allow_http to true \
         if everyone on that network may see the key."
    )]
    InsecureUrl { set_by: Source, url: Foreign },
    /// The key would be sent on the word of a file that was not named.
    #[error(
        "{name} (from {set_by}) cannot be used with the API key from {key}, because nothing names that file: a program that ran \
         earlier could have written it to receive the key. Set {name} where the key is set, or name the file with --config or \
         VERSIONER_CONFIG."
    )]
    ImplicitTrust { name: &'static str, set_by: Source, key: Source },
    /// There is nothing to trust.
    #[error(
        "ca_only (from {0}) is true, but ca_bundle is not set, and no server would be trusted. Set ca_bundle to a PEM file of \
         the certificate authorities to trust, or remove ca_only."
    )]
    CaOnlyAlone(Source),
    /// `run` wraps a build.
    #[error(
        "event_type is build, but 'run' wraps only deployments. Remove event_type, or report the build with 'track build' \
         when it has ended."
    )]
    BuildUnderRun,
    /// `run` has a status.
    #[error(
        "status cannot be used with 'run': it reports started, and then how the command ended. Remove status, or report one \
         event with 'track deployment --status …'. (It comes from {0}.)"
    )]
    StatusUnderRun(Source),
    /// A script and another command.
    #[error(
        "run (from {run}) and command (from {command}) are both set, and one call does one thing. Remove one of them."
    )]
    RunAndCommand { run: Source, command: Source },
    /// `finish` has a status that is not an end.
    #[error(
        "status (from {set_by}) is {status}, which is not an end. Allowed for 'finish': completed, failed, aborted, and the words \
         of CI systems for them, such as success, failure and cancelled."
    )]
    NotTerminal { set_by: Source, status: Status },
    /// `finish` has no status.
    #[error(
        "status is not set, and this CI system does not expose the job status. Set it with --status, INPUT_STATUS or \
         VERSIONER_STATUS: completed, failed or aborted, or the CI system's own word, such as ${{{{ job.status }}}} on GitHub \
         and currentBuild.currentResult on Jenkins."
    )]
    NoStatus,
    /// A setting of GitHub on another system.
    #[error("{name} (from {set_by}) is {value}, which works only on GitHub Actions, and this is {system}. {instead}.")]
    OnlyOnGitHub {
        name: &'static str,
        value: &'static str,
        set_by: Source,
        system: &'static str,
        /// What to do instead.
        instead: &'static str,
    },
    /// `resume` on another system.
    #[error(
        "'resume' re-runs jobs on GitHub, and this is {0} without GITHUB_REPOSITORY. Run it in a scheduled workflow on GitHub \
         Actions; elsewhere, use on_block: wait."
    )]
    ResumeElsewhere(&'static str),
    /// There is no token for GitHub.
    #[error(
        "github_token is not set. On GitHub, pass 'GITHUB_TOKEN: ${{{{ github.token }}}}' under env:, or the input github_token, \
         in a job with 'permissions: {{ actions: write, checks: read }}'."
    )]
    NoToken,
    /// The token cannot be sent.
    #[error(
        "github_token (from {0}) contains white space or characters that no request can carry. Allowed: a GitHub token."
    )]
    Token(Source),
    /// GitHub's address cannot be used.
    #[error(
        "GITHUB_API_URL is {0}, which cannot be used: github_token is sent only over https, or to this machine. Allowed: an \
         address such as https://api.github.com."
    )]
    GitHubUrl(Foreign),
    /// The API client cannot be set up.
    #[error(transparent)]
    Client(#[from] ClientError),
}

impl SettingError {
    /// Whether a setting is missing, and not wrong.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::Missing { .. } | Self::MissingKey | Self::NoStatus)
    }

    /// The setting whose value cannot be used.
    pub(super) fn setting(&self) -> Option<&'static str> {
        match self {
            Self::Invalid { name, .. } | Self::NotUtf8 { name, .. } => Some(name),
            Self::Token(_) => Some("github_token"),
            _ => None,
        }
    }
}

/// Why a key, or the file that should contain it, is invalid.
#[derive(Debug, Error)]
pub enum KeyProblem {
    #[error(transparent)]
    Key(ApiKeyError),
    /// The name of the file is a key.
    #[error("looks like a key itself: use api_key for it, or the path of a file that contains it")]
    IsAKey,
    #[error("names the file {path}, which cannot be read: {error}")]
    Unreadable { path: Foreign, error: Foreign },
    #[error("names the file {path}, whose content {error}")]
    Content { path: Foreign, error: ApiKeyError },
}

/// What to do without an API key.
pub const MISSING_KEY: &str = "api_key is not set. Store the key as a secret of your CI system and pass it: on GitHub \
    'api_key: ${{ secrets.VERSIONER_API_KEY }}', elsewhere in the variable VERSIONER_API_KEY, or use api_key_file. (A secret \
    is empty in workflows of forks, and if its name is misspelled.)";
