//! The spool: events that could not be delivered, kept until they can be.
//!
//! Owns: what is spooled of an event, the order, and the limits. Does not own: files (`files`), sending (`api`), nor when
//! something is delivered (`delivery`).

mod event;
mod set_aside;
#[cfg(test)]
mod tests;

pub use event::{OrderingKey, SpooledEvent};
pub use set_aside::SetAsideFile;

use crate::files::{Durability, FileError, Folder, RecordState, Signer};
use crate::model::time::rfc3339;
use crate::text::Foreign;
use jiff::{SignedDuration, Timestamp};
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
    #[error("another process has not finished writing to the spool")]
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
        let is_ours = |name: &&String| name.split('-').nth(1) == Some(&tag);
        // Events of another key do not use up this key's room.
        let ours: Vec<String> = names.iter().filter(is_ours).cloned().collect();
        let bytes = self.folder.size(&ours);
        if ours.len() >= MOST_EVENTS || bytes >= MOST_BYTES {
            let path = self.path().display().to_string().into();
            return Err(SpoolError::Full { path, events: ours.len(), bytes });
        }
        // A set-aside event that is retried must still come before this one. A directory that cannot be read has none to retry.
        let set_aside = self.folder.set_aside_folder().names().unwrap_or_default();
        let taken = names.iter().chain(set_aside.iter().filter(is_ours));
        let last: u64 = taken.filter_map(|name| name.split('-').next()?.parse().ok()).max().unwrap_or(0);
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
                Some(RecordState::OfAnotherKey(whose)) => count(&mut backlog.others, whose),
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

/// Adds one event of the key `whose` to `counts`.
fn count(counts: &mut Vec<(Foreign, usize)>, whose: Foreign) {
    match counts.iter_mut().find(|(known, _)| *known == whose) {
        Some((_, count)) => *count += 1,
        None => counts.push((whose, 1)),
    }
}
