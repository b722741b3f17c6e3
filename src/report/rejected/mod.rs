//! The report of a rejection: what the API rejected, and what to do about it, per code.

mod advice;

use super::context::{ReportContext, http, source};
use super::layout::Report;
use super::links::{self, Page};
use super::markup::{Text, words};
use super::undelivered::Severity;
use crate::model::message::State;
use crate::model::source::Source;
use crate::model::verdict::Rejection;
use crate::text::Foreign;

/// The most fields that an annotation names.
const MOST_FIELDS: usize = 3;

/// The report of `rejection`.
#[must_use]
pub fn report(context: ReportContext<'_>, rejection: &Rejection, severity: Severity<'_>) -> Report {
    let name = context.name();
    let (state, cause, page) = title(context, rejection);
    let heading = words(state).words(": ").and(context.name_text()).words(" was not recorded");
    let title = format!("{state}: {name} was not recorded ({cause})");
    let mut report = severity.report(context, State::NotRecorded, title, heading);
    let fields: Vec<Field<'_>> =
        rejection.fields.iter().map(|(name, message)| Field::of(context, name, message)).collect();
    let reason = reason(rejection);
    match severity {
        Severity::Spooled(_) => report.lines.push(capitalized_summary(rejection)),
        _ if fields.is_empty() => report.lines.push(reason.clone()),
        _ => {}
    }
    report.lines.extend(fields.iter().take(MOST_FIELDS).map(Field::line));
    if let Some(more @ 1..) = fields.len().checked_sub(MOST_FIELDS) {
        report.lines.push(format!("… and {more} more"));
    }
    let facts = facts(context, rejection);
    report.lines.extend(facts.iter().map(|(label, value)| format!("{label}: {value}")));
    let section = &mut report.section;
    if rejection.message.is_some() {
        section.quote = Some(reason);
    } else if fields.is_empty() {
        section.paragraphs.push(Text::default().value(reason));
    }
    section.cause = Some(Text::default().value(sentence(context, rejection)));
    for field in &fields {
        section.row(field.setting.clone(), Some(field.text()));
    }
    for (label, value) in facts {
        section.row(label, Some(Text::default().value(value)));
    }
    severity.explain(&mut report, context, advice::advice(context, rejection, &fields), None);
    report.section.footer.insert(0, http(rejection.status));
    report.section.footer.push(context.about(severity.page(page)));
    report
}

/// The state and the cause for the title, and the page about it.
fn title(context: ReportContext<'_>, rejection: &Rejection) -> (&'static str, String, Page) {
    let status = rejection.status;
    let http = format!("HTTP {status}");
    match status {
        300..=399 => ("Redirected", http, links::REJECTED),
        401 => ("API key rejected", http, links::KEY_REJECTED),
        403 => ("API key not allowed", http, links::KEY_REJECTED),
        404 => ("Not found", http, links::REJECTED),
        409 if context.event.sha.is_some() => ("Rejected", format!("{http}: version conflict"), links::REJECTED),
        413 => ("Rejected", format!("{http}: too large"), links::REJECTED),
        _ if rejection.fields.is_empty() => ("Rejected", http, links::REJECTED),
        _ => {
            let mut names: Vec<&str> = rejection.fields.iter().map(|(field, _)| setting_of(field)).collect();
            names.dedup();
            ("Rejected", format!("{http}: invalid {}", names.join(", ")), links::REJECTED)
        }
    }
}

/// The server's words, or what is known without them.
fn reason(rejection: &Rejection) -> String {
    match (&rejection.message, &rejection.location) {
        (Some(message), _) => message.to_string(),
        (None, Some(location)) => redirects_to(location),
        (None, None) => format!("The API returned {} without a reason.", named(rejection.status)),
    }
}

fn redirects_to(location: &Foreign) -> String {
    format!("The API redirects to {location}. Redirects are not followed, because the key would go there too.")
}

