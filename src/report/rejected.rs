//! The report of a rejection: what the API rejected, and what to do about it, per code.

use super::context::{ReportContext, quoted};
use super::layout::Report;
use super::undelivered::Severity;
use crate::model::event::EventType;
use crate::model::verdict::Rejection;
use crate::text::Foreign;

/// The report of `rejection`.
#[must_use]
pub fn report(context: ReportContext<'_>, rejection: &Rejection, severity: Severity<'_>) -> Report {
    let status = rejection.status;
    let title = match severity {
        Severity::Spooled(_) => severity.spooled_title(context),
        Severity::Fails | Severity::Excused | Severity::Lost(_) => {
            format!("Rejected: {} (HTTP {status} {})", context.name(), reason_phrase(status)).replace(" )", ")")
        }
    };
    let mut report = Report::new(severity.level(), title);
    report.lead.extend(rejection.message.as_ref().map(Foreign::to_string));
    if let Some(location) = &rejection.location {
        report.lead.push(format!(
            "The server redirects to {location}. Redirects are not followed, so the API key goes nowhere else."
        ));
    }
    if !rejection.fields.is_empty() {
        report.lead.push("The server says that these fields are invalid.".to_owned());
    }
    if report.lead.is_empty() {
        report.lead.push(format!("The server returned {status} with no readable message."));
    } else if matches!(severity, Severity::Spooled(_)) {
        report.lead.insert(0, format!("The server answered {status} {}.", reason_phrase(status)));
    }
    report.fact("Not recorded", Some(context.name()));
    for (field, message) in &rejection.fields {
        report.fact(field_with_setting(context, field), Some(message.clean()));
    }
    report.next = advice(context, rejection);
    severity.explain(&mut report, context);
    report
}

/// The rejection as part of a sentence: `the server answered 422 Unprocessable Entity: …`.
#[must_use]
pub fn summary(rejection: &Rejection) -> String {
    let message = rejection.message.as_ref().map_or_else(String::new, |message| format!(": {message}"));
    let fields: String = rejection.fields.iter().map(|(field, message)| format!("; {field}: {message}")).collect();
    format!("the server answered {} {}{message}{fields}", rejection.status, reason_phrase(rejection.status))
}

/// The standard name of an HTTP status.
#[must_use]
pub fn reason_phrase(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default()
}

/// A field of the API, with the setting that it comes from if that has another name, and its source.
fn field_with_setting(context: ReportContext<'_>, field: &Foreign) -> String {
    let event = context.event;
    let (setting, source) = match field.raw() {
        "product_name" => ("product_name", Some(&event.product.source)),
        "version" => ("version", Some(&event.version.source)),
        "environment_name" => ("environment", event.environment.as_ref().map(|found| &found.source)),
        "status" => ("status", Some(&event.status.source)),
        "scm_sha" => ("scm_sha", event.sha.as_ref().map(|found| &found.source)),
        "scm_repository" => ("scm_repository", event.repository.as_ref().map(|found| &found.source)),
        "scm_branch" => ("scm_branch", event.branch.as_ref().map(|found| &found.source)),
        "extra_metadata" => ("metadata", None),
        _ => return field.to_string(),
    };
    let source = source.map(|source| format!("from {source}"));
    let setting = (setting != field.raw()).then(|| format!("setting {setting}"));
    let origin: Vec<String> = setting.into_iter().chain(source).collect();
    if origin.is_empty() { field.to_string() } else { format!("{field} ({})", origin.join(", ")) }
}

fn advice(context: ReportContext<'_>, rejection: &Rejection) -> Vec<String> {
    let (api, event) = (context.api(), context.event);
    let (address, address_source) = (api.address(), &api.url.source);
    let kind = event.event_type.word();
    let key = api.key.as_ref().map_or_else(
        || "the API key".to_owned(),
        |key| format!("the API key {} (from {})", key.value.redacted(), key.source),
    );
    match rejection.status {
        300..=399 => {
            vec![format!("Set api_url (now {address}, from {address_source}) to the API's own address.")]
        }
        400 => vec![
            "The server could not parse the request as JSON. If a proxy or gateway rewrites requests, check it first."
                .to_owned(),
            "Otherwise run this again with debug set to true, and report the request and the reply.".to_owned(),
        ],
        401 => vec![
            format!("Check {key}: that it is complete, belongs to {address}, and has not been revoked."),
            "If in doubt, create a new key in the console and store it in the secret that this job reads.".to_owned(),
        ],
        403 => vec![format!(
            "Check that {key} belongs to the account of {} and has permission to report a {kind}. An Admin of the account \
             can grant it.",
            event.product.value
        )],
        404 => vec![format!(
            "Check api_url (now {address}, from {address_source}): it must be the API's base address, to which \
             {kind}-events/ is added."
        )],
        409 => conflict_advice(context),
        413 => vec!["Make metadata smaller: the API accepts at most 100 KB of it.".to_owned()],
        422 if rejection.fields.is_empty() => vec![
            "Correct what the server names. 'versioner check' shows each setting and where it comes from.".to_owned(),
        ],
        422 => vec!["Correct the settings named above, then run this again.".to_owned()],
        _ => vec![
            "A retry will not help. Look up the server's message, or run this again with debug set to true.".to_owned(),
        ],
    }
}

fn conflict_advice(context: ReportContext<'_>) -> Vec<String> {
    let event = context.event;
    let version = &event.version.value;
    let mut advice = Vec::new();
    match &event.sha {
        Some(sha) => {
            advice.push(format!(
                "A version belongs to one commit for ever. This event says that {version} is commit {}. If the code has \
                 changed, use a new version.",
                quoted(&sha.value, &sha.source)
            ));
            advice.push(
                "If the version is right and the commit does not matter here, set scm_sha to none. No commit is sent then."
                    .to_owned(),
            );
        }
        None => advice.push(format!(
            "Something on the server conflicts with {version}. Look it up in the console, or use a new version."
        )),
    }
    if event.event_type == EventType::Deployment {
        advice.push("This is not a block: waiting does not help.".to_owned());
    }
    advice
}
