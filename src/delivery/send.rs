//! Sending one event: deliver what is spooled before it, send it (and wait), decide, spool it, update the journal.
//!
//! This is the only way to send an event. `track`, `run` and `finish` share it.

use super::Session;
use crate::api::{Client, Failure, SendProgress, SendRequest, SendResult};
use crate::gate::wait::{EventSender, Progress, WaitEnd, WaitParams, WaitRecord, send_until_decided};
use crate::model::clock::Clock;
use crate::model::event::{EventType, Role};
use crate::model::outcome::{Outcome, Spooled};
use crate::model::payload::add_metadata;
use crate::model::policy::{Decision, JournalAction, Situation, WaitPolicy, decide};
use crate::model::verdict::{Answer, Verdict};
use crate::process::signals::{Signal, Signals};
use crate::report::{self, Delivery, ReportContext, progress};
use crate::settings::SpoolConfig;
use crate::state::{JournalEntry, OrderingKey, SpoolLocation, SpoolResult, SpooledEvent, StartState};
use crate::text::Foreign;
use jiff::Timestamp;
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

/// A sent event, and what was decided.
#[derive(Debug)]
pub struct Delivered {
    pub delivery: Delivery,
    pub decision: Decision,
    pub outcome: Outcome,
    /// The journal's entries that are still open.
    pub open: Vec<JournalEntry>,
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
    let mut sender = Sender {
        session,
        client,
        event_type: context.event.event_type,
        is_gate: role == Role::Gate,
        body: &body,
        entry: open.first_mut().filter(|_| role == Role::Gate),
        rng: fastrand::Rng::new(),
        is_poll: false,
        in_flight_since: None,
        unanswered_since: None,
    };
    let params = WaitParams { policy, own_version: context.event.version.value.raw(), clock: Clock::system() };
    let already_happened = context.event.status.value.is_terminal();
    let emit = |progress: Progress<'_>| session.console.line(&progress::line(&progress, already_happened));
    let mut rng = fastrand::Rng::new();
    let sending = send_until_decided(&mut sender, &emit, &params, &mut rng, &mut record);
    let sent = match until_signal(signals, budget.grace, sending).await {
        Ok((result, end)) => Sent::answered(result, end),
        Err(signal) => Sent::interrupted(signal, &record, sender.unanswered_since()),
    };
    session.conclude(context, &body, record, sent, open).await
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

/// What sending came to, before any decision.
struct Sent {
    answer: Answer,
    http_status: Option<u16>,
    requests: u32,
    server_clock: crate::model::clock::ServerClock,
    unanswered_since: Option<Timestamp>,
    end: WaitEnd,
    /// The `Idempotency-Key` of the attempts.
    idempotency_key: Option<String>,
}

impl Sent {
    fn answered(result: SendResult, end: WaitEnd) -> Self {
        Self {
            answer: Answer::Verdict(result.verdict),
            http_status: result.http_status,
            requests: result.requests,
            server_clock: result.server_clock,
            unanswered_since: result.unanswered_since,
            end,
            idempotency_key: Some(result.idempotency_key),
        }
    }

    fn held_back() -> Self {
        Self {
            answer: Answer::HeldBack,
            http_status: None,
            requests: 0,
            server_clock: crate::model::clock::ServerClock::default(),
            unanswered_since: None,
            end: WaitEnd::Answered,
            idempotency_key: None,
        }
    }

