//! What is kept on disk between calls, in a directory that is ours alone: one sealed record a file.
//!
//! Owns: the directory, its privacy, locks, and that a file is there whole or not at all. Does not own: what is kept
//! (`spool`, `journal`), nor which directory it is (`settings`).

mod append;
mod directory;
mod signed;

pub use append::append;
pub use signed::Signer;

#[cfg(test)]
mod tests;

use crate::text::sanitize;
use directory::Directory;
pub use directory::Durability;
use serde::Serialize;
use serde::de::DeserializeOwned;
use signed::Opened;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

/// A record is at most this large: the metadata's 100 KB, and as much again for everything else.
const LARGEST_RECORD: u64 = 256 * 1024;

/// Why a file or directory cannot be used.
pub type FileError = String;

/// One folder of records of one kind.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
    name: &'static str,
    signer: Signer,
}

/// A file of the folder that is no record which can be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordState<T> {
    /// A record of ours.
    Ours(T),
    /// A record for another API address or of another key, which is named.
    OfAnotherKey(String),
    /// A record of a newer version of this program.
    Newer,
    /// None of these, because of this.
    Unusable(String),
}

impl Folder {
    /// The folder `name` in `root`. Nothing is made before something is kept.
    #[must_use]
    pub fn new(root: &Path, name: &'static str, signer: Signer) -> Self {
        Self { root: root.to_owned(), name, signer }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.root.join(self.name)
    }

    /// The names of its records, in their order. A folder that is not there has none.
    ///
    /// # Errors
    /// Says which directory cannot be read, or is somebody else's.
    pub fn names(&self) -> Result<Vec<String>, String> {
        let path = self.path();
        match Directory::open(&path) {
            Ok(None) => Ok(Vec::new()),
            Ok(Some(directory)) => directory.names(".json").map_err(|error| failed("cannot be read", &path, &error)),
            Err(problem) => Err(problem),
        }
    }

    /// How many bytes its records take.
    #[must_use]
    pub fn size(&self, names: &[String]) -> u64 {
        names.iter().filter_map(|name| Some(fs::symlink_metadata(self.path().join(name)).ok()?.len())).sum()
    }

    /// Reads the record `name`. Gives nothing if it is not there any more.
    pub fn read<T: DeserializeOwned + Serialize>(&self, name: &str) -> Option<RecordState<T>> {
        let bytes = match self.bytes(name) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => return Some(RecordState::Unusable(sanitize(&error.to_string()))),
        };
        Some(match self.signer.open(self.name, &bytes) {
            Opened::Ours(record) => RecordState::Ours(record),
            Opened::Another(whose) => RecordState::OfAnotherKey(whose),
            Opened::Newer => RecordState::Newer,
            Opened::Broken(why) => RecordState::Unusable(why.to_owned()),
        })
    }

    /// The content of a file that is ours, plain and not too large: whatever else somebody put there is not opened.
    fn bytes(&self, name: &str) -> io::Result<Vec<u8>> {
        let path = self.path().join(name);
        let metadata = fs::symlink_metadata(&path)?;
        if !metadata.is_file() {
            return Err(io::Error::other("it is not a plain file"));
        }
        directory::check_owner(&metadata).map_err(io::Error::other)?;
        if metadata.len() > LARGEST_RECORD {
            return Err(io::Error::other("it is larger than any event"));
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(LARGEST_RECORD).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Writes `record` as `name`, whole or not at all, also if this process or the machine ends meanwhile.
    ///
    /// # Errors
    /// Says what could not be written, where and why.
    pub fn write<T: Serialize>(&self, name: &str, record: &T, durability: Durability) -> Result<(), String> {
        let path = self.path();
        let directory = Directory::make(&self.root, &path)?;
        let signed = self.signer.sign(self.name, record);
        directory.write(name, &signed, durability).map_err(|error| failed("cannot be written to", &path, &error))
    }

    /// A short word that stands for `text`, for the names of files: the same for the same address and key alone.
    #[must_use]
    pub fn tag_for(&self, text: &str) -> String {
        self.signer.tag_for(text)
    }

    /// Removes the record `name`. One that is gone already is removed.
    ///
    /// # Errors
    /// Says what could not be removed and why.
    pub fn remove(&self, name: &str) -> Result<(), String> {
        let path = self.path().join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("cannot be removed", &path, &error)),
            _ => Ok(()),
        }
    }

    /// Removes the records whose name is `old`, whoever's they are.
    ///
    /// # Errors
    /// Says what could not be removed and why.
    pub fn remove_where(&self, old: impl Fn(&str) -> bool) -> Result<(), String> {
        self.names()?.iter().filter(|name| old(name)).try_for_each(|name| self.remove(name))
    }

    /// Moves `name` to where nothing is delivered from, with the reason beside it. Gives its new path.
    ///
    /// # Errors
    /// Says what could not be moved and why.
    pub fn set_aside(&self, name: &str, reason: &str) -> Result<PathBuf, String> {
        let path = self.root.join("set-aside");
        let directory = Directory::make(&self.root, &path)?;
        let failed = |error: io::Error| failed("cannot be written to", &path, &error);
        // The reason first: what is moved without one would be a riddle.
        let reason = format!("{reason}\n");
        directory.write(&format!("{name}.reason"), reason.as_bytes(), Durability::Machine).map_err(failed)?;
        let moved = path.join(name);
        match fs::rename(self.path().join(name), &moved) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(moved),
        }
    }

    /// Takes the lock `name`, if no other process has it. It is given back when dropped, or when this process ends.
    ///
    /// # Errors
    /// Says which lock cannot be used and why.
    pub fn try_lock(&self, name: &str) -> Result<Option<File>, String> {
        let path = self.path();
        Directory::make(&self.root, &path)?;
        let path = path.join(name);
        let open = || directory::private().read(true).write(true).create(true).truncate(false).open(&path);
        let file = open().map_err(|error| failed("cannot be opened", &path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed("cannot be locked", &path, &error)),
        }
    }
}

/// Writes a file that nobody else can read, in `directory`, under a name that nobody can guess. Gives its path.
///
/// # Errors
/// Says what could not be written and why.
pub fn write_private(directory: &Path, content: &[u8]) -> Result<PathBuf, String> {
    let path = directory.join(format!("versioner-{}", uuid::Uuid::new_v4()));
    let write = || directory::private().write(true).create_new(true).open(&path)?.write_all(content);
    write().map_err(|error| failed("cannot be written", &path, &error))?;
    Ok(path)
}

fn failed(what: &str, path: &Path, error: &io::Error) -> String {
    format!("{} {what}: {}", sanitize(&path.display().to_string()), sanitize(&error.to_string()))
}
