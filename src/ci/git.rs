//! The git checkout around a directory, read from its files: no git program is needed, and nothing of the
//! repository (hooks, aliases, file system monitors) is run.
//!
//! Owns: HEAD, branch and `origin` of a checkout (gitrepository-layout(5), git-config(1)). Does not own: history.

use super::{Detected, remote};
use std::fs;
use std::path::{Path, PathBuf};

/// No file that is read here is larger than this in any sane repository.
const LARGEST: u64 = 32 * 1024 * 1024;

/// What a checkout says about its commit.
#[derive(Debug, Default)]
pub(super) struct Checkout {
    pub(super) sha: Option<Detected>,
    pub(super) branch: Option<Detected>,
    pub(super) repository: Option<Detected>,
}

impl Checkout {
    /// The checkout that `directory` lies in, if there is one.
    pub(super) fn find(directory: &Path) -> Option<Self> {
        let git_dir = directory.ancestors().find_map(git_dir)?;
        // A linked worktree has its own HEAD; refs and configuration are those of the main one.
        let common = read(&git_dir.join("commondir")).map_or_else(|| git_dir.clone(), |path| git_dir.join(path.trim()));
        let head = read(&git_dir.join("HEAD"))?;
        let found = |value: String, what: &str| Detected::new(value, format!("the git checkout's {what}"));
        let (sha, branch) = match head.trim().strip_prefix("ref:").map(str::trim) {
            Some(name) => (resolve(&git_dir, &common, name), name.strip_prefix("refs/heads/").map(str::to_owned)),
            None => (Some(head.trim().to_owned()), None),
        };
        // What reftable repositories write for programs that cannot read them (gitformat-reftable, "HEAD").
        let branch = branch.filter(|branch: &String| branch != ".invalid");
        let origin = read(&common.join("config")).and_then(|config| origin(&config));
        Some(Self {
            sha: sha.filter(|sha| is_sha(sha)).map(|sha| found(sha, "HEAD")),
            branch: branch.map(|branch| found(branch, "HEAD")),
            repository: origin.and_then(|url| remote::repository(&url)).map(|name| found(name, "remote origin")),
        })
    }
}

/// The git directory of `directory`, if it is the top of a checkout.
fn git_dir(directory: &Path) -> Option<PathBuf> {
    let dot_git = directory.join(".git");
    if dot_git.is_dir() {
        return Some(dot_git);
    }
    let pointer = read(&dot_git)?;
    Some(directory.join(pointer.trim().strip_prefix("gitdir:")?.trim()))
}

/// The commit that ref `name` points to: loose or packed, through at most a few symbolic refs.
fn resolve(git_dir: &Path, common: &Path, name: &str) -> Option<String> {
    let mut name = name.to_owned();
    for _ in 0..5 {
        if !name.starts_with("refs/") || name.split('/').any(|part| part == "..") {
            return None;
        }
        let Some(loose) = read(&git_dir.join(&name)).or_else(|| read(&common.join(&name))) else {
            return packed(common, &name);
        };
        match loose.trim().strip_prefix("ref:") {
            Some(target) => name = target.trim().to_owned(),
            None => return Some(loose.trim().to_owned()),
        }
    }
    None
}

fn packed(common: &Path, name: &str) -> Option<String> {
    let refs = read(&common.join("packed-refs"))?;
    refs.lines().find_map(|line| {
        let (sha, packed) = line.split_once(' ')?;
        (packed.trim() == name).then(|| sha.to_owned())
    })
}

/// The URL of the remote `origin` in a git configuration, or of the only remote there is.
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

fn is_sha(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn read(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return None;
    }
    fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

    fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        dir
    }

    fn facts(checkout: Checkout) -> [Option<String>; 3] {
        [checkout.sha, checkout.branch, checkout.repository].map(|found| found.map(|found| found.raw().to_owned()))
    }

    #[test]
    fn a_branch_loose_or_packed_and_a_detached_head() {
        let config = "[core]\n\tbare = false\n[remote \"up\"]\n url = https://x/a/b\n[remote \"origin\"]\n\turl = git@github.com:octo/shop.git\n";
        let loose = tree(&[
            (".git/HEAD", "ref: refs/heads/feature/x\n"),
            (".git/refs/heads/feature/x", &format!("{SHA}\n")),
            (".git/config", config),
        ]);
        let expected = [Some(SHA.to_owned()), Some("feature/x".to_owned()), Some("octo/shop".to_owned())];
        fs::create_dir_all(loose.path().join("deep/er")).unwrap();
        assert_eq!(facts(Checkout::find(&loose.path().join("deep/er")).unwrap()), expected);

        let refs = format!("# pack-refs with: peeled\n{SHA} refs/heads/feature/x\n");
        let packed =
            tree(&[(".git/HEAD", "ref: refs/heads/feature/x\n"), (".git/packed-refs", &refs), (".git/config", config)]);
        assert_eq!(facts(Checkout::find(packed.path()).unwrap()), expected);

        let detached = tree(&[(".git/HEAD", SHA)]);
        assert_eq!(facts(Checkout::find(detached.path()).unwrap()), [Some(SHA.to_owned()), None, None]);
    }

    #[test]
    fn a_linked_worktree_finds_the_main_repository() {
        let dir = tree(&[
            ("main/.git/HEAD", "ref: refs/heads/main"),
            ("main/.git/refs/heads/side", SHA),
            ("main/.git/config", "[remote \"origin\"]\nurl=https://u:p@host.example/o/r.git"),
            ("main/.git/worktrees/side/HEAD", "ref: refs/heads/side"),
            ("main/.git/worktrees/side/commondir", "../.."),
            ("side/.git", "gitdir: ../main/.git/worktrees/side"),
        ]);
        let expected = [Some(SHA.to_owned()), Some("side".to_owned()), Some("o/r".to_owned())];
        assert_eq!(facts(Checkout::find(&dir.path().join("side")).unwrap()), expected);
    }

    #[test]
    fn a_repository_without_commits_or_with_nonsense_does_no_harm() {
        for head in ["ref: refs/heads/main", "ref: ../../etc/passwd", "", "nonsense", "ref: refs/heads/../../config"] {
            let dir = tree(&[(".git/HEAD", head), (".git/config", "[remote \"origin\"\nurl")]);
            assert_eq!(Checkout::find(dir.path()).unwrap().sha, None, "{head}");
        }
    }
}
