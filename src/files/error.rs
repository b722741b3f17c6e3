//! Why a file or directory could not be used.

use crate::text::Foreign;
use std::io;
use std::path::Path;

/// Why a file or directory could not be used: its path and, where the system gave a reason, that reason.
///
/// Both are [`Foreign`], because a path can come from a setting: what is printed is always clean.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// A file or a symbolic link has the directory's name.
    #[error("{0} cannot be used: it is not a directory")]
    NotADirectory(Foreign),
    /// The directory belongs to another user, who could read and change its files.
    #[error("{0} cannot be used: it belongs to another user")]
    OtherOwner(Foreign),
    /// Another process removed the directory just after it was created.
    #[error("{0} cannot be used: another process removed it")]
    Removed(Foreign),
    /// Other users have access to the directory, and that could not be changed.
    #[error("{0} cannot be made private: {1}")]
    Protect(Foreign, Foreign),
    /// The directory could not be created.
    #[error("{0} cannot be created: {1}")]
    Create(Foreign, Foreign),
    /// The directory could not be read.
    #[error("{0} cannot be read: {1}")]
    Read(Foreign, Foreign),
    /// The file, or a file in the directory, could not be written.
    #[error("{0} cannot be written to: {1}")]
    Write(Foreign, Foreign),
    /// The file could not be removed.
    #[error("{0} cannot be removed: {1}")]
    Remove(Foreign, Foreign),
    /// The lock file could not be opened.
    #[error("{0} cannot be opened: {1}")]
    Open(Foreign, Foreign),
    /// The lock could not be taken, for another reason than that a process holds it.
    #[error("{0} cannot be locked: {1}")]
    Lock(Foreign, Foreign),
}

/// Why a file in a folder is not a record that can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableRecord {
    /// A directory, a symbolic link or something else: it is not opened.
    #[error("it is not a plain file")]
    NotAFile,
    /// Another user owns it.
    #[error("it belongs to another user")]
    OtherOwner,
    /// It is larger than any record that this program writes.
    #[error("it is larger than any event")]
    TooLarge,
    /// The file could not be read.
    #[error("{0}")]
    Read(Foreign),
    /// The content is not JSON, for example because writing was interrupted.
    #[error("it is not JSON: it is incomplete, or was not written by versioner")]
    NotJson,
    /// The content is JSON but not a signed record.
    #[error("it is not in the format that this program writes")]
    UnknownFormat,
    /// The signature does not match the content.
    #[error("it was not written with this API key, or was changed since")]
    BadSignature,
    /// The signature matches, but the record is not of the expected type.
    #[error("it does not contain an event")]
    UnexpectedContent,
}

/// `path` for messages.
pub(super) fn shown(path: &Path) -> Foreign {
    Foreign::new(path.to_string_lossy())
}

/// The error `variant` about `path`, caused by `error`.
pub(super) fn failed(variant: fn(Foreign, Foreign) -> FileError, path: &Path, error: &io::Error) -> FileError {
    variant(shown(path), error.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_causes_are_printed_clean() {
        let error = failed(FileError::Write, Path::new("/tmp/a\n::error::b"), &io::Error::other("no\nspace"));
        assert_eq!(error.to_string(), "/tmp/a ::error::b cannot be written to: no space");
    }
}
