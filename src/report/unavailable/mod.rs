//! The report of an API that is unavailable: what happened, and what to do about it.
//!
//! Owns: the wording for each cause. Does not own: certificates (`certificate`), nor what it means for the job
//! (`undelivered`).

mod advice;
mod certificate;
#[cfg(test)]
mod tests;

pub use advice::advice_for;

use super::context::{ReportContext, http};
use super::layout::{Report, Step};
use super::links::{self, Page};
use super::markup::{Text, words};
use super::rejected::{named, reason_phrase};
use super::times::minutes;
use super::undelivered::Severity;
use crate::api::LONGEST_PAUSE;
use crate::model::message::State;
use crate::model::verdict::{BodyProblem, CertificateProblem, Unavailable, UnavailableCause};
use crate::text::{Foreign, capitalize};
use advice::{advice, tolerate};
use reqwest::Url;

/// The report of `unavailable`, after `requests` requests.
#[must_use]
pub fn report(context: ReportContext<'_>, unavailable: &Unavailable, requests: u32, severity: Severity<'_>) -> Report {
    let (state, title) = title(context, unavailable, requests);
    let heading = words(state).words(": ").and(context.name_text());
    let heading = if unavailable.may_be_recorded() { heading } else { heading.words(" was not recorded") };
    let mut report = severity.report(context, State::NotRecorded, title, heading);
    let spooled = matches!(severity, Severity::Spooled(_));
    let what = what_happened(context, unavailable, requests);
    let line = if spooled { capitalize(&summary(unavailable)) } else { what.clone() };
    report.lines.push(line);
    let quote = match &unavailable.cause {
        UnavailableCause::Server { message, .. } => message.as_ref(),
        _ => None,
    };
    report.section.cause = Some(Text::default().value(sentence(context, unavailable)));
    report.section.quote = quote.map(Foreign::to_string);
    let mut notes = Vec::new();
    notes.extend(unavailable.requested_pause.map(|pause| {
        format!(
            "The API asks for a pause of {}, and pauses over {} are not made.",
            minutes(pause),
            minutes(LONGEST_PAUSE)
        )
    }));
    if unavailable.may_be_recorded() && !spooled {
        notes.push("No response confirmed the event; it may or may not have been recorded.".to_owned());
    }
    report.lines.extend(notes.iter().cloned());
    report.section.paragraphs.extend(notes.into_iter().map(|note| Text::default().value(note)));
    let api = Text::default().value(context.api().address());
    report.section.row("API", Some(api));
    if requests > 1 {
        report.section.row("Attempts", Some(Text::default().computed(requests)));
    }
    if let UnavailableCause::Certificate(problem) = &unavailable.cause {
        report
            .section
            .paragraphs
            .push(Text::default().value(certificate_reason(problem, unavailable.proxy.as_ref())).words("."));
    }
    let (steps, last) = match severity {
        Severity::Fails => (advice(context, unavailable), tolerate(context, unavailable)),
        Severity::Lost(_) => (advice(context, unavailable), None),
        // The job goes on: it must not be re-run.
        Severity::Excused => (vec![advice_for(unavailable)], None),
        Severity::Spooled(_) => (Vec::new(), Some(advice_for(unavailable))),
    };
    severity.explain(&mut report, context, steps, last);
    if let Some(status) = unavailable.status() {
        report.section.footer.insert(0, http(status));
    }
    report.section.footer.push(context.about(severity.page(page(&unavailable.cause))));
    report
}

/// The report of an event that was held back behind an earlier one.
#[must_use]
pub fn held_back(context: ReportContext<'_>, severity: Severity<'_>) -> Report {
    let heading = words("Not recorded: ").and(context.name_text());
    let title = format!("Not recorded: {} ({})", context.name(), context.event.status.value);
    let mut report = severity.report(context, State::NotRecorded, title, heading);
    let reason = format!("{}.", capitalize(&held_back_reason(context)));
    report.lines.push(reason.clone());
    report.section.cause = Some(Text::default().value(reason));
    let flush = Step::new(
        "Run",
        Text::default().setting("versioner flush").words(": it delivers the earlier event or says why it cannot."),
    );
    severity.explain(&mut report, context, vec![flush], None);
    report.section.footer.push(context.about(links::NOT_RECORDED));
    report
}

