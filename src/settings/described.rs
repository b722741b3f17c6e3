//! The event as the settings and the CI system describe it.
//!
//! Owns: which sources describe which part, and what is required. Does not own: what is sent (`event`).

use super::resolver::{Resolver, Sourced};
use super::said::Source;
use super::{Action, from_subcommand};
use crate::ci::remote::clean_url;
use crate::ci::{Context, Found};
use crate::cli::Command;
use crate::event::{LARGEST_METADATA, metadata_size};
use crate::status::Status;
use crate::when;
use serde_json::{Map, Value};

/// Which kind of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// A deployment to an environment.
    Deployment,
    /// A build, which creates a version.
    Build,
}

impl EventType {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::Build => "build",
        }
    }

    /// The kind that `word` means, in any case.
    #[must_use]
    pub fn read(word: &str) -> Option<Self> {
        [Self::Deployment, Self::Build].into_iter().find(|kind| kind.word().eq_ignore_ascii_case(word))
    }
}

/// An event as it was described. What is missing is not known.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields are named as the settings, which `names` explains")]
pub struct Described {
    pub event_type: EventType,
    pub product: Sourced<String>,
    pub version: Sourced<String>,
    /// For deployments.
    pub environment: Option<Sourced<String>>,
    pub status: Sourced<Status>,
    /// The user's keys and, where they leave room, the detected ones; nothing at all if they said `none`.
    pub metadata: Option<Map<String, Value>>,
    pub repository: Option<Sourced<String>>,
    pub sha: Option<Sourced<String>>,
    pub branch: Option<Sourced<String>>,
    pub build_number: Option<Sourced<String>>,
    pub invoke_id: Option<Sourced<String>>,
    pub source_system: Option<Sourced<String>>,
    pub started_at: Option<Sourced<String>>,
    pub completed_at: Option<Sourced<String>>,
    pub url: Option<Sourced<String>>,
    pub by: Option<Sourced<String>>,
    pub by_email: Option<Sourced<String>>,
    pub by_name: Option<Sourced<String>>,
}

impl Described {
    /// A deployment that was noted as `body` when it started, and that stands at `status` now.
    #[must_use]
    pub fn of_noted(body: &Map<String, Value>, status: Sourced<Status>) -> Self {
        let source = || Source::Detected("noted at its start".to_owned());
        let optional = |name: &str| {
            let value = body.get(name)?.as_str()?.to_owned();
            Some(Sourced { value, source: source() })
        };
        let required =
            |name: &str| optional(name).unwrap_or_else(|| Sourced { value: String::new(), source: source() });
        Self {
            event_type: EventType::Deployment,
            product: required("product_name"),
            version: required("version"),
            environment: optional("environment_name"),
            status,
            metadata: body.get("extra_metadata").and_then(Value::as_object).cloned(),
            repository: optional("scm_repository"),
            sha: optional("scm_sha"),
            branch: optional("scm_branch"),
            build_number: optional("build_number"),
            invoke_id: optional("invoke_id"),
            source_system: optional("source_system"),
            started_at: None,
            completed_at: None,
            url: optional("deploy_url"),
            by: optional("deployed_by"),
            by_email: optional("deployed_by_email"),
            by_name: optional("deployed_by_name"),
        }
    }

    /// The same at another `status`.
    #[must_use]
    pub fn at(&self, status: Sourced<Status>) -> Self {
        Self { status, ..self.clone() }
    }
}

const TIMES: &str = "a time such as 2025-10-28T15:00:00Z (RFC 3339)";

