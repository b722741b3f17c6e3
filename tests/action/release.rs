//! A release of the Action in a temporary directory, whose `entrypoint.sh` runs with a minimal `PATH`.

use crate::action_yml::root;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Shells that can be `sh` on a runner or in a container.
pub(crate) const SHELLS: [&[&str]; 3] = [&["dash"], &["busybox", "sh"], &["bash"]];

/// The tools that `entrypoint.sh` always needs.
const REQUIRED_TOOLS: [&str; 7] = ["uname", "mktemp", "cp", "mv", "mkdir", "chmod", "sh"];

/// The name of the binary for this machine.
pub(crate) const BINARY_NAME: &str = if cfg!(target_arch = "aarch64") {
    "versioner-aarch64-unknown-linux-musl"
} else {
    "versioner-x86_64-unknown-linux-musl"
};

/// This machine's architecture, as the tool cache spells it.
const ARCH: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };

/// Stands in for the binary. Prints its path, process id, arguments and environment.
pub(crate) const FAKE_BINARY: &str =
    "#!/bin/sh\necho \"ran $0 as $$\"\nprintf 'with <%s>\\n' \"$@\"\n/usr/bin/env\nexit 7\n";

/// A binary whose SHA-256 is not in `checksums.txt`.
pub(crate) const TAMPERED_BINARY: &str = "#!/bin/sh\necho tampered\n";

pub(crate) struct Release {
    directory: tempfile::TempDir,
    env: BTreeMap<String, String>,
}

/// What one run of `entrypoint.sh` printed and returned.
#[derive(Debug)]
pub(crate) struct RunOutput {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Release {
    /// A release whose `checksums.txt` lists [`FAKE_BINARY`], without the binary itself.
    pub(crate) fn without_binary() -> Self {
        let release = Self::source();
        let checksums = format!("{}  other\n{}  {BINARY_NAME}\n", "0".repeat(64), sha256(FAKE_BINARY));
        release.write("action/checksums.txt", &checksums);
        release
    }

    pub(crate) fn with_binary() -> Self {
        let release = Self::without_binary();
        release.write_executable(&format!("action/{BINARY_NAME}"), FAKE_BINARY);
        release
    }

    /// A checkout of the source, in a directory whose name needs quoting in a shell.
    pub(crate) fn source() -> Self {
        let directory = tempfile::Builder::new().prefix("it's \"a\" $HOME;`x` * @ dir").tempdir().unwrap();
        let release = Self { directory, env: BTreeMap::new() };
        for name in ["entrypoint.sh", "Cargo.toml"] {
            release.write(&format!("action/{name}"), &fs::read_to_string(root().join(name)).unwrap());
        }
        fs::create_dir(release.path("temp")).unwrap();
        let temp = release.path("temp").display().to_string();
        let cache = release.path("cache").display().to_string();
        release.tools(&["sha256sum"]).env("RUNNER_TEMP", &temp).env("RUNNER_TOOL_CACHE", &cache)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The path of the binary in the tool cache, relative to the test's directory.
    pub(crate) fn cached_binary(&self) -> String {
        format!("cache/versioner/{}/{ARCH}/{BINARY_NAME}", env!("CARGO_PKG_VERSION"))
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Writes an executable file through `install`. If this process wrote it, a test that forks at the same time would
    /// inherit the open file, and running it would fail with "text file busy".
    pub(crate) fn write_executable(&self, name: &str, content: &str) {
        self.write("source", content);
        self.write(name, "");
        let status = Command::new("install").args(["-m", "755"]).arg(self.path("source")).arg(self.path(name)).status();
        assert!(status.unwrap().success());
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Replaces the `PATH` with the required tools and these. `busybox:wget` is BusyBox's `wget`; `busybox:*` takes the
    /// required tools from BusyBox.
    pub(crate) fn tools(mut self, tools: &[&str]) -> Self {
        let bin = self.path("bin");
        let _ = fs::remove_dir_all(&bin);
        fs::create_dir(&bin).unwrap();
        let busybox = tools.contains(&"busybox:*");
        let required = REQUIRED_TOOLS.iter().map(|name| (*name, if busybox { "busybox" } else { name }));
        let extra = tools.iter().filter(|tool| **tool != "busybox:*");
        let extra = extra.map(|tool| tool.split_once(':').map_or((*tool, *tool), |(program, name)| (name, program)));
        for (name, program) in required.chain(extra) {
            symlink(find_program(program), bin.join(name)).unwrap();
        }
        self.env.insert("PATH".to_owned(), bin.display().to_string());
        self
    }

    /// Replaces a tool on the `PATH` with a script.
    pub(crate) fn fake_tool(self, tool: &str, script: &str) -> Self {
        let _ = fs::remove_file(self.path("bin").join(tool));
        self.write_executable(&format!("bin/{tool}"), script);
        self
    }

    pub(crate) fn command(&self, shell: &[&str]) -> Command {
        let mut command = Command::new(find_program(shell[0]));
        command.args(&shell[1..]).arg(self.path("action/entrypoint.sh")).args(["an argument", "*"]);
        command.env_clear().envs(&self.env).current_dir(&self.directory).stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, shell: &[&str]) -> RunOutput {
        RunOutput::from(self.command(shell).output().unwrap())
    }

    /// The files under `name`, by their paths relative to it.
    pub(crate) fn list_files(&self, name: &str) -> Vec<String> {
        fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
            for entry in fs::read_dir(directory).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { collect(&path, files) } else { files.push(path) }
            }
        }
        let mut files = Vec::new();
        collect(&self.path(name), &mut files);
        files.iter().map(|file| file.strip_prefix(self.path(name)).unwrap().display().to_string()).collect()
    }
}

impl From<Output> for RunOutput {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

impl RunOutput {
    /// Asserts that [`FAKE_BINARY`] ran with all arguments and that its exit code was returned. Returns its path.
    pub(crate) fn assert_binary_ran(&self) -> &str {
        assert_eq!(self.code, 7, "{self:?}");
        assert!(self.stdout.contains("\nwith <an argument>\nwith <*>\n"), "{self:?}");
        self.stdout.strip_prefix("ran ").unwrap().split(" as ").next().unwrap()
    }

    /// Asserts that the only output is an error annotation with this title. Returns its message.
    pub(crate) fn assert_failed(&self, title: &str) -> &str {
        assert_eq!((self.code, self.stdout.lines().count()), (1, 1), "{self:?}");
        let message = self.stdout.strip_prefix(&format!("::error title={title}::"));
        message.unwrap_or_else(|| panic!("not {title}: {self:?}"))
    }
}

pub(crate) fn sha256(content: &str) -> String {
    let mut child = Command::new("sha256sum").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), content.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap().split(' ').next().unwrap().to_owned()
}

pub(crate) fn find_program(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let mut candidates = std::env::split_paths(&path).map(|directory| directory.join(program));
    candidates.find(|file| file.is_file()).unwrap_or_else(|| panic!("these tests need {program}: install it"))
}