/// Why an event was not sent.
#[must_use]
pub fn held_back_reason(context: ReportContext<'_>) -> String {
    let event = context.event;
    let environment = event.environment.as_ref().map_or_else(String::new, |it| format!(" → {}", it.value));
    format!("held back: an earlier event of {}{environment} is not delivered yet", event.product.value)
}

/// The state, and the whole title.
fn title(context: ReportContext<'_>, unavailable: &Unavailable, requests: u32) -> (&'static str, String) {
    let name = context.name();
    let unavailable_because = |cause: String| {
        let attempts = if requests > 1 { format!(", {requests} attempts") } else { String::new() };
        let fate = if unavailable.may_be_recorded() { "" } else { " was not recorded" };
        ("Versioner API unavailable", format!("Versioner API unavailable: {name}{fate} ({cause}{attempts})"))
    };
    match &unavailable.cause {
        UnavailableCause::Connect(_) | UnavailableCause::ProxyRefused => {
            let state = "Can't reach the Versioner API";
            (state, format!("{state}: {name} was not recorded"))
        }
        UnavailableCause::Certificate(problem) => {
            ("TLS error", format!("TLS error: the certificate of {} {}", unavailable.host, certificate::state(problem)))
        }
        UnavailableCause::ProxyLogin => {
            ("Proxy login required", format!("Proxy login required: {name} was not recorded (HTTP 407)"))
        }
        UnavailableCause::ProxyAnswered(status) => {
            ("Stopped by the proxy", format!("Stopped by the proxy: {name} was not recorded (HTTP {status})"))
        }
        UnavailableCause::Closed(_) => unavailable_because("connection lost".to_owned()),
        UnavailableCause::TimedOut => {
            unavailable_because(format!("no reply in {}", minutes(context.api().request_timeout)))
        }
        UnavailableCause::Server { status, .. } => unavailable_because(format!("HTTP {status}")),
        UnavailableCause::NotTheApi(status, _) => unavailable_because(format!("HTTP {status}, but not from the API")),
        UnavailableCause::UnexpectedStatus(status) => unavailable_because(format!("HTTP {status}")),
    }
}

/// What happened, for the line below the title.
fn what_happened(context: ReportContext<'_>, unavailable: &Unavailable, requests: u32) -> String {
    let Unavailable { cause, host, proxy, .. } = unavailable;
    let attempts = if requests > 1 { format!(" ({requests} attempts)") } else { String::new() };
    let through = proxy.as_ref().map_or_else(String::new, |proxy| format!(" through the proxy {proxy}"));
    match cause {
        UnavailableCause::Connect(detail) => format!("{host}{through}: {}{attempts}", plain_error(detail)),
        UnavailableCause::ProxyRefused => format!("{}{attempts}", capitalize(&summary(unavailable))),
        UnavailableCause::Certificate(problem) => {
            format!("{}. {} was not recorded.", certificate_reason(problem, proxy.as_ref()), context.name())
        }
        UnavailableCause::Closed(detail) => {
            format!("{host}{through} closed the connection without a reply: {}", plain_error(detail))
        }
        UnavailableCause::TimedOut => format!(
            "{host}{through} did not reply within request_timeout ({}).",
            minutes(context.api().request_timeout)
        ),
        UnavailableCause::Server { status, message, .. } => {
            let words = message.as_ref().map_or_else(|| reason_phrase(*status).to_owned(), Foreign::to_string);
            let words = if words.is_empty() { format!("The API returned {status} without a reason.") } else { words };
            format!("{words}{}", maybe_proxy(unavailable))
        }
        UnavailableCause::ProxyLogin
        | UnavailableCause::ProxyAnswered(_)
        | UnavailableCause::NotTheApi(..)
        | UnavailableCause::UnexpectedStatus(_) => format!("{}.", capitalize(&summary(unavailable))),
    }
}

fn certificate_reason(problem: &CertificateProblem, proxy: Option<&Foreign>) -> String {
    let through = proxy.map_or_else(String::new, |proxy| format!(" (through the proxy {proxy})"));
    format!("{}{through}", certificate::reason(problem))
}

