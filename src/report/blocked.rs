//! A block in words: what is blocked, by what, why, until when, who can lift it, and what to do.
//!
//! Owns: the words. Does not own: what counts as a block (`api::block`), nor whether it is waited for (`gate`).

use super::card::Card;
use super::subject::Subject;
use crate::api::block::{Block, Kind};
use crate::ci::surface::Level;
use crate::gate::wait::Wait;
use crate::gate::{Suspicion, Until, Why, setting, suspicion, until};
use crate::when::{Moment, spelled_duration};
use jiff::Timestamp;
use jiff::tz::Offset;

/// What is known beside the block itself.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances<'a> {
    /// The server's clock.
    pub now: Timestamp,
    /// Why it fails the job.
    pub why: Why,
    /// The wait that led to it.
    pub wait: &'a Wait,
    /// When, by the server's clock, a try of ours was sent that got no reply.
    pub unanswered_since: Option<Timestamp>,
}

/// The card for `block`.
#[must_use]
pub fn card(subject: Subject<'_>, block: &Block, circumstances: Circumstances<'_>) -> Card {
    let described = subject.described;
    let now = circumstances.now;
    let mut card = Card::new(Level::Error, format!("Blocked: {} ({})", subject.name(), what_blocks(block)));
    card.lead.push(match &block.message {
        Some(message) => message.clone(),
        None => format!("The server answered {} without saying why.", block.status),
    });
    if described.status.value.is_end() {
        let kind = described.event_type.word();
        card.lead.push(format!(
            "The {kind} itself has already happened (its status is {}): only the record of it was rejected, and waiting would \
             be for the record alone.",
            described.status.value
        ));
    }
    let rules = &subject.settings.waiting;
    let unanswered = circumstances.unanswered_since;
    let suspicion = suspicion(block, rules.conflict_max_age, now, unanswered, &described.version.value);
    card.lead.extend(suspicion.map(|suspicion| match suspicion {
        Suspicion::OurOwn => "That deployment began after a request of this job that got no reply: it is probably this job's \
                              own, recorded although its reply was lost, and would be waited for in vain."
            .to_owned(),
        Suspicion::Dead(age) => format!(
            "That deployment began {} ago, longer than conflict_max_age ({}): its job has probably died without saying so, and \
             it would be waited for in vain.",
            spelled_duration(age),
            spelled_duration(rules.conflict_max_age)
        ),
    }));
    card.lead.extend(in_vain(block, circumstances));
    let last_unanswered = circumstances.wait.unanswered && subject.is_gate();
    if last_unanswered {
        card.lead
            .push("The last request got no answer: the server may have recorded the deployment as started.".to_owned());
    }
    facts(&mut card, subject, block, now);
    card.next = next_steps(subject, block, now, suspicion);
    if circumstances.why == Why::Setting && suspicion.is_none() && !described.status.value.is_end() {
        let own = setting(block.kind);
        card.next.push(match block.kind {
            Kind::Flow => format!("Or let the job wait by itself: set {own} to wait, and wait_timeout."),
            _ => format!(
                "Or let the job wait by itself: set on_block to wait ({own} for this kind of block alone), and wait_timeout."
            ),
        });
    }
    if last_unanswered {
        let version = crate::text::shown(&described.version.value);
        let command = subject.closing_command(Some(&version));
        card.next.push(format!(
            "If the console shows this deployment as started, close it before you run this again: {command}"
        ));
    }
    card
}

/// Why waiting did not help.
fn in_vain(block: &Block, circumstances: Circumstances<'_>) -> Option<String> {
    let Circumstances { why, wait, .. } = circumstances;
    let limit = &wait.limit;
    let waited = wait.waited().map_or_else(String::new, |waited| format!(" Waited {}.", spelled_duration(waited)));
    match why {
        Why::Setting | Why::Suspicious(_) if waited.is_empty() => None,
        Why::Setting => Some(format!("The reason has changed, and {} is fail.{waited}", setting(block.kind))),
        Why::Suspicious(_) => Some(waited.trim().to_owned()),
        Why::BeyondDeadline => {
            Some(format!("Not waited for to its end: it lasts longer than may be waited ({limit}).{waited}"))
        }
        Why::DeadlineReached => Some(format!("Waited in vain: the time to wait is over ({limit}).{waited}")),
    }
}

