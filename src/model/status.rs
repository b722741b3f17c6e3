//! The API's five canonical statuses, and the words that CI systems use for them.

use crate::text::Foreign;
use std::fmt;

/// A canonical status, or a word that only the API can judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Not started yet.
    Pending,
    /// In progress. For a deployment this event is the gate: the API checks the rules.
    Started,
    /// Succeeded.
    Completed,
    /// Failed.
    Failed,
    /// Stopped early.
    Aborted,
    /// An unknown word, sent as it is.
    Unknown(Foreign),
}

impl Status {
    /// The status of a deployment whose command ended with `exit_code`. `stopped`: a signal asked it to stop.
    #[must_use]
    pub fn of_command(exit_code: u8, stopped: bool) -> Self {
        match (exit_code, stopped) {
            (0, _) => Self::Completed,
            (_, true) => Self::Aborted,
            (_, false) => Self::Failed,
        }
    }

    /// Parses `word` in any case, with `_`, `-` or a space between its parts.
    #[must_use]
    pub fn parse(word: &str) -> Self {
        let word = word.trim();
        let key: String = word.chars().filter(|c| !matches!(c, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect();
        WORDS
            .iter()
            .find(|(_, words)| words.split_ascii_whitespace().any(|known| known == key))
            .map_or_else(|| Self::Unknown(Foreign::new(word)), |(status, _)| status.clone())
    }

    /// Whether it reports an end.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        match self {
            Self::Completed | Self::Failed | Self::Aborted => true,
            Self::Pending | Self::Started | Self::Unknown(_) => false,
        }
    }

    /// The word as it is sent to the API.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Pending => "pending",
            Self::Started => "started",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Aborted => "aborted",
            Self::Unknown(word) => word.raw(),
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(word) => fmt::Display::fmt(word, f),
            known => f.write_str(known.as_str()),
        }
    }
}

/// Words by status, in lower case and without separators. Sources: the API's own synonyms; the job, stage and
/// pipeline states that the documentation of GitHub, GitLab, Jenkins, Azure DevOps, CircleCI, Bitbucket, Buildkite,
/// TeamCity, Travis CI, Rundeck, Drone, Woodpecker, CodeBuild, Cloud Build, Codefresh, Semaphore, AppVeyor and
/// Harness lists.
const WORDS: &[(Status, &str)] = &[
    (
        Status::Pending,
        "pending queued scheduled created creating received requested waiting waitingforresource waitingforcallback \
         waitingondependencies preparing manual blocked paused onhold delayed notstarted pendingapproval needssetup queuing limiting limited assigned accepted postponed notrunning \
         actionrequired approvalwaiting interventionwaiting suspended resourcewaiting inputwaiting unblocked",
    ),
    (
        Status::Started,
        "started start starting inprogress init initializing deploying building running run working active provisioning timingout asyncwaiting taskwaiting retrying",
    ),
    (
        Status::Completed,
        "completed complete success successful succeeded finished deployed built passed pass ok done fixed normal \
         unstable succeededwithissues partiallysucceeded neutral ignorefailed issues inactive",
    ),
    (
        Status::Failed,
        "failed fail failing failure error errored broken stillfailing fault timedout timeout startupfailure \
         internalerror infrastructurefail infrastructurefailure scriptfailure systemfailure failedwithretry \
         waitingfailed notests unauthorized rejected approvalrejected blockedfailed unblockedfailed missed incomplete",
    ),
    (
        Status::Aborted,
        "aborted abort aborting canceled cancelled cancel canceling cancelling skipped skip notbuilt notrun stopped \
         stopping halted killed terminated terminating interrupted abandoned stale expired declined denied abortedbyfreeze discontinuing terminatedunknown retried undeployed",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_every_ci_system_are_known_in_any_case() {
        let cases = [
            (Status::Pending, ["pending", "Queued", "waiting_for_resource", "on_hold"]),
            (Status::Started, ["in_progress", "INIT", "deploying", "Running"]),
            (Status::Completed, ["SUCCESS", "UNSTABLE", "SucceededWithIssues", "passed"]),
            (Status::Failed, ["failure", "TIMED_OUT", "timedout", "errored"]),
            (Status::Aborted, ["canceled", "CANCELLED", "NOT_BUILT", "skipped"]),
        ];
        for (status, words) in cases {
            for word in words {
                assert_eq!(Status::parse(word), status, "{word}");
            }
        }
    }

    #[test]
    fn each_word_belongs_to_one_status() {
        let all: Vec<&str> = WORDS.iter().flat_map(|(_, words)| words.split_ascii_whitespace()).collect();
        let mut unique = all.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), all.len());
    }

    #[test]
    fn unknown_word_is_sent_unchanged() {
        assert_eq!(Status::parse(" Half-Baked ").as_str(), "Half-Baked");
    }
}
