//! Runs `act` in a temporary repository that is a release of the Action.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use versioner_sandbox::Sandbox;

/// The name of the binary for this machine.
pub(crate) const BINARY_NAME: &str = if cfg!(target_arch = "aarch64") {
    "versioner-aarch64-unknown-linux-musl"
} else {
    "versioner-x86_64-unknown-linux-musl"
};

/// A repository that is a release of the Action and whose workflows use it.
pub(crate) struct Runner<'a> {
    directory: tempfile::TempDir,
    sandbox: &'a Sandbox,
}

/// The result of a job.
pub(crate) struct Job {
    success: bool,
    pub(crate) log: String,
}

impl<'a> Runner<'a> {
    pub(crate) fn new(sandbox: &'a Sandbox) -> Self {
        let runner = Self { directory: tempfile::tempdir().unwrap(), sandbox };
        let (source, release) = (Path::new(env!("CARGO_MANIFEST_DIR")), runner.release());
        fs::create_dir(&release).unwrap();
        fs::create_dir(runner.directory.path().join("home")).unwrap();
        for name in ["action.yml", "entrypoint.sh", "Cargo.toml"] {
            fs::copy(source.join(name), release.join(name)).unwrap();
        }
        stdout_of(Command::new("install").arg(binary()).arg(release.join(BINARY_NAME)));
        let sums = stdout_of(Command::new("sha256sum").arg(BINARY_NAME).current_dir(&release));
        fs::write(release.join("checksums.txt"), sums).unwrap();
        let git = |args: &[&str]| {
            stdout_of(
                Command::new("git")
                    .args(["-c", "user.name=test", "-c", "user.email=test@example.com", "-c", "commit.gpgsign=false"])
                    .args(args)
                    .current_dir(&release),
            )
        };
        git(&["init", "--quiet", "--initial-branch=main"]);
        git(&["add", "."]);
        git(&["commit", "--quiet", "--message=Release"]);
        git(&["remote", "add", "origin", "https://github.com/octo/shop"]);
        runner
    }

    fn release(&self) -> PathBuf {
        self.directory.path().join("release")
    }

    /// Replaces the binary, but not its checksum.
    pub(crate) fn replace_binary(&self, content: &str) {
        self.write_executable(BINARY_NAME, content);
    }

    /// Writes an executable file into the repository. `install` writes it: if this process did, a concurrent fork could
    /// keep the file open for writing, and it could not be executed.
    pub(crate) fn write_executable(&self, name: &str, content: &str) {
        fs::write(self.release().join("source"), content).unwrap();
        stdout_of(Command::new("install").args(["source", name]).current_dir(self.release()));
    }

    /// Runs a workflow of `examples`.
    pub(crate) fn run_example(&self, name: &str) -> Job {
        let example = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)).unwrap();
        // act does not know this key, which is from 2026.
        let example = example.replace("\n      deployment: false\n", "\n");
        let file = self.directory.path().join(name);
        fs::write(&file, example).unwrap();
        let url = format!("VERSIONER_API_URL={}", self.sandbox.url());
        self.run_with(file.to_str().unwrap(), &["--platform", "ubuntu-latest=-self-hosted", "--env", &url])
    }

    /// Puts a `cargo` on the `PATH` that copies the binaries of this test build instead of building them.
    pub(crate) fn install_fake_cargo(&self) {
        let sandbox = Path::new(env!("CARGO_BIN_EXE_versioner")).with_file_name("versioner-sandbox");
        assert!(sandbox.is_file(), "build it first: cargo build --package versioner-sandbox");
        let script = format!(
            "#!/bin/sh\nset -e\nmkdir -p target/debug\ncp '{}' target/debug/versioner\ncp '{}' target/debug/\n",
            binary().display(),
            sandbox.display()
        );
        let directory = self.directory.path();
        fs::create_dir(directory.join("bin")).unwrap();
        fs::write(directory.join("source"), script).unwrap();
        stdout_of(Command::new("install").arg(directory.join("source")).arg(directory.join("bin/cargo")));
    }

    pub(crate) fn run(&self, workflow: &str) -> Job {
        self.run_with(workflow, &["--platform", "ubuntu-latest=-self-hosted"])
    }

    /// Runs a workflow file on the host, without containers. A proxy that does not exist makes every download fail.
    pub(crate) fn run_with(&self, workflow: &str, options: &[&str]) -> Job {
        let home = self.directory.path().join("home");
        let workflow = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/act/workflows").join(workflow);
        let path = std::env::var_os("PATH").unwrap();
        let path = std::iter::once(self.directory.path().join("bin")).chain(std::env::split_paths(&path));
        let output = Command::new("act")
            .args(["push", "--action-offline-mode", "--pull=false"])
            .args(options)
            .arg("--local-repository")
            .arg(format!("versioner/action@v1={}", self.release().display()))
            .arg("--workflows")
            .arg(workflow)
            .args(["--secret", &format!("VERSIONER_API_KEY={}", self.sandbox.key())])
            .args(["--var", &format!("API_URL={}", self.sandbox.url())])
            .env_clear()
            .env("PATH", std::env::join_paths(path).unwrap())
            .env("HOME", home)
            .env("HTTP_PROXY", "http://127.0.0.1:9")
            .env("HTTPS_PROXY", "http://127.0.0.1:9")
            .current_dir(self.release())
            .stdin(Stdio::null())
            .output()
            .expect("these tests need act: see CONTRIBUTING.md");
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Job { success: output.status.success(), log: text(output.stdout) + &text(output.stderr) }
    }
}

impl Job {
    pub(crate) fn assert_succeeded(&self) {
        assert!(self.success && self.log.contains("Job succeeded"), "{}", self.log);
    }

    /// Asserts that a step failed the job with this exit code.
    pub(crate) fn assert_failed(&self, code: i32) {
        assert!(!self.success && self.log.contains("Job failed"), "{}", self.log);
        assert!(self.log.contains(&format!("] exit status {code}\n")), "not {code}: {}", self.log);
    }

    /// The text of each `::error` annotation.
    pub(crate) fn errors(&self) -> Vec<&str> {
        self.log.lines().filter_map(|line| Some(line.split_once("::error")?.1)).collect()
    }
}

fn binary() -> PathBuf {
    std::env::var_os("VERSIONER_TEST_BIN").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_versioner")), PathBuf::from)
}

/// Runs a command that must succeed and returns its output.
fn stdout_of(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}
