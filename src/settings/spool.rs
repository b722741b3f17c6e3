//! The directory for the spool and the journal.
//!
//! Owns: which directory, and how long files live there.

use super::resolver::Resolver;
use crate::ci::System;
use crate::env::Env;
use crate::model::source::Source;
use crate::state::Retention;
use std::path::{Path, PathBuf};

/// Where undelivered events and open deployments are kept.
#[derive(Clone, Debug)]
pub enum SpoolConfig {
    /// `spool_dir` is `off`: nothing is kept.
    Off,
    /// In this directory.
    Directory(PathBuf, Retention),
    /// No setting, no temporary directory and no home directory says where.
    Unknown,
}

pub(super) fn resolve(resolver: &mut Resolver<'_>, env: &Env, system: &System) -> SpoolConfig {
    let temp_dir = system.temp_dir(env);
    if let Some(raw) = resolver.pick(&["spool_dir"]) {
        let value = raw.value.raw().to_owned();
        resolver.note("spool_dir", Some((raw.value, raw.source)));
        return match value.to_ascii_lowercase().as_str() {
            "off" | "none" => SpoolConfig::Off,
            _ => {
                let path = absolute(&value, env);
                let retention = temp_dir
                    .filter(|(_, temporary)| path.starts_with(temporary))
                    .map_or(Retention::Persistent, |(variable, _)| Retention::Job(variable));
                SpoolConfig::Directory(path, retention)
            }
        };
    }
    let default = default(env, system, temp_dir);
    let shown = default
        .as_ref()
        .map(|(path, _, source)| (path.display().to_string().into(), Source::Detected((*source).to_owned())));
    resolver.note("spool_dir", shown);
    default.map_or(SpoolConfig::Unknown, |(path, retention, _)| SpoolConfig::Directory(path, retention))
}

/// `path` as an absolute path: the next step may run in another directory.
fn absolute(path: &str, env: &Env) -> PathBuf {
    let path = env.expand_home(path);
    std::path::absolute(&path).unwrap_or(path)
}

/// The default directory, its retention, and where it comes from.
fn default(
    env: &Env,
    system: &System,
    temp_dir: Option<(&'static str, PathBuf)>,
) -> Option<(PathBuf, Retention, &'static str)> {
    if let Some((variable, path)) = temp_dir {
        return Some((path.join("versioner"), Retention::Job(variable), variable));
    }
    let retention = if system.source_system.is_some() { Retention::Machine } else { Retention::Persistent };
    // XDG Base Directory Specification; Windows has its own variable.
    for name in ["XDG_STATE_HOME", "LOCALAPPDATA"] {
        if let Some(path) = env.get(name).map(Path::new).filter(|path| path.is_absolute()) {
            return Some((path.join("versioner"), retention, name));
        }
    }
    Some((env.home()?.join(".local/state/versioner"), retention, "the home directory"))
}