/// The same as a sentence of its own, beside the server's words and the number of attempts.
fn sentence(context: ReportContext<'_>, unavailable: &Unavailable) -> String {
    match &unavailable.cause {
        UnavailableCause::Server { status, .. } => {
            format!("The API returned {}{}.", named(*status), maybe_proxy(unavailable))
        }
        UnavailableCause::Certificate(problem) => {
            format!("The certificate of {} {}.", unavailable.host, certificate::state(problem))
        }
        _ => format!("{}.", what_happened(context, unavailable, 1).trim_end_matches('.')),
    }
}

fn maybe_proxy(unavailable: &Unavailable) -> String {
    match (&unavailable.cause, &unavailable.proxy) {
        (UnavailableCause::Server { maybe_proxy: true, .. }, Some(proxy)) => {
            format!(" (through the proxy {proxy}, which may have answered itself)")
        }
        _ => String::new(),
    }
}

/// An error of the system in lower case and without its number: `connection refused`.
fn plain_error(detail: &Foreign) -> String {
    let detail = detail.clean();
    let text = detail.split(" (os error").next().unwrap_or(detail);
    let text = text.replace("failed to lookup address information", "DNS lookup failed");
    let is_word = text.chars().nth(1).is_some_and(char::is_lowercase);
    match text.chars().next() {
        Some(first) if is_word => format!("{}{}", first.to_lowercase(), &text[first.len_utf8()..]),
        _ => text,
    }
}

/// What happened, as part of a sentence.
#[must_use]
pub fn summary(unavailable: &Unavailable) -> String {
    let Unavailable { cause, host, proxy, requested_pause } = unavailable;
    let through = proxy.as_ref().map_or_else(String::new, |proxy| format!(" through the proxy {proxy}"));
    let the_proxy = proxy.as_ref().map_or_else(|| "a proxy".to_owned(), |proxy| format!("the proxy {proxy}"));
    let summary = match cause {
        UnavailableCause::Connect(detail) => format!("can't reach {host}{through}: {}", plain_error(detail)),
        UnavailableCause::Closed(detail) => {
            format!("{host}{through} closed the connection without a reply: {}", plain_error(detail))
        }
        UnavailableCause::TimedOut => format!("{host}{through} did not reply in time"),
        UnavailableCause::Certificate(problem) => {
            let reason = certificate::reason(problem);
            format!("the certificate of {host}{through} {}: {}", certificate::state(problem), reason)
        }
        UnavailableCause::ProxyRefused => format!("{the_proxy} refused to connect to {host}"),
        UnavailableCause::ProxyLogin => format!("{the_proxy} returned 407: it requires a user and a password"),
        UnavailableCause::ProxyAnswered(status) => {
            format!("{the_proxy} returned {} instead of the API", named(*status))
        }
        UnavailableCause::Server { status, message, .. } => {
            let message = message.as_ref().map_or_else(|| reason_phrase(*status).to_owned(), Foreign::to_string);
            let message = if message.is_empty() { message } else { format!(": {message}") };
            format!("HTTP {status}{message}{}", maybe_proxy(unavailable))
        }
        UnavailableCause::NotTheApi(status, problem) => {
            let problem = match problem {
                BodyProblem::Truncated => "cut short",
                BodyProblem::TooLarge => "larger than 1 MiB, which no reply of the API is",
                BodyProblem::NotAnObject => "not the JSON object that the API sends",
            };
            format!("the reply (HTTP {status}) is {problem}")
        }
        UnavailableCause::UnexpectedStatus(status) => format!("HTTP {status}, which the API never returns"),
    };
    match requested_pause {
        Some(pause) => format!("{summary} (the API asks for a pause of {})", minutes(*pause)),
        None => summary,
    }
}

fn page(cause: &UnavailableCause) -> Page {
    match cause {
        UnavailableCause::Certificate(_) => links::TLS,
        UnavailableCause::Connect(_)
        | UnavailableCause::ProxyRefused
        | UnavailableCause::ProxyLogin
        | UnavailableCause::ProxyAnswered(_) => links::CANNOT_REACH,
        UnavailableCause::Closed(_)
        | UnavailableCause::TimedOut
        | UnavailableCause::Server { .. }
        | UnavailableCause::NotTheApi(..)
        | UnavailableCause::UnexpectedStatus(_) => links::UNAVAILABLE,
    }
}

/// The message if the health endpoint `url` answers with `status`.
#[must_use]
pub fn unhealthy(url: &Url, status: u16) -> String {
    format!("{url} returned {}.\nDo: check api_url.", named(status))
}
