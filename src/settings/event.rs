//! The event that the settings and the CI system describe.
//!
//! Owns: which sources provide each field, and which fields are required.

use super::command_line::Subcommand;
use super::error::SettingError;
use super::resolver::Resolver;
use super::table::{Argument, EVENT_TYPE};
use crate::ci::{Context, Detected};
use crate::model::event::{EndTime, Event, EventType};
use crate::model::payload::{LARGEST_METADATA, metadata_size};
use crate::model::source::{Source, Sourced};
use crate::model::status::Status;
use crate::model::time::to_rfc3339;
use crate::text::{Foreign, clean_url};
use serde_json::{Map, Value};

const TIMES: &str = "a time such as 2025-10-28T15:00:00Z (RFC 3339)";

/// The event to report. `under_run`: `run` wraps a command, and the event reports its start. `None` if a required setting
/// is missing or invalid.
pub(super) fn resolve(
    resolver: &mut Resolver<'_>,
    subcommand: Subcommand,
    under_run: bool,
    context: &Context,
) -> Option<Event> {
    let event_type = event_type(resolver, subcommand);
    if under_run && event_type == Some(EventType::Build) {
        resolver.errors.push(SettingError::BuildUnderRun);
    }
    let kind = event_type.unwrap_or(EventType::Deployment);
    let what = "the product that is built or deployed";
    let product = required(resolver, "product_name", &["product_name", "product"], context.product.as_ref(), what);
    let what = "the version, such as 1.4.2";
    let version = required(resolver, "version", &["version"], context.version.as_ref(), what);
    let environment = environment(resolver, kind, context);
    let status = if under_run { started(resolver) } else { status(resolver) };
    let metadata = metadata(resolver, context);

    let repository = resolver.text("scm_repository", &["scm_repository"], context.repository.as_ref());
    let sha = resolver.text("scm_sha", &["scm_sha"], context.sha.as_ref());
    let branch = resolver.text("scm_branch", &["scm_branch"], context.branch_or_tag());
    let build_number = resolver.text("build_number", &["build_number"], context.build_number.as_ref());
    let invoke_id = resolver.text("invoke_id", &["invoke_id"], context.invoke_id.as_ref());
    let source_system = resolver.text("source_system", &["source_system"], context.source_system.as_ref());
    let started_at = time(resolver, "started_at", context.started_at.as_ref());
    let completed_at = match resolver.is_none(&["completed_at"]) {
        true => EndTime::NotSent,
        false => time(resolver, "completed_at", None).map_or(EndTime::Now, |time| EndTime::At(time.value)),
    };
    let url = either(resolver, kind, ["deploy_url", "build_url"], context.run_url.as_ref());
    let by = either(resolver, kind, ["deployed_by", "built_by"], context.actor.as_ref());
    let email = ["deployed_by_email", "built_by_email"];
    let by_email = either(resolver, kind, email, context.actor_email.as_ref());
    let by_name = either(resolver, kind, ["deployed_by_name", "built_by_name"], context.actor_name.as_ref());

    if let Some(trigger) = &context.manual_trigger {
        warn_of_defaults(resolver, trigger, &[("product_name", product.as_ref()), ("version", version.as_ref())]);
    }
    if kind == EventType::Deployment && environment.is_none() {
        return None;
    }
    Some(Event {
        event_type: event_type?,
        product: product?,
        version: version?,
        environment,
        status,
        metadata,
        repository: repository.and_then(without_credentials),
        sha,
        branch,
        build_number,
        invoke_id,
        source_system,
        started_at,
        completed_at,
        url: url.and_then(without_credentials),
        by,
        by_email,
        by_name,
    })
}

/// The environment, which a deployment must have and a build does not.
fn environment(resolver: &mut Resolver<'_>, kind: EventType, context: &Context) -> Option<Sourced<Foreign>> {
    let what = "the target of the deployment, such as production";
    match kind {
        EventType::Deployment => {
            required(resolver, "environment", &["environment"], context.environment.as_ref(), what)
        }
        EventType::Build => None,
    }
}

