//! The git checkout around a directory, read from its files. This needs no git program, and runs nothing of the repository
//! (hooks, aliases, file system monitors).
//!
//! Owns: HEAD, branch and `origin` of a checkout (gitrepository-layout(5), git-config(1)). Does not own: history.

use super::remote::is_commit_id;
use super::{Detected, remote};
use crate::env::Env;
use crate::files::read_limited;
use std::fs;
use std::path::{Path, PathBuf};

/// No valid repository has a larger file among those that are read here.
const LARGEST_FILE: u64 = 32 * 1024 * 1024;

/// What a checkout says about its commit.
#[derive(Debug, Default)]
pub(super) struct Checkout {
    pub(super) sha: Option<Detected>,
    pub(super) branch: Option<Detected>,
    pub(super) repository: Option<Detected>,
}

impl Checkout {
    /// The checkout that `GIT_DIR` names, else the innermost one around `directory`. One without a valid HEAD is skipped, such
    /// as an empty `.git` or one that points nowhere.
    pub(super) fn find(env: &Env, directory: &Path) -> Option<Self> {
        let named = env.get("GIT_DIR").and_then(|path| Self::open(&directory.join(path)));
        named.or_else(|| directory.ancestors().filter_map(git_dir).find_map(|git_dir| Self::open(&git_dir)))
    }

    /// The checkout with this git directory, if it has a valid HEAD.
    fn open(git_dir: &Path) -> Option<Self> {
        let head = Head::parse(&read(&git_dir.join("HEAD"))?)?;
        // A linked worktree has its own HEAD, and shares refs and configuration with the main one.
        let common =
            read(&git_dir.join("commondir")).map_or_else(|| git_dir.to_owned(), |path| git_dir.join(path.trim()));
        let (sha, branch) = match head {
            Head::Ref(name) => (resolve(git_dir, &common, &name), name.strip_prefix("refs/heads/").map(str::to_owned)),
            Head::Commit(sha) => (Some(sha), None),
        };
        // Repositories with reftables write this for programs that cannot read them (gitformat-reftable, "HEAD").
        let branch = branch.filter(|branch| branch != ".invalid");
        let origin = read(&common.join("config")).and_then(|config| origin(&config));
        Some(Self {
            sha: sha.map(|sha| detected(sha, "HEAD")),
            branch: branch.map(|branch| detected(branch, "HEAD")),
            repository: origin.and_then(|url| remote::repository(&url)).map(|name| detected(name, "remote origin")),
        })
    }
}

fn detected(value: String, what: &str) -> Detected {
    Detected::new(value, format!("the git checkout's {what}"))
}

/// What HEAD points to.
enum Head {
    Ref(String),
    Commit(String),
}

impl Head {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        match text.strip_prefix("ref:").map(str::trim) {
            Some(name) => is_ref(name).then(|| Self::Ref(name.to_owned())),
            None => is_commit_id(text).then(|| Self::Commit(text.to_owned())),
        }
    }
}

/// The git directory of `directory`, if it is the top of a checkout.
fn git_dir(directory: &Path) -> Option<PathBuf> {
    let dot_git = directory.join(".git");
    if fs::metadata(&dot_git).ok()?.is_dir() {
        return Some(dot_git);
    }
    let pointer = read(&dot_git)?;
    Some(directory.join(pointer.trim().strip_prefix("gitdir:")?.trim()))
}

/// The commit of the ref `name`, loose or packed, through at most a few symbolic refs.
fn resolve(git_dir: &Path, common: &Path, name: &str) -> Option<String> {
    let mut name = name.to_owned();
    for _ in 0..5 {
        if !is_ref(&name) {
            return None;
        }
        let Some(loose) = read(&git_dir.join(&name)).or_else(|| read(&common.join(&name))) else {
            return packed(common, &name);
        };
        match Head::parse(&loose)? {
            Head::Ref(target) => name = target,
            Head::Commit(sha) => return Some(sha),
        }
    }
    None
}

fn packed(common: &Path, name: &str) -> Option<String> {
    let refs = read(&common.join("packed-refs"))?;
    refs.lines().find_map(|line| {
        let (sha, packed) = line.split_once(' ')?;
        (packed.trim() == name && is_commit_id(sha)).then(|| sha.to_owned())
    })
}

/// The URL of the remote `origin` in a git configuration, or of the only remote.
fn origin(config: &str) -> Option<String> {
    let mut section = "";
    let mut urls: Vec<(&str, &str)> = Vec::new();
    for line in config.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if let Some((key, value)) = line.split_once('=')
            && key.trim().eq_ignore_ascii_case("url")
            && section.starts_with("[remote ")
        {
            urls.push((section, value.trim().trim_matches('"')));
        }
    }
    let named = urls.iter().find(|(section, _)| *section == "[remote \"origin\"]");
    let only = urls.first().filter(|_| urls.len() == 1);
    named.or(only).map(|(_, url)| (*url).to_owned())
}

/// Whether `name` is the full name of a ref that lies inside the git directory.
fn is_ref(name: &str) -> bool {
    name.starts_with("refs/") && name.split('/').all(|part| part != "..")
}

fn read(path: &Path) -> Option<String> {
    String::from_utf8(read_limited(path, LARGEST_FILE)?).ok()
}

#[cfg(test)]
mod tests;
