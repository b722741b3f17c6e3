//! Events that could not be delivered, kept until they can be: in order for each product and environment, and never more than
//! a directory should hold.
//!
//! Owns: what is kept of an event, its order, and the limits. Does not own: how files are kept (`store`), sending (`api`), nor
//! when something is delivered (`app`).

use crate::event::add_metadata;
use crate::settings::EventType;
use crate::store::seal::Seal;
use crate::store::{Folder, Found};
use crate::when::stamp;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Beyond this many events, or bytes, nothing is kept any more: something is wrong that somebody should see.
const MOST_EVENTS: usize = 1_000;
const MOST_BYTES: u64 = 10 * 1024 * 1024;

/// Held while events are delivered.
const DELIVERING: &str = "delivering.lock";
/// Held while an event gets its place in the order, which takes no time.
const WRITING: &str = "writing.lock";

/// The longest that is waited for another process to write its event.
const WRITING_TAKES: Duration = Duration::from_secs(5);

/// An event that is kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// Its `Idempotency-Key`, the same in each try of its delivery.
    pub id: String,
    /// `deployment` or `build`.
    pub event_type: String,
    /// When it happened, RFC 3339.
    pub occurred_at: String,
    /// How often its delivery was tried.
    pub tries: u32,
    /// Why the last try failed.
    pub last_failure: String,
    /// What is sent.
    pub payload: Map<String, Value>,
}

impl Kept {
    /// The event `payload`, marked as late: it happened when it says, else `now`. `failure` is why it could not be delivered,
    /// and `id` the key under which that was tried.
    #[must_use]
    pub fn new(
        event_type: EventType,
        mut payload: Map<String, Value>,
        id: String,
        now: Timestamp,
        failure: String,
    ) -> Self {
        let completed_at = payload.get("completed_at").and_then(Value::as_str).map(str::to_owned);
        let occurred_at = completed_at.unwrap_or_else(|| stamp(now));
        add_metadata(&mut payload, "vi_occurred_at", occurred_at.clone());
        add_metadata(&mut payload, "vi_delivered_late", true);
        Self { id, event_type: event_type.word().to_owned(), occurred_at, tries: 1, last_failure: failure, payload }
    }

    /// Which kind of event it is, if this version knows it.
    #[must_use]
    pub fn event_type(&self) -> Option<EventType> {
        EventType::read(&self.event_type)
    }

    /// In what it must keep its order.
    #[must_use]
    pub fn scope(&self) -> Scope {
        Scope::of(&self.payload)
    }
}

/// What keeps its order: the events of one product in one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    product: String,
    environment: Option<String>,
}

impl Scope {
    /// That of an event's body.
    #[must_use]
    pub fn of(payload: &Map<String, Value>) -> Self {
        let text = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
        Self { product: text("product_name").unwrap_or_default(), environment: text("environment_name") }
    }
}

/// What there is to deliver.
#[derive(Debug, Default)]
pub struct Waiting {
    /// Ours, in order, by the name of their file.
    pub ours: Vec<(String, Kept)>,
    /// How many are of other keys, by key.
    pub others: Vec<(String, usize)>,
    /// How many were written by a newer version.
    pub newer: usize,
    /// Files that are no events, or not ours, with the reason.
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
    pub fn new(root: &Path, seal: Seal) -> Self {
        Self { folder: Folder::new(root, "spool", seal) }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.path()
    }

    /// Keeps `event` behind all that is kept already.
    ///
    /// # Errors
    /// Says why it cannot be kept.
    pub async fn keep(&self, event: &Kept) -> Result<(), String> {
        let _lock = self
            .lock(WRITING, WRITING_TAKES)
            .await?
            .ok_or("another process is writing to the spool and does not end")?;
        let names = self.folder.names()?;
        let bytes = self.folder.size(&names);
        if names.len() >= MOST_EVENTS || bytes >= MOST_BYTES {
            return Err(format!(
                "{} is full: it holds {} events in {bytes} bytes, and takes {MOST_EVENTS} in {MOST_BYTES}",
                crate::text::shown(&self.path().display().to_string()),
                names.len()
            ));
        }
        let last: u64 = names.iter().filter_map(|name| name.split('-').next()?.parse().ok()).max().unwrap_or(0);
        self.folder.write(&format!("{:012}-{}.json", last.saturating_add(1), event.id), event)
    }

    /// What there is to deliver.
    ///
    /// # Errors
    /// Says why the spool cannot be read.
    pub fn waiting(&self) -> Result<Waiting, String> {
        let mut waiting = Waiting::default();
        for name in self.folder.names()? {
            match self.folder.read::<Kept>(&name) {
                // Another process has delivered it.
                None => {}
                Some(Found::Ours(event)) if event.event_type().is_some() => waiting.ours.push((name, event)),
                Some(Found::Ours(_)) => waiting.unusable.push((name, "it is of no kind of event".to_owned())),
                Some(Found::Newer) => waiting.newer += 1,
                Some(Found::Unusable(why)) => waiting.unusable.push((name, why)),
                Some(Found::OfAnotherKey(whose)) => {
                    match waiting.others.iter_mut().find(|(known, _)| *known == whose) {
                        Some((_, count)) => *count += 1,
                        None => waiting.others.push((whose, 1)),
                    }
                }
            }
        }
        Ok(waiting)
    }

