//! The five canonical statuses and the words the API maps to them. Words beyond the documented ones are refused.

use serde::{Deserialize, Serialize};

/// A canonical status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Pending,
    Started,
    Completed,
    Failed,
    Aborted,
}

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    Deployment,
    Build,
}

impl Status {
    /// Maps a word as the API does: case matters, and some words are for one kind of event only.
    pub(crate) fn from_word(word: &str, subject: Subject) -> Option<Self> {
        Some(match (word, subject) {
            ("pending" | "queued" | "scheduled", _) => Self::Pending,
            ("started" | "in_progress" | "init", _) => Self::Started,
            ("deploying", Subject::Deployment) | ("building", Subject::Build) => Self::Started,
            ("completed" | "success" | "complete" | "finished", _) => Self::Completed,
            ("deployed", Subject::Deployment) | ("built", Subject::Build) => Self::Completed,
            ("failed" | "fail" | "failure" | "error", _) => Self::Failed,
            ("aborted" | "abort" | "cancelled" | "cancel" | "skipped", _) => Self::Aborted,
            _ => return None,
        })
    }

    /// The canonical word.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Started => "started",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
        }
    }

    /// Whether nothing more is expected after it.
    pub(crate) fn is_final(self) -> bool {
        match self {
            Self::Pending | Self::Started => false,
            Self::Completed | Self::Failed | Self::Aborted => true,
        }
    }
}

impl Subject {
    /// The word that starts the names of its events.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Deployment => "deployment",
            Self::Build => "build",
        }
    }
}
