//! TeamCity.
//!
//! Owns: its variables, the properties files, which hold more than the variables, and service messages. Sources: TeamCity
//! documentation, "Predefined build parameters" and "Service messages"; the format of `java.util.Properties`.

#[cfg(test)]
use super::contract_tests::Example;
use super::output_variables::{fits_environment, select};
use super::surface::{LARGEST_ANNOTATION, Surface, SurfaceError};
use super::{Context, Detected, STOP_TIMEOUT, System, first, identity, link, remote};
use crate::env::Env;
use crate::model::message::Level;
use crate::text;
use properties::Properties;

mod properties;

/// TeamCity.
pub(super) const SYSTEM: System = System {
    name: "TeamCity",
    source_system: Some("teamcity"),
    detect: |env| env.get("TEAMCITY_VERSION").is_some(),
    context,
    job_identity,
    job_status: |_| None,
    temp_dir: None,
    last_step: "versioner flush / Execute step: Always",
    stop_timeout: STOP_TIMEOUT,
    has_plugins: false,
    surface: |_| Box::new(TeamCity),
    #[cfg(test)]
    example: EXAMPLE,
};

const METADATA: [(&str, &str); 2] =
    [("vi_teamcity_project_name", "TEAMCITY_PROJECT_NAME"), ("vi_teamcity_buildconf_name", "TEAMCITY_BUILDCONF_NAME")];

const METADATA_FROM_PROPERTIES: [(&str, &str); 4] = [
    ("vi_teamcity_build_id", "teamcity.build.id"),
    ("vi_teamcity_build_type_id", "teamcity.buildType.id"),
    ("vi_teamcity_agent_name", "teamcity.agent.name"),
    ("vi_teamcity_triggered_by", "teamcity.build.triggeredBy"),
];

/// What TeamCity gives as the user if no person started the build.
const NO_USER: &str = "n/a";
/// What TeamCity gives as the name of the default branch.
const DEFAULT_BRANCH: &str = "<default>";

fn context(env: &Env) -> Context {
    let properties = Properties::of_build(env);
    let found = |names: &[&str]| properties.first(names);
    let actor = found(&["teamcity.build.triggeredBy.username"]).filter(|actor| actor.raw() != NO_USER);
    let mut context = Context {
        repository: found(&["vcsroot.url"])
            .and_then(|remote| remote::repository(remote.raw()).map(|name| remote.with_value(name))),
        sha: first(env, &["BUILD_VCS_NUMBER"]).or_else(|| found(&["build.vcs.number"])),
        build_number: first(env, &["BUILD_NUMBER"]).or_else(|| found(&["build.number"])),
        invoke_id: found(&["teamcity.build.id"]),
        run_url: link(env, &["BUILD_URL"]).or_else(|| run_url(&properties)),
        actor_name: actor.as_ref().and_then(|_| found(&["teamcity.build.triggeredBy"])),
        manual_trigger: actor.as_ref().map(|actor| actor.source.clone()),
        actor,
        ..Context::default()
    };
    let branch = found(&["teamcity.pullRequest.source.branch", "teamcity.build.branch"]);
    context.set_ref(match branch {
        Some(branch) if branch.raw() != DEFAULT_BRANCH => Some(branch),
        _ => found(&["vcsroot.branch"]),
    });
    context.add_metadata(env, &METADATA);
    for (key, name) in METADATA_FROM_PROPERTIES {
        if let Some(found) = found(&[name]) {
            context.metadata.insert(key.to_owned(), text::clean_url(found.raw()).into());
        }
    }
    context
}

/// The build's page, for servers without BUILD_URL (before 2023.05).
fn run_url(properties: &Properties) -> Option<Detected> {
    let server = properties.first(&["teamcity.serverUrl"])?;
    let build = properties.first(&["teamcity.build.id"])?;
    if !build.raw().bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let server_url = text::clean_url(server.raw());
    let value = format!("{}/viewLog.html?buildId={}", server_url.trim_end_matches('/'), build.raw());
    Some(Detected::new(value, format!("{} and teamcity.build.id", server.source)))
}

