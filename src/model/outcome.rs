//! The outcome of a call, and its exit code.
//!
//! Owns: the exit codes, which scripts rely on.

use super::policy::Decision;
use super::superseded::Superseded;
use super::verdict::{Answer, Verdict};

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It did what was asked. No event was sent.
    Done,
    /// The event is recorded.
    Recorded,
    /// A rule stops the deployment.
    Blocked,
    /// A newer run of the workflow makes the deployment obsolete.
    Superseded,
    /// The API will not accept the event.
    Rejected {
        /// Whether the job continues.
        excused: bool,
    },
    /// There is no usable answer.
    Unavailable {
        /// Whether the job continues.
        excused: bool,
    },
    /// The event is in the spool.
    Spooled {
        /// Whether that fails the job.
        fails: bool,
    },
    /// The event could be neither delivered nor spooled.
    Lost {
        /// Whether the API rejected it.
        rejected: bool,
    },
    /// A signal of this number ended the call.
    Interrupted { signal: u8 },
    /// The command line or a setting is invalid, or a directory cannot be used.
    Misconfigured,
}

/// Whether an event that could not be delivered is in the spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spooled {
    /// It was not to be spooled.
    No,
    /// It is.
    Yes,
    /// It should be, and could not be written.
    Failed,
}

impl Outcome {
    /// What came of `answer`, of the decision about it, and of spooling the event.
    #[must_use]
    pub fn of(answer: &Answer, decision: Decision, spooled: Spooled) -> Self {
        let Decision { excused, .. } = decision;
        match (spooled, answer) {
            (_, Answer::Verdict(Verdict::Recorded(_))) => Self::Recorded,
            (_, Answer::Verdict(Verdict::Blocked(_))) => Self::Blocked,
            (_, Answer::Superseded(Superseded::By(_))) => Self::Superseded,
            // It may be superseded, so it must not start.
            (_, Answer::Superseded(Superseded::Unknown(_))) => Self::Blocked,
            (_, Answer::Interrupted { number, .. }) => Self::Interrupted { signal: *number },
            // Only an event that was held back is spooled although API errors fail the job.
            (Spooled::Yes, Answer::HeldBack) => Self::Spooled { fails: !excused },
            (Spooled::Yes, _) => Self::Spooled { fails: false },
            (Spooled::Failed, Answer::Verdict(Verdict::Rejected(_))) => Self::Lost { rejected: true },
            (Spooled::Failed, Answer::Verdict(Verdict::Unavailable(_)) | Answer::HeldBack) => {
                Self::Lost { rejected: false }
            }
            (Spooled::No, Answer::Verdict(Verdict::Rejected(_))) => Self::Rejected { excused },
            (Spooled::No, Answer::Verdict(Verdict::Unavailable(_)) | Answer::HeldBack) => Self::Unavailable { excused },
        }
    }

    /// The exit code.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Done
            | Self::Recorded
            | Self::Spooled { fails: false }
            | Self::Rejected { excused: true }
            | Self::Unavailable { excused: true } => 0,
            Self::Unavailable { excused: false }
            | Self::Spooled { fails: true }
            | Self::Lost { .. }
            | Self::Misconfigured => 1,
            Self::Rejected { excused: false } => 4,
            Self::Blocked | Self::Superseded => 5,
            // As shells report a command that a signal ended.
            Self::Interrupted { signal } => 128 + signal,
        }
    }

    /// The exit code of `run` whose command ended with `command`, if this is the outcome of reporting its end: the command's,
    /// unless that is 0 and the end is lost.
    #[must_use]
    pub fn exit_code_of_run(self, command: u8, fail_on_api_error: bool) -> u8 {
        let of_report = match self {
            Self::Done
            | Self::Recorded
            | Self::Spooled { .. }
            | Self::Rejected { excused: true }
            | Self::Unavailable { excused: true } => 0,
            Self::Rejected { excused: false } | Self::Lost { rejected: true } if fail_on_api_error => 4,
            Self::Rejected { excused: false }
            | Self::Unavailable { excused: false }
            | Self::Lost { .. }
            | Self::Blocked
            | Self::Superseded
            | Self::Interrupted { .. }
            | Self::Misconfigured => 1,
        };
        if command == 0 { of_report } else { command }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_the_documented_ones() {
        let cases = [
            (Outcome::Done, 0),
            (Outcome::Recorded, 0),
            (Outcome::Spooled { fails: false }, 0),
            (Outcome::Spooled { fails: true }, 1),
            (Outcome::Rejected { excused: true }, 0),
            (Outcome::Unavailable { excused: true }, 0),
            (Outcome::Unavailable { excused: false }, 1),
            (Outcome::Lost { rejected: false }, 1),
            (Outcome::Misconfigured, 1),
            (Outcome::Rejected { excused: false }, 4),
            (Outcome::Blocked, 5),
            (Outcome::Superseded, 5),
            (Outcome::Interrupted { signal: 2 }, 130),
            (Outcome::Interrupted { signal: 15 }, 143),
        ];
        for (outcome, code) in cases {
            assert_eq!(outcome.exit_code(), code, "{outcome:?}");
        }
    }

    #[test]
    fn lost_end_fails_a_run_whose_command_succeeded() {
        for (outcome, required, code) in [
            (Outcome::Recorded, true, 0),
            (Outcome::Spooled { fails: true }, true, 0),
            (Outcome::Rejected { excused: true }, false, 0),
            (Outcome::Unavailable { excused: true }, false, 0),
            (Outcome::Rejected { excused: false }, true, 4),
            (Outcome::Rejected { excused: false }, false, 1),
            (Outcome::Lost { rejected: true }, true, 4),
            (Outcome::Lost { rejected: true }, false, 1),
            (Outcome::Lost { rejected: false }, true, 1),
            (Outcome::Unavailable { excused: false }, true, 1),
            (Outcome::Blocked, true, 1),
            (Outcome::Interrupted { signal: 15 }, true, 1),
        ] {
            assert_eq!(outcome.exit_code_of_run(0, required), code, "{outcome:?}");
            assert_eq!(outcome.exit_code_of_run(7, required), 7, "{outcome:?}");
        }
    }
}
