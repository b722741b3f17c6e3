//! The spool: events that could not be delivered, kept until they can be.
//!
//! Owns: what is spooled of an event, the order, and the limits. Does not own: files (`files`), sending (`api`), nor when
//! something is delivered (`delivery`).

use crate::files::{Durability, FileError, Folder, RecordState, Signer};
use crate::model::event::EventType;
use crate::model::payload::add_metadata;
use crate::model::time::rfc3339;
use crate::text::Foreign;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;
use thiserror::Error;

/// The limits of the spool. A full spool is a fault that must be noticed, so nothing is dropped silently.
const MOST_EVENTS: usize = 1_000;
const MOST_BYTES: u64 = 10 * 1024 * 1024;

/// Held while events are delivered.
const DELIVERING: &str = "delivering.lock";
/// Held while an event gets its place in the order.
const WRITING: &str = "writing.lock";

/// The record of when the API last recorded an event for this address and key. Not a spooled event.
const LAST_RECORDED: &str = "last-recorded";

/// An event that alone keeps failing is set aside: after this many attempts …
const MAX_TRIES: u32 = 5;
/// … over this time.
const MIN_FAILING: SignedDuration = SignedDuration::from_mins(10);

/// The longest wait for another process that writes its event.
const WRITE_LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// Where spooled events are, and for how long.
#[derive(Clone, Debug)]
pub struct SpoolLocation {
    /// The directory.
    pub path: Foreign,
    pub retention: Retention,
}

/// How long files live in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retention {
    /// Until they are removed.
    Persistent,
    /// As long as the machine, which may end with the job.
    Machine,
    /// Until the job ends: this variable names its temporary directory, which the CI system empties then.
    Job(&'static str),
}

/// Whether an undelivered event is in the spool.
#[derive(Clone, Debug)]
pub enum SpoolResult {
    /// It was delivered, or is not to be spooled.
    NotSpooled,
    Spooled(SpoolLocation),
    /// It should be spooled and could not be, because of this.
    Failed(String),
}

/// Why an event cannot be spooled.
#[derive(Debug, Error)]
pub enum SpoolError {
    /// A file or directory cannot be used.
    #[error("{0}")]
    File(FileError),
    /// Another process has the lock.
    #[error("another process is writing to the spool and does not end")]
    Busy,
    /// A limit is reached.
    #[error(
        "{path} is full: it holds {events} events in {bytes} bytes, and the limits are {MOST_EVENTS} events and \
         {MOST_BYTES} bytes"
    )]
    Full { path: Foreign, events: usize, bytes: u64 },
}

impl From<FileError> for SpoolError {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

/// A spooled event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SpooledEvent {
    /// Its `Idempotency-Key`, the same for every attempt to deliver it.
    pub id: String,
    /// `deployment` or `build`.
    pub event_type: String,
    /// When it happened, RFC 3339.
    pub occurred_at: String,
    /// Attempts to deliver it.
    pub tries: u32,
    /// When the first attempt failed, RFC 3339.
    pub first_failed_at: String,
    /// Why the last attempt failed.
    pub last_failure: String,
    pub payload: Map<String, Value>,
}

impl SpooledEvent {
    /// The event `payload`, marked as late. It happened at its own time, else `now`. `failure` is why it could not be delivered,
    /// `id` the `Idempotency-Key` of that attempt.
    #[must_use]
    pub fn new(
        event_type: EventType,
        mut payload: Map<String, Value>,
        id: String,
        now: Timestamp,
        failure: String,
    ) -> Self {
        let completed_at = payload.get("completed_at").and_then(Value::as_str).map(str::to_owned);
        let occurred_at = completed_at.unwrap_or_else(|| rfc3339(now));
        add_metadata(&mut payload, "vi_occurred_at", occurred_at.clone());
        add_metadata(&mut payload, "vi_delivered_late", true);
        let event_type = event_type.word().to_owned();
        Self { id, event_type, occurred_at, tries: 1, first_failed_at: rfc3339(now), last_failure: failure, payload }
    }

    /// The kind of event, if this version knows it.
    #[must_use]
    pub fn event_type(&self) -> Option<EventType> {
        EventType::parse(&self.event_type)
    }

    #[must_use]
    pub fn ordering_key(&self) -> OrderingKey {
        OrderingKey::of(&self.payload)
    }
}

/// Events with the same key are delivered in order: those of one product and environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderingKey {
    product: String,
    environment: Option<String>,
}

impl OrderingKey {
    /// The key of an event's body.
    #[must_use]
    pub fn of(payload: &Map<String, Value>) -> Self {
        let text = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
        Self { product: text("product_name").unwrap_or_default(), environment: text("environment_name") }
    }
}

/// The contents of the spool.
#[derive(Debug, Default)]
pub struct Backlog {
    /// Our events in order, each with the name of its file.
    pub ours: Vec<(String, SpooledEvent)>,
    /// The number of events of other API keys, by key.
    pub others: Vec<(Foreign, usize)>,
    /// The number of events written by a newer version.
    pub newer: usize,
    /// Files that cannot be delivered, with the reason.
    pub unusable: Vec<(String, String)>,
}

