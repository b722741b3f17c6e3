//! A release of the Action in a directory, and calls of its `entrypoint.sh` with few programs around.

use crate::yaml::root;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Shells that may be `sh` on a runner or in a container.
pub(crate) const SHELLS: [&[&str]; 3] = [&["dash"], &["busybox", "sh"], &["bash"]];

/// What `entrypoint.sh` takes for granted.
const BASICS: [&str; 7] = ["uname", "mktemp", "cp", "mv", "mkdir", "chmod", "sh"];

/// The file for this machine.
pub(crate) const FILE: &str = if cfg!(target_arch = "aarch64") {
    "versioner-aarch64-unknown-linux-musl"
} else {
    "versioner-x86_64-unknown-linux-musl"
};

/// As the tool cache spells this machine.
pub(crate) const ARCH: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x64" };

/// Stands in for the program: says by which path it was run, as which process, with which arguments and variables.
pub(crate) const PROGRAM: &str =
    "#!/bin/sh\necho \"ran $0 as $$\"\nprintf 'with <%s>\\n' \"$@\"\n/usr/bin/env\nexit 7\n";

/// A directory with a name that shells trip over.
pub(crate) struct Release {
    directory: tempfile::TempDir,
    variables: BTreeMap<String, String>,
}

/// What came of a call.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Release {
    /// Of this version, with `checksums.txt` for [`PROGRAM`] and no program.
    pub(crate) fn without_program() -> Self {
        let release = Self::source();
        release.write("action/checksums.txt", &format!("{}  other\n{}  {FILE}\n", "0".repeat(64), sha256(PROGRAM)));
        release
    }

    /// The same with the program in it.
    pub(crate) fn with_program() -> Self {
        let release = Self::without_program();
        release.program(&format!("action/{FILE}"), PROGRAM);
        release
    }

    /// A checkout of the source.
    pub(crate) fn source() -> Self {
        let directory = tempfile::Builder::new().prefix("it's \"a\" $HOME;`x` * @ dir").tempdir().unwrap();
        let release = Self { directory, variables: BTreeMap::new() };
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

    /// Where the tool cache has the program.
    pub(crate) fn cached(&self) -> String {
        format!("cache/versioner/{}/{ARCH}/{FILE}", env!("CARGO_PKG_VERSION"))
    }

    pub(crate) fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Makes an executable file. Another process writes it: for as long as this one had it open for writing, and a test
    /// beside this one forked, it could not be executed.
    pub(crate) fn program(&self, name: &str, content: &str) {
        self.write("source", content);
        self.write(name, "");
        let copied = Command::new("install").args(["-m", "755"]).arg(self.path("source")).arg(self.path(name)).status();
        assert!(copied.unwrap().success());
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Puts onto the `PATH` what the script takes for granted, these tools, and nothing else. `busybox:wget` is
    /// busybox's; `busybox:*` makes it all that is taken for granted.
    pub(crate) fn tools(mut self, tools: &[&str]) -> Self {
        let bin = self.path("bin");
        let _ = fs::remove_dir_all(&bin);
        fs::create_dir(&bin).unwrap();
        let all = tools.contains(&"busybox:*");
        let basics = BASICS.iter().map(|name| (*name, if all { "busybox" } else { name }));
        let tools = tools.iter().filter(|tool| **tool != "busybox:*");
        let tools = tools.map(|tool| tool.split_once(':').map_or((*tool, *tool), |(program, name)| (name, program)));
        for (name, program) in basics.chain(tools) {
            symlink(find(program), bin.join(name)).unwrap();
        }
        self.variables.insert("PATH".to_owned(), bin.display().to_string());
        self
    }

    /// Puts a script in front of a tool, or in its place.
    pub(crate) fn fake(self, tool: &str, script: &str) -> Self {
        let _ = fs::remove_file(self.path("bin").join(tool));
        self.program(&format!("bin/{tool}"), script);
        self
    }

    pub(crate) fn command(&self, shell: &[&str]) -> Command {
        let mut command = Command::new(find(shell[0]));
        command.args(&shell[1..]).arg(self.path("action/entrypoint.sh")).args(["an argument", "*"]);
        command.env_clear().envs(&self.variables).current_dir(&self.directory).stdin(Stdio::null());
        command
    }

    pub(crate) fn call(&self, shell: &[&str]) -> Called {
        Called::of(self.command(shell).output().unwrap())
    }

    /// The files under `name`, by their paths within it.
    pub(crate) fn files(&self, name: &str) -> Vec<String> {
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

impl Called {
    pub(crate) fn of(output: std::process::Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// The path that the program was run by.
    pub(crate) fn ran(&self) -> &str {
        assert_eq!(self.code, 7, "{self:?}");
        assert!(self.stdout.contains("\nwith <an argument>\nwith <*>\n"), "{self:?}");
        self.stdout.strip_prefix("ran ").unwrap().split(" as ").next().unwrap()
    }

    /// The one annotation, of a call that ran no program.
    pub(crate) fn refused(&self, title: &str) -> &str {
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

/// Where a program is that these tests need.
pub(crate) fn find(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap();
    let mut places = std::env::split_paths(&path).map(|directory| directory.join(program));
    places.find(|file| file.is_file()).unwrap_or_else(|| panic!("these tests need {program}: install it"))
}
