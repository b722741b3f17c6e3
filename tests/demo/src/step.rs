//! Runs a step as GitHub would, and separates its log from its annotations and its job summary.

use anyhow::Context as _;
use std::collections::BTreeMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use versioner_sandbox::Sandbox;

/// A step with `uses: versioner/action@v1`.
pub(crate) struct Step {
    binary: PathBuf,
    summary: PathBuf,
    /// What its `with:` contains.
    inputs: Vec<(String, String)>,
    environment: BTreeMap<String, String>,
}

/// What GitHub shows of a step.
pub(crate) struct StepOutput {
    pub(crate) code: i32,
    /// stdout and stderr as they were written.
    pub(crate) text: String,
    pub(crate) inputs: Vec<(String, String)>,
    pub(crate) log: Vec<String>,
    pub(crate) annotations: Vec<Annotation>,
    /// Markdown.
    pub(crate) summary: String,
}

/// A workflow command such as `::error title=…::message`.
pub(crate) struct Annotation {
    pub(crate) level: String,
    pub(crate) title: String,
    pub(crate) message: String,
}

impl Step {
    pub(crate) fn new(binary: &Path, directory: &Path, sandbox: &Sandbox, inputs: &[(&str, &str)]) -> Self {
        let file = |name: &str| directory.join(name).display().to_string();
        let pairs = [
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_REPOSITORY", "octo/shop".to_owned()),
            ("GITHUB_SHA", "0123456789abcdef0123456789abcdef01234567".to_owned()),
            ("GITHUB_REF", "refs/heads/main".to_owned()),
            ("GITHUB_RUN_ID", "1234567890".to_owned()),
            ("GITHUB_RUN_NUMBER", "42".to_owned()),
            ("GITHUB_SERVER_URL", "https://github.com".to_owned()),
            ("GITHUB_ACTOR", "mona".to_owned()),
            ("GITHUB_WORKFLOW", "Deploy".to_owned()),
            ("GITHUB_OUTPUT", file("output")),
            ("GITHUB_STEP_SUMMARY", file("summary")),
            ("INPUT_API_URL", sandbox.url()),
            ("INPUT_API_KEY", sandbox.key().to_owned()),
            ("INPUT_UI_URL", "https://app.versioner.io".to_owned()),
            ("INPUT_VERSION", "1.4.2".to_owned()),
            ("RUNNER_TEMP", directory.display().to_string()),
            // The wrapped scripts need it.
            ("PATH", std::env::var("PATH").unwrap_or_default()),
        ];
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let inputs: Vec<(String, String)> = inputs.iter().map(own).collect();
        let variables = inputs.iter().map(|(name, value)| (format!("INPUT_{}", name.to_uppercase()), value.clone()));
        let environment = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(variables).collect();
        Self { binary: binary.to_owned(), summary: directory.join("summary"), inputs, environment }
    }

    pub(crate) fn variable(mut self, name: &str, value: impl ToString) -> Self {
        self.environment.insert(name.to_owned(), value.to_string());
        self
    }

    pub(crate) fn run(self) -> anyhow::Result<StepOutput> {
        fs::write(&self.summary, "").context("cannot write the step's summary file")?;
        // One pipe for stdout and stderr keeps their lines in order.
        let (mut log, writer) = std::io::pipe().context("cannot create a pipe for the log")?;
        let mut command = Command::new(&self.binary);
        command.env_clear().envs(&self.environment).stdin(Stdio::null());
        command.stdout(writer.try_clone().context("cannot create a pipe for the log")?).stderr(writer);
        let mut child = command.spawn().with_context(|| format!("cannot run {}", self.binary.display()))?;
        // `command` holds write ends of the pipe, so reading would never end.
        drop(command);
        let mut text = String::new();
        log.read_to_string(&mut text).context("cannot read the step's log")?;
        let status = child.wait().context("cannot wait for the step")?;
        let (commands, log): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with("::"));
        let log = log.into_iter().map(str::to_owned).collect();
        let annotations = commands.into_iter().filter_map(Annotation::parse).collect();
        Ok(StepOutput {
            code: status.code().unwrap_or(-1),
            inputs: self.inputs,
            log,
            annotations,
            summary: fs::read_to_string(&self.summary)?,
            text,
        })
    }
}

impl Annotation {
    fn parse(line: &str) -> Option<Self> {
        let (head, message) = line.strip_prefix("::")?.split_once("::")?;
        let (level, properties) = head.split_once(' ')?;
        let unescape = |text: &str| {
            text.replace("%0A", "\n").replace("%3A", ":").replace("%2C", ",").replace("%0D", "").replace("%25", "%")
        };
        let title = unescape(properties.strip_prefix("title=")?);
        Some(Self { level: level.to_owned(), title, message: unescape(message) })
    }
}