/// One setting under two names, the deployment's and the build's. The name for this event's type takes precedence.
fn either(
    resolver: &mut Resolver<'_>,
    kind: EventType,
    [deployment, build]: [&'static str; 2],
    detected: Option<&Detected>,
) -> Option<Sourced<Foreign>> {
    let names = match kind {
        EventType::Deployment => [deployment, build],
        EventType::Build => [build, deployment],
    };
    resolver.text(names[0], &names, detected)
}

/// The link without credentials. `None` if nothing remains.
fn without_credentials(link: Sourced<Foreign>) -> Option<Sourced<Foreign>> {
    Some(link.map(|url| Foreign::new(clean_url(url.raw())))).filter(|link| !link.value.is_empty())
}

fn time(resolver: &mut Resolver<'_>, name: &'static str, detected: Option<&Detected>) -> Option<Sourced<Foreign>> {
    resolver.optional(name, &[name], detected, TIMES, |text| to_rfc3339(text).map(Foreign::new))
}

fn event_type(resolver: &mut Resolver<'_>, subcommand: Subcommand) -> Option<EventType> {
    let (kind, words) = match subcommand {
        Subcommand::TrackDeployment => (EventType::Deployment, "track deployment"),
        Subcommand::TrackBuild => (EventType::Build, "track build"),
        Subcommand::Run => (EventType::Deployment, "run"),
        Subcommand::None
        | Subcommand::Check { .. }
        | Subcommand::Finish
        | Subcommand::Flush
        | Subcommand::Resume
        | Subcommand::Version => {
            let default = EventType::Deployment.word();
            let kind = resolver.with_default("event_type", default, &Argument::allowed(EVENT_TYPE), EventType::parse);
            return kind.map(|kind| kind.value);
        }
    };
    resolver.note("event_type", Some((kind.word().into(), Source::Subcommand(words))));
    Some(kind)
}

fn required(
    resolver: &mut Resolver<'_>,
    name: &'static str,
    names: &[&'static str],
    detected: Option<&Detected>,
    what: &'static str,
) -> Option<Sourced<Foreign>> {
    let known = resolver.errors.len();
    let value = resolver.name(name, names, detected);
    // One that is set and cannot be used is an error already.
    if value.is_none() && resolver.errors.len() == known {
        resolver.errors.push(SettingError::Missing { name, what });
    }
    value
}

/// The status of the first event of `run`.
fn started(resolver: &mut Resolver<'_>) -> Sourced<Status> {
    let source = Source::Subcommand("run");
    if let Some(raw) = resolver.pick(&["status"]) {
        resolver.errors.push(SettingError::StatusUnderRun(raw.source));
    }
    resolver.note("status", Some((Status::Started.as_str().into(), source.clone())));
    Sourced { value: Status::Started, source }
}

fn status(resolver: &mut Resolver<'_>) -> Sourced<Status> {
    let status = resolver.with_default("status", "success", "a word", |word| Some(Status::parse(word)));
    let status = status.unwrap_or(Sourced { value: Status::Completed, source: Source::Default });
    warn_of_unknown(resolver, &status);
    status
}

/// How the job ended, for `finish`: the setting, else `detected`, the status from the CI system.
pub(super) fn job_status(resolver: &mut Resolver<'_>, detected: Option<&Detected>) -> Option<Sourced<Status>> {
    let status = resolver.name("status", &["status"], detected)?.map(|word| Status::parse(word.raw()));
    if matches!(status.value, Status::Pending | Status::Started) {
        let (set_by, status) = (status.source.clone(), status.value.clone());
        resolver.errors.push(SettingError::NotTerminal { set_by, status });
    }
    warn_of_unknown(resolver, &status);
    Some(status)
}

fn warn_of_unknown(resolver: &mut Resolver<'_>, status: &Sourced<Status>) {
    if let Status::Unknown(word) = &status.value {
        resolver.warnings.push(format!(
            "status (from {}) is {word:?}, an unknown word. It is sent unchanged, and the API decides. Known words are \
             pending, started, completed, failed, aborted and the names that CI systems use for them.",
            status.source
        ));
    }
}

/// The user's metadata merged over the detected metadata. `none` sends neither.
fn metadata(resolver: &mut Resolver<'_>, context: &Context) -> Option<Map<String, Value>> {
    let names = ["metadata", "extra_metadata"];
    let object = |text: &str| match serde_json::from_str(text) {
        Ok(Value::Object(map)) if metadata_size(&map) <= LARGEST_METADATA => Some(map),
        _ => None,
    };
    let none = resolver.is_none(&names);
    let allowed = "a JSON object such as {\"team\": \"payments\"}, at most 100 KB";
    let given = resolver.optional("metadata", &names, None, allowed, object);
    if none {
        return None;
    }
    let user = given.map(|given| given.value).unwrap_or_default();
    let mut merged = context.metadata.clone();
    merged.extend(user.clone());
    if metadata_size(&merged) > LARGEST_METADATA {
        let warning = "metadata leaves no room for the detected keys (vi_…): they are not sent.";
        resolver.warnings.push(warning.to_owned());
        return Some(user);
    }
    Some(merged)
}

/// Warns about detected values in a manually started run: the person who started it may have meant other values.
fn warn_of_defaults(resolver: &mut Resolver<'_>, trigger: &str, values: &[(&str, Option<&Sourced<Foreign>>)]) {
    for (name, value) in values {
        if let Some(Sourced { value, source: Source::Detected(from) }) = value {
            resolver.warnings.push(format!(
                "{name} was not set, so it is {value:?}, {from}. This run was started manually ({trigger}): set {name} if \
                 you mean another value."
            ));
        }
    }
}
