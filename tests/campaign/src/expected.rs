//! What must come of one event, and of a whole call, if the server treats its requests so. A second opinion: written from the
//! documentation, it shares no code with the program.

use crate::reply::{Kind, Meaning, Pause};
use crate::schedule::Settings;

/// One request of an event.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) idempotency_key: String,
    pub(crate) meanings: Vec<Meaning>,
    pub(crate) pause: Pause,
    /// Whether the server lets it wait until it times out.
    pub(crate) hangs: bool,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Recorded,
    Blocked,
    Rejected(u16),
    Unavailable,
    /// Not sent, as an earlier event must be delivered first.
    HeldBack,
}

/// What became of an event, and what the client knows besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) answer: Answer,
    /// Whether a block came first.
    pub(crate) was_blocked: bool,
    pub(crate) maybe_recorded: bool,
}

/// How a call must end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) exit: i32,
    pub(crate) outcome: &'static str,
    /// `None` if the call has no gate.
    pub(crate) gate: Option<&'static str>,
}

/// What comes of `attempts`, one of whose possible meanings each has.
///
/// # Errors
/// If a correct client would not have made these attempts.
pub(crate) fn known(attempts: &[(&Attempt, Meaning)], settings: Settings) -> Result<Known, String> {
    let mut requests: Vec<&[(&Attempt, Meaning)]> = Vec::new();
    let mut rest = attempts;
    while let Some((first, _)) = rest.first() {
        let same = rest.iter().take_while(|(attempt, _)| attempt.idempotency_key == first.idempotency_key).count();
        requests.push(&rest[..same]);
        rest = &rest[same..];
    }
    let unavailable = Known { answer: Answer::Unavailable, was_blocked: false, maybe_recorded: false };
    let mut known = unavailable;
    for (at, request) in requests.iter().enumerate() {
        let is_last = at + 1 == requests.len();
        let (meaning, maybe_recorded) = one_request(request, settings, at > 0)?;
        known.maybe_recorded |= maybe_recorded;
        let goes_on = match meaning {
            Meaning::Recorded => {
                known.answer = Answer::Recorded;
                false
            }
            Meaning::Rejected { status, .. } => {
                known.answer = Answer::Rejected(status);
                false
            }
            Meaning::Blocked { kind, readable, .. } => {
                known.answer = Answer::Blocked;
                known.was_blocked = true;
                settings.wait && readable && kind != Kind::Flow
            }
            Meaning::Unavailable { .. } => known.was_blocked,
        };
        if !is_last && !goes_on {
            return Err(format!("a request was sent after the final answer {meaning:?}"));
        }
    }
    Ok(known)
}

/// What comes of one request and its retries, and whether an attempt has no final answer.
fn one_request(attempts: &[(&Attempt, Meaning)], settings: Settings, is_poll: bool) -> Result<(Meaning, bool), String> {
    let allowed = settings.retries as usize + 1;
    if attempts.len() > allowed {
        return Err(format!("{} attempts were made, {allowed} are allowed", attempts.len()));
    }
    let (mut block, mut maybe_recorded) = (None, false);
    let mut last = Meaning::Unavailable { retry: false, maybe_recorded: false };
    for (at, (attempt, meaning)) in attempts.iter().enumerate() {
        let is_last = at + 1 == attempts.len();
        let may_retry = match meaning {
            Meaning::Unavailable { retry, .. } => *retry,
            Meaning::Blocked { truncated, .. } => *truncated,
            Meaning::Recorded | Meaning::Rejected { .. } => false,
        };
        if !is_last && (!may_retry || attempt.pause == Pause::TooLong) {
            return Err(format!("the request was repeated after {meaning:?} with a pause that is {:?}", attempt.pause));
        }
        // A poll that may not outlast the wait has fewer attempts.
        if is_last && may_retry && !is_poll && attempts.len() < allowed && attempt.pause == Pause::Short {
            return Err(format!("the request was not repeated after {meaning:?}: {} of {allowed} attempts", at + 1));
        }
        if let Meaning::Blocked { truncated: true, .. } = meaning {
            block = Some(*meaning);
        }
        maybe_recorded |= matches!(meaning, Meaning::Unavailable { maybe_recorded: true, .. });
        last = *meaning;
    }
    let last = match (last, block) {
        (Meaning::Rejected { .. } | Meaning::Unavailable { .. }, Some(block)) => block,
        (last, _) => last,
    };
    Ok((last, maybe_recorded))
}

