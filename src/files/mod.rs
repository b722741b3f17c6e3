//! Files that outlive the process: private directories, signed records, locks, atomic writes.
//!
//! Does not own: what the records hold (`state`), nor which directory they are in (`settings`).

mod append;
mod directory;
mod error;
mod read;
mod signed;
mod trusted;

pub use append::append;
pub use directory::Durability;
pub use error::{FileError, UnusableRecord};
#[cfg(unix)]
pub use read::read_kernel_file;
pub use read::{read_limited, read_named};
pub use signed::Signer;
pub use trusted::{Untrusted, is_readable_by_others, read_trusted};

#[cfg(test)]
mod tests;

use crate::text::Foreign;
use directory::Directory;
use error::failed;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The largest record that is read: the metadata's 100 KB, and ample room for everything else.
const LARGEST_RECORD: u64 = 256 * 1024;

/// The folder of records that were set aside.
const SET_ASIDE: &str = "set-aside";

/// A folder of signed records of one kind.
#[derive(Clone, Debug)]
pub struct Folder {
    root: PathBuf,
    name: &'static str,
    /// The kind of record, which the signature covers.
    kind: &'static str,
    signer: Signer,
}

/// The note next to a record that was set aside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SetAsideNote {
    /// Why it was set aside.
    pub reason: Option<Foreign>,
    /// When it was set aside.
    pub since: Option<SystemTime>,
}

/// What a file of a folder holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordState<T> {
    /// A record signed with our API key for our API address.
    Ours(T),
    /// A record for another API address or of another key: "key at address".
    OfAnotherKey(Foreign),
    /// A record of a newer version of this program.
    Newer,
    /// Not a record that can be used.
    Unusable(UnusableRecord),
}

impl Folder {
    /// The folder `name` in `root`. It is created when the first record is written.
    #[must_use]
    pub fn new(root: &Path, name: &'static str, signer: Signer) -> Self {
        Self { root: root.to_owned(), name, kind: name, signer }
    }

    /// The folder of this folder's records that were set aside.
    #[must_use]
    pub fn set_aside_folder(&self) -> Self {
        Self { name: SET_ASIDE, ..self.clone() }
    }

