//! Checkouts made of files, as git writes them.

use super::*;
use std::fs;

const SHA: &str = "0123456789abcdef0123456789abcdef01234567";
const OTHER_SHA: &str = "feedfacefeedfacefeedfacefeedfacefeedface";

fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    dir
}

fn find(directory: &Path) -> Option<Checkout> {
    Checkout::find(&Env::default(), directory)
}

/// SHA, branch and repository.
fn values(checkout: Checkout) -> [Option<String>; 3] {
    [checkout.sha, checkout.branch, checkout.repository].map(|found| found.map(|found| found.raw().to_owned()))
}

fn sha(checkout: Option<Checkout>) -> Option<String> {
    values(checkout?)[0].clone()
}

#[test]
fn loose_and_packed_branches_and_a_detached_head_are_read() {
    let config = "[core]\n\tbare = false\n[remote \"up\"]\n url = https://x/a/b\n[remote \"origin\"]\n\turl = git@github.com:octo/shop.git\n";
    let loose = tree(&[
        (".git/HEAD", "ref: refs/heads/feature/x\n"),
        (".git/refs/heads/feature/x", &format!("{SHA}\n")),
        (".git/config", config),
    ]);
    let expected = [Some(SHA.to_owned()), Some("feature/x".to_owned()), Some("octo/shop".to_owned())];
    fs::create_dir_all(loose.path().join("deep/er")).unwrap();
    assert_eq!(values(find(&loose.path().join("deep/er")).unwrap()), expected);

    let refs = format!("# pack-refs with: peeled\n{SHA} refs/heads/feature/x\n");
    let packed =
        tree(&[(".git/HEAD", "ref: refs/heads/feature/x\n"), (".git/packed-refs", &refs), (".git/config", config)]);
    assert_eq!(values(find(packed.path()).unwrap()), expected);

    let detached = tree(&[(".git/HEAD", SHA)]);
    assert_eq!(values(find(detached.path()).unwrap()), [Some(SHA.to_owned()), None, None]);
}

#[test]
fn linked_worktree_uses_the_main_repository() {
    let dir = tree(&[
        ("main/.git/HEAD", "ref: refs/heads/main"),
        ("main/.git/refs/heads/side", SHA),
        ("main/.git/config", "[remote \"origin\"]\nurl=https://u:p@host.example/o/r.git"),
        ("main/.git/worktrees/side/HEAD", "ref: refs/heads/side"),
        ("main/.git/worktrees/side/commondir", "../.."),
        ("side/.git", "gitdir: ../main/.git/worktrees/side"),
    ]);
    let expected = [Some(SHA.to_owned()), Some("side".to_owned()), Some("o/r".to_owned())];
    assert_eq!(values(find(&dir.path().join("side")).unwrap()), expected);
}

#[test]
fn repository_without_commits_has_a_branch_and_no_sha() {
    let dir = tree(&[(".git/HEAD", "ref: refs/heads/main"), (".git/config", "[remote \"origin\"\nurl")]);
    assert_eq!(values(find(dir.path()).unwrap()), [None, Some("main".to_owned()), None]);
}

#[test]
fn refs_outside_the_git_directory_are_not_read() {
    for head in ["ref: ../../secret", "ref: refs/heads/../../../secret", "ref: /secret"] {
        let dir = tree(&[(".git/HEAD", head), ("secret", SHA)]);
        assert_eq!(sha(find(dir.path())), None, "{head}");
    }
    let dir =
        tree(&[(".git/HEAD", "ref: refs/heads/main"), (".git/refs/heads/main", "ref: ../secret"), ("secret", SHA)]);
    assert_eq!(sha(find(dir.path())), None);
}

#[test]
fn broken_inner_git_directory_is_skipped() {
    let inner: [&[(&str, &str)]; 7] = [
        &[("inner/.git/config", "")],
        &[("inner/.git/HEAD", "")],
        &[("inner/.git/HEAD", "nonsense")],
        &[("inner/.git/HEAD", "ref: ../../etc/passwd")],
        &[("inner/.git", "")],
        &[("inner/.git", "gitdir: ../no/such/directory")],
        &[("inner/.git", "nonsense")],
    ];
    for files in inner {
        let dir = tree(&[&[(".git/HEAD", SHA)], files].concat());
        fs::create_dir_all(dir.path().join("inner/deep")).unwrap();
        assert_eq!(sha(find(&dir.path().join("inner/deep"))).as_deref(), Some(SHA), "{files:?}");
    }
}

#[test]
fn git_dir_variable_is_used_if_it_is_valid() {
    let dir = tree(&[("work/.git/HEAD", SHA), ("bare/HEAD", OTHER_SHA), ("empty/config", "")]);
    let work = dir.path().join("work");
    let with = |git_dir: &str| sha(Checkout::find(&[("GIT_DIR", git_dir)].into_iter().collect(), &work));
    assert_eq!(with("../bare").as_deref(), Some(OTHER_SHA));
    assert_eq!(with(dir.path().join("bare").to_str().unwrap()).as_deref(), Some(OTHER_SHA));
    for useless in ["", "../empty", "../no/such/directory", "\u{0}"] {
        assert_eq!(with(useless).as_deref(), Some(SHA), "{useless}");
    }
}
