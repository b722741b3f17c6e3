//! The five canonical statuses and the words that the API maps to them. It rejects all other words.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Pending,
    Started,
    Completed,
    Failed,
    Aborted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum EventType {
    Deployment,
    Build,
}

impl Status {
    /// Maps a word as the API does: it is case-sensitive, and some words belong to one event type only.
    pub(crate) fn from_word(word: &str, event_type: EventType) -> Option<Self> {
        Some(match (word, event_type) {
            ("pending" | "queued" | "scheduled", _) => Self::Pending,
            ("started" | "in_progress" | "init", _) => Self::Started,
            ("deploying", EventType::Deployment) | ("building", EventType::Build) => Self::Started,
            ("completed" | "success" | "complete" | "finished", _) => Self::Completed,
            ("deployed", EventType::Deployment) | ("built", EventType::Build) => Self::Completed,
            ("failed" | "fail" | "failure" | "error", _) => Self::Failed,
            ("aborted" | "abort" | "cancelled" | "cancel" | "skipped", _) => Self::Aborted,
            _ => return None,
        })
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Started => "started",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
        }
    }

    /// Whether this status ends a deployment or build.
    pub(crate) fn is_terminal(self) -> bool {
        match self {
            Self::Pending | Self::Started => false,
            Self::Completed | Self::Failed | Self::Aborted => true,
        }
    }
}

impl EventType {
    /// The first part of the names of the recorded events, such as `deployment.started`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::Build => "build",
        }
    }
}
