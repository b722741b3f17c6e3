//! A private directory: mode 0700, its files 0600, each written atomically.
//!
//! Owns: creating it, checking its owner, writing to it. Does not own: what the files mean.

use super::FileError;
use super::error::{failed, shown};
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A temporary file of this age is left over from a process that was killed, and is removed.
const ABANDONED: Duration = Duration::from_secs(3_600);
const UNFINISHED: &str = ".unfinished";

/// What a file must survive once it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The end of this process.
    Process,
    /// A power failure: the file is synced to the disk.
    Machine,
}

/// A directory that exists and belongs to us.
pub(super) struct Directory {
    path: PathBuf,
}

impl Directory {
    /// Opens the directory at `path`: `None` if it does not exist.
    ///
    /// # Errors
    /// If it is not a directory, or another user's, or cannot be read or made private.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, FileError> {
        let metadata = match fs::symlink_metadata(path) {
            // A path below a file, such as /dev/null/x, has no directory either.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(None);
            }
            metadata => metadata.map_err(|error| failed(FileError::Read, path, &error))?,
        };
        if !metadata.is_dir() {
            return Err(FileError::NotADirectory(shown(path)));
        }
        if !is_ours(&metadata) {
            return Err(FileError::OtherOwner(shown(path)));
        }
        make_private(path, &metadata).map_err(|error| failed(FileError::Protect, path, &error))?;
        Ok(Some(Self { path: path.to_owned() }))
    }

    /// Opens the directory at `path` in `root`, and creates both if needed.
    ///
    /// # Errors
    /// If it cannot be created, or for the reasons of [`Directory::open`].
    pub(super) fn create(root: &Path, path: &Path) -> Result<Self, FileError> {
        for (directory, recursive) in [(root, true), (path, false)] {
            match builder().recursive(recursive).create(directory) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(failed(FileError::Create, directory, &error));
                }
                _ => {}
            }
        }
        Self::open(path)?.ok_or_else(|| FileError::Removed(shown(path)))
    }

    /// The names that end in `suffix`, sorted. Also removes abandoned temporary files.
    pub(super) fn names(&self, suffix: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.ends_with(UNFINISHED) {
                let written = entry.metadata().and_then(|metadata| metadata.modified()).ok();
                if written.is_some_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > ABANDONED)) {
                    // Another process may have removed it already.
                    let _ = fs::remove_file(entry.path());
                }
            } else if name.ends_with(suffix) {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Writes `content` to a temporary file and renames that to `name`.
    pub(super) fn write(&self, name: &str, content: &[u8], durability: Durability) -> io::Result<()> {
        let unfinished = self.path.join(format!("{}{UNFINISHED}", uuid::Uuid::new_v4()));
        let write = || {
            let mut file = private().write(true).create_new(true).open(&unfinished)?;
            file.write_all(content)?;
            if durability == Durability::Machine {
                file.sync_all()?;
            }
            fs::rename(&unfinished, self.path.join(name))
        };
        write().inspect_err(|_| {
            // If it cannot be removed either, a later call does it.
            let _ = fs::remove_file(&unfinished);
        })?;
        // Syncing the directory makes the rename durable. Not every file system supports it.
        if durability == Durability::Machine
            && let Ok(directory) = File::open(&self.path)
        {
            let _ = directory.sync_all();
        }
        Ok(())
    }
}

#[cfg(unix)]
fn builder() -> DirBuilder {
    use std::os::unix::fs::DirBuilderExt as _;
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

#[cfg(not(unix))]
fn builder() -> DirBuilder {
    DirBuilder::new()
}

/// Options for a file that other users cannot read.
#[cfg(unix)]
pub(super) fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// On Windows the access rights are inherited from the directory, which is in the user's profile.
#[cfg(not(unix))]
pub(super) fn private() -> OpenOptions {
    OpenOptions::new()
}

/// Whether the user of this process owns the file or directory.
#[cfg(unix)]
pub(super) fn is_ours(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    metadata.uid() == rustix::process::geteuid().as_raw()
}

/// The standard library does not tell owners on Windows.
#[cfg(not(unix))]
pub(super) fn is_ours(_metadata: &Metadata) -> bool {
    true
}

/// Takes other users' access to our directory away, if they have any.
#[cfg(unix)]
fn make_private(path: &Path, metadata: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    match metadata.mode() & 0o077 {
        0 => Ok(()),
        _ => fs::set_permissions(path, fs::Permissions::from_mode(0o700)),
    }
}

/// On Windows the access rights are inherited from the user's profile.
#[cfg(not(unix))]
fn make_private(_path: &Path, _metadata: &Metadata) -> io::Result<()> {
    Ok(())
}
