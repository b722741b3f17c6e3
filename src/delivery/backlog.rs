//! Delivering spooled events, in order for each product and environment.

use super::Session;
use crate::api::{Client, SendRequest};
use crate::files::FileError;
use crate::model::clock::Clock;
use crate::model::event::Role;
use crate::model::verdict::{UnavailableCause, Verdict};
use crate::report::{rejected, spool as words, unavailable};
use crate::state::{Backlog, OrderingKey, Spool, SpooledEvent};
use crate::text::Foreign;
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How to deliver the spool.
pub struct FlushOptions {
    /// The client with the retries for each event.
    pub client: Client,
    /// The limit for all events.
    pub limit: Option<Duration>,
    /// The longest wait for another process that delivers.
    pub lock_timeout: Duration,
}

/// What came of delivering the spool.
#[derive(Debug, Default)]
pub struct Flushed {
    /// The number of delivered events.
    pub delivered: usize,
    /// The events that are left, by ordering key.
    pub left: Vec<OrderingKey>,
    /// The number of events written by a newer version.
    pub newer: usize,
    /// The number of events of other API keys, by key.
    pub others: Vec<(Foreign, usize)>,
    /// Why the last attempt failed.
    pub failure: Option<String>,
}

/// After so many failures in a row, no more events are tried.
const MAX_FAILURES: usize = 3;

