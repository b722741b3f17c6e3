//! The list of all settings: names, aliases, defaults and what each means.
//!
//! Owns: the one table from which flags, variables, help and error messages are made. Does not own: parsing.

/// Where a setting may be given as a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// With every call.
    Everywhere,
    /// With calls that describe an event: `track …` and `check`.
    Event,
    /// With `check`, where no subcommand says it.
    Check,
    /// With calls without a subcommand.
    Bare,
    /// With `run`.
    Run,
}

/// What a setting's flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// A value.
    Value,
    /// Nothing, which means true, or `=true`/`=false`.
    Switch,
}

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Its name, with underscores: `--product-name` as a flag, `INPUT_PRODUCT_NAME`, `VERSIONER_PRODUCT_NAME`.
    pub name: &'static str,
    /// Other names for the same, from the vendor's clients.
    pub aliases: &'static [&'static str],
    /// Where its flag stands.
    pub scope: Scope,
    /// What its flag takes.
    pub takes: Takes,
    /// Its default, in words.
    pub default: &'static str,
    /// What it means, in one line.
    pub about: &'static str,
}

const fn value(
    scope: Scope,
    name: &'static str,
    aliases: &'static [&'static str],
    default: &'static str,
    about: &'static str,
) -> Setting {
    Setting { name, aliases, scope, takes: Takes::Value, default, about }
}

const fn switch(name: &'static str, default: &'static str, about: &'static str) -> Setting {
    scoped_switch(Scope::Everywhere, name, default, about)
}

const fn scoped_switch(scope: Scope, name: &'static str, default: &'static str, about: &'static str) -> Setting {
    Setting { name, aliases: &[], scope, takes: Takes::Switch, default, about }
}

const DETECTED: &str = "detected";

