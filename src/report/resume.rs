//! What `resume` found and did, and messages about GitHub's API.
//!
//! Owns: the table, its JSON form, and the words for GitHub's errors. Does not own: decisions (`model::resume`).

use super::unavailable;
use super::{links, times};
use crate::forge::{GitHubError, RequestProgress};
use crate::model::message::{Level, State, Summary};
use crate::model::resume::{Decision, LAST_ATTEMPT, Rerun, WorkflowRun};
use crate::model::time::format_duration;
use crate::text::{Foreign, escape_html, truncate};
use serde_json::json;

/// What came of a parked job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobResult {
    Decided(Decision),
    /// It was re-run, together with what the second part says.
    Rerun(Rerun),
    /// It would have been re-run.
    WouldRerun(Rerun),
    /// Its run is being re-run, probably by another call.
    StillRunning,
    /// The request to re-run it failed. Why, in words.
    Failed(String),
    /// No marker of it can be read.
    Unreadable,
}

impl JobResult {
    /// The word for programs.
    fn word(&self) -> &'static str {
        match self {
            Self::Rerun(_) | Self::Decided(Decision::Rerun) => "rerun",
            Self::WouldRerun(_) => "would_rerun",
            Self::Decided(Decision::Waiting(_)) => "waiting",
            Self::Decided(Decision::Superseded(_)) => "superseded",
            Self::Decided(Decision::NewerRunActive(_) | Decision::NewerRunUnknown(_) | Decision::OneAtATime) => "held",
            Self::Decided(Decision::GaveUp) => "gave_up",
            Self::StillRunning => "running",
            Self::Failed(_) => "failed",
            Self::Unreadable => "ignored",
        }
    }

    fn reason(&self) -> String {
        match self {
            Self::Decided(Decision::Rerun) => "due".to_owned(),
            Self::Rerun(Rerun::FailedJobs) | Self::WouldRerun(Rerun::FailedJobs) => {
                "due, and so is every failed job of the run".to_owned()
            }
            Self::Rerun(Rerun::Job(_)) | Self::WouldRerun(Rerun::Job(_)) => {
                "due: this job alone, with those that depend on it".to_owned()
            }
            Self::Decided(Decision::Waiting(due)) => format!("due at {}", times::stamp(times::end(*due))),
            Self::Decided(Decision::Superseded(number)) => {
                format!(
                    "run #{number} is newer and has a job of this name that succeeded, runs, is pending or is parked"
                )
            }
            Self::Decided(Decision::NewerRunActive(number)) => {
                format!("due, but the newer run #{number} has not completed")
            }
            Self::Decided(Decision::NewerRunUnknown(number)) => {
                format!("due, but the newer run #{number} could not be read")
            }
            Self::Decided(Decision::OneAtATime) => "due, but another job of its run is re-run first".to_owned(),
            Self::Decided(Decision::GaveUp) => format!(
                "given up after attempt {LAST_ATTEMPT}: GitHub allows 50 re-runs of a run. Find out why it stays blocked, then \
                 re-run it yourself or start a new run"
            ),
            Self::StillRunning => "its run is still going, or another call re-runs it".to_owned(),
            Self::Failed(why) => why.clone(),
            Self::Unreadable => {
                "its marker cannot be read. GitHub may have masked a part of it that is also the value of a secret"
                    .to_owned()
            }
        }
    }
}

/// A row of the table.
#[derive(Clone, Debug)]
pub struct Row {
    pub run: u64,
    /// The run's number in its workflow.
    pub number: u64,
    pub attempt: u32,
    pub job: Foreign,
    pub result: JobResult,
}

impl Row {
    #[must_use]
    pub fn new(run: &WorkflowRun, job: Foreign, result: JobResult) -> Self {
        Self { run: run.id, number: run.number, attempt: run.attempt, job, result }
    }

    fn cells(&self) -> [String; 5] {
        let job = truncate(self.job.clean(), 100, "…", char::len_utf8);
        [
            format!("#{}", self.number),
            self.attempt.to_string(),
            job,
            self.result.word().to_owned(),
            self.result.reason(),
        ]
    }
}

const HEADINGS: [&str; 5] = ["Run", "Attempt", "Job", "Decision", "Reason"];

