//! A directory of ours: mode 0700, its files 0600, written whole or not at all.
//!
//! Owns: making it, whose it must be, and writing to it. Does not own: what the files mean.

use super::failed;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A file that was never finished is swept away once nobody can be writing it any more.
const ABANDONED: Duration = Duration::from_secs(3_600);
const UNFINISHED: &str = ".unfinished";

/// What a file must outlive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// This process.
    Process,
    /// A machine that loses its power: it is on the disk before anybody relies on it.
    Machine,
}

/// A directory that is there, and ours.
pub(super) struct Directory {
    path: PathBuf,
}

impl Directory {
    /// The directory at `path`, if there is one.
    ///
    /// # Errors
    /// Says why it cannot be used: it is something else, or somebody else's.
    pub(super) fn open(path: &Path) -> Result<Option<Self>, String> {
        match fs::symlink_metadata(path) {
            Ok(metadata) if !metadata.is_dir() => {
                Err(failed("cannot be used", path, &io::Error::other("it is not a directory")))
            }
            Ok(metadata) => {
                match check_owner(&metadata).map_err(io::Error::other).and_then(|()| close(path, &metadata)) {
                    Ok(()) => Ok(Some(Self { path: path.to_owned() })),
                    Err(problem) => Err(failed("cannot be used", path, &problem)),
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("cannot be read", path, &error)),
        }
    }

    /// The directory at `path` in `root`, both made where they are missing.
    ///
    /// # Errors
    /// Says what could not be made, or why it cannot be used.
    pub(super) fn make(root: &Path, path: &Path) -> Result<Self, String> {
        for (directory, recursive) in [(root, true), (path, false)] {
            match builder().recursive(recursive).create(directory) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(failed("cannot be made", directory, &error));
                }
                _ => {}
            }
        }
        let made = Self::open(path)?;
        made.ok_or_else(|| failed("cannot be used", path, &io::Error::other("somebody removed it")))
    }

    /// The names that end in `suffix`, in order. What was begun long ago and never finished is removed.
    pub(super) fn names(&self, suffix: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.ends_with(UNFINISHED) {
                let written = entry.metadata().and_then(|metadata| metadata.modified()).ok();
                if written.is_some_and(|at| SystemTime::now().duration_since(at).is_ok_and(|age| age > ABANDONED)) {
                    // Another process may just have removed it.
                    let _ = fs::remove_file(entry.path());
                }
            } else if name.ends_with(suffix) {
                names.push(name);
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    /// Writes `content` as `name`: under another name first, and only then under its own.
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
            // Nothing is left to be done about a file that cannot be removed either.
            let _ = fs::remove_file(&unfinished);
        })?;
        // The new name is on the disk once the directory is. Not every file system can do that.
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

/// Options for a file that nobody else may read.
#[cfg(unix)]
pub(super) fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

/// Options for a file that nobody else may read: Windows' state directory is the user's own.
#[cfg(not(unix))]
pub(super) fn private() -> OpenOptions {
    OpenOptions::new()
}

/// Whether what `metadata` is about is ours.
///
/// # Errors
/// Says why not.
#[cfg(unix)]
pub(super) fn check_owner(metadata: &Metadata) -> Result<(), &'static str> {
    use std::os::unix::fs::MetadataExt as _;
    match metadata.uid() == rustix::process::geteuid().as_raw() {
        true => Ok(()),
        false => Err("it belongs to another user"),
    }
}

/// Sees to it that nobody else may look into our directory, or write to it.
#[cfg(unix)]
fn close(path: &Path, metadata: &Metadata) -> io::Result<()> {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    match metadata.mode() & 0o077 {
        0 => Ok(()),
        _ => fs::set_permissions(path, fs::Permissions::from_mode(0o700)),
    }
}

/// Windows' state directory is the user's own.
#[cfg(not(unix))]
fn close(_path: &Path, _metadata: &Metadata) -> io::Result<()> {
    Ok(())
}

/// Whether what `metadata` is about is ours: Windows' state directory is the user's own.
#[cfg(not(unix))]
pub(super) fn check_owner(_metadata: &Metadata) -> Result<(), &'static str> {
    Ok(())
}
