//! Messages for people, in the form that a CI system's surface takes.
//!
//! Owns: the types. Does not own: their wording (`report`), nor how a system shows them (`ci`).

/// The severity of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For information.
    Notice,
    /// Something to look at that does not fail the job.
    Warning,
    /// The reason why the job fails.
    Error,
}

impl Level {
    /// The lower-case word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// How a deployment is, as far as a message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Deployed,
    /// It may start.
    Cleared,
    Blocked,
    Failed,
    Aborted,
    /// Unknown to the API.
    NotRecorded,
    /// None of these, such as pending.
    Other,
}

impl State {
    /// Its icon, which always stands beside words that say the same.
    #[must_use]
    pub fn icon(self) -> &'static str {
        match self {
            Self::Deployed => "✅",
            Self::Cleared => "▶️",
            Self::Blocked => "🚫",
            Self::Failed => "❌",
            Self::Aborted => "⏹️",
            Self::NotRecorded => "⚠️",
            Self::Other => "ℹ️",
        }
    }
}

/// A section of the job summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    pub level: Level,
    pub state: State,
    /// What happened, in one line.
    pub title: String,
    /// The whole section in Markdown. Every value in it is escaped.
    pub markdown: String,
    /// The page of the web console that shows more.
    pub link: Option<String>,
}
