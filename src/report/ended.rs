//! The report of a recorded event: how the deployment is now.

use super::blocked::what_blocks;
use super::context::{CommandEnd, ReportContext};
use super::layout::Report;
use super::markup::{Text, words};
use super::{outputs, times};
use crate::gate::wait::WaitRecord;
use crate::model::clock::ServerClock;
use crate::model::event::EventType;
use crate::model::message::{Level, State};
use crate::model::status::Status;
use crate::model::time::format_duration;
use crate::model::verdict::{Receipt, Violation};
use crate::text::{Foreign, quote_shell};
use std::time::Duration;

/// The report of a recorded event, with the violations of rules that did not block.
#[must_use]
pub fn report(context: ReportContext<'_>, receipt: &Receipt) -> Report {
    let (state, words_for_it) = state(context);
    let subject = match state {
        State::Other => format!("{} ({})", context.name(), context.event.status.value),
        _ => context.subject(),
    };
    let fails = state == State::Failed && (context.wrapped || context.failure_fails_step);
    let level = if fails { Level::Error } else { Level::Notice };
    let title = format!("{words_for_it}: {subject}");
    let cause = context.end.and_then(|end| end_in_brief(state, end));
    let title = cause.map_or_else(|| title.clone(), |cause| format!("{title} ({cause})"));
    let heading = words(words_for_it).words(": ").and(match (context.event.event_type, state) {
        (_, State::Other) => context.name_text().words(" (").value(&context.event.status.value).words(")"),
        (EventType::Build, _) => Text::default().value(context.version()),
        (EventType::Deployment, _) => context.name_text(),
    });
    let mut report = Report::new(level, state, title, heading);
    let link = outputs::link(context, receipt);
    let sentence = context.end.and_then(|end| sentence(context, end));
    report.lines.extend(context.end.filter(|_| fails).and_then(command));
    report.lines.extend(link.clone());
    if fails && report.lines.is_empty() {
        report.lines.push("Its failure was recorded.".to_owned());
    }
    report.section.paragraphs.extend(line(sentence, link, receipt));
    for violation in &receipt.violations {
        let message = violation.message.as_ref().map_or("no reason given", Foreign::clean);
        report.section.row(format!("⚠️ Violated: {}", rule_name(violation)), Some(Text::default().value(message)));
    }
    report
}

/// The command, or why it could not be started, in a line of an annotation.
fn command(end: &CommandEnd) -> Option<String> {
    let program = || end.program.as_ref().map(|program| format!("Command: {}", quote_shell(program.clean())));
    end.problem.clone().or_else(program)
}

/// How the deployment is after this event.
fn state(context: ReportContext<'_>) -> (State, &'static str) {
    match (context.event.event_type, &context.event.status.value) {
        (EventType::Deployment, Status::Started) => (State::Cleared, "Cleared to deploy"),
        (EventType::Deployment, Status::Completed) => (State::Deployed, "Deployed"),
        (EventType::Deployment, Status::Failed) => (State::Failed, "Deployment failed"),
        (EventType::Deployment, Status::Aborted) => (State::Aborted, "Aborted"),
        (EventType::Build, Status::Completed) => (State::Deployed, "Built"),
        (EventType::Build, Status::Failed) => (State::Failed, "Build failed"),
        (EventType::Build, Status::Aborted) => (State::Aborted, "Build aborted"),
        (EventType::Build, Status::Started) | (_, Status::Pending | Status::Unknown(_)) => (State::Other, "Recorded"),
    }
}

/// The one line of the summary: how it ended, and where to see it.
fn line(sentence: Option<String>, link: Option<String>, receipt: &Receipt) -> Option<Text> {
    let sentence = sentence.map(|sentence| Text::default().value(sentence));
    let link = receipt.id.as_ref().filter(|_| link.is_some()).map(|_| Text::default().link("Open in Versioner", link));
    match (sentence, link) {
        (Some(sentence), Some(link)) => Some(sentence.words(" ").and(link)),
        (sentence, link) => sentence.or(link),
    }
}

/// How a command ended, for the title: `exit code 3 after 12 s`.
fn end_in_brief(state: State, end: &CommandEnd) -> Option<String> {
    let after = end.duration.map(times_of).map_or_else(String::new, |duration| format!(" after {duration}"));
    match (state, end.signal, end.exit_code) {
        (State::Deployed, ..) => end.duration.map(|duration| format!("in {}", times_of(duration))),
        (_, Some(signal), _) => Some(format!("{signal}{after}")),
        (_, None, Some(code)) => Some(format!("exit code {code}{after}")),
        (_, None, None) => None,
    }
}

/// How a command ended, as a sentence.
#[must_use]
pub fn sentence(context: ReportContext<'_>, end: &CommandEnd) -> Option<String> {
    if end.problem.is_some() {
        return end.problem.clone();
    }
    let program = end.program.as_ref().map_or_else(|| "The script".to_owned(), |program| quote_shell(program.clean()));
    let duration = end.duration.map(times_of);
    let deployed = context.event.status.value == Status::Completed;
    Some(match (end.signal, end.exit_code, duration) {
        (Some(signal), _, None) => format!("{signal} came before {program} began."),
        (None, _, None) => return None,
        (Some(signal), Some(_), Some(duration)) if deployed => {
            format!("{program} succeeded in {duration}, although {signal} came.")
        }
        (Some(signal), Some(code), Some(duration)) => {
            format!("{signal} came while {program} ran. It ended with exit code {code} after {duration}.")
        }
        (Some(signal), None, Some(duration)) => format!("{signal} came after {program} had run for {duration}."),
        (None, Some(0), Some(duration)) => format!("{program} succeeded in {duration}."),
        (None, Some(code), Some(duration)) => format!("{program} failed with exit code {code} after {duration}."),
        (None, None, Some(duration)) => format!("{program} has run for {duration}."),
    })
}

/// A duration to the second below an hour, as people time deployments.
fn times_of(duration: Duration) -> String {
    format_duration(duration)
}

fn rule_name(violation: &Violation) -> &str {
    violation.rule.as_ref().map_or("a rule without a name", Foreign::clean)
}

/// The warnings for violated rules that did not block: title and message.
#[must_use]
pub fn violations(receipt: &Receipt) -> Vec<(String, String)> {
    let warning = |violation: &Violation| {
        let message = violation.message.as_ref().map_or("The API gives no reason.", Foreign::clean);
        let (title, note) = match violation.report_only {
            true => ("Report-only rule violated", "It would block this deployment if it were Enabled."),
            false => ("Rule violated", "The API says that this rule is Enabled, but recorded the event."),
        };
        (format!("{title}: {}", rule_name(violation)), format!("{message}\n{note}"))
    };
    receipt.violations.iter().map(warning).collect()
}

/// Adds to `report` how long the job waited, and for what.
pub fn add_wait(report: &mut Report, wait: &WaitRecord, requests: u32, server_clock: ServerClock) {
    let Some(waited) = wait.waited() else { return };
    let polls = words(", ").computed(requests).words(" requests");
    report.section.row("Waited", Some(Text::default().computed(format_duration(waited)).and(polls)));
    for stage in &wait.stages {
        let what = Text::default().value(what_blocks(&stage.block)).words(", ");
        let [from, to] = [stage.from, stage.to].map(|at| times::nearest_minute(server_clock.at(at)));
        let (from, to) = (times::stamp(from), times::clock(to, from));
        report.section.row("Waited for", Some(what.computed(from.trim_end_matches(" UTC")).words(" to ").computed(to)));
    }
}
