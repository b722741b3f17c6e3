//! The table of all settings: names, aliases, defaults and descriptions.
//!
//! Flags, variables, help, completions, the man page, `docs/reference.md` and `action.yml` come from it or are compared
//! with it by tests. Does not own: parsing.

/// What a setting is about. It decides which commands have a flag for it, and which of them list it in their help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Reaching the API. All commands.
    Api,
    /// Any event: `track …`, `run` and `check`.
    Event,
    /// The name that deployments have for a setting of every event, or a setting that only they use.
    Deployment,
    /// The name that builds have for a setting of every event.
    Build,
    /// The status: any event, and `finish`.
    Status,
    /// `check`, whose event has no subcommand.
    Check,
    /// Blocks and waiting. All commands.
    Blocks,
    /// Calls without a subcommand.
    Bare,
    /// `run`.
    Run,
    /// `flush`.
    Flush,
    /// GitHub's API. All commands.
    GitHub,
    /// `resume`.
    Resume,
    /// What is printed and written. All commands.
    Output,
}

/// The argument of a setting's flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A value, with a name for it.
    Value(&'static str),
    /// One of these words.
    Words(&'static [&'static str]),
    /// None, which means true, or `=true`/`=false`.
    Switch,
}

impl Argument {
    /// How the help shows it: `<DURATION>`, `<fail|wait>`, `[=false]`.
    #[must_use]
    pub fn form(self) -> String {
        match self {
            Self::Value(name) => format!("<{name}>"),
            Self::Words(words) => format!("<{}>", words.join("|")),
            Self::Switch => "[=true|false]".to_owned(),
        }
    }

    /// The words of a setting, for an error that says what is allowed: `fail or wait`.
    #[must_use]
    pub fn allowed(words: &[&str]) -> String {
        match words {
            [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => words.concat(),
        }
    }
}

const DURATION: Argument = Argument::Value("DURATION");
const EMAIL: Argument = Argument::Value("EMAIL");
/// The argument of flags that name a file.
pub const FILE: Argument = Argument::Value("FILE");
const NAME: Argument = Argument::Value("NAME");
const TEXT: Argument = Argument::Value("TEXT");
const TIME: Argument = Argument::Value("TIME");
const URL: Argument = Argument::Value("URL");

/// The words of `on_block` and the settings that it sets.
pub const ON_BLOCK: &[&str] = &["fail", "wait", "park"];
/// The words of `on_flow`: such a block is never parked.
pub const ON_FLOW: &[&str] = &["fail", "wait"];
/// The words of `on_superseded`.
pub const ON_SUPERSEDED: &[&str] = &["ignore", "fail"];
/// The words of `command`.
pub const COMMAND: &[&str] = &["track", "finish", "flush", "resume", "check"];
/// The words of `event_type`.
pub const EVENT_TYPE: &[&str] = &["deployment", "build"];

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// With underscores: `product_name` is `--product-name`, `INPUT_PRODUCT_NAME` and `VERSIONER_PRODUCT_NAME`.
    pub name: &'static str,
    /// The names of the same setting in the vendor's clients.
    pub aliases: &'static [&'static str],
    /// What it is about.
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
    argument: Argument,
    default: &'static str,
    about: &'static str,
) -> Setting {
    Setting { name, aliases: &[], scope, argument, default, about }
}

const fn switch(scope: Scope, name: &'static str, default: &'static str, about: &'static str) -> Setting {
    value(scope, name, Argument::Switch, default, about)
}

impl Setting {
    const fn also(self, aliases: &'static [&'static str]) -> Self {
        Self { aliases, ..self }
    }
}

const DETECTED: &str = "detected";

/// The default of `api_url`.
pub const DEFAULT_API_URL: &str = "https://api.versioner.io";

