//! A script given as text: the file that holds it, and the shell that reads it.
//!
//! Owns: the file, which nobody else can read and which goes when this does. Does not own: running it.

use crate::env::Env;
use crate::files::write_private;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// A script in a file.
#[derive(Debug)]
pub struct Script {
    path: PathBuf,
    words: Vec<OsString>,
}

impl Script {
    /// Writes `text` to a file in the job's temporary directory, else in the system's.
    ///
    /// # Errors
    /// Says what could not be written and why.
    pub fn write(text: &str, env: &Env) -> Result<Self, String> {
        let own = ["RUNNER_TEMP", "AGENT_TEMPDIRECTORY", "WORKSPACE_TMP", "TMPDIR", "TEMP"];
        let named = own.into_iter().filter_map(|name| env.get(name)).map(Path::new).find(|path| path.is_dir());
        let directory = named.unwrap_or_else(|| Path::new(if cfg!(windows) { "." } else { "/tmp" }));
        let path = write_private(directory, format!("{text}\n").as_bytes())?;
        let shell: &[&str] = match is_on_path(env, "bash") {
            // As GitHub runs its own steps.
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
        // Nothing is left to be done about a file that cannot be removed, or that the script removed itself.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn is_on_path(env: &Env, program: &str) -> bool {
    let named = format!("{program}{}", std::env::consts::EXE_SUFFIX);
    env.get("PATH").is_some_and(|path| std::env::split_paths(path).any(|directory| directory.join(&named).is_file()))
}
