//! Policies: what the settings say about blocks and API errors, and what follows from an answer.
//!
//! [`Decision`] carries the safety promise. It is computed once, by [`decide`], before anything acts on an answer: nothing
//! else asks whether a command may run or whether an error is excused.

use super::block::BlockKind;
use super::event::Role;
use super::verdict::{Answer, Verdict};
use std::time::Duration;
use tokio::time::Instant;

/// What to do about a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnBlock {
    /// Fail at once.
    Fail,
    /// Wait until it lifts.
    Wait,
    /// Fail, and leave a marker by which `resume` re-runs the job.
    Park,
}

/// The settings for blocks and waiting.
#[derive(Clone, Debug)]
pub struct WaitPolicy {
    /// If another deployment is in progress.
    pub on_conflict: OnBlock,
    /// In a no-deploy window.
    pub on_window: OnBlock,
    /// If an approval is missing.
    pub on_approval: OnBlock,
    /// If the soak time is not over.
    pub on_soak: OnBlock,
    /// For every other reason.
    pub on_flow: OnBlock,
    /// The longest total wait.
    pub timeout: Duration,
    /// Between polls if the API names no end.
    pub poll_interval: Duration,
    /// Between extra polls before an announced end; zero: none.
    pub recheck_interval: Duration,
    /// A conflicting deployment older than this is treated as stale.
    pub conflict_max_age: Duration,
    /// When the CI system ends the job, and the variable that says so.
    pub job_end: Option<(Instant, String)>,
}

impl WaitPolicy {
    /// What to do about a block of `kind`.
    #[must_use]
    pub fn on(&self, kind: BlockKind) -> OnBlock {
        match kind {
            BlockKind::Conflict => self.on_conflict,
            BlockKind::Window => self.on_window,
            BlockKind::Approval => self.on_approval,
            BlockKind::Soak => self.on_soak,
            BlockKind::Flow => self.on_flow,
        }
    }

    /// The same, but a block that would be parked fails.
    #[must_use]
    pub fn never_park(&self) -> Self {
        let fail = |on_block| if on_block == OnBlock::Park { OnBlock::Fail } else { on_block };
        Self {
            on_conflict: fail(self.on_conflict),
            on_window: fail(self.on_window),
            on_approval: fail(self.on_approval),
            on_soak: fail(self.on_soak),
            on_flow: fail(self.on_flow),
            ..self.clone()
        }
    }

    /// The same, but every block fails.
    #[must_use]
    pub fn never_wait(&self) -> Self {
        let fail = OnBlock::Fail;
        Self { on_conflict: fail, on_window: fail, on_approval: fail, on_soak: fail, on_flow: fail, ..self.clone() }
    }
}

/// The settings for API errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorPolicy {
    /// Whether an API that rejects or is unavailable fails the job.
    pub fail_on_api_error: bool,
    /// Whether a deployment needs a confirmed gate.
    pub require_gate: bool,
    /// Whether undelivered ends are spooled: `spool_dir` is not `off`.
    pub spool: bool,
}

/// What is known when an event has been sent, or could not be.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    pub role: Role,
    /// Whether the event belongs to a command that `run` wraps.
    pub wrapped: bool,
    pub answer: &'a Answer,
    /// Whether a block was seen that no success has lifted since.
    pub was_blocked: bool,
    /// Whether an attempt of this call has no final answer: the API may have recorded the event.
    pub may_be_recorded: bool,
}

/// What follows from an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Decision {
    /// Whether the deployment may run. `None` if the event is not a gate.
    pub gate: Option<GateState>,
    /// Whether the job continues although the event is not recorded.
    pub excused: bool,
    /// Whether the event is spooled.
    pub spool: bool,
    pub journal: JournalAction,
}

/// Whether a deployment may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateState {
    /// The API confirmed that the rules passed.
    Passed,
    /// No rule was checked, and the settings allow the deployment without.
    NotChecked,
    /// It must not run.
    Closed,
}

/// What happens to the journal's entry of a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalAction {
    /// It is open, and the API knows when it started.
    MarkRecorded,
    /// It may be open: the API may have recorded it, or the job deploys without a checked gate.
    MarkSent,
    /// It is closed.
    Close,
    /// It is closed once its end is spooled.
    CloseOnceSpooled,
    /// It stays open. An end that was reported is repeated later.
    KeepOpen,
}

/// Decides what follows from an answer.
pub fn decide(situation: Situation<'_>, errors: ErrorPolicy) -> Decision {
    let Situation { role, answer, .. } = situation;
    let excused = is_excused(situation, errors);
    let spool = is_spooled(situation, errors);
    let recorded = matches!(answer, Answer::Verdict(Verdict::Recorded(_)));
    let gate = (role == Role::Gate).then_some(match (recorded, excused) {
        (true, _) => GateState::Passed,
        (false, true) => GateState::NotChecked,
        (false, false) => GateState::Closed,
    });
    let journal = match role {
        Role::Gate if recorded => JournalAction::MarkRecorded,
        Role::Gate if situation.may_be_recorded || excused => JournalAction::MarkSent,
        Role::Gate => JournalAction::Close,
        Role::End if recorded => JournalAction::Close,
        Role::End if spool => JournalAction::CloseOnceSpooled,
        Role::End | Role::Other => JournalAction::KeepOpen,
    };
    Decision { gate, excused, spool, journal }
}