/// All settings, in the order in which they are explained.
pub const SETTINGS: &[Setting] = &[
    value(Scope::Everywhere, "api_key", &[], "", "the API key, sk_{account}_{id}_…; required"),
    value(Scope::Everywhere, "api_key_file", &[], "", "a file that holds the API key"),
    value(Scope::Everywhere, "api_url", &[], "https://api.versioner.io", "where the API is"),
    switch("allow_http", "false", "allow http to an address that is not loopback"),
    value(Scope::Everywhere, "ui_url", &[], "from api_url", "where the web console is, for links"),
    value(Scope::Check, "event_type", &[], "deployment", "deployment or build"),
    value(Scope::Event, "product_name", &["product"], "the repository's name", "what is built or deployed"),
    value(Scope::Event, "version", &[], "first 8 of the SHA; on Jenkins the build number", "its version"),
    value(
        Scope::Event,
        "environment",
        &[],
        "GitLab's CI_ENVIRONMENT_NAME",
        "where it is deployed to; required for deployments",
    ),
    value(Scope::Event, "status", &[], "success", "how it stands, in any CI system's words"),
    value(Scope::Event, "metadata", &["extra_metadata"], "{}", "a JSON object to store with the event, at most 100 KB"),
    value(Scope::Event, "scm_repository", &[], DETECTED, "the repository, as owner/name"),
    value(Scope::Event, "scm_sha", &[], DETECTED, "the commit"),
    value(Scope::Event, "scm_branch", &[], DETECTED, "the branch or tag"),
    value(Scope::Event, "build_number", &[], DETECTED, "the run's number"),
    value(Scope::Event, "invoke_id", &[], DETECTED, "the run's unique id"),
    value(Scope::Event, "source_system", &[], DETECTED, "the CI system"),
    value(Scope::Event, "started_at", &[], DETECTED, "when it began, RFC 3339"),
    value(Scope::Event, "completed_at", &[], "now, at an end", "when it ended, RFC 3339"),
    value(Scope::Event, "deploy_url", &[], DETECTED, "a link to the run; the same as build_url"),
    value(Scope::Event, "build_url", &[], DETECTED, "a link to the run; the same as deploy_url"),
    value(Scope::Event, "deployed_by", &[], DETECTED, "who did it; the same as built_by"),
    value(Scope::Event, "deployed_by_email", &[], DETECTED, "their e-mail; the same as built_by_email"),
    value(Scope::Event, "deployed_by_name", &[], DETECTED, "their name; the same as built_by_name"),
    value(Scope::Event, "built_by", &[], DETECTED, "who did it; the same as deployed_by"),
    value(Scope::Event, "built_by_email", &[], DETECTED, "their e-mail; the same as deployed_by_email"),
    value(Scope::Event, "built_by_name", &[], DETECTED, "their name; the same as deployed_by_name"),
    switch(
        "fail_on_api_error",
        "true",
        "false: an API that is unreachable or refuses does not fail the job; a block still does",
    ),
    switch(
        "require_gate",
        "false",
        "true: without the server's yes nothing is deployed, whatever fail_on_api_error says",
    ),
    value(Scope::Everywhere, "on_block", &[], "fail", "fail or wait when a rule blocks; sets the next four at once"),
    value(
        Scope::Everywhere,
        "on_conflict",
        &[],
        "on_block",
        "fail or wait while another deployment is in progress (409)",
    ),
    value(Scope::Everywhere, "on_window", &[], "on_block", "fail or wait in a no-deploy window (423)"),
    value(Scope::Everywhere, "on_approval", &[], "on_block", "fail or wait until approvals are given (428)"),
    value(Scope::Everywhere, "on_soak", &[], "on_block", "fail or wait until the soak time is over (428)"),
    value(
        Scope::Everywhere,
        "on_flow",
        &[],
        "fail",
        "fail or wait at a flow violation or an unknown code (428); waiting seldom lifts these",
    ),
    value(
        Scope::Everywhere,
        "wait_timeout",
        &[],
        "30m",
        "the longest to wait in all; never beyond the job's own limit",
    ),
    value(Scope::Everywhere, "poll_interval", &[], "30s", "between polls where the server names no time"),
    value(
        Scope::Everywhere,
        "recheck_interval",
        &[],
        "10m",
        "looks in this often before a named time, in case somebody lifts the rule; 0 never does",
    ),
    value(
        Scope::Everywhere,
        "conflict_max_age",
        &[],
        "2h",
        "a conflicting deployment older than this is taken for dead and not waited for",
    ),
    value(Scope::Everywhere, "request_timeout", &[], "30s", "the longest that one request may take"),
    value(
        Scope::Everywhere,
        "retries",
        &[],
        "3",
        "how often a request that failed in passing is tried again, 0 to 100",
    ),
    value(Scope::Bare, "command", &[], "report", "what to do without a subcommand: report, finish, flush or check"),
    value(Scope::Bare, "run", &[], "", "a script to wrap: asks first, runs it, and reports how it ended"),
    value(Scope::Run, "stop_timeout", &[], "9s", "from a cancel until what is left of the command is killed"),
    scoped_switch(
        Scope::Run,
        "keep_api_key",
        "false",
        "leave the API key in the command's environment, for scripts that call versioner themselves",
    ),
    value(
        Scope::Everywhere,
        "spool_dir",
        &[],
        "the job's temporary directory, else the user's state directory",
        "where events are kept that could not be delivered, and what this job has started; off keeps nothing",
    ),
    value(Scope::Everywhere, "ca_bundle", &[], "", "a PEM file of certificate authorities to trust as well"),
    value(Scope::Everywhere, "output_file", &[], "", "a file to which outputs are appended as KEY=VALUE lines"),
    switch("summary", "true", "write the job summary"),
    switch("verbose", "false", "say more"),
    switch("debug", "false", "say everything: requests, replies, where values come from"),
];

/// Variables of the form `VERSIONER_…` that are no settings: what `entrypoint.sh` reads, and our own outputs,
/// which a CI system may hand to later jobs as variables.
pub const OTHER_VARIABLES: &[&str] = &[
    "bin",
    "download_url",
    "outcome",
    "gate",
    "http_status",
    "deployment_id",
    "event_id",
    "build_id",
    "version_id",
    "product_id",
    "environment_id",
    "url",
    "block_code",
    "block_message",
    "retry_after",
    "waited_seconds",
    "attempts",
    "exit_code",
];

/// Flags and variables of the vendor's clients that mean nothing any more.
pub const RETIRED: &[(&str, &str)] =
    &[("skip_preflight_checks", "the rules are the server's: switch a rule to report-only in the console instead")];

impl Setting {
    /// All names that mean this setting.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// Its flag, such as `--product-name`.
    #[must_use]
    pub fn flag(name: &str) -> String {
        format!("--{}", name.replace('_', "-"))
    }
}

/// The setting that goes by `name`, which may be an alias.
#[must_use]
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.names().any(|known| known == name))
}
