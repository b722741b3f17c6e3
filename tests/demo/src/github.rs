//! Runs a step as GitHub would, and formats its log, annotations and job summary.
//!
//! Owns the step's environment, and the conversion of workflow commands and of the summary's HTML to plain text.

use anyhow::Context as _;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use versioner_sandbox::Sandbox;

pub(crate) struct Step {
    binary: PathBuf,
    summary: PathBuf,
    environment: BTreeMap<String, String>,
}

/// What GitHub would show for a step.
pub(crate) struct StepOutput {
    pub(crate) code: i32,
    /// stdout and stderr as they were written.
    pub(crate) text: String,
    log: Vec<String>,
    annotations: Vec<String>,
    summary: String,
}

impl Step {
    pub(crate) fn new(binary: &Path, directory: &Path, sandbox: &Sandbox) -> Self {
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
            ("INPUT_VERSION", "1.4.2".to_owned()),
            ("RUNNER_TEMP", directory.display().to_string()),
            // The wrapped scripts need it.
            ("PATH", std::env::var("PATH").unwrap_or_default()),
        ];
        let environment = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { binary: binary.to_owned(), summary: directory.join("summary"), environment }
    }

    pub(crate) fn input(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(format!("INPUT_{}", name.to_uppercase()), value.to_owned());
        self
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
        let annotations = commands.into_iter().filter_map(annotation).collect();
        Ok(StepOutput {
            code: status.code().unwrap_or(-1),
            log,
            annotations,
            summary: plain_text(&fs::read_to_string(&self.summary)?),
            text,
        })
    }
}

impl fmt::Display for StepOutput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.log {
            writeln!(f, "   {line}")?;
        }
        for annotation in &self.annotations {
            writeln!(f, "\n   annotation on the run's page:")?;
            write_indented(f, annotation)?;
        }
        writeln!(f, "\n   job summary:")?;
        write_indented(f, &self.summary)?;
        writeln!(f)
    }
}

fn write_indented(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.lines().filter(|line| !line.trim().is_empty()).try_for_each(|line| writeln!(f, "     │ {line}"))
}

/// Formats a workflow command such as `::error title=…::message`.
fn annotation(line: &str) -> Option<String> {
    let (head, message) = line.strip_prefix("::")?.split_once("::")?;
    let (level, properties) = head.split_once(' ')?;
    let title = properties.strip_prefix("title=")?;
    let unescaped = format!("{}: {title}\n{message}", level.to_uppercase())
        .replace("%0A", "\n")
        .replace("%3A", ":")
        .replace("%2C", ",")
        .replace("%25", "%");
    Some(unescaped)
}

/// Removes HTML tags and resolves character references.
fn plain_text(html: &str) -> String {
    let spaced = html
        .replace("</th><td>", ": ")
        .replace("<li>", "• ")
        .replace("</td><td>", " | ")
        .replace("</th><th align=\"left\">", " | ");
    let mut out = String::new();
    let mut rest = spaced.as_str();
    while let Some(at) = rest.find(['<', '&']) {
        out.push_str(&rest[..at]);
        let end = if rest[at..].starts_with('<') { '>' } else { ';' };
        let Some(length) = rest[at..].find(end) else { break };
        if let Some(code) = rest[at..at + length].strip_prefix("&#") {
            out.extend(code.parse().ok().and_then(char::from_u32));
        }
        rest = &rest[at + length + 1..];
    }
    out + rest
}