/// The cause for the summary.
fn sentence(context: ReportContext<'_>, rejection: &Rejection) -> String {
    let version = &context.event.version.value;
    match rejection.status {
        300..=399 => "The address redirects elsewhere.".to_owned(),
        401 => "The API does not accept this key.".to_owned(),
        403 => format!("This key may not report this {}.", context.event.event_type.word()),
        404 => "The API has no such address.".to_owned(),
        409 => format!("Version {version} conflicts with what is recorded."),
        413 => "The event is too large.".to_owned(),
        _ => "The API does not accept this event.".to_owned(),
    }
}

/// What was sent that the API rejected, and where it came from.
fn facts(context: ReportContext<'_>, rejection: &Rejection) -> Vec<(&'static str, String)> {
    let (api, event) = (context.api(), context.event);
    match rejection.status {
        300..=399 if rejection.message.is_some() => {
            rejection.location.iter().map(|location| ("Redirect", redirects_to(location))).collect()
        }
        401 | 403 => api
            .key
            .iter()
            .map(|key| {
                let from = source(&key.source);
                ("Key", format!("{} (from {from}), sent to {}", key.value.redacted(), api.address()))
            })
            .collect(),
        404 => vec![("Address", format!("{} (from {})", api.address(), source(&api.url.source)))],
        409 => event
            .sha
            .iter()
            .map(|sha| {
                ("Sent", format!("{} is commit {} (from {})", event.version.value, sha.value, source(&sha.source)))
            })
            .collect(),
        _ => Vec::new(),
    }
}

/// An invalid field of a 422.
struct Field<'a> {
    /// The setting that it comes from, or its own name.
    setting: String,
    sent: Option<(String, &'a Source)>,
    message: String,
    /// Whether the message lists the permitted values.
    permitted: bool,
}

impl<'a> Field<'a> {
    fn of(context: ReportContext<'a>, name: &'a Foreign, message: &'a Foreign) -> Self {
        let event = context.event;
        let text = |found: &'a crate::model::source::Sourced<Foreign>| (found.value.to_string(), &found.source);
        let sent = match name.raw() {
            "product_name" => Some(text(&event.product)),
            "version" => Some(text(&event.version)),
            "environment_name" => event.environment.as_ref().map(text),
            "status" => Some((event.status.value.to_string(), &event.status.source)),
            "scm_sha" => event.sha.as_ref().map(text),
            "scm_repository" => event.repository.as_ref().map(text),
            "scm_branch" => event.branch.as_ref().map(text),
            _ => None,
        };
        let permitted = message.clean().find("permitted:");
        let message = permitted.map_or(message.clean(), |at| &message.clean()[at..]).to_owned();
        Self { setting: setting_of(name).to_owned(), sent, message, permitted: permitted.is_some() }
    }

    fn line(&self) -> String {
        match &self.sent {
            Some((value, from)) => format!("{} = {value:?} (from {}): {}", self.setting, source(from), self.message),
            None => format!("{}: {}", self.setting, self.message),
        }
    }

    fn text(&self) -> Text {
        match &self.sent {
            Some((value, from)) => {
                Text::default().code(value).words(" (from ").value(source(from)).words("): ").value(&self.message)
            }
            None => Text::default().value(&self.message),
        }
    }
}

/// The setting that a field of the API comes from, or the field itself.
fn setting_of(field: &Foreign) -> &str {
    match field.raw() {
        "environment_name" => "environment",
        "extra_metadata" => "metadata",
        _ => field.clean(),
    }
}

/// The rejection as part of a sentence: `the API returned 422 Unprocessable Entity: …`.
#[must_use]
pub fn summary(rejection: &Rejection) -> String {
    let message = rejection.message.as_ref().map_or_else(String::new, |message| format!(": {message}"));
    let fields: String = rejection.fields.iter().map(|(field, message)| format!("; {field}: {message}")).collect();
    format!("the API returned {}{message}{fields}", named(rejection.status))
}

fn capitalized_summary(rejection: &Rejection) -> String {
    crate::text::capitalize(&summary(rejection))
}

/// A status with its standard name: `503 Service Unavailable`.
#[must_use]
pub fn named(status: u16) -> String {
    format!("{status} {}", reason_phrase(status)).trim_end().to_owned()
}

/// The standard name of an HTTP status.
#[must_use]
pub fn reason_phrase(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default()
}