    fn interrupted(signal: Signal, record: &WaitRecord, unanswered_since: Option<Timestamp>) -> Self {
        Self {
            answer: Answer::Interrupted { signal: signal.name, number: signal.number },
            http_status: record.block.as_ref().map(|block| block.status),
            requests: record.requests + u32::from(record.in_flight),
            server_clock: record.server_clock,
            unanswered_since: record.unanswered_since.or(unanswered_since),
            end: WaitEnd::Answered,
            idempotency_key: None,
        }
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

    /// Decides what follows from what was sent, and does it.
    async fn conclude(
        &self,
        context: ReportContext<'_>,
        body: &Map<String, Value>,
        record: WaitRecord,
        sent: Sent,
        open: Vec<JournalEntry>,
    ) -> Delivered {
        let situation = Situation {
            role: context.event.role(),
            wrapped: context.wrapped,
            answer: &sent.answer,
            was_blocked: record.block.is_some(),
            may_be_recorded: sent.unanswered_since.is_some(),
        };
        let decision = decide(situation, self.settings.errors);
        let spool = match decision.spool {
            true => self.spool_event(context, body, &sent).await,
            false => SpoolResult::NotSpooled,
        };
        let spooled = match &spool {
            SpoolResult::NotSpooled => Spooled::No,
            SpoolResult::Spooled(_) => Spooled::Yes,
            SpoolResult::Failed(_) => Spooled::Failed,
        };
        let open = self.update_journal(decision.journal, spooled, open, body);
        if let (Answer::Verdict(Verdict::Recorded(_)), Some(spool)) = (&sent.answer, &self.spool) {
            self.note_recorded(spool);
        }
        let outcome = Outcome::of(&sent.answer, decision, spooled);
        let Sent { answer, http_status, requests, server_clock, unanswered_since, end, .. } = sent;
        let delivery = Delivery {
            answer,
            http_status,
            requests,
            server_clock,
            unanswered_since,
            wait: record,
            wait_end: end,
            excused: decision.excused,
            spool,
        };
        Delivered { delivery, decision, outcome, open }
    }

    /// Does what was decided for the journal. Returns the entries that are still open.
    fn update_journal(
        &self,
        action: JournalAction,
        spooled: Spooled,
        mut entries: Vec<JournalEntry>,
        body: &Map<String, Value>,
    ) -> Vec<JournalEntry> {
        let close = match action {
            JournalAction::MarkRecorded | JournalAction::MarkSent => {
                let is_recorded = action == JournalAction::MarkRecorded;
                let start = if is_recorded { StartState::Recorded } else { StartState::Sent };
                entries.iter_mut().for_each(|entry| self.update(entry, start));
                false
            }
            JournalAction::Close => true,
            JournalAction::CloseOnceSpooled => spooled == Spooled::Yes,
            JournalAction::KeepOpen => false,
        };
        if matches!(action, JournalAction::KeepOpen | JournalAction::CloseOnceSpooled) && !close {
            let end = self.without_key(body);
            entries.iter_mut().for_each(|entry| self.note_end(entry, &end));
        }
        if close {
            entries.iter().for_each(|entry| self.close(entry));
            entries.clear();
        }
        entries
    }

    async fn spool_event(&self, context: ReportContext<'_>, body: &Map<String, Value>, sent: &Sent) -> SpoolResult {
        let (Some(spool), SpoolConfig::Directory(_, retention)) = (&self.spool, &self.settings.spool) else {
            return SpoolResult::Failed("no setting and no home directory says where".to_owned());
        };
        let failure = report::failure(&sent.answer, context);
        let id = sent.idempotency_key.clone().unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
        let (body, failure) = (self.without_key(body), self.console.redact(&failure));
        let event = SpooledEvent::new(context.event.event_type, body, id, Clock::system().now(), failure);
        match spool.add(&event).await {
            Ok(()) => {
                let path = Foreign::new(spool.path().display().to_string());
                SpoolResult::Spooled(SpoolLocation { path, retention: *retention })
            }
            Err(error) => SpoolResult::Failed(error.to_string()),
        }
    }
}

/// Sends the event for the gate, and keeps the journal's entry up to date.
struct Sender<'a> {
    session: &'a Session<'a>,
    client: &'a Client,
    event_type: EventType,
    is_gate: bool,
    body: &'a Map<String, Value>,
    entry: Option<&'a mut JournalEntry>,
    rng: fastrand::Rng,
    /// Whether this is a poll. During a wait, single attempts are not reported.
    is_poll: bool,
    /// When the attempt was sent that has no reply yet.
    in_flight_since: Option<Timestamp>,
    /// When the first attempt was sent that has no final answer.
    unanswered_since: Option<Timestamp>,
}

impl Sender<'_> {
    /// When the first attempt was sent that may have been recorded, if a signal ends everything now.
    fn unanswered_since(&self) -> Option<Timestamp> {
        self.unanswered_since.or(self.in_flight_since)
    }
}

impl EventSender for Sender<'_> {
    async fn send(&mut self, deadline: Option<Instant>) -> SendResult {
        let quiet = std::mem::replace(&mut self.is_poll, true);
        let request =
            SendRequest { event_type: self.event_type, body: self.body, idempotency_key: None, is_gate: self.is_gate };
        // Whatever happens to this process now, `finish` must know that the deployment may have started.
        if let Some(entry) = &mut self.entry {
            self.session.update(entry, StartState::Sent);
        }
        let (session, in_flight, unanswered) = (self.session, &mut self.in_flight_since, &mut self.unanswered_since);
        let mut observe = |progress: SendProgress<'_>| {
            match &progress {
                SendProgress::Request { .. } => *in_flight = Some(Clock::system().now()),
                SendProgress::Retrying { failure, .. } => {
                    let sent = in_flight.take();
                    if matches!(failure, Failure::Unavailable(it) if it.may_be_recorded()) {
                        *unanswered = unanswered.or(sent);
                    }
                }
                SendProgress::Reply { .. } => {}
            }
            session.show_progress(&progress, quiet);
        };
        let result = self.client.send(request, deadline, Clock::system(), &mut self.rng, &mut observe).await;
        self.in_flight_since = None;
        self.unanswered_since = self.unanswered_since.or(result.unanswered_since);
        if let (Some(entry), Verdict::Blocked(_), None) = (&mut self.entry, &result.verdict, self.unanswered_since) {
            self.session.update(entry, StartState::Blocked);
        }
        result
    }
}