/// Whether the job continues although the event is not recorded. A block is never excused, nor is anything after a block.
fn is_excused(situation: Situation<'_>, errors: ErrorPolicy) -> bool {
    let Situation { role, wrapped, answer, was_blocked, .. } = situation;
    let is_gate = role == Role::Gate;
    let needs_gate = is_gate && errors.require_gate;
    // The end of a wrapped command is delivered or spooled, or its loss fails the job, unless nothing is to be spooled.
    let needs_record = wrapped && !is_gate && errors.spool;
    let tolerable = match answer {
        Answer::Verdict(Verdict::Recorded(_) | Verdict::Blocked(_))
        | Answer::Superseded(_)
        | Answer::Interrupted { .. } => false,
        Answer::Verdict(Verdict::Unavailable(_)) | Answer::HeldBack => true,
        // An invalid event stays invalid: a wrapped deployment that the API rejects must not start.
        Answer::Verdict(Verdict::Rejected(rejection)) => !wrapped || rejection.is_recoverable(),
    };
    tolerable && !errors.fail_on_api_error && !was_blocked && !needs_gate && !needs_record
}

/// Whether the event is spooled: an end that could not be delivered but can be later.
fn is_spooled(situation: Situation<'_>, errors: ErrorPolicy) -> bool {
    let Situation { role, wrapped, answer, was_blocked, .. } = situation;
    let deliverable_later = match answer {
        Answer::Verdict(Verdict::Unavailable(_)) | Answer::HeldBack | Answer::Interrupted { .. } => true,
        Answer::Verdict(Verdict::Rejected(rejection)) => rejection.is_recoverable(),
        Answer::Verdict(Verdict::Recorded(_) | Verdict::Blocked(_)) | Answer::Superseded(_) => false,
    };
    // An event that was held back could be delivered in order later, and only then.
    let wanted = wrapped || !errors.fail_on_api_error || *answer == Answer::HeldBack;
    role == Role::End && errors.spool && deliverable_later && wanted && !was_blocked
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::block::Block;
    use crate::model::superseded::Superseded;
    use crate::model::verdict::{Rejection, Unavailable, UnavailableCause};

    const ROLES: [Role; 3] = [Role::Gate, Role::End, Role::Other];
    const BOTH: [bool; 2] = [false, true];

    fn answers() -> Vec<Answer> {
        let unavailable =
            Unavailable { cause: UnavailableCause::TimedOut, host: "api".into(), proxy: None, requested_pause: None };
        let rejected = |status| Verdict::Rejected(Rejection { status, ..Rejection::default() });
        let verdicts = [
            Verdict::Recorded(Box::default()),
            Verdict::Blocked(Box::new(Block::unreadable_conflict())),
            rejected(422),
            rejected(401),
            Verdict::Unavailable(unavailable),
        ];
        let superseded = Answer::Superseded(Superseded::By(7));
        let others = [Answer::HeldBack, superseded, Answer::Interrupted { signal: "SIGTERM", number: 15 }];
        verdicts.into_iter().map(Answer::Verdict).chain(others).collect()
    }

    /// Calls `check` with every situation under every policy.
    fn for_all(mut check: impl FnMut(Situation<'_>, ErrorPolicy, Decision)) {
        for answer in &answers() {
            for role in ROLES {
                for bits in 0..64_u8 {
                    let bit = |at: u8| BOTH[usize::from(bits >> at & 1)];
                    let situation =
                        Situation { role, wrapped: bit(0), answer, was_blocked: bit(1), may_be_recorded: bit(2) };
                    let errors = ErrorPolicy { fail_on_api_error: bit(3), require_gate: bit(4), spool: bit(5) };
                    check(situation, errors, decide(situation, errors));
                }
            }
        }
    }

    #[test]
    fn deployment_runs_only_through_an_open_or_excused_gate() {
        for_all(|situation, errors, decision| {
            let recorded = matches!(situation.answer, Answer::Verdict(Verdict::Recorded(_)));
            match decision.gate {
                None => assert_ne!(situation.role, Role::Gate),
                Some(GateState::Passed) => assert!(recorded),
                Some(GateState::NotChecked) => {
                    assert!(decision.excused && !errors.fail_on_api_error && !errors.require_gate);
                    assert!(!situation.was_blocked, "{situation:?}");
                    assert!(!matches!(situation.answer, Answer::Verdict(Verdict::Blocked(_))), "{situation:?}");
                }
                Some(GateState::Closed) => assert!(!recorded && !decision.excused),
            }
        });
    }

    #[test]
    fn blocks_are_never_excused_or_spooled_and_interruptions_never_excused() {
        for_all(|situation, _, decision| {
            let blocked = matches!(situation.answer, Answer::Verdict(Verdict::Blocked(_))) || situation.was_blocked;
            let interrupted = matches!(situation.answer, Answer::Interrupted { .. } | Answer::Superseded(_));
            assert!(!(blocked && decision.spool), "{situation:?}");
            assert!(!((blocked || interrupted) && decision.excused), "{situation:?}");
        });
    }

    #[test]
    fn only_ends_are_spooled_and_then_never_forgotten_before() {
        for_all(|situation, errors, decision| {
            if decision.spool {
                assert!(situation.role == Role::End && errors.spool);
                assert_eq!(decision.journal, JournalAction::CloseOnceSpooled);
            }
        });
    }

    #[test]
    fn start_that_may_be_recorded_stays_in_the_journal() {
        for_all(|situation, _, decision| {
            if situation.role == Role::Gate && situation.may_be_recorded {
                assert!(matches!(decision.journal, JournalAction::MarkRecorded | JournalAction::MarkSent));
            }
        });
    }
}
