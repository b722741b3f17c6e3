//! Where things are kept between calls: events that could not be delivered, and deployments that are open.
//!
//! Owns: which directory, and how long things live there. Does not own: what is written to it (`store`).

use super::resolver::Resolver;
use super::said::Source;
use crate::env::Env;
use std::path::{Path, PathBuf};

/// The directory, or that there is none.
#[derive(Clone, Debug)]
pub enum Keeping {
    /// `spool_dir` is off: nothing is kept.
    Off,
    /// In this directory.
    In(PathBuf, Lifetime),
    /// No setting, no temporary directory and no home directory tells where.
    Nowhere,
}

/// How long things live there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lifetime {
    /// Until somebody removes them.
    Lasting,
    /// Until the job ends: its temporary directory, named by this variable, is emptied then.
    Job(&'static str),
}

/// The temporary directories that CI systems give to a job: GitHub's, Azure DevOps' and Jenkins'.
const TEMPORARY: [&str; 3] = ["RUNNER_TEMP", "AGENT_TEMPDIRECTORY", "WORKSPACE_TMP"];

pub(super) fn read(resolver: &mut Resolver<'_>, env: &Env) -> Keeping {
    if let Some(given) = resolver.said.pick(&["spool_dir"]).cloned() {
        resolver.row("spool_dir", Some((given.value.clone(), given.source)));
        return match given.value.to_ascii_lowercase().as_str() {
            "off" | "none" => Keeping::Off,
            _ => Keeping::In(PathBuf::from(given.value), Lifetime::Lasting),
        };
    }
    let (keeping, from) = default(env);
    let shown = match &keeping {
        Keeping::In(path, _) => Some((path.display().to_string(), Source::Detected(from.to_owned()))),
        Keeping::Off | Keeping::Nowhere => None,
    };
    resolver.row("spool_dir", shown);
    keeping
}

fn default(env: &Env) -> (Keeping, &'static str) {
    let absolute = |name: &str| env.get(name).map(Path::new).filter(|path| path.is_absolute());
    for name in TEMPORARY {
        if let Some(path) = absolute(name) {
            return (Keeping::In(path.join("versioner"), Lifetime::Job(name)), name);
        }
    }
    // The XDG Base Directory Specification; Windows has a variable of its own.
    for name in ["XDG_STATE_HOME", "LOCALAPPDATA"] {
        if let Some(path) = absolute(name) {
            return (Keeping::In(path.join("versioner"), Lifetime::Lasting), name);
        }
    }
    match env.home() {
        Some(home) => (Keeping::In(home.join(".local/state/versioner"), Lifetime::Lasting), "the home directory"),
        None => (Keeping::Nowhere, ""),
    }
}
