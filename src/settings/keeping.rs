//! Where things are kept between calls: events that could not be delivered, and deployments that are open.
//!
//! Owns: which directory, and how long things live there. Does not own: what is written to it (`store`).

use super::resolver::Resolver;
use super::said::Source;
use crate::ci::job;
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
    /// As long as the machine: of a CI system's machines, nobody knows how long that is.
    Machine,
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
            _ => {
                let path = given_path(&given.value, env);
                let lifetime = TEMPORARY
                    .into_iter()
                    .find(|name| env.get(name).is_some_and(|temporary| path.starts_with(temporary)))
                    .map_or(Lifetime::Lasting, Lifetime::Job);
                Keeping::In(path, lifetime)
            }
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

/// The path that `given` means to the next step as well, which may run in another directory.
fn given_path(given: &str, env: &Env) -> PathBuf {
    match (given.strip_prefix("~/"), env.home()) {
        // As the shell would have had it, had it seen it.
        (Some(rest), Some(home)) => home.join(rest),
        _ => std::path::absolute(given).unwrap_or_else(|_| PathBuf::from(given)),
    }
}

fn default(env: &Env) -> (Keeping, &'static str) {
    let absolute = |name: &str| env.get(name).map(Path::new).filter(|path| path.is_absolute());
    for name in TEMPORARY {
        if let Some(path) = absolute(name) {
            return (Keeping::In(path.join("versioner"), Lifetime::Job(name)), name);
        }
    }
    let lifetime = if job::identity(env).is_some() { Lifetime::Machine } else { Lifetime::Lasting };
    // The XDG Base Directory Specification; Windows has a variable of its own.
    for name in ["XDG_STATE_HOME", "LOCALAPPDATA"] {
        if let Some(path) = absolute(name) {
            return (Keeping::In(path.join("versioner"), lifetime), name);
        }
    }
    match env.home() {
        Some(home) => (Keeping::In(home.join(".local/state/versioner"), lifetime), "the home directory"),
        None => (Keeping::Nowhere, ""),
    }
}