/// What a call found and did.
#[derive(Clone, Debug, Default)]
pub struct Resumed {
    pub rows: Vec<Row>,
    /// What went wrong besides single jobs, in words.
    pub problems: Vec<String>,
    /// Runs that do not count: of forks, other events or branches.
    pub others: u64,
    pub requests: u32,
    /// Runs that were not looked at.
    pub left: u64,
    /// Whether the call fails.
    pub fails: bool,
}

impl Resumed {
    /// The JSON object, on one line.
    #[must_use]
    pub fn json(&self) -> String {
        let jobs: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                json!({"run": row.run, "attempt": row.attempt, "job": row.job.clean(), "decision": row.result.word(),
                    "reason": row.result.reason()})
            })
            .collect();
        json!({"jobs": jobs, "requests": self.requests, "left": self.left}).to_string()
    }

    /// The table as aligned lines, with what else there is to say below it.
    #[must_use]
    pub fn table(&self) -> String {
        let mut rows: Vec<[String; 5]> = self.rows.iter().map(Row::cells).collect();
        rows.insert(0, HEADINGS.map(str::to_owned));
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
        let widths: Vec<usize> = (0..4).map(width).collect();
        let mut out = String::new();
        if !self.rows.is_empty() {
            for row in &rows {
                let cells: Vec<String> =
                    row[..4].iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
                out.push_str(&format!("  {}  {}\n", cells.join("  "), row[4]));
            }
        }
        out
    }

    /// One line about everything.
    #[must_use]
    pub fn total(&self) -> String {
        let count = |words: &[&str]| self.rows.iter().filter(|row| words.contains(&row.result.word())).count();
        let parts = [
            (count(&["rerun"]), "re-run"),
            (count(&["would_rerun"]), "to re-run (dry run)"),
            (count(&["waiting"]), "not due yet"),
            (count(&["held", "running"]), "held back"),
            (count(&["superseded"]), "superseded"),
            (count(&["ignored"]), "without a readable marker"),
            (count(&["gave_up"]), "given up"),
            (count(&["failed"]), "failed to re-run"),
        ];
        let parts: Vec<String> =
            parts.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
        let jobs = if parts.is_empty() { "no parked job found".to_owned() } else { parts.join(", ") };
        let others = match self.others {
            0 => String::new(),
            others => format!("; {others} runs do not count (forks, other events or branches)"),
        };
        format!("{jobs}{others}; {} requests to GitHub", self.requests)
    }

    /// What was not looked at, if anything.
    #[must_use]
    pub fn not_looked_at(&self) -> Option<String> {
        let left = Some(self.left).filter(|left| *left > 0)?;
        Some(format!(
            "{left} older runs were not looked at in this call. Newer runs come first, so jobs of these are probably superseded."
        ))
    }

    /// The title and the message of the error, if the call fails.
    #[must_use]
    pub fn error(&self) -> Option<(String, String)> {
        if !self.fails {
            return None;
        }
        let failed = self.rows.iter().filter(|row| matches!(row.result.word(), "failed" | "gave_up"));
        let of_job = |row: &Row| format!("{} of run #{}: {}.", row.job, row.number, row.result.reason());
        let mut lines: Vec<String> = self.problems.iter().cloned().chain(failed.map(of_job)).collect();
        let more = lines.len().saturating_sub(6);
        lines.truncate(6);
        if more > 0 {
            lines.push(format!("{more} more: see the log."));
        }
        Some((format!("Not every parked job could be resumed ({})", self.total()), lines.join("\n")))
    }

    /// The section of the job summary. `pages`: where the pages of runs are.
    #[must_use]
    pub fn summary(&self, pages: Option<&str>) -> Summary {
        let (icon, level) = if self.fails { ("❌", Level::Error) } else { ("🔁", Level::Notice) };
        let title = format!("Parked jobs: {}", self.total());
        let mut markdown = format!("### {icon} {}\n\n", escape_html(&title));
        if !self.rows.is_empty() {
            let heading: String = HEADINGS.iter().map(|heading| format!("<th align=\"left\">{heading}</th>")).collect();
            markdown.push_str(&format!("<table>\n<tr>{heading}</tr>\n"));
            for row in &self.rows {
                let mut cells = row.cells().map(|cell| escape_html(&cell));
                if let Some(pages) = pages {
                    cells[0] = format!("<a href=\"{}\">{}</a>", escape_html(&format!("{pages}/{}", row.run)), cells[0]);
                }
                let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
                markdown.push_str(&format!("<tr>{cells}</tr>\n"));
            }
            markdown.push_str("</table>\n");
        }
        for line in self.problems.iter().cloned().chain(self.not_looked_at()) {
            markdown.push_str(&format!("<p>{}</p>\n", escape_html(&line)));
        }
        let page = links::PARKED;
        markdown.push_str(&format!("<sub><a href=\"{}\">About {}</a></sub>\n\n", page.url(), page.about));
        Summary { level, state: State::Other, title, markdown, link: None }
    }
}

