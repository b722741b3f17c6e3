//! The table of all settings: names, aliases, defaults and descriptions.
//!
//! Flags, variables, help, the README and `action.yml` come from it or are compared with it by tests. Does not own: parsing.

/// The commands that have a flag for a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All.
    Everywhere,
    /// Those that describe an event: `track …`, `run` and `check`.
    Event,
    /// `check`, whose event has no subcommand.
    Check,
    /// Calls without a subcommand.
    Bare,
    /// `run`.
    Run,
    /// `flush`.
    Flush,
}

/// The argument of a setting's flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A value.
    Value,
    /// None, which means true, or `=true`/`=false`.
    Switch,
}

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// With underscores: `product_name` is `--product-name`, `INPUT_PRODUCT_NAME` and `VERSIONER_PRODUCT_NAME`.
    pub name: &'static str,
    /// The names of the same setting in the vendor's clients.
    pub aliases: &'static [&'static str],
    /// The commands that have its flag.
    pub scope: Scope,
    /// The argument of its flag.
    pub argument: Argument,
    /// In words.
    pub default: &'static str,
    /// In one line.
    pub about: &'static str,
}

const fn value(
    scope: Scope,
    name: &'static str,
    aliases: &'static [&'static str],
    default: &'static str,
    about: &'static str,
) -> Setting {
    Setting { name, aliases, scope, argument: Argument::Value, default, about }
}

const fn switch(name: &'static str, default: &'static str, about: &'static str) -> Setting {
    scoped_switch(Scope::Everywhere, name, default, about)
}

const fn scoped_switch(scope: Scope, name: &'static str, default: &'static str, about: &'static str) -> Setting {
    Setting { name, aliases: &[], scope, argument: Argument::Switch, default, about }
}

const DETECTED: &str = "detected";

/// The default of `api_url`.
pub const DEFAULT_API_URL: &str = "https://api.versioner.io";