/// All settings, in the order of the help.
pub const SETTINGS: &[Setting] = &[
    value(Scope::Event, "product_name", NAME, "the repository's name", "the product that is built or deployed")
        .also(&["product"]),
    value(Scope::Event, "version", TEXT, "first 8 of the SHA; on Jenkins and Azure the build number", "the version"),
    value(
        Scope::Deployment,
        "environment",
        NAME,
        "where the CI system names it, such as GitLab's CI_ENVIRONMENT_NAME",
        "the target environment; required for deployments",
    ),
    value(Scope::Status, "status", Argument::Value("STATUS"), "success", "the status, in any CI system's words"),
    value(
        Scope::Event,
        "metadata",
        Argument::Value("JSON"),
        "{}",
        "a JSON object to store with the event, at most 100 KB",
    )
    .also(&["extra_metadata"]),
    value(Scope::Event, "scm_repository", NAME, DETECTED, "the repository, as owner/name"),
    value(Scope::Event, "scm_sha", Argument::Value("SHA"), DETECTED, "the commit"),
    value(Scope::Event, "scm_branch", NAME, DETECTED, "the branch or tag"),
    value(Scope::Event, "build_number", TEXT, DETECTED, "the run's number"),
    value(Scope::Event, "invoke_id", TEXT, DETECTED, "the run's unique id"),
    value(Scope::Event, "source_system", NAME, DETECTED, "the CI system"),
    value(Scope::Event, "started_at", TIME, DETECTED, "the start time, RFC 3339"),
    value(Scope::Event, "completed_at", TIME, "now, at an end", "the end time, RFC 3339"),
    value(Scope::Deployment, "deploy_url", URL, DETECTED, "the link to the CI run; same as build_url"),
    value(Scope::Build, "build_url", URL, DETECTED, "the link to the CI run; same as deploy_url"),
    value(Scope::Deployment, "deployed_by", NAME, DETECTED, "the person who deployed; same as built_by"),
    value(
        Scope::Deployment,
        "deployed_by_email",
        EMAIL,
        DETECTED,
        "that person's e-mail address; same as built_by_email",
    ),
    value(Scope::Deployment, "deployed_by_name", NAME, DETECTED, "that person's name; same as built_by_name"),
    value(Scope::Build, "built_by", NAME, DETECTED, "the person who built; same as deployed_by"),
    value(Scope::Build, "built_by_email", EMAIL, DETECTED, "that person's e-mail address; same as deployed_by_email"),
    value(Scope::Build, "built_by_name", NAME, DETECTED, "that person's name; same as deployed_by_name"),
    value(Scope::Check, "event_type", Argument::Words(EVENT_TYPE), "deployment", "the kind of event"),
    value(Scope::Api, "api_key", Argument::Value("KEY"), "", "the API key, sk_{account}_{id}_…; required"),
    value(Scope::Api, "api_key_file", FILE, "", "a file that holds the API key"),
    value(Scope::Api, "api_url", URL, DEFAULT_API_URL, "the API's base URL"),
    switch(Scope::Api, "allow_http", "false", "allow http to an address that is not loopback"),
    value(Scope::Api, "ui_url", URL, "from api_url", "the web console's URL, for links"),
    switch(
        Scope::Api,
        "fail_on_api_error",
        "true",
        "fail the job if the API rejects the event or is unavailable; a block always fails it",
    ),
    value(Scope::Api, "request_timeout", DURATION, "30s", "the time limit of one request"),
    value(Scope::Api, "retries", Argument::Value("COUNT"), "3", "retries after a transient failure, 0 to 100"),
    value(
        Scope::Api,
        "spool_dir",
        Argument::Value("DIRECTORY"),
        "the job's temporary directory, else the user's state directory",
        "the directory for undelivered events and open deployments; off: nothing is kept",
    ),
    switch(Scope::Flush, "retry_set_aside", "false", "also try to deliver the events that were set aside"),
    value(
        Scope::Api,
        "ca_bundle",
        FILE,
        "",
        "a PEM file of certificate authorities, or one self-signed server certificate, to trust as well",
    ),
    switch(Scope::Api, "ca_only", "false", "trust only ca_bundle, and no built-in, system or other certificates"),
    switch(
        Scope::Blocks,
        "require_gate",
        "false",
        "deploy only if the API confirmed that the rules passed, whatever fail_on_api_error says",
    ),
    value(
        Scope::Blocks,
        "on_block",
        Argument::Words(ON_BLOCK),
        "fail",
        "what to do when a rule blocks (park: on GitHub); sets the next four",
    ),
    value(
        Scope::Blocks,
        "on_conflict",
        Argument::Words(ON_BLOCK),
        "on_block",
        "what to do while another deployment is in progress (409)",
    ),
    value(Scope::Blocks, "on_window", Argument::Words(ON_BLOCK), "on_block", "what to do in a no-deploy window (423)"),
    value(
        Scope::Blocks,
        "on_approval",
        Argument::Words(ON_BLOCK),
        "on_block",
        "what to do until approvals are given (428)",
    ),
    value(
        Scope::Blocks,
        "on_soak",
        Argument::Words(ON_BLOCK),
        "on_block",
        "what to do until the soak time is over (428)",
    ),
    value(
        Scope::Blocks,
        "on_flow",
        Argument::Words(ON_FLOW),
        "fail",
        "what to do at a flow violation or an unknown code (428); waiting seldom lifts these",
    ),
    value(
        Scope::GitHub,
        "on_superseded",
        Argument::Words(ON_SUPERSEDED),
        "ignore",
        "what to do on GitHub if a newer run of the workflow makes this one obsolete; needs github_token",
    ),
    value(
        Scope::GitHub,
        "github_token",
        Argument::Value("TOKEN"),
        "GITHUB_TOKEN",
        "the token for GitHub, for resume and on_superseded",
    ),
    value(
        Scope::Resume,
        "workflow",
        FILE,
        "",
        "the file name of the workflow whose jobs park, such as deploy.yml; required",
    ),
    value(Scope::Resume, "branch", NAME, "the default branch", "the branch whose runs count"),
    switch(Scope::Resume, "dry_run", "false", "print what would be re-run, and re-run nothing"),
    value(
        Scope::Blocks,
        "wait_timeout",
        DURATION,
        "30m",
        "the longest total wait; never beyond the job's own limit; 0: only say whether waiting would help",
    ),
    value(Scope::Blocks, "poll_interval", DURATION, "30s", "the time between polls if the API announces no end"),
    value(
        Scope::Blocks,
        "recheck_interval",
        DURATION,
        "10m",
        "extra polls before an announced end, in case the rule is lifted early; 0: none",
    ),
    value(
        Scope::Blocks,
        "conflict_max_age",
        DURATION,
        "2h",
        "a conflicting deployment older than this is treated as stale: fail, don't wait",
    ),
    value(Scope::Bare, "command", Argument::Words(COMMAND), "track", "what to do without a subcommand"),
    value(
        Scope::Bare,
        "run",
        Argument::Value("SCRIPT"),
        "",
        "a script to wrap: checks the rules, runs it, and reports how it ended",
    ),
    value(Scope::Run, "stop_timeout", DURATION, "9s; on Buildkite 6s", "the time from a cancel to SIGKILL"),
    switch(
        Scope::Run,
        "keep_api_key",
        "false",
        "leave the API key in the command's environment, for scripts that call versioner themselves",
    ),
    value(Scope::Output, "output_file", FILE, "", "a file to which outputs are appended as KEY=VALUE lines"),
    switch(Scope::Output, "summary", "true", "write the job summary"),
    switch(Scope::Output, "verbose", "false", "print more"),
    switch(Scope::Output, "debug", "false", "print everything: requests, replies, sources of values"),
];

/// Variables `VERSIONER_…` that are not settings: those of `entrypoint.sh`, the one that names the configuration file, and our own outputs, which a CI system may pass to
/// later jobs as variables.
pub const OTHER_VARIABLES: &[&str] = &[
    "bin",
    "download_url",
    "config",
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