/// Why a request failed, as part of a sentence.
#[must_use]
pub fn failure(error: &GitHubError) -> String {
    let words = |message: &Option<Foreign>| message.as_ref().map_or_else(String::new, |message| format!(": {message}"));
    match error {
        GitHubError::Unauthorized => "GitHub did not accept github_token (401): it is wrong, or has expired".to_owned(),
        GitHubError::Forbidden(message) => format!(
            "GitHub refused (403){}. The job needs 'permissions: {{ actions: write, checks: read }}', or a token of its own in \
             github_token",
            words(message)
        ),
        GitHubError::NotFound => {
            "GitHub found nothing there (404): it does not exist, or github_token may not see it".to_owned()
        }
        GitHubError::RateLimited(None) => "GitHub's rate limit is reached".to_owned(),
        GitHubError::RateLimited(Some(pause)) => {
            format!("GitHub's rate limit is reached: it asks for a pause of {}", format_duration(*pause))
        }
        GitHubError::Status(status, message) => format!("GitHub answered {status}{}", words(message)),
        GitHubError::Unavailable(unavailable) => unavailable::summary(unavailable),
        GitHubError::Unreadable => "GitHub's answer cannot be read".to_owned(),
        GitHubError::LimitReached => "this call has made all the requests that it may make".to_owned(),
    }
}

/// No answer came in time.
pub const NO_ANSWER: &str = "GitHub did not answer in time";

/// Something is missing for a question to GitHub.
#[must_use]
pub fn missing(what: &str) -> String {
    format!("{what} is not set")
}

/// The warning that GitHub cannot be asked for a newer run.
#[must_use]
pub fn cannot_ask(problem: &str) -> String {
    format!(
        "on_superseded: GitHub cannot be asked whether a newer run exists: {problem}. The deployment goes on. The job needs \
         'permissions: actions: read' and github_token."
    )
}

/// A problem with one run.
#[must_use]
pub fn of_run(run: &WorkflowRun, error: &GitHubError) -> String {
    format!("Run #{}: {}.", run.number, failure(error))
}

/// A problem with one job.
#[must_use]
pub fn of_job(run: &WorkflowRun, job: &Foreign, error: &GitHubError) -> String {
    format!("{job} of run #{}: its annotations could not be read: {}.", run.number, failure(error))
}

/// Some markers of a job cannot be read.
#[must_use]
pub fn unreadable_markers(run: &WorkflowRun, job: &Foreign, count: usize) -> String {
    format!("{job} of run #{}: markers that cannot be read are ignored: {count}", run.number)
}

/// The line for progress that a person should see.
#[must_use]
pub fn progress(progress: &RequestProgress<'_>) -> Option<String> {
    match progress {
        RequestProgress::RateLimited(pause) => {
            Some(format!("GitHub's rate limit is reached; going on in {}", format_duration(*pause)))
        }
        RequestProgress::Request(..) | RequestProgress::Reply(_) => None,
    }
}

/// The line for debugging.
#[must_use]
pub fn debug(progress: &RequestProgress<'_>) -> Option<String> {
    match progress {
        RequestProgress::Request(method, url) => Some(format!("debug: {method} {}", Foreign::new(url.as_str()))),
        RequestProgress::Reply(status) => Some(format!("debug: reply {status}")),
        RequestProgress::RateLimited(_) => None,
    }
}
