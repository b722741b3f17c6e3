//! A refusal, or an API that was not reached, in words: what happened and what to do about it.
//!
//! Owns: the advice for each code. Does not own: which code means what (`api::reply`).

use super::card::Card;
use super::subject::Subject;
use crate::api::reply::{Refusal, Unreached, reason};
use crate::ci::surface::Level;
use crate::settings::EventType;
use crate::settings::keeping::Lifetime;
use crate::text::shown;

/// What a failure of the API means for the job, and for the event.
#[derive(Clone, Copy, Debug)]
pub enum Severity<'a> {
    /// It fails the job.
    Fails,
    /// `fail_on_api_error` is false: it does not.
    Excused,
    /// The event is kept, and will be delivered late.
    Kept(&'a Keepsake),
    /// The event should have been kept and could not, because of this.
    Lost(&'a str),
}

/// Where an event is kept.
#[derive(Clone, Debug)]
pub struct Keepsake {
    /// The directory.
    pub place: String,
    /// How long things live there.
    pub lifetime: Lifetime,
}

/// The card for a refusal.
#[must_use]
pub fn refusal_card(subject: Subject<'_>, refusal: &Refusal, severity: Severity<'_>) -> Card {
    let status = refusal.status;
    let title = match severity {
        Severity::Kept(_) => kept_title(subject),
        _ => format!("Refused: {} (HTTP {status} {})", subject.name(), reason(status)).replace(" )", ")"),
    };
    let mut card = Card::new(level(severity), title);
    card.lead.extend(refusal.words.clone());
    if let Some(location) = &refusal.location {
        card.lead.push(format!(
            "The server redirects to {location}. Redirects are not followed, so that the API key goes nowhere else."
        ));
    }
    if !refusal.fields.is_empty() {
        card.lead.push("The server found these fields not valid.".to_owned());
    }
    if card.lead.is_empty() {
        card.lead.push(format!("The server answered {status} without words that can be read."));
    } else if matches!(severity, Severity::Kept(_)) {
        card.lead.insert(0, format!("The server answered {status} {}.", reason(status)));
    }
    card.fact("Not recorded", Some(subject.name()));
    for (field, message) in &refusal.fields {
        card.fact(field_with_setting(subject, field), Some(message.clone()));
    }
    card.next = advice(subject, refusal);
    excuse(&mut card, subject, severity);
    card
}

/// The card for an API that was not reached, after `requests` requests.
#[must_use]
pub fn unreached_card(subject: Subject<'_>, unreached: &Unreached, requests: u32, severity: Severity<'_>) -> Card {
    let title = match severity {
        Severity::Kept(_) => kept_title(subject),
        _ => format!("API not reached: {}", subject.name()),
    };
    let mut card = Card::new(level(severity), title);
    let tries = if requests > 1 { format!(" ({requests} tries)") } else { String::new() };
    card.lead.push(format!("{}{tries}.", first_upper(&unreached.what)));
    if unreached.may_be_recorded {
        card.lead.push("No answer says so, but the server may have recorded the event.".to_owned());
    }
    card.fact("Event", Some(subject.name()));
    card.fact("API", Some(shown(subject.settings.connection.api_url.value.as_str().trim_end_matches('/'))));
    card.next.extend(unreached.advice.as_ref().map(|advice| format!("{advice}.")));
    if matches!(severity, Severity::Fails) && (subject.is_gate() || !subject.wrapped) {
        card.next.push("To let jobs go on while the API is down, set fail_on_api_error to false.".to_owned());
    }
    excuse(&mut card, subject, severity);
    card
}

fn level(severity: Severity<'_>) -> Level {
    match severity {
        Severity::Fails | Severity::Lost(_) => Level::Error,
        Severity::Excused | Severity::Kept(_) => Level::Warning,
    }
}

fn kept_title(subject: Subject<'_>) -> String {
    format!("Kept for later: {} ({})", subject.name(), shown(subject.described.status.value.as_str()))
}

fn excuse(card: &mut Card, subject: Subject<'_>, severity: Severity<'_>) {
    match severity {
        Severity::Fails if subject.wrapped && !subject.is_gate() => card.lead.push(
            "The command has ended; what is missing is the record of its end, which was not kept either.".to_owned(),
        ),
        Severity::Fails => {}
        Severity::Excused => {
            let gate = if subject.is_gate() { " No rule was asked whether this deployment may begin." } else { "" };
            card.lead
                .push(format!("The event was NOT recorded. The job goes on because fail_on_api_error is false.{gate}"));
        }
        Severity::Kept(Keepsake { place, lifetime }) => {
            card.lead.push(
                "The event is NOT recorded yet. It is kept, and will be delivered late, with its own times.".to_owned(),
            );
            card.fact("Kept in", Some(place.clone()));
            let (lives, how) = match lifetime {
                Lifetime::Lasting => (
                    "until it is delivered".to_owned(),
                    "The next event that is sent from this machine by the same user, with the same API key and directory, \
                     delivers it first. To deliver it sooner: versioner flush"
                        .to_owned(),
                ),
                Lifetime::Machine => (
                    "as long as this machine or container, which may end with the job".to_owned(),
                    "The next event from this machine delivers it first, as does 'versioner flush' in a last step. To keep it \
                     beyond the job, set spool_dir to a directory that lasts, such as a volume or a cache, and run 'versioner \
                     flush' there."
                        .to_owned(),
                ),
                Lifetime::Job(variable) => (
                    format!("until the job ends: the CI system empties {variable} then"),
                    "The next event of this job delivers it first, as does 'versioner flush' in a last step. To keep it \
                     beyond the job, set spool_dir to a directory that lasts, and run 'versioner flush' there."
                        .to_owned(),
                ),
            };
            card.fact("Lives there", Some(lives));
            card.next.insert(0, how);
        }
        Severity::Lost(why) => {
            card.lead.push(format!("The event is NOT recorded, and could not be kept for later either: {why}."));
            card.next.push(
                "Mend that, or name another directory in spool_dir; 'versioner flush' delivers what is kept already. (spool_dir set \
                 to off keeps nothing.)"
                    .to_owned(),
            );
        }
    }
}

fn first_upper(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// The name of a field of the API with the setting that it comes from, where that has another name, and its source.
fn field_with_setting(subject: Subject<'_>, field: &str) -> String {
    let described = subject.described;
    let (setting, source) = match field {
        "product_name" => ("product_name", Some(&described.product.source)),
        "version" => ("version", Some(&described.version.source)),
        "environment_name" => ("environment", described.environment.as_ref().map(|found| &found.source)),
        "status" => ("status", Some(&described.status.source)),
        "scm_sha" => ("scm_sha", described.sha.as_ref().map(|found| &found.source)),
        "scm_repository" => ("scm_repository", described.repository.as_ref().map(|found| &found.source)),
        "scm_branch" => ("scm_branch", described.branch.as_ref().map(|found| &found.source)),
        "extra_metadata" => ("metadata", None),
        _ => return field.to_owned(),
    };
    let source = source.map(|source| format!("from {}", shown(&source.to_string())));
    let setting = (setting != field).then(|| format!("setting {setting}"));
    let origin: Vec<String> = setting.into_iter().chain(source).collect();
    if origin.is_empty() { field.to_owned() } else { format!("{field} ({})", origin.join(", ")) }
}

fn advice(subject: Subject<'_>, refusal: &Refusal) -> Vec<String> {
    let connection = &subject.settings.connection;
    let described = subject.described;
    let api = shown(connection.api_url.value.as_str().trim_end_matches('/'));
    let api_source = shown(&connection.api_url.source.to_string());
    let key = connection.key.as_ref().map_or_else(
        || "the API key".to_owned(),
        |key| format!("the API key {} (from {})", key.value.described(), shown(&key.source.to_string())),
    );
    let kind = described.event_type.word();
    match refusal.status {
        300..=399 => {
            vec![format!("Set api_url (now {api}, from {api_source}) to the address that the API itself answers on.")]
        }
        400 => vec![
            "The server could not read the request as JSON. If a proxy or gateway rewrites requests, look there first."
                .to_owned(),
            "Otherwise run this again with debug set to true, and report the request and the reply.".to_owned(),
        ],
        401 => vec![
            format!("Check {key}: that it is complete, belongs to {api}, and has not been revoked."),
            "If in doubt, create a new key in the console and store it in the secret that this job reads.".to_owned(),
        ],
        403 => vec![format!(
            "Check that {key} belongs to the account of {} and has permission to report a {kind}; an administrator of the account can grant it.",
            shown(&described.product.value)
        )],
        404 => vec![format!(
            "Check api_url (now {api}, from {api_source}): it must be the API's base address, to which {kind}-events/ is added."
        )],
        409 => conflict_advice(subject),
        413 => vec!["Make metadata smaller: the API takes at most 100 KB of it.".to_owned()],
        422 if refusal.fields.is_empty() => {
            vec![
                "Correct what the server names; 'versioner check' shows each setting and where it comes from."
                    .to_owned(),
            ]
        }
        422 => vec!["Correct the settings that are named above, then run this again.".to_owned()],
        _ => vec![
            "Trying again will not help: look up what the server says, or run this again with debug set to true."
                .to_owned(),
        ],
    }
}

fn conflict_advice(subject: Subject<'_>) -> Vec<String> {
    let described = subject.described;
    let version = shown(&described.version.value);
    let mut advice = Vec::new();
    if let Some(sha) = &described.sha {
        advice.push(format!(
            "A version belongs to one commit for ever. This event says that {version} is commit {}. If the code has changed, give it a new version.",
            Subject::quoted(&sha.value, &sha.source)
        ));
        advice.push(
            "If the version is right and the commit does not matter here, set scm_sha to none: then no commit is sent."
                .to_owned(),
        );
    } else {
        advice.push(format!("Something at the server already stands against {version}: look it up in the console, or give it a new version."));
    }
    if described.event_type == EventType::Deployment {
        advice.push("This is not a block that lifts by itself: waiting does not help.".to_owned());
    }
    advice
}