impl Session<'_> {
    /// Delivers the spool within `limit` before an event with `role` and `body`. Returns what is left. Failures are one line, as
    /// the event itself will report them.
    pub(super) async fn flush_before(
        &self,
        limit: Duration,
        role: Role,
        body: &Map<String, Value>,
    ) -> Vec<OrderingKey> {
        let Some(spool) = self.spool.as_ref().filter(|spool| !spool.is_empty()) else {
            return Vec::new();
        };
        // Only an event that must come after spooled ones waits for another process that delivers them.
        let must_wait =
            || spool.backlog().is_ok_and(|backlog| ordering_keys(&backlog).contains(&OrderingKey::of(body)));
        let lock_timeout = if role != Role::Gate && must_wait() { limit } else { Duration::ZERO };
        let options = FlushOptions { client: self.client.single_attempt(limit), limit: Some(limit), lock_timeout };
        match self.flush(spool, &options).await {
            Ok(flushed) => {
                self.report_other_keys(&flushed);
                if let (count @ 1.., Some(failure)) = (flushed.left.len(), &flushed.failure) {
                    let events = words::events(count);
                    self.console.line(&format!("{events} spooled before could not be delivered yet: {failure}"));
                }
                flushed.left
            }
            Err(error) => {
                self.console.warn(&format!("Spooled events cannot be delivered: {error}."));
                // The order holds all the same, as far as the spool can be read.
                spool.backlog().map(|backlog| ordering_keys(&backlog)).unwrap_or_default()
            }
        }
    }

    /// Prints the number of events of other API keys.
    pub fn report_other_keys(&self, flushed: &Flushed) {
        for (key, count) in &flushed.others {
            self.console.line(&words::of_another_key(key, *count));
        }
    }

    /// Delivers the spool.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be read.
    pub async fn flush(&self, spool: &Spool, options: &FlushOptions) -> Result<Flushed, FileError> {
        let deadline = options.limit.map(|limit| Instant::now() + limit);
        let Some(_lock) = spool.lock_delivery(options.lock_timeout).await? else {
            let left = ordering_keys(&spool.backlog()?);
            let failure = Some("another process is delivering, and has not ended".to_owned());
            return Ok(Flushed { left, failure, ..Flushed::default() });
        };
        let backlog = spool.backlog()?;
        for (name, reason) in &backlog.unusable {
            self.set_aside(spool, name, "A spooled file cannot be delivered", reason);
        }
        let mut flushed = Flushed { newer: backlog.newer, others: backlog.others, ..Flushed::default() };
        let mut failures = 0;
        for (name, event) in backlog.ours {
            let key = event.ordering_key();
            if failures >= MAX_FAILURES || flushed.left.contains(&key) {
                flushed.left.push(key);
                continue;
            }
            let step = match self.send_spooled(&options.client, &event, deadline).await {
                None => Step::OutOfTime,
                Some(verdict) => self.settle(spool, &name, &event, verdict),
            };
            match step {
                Step::Delivered => {
                    failures = 0;
                    flushed.delivered += 1;
                }
                Step::NotRemoved(error) => {
                    failures = 0;
                    flushed.delivered += 1;
                    // Later events wait, or the second delivery of this one would be the last word.
                    flushed.failure = Some(error);
                    flushed.left.push(key);
                }
                Step::SetAside => failures = 0,
                Step::Failed(failure) => {
                    failures += 1;
                    flushed.failure = Some(failure);
                    flushed.left.push(key);
                }
                Step::Stop(failure) => {
                    failures = MAX_FAILURES;
                    flushed.failure = Some(failure);
                    flushed.left.push(key);
                }
                Step::OutOfTime => {
                    failures = MAX_FAILURES;
                    flushed.failure.get_or_insert_with(|| "the time for it is over".to_owned());
                    flushed.left.push(key);
                }
            }
        }
        if flushed.delivered > 0 {
            self.note_recorded(spool);
        }
        Ok(flushed)
    }

    /// Does with a spooled event what follows from `verdict`.
    fn settle(&self, spool: &Spool, name: &str, event: &SpooledEvent, verdict: Verdict) -> Step {
        let what = words::name(event);
        match verdict {
            Verdict::Recorded(_) => {
                self.console.line(&words::delivered(event));
                match spool.remove(name) {
                    Ok(()) => Step::Delivered,
                    Err(error) => {
                        self.console.warn(&words::not_removed(&error.to_string()));
                        Step::NotRemoved(error.to_string())
                    }
                }
            }
            Verdict::Rejected(rejection) if !rejection.is_recoverable() => {
                let reason = rejected::summary(&rejection);
                self.set_aside(spool, name, &format!("The API rejected {what}"), &reason);
                Step::SetAside
            }
            Verdict::Blocked(block) => {
                let reason = block.message.map_or_else(|| format!("it answered {}", block.status), |it| it.to_string());
                self.set_aside(spool, name, &format!("A rule blocks {what}"), &reason);
                Step::SetAside
            }
            Verdict::Rejected(rejection) => {
                let failure = rejected::summary(&rejection);
                if self.give_up(spool, name, event, &failure) {
                    return Step::SetAside;
                }
                // A permission may be missing for one product only. Any other rejection applies to all events.
                if rejection.status == 403 { Step::Failed(failure) } else { Step::Stop(failure) }
            }
            Verdict::Unavailable(unavailable) => {
                let failure = unavailable::summary(&unavailable);
                if self.give_up(spool, name, event, &failure) {
                    return Step::SetAside;
                }
                // Without a connection, the next event would get no reply either.
                match unavailable.cause {
                    UnavailableCause::Closed(_) => Step::Failed(failure),
                    _ if unavailable.status().is_some() => Step::Failed(failure),
                    _ => Step::Stop(failure),
                }
            }
        }
    }

    /// Sends one spooled event, until `deadline`.
    async fn send_spooled(&self, client: &Client, event: &SpooledEvent, deadline: Option<Instant>) -> Option<Verdict> {
        let idempotency_key = Some(event.id.as_str());
        let event_type = event.event_type()?;
        let request = SendRequest { event_type, body: &event.payload, idempotency_key, is_gate: false };
        let sending = self.send(client, request);
        match deadline {
            Some(deadline) => timeout_at(deadline, sending).await.ok().map(|result| result.verdict),
            None => Some(sending.await.verdict),
        }
    }

    /// Records a failed attempt in the event's file, or sets the event aside if it alone keeps failing. Says whether it did. The
    /// event is intact without the note.
    fn give_up(&self, spool: &Spool, name: &str, event: &SpooledEvent, failure: &str) -> bool {
        let tried_again = SpooledEvent { tries: event.tries.saturating_add(1), ..event.clone() };
        if spool.keeps_failing(&tried_again, Clock::system().now()) {
            let what = format!("{} keeps failing while other events are recorded", words::name(event));
            self.set_aside(spool, name, &what, failure);
            return true;
        }
        if let Err(error) = spool.record_failure(name, event, self.console.redact(failure)) {
            self.console.verbose(|| format!("the failed attempt is not noted: {error}"));
        }
        false
    }

    fn set_aside(&self, spool: &Spool, name: &str, what: &str, reason: &str) {
        let path = |path: &std::path::Path| Foreign::new(path.display().to_string());
        match spool.set_aside(name, &self.console.redact(&format!("{what}: {reason}"))) {
            Ok(moved) => self.console.warn(&words::set_aside(what, reason, &path(&moved), &path(&spool.path()))),
            Err(error) => self.console.warn(&format!("{what}: {reason}. It could not be set aside: {error}.")),
        }
    }
}

/// What came of one spooled event.
enum Step {
    Delivered,
    /// Delivered, but still in the spool.
    NotRemoved(String),
    SetAside,
    /// Other events may succeed.
    Failed(String),
    /// No other event would succeed now.
    Stop(String),
    /// The limit is reached.
    OutOfTime,
}

fn ordering_keys(backlog: &Backlog) -> Vec<OrderingKey> {
    backlog.ours.iter().map(|(_, event)| event.ordering_key()).collect()
}