/// Names what blocks, in a few words.
#[must_use]
pub fn what_blocks(block: &Block) -> String {
    let named = |what: &str| block.rule().map_or_else(|| what.to_owned(), |rule| format!("{what} {rule}"));
    let details = &block.details;
    match block.kind {
        Kind::Conflict => "another deployment is in progress".to_owned(),
        Kind::Window => named("no-deploy window"),
        Kind::Approval => match (&details.current_approvals, &details.required_approvals) {
            (Some(current), Some(required)) => format!("{current} of {required} approvals"),
            _ => named("approval required"),
        },
        Kind::Soak => named("soak time"),
        Kind::Flow if block.code.as_deref() == Some("FLOW_VIOLATION") => named("deployment flow"),
        Kind::Flow => {
            block.rule().map_or_else(|| "a precondition is missing".to_owned(), |rule| format!("rule {rule}"))
        }
    }
}

fn facts(card: &mut Card, subject: Subject<'_>, block: &Block, now: Timestamp) {
    let details = &block.details;
    let code = block.code.as_deref().unwrap_or("no code");
    card.fact("Blocked", Some(subject.name()));
    card.fact(
        "By",
        Some(match block.rule() {
            Some(rule) => format!("{rule} ({code}, HTTP {})", block.status),
            None if block.code.is_none() => format!("a rule that the server does not name (HTTP {})", block.status),
            None => format!("{code} (HTTP {})", block.status),
        }),
    );
    card.fact("Reason", details.reason.clone());
    let zone = zone(block);
    let spelled = |moment: &Moment| in_zone(*moment, zone).spelled(now);
    match until(block, now) {
        Until::Named(moment, text) => {
            card.fact("Until", Some(spelled(&moment)));
            if let Some((retry_after, written)) = block.retry_after.as_ref().filter(|(_, written)| *written != text) {
                card.fact(
                    "Retry after",
                    Some(format!(
                        "{}, which has passed: the window's end ({text}) counts, not {written}",
                        spelled(retry_after)
                    )),
                );
            }
        }
        Until::Passed(moment, _) => card.fact("Retry after", Some(spelled(&moment))),
        Until::Unknown => {}
    }
    if let Some((end, _)) = &details.window_end {
        let start =
            details.window_start.map_or_else(String::new, |start| format!("{} to ", short(in_zone(start, zone))));
        card.fact("Window", Some(format!("{start}{}", short(in_zone(*end, zone)))));
    }
    conflict(card, subject, block, now);
    approvals(card, block);
    if !details.environments.is_empty() {
        card.fact("Still to go through", Some(details.environments.join(", ")));
    }
    for (name, value) in &details.others {
        card.fact(name.replace('_', " "), Some(value.clone()));
    }
}

fn conflict(card: &mut Card, subject: Subject<'_>, block: &Block, now: Timestamp) {
    let details = &block.details;
    let Some(id) = &details.conflicting_id else {
        if let Some(started) = details.conflicting_started {
            card.fact("Conflicting deployment", Some(format!("started {}", started.spelled(now))));
        }
        return;
    };
    let version = details.conflicting_version.as_ref().map_or_else(String::new, |version| format!(" of {version}"));
    let status = details.conflicting_status.as_ref().map_or_else(String::new, |status| format!(", {status}"));
    let age =
        details.conflicting_started.map_or_else(String::new, |started| format!(", started {}", started.spelled(now)));
    card.linked_fact(
        "Conflicting deployment",
        Some(format!("{id}{version}{status}{age}")),
        subject.deployment_link(id),
    );
}

fn approvals(card: &mut Card, block: &Block) {
    let details = &block.details;
    let roles = details.approver_roles.join(", ");
    let count = match (&details.current_approvals, &details.required_approvals) {
        (Some(current), Some(required)) => Some(format!("{current} of {required}")),
        (None, Some(required)) => Some(format!("{required} required")),
        (Some(current), None) => Some(format!("{current} so far")),
        (None, None) => None,
    };
    card.fact("Approvals", count);
    card.fact("Who can approve", (!roles.is_empty()).then_some(roles));
}

