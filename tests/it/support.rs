//! Runs the binary, and parses its output as GitHub's runner does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use versioner_sandbox::Sandbox;

/// The binary under test.
pub(crate) fn binary() -> PathBuf {
    std::env::var_os("VERSIONER_TEST_BIN").map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_versioner")), PathBuf::from)
}

/// `run` of a deployment of shop 1 to production, without its command.
pub(crate) const RUN: [&str; 8] = ["run", "--product", "shop", "--version", "1", "--environment", "production", "--"];

/// The command line that reports the end of a deployment of shop.
pub(crate) fn end_of<'a>(environment: &'a str, version: &'a str) -> [&'a str; 10] {
    [
        "track",
        "deployment",
        "--product",
        "shop",
        "--version",
        version,
        "--environment",
        environment,
        "--status",
        "success",
    ]
}

pub(crate) const SHA: &str = "0123456789abcdef0123456789abcdef01234567";

/// One call of the binary, in its own temporary directory and with only the variables that the test sets.
pub(crate) struct Versioner {
    pub(crate) dir: tempfile::TempDir,
    env: BTreeMap<String, String>,
    args: Vec<String>,
}

/// The result of a call.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    summary: String,
    output: String,
}

/// What identifies a job, for tests that must not depend on the session in which they run.
pub(crate) const JOB: [(&str, &str); 3] = [("GITLAB_CI", "true"), ("CI_JOB_ID", "7"), ("CI_PROJECT_ID", "1")];

impl Versioner {
    /// A call without arguments, key or API address.
    pub(crate) fn bare() -> Self {
        let call = Self { dir: tempfile::tempdir().unwrap(), env: BTreeMap::new(), args: Vec::new() };
        // The spool and the journal must not be shared between tests.
        let path = |name: &str| call.dir.path().join(name).display().to_string();
        let (state, home) = (path("state"), path("home"));
        // Neither must the configuration file of the person who runs them be read.
        call.env("XDG_STATE_HOME", &state).env("HOME", &home)
    }

    /// A call outside CI, with the key and address of `sandbox` in `VERSIONER_` variables.
    pub(crate) fn shell(sandbox: &Sandbox) -> Self {
        Self::bare().env("VERSIONER_API_KEY", sandbox.key()).env("VERSIONER_API_URL", &sandbox.url())
    }

    /// A deployment of shop 1.4.2 to production, outside CI.
    pub(crate) fn deployment(sandbox: &Sandbox, status: &str) -> Self {
        let args = [
            "track",
            "deployment",
            "--product",
            "shop",
            "--version",
            "1.4.2",
            "--environment",
            "production",
            "--status",
            status,
        ];
        Self::shell(sandbox).args(args)
    }

    /// `versioner run -- COMMAND`: a deployment of shop 1.4.2 to production, outside CI.
    pub(crate) fn wrap<S: AsRef<str>>(sandbox: &Sandbox, command: impl IntoIterator<Item = S>) -> Self {
        let args = ["run", "--product", "shop", "--version", "1.4.2", "--environment", "production", "--"];
        Self::shell(sandbox).env("PATH", "/usr/local/bin:/usr/bin:/bin").args(args).args(command)
    }

