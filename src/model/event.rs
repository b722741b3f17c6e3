//! An event: what happened, and where each part of the description came from.

use super::source::{Source, Sourced};
use super::status::Status;
use crate::text::Foreign;
use serde_json::{Map, Value};

/// The kind of an event. Each has its own endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventType {
    /// A deployment to an environment.
    Deployment,
    /// A build, which creates a version.
    Build,
}

impl EventType {
    /// The API's word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::Build => "build",
        }
    }

    /// Parses the API's word, in any case.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Deployment, Self::Build].into_iter().find(|kind| kind.word().eq_ignore_ascii_case(word))
    }
}

/// What an event is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The start of a deployment: the API checks the deployment rules.
    Gate,
    /// An end, or a build. It is spooled if it cannot be delivered.
    End,
    /// Anything else, such as `pending`.
    Other,
}

/// When an event's end was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndTime {
    /// When the event is created.
    Now,
    /// When the user says.
    At(Foreign),
    /// The user does not want it to be sent.
    NotSent,
}

/// An event. Parts that are `None` are unknown.
#[derive(Clone, Debug)]
pub struct Event {
    pub event_type: EventType,
    pub product: Sourced<Foreign>,
    pub version: Sourced<Foreign>,
    /// Only of deployments.
    pub environment: Option<Sourced<Foreign>>,
    pub status: Sourced<Status>,
    /// The user's keys and the detected ones; `None` if the user said `none`.
    pub metadata: Option<Map<String, Value>>,
    pub repository: Option<Sourced<Foreign>>,
    pub sha: Option<Sourced<Foreign>>,
    pub branch: Option<Sourced<Foreign>>,
    pub build_number: Option<Sourced<Foreign>>,
    pub invoke_id: Option<Sourced<Foreign>>,
    pub source_system: Option<Sourced<Foreign>>,
    pub started_at: Option<Sourced<Foreign>>,
    pub completed_at: EndTime,
    /// The page of the CI run.
    pub url: Option<Sourced<Foreign>>,
    /// The person who deployed or built.
    pub by: Option<Sourced<Foreign>>,
    pub by_email: Option<Sourced<Foreign>>,
    pub by_name: Option<Sourced<Foreign>>,
}

impl Event {
    /// What the event is for.
    #[must_use]
    pub fn role(&self) -> Role {
        match (self.event_type, &self.status.value) {
            (EventType::Deployment, Status::Started) => Role::Gate,
            (EventType::Build, _) | (_, Status::Completed | Status::Failed | Status::Aborted) => Role::End,
            (EventType::Deployment, Status::Pending | Status::Unknown(_)) => Role::Other,
        }
    }

    /// The same with another status.
    #[must_use]
    pub fn with_status(&self, status: Sourced<Status>) -> Self {
        Self { status, ..self.clone() }
    }

    /// The deployment whose start was sent as `payload`, now with `status`.
    #[must_use]
    pub fn from_payload(payload: &Map<String, Value>, status: Sourced<Status>) -> Self {
        let source = || Source::Detected("noted at its start".to_owned());
        let optional = |name: &str| {
            let value = Foreign::new(payload.get(name)?.as_str()?);
            Some(Sourced { value, source: source() })
        };
        let required =
            |name: &str| optional(name).unwrap_or_else(|| Sourced { value: Foreign::default(), source: source() });
        Self {
            event_type: EventType::Deployment,
            product: required("product_name"),
            version: required("version"),
            environment: optional("environment_name"),
            status,
            metadata: payload.get("extra_metadata").and_then(Value::as_object).cloned(),
            repository: optional("scm_repository"),
            sha: optional("scm_sha"),
            branch: optional("scm_branch"),
            build_number: optional("build_number"),
            invoke_id: optional("invoke_id"),
            source_system: optional("source_system"),
            started_at: None,
            completed_at: EndTime::Now,
            url: optional("deploy_url"),
            by: optional("deployed_by"),
            by_email: optional("deployed_by_email"),
            by_name: optional("deployed_by_name"),
        }
    }
}