/// The zone that people of the window think in: that of its own times, where they have one.
fn zone(block: &Block) -> Option<Offset> {
    let details = &block.details;
    [
        details.window_end.as_ref().map(|(end, _)| *end),
        details.window_start,
        block.retry_after.as_ref().map(|(at, _)| *at),
    ]
    .into_iter()
    .flatten()
    .map(|moment| moment.offset)
    .find(|offset| *offset != Offset::UTC)
}

fn in_zone(moment: Moment, zone: Option<Offset>) -> Moment {
    Moment { offset: zone.unwrap_or(moment.offset), ..moment }
}

/// A time in its own zone alone: `2025-10-28 00:00 (UTC-07:00)`.
fn short(moment: Moment) -> String {
    let spelled = moment.spelled(moment.at);
    spelled.split(" = ").next().unwrap_or_default().trim_end_matches(" (now)").to_owned()
}

fn next_steps(subject: Subject<'_>, block: &Block, now: Timestamp, suspicion: Option<Suspicion>) -> Vec<String> {
    let details = &block.details;
    let described = subject.described;
    let what = described.environment.as_ref().unwrap_or(&described.product);
    let environment = crate::text::shown(&what.value);
    let in_console = subject
        .console()
        .map_or_else(|| "in the Versioner console".to_owned(), |console| format!("in the console ({console})"));
    let override_it = format!(
        "If it cannot wait, ask somebody who administers {environment} for an emergency override: they switch the rule to \
         report-only {in_console}."
    );
    let again = match until(block, now) {
        Until::Named(moment, _) => {
            let utc = Moment { offset: Offset::UTC, ..moment };
            format!("Run this job again after {}.", short(utc))
        }
        Until::Passed(..) => "The time to retry has passed: run this job again.".to_owned(),
        Until::Unknown => "Run this job again once the rule allows it.".to_owned(),
    };
    match block.kind {
        Kind::Conflict if suspicion.is_some() => {
            let own =
                Some(crate::text::shown(&described.version.value)).filter(|_| suspicion == Some(Suspicion::OurOwn));
            let version = details.conflicting_version.as_deref().or(own.as_deref());
            vec![
                format!("Make sure that nothing deploys to {environment} at the moment."),
                format!("Then close that deployment, and run this job again: {}", subject.closing_command(version)),
            ]
        }
        Kind::Conflict => vec![
            "Wait until the other deployment has ended, then run this job again.".to_owned(),
            format!(
                "If that deployment is dead or safe to abort, close it: {}",
                subject.closing_command(details.conflicting_version.as_deref())
            ),
        ],
        Kind::Window => vec![again, override_it],
        Kind::Approval => {
            let missing = match (&details.current_approvals, &details.required_approvals) {
                (Some(current), Some(required)) => {
                    required.as_u64().zip(current.as_u64()).map(|(r, c)| r.saturating_sub(c))
                }
                _ => None,
            };
            let how_many = missing.filter(|n| *n > 0).map_or_else(
                || "the missing approvals".to_owned(),
                |n| match n {
                    1 => "1 more approval".to_owned(),
                    n => format!("{n} more approvals"),
                },
            );
            let whom = if details.approver_roles.is_empty() {
                String::new()
            } else {
                format!(" from {}", details.approver_roles.join(" or "))
            };
            vec![format!("Ask for {how_many}{whom} {in_console}, then run this job again."), override_it]
        }
        Kind::Soak => vec![again, override_it],
        Kind::Flow if !details.environments.is_empty() => vec![
            format!(
                "Deploy {} {} to {} first, then run this job again.",
                crate::text::shown(&described.product.value),
                crate::text::shown(&described.version.value),
                details.environments.join(", then ")
            ),
            override_it,
        ],
        Kind::Flow => vec!["Do what the rule asks for, then run this job again.".to_owned(), override_it],
    }
}