/// The spool of one API address and key.
#[derive(Clone, Debug)]
pub struct Spool {
    folder: Folder,
}

impl Spool {
    /// The spool in `root`.
    #[must_use]
    pub fn new(root: &Path, signer: Signer) -> Self {
        Self { folder: Folder::new(root, "spool", signer) }
    }

    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path()
    }

    /// Spools `event` after all others.
    ///
    /// # Errors
    /// [`SpoolError`] if it cannot be spooled.
    pub async fn add(&self, event: &SpooledEvent) -> Result<(), SpoolError> {
        let _lock = self.lock(WRITING, WRITE_LOCK_TIMEOUT).await?.ok_or(SpoolError::Busy)?;
        let names = self.folder.names()?;
        let tag = self.folder.tag_for("spool");
        // Events of another key do not use up this key's room.
        let ours: Vec<String> = names.iter().filter(|name| name.split('-').nth(1) == Some(&tag)).cloned().collect();
        let bytes = self.folder.size(&ours);
        if ours.len() >= MOST_EVENTS || bytes >= MOST_BYTES {
            let path = self.path().display().to_string().into();
            return Err(SpoolError::Full { path, events: ours.len(), bytes });
        }
        let last: u64 = names.iter().filter_map(|name| name.split('-').next()?.parse().ok()).max().unwrap_or(0);
        let name = format!("{:012}-{tag}-{}.json", last.saturating_add(1), event.id);
        Ok(self.folder.write(&name, event, Durability::Machine)?)
    }

    /// Reads the spool.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be read.
    pub fn backlog(&self) -> Result<Backlog, FileError> {
        let mut backlog = Backlog::default();
        for name in self.folder.names()? {
            match self.folder.read::<SpooledEvent>(&name) {
                // Another process has just delivered it.
                None => {}
                Some(RecordState::Ours(event)) if event.event_type().is_some() => backlog.ours.push((name, event)),
                Some(RecordState::Ours(_)) => backlog.unusable.push((name, "it has an unknown event type".to_owned())),
                Some(RecordState::Newer) => backlog.newer += 1,
                Some(RecordState::Unusable(why)) => backlog.unusable.push((name, why.to_string())),
                Some(RecordState::OfAnotherKey(whose)) => {
                    match backlog.others.iter_mut().find(|(known, _)| *known == whose) {
                        Some((_, count)) => *count += 1,
                        None => backlog.others.push((whose, 1)),
                    }
                }
            }
        }
        Ok(backlog)
    }

    /// Takes the lock for delivering, within `timeout`. `None`: another process has it for longer.
    ///
    /// # Errors
    /// [`FileError`] if the lock cannot be used.
    pub async fn lock_delivery(&self, timeout: Duration) -> Result<Option<File>, FileError> {
        self.lock(DELIVERING, timeout).await
    }

    /// Whether it has no files.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.folder.names().is_ok_and(|names| names.is_empty())
    }

    /// Removes a delivered event.
    ///
    /// # Errors
    /// [`FileError`] if its file cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), FileError> {
        self.folder.remove(name)
    }

    /// Records a failed attempt to deliver `event`.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be written.
    pub fn record_failure(&self, name: &str, event: &SpooledEvent, why: String) -> Result<(), FileError> {
        let event = SpooledEvent { tries: event.tries.saturating_add(1), last_failure: why, ..event.clone() };
        self.folder.write(name, &event, Durability::Machine)
    }

    /// Records that the API recorded an event at `now`.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be written.
    pub fn note_recorded(&self, now: Timestamp) -> Result<(), FileError> {
        self.folder.write(LAST_RECORDED, &rfc3339(now), Durability::Process)
    }

    /// Whether `event` alone keeps failing at `now`: it failed often and for long, and the API recorded another event since its
    /// first failure.
    #[must_use]
    pub fn keeps_failing(&self, event: &SpooledEvent, now: Timestamp) -> bool {
        let parse = |text: &str| text.parse::<Timestamp>().ok();
        let Some(first) = parse(&event.first_failed_at) else { return false };
        let recorded_since = || match self.folder.read::<String>(LAST_RECORDED) {
            Some(RecordState::Ours(at)) => parse(&at).is_some_and(|at| at > first),
            _ => false,
        };
        event.tries >= MAX_TRIES && now.duration_since(first) >= MIN_FAILING && recorded_since()
    }

    /// Moves `name` to the directory of set-aside events. Returns its new path.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be moved.
    pub fn set_aside(&self, name: &str, reason: &str) -> Result<PathBuf, FileError> {
        self.folder.set_aside(name, reason)
    }

    async fn lock(&self, name: &str, timeout: Duration) -> Result<Option<File>, FileError> {
        const RETRY_EVERY: Duration = Duration::from_millis(20);
        let deadline = tokio::time::Instant::now() + timeout;
        loop {
            match self.folder.try_lock(name)? {
                None if tokio::time::Instant::now() < deadline => tokio::time::sleep(RETRY_EVERY).await,
                taken => return Ok(taken),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::api_key::ApiKey;
    use serde_json::json;

    fn spool(root: &Path, key: &str) -> Spool {
        Spool::new(root, Signer::new(&ApiKey::parse(key).unwrap(), "https://api.example"))
    }

    fn event(product: &str, id: &str) -> SpooledEvent {
        let Value::Object(payload) = json!({"product_name": product, "environment_name": "production", "status": "completed",
            "extra_metadata": {"team": "payments"}})
        else {
            panic!("no object")
        };
        let at = "2025-10-28T15:00:00.5Z".parse().unwrap();
        SpooledEvent::new(EventType::Deployment, payload, id.to_owned(), at, "the server answered 503".to_owned())
    }

    #[test]
    fn spooled_event_is_marked_as_late() {
        let spooled = event("shop", "a");
        let expected = json!({"team": "payments", "vi_occurred_at": "2025-10-28T15:00:00Z", "vi_delivered_late": true});
        assert_eq!(spooled.payload["extra_metadata"], expected);
        assert_eq!((spooled.tries, spooled.event_type()), (1, Some(EventType::Deployment)));
    }

    #[tokio::test]
    async fn events_are_read_in_order() {
        let root = tempfile::tempdir().unwrap();
        let spool = spool(root.path(), "sk_acme_k1_secret");
        assert!(spool.is_empty());
        // Sorting by id would reverse them.
        let events: Vec<SpooledEvent> = (0..12).rev().map(|id| event("shop", &format!("{id:02}"))).collect();
        for event in &events {
            spool.add(event).await.unwrap();
        }
        let backlog = spool.backlog().unwrap();
        assert_eq!(backlog.ours.iter().map(|(_, event)| event.clone()).collect::<Vec<_>>(), events);
        let (name, first) = &backlog.ours[0];
        spool.record_failure(name, first, "again".to_owned()).unwrap();
        let again = &spool.backlog().unwrap().ours[0].1;
        assert_eq!((again.tries, again.last_failure.as_str()), (2, "again"));
        spool.remove(name).unwrap();
        assert_eq!(spool.backlog().unwrap().ours.len(), 11);
    }

    #[tokio::test]
    async fn events_of_other_keys_are_counted_and_unusable_files_named() {
        let root = tempfile::tempdir().unwrap();
        let ours = spool(root.path(), "sk_acme_k1_secret");
        let theirs = spool(root.path(), "sk_other_k9_secret");
        ours.add(&event("shop", "a")).await.unwrap();
        theirs.add(&event("shop", "b")).await.unwrap();
        theirs.add(&event("shop", "c")).await.unwrap();
        std::fs::write(ours.path().join("000000000009-x.json"), b"{\"form").unwrap();
        std::fs::write(ours.path().join("000000000010-y.json"), b"{\"format\": 7}").unwrap();
        let backlog = ours.backlog().unwrap();
        assert_eq!(backlog.ours.len(), 1);
        assert_eq!(backlog.others, [("sk_other_k9_… at https://api.example".into(), 2)]);
        assert_eq!((backlog.newer, backlog.unusable.len()), (1, 1));
        assert!(backlog.unusable[0].1.contains("not JSON"), "{:?}", backlog.unusable);
    }

    #[tokio::test]
    async fn full_spool_rejects_more_events_and_drops_none() {
        let root = tempfile::tempdir().unwrap();
        let spool = spool(root.path(), "sk_acme_k1_secret");
        spool.add(&event("shop", "a")).await.unwrap();
        for index in 0..MOST_EVENTS - 1 {
            let name = format!("{:012}-{}-x.json", index + 2, spool.folder.tag_for("spool"));
            std::fs::write(spool.path().join(name), b"").unwrap();
        }
        let other_key = super::tests::spool(root.path(), "sk_acme_k2_other-secret");
        other_key.add(&event("shop", "c")).await.unwrap();
        let problem = spool.add(&event("shop", "b")).await.unwrap_err();
        assert!(problem.to_string().contains("is full: it holds 1000 events"), "{problem}");
        assert_eq!(spool.backlog().unwrap().ours.len(), 1);
    }

    #[tokio::test]
    async fn only_an_event_that_alone_keeps_failing_is_given_up() {
        let root = tempfile::tempdir().unwrap();
        let spool = spool(root.path(), "sk_acme_k1_secret");
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let failing = SpooledEvent { tries: 5, ..event("shop", "a") };
        assert_eq!(failing.first_failed_at, "2025-10-28T15:00:00Z");
        let late = at("2025-10-28T15:10:01Z");
        assert!(!spool.keeps_failing(&failing, late), "nothing else was recorded: the API may be down");
        spool.note_recorded(at("2025-10-28T14:59:00Z")).unwrap();
        assert!(!spool.keeps_failing(&failing, late), "recorded only before its first failure");
        spool.note_recorded(at("2025-10-28T15:05:00Z")).unwrap();
        assert!(spool.keeps_failing(&failing, late));
        assert!(!spool.keeps_failing(&failing, at("2025-10-28T15:09:00Z")), "not for long");
        assert!(!spool.keeps_failing(&SpooledEvent { tries: 4, ..failing }, late), "not often");
        assert!(spool.is_empty() && spool.backlog().unwrap().unusable.is_empty(), "the note is no event");
    }
}
