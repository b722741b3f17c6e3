//! Sending one event: deliver what is spooled before it, send it (and wait), decide, spool it, update the journal.
//!
//! This is the only way to send an event. `track`, `run` and `finish` share it.

use super::Session;
use super::conclude::{Delivered, Sent};
use super::sender::Sender;
use super::superseded::NewerRunCheck;
use crate::gate::FailReason;
use crate::gate::wait::{Progress, WaitEnd, WaitParams, WaitRecord, send_until_decided};
use crate::model::clock::Clock;
use crate::model::event::Role;
use crate::model::payload::add_metadata;
use crate::model::policy::WaitPolicy;
use crate::process::signals::{Signal, Signals};
use crate::report::ReportContext;
use crate::state::{JournalEntry, OrderingKey, StartState};
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};

/// An event to send.
#[derive(Debug)]
pub struct OutgoingEvent<'a> {
    pub context: ReportContext<'a>,
    pub body: Map<String, Value>,
    pub wait: &'a WaitPolicy,
    pub budget: SendBudget,
    pub entries: OpenEntries,
}

/// How much time an event has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendBudget {
    /// Limits sending to one attempt of this duration.
    single_attempt: Option<Duration>,
    /// For delivering spooled events first.
    flush: Duration,
    /// How long sending continues after a signal.
    grace: Duration,
}

impl SendBudget {
    /// The usual budget. A signal ends it.
    pub const FULL: Self = Self { single_attempt: None, flush: Duration::from_secs(10), grace: Duration::ZERO };
    /// The last event of `run`: it continues for 5 s after a signal, as the runner of GitHub Actions kills after 10 s.
    pub const LAST: Self = Self { single_attempt: None, flush: Duration::from_secs(10), grace: Duration::from_secs(5) };
    /// One short attempt, before the agent kills this process.
    pub const SHORT: Self =
        Self { single_attempt: Some(Duration::from_secs(3)), flush: Duration::from_secs(1), grace: Duration::ZERO };
}

/// The journal's entries of the deployment that the event is about.
#[derive(Debug)]
pub enum OpenEntries {
    /// Look them up, or add one for a gate.
    LookUp,
    Given(Vec<JournalEntry>),
}

/// Sends an event, decides what follows, and does it. Without `signals`, no signal ends it.
pub async fn deliver(
    session: &Session<'_>,
    outgoing: OutgoingEvent<'_>,
    mut signals: Option<&mut Signals>,
) -> Delivered {
    let OutgoingEvent { context, mut body, wait: policy, budget, entries } = outgoing;
    let role = context.event.role();
    let mut record = WaitRecord::default();
    let client = match budget.single_attempt {
        Some(limit) => &session.client.single_attempt(limit),
        None => session.client,
    };
    let held = {
        let flush = session.flush_before(budget.flush, role, &body);
        until_signal(signals.as_deref_mut(), budget.grace, flush).await
    };
    let held = match held {
        Ok(held) => held,
        Err(signal) => {
            let sent = Sent::interrupted(signal, &record, None);
            let open = match entries {
                OpenEntries::Given(entries) => entries,
                OpenEntries::LookUp => Vec::new(),
            };
            return session.conclude(context, &body, record, sent, open).await;
        }
    };
    let mut newer_runs = NewerRunCheck::new(session, role);
    if newer_runs.before_start() {
        let superseded = match until_signal(signals.as_deref_mut(), budget.grace, newer_runs.ask_soon()).await {
            Ok(superseded) => superseded.map(Sent::superseded),
            Err(signal) => Some(Sent::interrupted(signal, &record, None)),
        };
        if let Some(sent) = superseded {
            return session.conclude(context, &body, record, sent, Vec::new()).await;
        }
    }
    let mut open = session.open_entries(role, entries, &body);
    // If the API does not know when the deployment started, its end says so.
    if role == Role::End
        && let Some(entry) = open.iter().find(|entry| entry.deployment.start == StartState::Sent)
    {
        add_metadata(&mut body, "vi_started_at", entry.deployment.started_at.clone());
    }
    // A gate is always checked. Everything else is sent in order.
    if role != Role::Gate && held.contains(&OrderingKey::of(&body)) {
        return session.conclude(context, &body, record, Sent::held_back(), open).await;
    }
    let sent = {
        let entry = open.first_mut().filter(|_| role == Role::Gate);
        let mut sender = Sender::new(session, client, context.event, &body, entry, newer_runs);
        wait_and_park(session, context, policy, budget, &mut sender, &mut record, signals).await
    };
    session.conclude(context, &body, record, sent, open).await
}

/// Sends the event until it is decided, and parks the job if that is the decision.
async fn wait_and_park(
    session: &Session<'_>,
    context: ReportContext<'_>,
    policy: &WaitPolicy,
    budget: SendBudget,
    sender: &mut Sender<'_>,
    record: &mut WaitRecord,
    signals: Option<&mut Signals>,
) -> Sent {
    let already_happened = context.event.status.value.is_terminal();
    // An end has happened already: only its record is blocked.
    let never_park = already_happened.then(|| policy.never_park());
    let policy = never_park.as_ref().unwrap_or(policy);
    let params = WaitParams { policy, own_version: context.event.version.value.raw(), clock: Clock::system() };
    let emit = |progress: Progress<'_>| session.show_wait(context, &progress);
    let mut rng = fastrand::Rng::new();
    let sending = send_until_decided(sender, &emit, &params, &mut rng, record);
    match until_signal(signals, budget.grace, sending).await {
        Ok((result, WaitEnd::Blocked(FailReason::Park))) => {
            let end = match &record.block {
                Some(block) => session.park(block, record).await,
                None => WaitEnd::Blocked(FailReason::Setting),
            };
            Sent::answered(result, end)
        }
        Ok((result, end)) => Sent::answered(result, end),
        Err(signal) => Sent::interrupted(signal, record, sender.unanswered_since()),
    }
}

/// The output of `work`, unless a signal to stop comes and `grace` passes before it is done.
async fn until_signal<T>(
    signals: Option<&mut Signals>,
    grace: Duration,
    work: impl Future<Output = T>,
) -> Result<T, Signal> {
    tokio::pin!(work);
    let Some(signals) = signals else { return Ok(work.await) };
    let signal = tokio::select! {
        biased;
        signal = signals.next_stop() => signal,
        output = &mut work => return Ok(output),
    };
    if grace.is_zero() {
        return Err(signal);
    }
    tokio::select! {
        biased;
        output = &mut work => Ok(output),
        () = sleep_until(Instant::now() + grace) => Err(signal),
    }
}

impl Session<'_> {
    /// The journal's entries of the deployment that `body` is about: a new one for a gate.
    fn open_entries(&self, role: Role, entries: OpenEntries, body: &Map<String, Value>) -> Vec<JournalEntry> {
        let journal = match (entries, &self.journal) {
            (OpenEntries::Given(entries), _) => return entries,
            (OpenEntries::LookUp, Err(_)) => return Vec::new(),
            (OpenEntries::LookUp, Ok(journal)) => journal,
        };
        match role {
            Role::Gate => {
                let entry = journal.add(self.without_key(body), Clock::system().now());
                self.note_error(entry).into_iter().collect()
            }
            Role::End if body.contains_key("environment_name") => {
                journal.matching(body).map(|(entries, _)| entries).unwrap_or_default()
            }
            Role::End | Role::Other => Vec::new(),
        }
    }
}