    /// Takes the right to deliver, waiting for it for at most `patience`; nothing if another process has it for longer.
    ///
    /// # Errors
    /// Says why there is no such right to be had.
    pub async fn delivering(&self, patience: Duration) -> Result<Option<File>, String> {
        self.lock(DELIVERING, patience).await
    }

    /// Whether there is anything in it at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.folder.names().is_ok_and(|names| names.is_empty())
    }

    /// Forgets an event that is delivered.
    ///
    /// # Errors
    /// Says why its file cannot be removed.
    pub fn delivered(&self, name: &str) -> Result<(), String> {
        self.folder.remove(name)
    }

    /// Notes that the delivery of `event` failed again.
    ///
    /// # Errors
    /// Says why it cannot be written.
    pub fn failed_again(&self, name: &str, event: &Kept, why: String) -> Result<(), String> {
        let event = Kept { tries: event.tries.saturating_add(1), last_failure: why, ..event.clone() };
        self.folder.write(name, &event)
    }

    /// Moves `name` to where nothing is delivered from. Gives its new path.
    ///
    /// # Errors
    /// Says why it cannot be moved.
    pub fn set_aside(&self, name: &str, reason: &str) -> Result<PathBuf, String> {
        self.folder.set_aside(name, reason)
    }

    async fn lock(&self, name: &str, patience: Duration) -> Result<Option<File>, String> {
        const LOOK_EVERY: Duration = Duration::from_millis(20);
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            match self.folder.try_lock(name)? {
                None if tokio::time::Instant::now() < deadline => tokio::time::sleep(LOOK_EVERY).await,
                taken => return Ok(taken),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::ApiKey;
    use serde_json::json;

    fn spool(root: &Path, key: &str) -> Spool {
        Spool::new(root, Seal::new(&ApiKey::parse(key).unwrap(), "https://api.example"))
    }

    fn event(product: &str, id: &str) -> Kept {
        let Value::Object(payload) = json!({"product_name": product, "environment_name": "production", "status": "completed",
            "extra_metadata": {"team": "payments"}})
        else {
            panic!("no object")
        };
        let at = "2025-10-28T15:00:00.5Z".parse().unwrap();
        Kept::new(EventType::Deployment, payload, id.to_owned(), at, "the server answered 503".to_owned())
    }

    #[test]
    fn a_kept_event_says_that_it_is_late() {
        let kept = event("shop", "a");
        let expected = json!({"team": "payments", "vi_occurred_at": "2025-10-28T15:00:00Z", "vi_delivered_late": true});
        assert_eq!(kept.payload["extra_metadata"], expected);
        assert_eq!((kept.tries, kept.event_type()), (1, Some(EventType::Deployment)));
    }

    #[tokio::test]
    async fn events_come_back_in_their_order() {
        let root = tempfile::tempdir().unwrap();
        let spool = spool(root.path(), "sk_acme_k1_secret");
        assert!(spool.is_empty());
        // Their ids would sort otherwise.
        let events: Vec<Kept> = (0..12).rev().map(|id| event("shop", &format!("{id:02}"))).collect();
        for event in &events {
            spool.keep(event).await.unwrap();
        }
        let waiting = spool.waiting().unwrap();
        assert_eq!(waiting.ours.iter().map(|(_, event)| event.clone()).collect::<Vec<_>>(), events);
        let (name, first) = &waiting.ours[0];
        spool.failed_again(name, first, "again".to_owned()).unwrap();
        let again = &spool.waiting().unwrap().ours[0].1;
        assert_eq!((again.tries, again.last_failure.as_str()), (2, "again"));
        spool.delivered(name).unwrap();
        assert_eq!(spool.waiting().unwrap().ours.len(), 11);
    }

    #[tokio::test]
    async fn others_events_are_counted_and_broken_ones_named() {
        let root = tempfile::tempdir().unwrap();
        let ours = spool(root.path(), "sk_acme_k1_secret");
        let theirs = spool(root.path(), "sk_other_k9_secret");
        ours.keep(&event("shop", "a")).await.unwrap();
        theirs.keep(&event("shop", "b")).await.unwrap();
        theirs.keep(&event("shop", "c")).await.unwrap();
        std::fs::write(ours.path().join("000000000009-x.json"), b"{\"form").unwrap();
        std::fs::write(ours.path().join("000000000010-y.json"), b"{\"format\": 7}").unwrap();
        let waiting = ours.waiting().unwrap();
        assert_eq!(waiting.ours.len(), 1);
        assert_eq!(waiting.others, [("sk_other_k9_… at https://api.example".to_owned(), 2)]);
        assert_eq!((waiting.newer, waiting.unusable.len()), (1, 1));
        assert!(waiting.unusable[0].1.contains("not JSON"), "{:?}", waiting.unusable);
    }

    #[tokio::test]
    async fn a_full_spool_takes_no_more_and_drops_nothing() {
        let root = tempfile::tempdir().unwrap();
        let spool = spool(root.path(), "sk_acme_k1_secret");
        spool.keep(&event("shop", "a")).await.unwrap();
        for index in 0..MOST_EVENTS - 1 {
            std::fs::write(spool.path().join(format!("{:012}-x.json", index + 2)), b"").unwrap();
        }
        let problem = spool.keep(&event("shop", "b")).await.unwrap_err();
        assert!(problem.contains("is full: it holds 1000 events"), "{problem}");
        assert_eq!(spool.waiting().unwrap().ours.len(), 1);
    }
}