/// The build's id, which its page also ends in. Without either: its number, which is unique within its configuration unless
/// the configuration defines another format.
fn job_identity(env: &Env) -> Option<String> {
    let properties = Properties::of_build(env);
    let property = |name: &str| properties.first(&[name]).map(|found| format!("{name}={}", found.raw()));
    if let Some(build) = property("teamcity.build.id") {
        let server = property("teamcity.serverUrl").unwrap_or_default();
        return Some(format!("{server}\n{build}"));
    }
    let number = || {
        let required = ["TEAMCITY_PROJECT_NAME", "TEAMCITY_BUILDCONF_NAME", "BUILD_NUMBER"];
        let agent = property("teamcity.agent.name").unwrap_or_default();
        identity(env, &required, &["AGENT_NAME"]).map(|build| format!("{agent}\n{build}"))
    };
    identity(env, &["BUILD_URL"], &[]).or_else(number)
}

/// TeamCity's surfaces: service messages on stdout.
struct TeamCity;

const TRUNCATED: &str = " … (cut)";

impl Surface for TeamCity {
    fn annotation(&self, level: Level, title: &str, message: &str) -> String {
        let status = match level {
            Level::Error => "ERROR",
            Level::Warning => "WARNING",
            Level::Notice => "NORMAL",
        };
        let measure = |c: char| escape(c.encode_utf8(&mut [0; 4])).len();
        let tail = format!("' status='{status}']\n");
        let head = "##teamcity[message text='";
        let whole = if message.is_empty() { title.to_owned() } else { format!("{title}\n{message}") };
        let whole = text::truncate(&whole, LARGEST_ANNOTATION - head.len() - tail.len(), TRUNCATED, measure);
        let mut lines = format!("{head}{}{tail}", escape(&whole));
        if level == Level::Error {
            // The line on the build's page, after TeamCity's own. A build problem would fail the build even if the script
            // ignores the error.
            let title = escape(&text::truncate(title, 1_000, "…", measure));
            lines.push_str(&format!("##teamcity[buildStatus text='{{build.status.text}}; {title}']\n"));
        }
        lines
    }

    fn annotates_on_stdout(&self) -> bool {
        // Service messages are read from stdout.
        true
    }

    fn set_outputs(&self, outputs: &[(&str, String)]) -> Result<String, SurfaceError> {
        let (selected, mut lines) = select(outputs, "the parameters", |_, value| fits_environment(value));
        for (name, value) in selected {
            // In a parameter's value `%name%` is a reference, and `%%` is a percent sign.
            let value = escape(&value.replace('%', "%%"));
            lines.push_str(&format!("##teamcity[setParameter name='env.{name}' value='{value}']\n"));
        }
        Ok(lines)
    }
}

/// Escapes a value of a service message. TeamCity reverses this.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\'' | '[' | ']' => out.extend(['|', c]),
            '\n' => out.push_str("|n"),
            '\r' => out.push_str("|r"),
            ' '..='~' => out.push(c),
            _ => c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("|0x{unit:04X}"))),
        }
    }
    out
}

#[cfg(test)]
const EXAMPLE: Example = Example {
    minimal: &[("TEAMCITY_VERSION", "2025.07 (build 197242)")],
    ambiguous: &[],
    not_detected: &[],
    refs: None,
    sources: &[include_str!("teamcity.rs"), include_str!("teamcity/properties.rs")],
    // Without the properties file.
    job: &[("TEAMCITY_PROJECT_NAME", "Shop"), ("TEAMCITY_BUILDCONF_NAME", "Deploy"), ("BUILD_NUMBER", "42")],
    same_job: &[&[("BUILD_VCS_NUMBER", "0123456789abcdef0123456789abcdef01234567")]],
    other_jobs: &[
        &[("BUILD_NUMBER", "43")],
        &[("TEAMCITY_BUILDCONF_NAME", "Verify")],
        &[("TEAMCITY_PROJECT_NAME", "Web")],
        &[("AGENT_NAME", "agent-1")],
        &[("AGENT_NAME", "agent-2")],
        &[("BUILD_URL", "https://teamcity.example/buildConfiguration/Shop_Deploy/987654")],
        &[("BUILD_URL", "https://teamcity.example/buildConfiguration/Shop_Deploy/987655")],
    ],
    unknown_jobs: &[&[("BUILD_NUMBER", "")], &[("TEAMCITY_BUILDCONF_NAME", "")], &[("TEAMCITY_PROJECT_NAME", "")]],
    job_status: &[],
};

#[cfg(test)]
mod tests;
