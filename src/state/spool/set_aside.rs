//! Events that were set aside: which there are, and how they come back into the spool.

use super::{Spool, SpooledEvent, count};
use crate::files::{FileError, RecordState};
use crate::text::Foreign;
use jiff::Timestamp;
use std::path::PathBuf;

/// The files that were set aside.
#[derive(Debug, Default)]
pub struct SetAside {
    /// Our events, and files that cannot be read, in order.
    pub files: Vec<SetAsideFile>,
    /// The number of events of other API keys, by key.
    pub others: Vec<(Foreign, usize)>,
}

/// A file that was set aside.
#[derive(Debug)]
pub struct SetAsideFile {
    pub path: PathBuf,
    /// The event in it, unless it cannot be read.
    pub event: Option<SpooledEvent>,
    /// Why it was set aside.
    pub reason: Foreign,
    /// When it was set aside, if that is known.
    pub since: Option<Timestamp>,
}

impl SetAside {
    /// Whether nothing was set aside.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.others.is_empty()
    }
}

impl Spool {
    /// The directory of set-aside events.
    #[must_use]
    pub fn set_aside_path(&self) -> PathBuf {
        self.folder.set_aside_folder().path()
    }

    /// Reads the events that were set aside.
    ///
    /// # Errors
    /// [`FileError`] if their directory cannot be read.
    pub fn set_aside_events(&self) -> Result<SetAside, FileError> {
        let folder = self.folder.set_aside_folder();
        let mut set_aside = SetAside::default();
        for name in folder.names()? {
            let (event, problem) = match folder.read::<SpooledEvent>(&name) {
                // It was deleted, or another process has moved it back.
                None => continue,
                Some(RecordState::OfAnotherKey(whose)) => {
                    count(&mut set_aside.others, whose);
                    continue;
                }
                Some(RecordState::Ours(event)) => (Some(event), "the reason is not known".to_owned()),
                Some(RecordState::Newer) => (None, "it was written by a newer version of versioner".to_owned()),
                Some(RecordState::Unusable(why)) => (None, why.to_string()),
            };
            let note = folder.note(&name);
            set_aside.files.push(SetAsideFile {
                path: folder.path().join(&name),
                event,
                reason: note.reason.unwrap_or_else(|| problem.into()),
                since: note.since.and_then(|at| at.try_into().ok()),
            });
        }
        Ok(set_aside)
    }

    /// Moves our set-aside events back into the spool, at their old places in the order. Returns how many. Files that cannot be
    /// delivered stay set aside.
    ///
    /// # Errors
    /// [`FileError`] if one cannot be moved.
    pub fn restore_set_aside(&self) -> Result<usize, FileError> {
        let folder = self.folder.set_aside_folder();
        let mut restored = 0;
        for name in folder.names()? {
            match folder.read::<SpooledEvent>(&name) {
                Some(RecordState::Ours(event)) if event.event_type().is_some() => {
                    restored += usize::from(self.folder.restore(&name)?);
                }
                _ => {}
            }
        }
        Ok(restored)
    }
}
