//! The lines of the log while an event is sent or a block is waited for.

use super::blocked::{MANAGERS, blocked_by, cause};
use super::context::ReportContext;
use super::times::{clock, minutes};
use super::unavailable;
use crate::api::{Failure, SendProgress};
use crate::gate::wait::{Progress, ProgressKind, WaitLimit, WaitRecord};
use crate::model::block::{Block, BlockKind};
use crate::model::time::format_duration;
use crate::text::Foreign;
use jiff::{SignedDuration, Timestamp};

/// What the log says about a wait: lines, and lines that belong to the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogLine {
    Line(String),
    Detail(String),
}

/// The lines for a progress report.
#[must_use]
pub fn lines(context: ReportContext<'_>, progress: &Progress<'_>) -> Vec<LogLine> {
    let Progress { block, now, .. } = progress;
    let what = cause(block, *now);
    match progress.kind {
        ProgressKind::Begun => {
            let mut lines = explanation(context, block, *now);
            lines.push(LogLine::Line(begun(progress)));
            lines
        }
        ProgressKind::Reminder => {
            let mut lines = explanation(context, block, *now);
            lines.push(LogLine::Line(waiting(progress, &what)));
            lines
        }
        ProgressKind::Waiting => vec![LogLine::Line(waiting(progress, &what))],
        ProgressKind::Advanced => vec![LogLine::Line(format!("progress  {what}"))],
        ProgressKind::NewReason => {
            let quote = block.message.as_ref().map_or_else(String::new, |message| format!(": \"{message}\""));
            vec![LogLine::Line(format!("changed   now blocked by {what}{quote}"))]
        }
    }
}

/// What blocks, by which rule, why, where to look, and who can lift it.
fn explanation(context: ReportContext<'_>, block: &Block, now: Timestamp) -> Vec<LogLine> {
    let details = &block.details;
    let rule = match (block.kind, block.rule()) {
        // A window is called by its name already.
        (BlockKind::Window, _) | (_, None) => String::new(),
        (_, Some(rule)) => format!(" (rule {rule})"),
    };
    let mut lines = vec![LogLine::Line(format!("{} is blocked: {}{rule}", context.name(), cause(block, now)))];
    let mut detail = |label: &str, value: &str| {
        lines.push(LogLine::Detail(match label {
            "" => format!("\"{value}\""),
            label => format!("{:18}{value}", format!("{label}:")),
        }));
    };
    if let Some(message) = &block.message {
        detail("", message.clean());
    }
    if context.has_happened() {
        detail("Note", "it has already happened, and only its record is waiting");
    }
    if let Some(reason) = &details.reason {
        detail("Why", reason.clean());
    }
    if !details.approver_roles.is_empty() {
        let roles: Vec<&str> = details.approver_roles.iter().map(Foreign::clean).collect();
        detail("Who can approve", &roles.join(", "));
    }
    let mut link = None;
    if block.kind == BlockKind::Conflict
        && let Some((other, page)) = blocked_by(context, block, now)
    {
        detail("Blocked by", &other);
        link = page;
    }
    if let Some(place) = link.as_deref().or(context.console()) {
        detail("Where", place);
    }
    if block.kind != BlockKind::Conflict {
        let rule = block.rule().map_or("the rule", Foreign::clean);
        let managers = MANAGERS.replacen('A', "a", 1);
        detail("Emergency", &format!("{managers} can set {rule} to Report Only"));
    }
    lines
}

fn begun(progress: &Progress<'_>) -> String {
    let until = progress.now.saturating_add(SignedDuration::try_from(progress.left).unwrap_or_default());
    let until = clock(until.unwrap_or(progress.now), progress.now);
    let limit = match progress.limit {
        WaitLimit::Setting(_) => "wait_timeout".to_owned(),
        WaitLimit::Job(_, variable) => format!("the job's own limit, {variable}"),
    };
    format!("waiting up to {}, until {until} ({limit})", minutes(progress.left))
}

fn waiting(progress: &Progress<'_>, what: &str) -> String {
    let next = progress
        .next_poll
        .map_or_else(|| "checking now".to_owned(), |next| format!("next check in {}", format_duration(next)));
    let whole = progress.waited + progress.left;
    format!("waiting   {} of {} | {what} | {next}", minutes(progress.waited), minutes(whole))
}

/// The line when a wait ended with a success.
#[must_use]
pub fn cleared(context: ReportContext<'_>, wait: &WaitRecord) -> Option<String> {
    let waited = wait.waited()?;
    Some(match context.is_gate() {
        true => format!("cleared   {} may start, after {}", context.name(), format_duration(waited)),
        false => format!("recorded  {}, after {}", context.name(), format_duration(waited)),
    })
}

/// The line when a wait ended with a block.
#[must_use]
pub fn gave_up(context: ReportContext<'_>, block: &Block, wait: &WaitRecord, now: Timestamp) -> Option<String> {
    let waited = wait.waited()?;
    Some(format!(
        "gave up   {} is still blocked after {}: {}",
        context.name(),
        format_duration(waited),
        cause(block, now)
    ))
}

/// The line that announces a retry.
#[must_use]
pub fn retry(progress: &SendProgress<'_>) -> Option<String> {
    let SendProgress::Retrying { failure, pause, requests, retries } = progress else { return None };
    let failure = match failure {
        Failure::Unavailable(unavailable) => unavailable::summary(unavailable),
        Failure::Truncated(status) => format!("the reply (HTTP {status}) was cut short"),
    };
    Some(format!("{failure}; retry in {:.1} s ({requests} of {retries})", pause.as_secs_f64()))
}

/// The line for debugging: a request or a reply, unsanitized.
#[must_use]
pub fn debug(progress: &SendProgress<'_>) -> Option<String> {
    match progress {
        SendProgress::Retrying { .. } | SendProgress::Attempt => None,
        SendProgress::Request { url, body } => Some(format!("POST {url} {}", String::from_utf8_lossy(body))),
        SendProgress::Reply { status, headers, body } => {
            let headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            Some(format!("reply {status} [{}] {}", headers.join("; "), String::from_utf8_lossy(body)))
        }
    }
}