    /// A call by the GitHub Action: a deployment of octo/shop 1.4.2 to production.
    pub(crate) fn github(sandbox: &Sandbox, status: &str) -> Self {
        let call = Self::bare();
        let file = |name: &str| call.dir.path().join(name).display().to_string();
        let (output, summary) = (file("output"), file("summary"));
        call.env("GITHUB_OUTPUT", &output).env("GITHUB_STEP_SUMMARY", &summary).envs(&[
            ("GITHUB_ACTIONS", "true"),
            ("CI", "true"),
            ("GITHUB_REPOSITORY", "octo/shop"),
            ("GITHUB_SHA", SHA),
            ("GITHUB_REF", "refs/heads/main"),
            ("GITHUB_REF_NAME", "main"),
            ("GITHUB_RUN_ID", "1234567890"),
            ("GITHUB_RUN_NUMBER", "42"),
            ("GITHUB_RUN_ATTEMPT", "1"),
            ("GITHUB_SERVER_URL", "https://github.com"),
            ("GITHUB_ACTOR", "mona"),
            ("GITHUB_WORKFLOW", "Deploy to production"),
            ("GITHUB_JOB", "deploy"),
            ("GITHUB_EVENT_NAME", "push"),
            ("INPUT_API_KEY", sandbox.key()),
            ("INPUT_API_URL", &sandbox.url()),
            ("INPUT_VERSION", "1.4.2"),
            ("INPUT_ENVIRONMENT", "production"),
            ("INPUT_STATUS", status),
        ])
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(crate) fn envs(mut self, pairs: &[(&str, &str)]) -> Self {
        self.env.extend(pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        assert!(self.env.remove(name).is_some(), "{name} is not set");
        self
    }

    pub(crate) fn args<S: AsRef<str>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Runs the call with these arguments instead of its own, in the same directory and environment.
    pub(crate) fn run_with<S: AsRef<str>>(&mut self, args: impl IntoIterator<Item = S>) -> Run {
        self.args = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
        self.run()
    }

    /// Writes a file into the call's directory and returns its path.
    pub(crate) fn file(&self, name: &str, content: &str) -> String {
        let path = self.dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// Writes an executable shell script into the call's directory.
    ///
    /// `install` creates the file. If this process wrote it, a test in another thread could fork at that moment, inherit
    /// the descriptor that is open for writing, and make executing the script fail with `ETXTBSY`.
    pub(crate) fn program(&self, name: &str, script: &str) {
        let (source, program) = (self.file("source", script), self.file(name, ""));
        let copied = Command::new("install").args(["-m", "755", &source, &program]).status();
        assert!(copied.unwrap().success());
        std::fs::remove_file(source).unwrap();
    }

    pub(crate) fn command(&self) -> Command {
        self.command_with(&self.args)
    }

    /// Like [`Self::command`], with these arguments instead of the call's own.
    pub(crate) fn command_with<S: AsRef<str>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(binary());
        command
            .args(args.into_iter().map(|arg| arg.as_ref().to_owned()))
            .env_clear()
            .envs(&self.env)
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self) -> Run {
        let output = self.command().output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        Run {
            code: output.status.code().expect("not killed by a signal"),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
            summary: read(&self.dir.path().join("summary")),
            output: read(&self.dir.path().join("output")),
        }
    }
}

impl Run {
    /// stdout, then stderr.
    pub(crate) fn all(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// The workflow commands that GitHub's runner finds in the output.
    pub(crate) fn commands(&self) -> Vec<WorkflowCommand> {
        self.all().split(['\n', '\r']).filter_map(WorkflowCommand::parse).collect()
    }

    /// The only annotation of `level`. Panics unless there is exactly one.
    pub(crate) fn only(&self, level: &str) -> WorkflowCommand {
        let commands: Vec<WorkflowCommand> =
            self.commands().into_iter().filter(|command| command.name == level).collect();
        assert_eq!(commands.len(), 1, "expected one {level}: {}", self.all());
        commands.into_iter().next().unwrap()
    }

    /// What the call wrote to `GITHUB_STEP_SUMMARY`.
    pub(crate) fn summary(&self) -> &str {
        &self.summary
    }

    /// The step outputs, parsed from `GITHUB_OUTPUT` as the runner does.
    pub(crate) fn outputs(&self) -> BTreeMap<String, String> {
        parse_file_command(&self.output)
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }
}

/// A workflow command, parsed as GitHub's runner does (actions/runner, `ActionCommand.cs`).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WorkflowCommand {
    pub(crate) name: String,
    pub(crate) properties: BTreeMap<String, String>,
    pub(crate) message: String,
}

const COMMAND_NAMES: [&str; 17] = [
    "set-env",
    "add-path",
    "set-output",
    "save-state",
    "add-mask",
    "add-matcher",
    "remove-matcher",
    "debug",
    "warning",
    "error",
    "notice",
    "group",
    "endgroup",
    "echo",
    "stop-commands",
    "section",
    "command",
];

impl WorkflowCommand {
    pub(crate) fn parse(line: &str) -> Option<Self> {
        Self::parse_v2(line).or_else(|| Self::parse_v1(line))
    }

    /// `::name key=value,key=value::message` at the start of a line.
    fn parse_v2(line: &str) -> Option<Self> {
        let rest = line.trim_start().strip_prefix("::")?;
        let (head, message) = rest.split_once("::")?;
        let (name, properties) = head.split_once(' ').unwrap_or((head, ""));
        if !COMMAND_NAMES.contains(&name.to_lowercase().as_str()) {
            return None;
        }
        let unescape = |text: &str| text.replace("%0D", "\r").replace("%0A", "\n");
        let properties = properties.trim().split(',').filter_map(|pair| {
            let (key, value) = pair.split_once('=')?;
            let value = unescape(value).replace("%3A", ":").replace("%2C", ",").replace("%25", "%");
            Some((key.to_owned(), value))
        });
        Some(Self {
            name: name.to_lowercase(),
            properties: properties.collect(),
            message: unescape(message).replace("%25", "%"),
        })
    }

    /// `##[name key=value;…]message` anywhere in a line.
    fn parse_v1(line: &str) -> Option<Self> {
        let (_, rest) = line.split_once("##[")?;
        let (head, message) = rest.split_once(']')?;
        let name = head.split(' ').next()?.to_lowercase();
        COMMAND_NAMES.contains(&name.as_str()).then(|| Self {
            name,
            properties: BTreeMap::new(),
            message: message.to_owned(),
        })
    }

    pub(crate) fn title(&self) -> &str {
        self.properties.get("title").map_or("", String::as_str)
    }
}

/// Parses `GITHUB_OUTPUT` (actions/runner, `FileCommandManager.cs`). Panics where the runner would fail the step.
pub(crate) fn parse_file_command(text: &str) -> BTreeMap<String, String> {
    let mut pairs = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let (equals, heredoc) = (line.find('='), line.find("<<"));
        match (equals, heredoc) {
            (Some(equals), heredoc) if heredoc.is_none_or(|heredoc| equals < heredoc) => {
                assert!(equals > 0, "no name: {line}");
                pairs.insert(line[..equals].to_owned(), line[equals + 1..].to_owned());
            }
            (_, Some(heredoc)) => {
                let delimiter = &line[heredoc + 2..];
                let value: Vec<&str> = lines.by_ref().take_while(|line| *line != delimiter).collect();
                pairs.insert(line[..heredoc].to_owned(), value.join("\n"));
            }
            _ => panic!("invalid format: {line}"),
        }
    }
    pairs
}

/// Replaces what differs between test runs, for snapshots.
pub(crate) fn normalize(text: &str, sandbox: &Sandbox) -> String {
    text.replace(&sandbox.url(), "[api]")
        .replace(&sandbox.url().replace(':', "&#58;").replace('/', "&#47;"), "[api]")
        .replace(env!("CARGO_PKG_VERSION"), "[version]")
}

pub(crate) fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The status of each event that the sandbox received, in order.
pub(crate) fn statuses(sandbox: &Sandbox) -> Vec<String> {
    sandbox.requests().iter().map(|request| request.json()["status"].as_str().unwrap_or("?").to_owned()).collect()
}

/// The body of the last event that the sandbox received.
pub(crate) fn last_event(sandbox: &Sandbox) -> serde_json::Value {
    sandbox.requests().last().expect("an event").json().clone()
}

/// A call outside CI with `fail_on_api_error=false` and no retries.
pub(crate) fn lenient(sandbox: &Sandbox) -> Versioner {
    Versioner::shell(sandbox).envs(&[("VERSIONER_FAIL_ON_API_ERROR", "false"), ("VERSIONER_RETRIES", "0")])
}
