//! How a call can end, and the exit code that says so.
//!
//! Owns: the exit codes, which scripts rely on. Does not own: why it ended so.

/// How a call ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// What was asked for is done, and no event was to be sent.
    Done,
    /// The event is recorded.
    Recorded {
        /// It reports a failure, and this call stands for the job: the job fails with it.
        fails_job: bool,
    },
    /// A rule forbids the deployment.
    Blocked,
    /// The API will not take the event.
    Refused,
    /// The API was not reached.
    Unreachable,
    /// The event is kept, and will be delivered late.
    Kept,
    /// The event was neither delivered nor kept, although the job asked for one of them.
    Lost,
    /// A command was wrapped, and this is what its call ends with: mostly its own exit code.
    Wrapped {
        /// The exit code.
        code: u8,
    },
    /// A signal of this number ended it.
    Interrupted {
        /// 2 for SIGINT, 15 for SIGTERM.
        signal: u8,
    },
    /// The call could not be understood, or a setting could not.
    Misconfigured,
}

impl Outcome {
    /// The exit code. `fail_on_api_error=false` excuses an API that is unreachable or refuses, and nothing else.
    #[must_use]
    pub fn exit_code(self, fail_on_api_error: bool) -> u8 {
        match self {
            Self::Done | Self::Recorded { fails_job: false } | Self::Kept => 0,
            Self::Recorded { fails_job: true } | Self::Lost | Self::Misconfigured => 1,
            Self::Wrapped { code } => code,
            Self::Unreachable if fail_on_api_error => 1,
            Self::Refused if fail_on_api_error => 4,
            Self::Unreachable | Self::Refused => 0,
            Self::Blocked => 5,
            // What a shell says of a command that a signal ended.
            Self::Interrupted { signal } => 128 + signal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_api_that_fails_can_be_excused() {
        let cases = [
            (Outcome::Done, 0, 0),
            (Outcome::Recorded { fails_job: false }, 0, 0),
            (Outcome::Recorded { fails_job: true }, 1, 1),
            (Outcome::Blocked, 5, 5),
            (Outcome::Refused, 4, 0),
            (Outcome::Unreachable, 1, 0),
            (Outcome::Misconfigured, 1, 1),
            (Outcome::Kept, 0, 0),
            (Outcome::Lost, 1, 1),
            (Outcome::Wrapped { code: 7 }, 7, 7),
            (Outcome::Interrupted { signal: 2 }, 130, 130),
            (Outcome::Interrupted { signal: 15 }, 143, 143),
        ];
        for (outcome, strict, lenient) in cases {
            assert_eq!((outcome.exit_code(true), outcome.exit_code(false)), (strict, lenient), "{outcome:?}");
        }
    }
}
