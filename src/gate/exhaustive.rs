//! Two jobs that deploy to one environment, in every order of steps, with every failure, by the real decision functions.
//!
//! The model has a server, and for each job a journal's entry and a spool. A step is one thing that can happen: a request is
//! sent, a reply arrives or is lost, a command ends, a signal comes, a process is killed, `finish` or `flush` runs. All states
//! that can be reached are visited, up to the stated numbers of attempts, polls and calls of `finish` and `flush`.

use super::tests::{after, policy, start};
use super::{WaitDecision, WaitState, decide_wait};
use crate::model::block::Block;
use crate::model::event::Role;
use crate::model::policy::{ErrorPolicy, GateState, JournalAction, OnBlock, Situation, decide};
use crate::model::spool_action::{SpoolAction, spool_action};
use crate::model::verdict::{Answer, Rejection, Unavailable, UnavailableCause, Verdict};
use serde_json::json;
use std::collections::HashSet;
use std::time::Duration;

/// Attempts per request, polls per wait, and calls of `finish` and `flush` per job.
const ATTEMPTS: u8 = 2;
const POLLS: u8 = 1;
const LATER_CALLS: u8 = 2;

/// What the client hears of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Reply {
    Recorded,
    /// Blocked by a deployment: our own, or the other job's.
    Blocked {
        own: bool,
    },
    Rejected(u16),
    /// The server may have recorded the event, and its reply never arrives.
    Lost,
    Refused,
}

