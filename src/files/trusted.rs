//! Reading a file in a place where an earlier process could have put it.
//!
//! Owns: who can write the file. Does not own: what the file means.

use super::error::shown;
use crate::text::Foreign;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::path::Path;

/// Why a file is not trusted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untrusted {
    /// It is a symbolic link, a directory or something else that is not a regular file.
    #[error("it is not a regular file")]
    NotAFile,
    /// Neither this user nor root owns it.
    #[error("it belongs to another user")]
    OtherOwner,
    /// Other users can change the file.
    #[error("other users can write it")]
    SharedFile,
    /// A directory that leads to it is a symbolic link, belongs to another user, or can be written by other users.
    #[error("other users can write {0}, or it is a link")]
    SharedDirectory(Foreign),
    /// It changed while it was opened.
    #[error("it was replaced while it was opened")]
    Replaced,
    /// It is larger than expected.
    #[error("it is too large")]
    TooLarge,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Read(Foreign),
}

/// The content of the file at `path`, with its metadata, if only this user or root can write it and the two directories above
/// it. `None` if there is no such file.
///
/// # Errors
/// [`Untrusted`] if others can write it, or it cannot be read.
pub fn read_trusted(path: &Path, largest: u64) -> Result<Option<(Vec<u8>, Metadata)>, Untrusted> {
    let failed = |error: io::Error| Untrusted::Read(error.to_string().into());
    let found = match fs::symlink_metadata(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        found => found.map_err(failed)?,
    };
    check_file(&found)?;
    for (index, directory) in path.ancestors().skip(1).take(2).enumerate() {
        // The home directory may be a link, such as one from /home to another disk.
        let metadata = if index == 0 { fs::symlink_metadata(directory) } else { fs::metadata(directory) };
        let metadata = metadata.map_err(failed)?;
        if !metadata.is_dir() || !is_owned_by_us_or_root(&metadata) || is_writable_by_others(&metadata) {
            return Err(Untrusted::SharedDirectory(shown(directory)));
        }
    }
    let file = File::open(path).map_err(failed)?;
    let opened = file.metadata().map_err(failed)?;
    check_file(&opened)?;
    if !is_same_file(&found, &opened) {
        return Err(Untrusted::Replaced);
    }
    let mut bytes = Vec::new();
    file.take(largest + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > largest {
        return Err(Untrusted::TooLarge);
    }
    Ok(Some((bytes, opened)))
}

fn check_file(metadata: &Metadata) -> Result<(), Untrusted> {
    if !metadata.is_file() {
        return Err(Untrusted::NotAFile);
    }
    if !is_owned_by_us_or_root(metadata) {
        return Err(Untrusted::OtherOwner);
    }
    if is_writable_by_others(metadata) {
        return Err(Untrusted::SharedFile);
    }
    Ok(())
}

/// Whether other users can read the file.
#[cfg(unix)]
#[must_use]
pub fn is_readable_by_others(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    metadata.mode() & 0o044 != 0
}

#[cfg(unix)]
fn is_owned_by_us_or_root(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    metadata.uid() == 0 || super::directory::is_ours(metadata)
}

#[cfg(unix)]
fn is_writable_by_others(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    metadata.mode() & 0o022 != 0
}

#[cfg(unix)]
fn is_same_file(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// The standard library does not tell access rights on Windows. There they are inherited from the user's profile.
#[cfg(not(unix))]
#[must_use]
pub fn is_readable_by_others(_metadata: &Metadata) -> bool {
    false
}

#[cfg(not(unix))]
fn is_owned_by_us_or_root(_metadata: &Metadata) -> bool {
    true
}

#[cfg(not(unix))]
fn is_writable_by_others(_metadata: &Metadata) -> bool {
    false
}

#[cfg(not(unix))]
fn is_same_file(_one: &Metadata, _other: &Metadata) -> bool {
    true
}
