//! Tests `integrations/install.sh` and the recipe of a release, with a program and checksums in a temporary directory.

use crate::root;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const VERSION: &str = env!("CARGO_PKG_VERSION");
const TARGET: &str =
    if cfg!(target_arch = "aarch64") { "aarch64-unknown-linux-musl" } else { "x86_64-unknown-linux-musl" };
const PROGRAM: &str = "#!/bin/sh\necho \"the released program: $*\"\n";

/// A mirror with one release, and the files that `scripts/integrations.sh` writes for it.
fn release() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let files = directory.path().join(format!("v{VERSION}"));
    std::fs::create_dir_all(&files).unwrap();
    for target in ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl"] {
        std::fs::write(files.join(format!("versioner-{target}")), PROGRAM).unwrap();
    }
    let sums = "cd \"$1\" && sha256sum -- versioner-* >checksums.txt";
    assert!(Command::new("sh").args(["-c", sums, "sh"]).arg(&files).status().unwrap().success());
    let output = directory.path().join("packages");
    let script = root().join("scripts/integrations.sh");
    let written = Command::new("bash").arg(script).arg(files.join("checksums.txt")).arg(&output).output().unwrap();
    assert!(written.status.success(), "{written:?}");
    directory
}

fn sh(directory: &Path, script: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new("sh");
    command.args(["-c", script]).env_clear().env("PATH", "/usr/bin:/bin").current_dir(directory);
    command.envs(variables.iter().copied()).output().unwrap()
}

fn printed(output: &Output) -> String {
    String::from_utf8([output.stdout.clone(), output.stderr.clone()].concat()).unwrap()
}

fn install(directory: &Path, variables: &[(&str, &str)]) -> Output {
    let mirror = format!("file://{}", directory.display());
    let variables = [&[("VERSIONER_DOWNLOAD_URL", mirror.as_str())], variables].concat();
    let script = "sh packages/integrations/install.sh 'a bin' && 'a bin/versioner' works";
    sh(directory, script, &variables)
}

#[test]
fn released_program_is_verified_and_kept() {
    let release = release();
    for _ in ["downloaded", "kept"] {
        let output = install(release.path(), &[]);
        assert!(output.status.success(), "{}", printed(&output));
        assert!(printed(&output).contains("the released program: works"));
    }
    std::fs::remove_dir_all(release.path().join(format!("v{VERSION}"))).unwrap();
    assert!(install(release.path(), &[]).status.success(), "the program is already there");
}

#[test]
fn other_program_is_not_run() {
    let release = release();
    let file = release.path().join(format!("v{VERSION}/versioner-{TARGET}"));
    std::fs::write(&file, "#!/bin/sh\necho tampered\n").unwrap();
    let output = install(release.path(), &[]);
    assert!(!output.status.success());
    let text = printed(&output);
    assert!(text.contains("checksum mismatch") && !text.contains("tampered\n"), "{text}");
    // A kept program that somebody changed is replaced.
    std::fs::write(&file, PROGRAM).unwrap();
    assert!(install(release.path(), &[]).status.success());
    std::fs::write(release.path().join("a bin/versioner"), "#!/bin/sh\necho tampered\n").unwrap();
    let text = printed(&install(release.path(), &[]));
    assert!(text.contains("the released program: works") && !text.contains("tampered"), "{text}");
}

#[test]
fn script_without_checksums_downloads_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let script = root().join("integrations/install.sh");
    let output = sh(directory.path(), &format!("sh {} bin", script.display()), &[]);
    assert!(!output.status.success());
    assert!(printed(&output).contains("this is not from a release"), "{}", printed(&output));
}

#[test]
fn own_program_is_run_unverified_and_said_so() {
    let release = release();
    let own = release.path().join("own program");
    std::fs::write(&own, "#!/bin/sh\necho \"own: $*\"\n").unwrap();
    assert!(Command::new("chmod").arg("755").arg(&own).status().unwrap().success());
    let text = printed(&install(release.path(), &[("VERSIONER_BIN", "own program")]));
    // A name without a slash is searched for on the PATH.
    assert!(text.contains("cannot run 'own program' (VERSIONER_BIN)"), "{text}");
    let text = printed(&install(release.path(), &[("VERSIONER_BIN", "./own program")]));
    assert!(text.contains("not verified") && text.contains("own: works"), "{text}");
}

#[test]
fn recipe_pins_version_and_checksum() {
    let release = release();
    let recipe = std::fs::read_to_string(release.path().join(format!("packages/install-{TARGET}.txt"))).unwrap();
    assert_eq!(recipe.lines().count(), 3, "{recipe}");
    let official = format!("https://github.com/versioner/action/releases/download/v{VERSION}/versioner-{TARGET}");
    assert!(recipe.contains(&official), "{recipe}");
    let mirrored =
        recipe.replace(&official, &format!("file://{}/v{VERSION}/versioner-{TARGET}", release.path().display()));
    let run = |recipe: &str| sh(release.path(), &format!("set -e\n{recipe}./versioner works"), &[]);
    let output = run(&mirrored);
    assert!(
        output.status.success() && printed(&output).contains("the released program: works"),
        "{}",
        printed(&output)
    );
    std::fs::write(release.path().join(format!("v{VERSION}/versioner-{TARGET}")), "#!/bin/sh\necho tampered\n")
        .unwrap();
    let output = run(&mirrored);
    assert!(!output.status.success() && !printed(&output).contains("tampered\n"), "{}", printed(&output));
}

#[test]
fn packages_name_this_version_only() {
    fn list(directory: &Path, files: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { list(&path, files) } else { files.push(path) }
        }
    }
    let mut files = Vec::new();
    list(&root().join("integrations"), &mut files);
    assert!(files.len() > 10, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || ".-_".contains(c)));
        let versions = words.map(|word| word.trim_start_matches('v').trim_end_matches('.')).filter(|word| {
            let parts: Vec<&str> = word.split('.').collect();
            parts.len() == 3 && parts.iter().all(|part| part.parse::<u32>().is_ok())
        });
        for version in versions {
            assert_eq!(version, VERSION, "{}", file.display());
        }
    }
}
