//! A script given as text: the file that holds it, and the shell that runs it.
//!
//! Owns: the file, which other users cannot read and which is removed afterwards. Does not own: running it.

use crate::env::Env;
use crate::files::{FileError, write_private};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Why a script could not be prepared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScriptError {
    /// Its file could not be written.
    #[error(transparent)]
    Write(#[from] FileError),
}

/// A script in a file, which is removed when this is dropped.
#[derive(Debug)]
pub struct Script {
    path: PathBuf,
    words: Vec<OsString>,
}

impl Script {
    /// Writes `text` to a file in `directory`, the job's temporary one, or in the system's if there is none.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(text: &str, directory: Option<&Path>, env: &Env) -> Result<Self, ScriptError> {
        let directory = directory.filter(|path| path.is_dir()).map_or_else(|| system_temp(env), Path::to_owned);
        let path = write_private(&directory, format!("{text}\n").as_bytes())?;
        let shell: &[&str] = match is_on_path(env, "bash") {
            // The options that GitHub Actions uses for its own steps.
            true => &["bash", "--noprofile", "--norc", "-eo", "pipefail"],
            false => &["sh", "-e"],
        };
        let words = shell.iter().map(OsString::from).chain([path.clone().into_os_string()]).collect();
        Ok(Self { path, words })
    }

    /// The command line that runs it.
    #[must_use]
    pub fn words(&self) -> &[OsString] {
        &self.words
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        // The script may have removed its file itself.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn system_temp(env: &Env) -> PathBuf {
    let named = ["TMPDIR", "TEMP"].into_iter().filter_map(|name| env.get(name)).map(Path::new);
    let fallback = Path::new(if cfg!(windows) { "." } else { "/tmp" });
    named.chain([fallback]).find(|path| path.is_dir()).unwrap_or(fallback).to_owned()
}

fn is_on_path(env: &Env, program: &str) -> bool {
    let named = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    env.get("PATH").is_some_and(|path| std::env::split_paths(path).any(|directory| directory.join(&named).is_file()))
}

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use super::*;

    #[test]
    fn script_is_written_to_the_given_directory_else_to_the_systems() {
        let (job, system) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let env: Env = [("TMPDIR", system.path().to_str().unwrap())].into_iter().collect();
        let missing = job.path().join("missing");
        for (directory, expected) in [(Some(job.path()), &job), (Some(missing.as_path()), &system), (None, &system)] {
            let script = Script::write("exit 3", directory, &env).unwrap();
            let path = PathBuf::from(script.words().last().unwrap());
            assert_eq!(path.parent(), Some(expected.path()));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), "exit 3\n");
            // Without a PATH there is no bash.
            assert_eq!(script.words()[..2], ["sh", "-e"]);
            drop(script);
            assert!(!path.exists());
        }
    }

    #[test]
    fn script_that_cannot_be_written_is_an_error() {
        // A directory that exists, in which no user can create files.
        let error = Script::write("true", Some(Path::new("/proc/self")), &Env::default()).unwrap_err();
        assert!(error.to_string().starts_with("/proc/self/versioner-"), "{error}");
    }
}
