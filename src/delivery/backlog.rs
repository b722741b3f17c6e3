//! Delivering spooled events, in order for each product and environment.

use super::Session;
use crate::api::{Client, SendRequest};
use crate::files::FileError;
use crate::model::clock::Clock;
use crate::model::event::Role;
use crate::model::spool_action::{SpoolAction, spool_action};
use crate::model::verdict::Verdict;
use crate::report::spool as words;
use crate::state::{Backlog, OrderingKey, Spool, SpooledEvent};
use crate::text::Foreign;
use serde_json::{Map, Value};
use std::fs::File;
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
    /// Whether to move set-aside events back into the spool first.
    pub retry_set_aside: bool,
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
        let client = self.client.single_attempt(limit);
        let options = FlushOptions { client, limit: Some(limit), lock_timeout, retry_set_aside: false };
        match self.flush(spool, &options).await {
            Ok(flushed) => {
                self.report_other_keys(&flushed);
                if let (count @ 1.., Some(failure)) = (flushed.left.len(), &flushed.failure) {
                    self.console.line(&words::not_delivered_yet(count, failure));
                }
                flushed.left
            }
            Err(error) => {
                self.console.warn(&words::unusable_spool(&error.to_string()));
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

    /// Takes the lock for delivering. Says so if another process has it and this one waits for it.
    async fn lock_delivery(&self, spool: &Spool, timeout: Duration) -> Result<Option<File>, FileError> {
        match spool.lock_delivery(Duration::ZERO).await? {
            None if !timeout.is_zero() => {
                self.console.line(&words::waiting_for_another_process(timeout));
                spool.lock_delivery(timeout).await
            }
            taken => Ok(taken),
        }
    }

    /// Delivers the spool.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be read.
    pub async fn flush(&self, spool: &Spool, options: &FlushOptions) -> Result<Flushed, FileError> {
        let deadline = options.limit.map(|limit| Instant::now() + limit);
        let Some(_lock) = self.lock_delivery(spool, options.lock_timeout).await? else {
            let left = ordering_keys(&spool.backlog()?);
            let failure = Some(words::ANOTHER_PROCESS_DELIVERS.to_owned());
            return Ok(Flushed { left, failure, ..Flushed::default() });
        };
        if options.retry_set_aside {
            self.console.line(&words::restored(spool.restore_set_aside()?));
        }
        let backlog = spool.backlog()?;
        for (name, reason) in &backlog.unusable {
            self.set_aside(spool, name, &words::unusable(reason), words::set_aside_unusable);
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
                Some(verdict) => self.settle(spool, &name, &event, &verdict),
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
                    flushed.failure.get_or_insert_with(|| words::OUT_OF_TIME.to_owned());
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
    fn settle(&self, spool: &Spool, name: &str, event: &SpooledEvent, verdict: &Verdict) -> Step {
        match spool_action(verdict) {
            SpoolAction::Remove => self.remove_delivered(spool, name, event),
            SpoolAction::SetAside => {
                self.set_aside(spool, name, &words::not_deliverable(event, verdict), words::set_aside);
                Step::SetAside
            }
            SpoolAction::TryOthers => self.keep(spool, name, event, verdict).map_or(Step::SetAside, Step::Failed),
            SpoolAction::Stop => self.keep(spool, name, event, verdict).map_or(Step::SetAside, Step::Stop),
        }
    }

    fn remove_delivered(&self, spool: &Spool, name: &str, event: &SpooledEvent) -> Step {
        self.console.line(&words::delivered(event));
        match spool.remove(name) {
            Ok(()) => Step::Delivered,
            Err(error) => {
                self.console.warn(&words::not_removed(&error.to_string()));
                Step::NotRemoved(error.to_string())
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

    /// Records a failed attempt in the event's file and returns why it failed, or sets the event aside if it alone keeps failing.
    /// The event is intact without the note.
    fn keep(&self, spool: &Spool, name: &str, event: &SpooledEvent, verdict: &Verdict) -> Option<String> {
        let failure = words::failure(verdict);
        let tried_again = SpooledEvent { tries: event.tries.saturating_add(1), ..event.clone() };
        if spool.keeps_failing(&tried_again, Clock::system().now()) {
            self.set_aside(spool, name, &words::keeps_failing(event, &failure), words::set_aside);
            return None;
        }
        if let Err(error) = spool.record_failure(name, event, self.console.redact(&failure)) {
            self.console.verbose(|| words::attempt_not_noted(&error.to_string()));
        }
        Some(failure)
    }

    /// Sets the file `name` aside. `warning` makes the message of the reason and the new path.
    fn set_aside(&self, spool: &Spool, name: &str, why: &str, warning: fn(&str, &Foreign) -> String) {
        match spool.set_aside(name, &self.console.redact(why)) {
            Ok(moved) => self.console.warn(&warning(why, &Foreign::new(moved.display().to_string()))),
            Err(error) => self.console.warn(&words::not_set_aside(why, &error.to_string())),
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