    /// The folder's path.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.root.join(self.name)
    }

    /// The names of its records, sorted. A folder that does not exist has none.
    ///
    /// # Errors
    /// If the folder cannot be read, or is not ours.
    pub fn names(&self) -> Result<Vec<String>, FileError> {
        let path = self.path();
        match Directory::open(&path)? {
            None => Ok(Vec::new()),
            Some(directory) => directory.names(".json").map_err(|error| failed(FileError::Read, &path, &error)),
        }
    }

    /// How many bytes the records `names` take.
    #[must_use]
    pub fn size(&self, names: &[String]) -> u64 {
        names.iter().filter_map(|name| Some(fs::symlink_metadata(self.path().join(name)).ok()?.len())).sum()
    }

    /// Reads the record `name`: `None` if it does not exist (any more).
    pub fn read<T: DeserializeOwned>(&self, name: &str) -> Option<RecordState<T>> {
        match self.bytes(name) {
            Ok(Some(bytes)) => Some(self.signer.open(self.kind, &bytes)),
            Ok(None) => None,
            Err(reason) => Some(RecordState::Unusable(reason)),
        }
    }

    /// The content of the file `name`, if it is plain, ours and not too large. Nothing else that was put there is opened.
    fn bytes(&self, name: &str) -> Result<Option<Vec<u8>>, UnusableRecord> {
        let path = self.path().join(name);
        let unreadable = |error: io::Error| UnusableRecord::Read(error.to_string().into());
        let metadata = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            metadata => metadata.map_err(unreadable)?,
        };
        if !metadata.is_file() {
            return Err(UnusableRecord::NotAFile);
        }
        if !directory::is_ours(&metadata) {
            return Err(UnusableRecord::OtherOwner);
        }
        if metadata.len() > LARGEST_RECORD {
            return Err(UnusableRecord::TooLarge);
        }
        let mut bytes = Vec::new();
        match File::open(path).and_then(|file| file.take(LARGEST_RECORD).read_to_end(&mut bytes)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(|_| Some(bytes)).map_err(unreadable),
        }
    }

    /// Writes `record` as `name`. The write is atomic, even if this process or the machine stops meanwhile.
    ///
    /// # Errors
    /// If the folder cannot be used or written to.
    pub fn write<T: Serialize>(&self, name: &str, record: &T, durability: Durability) -> Result<(), FileError> {
        let path = self.path();
        let directory = Directory::create(&self.root, &path)?;
        let signed = self.signer.sign(self.kind, record);
        directory.write(name, &signed, durability).map_err(|error| failed(FileError::Write, &path, &error))
    }

    /// A short tag for `text`, to use in file names: the same only for the same API address and key.
    #[must_use]
    pub fn tag_for(&self, text: &str) -> String {
        self.signer.tag_for(text)
    }

    /// Removes the record `name`. It is no error if it does not exist.
    ///
    /// # Errors
    /// If the file cannot be removed.
    pub fn remove(&self, name: &str) -> Result<(), FileError> {
        let path = self.path().join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(FileError::Remove, &path, &error)),
            _ => Ok(()),
        }
    }

    /// Moves `name` to the folder `set-aside`, with the reason in a file next to it. Returns its new path.
    ///
    /// # Errors
    /// If that folder cannot be used or written to.
    pub fn set_aside(&self, name: &str, reason: &str) -> Result<PathBuf, FileError> {
        let path = self.root.join(SET_ASIDE);
        let directory = Directory::create(&self.root, &path)?;
        let failed = |error: io::Error| failed(FileError::Write, &path, &error);
        // The reason comes first: if we are killed in between, no record is left without one.
        let reason = format!("{reason}\n");
        directory.write(&reason_file(name), reason.as_bytes(), Durability::Machine).map_err(failed)?;
        let moved = path.join(name);
        match fs::rename(self.path().join(name), &moved) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
            _ => Ok(moved),
        }
    }

    /// The note next to the record `name`, in the folder of records that were set aside.
    #[must_use]
    pub fn note(&self, name: &str) -> SetAsideNote {
        let name = reason_file(name);
        let reason = self.bytes(&name).ok().flatten();
        let metadata = fs::symlink_metadata(self.path().join(name));
        SetAsideNote {
            reason: reason
                .map(|bytes| Foreign::new(String::from_utf8_lossy(&bytes)))
                .filter(|reason| !reason.is_empty()),
            since: metadata.and_then(|metadata| metadata.modified()).ok(),
        }
    }

    /// Moves `name` back from the folder of records that were set aside, and removes its reason. Returns whether it was there.
    ///
    /// # Errors
    /// If it cannot be moved, or its reason cannot be removed.
    pub fn restore(&self, name: &str) -> Result<bool, FileError> {
        let path = self.path();
        Directory::create(&self.root, &path)?;
        let set_aside = self.set_aside_folder();
        match fs::rename(set_aside.path().join(name), path.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            moved => moved.map_err(|error| failed(FileError::Write, &path, &error))?,
        }
        set_aside.remove(&reason_file(name))?;
        Ok(true)
    }

    /// Takes the lock `name`, or returns `None` if another process holds it. It is released when the file is dropped, or
    /// when this process ends.
    ///
    /// # Errors
    /// If the folder or the lock file cannot be used.
    pub fn try_lock(&self, name: &str) -> Result<Option<File>, FileError> {
        let path = self.path();
        Directory::create(&self.root, &path)?;
        let path = path.join(name);
        let open = || directory::private().read(true).write(true).create(true).truncate(false).open(&path);
        let file = open().map_err(|error| failed(FileError::Open, &path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(failed(FileError::Lock, &path, &error)),
        }
    }
}

/// The name of the file with the reason why the record `name` was set aside.
fn reason_file(name: &str) -> String {
    format!("{name}.reason")
}

/// Writes a file with a random name in `directory` that other users cannot read. Returns its path.
///
/// # Errors
/// If it cannot be written.
pub fn write_private(directory: &Path, content: &[u8]) -> Result<PathBuf, FileError> {
    let path = directory.join(format!("versioner-{}", uuid::Uuid::new_v4()));
    let write = || directory::private().write(true).create_new(true).open(&path)?.write_all(content);
    write().map_err(|error| failed(FileError::Write, &path, &error))?;
    Ok(path)
}