/// Whether an event that the API rejected so can be delivered later.
fn is_recoverable(status: u16) -> bool {
    matches!(status, 300..=399 | 401 | 403 | 404)
}

/// The role of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Gate,
    End,
    Other,
}

impl Known {
    /// Whether a deployment may run.
    #[must_use]
    pub(crate) fn opens_gate(self, settings: Settings, wrapped: bool) -> bool {
        self.answer == Answer::Recorded || self.excused(settings, Role::Gate, wrapped)
    }

    fn excused(self, settings: Settings, role: Role, wrapped: bool) -> bool {
        let tolerable = match self.answer {
            Answer::Recorded | Answer::Blocked => false,
            Answer::Unavailable | Answer::HeldBack => true,
            Answer::Rejected(status) => !wrapped || is_recoverable(status),
        };
        tolerable
            && !settings.fail_on_api_error
            && !self.was_blocked
            && (role != Role::Gate || !settings.require_gate)
            && (role != Role::End || !wrapped)
    }

    fn is_spooled(self, settings: Settings, role: Role, wrapped: bool) -> bool {
        let later = match self.answer {
            Answer::Recorded | Answer::Blocked => false,
            Answer::Unavailable | Answer::HeldBack => true,
            Answer::Rejected(status) => is_recoverable(status),
        };
        let wanted = wrapped || !settings.fail_on_api_error || self.answer == Answer::HeldBack;
        role == Role::End && later && wanted && !self.was_blocked
    }

    /// The word for the output `outcome`.
    fn outcome(self, settings: Settings, role: Role, wrapped: bool) -> &'static str {
        match self.answer {
            _ if self.is_spooled(settings, role, wrapped) => "spooled",
            Answer::Recorded => "recorded",
            Answer::Blocked => "blocked",
            Answer::Rejected(_) => "rejected",
            Answer::Unavailable | Answer::HeldBack => "unavailable",
        }
    }

    fn gate(self) -> &'static str {
        match self.answer {
            Answer::Recorded => "passed",
            _ if self.was_blocked => "blocked",
            _ => "not_checked",
        }
    }

    /// How a call must end that reports one event.
    #[must_use]
    pub(crate) fn end_of_track(self, settings: Settings, role: Role) -> End {
        let exit = match self.answer {
            Answer::Recorded => 0,
            Answer::Blocked => 5,
            Answer::HeldBack if settings.fail_on_api_error => 1,
            _ if self.is_spooled(settings, role, false) || self.excused(settings, role, false) => 0,
            Answer::Rejected(_) => 4,
            Answer::Unavailable | Answer::HeldBack => 1,
        };
        End { exit, outcome: self.outcome(settings, role, false), gate: (role == Role::Gate).then(|| self.gate()) }
    }

    /// How a `run` must end whose gate is closed.
    #[must_use]
    pub(crate) fn end_of_closed_run(self, settings: Settings) -> End {
        let exit = match self.answer {
            Answer::Blocked => 5,
            Answer::Rejected(_) => 4,
            Answer::Recorded | Answer::Unavailable | Answer::HeldBack => 1,
        };
        End { exit, outcome: self.outcome(settings, Role::Gate, true), gate: Some(self.gate()) }
    }

    /// How a `run` must end whose gate came to `gate`, whose command ended with `command`, and whose end came to this.
    #[must_use]
    pub(crate) fn end_of_run(self, gate: Self, settings: Settings, command: i32) -> End {
        let of_report = match self.answer {
            Answer::Recorded => 0,
            _ if self.is_spooled(settings, Role::End, true) => 0,
            Answer::Rejected(_) if settings.fail_on_api_error => 4,
            Answer::Rejected(_) | Answer::Blocked | Answer::Unavailable | Answer::HeldBack => 1,
        };
        let exit = if command == 0 { of_report } else { command };
        End { exit, outcome: self.outcome(settings, Role::End, true), gate: Some(gate.gate()) }
    }
}
