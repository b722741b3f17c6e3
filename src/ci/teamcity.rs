//! TeamCity.
//!
//! Owns: its variables, the properties files that tell what no variable does, and service messages. Sources: TeamCity
//! documentation, "Predefined build parameters" and "Service messages"; the format of `java.util.Properties`.

use super::output_variables::{fits_environment, select};
use super::surface::{LARGEST_ANNOTATION, Surface, SurfaceError};
use super::{Context, Detected, System, first, link, remote};
use crate::env::Env;
use crate::model::message::{Level, Summary};
use crate::text;
use properties::Properties;

mod properties;

/// TeamCity.
pub(super) const SYSTEM: System = System {
    name: "TeamCity",
    source_system: Some("teamcity"),
    detect: |env| env.get("TEAMCITY_VERSION").is_some(),
    context,
    surface: |_| Box::new(TeamCity),
};

const METADATA: [(&str, &str); 2] =
    [("vi_teamcity_project_name", "TEAMCITY_PROJECT_NAME"), ("vi_teamcity_buildconf_name", "TEAMCITY_BUILDCONF_NAME")];

const METADATA_OF_PROPERTIES: [(&str, &str); 4] = [
    ("vi_teamcity_build_id", "teamcity.build.id"),
    ("vi_teamcity_build_type_id", "teamcity.buildType.id"),
    ("vi_teamcity_agent_name", "teamcity.agent.name"),
    ("vi_teamcity_triggered_by", "teamcity.build.triggeredBy"),
];

/// What TeamCity names as the user where none started the build.
const NO_PERSON: &str = "n/a";
/// What TeamCity calls the default branch, whatever its name.
const DEFAULT_BRANCH: &str = "<default>";

fn context(env: &Env) -> Context {
    let properties = Properties::of_build(env);
    let found = |names: &[&str]| properties.first(names);
    let actor = found(&["teamcity.build.triggeredBy.username"]).filter(|actor| actor.raw() != NO_PERSON);
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
    for (key, name) in METADATA_OF_PROPERTIES {
        if let Some(found) = found(&[name]) {
            context.metadata.insert(key.to_owned(), text::clean_url(found.raw()).into());
        }
    }
    context
}

/// The build's page, for servers older than the variable that tells it.
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

/// TeamCity's surfaces: service messages on stdout.
pub(super) struct TeamCity;

const CUT: &str = " … (cut)";

impl Surface for TeamCity {
    fn annotation(&self, level: Level, title: &str, message: &str) -> String {
        let status = match level {
            Level::Error => "ERROR",
            Level::Warning => "WARNING",
            Level::Notice => "NORMAL",
        };
        let cost = |c: char| escape(c.encode_utf8(&mut [0; 4])).len();
        let tail = format!("' status='{status}']\n");
        let head = "##teamcity[message text='";
        let whole = if message.is_empty() { title.to_owned() } else { format!("{title}\n{message}") };
        let whole = text::truncate(&whole, LARGEST_ANNOTATION - head.len() - tail.len(), CUT, cost);
        let mut lines = format!("{head}{}{tail}", escape(&whole));
        if level == Level::Error {
            // The line on the build's page, beside TeamCity's own. Not a build problem: that would fail the build even
            // where the script has decided to go on.
            let title = escape(&text::truncate(title, 1_000, "…", cost));
            lines.push_str(&format!("##teamcity[buildStatus text='{{build.status.text}}; {title}']\n"));
        }
        lines
    }

    fn annotates_on_stdout(&self) -> bool {
        // Service messages are read from stdout.
        true
    }

    fn add_summary(&self, _summary: &Summary) -> Result<String, SurfaceError> {
        Ok(String::new())
    }

    fn has_summary(&self) -> bool {
        false
    }

    fn set_outputs(&self, outputs: &[(&str, String)]) -> Result<String, SurfaceError> {
        let (taken, mut lines) = select(outputs, "the parameters", |_, value| fits_environment(value));
        for (name, value) in taken {
            // In a parameter's value `%name%` is a reference; a doubled `%` is none.
            let value = escape(&value.replace('%', "%%"));
            lines.push_str(&format!("##teamcity[setParameter name='env.{name}' value='{value}']\n"));
        }
        Ok(lines)
    }
}

/// Escapes a value of a service message, as TeamCity undoes it.
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
mod tests;