/// What the journal knows of a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Entry {
    Sent,
    Recorded,
    Blocked,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Phase {
    /// The start is about to be sent.
    Gate,
    /// It was sent, and this is on its way.
    GateReply(Reply),
    /// The command runs.
    Running,
    /// The end is about to be sent: by `run`, or by `finish`.
    End {
        wrapped: bool,
    },
    EndReply {
        wrapped: bool,
        reply: Reply,
    },
    /// No process is left.
    Gone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Job {
    phase: Phase,
    attempts: u8,
    polls: u8,
    was_blocked: bool,
    unanswered: bool,
    journal: Option<Entry>,
    spooled: bool,
    set_aside: bool,
    later_calls: u8,
    /// What the server knows.
    started: bool,
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct World {
    jobs: [Job; 2],
}

/// The settings of both jobs.
#[derive(Clone, Copy, Debug)]
struct Setup {
    errors: ErrorPolicy,
    on_block: OnBlock,
}

impl Job {
    fn new() -> Self {
        Self {
            phase: Phase::Gate,
            attempts: 0,
            polls: 0,
            was_blocked: false,
            unanswered: false,
            journal: None,
            spooled: false,
            set_aside: false,
            later_calls: 0,
            started: false,
            ended: false,
        }
    }

    fn is_open(&self) -> bool {
        self.started && !self.ended
    }

    /// The process is gone: killed, or at its end.
    fn gone(self) -> Self {
        Self { phase: Phase::Gone, ..self }
    }
}

fn block(own: bool) -> Block {
    let started = if own { after(start(), 10) } else { after(start(), -100) };
    let body = json!({"error": "deployment_blocked", "code": "CONCURRENT_DEPLOYMENT", "details":
        {"conflicting_deployment_id": "1", "conflicting_deployment_started": started.to_string()}});
    Block::parse(409, &body).unwrap()
}

fn verdict(reply: Reply) -> Verdict {
    let unavailable =
        |cause| Verdict::Unavailable(Unavailable { cause, host: "api".into(), proxy: None, requested_pause: None });
    match reply {
        Reply::Recorded => Verdict::Recorded(Box::default()),
        Reply::Blocked { own } => Verdict::Blocked(Box::new(block(own))),
        Reply::Rejected(status) => Verdict::Rejected(Rejection { status, ..Rejection::default() }),
        Reply::Lost => unavailable(UnavailableCause::Closed("reset".into())),
        Reply::Refused => unavailable(UnavailableCause::Connect("refused".into())),
    }
}

impl World {
    fn with(&self, at: usize, job: Job) -> Self {
        let mut next = *self;
        next.jobs[at] = job;
        // The jobs are interchangeable.
        next.jobs.sort_unstable();
        next
    }

    /// Everything that can happen to a request of job `at`: the server's state and what is on its way back.
    fn requests(&self, at: usize, is_gate: bool) -> Vec<(Job, Reply)> {
        let job = self.jobs[at];
        let processed = match self.jobs.iter().position(Job::is_open).filter(|_| is_gate) {
            Some(other) => (job, Reply::Blocked { own: other == at }),
            None if is_gate => (Job { started: true, ended: false, ..job }, Reply::Recorded),
            None => (Job { ended: true, ..job }, Reply::Recorded),
        };
        let untouched = [Reply::Refused, Reply::Rejected(422), Reply::Rejected(401)].map(|reply| (job, reply));
        let lost = (processed.0, Reply::Lost);
        [vec![processed, lost], untouched.to_vec()].concat()
    }

    /// All states after one step of job `at`.
    fn steps(&self, at: usize, setup: Setup) -> Vec<Self> {
        let job = self.jobs[at];
        let mut next = match job.phase {
            Phase::Gate => {
                // The journal is written first.
                let noted = Job { journal: Some(Entry::Sent), ..job };
                let sent = |(server, reply): (Job, Reply)| {
                    let (started, ended) = (server.started, server.ended);
                    self.with(at, Job { phase: Phase::GateReply(reply), started, ended, ..noted })
                };
                let killed = self.with(at, noted.gone());
                self.requests(at, true).into_iter().map(sent).chain([killed]).collect()
            }
            Phase::GateReply(reply) => {
                let interrupted = Answer::Interrupted { signal: "SIGTERM", number: 15 };
                let in_flight = Job { unanswered: true, ..job };
                vec![
                    self.with(at, gate_reply(job, reply, setup)),
                    self.with(at, conclude_gate(in_flight, &interrupted, setup)),
                ]
            }
            Phase::Running => vec![self.with(at, Job { phase: Phase::End { wrapped: true }, attempts: 0, ..job })],
            Phase::End { wrapped } => {
                let sent = |(job, reply): (Job, Reply)| Job { phase: Phase::EndReply { wrapped, reply }, ..job };
                self.requests(at, false).into_iter().map(sent).map(|job| self.with(at, job)).collect()
            }
            Phase::EndReply { wrapped, reply } => vec![self.with(at, end_reply(job, wrapped, reply, setup))],
            Phase::Gone => self.later_calls(at),
        };
        if job.phase != Phase::Gone {
            next.push(self.with(at, job.gone()));
        }
        next
    }

    /// `finish` and `flush`, once the job's process is gone.
    fn later_calls(&self, at: usize) -> Vec<Self> {
        let job = Job { later_calls: self.jobs[at].later_calls + 1, ..self.jobs[at] };
        if job.later_calls > LATER_CALLS {
            return Vec::new();
        }
        let finish = match job.journal {
            Some(Entry::Sent | Entry::Recorded) => {
                let fresh = Job { attempts: 0, was_blocked: false, unanswered: false, ..job };
                vec![Job { phase: Phase::End { wrapped: false }, ..fresh }]
            }
            Some(Entry::Blocked) => vec![Job { journal: None, ..job }],
            None => Vec::new(),
        };
        let flush = self.requests(at, false).into_iter().filter(|_| job.spooled).map(|(server, reply)| {
            let kept = Job { started: server.started, ended: server.ended, ..job };
            match spool_action(&verdict(reply)) {
                SpoolAction::Remove => Job { spooled: false, ..kept },
                SpoolAction::SetAside => Job { spooled: false, set_aside: true, ..kept },
                SpoolAction::TryOthers | SpoolAction::Stop => kept,
            }
        });
        finish.into_iter().chain(flush).map(|job| self.with(at, job)).collect()
    }

    /// The state once the server is available again, and `finish` and `flush --retry-set-aside` have run for each job.
    fn closed(mut self, setup: Setup) -> Self {
        for job in &mut self.jobs {
            if matches!(job.journal, Some(Entry::Sent | Entry::Recorded)) {
                job.ended = true;
                *job = end_reply(Job { attempts: 0, was_blocked: false, ..*job }, false, Reply::Recorded, setup);
            }
            if job.spooled || job.set_aside {
                *job = Job { spooled: false, set_aside: false, ended: true, ..*job };
            }
        }
        self
    }
}

/// A reply to the start arrives.
fn gate_reply(job: Job, reply: Reply, setup: Setup) -> Job {
    let verdict = verdict(reply);
    let mut job = Job { attempts: job.attempts + 1, ..job };
    if let Verdict::Unavailable(unavailable) = &verdict {
        job.unanswered |= unavailable.may_be_recorded();
        if job.attempts < ATTEMPTS || job.was_blocked && job.polls < POLLS {
            return Job { phase: Phase::Gate, polls: job.polls + u8::from(job.was_blocked), ..job };
        }
    }
    let blocked = match &verdict {
        Verdict::Blocked(block) => Some((**block).clone()),
        // The last block remains in force.
        Verdict::Unavailable(_) if job.was_blocked => Some(block(false)),
        Verdict::Recorded(_) | Verdict::Rejected(_) | Verdict::Unavailable(_) => None,
    };
    let Some(blocked) = blocked else { return conclude_gate(job, &Answer::Verdict(verdict), setup) };
    job.was_blocked = true;
    if !job.unanswered {
        job.journal = Some(Entry::Blocked);
    }
    let state = WaitState {
        now: after(start(), 20),
        waited: Duration::from_secs(u64::from(job.polls) * 900),
        polls: u32::from(job.polls),
        unanswered_since: job.unanswered.then(|| after(start(), 10)),
        own_version: "1",
    };
    match decide_wait(&blocked, &policy(setup.on_block), state, &mut fastrand::Rng::with_seed(1)) {
        WaitDecision::Poll(..) => Job { phase: Phase::Gate, attempts: 0, polls: job.polls + 1, ..job },
        WaitDecision::Fail(_) => conclude_gate(job, &Answer::Verdict(Verdict::Blocked(Box::new(blocked))), setup),
    }
}

/// Decides about the gate. Asserts that the command runs only if it may.
fn conclude_gate(job: Job, answer: &Answer, setup: Setup) -> Job {
    let Job { was_blocked, unanswered: may_be_recorded, .. } = job;
    let situation = Situation { role: Role::Gate, wrapped: true, answer, was_blocked, may_be_recorded };
    let decision = decide(situation, setup.errors);
    assert!(!decision.spool, "a start was spooled");
    let journal = match decision.journal {
        JournalAction::MarkRecorded => Some(Entry::Recorded),
        JournalAction::MarkSent => Some(Entry::Sent),
        JournalAction::Close | JournalAction::CloseOnceSpooled => None,
        JournalAction::KeepOpen => job.journal,
    };
    let job = Job { journal, attempts: 0, was_blocked: false, unanswered: false, ..job };
    match decision.gate {
        Some(GateState::Passed) => {
            assert!(job.is_open(), "the command runs, and the server knows nothing of it: {job:?}");
            Job { phase: Phase::Running, ..job }
        }
        Some(GateState::NotChecked) => {
            assert!(!setup.errors.fail_on_api_error && !setup.errors.require_gate && !was_blocked, "{job:?}");
            Job { phase: Phase::Running, ..job }
        }
        // The server may have recorded the start: it hears that nothing came of it.
        Some(GateState::Closed) | None if may_be_recorded => Job { phase: Phase::End { wrapped: true }, ..job },
        Some(GateState::Closed) | None => job.gone(),
    }
}

/// A reply to the end arrives.
fn end_reply(job: Job, wrapped: bool, reply: Reply, setup: Setup) -> Job {
    let mut job = Job { attempts: job.attempts + 1, ..job };
    let verdict = verdict(reply);
    if matches!(verdict, Verdict::Unavailable(_)) && job.attempts < ATTEMPTS {
        return Job { phase: Phase::End { wrapped }, ..job };
    }
    let answer = Answer::Verdict(verdict);
    let situation =
        Situation { role: Role::End, wrapped, answer: &answer, was_blocked: false, may_be_recorded: job.unanswered };
    let decision = decide(situation, setup.errors);
    job.spooled |= decision.spool;
    match decision.journal {
        JournalAction::Close | JournalAction::CloseOnceSpooled => job.journal = None,
        JournalAction::KeepOpen | JournalAction::MarkRecorded | JournalAction::MarkSent => {}
    }
    job.gone()
}

#[test]
#[allow(clippy::print_stdout, reason = "the figure in docs/reliability.md")]
fn every_order_of_steps_is_safe_and_every_start_can_be_closed() {
    let mut visited = 0;
    for bits in 0..8_u8 {
        let errors = ErrorPolicy { fail_on_api_error: bits & 1 == 0, require_gate: bits & 2 == 0, spool: true };
        let on_block = if bits & 4 == 0 { OnBlock::Fail } else { OnBlock::Wait };
        let setup = Setup { errors, on_block };
        let first = World { jobs: [Job::new(); 2] };
        let (mut seen, mut open) = (HashSet::from([first]), vec![first]);
        while let Some(world) = open.pop() {
            for job in world.closed(setup).jobs {
                assert!(!job.is_open(), "{job:?} stays open after {world:?} with {setup:?}");
            }
            for next in (0..2).flat_map(|at| world.steps(at, setup)) {
                if seen.insert(next) {
                    open.push(next);
                }
            }
        }
        visited += seen.len();
    }
    println!("{visited} states");
    assert!(visited > 20_000, "only {visited} states were visited");
}