/// All settings, in the order of the help.
pub const SETTINGS: &[Setting] = &[
    value(Scope::Everywhere, "api_key", &[], "", "the API key, sk_{account}_{id}_…; required"),
    value(Scope::Everywhere, "api_key_file", &[], "", "a file that holds the API key"),
    value(Scope::Everywhere, "api_url", &[], DEFAULT_API_URL, "the API's base URL"),
    switch("allow_http", "false", "allow http to an address that is not loopback"),
    value(Scope::Everywhere, "ui_url", &[], "from api_url", "the web console's URL, for links"),
    value(Scope::Check, "event_type", &[], "deployment", "deployment or build"),
    value(Scope::Event, "product_name", &["product"], "the repository's name", "the product that is built or deployed"),
    value(Scope::Event, "version", &[], "first 8 of the SHA; on Jenkins the build number", "the version"),
    value(
        Scope::Event,
        "environment",
        &[],
        "GitLab's CI_ENVIRONMENT_NAME",
        "the target environment; required for deployments",
    ),
    value(Scope::Event, "status", &[], "success", "the status, in any CI system's words"),
    value(Scope::Event, "metadata", &["extra_metadata"], "{}", "a JSON object to store with the event, at most 100 KB"),
    value(Scope::Event, "scm_repository", &[], DETECTED, "the repository, as owner/name"),
    value(Scope::Event, "scm_sha", &[], DETECTED, "the commit"),
    value(Scope::Event, "scm_branch", &[], DETECTED, "the branch or tag"),
    value(Scope::Event, "build_number", &[], DETECTED, "the run's number"),
    value(Scope::Event, "invoke_id", &[], DETECTED, "the run's unique id"),
    value(Scope::Event, "source_system", &[], DETECTED, "the CI system"),
    value(Scope::Event, "started_at", &[], DETECTED, "the start time, RFC 3339"),
    value(Scope::Event, "completed_at", &[], "now, at an end", "the end time, RFC 3339"),
    value(Scope::Event, "deploy_url", &[], DETECTED, "the link to the CI run; same as build_url"),
    value(Scope::Event, "build_url", &[], DETECTED, "the link to the CI run; same as deploy_url"),
    value(Scope::Event, "deployed_by", &[], DETECTED, "the person who deployed; same as built_by"),
    value(Scope::Event, "deployed_by_email", &[], DETECTED, "their e-mail address; same as built_by_email"),
    value(Scope::Event, "deployed_by_name", &[], DETECTED, "their name; same as built_by_name"),
    value(Scope::Event, "built_by", &[], DETECTED, "the person who built; same as deployed_by"),
    value(Scope::Event, "built_by_email", &[], DETECTED, "their e-mail address; same as deployed_by_email"),
    value(Scope::Event, "built_by_name", &[], DETECTED, "their name; same as deployed_by_name"),
    switch(
        "fail_on_api_error",
        "true",
        "false: an API that rejects or is unavailable does not fail the job; a block still does",
    ),
    switch(
        "require_gate",
        "false",
        "true: deploy only if the API confirmed that the rules passed, whatever fail_on_api_error says",
    ),
    value(Scope::Everywhere, "on_block", &[], "fail", "fail or wait when a rule blocks; sets the next four"),
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
    value(Scope::Everywhere, "wait_timeout", &[], "30m", "the longest total wait; never beyond the job's own limit"),
    value(Scope::Everywhere, "poll_interval", &[], "30s", "between polls if the API announces no end"),
    value(
        Scope::Everywhere,
        "recheck_interval",
        &[],
        "10m",
        "extra polls before an announced end, in case the rule is lifted early; 0: none",
    ),
    value(
        Scope::Everywhere,
        "conflict_max_age",
        &[],
        "2h",
        "a conflicting deployment older than this is treated as stale: fail, don't wait",
    ),
    value(Scope::Everywhere, "request_timeout", &[], "30s", "the limit of one request"),
    value(Scope::Everywhere, "retries", &[], "3", "retries after a transient failure, 0 to 100"),
    value(Scope::Bare, "command", &[], "track", "what to do without a subcommand: track, finish, flush or check"),
    value(Scope::Bare, "run", &[], "", "a script to wrap: checks the rules, runs it, and reports how it ended"),
    value(Scope::Run, "stop_timeout", &[], "9s", "from a cancel to SIGKILL"),
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
        "the directory for undelivered events and open deployments; off: nothing is kept",
    ),
    scoped_switch(Scope::Flush, "retry_set_aside", "false", "also try to deliver the events that were set aside"),
    value(
        Scope::Everywhere,
        "ca_bundle",
        &[],
        "",
        "a PEM file of certificate authorities, or one self-signed server certificate, to trust as well",
    ),
    switch("ca_only", "false", "true: trust only ca_bundle, and no built-in, system or other certificates"),
    value(Scope::Everywhere, "output_file", &[], "", "a file to which outputs are appended as KEY=VALUE lines"),
    switch("summary", "true", "write the job summary"),
    switch("verbose", "false", "print more"),
    switch("debug", "false", "print everything: requests, replies, sources of values"),
];

/// Variables `VERSIONER_…` that are not settings: those of `entrypoint.sh`, and our own outputs, which a CI system may pass to
/// later jobs as variables.
pub const OTHER_VARIABLES: &[&str] = &[
    "bin",
    "download_url",
    "outcome",
    "gate",
    "wait_result",
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
    "block_rule",
    "retry_after",
    "waited_seconds",
    "attempts",
    "exit_code",
    "deployment_status",
];

/// Flags and variables of the vendor's clients that have no effect, with the reason.
pub const DEPRECATED: &[(&str, &str)] =
    &[("skip_preflight_checks", "the API decides about rules. Switch a rule to Report Only in the console instead")];

impl Setting {
    /// Its name and aliases.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.aliases.iter().copied())
    }

    /// The flag for `name`, such as `--product-name`.
    #[must_use]
    pub fn flag(name: &str) -> String {
        format!("--{}", name.replace('_', "-"))
    }
}

/// The setting with this name or alias.
#[must_use]
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.names().any(|known| known == name))
}