pub(super) fn read(
    resolver: &mut Resolver<'_>,
    command: Command,
    action: Option<Action>,
    context: &Context,
    warnings: &mut Vec<String>,
) -> Option<Described> {
    let event_type = event_type(resolver, command);
    if action == Some(Action::Run) && event_type == Some(EventType::Build) {
        resolver.problems.push(
            "event_type is build, but 'run' wraps deployments only. Remove event_type, or report the build with 'track \
             build' when it has ended."
                .to_owned(),
        );
    }
    let kind = event_type.unwrap_or(EventType::Deployment);
    let product = required(
        resolver,
        "product_name",
        &["product_name", "product"],
        context.product.as_ref(),
        "what is built or deployed",
    );
    let version = required(resolver, "version", &["version"], context.version.as_ref(), "its version, such as 1.4.2");
    let environment = match kind {
        EventType::Deployment => required(
            resolver,
            "environment",
            &["environment"],
            context.environment.as_ref(),
            "where it is deployed to, such as production",
        ),
        EventType::Build => None,
    };
    let status = match action {
        // What is reported first; what comes after it depends on the command.
        Some(Action::Run) => {
            let given = from_subcommand(Status::Started.as_str(), "run");
            resolver.row("status", Some((given.value, given.source.clone())));
            Sourced { value: Status::Started, source: given.source }
        }
        _ => status(resolver, warnings),
    };
    let metadata = metadata(resolver, context, warnings);

    // Nothing may be left of a link once the credentials are gone.
    let link = |found: Sourced<String>| Some(found.map(|url| clean_url(&url))).filter(|found| !found.value.is_empty());
    let repository = resolver.text("scm_repository", &["scm_repository"], context.repository.as_ref()).and_then(link);
    let sha = resolver.text("scm_sha", &["scm_sha"], context.sha.as_ref());
    let branch = resolver.text("scm_branch", &["scm_branch"], context.branch_or_tag());
    let build_number = resolver.text("build_number", &["build_number"], context.build_number.as_ref());
    let invoke_id = resolver.text("invoke_id", &["invoke_id"], context.invoke_id.as_ref());
    let source_system = resolver.text("source_system", &["source_system"], context.source_system.as_ref());
    let started_at =
        resolver.optional("started_at", &["started_at"], context.started_at.as_ref(), TIMES, when::rfc3339);
    let completed_at = resolver.optional("completed_at", &["completed_at"], None, TIMES, when::rfc3339);
    // One setting under two names, of which the event's own counts first.
    let own = |deploy: &'static str, build: &'static str| match kind {
        EventType::Deployment => [deploy, build],
        EventType::Build => [build, deploy],
    };
    let mut one_of = |names: [&'static str; 2], found: Option<&Found>| resolver.text(names[0], &names, found);
    let url = one_of(own("deploy_url", "build_url"), context.run_url.as_ref()).and_then(link);
    let by = one_of(own("deployed_by", "built_by"), context.actor.as_ref());
    let by_email = one_of(own("deployed_by_email", "built_by_email"), context.actor_email.as_ref());
    let by_name = one_of(own("deployed_by_name", "built_by_name"), context.actor_name.as_ref());

    if let Some(by_hand) = &context.by_hand {
        warn_of_defaults(by_hand, &[("product_name", product.as_ref()), ("version", version.as_ref())], warnings);
    }
    if kind == EventType::Deployment && environment.is_none() {
        return None;
    }
    Some(Described {
        event_type: event_type?,
        product: product?,
        version: version?,
        environment,
        status,
        metadata,
        repository,
        sha,
        branch,
        build_number,
        invoke_id,
        source_system,
        started_at,
        completed_at,
        url,
        by,
        by_email,
        by_name,
    })
}

fn event_type(resolver: &mut Resolver<'_>, command: Command) -> Option<EventType> {
    let of_subcommand = match command {
        Command::TrackDeployment => Some((EventType::Deployment, "track deployment")),
        Command::TrackBuild => Some((EventType::Build, "track build")),
        Command::Run => Some((EventType::Deployment, "run")),
        Command::Bare | Command::Check { .. } | Command::Finish | Command::Flush | Command::Version => None,
    };
    if let Some((kind, words)) = of_subcommand {
        let given = from_subcommand(kind.word(), words);
        resolver.row("event_type", Some((given.value, given.source)));
        return Some(kind);
    }
    resolver
        .or_default("event_type", EventType::Deployment.word(), "deployment or build", EventType::read)
        .map(|kind| kind.value)
}

fn required(
    resolver: &mut Resolver<'_>,
    name: &'static str,
    names: &[&str],
    detected: Option<&Found>,
    what: &str,
) -> Option<Sourced<String>> {
    let found = resolver.name(name, names, detected);
    if found.is_none() {
        resolver.problems.push(format!(
            "{name} is not set, and nothing here tells it: {what}. Set it with {}, INPUT_{upper} or VERSIONER_{upper}.",
            super::names::Setting::flag(name),
            upper = name.to_uppercase(),
        ));
    }
    found
}

fn status(resolver: &mut Resolver<'_>, warnings: &mut Vec<String>) -> Sourced<Status> {
    let status = resolver.or_default("status", "success", "a word", |word| Some(Status::read(word)));
    let status = status.unwrap_or(Sourced { value: Status::Completed, source: super::Source::Default });
    warn_of_unknown(&status, warnings);
    status
}

/// How the job ended, for what it has started: as somebody said, else as its CI system tells in `detected`.
pub(super) fn job_status(
    resolver: &mut Resolver<'_>,
    detected: Option<Found>,
    warnings: &mut Vec<String>,
) -> Option<Sourced<Status>> {
    // VERSIONER_STATUS is also the name under which a run's own output may come from an earlier job: how this one ended, its CI
    // system knows better.
    let handed_on = |source: &Source| matches!(source, Source::Variable(name) if name.starts_with("VERSIONER_"));
    let is_handed_on = resolver.said.pick(&["status"]).is_some_and(|given| handed_on(&given.source));
    let names: &[&str] = if is_handed_on && detected.is_some() { &[] } else { &["status"] };
    let found = resolver.name("status", names, detected.as_ref())?;
    let status = found.map(|word| Status::read(&word));
    if matches!(status.value, Status::Pending | Status::Started) {
        resolver.problems.push(format!(
            "status (from {}) is {}, which is no end. Allowed for 'finish': completed, failed, aborted, and the words of CI \
             systems for them, such as success, failure and cancelled.",
            status.source, status.value
        ));
    }
    warn_of_unknown(&status, warnings);
    Some(status)
}

fn warn_of_unknown(status: &Sourced<Status>, warnings: &mut Vec<String>) {
    if let Status::Unknown(word) = &status.value {
        warnings.push(format!(
            "status (from {}) is {:?}, a word that is not known here. It is sent as it is, for the server to decide; known \
             are pending, started, completed, failed, aborted and the words that CI systems use for them.",
            status.source,
            crate::text::shown(word)
        ));
    }
}

/// The user's metadata over the detected one. `none` means neither.
fn metadata(resolver: &mut Resolver<'_>, context: &Context, warnings: &mut Vec<String>) -> Option<Map<String, Value>> {
    let names = ["metadata", "extra_metadata"];
    let object = |text: &str| match serde_json::from_str(text) {
        Ok(Value::Object(map)) if metadata_size(&map) <= LARGEST_METADATA => Some(map),
        _ => None,
    };
    let said = resolver.said.pick(&names).map(|given| given.value.clone());
    let given = resolver.optional(
        "metadata",
        &names,
        None,
        "a JSON object such as {\"team\": \"payments\"}, at most 100 KB",
        object,
    );
    if said.as_deref() == Some("none") {
        return None;
    }
    let user = given.map(|given| given.value).unwrap_or_default();
    let mut merged = context.metadata.clone();
    merged.extend(user.clone());
    if metadata_size(&merged) > LARGEST_METADATA {
        warnings.push("metadata leaves no room for the keys that are detected (vi_…): they are left out.".to_owned());
        return Some(user);
    }
    Some(merged)
}

/// A person who starts a run by hand often means another version than the commit the run happens to be on.
fn warn_of_defaults(by_hand: &str, values: &[(&str, Option<&Sourced<String>>)], warnings: &mut Vec<String>) {
    for (name, value) in values {
        if let Some(Sourced { value, source: super::Source::Detected(from) }) = value {
            warnings.push(format!(
                "{name} was not set, so it is {:?}, {}. This run was started by hand ({by_hand}): set {name} if \
                 something else is meant.",
                crate::text::shown(value),
                from
            ));
        }
    }
}
