//! Reports: what came of a call, in words for people and outputs for machines.
//!
//! Owns: which card and which outputs belong to which answer. Does not own: where they are shown (`console`, `ci`).

pub mod blocked;
pub mod card;
pub mod outputs;
pub mod refused;
pub mod subject;

use crate::api::Answer;
use crate::api::reply::{Receipt, Verdict};
use crate::ci::surface::Level;
use crate::gate::wait::{End, Wait};
use crate::gate::{Until, Why, until};
use crate::settings::EventType;
use crate::text::shown;
use crate::when::spelled_duration;
use blocked::Circumstances;
use card::Card;
use jiff::Timestamp;
use outputs::Outputs;
pub use refused::Keepsake;
use refused::{Severity, refusal_card, unreached_card};
use subject::Subject;

/// What became of an event that was not delivered.
#[derive(Clone, Debug)]
pub enum Fate {
    /// What its answer says, and no more.
    Answered,
    /// It is kept.
    Kept(Keepsake),
    /// It should have been kept and could not, because of this.
    Lost(String),
}

/// The card for `answer`, which `wait` led to and `end` ended, at `now` by our clock; and for what became of the event.
#[must_use]
pub fn card(subject: Subject<'_>, answer: &Answer, wait: &Wait, end: &End, fate: &Fate, now: Timestamp) -> Card {
    let severity = match fate {
        Fate::Kept(keepsake) => Severity::Kept(keepsake),
        Fate::Lost(why) => Severity::Lost(why),
        // Once blocked, nothing but a success is leave to deploy.
        Fate::Answered if subject.excuses(&answer.verdict) && wait.block.is_none() => Severity::Excused,
        Fate::Answered => Severity::Fails,
    };
    let mut card = match &answer.verdict {
        Verdict::Recorded(receipt) => recorded_card(subject, receipt),
        Verdict::Blocked(block) => {
            let why = match end {
                End::Blocked(why) => *why,
                End::Answered => Why::Setting,
            };
            let server = |at| answer.server_clock.at(at);
            let unanswered_since = answer.unanswered_since.map(server);
            let circumstances = Circumstances { now: server(now), why, wait, unanswered_since };
            blocked::card(subject, block, circumstances)
        }
        Verdict::Refused(refusal) => refusal_card(subject, refusal, severity),
        Verdict::Unreachable(unreached) => unreached_card(subject, unreached, answer.requests, severity),
    };
    if let Some(waited) = wait.waited() {
        card.fact("Waited", Some(format!("{} ({} requests)", spelled_duration(waited), answer.requests)));
        for stage in &wait.stages {
            let time = |at: Timestamp| at.strftime("%Y-%m-%d %H:%M:%S").to_string();
            card.fact("Waited for", Some(format!("{}: {} to {} UTC", stage.what, time(stage.from), time(stage.to))));
        }
    }
    card
}

/// The card for a recorded event; with rules that only report, if any were violated.
fn recorded_card(subject: Subject<'_>, receipt: &Receipt) -> Card {
    let described = subject.described;
    let mut card =
        Card::new(Level::Notice, format!("Recorded: {} ({})", subject.name(), shown(described.status.value.as_str())));
    let link = link(subject, receipt);
    card.linked_fact(id_label(described.event_type), receipt.id.clone(), link);
    for violation in &receipt.violations {
        card.fact(
            format!("⚠️ Violated: {}", violation.rule),
            Some(violation.message.clone().unwrap_or_else(|| "report-only".to_owned())),
        );
    }
    card
}

fn id_label(event_type: EventType) -> &'static str {
    match event_type {
        EventType::Deployment => "Deployment",
        EventType::Build => "Build",
    }
}

/// The warnings for rules that only report and were violated: title and message.
#[must_use]
pub fn violations(receipt: &Receipt) -> Vec<(String, String)> {
    receipt
        .violations
        .iter()
        .map(|violation| {
            let words = violation.message.as_deref().unwrap_or("The rule gives no reason.");
            let (title, note) = match violation.report_only {
                true => (
                    "Report-only rule violated",
                    "This rule only reports: the deployment is not blocked, but would be if the rule were enabled.",
                ),
                false => {
                    ("Rule violated", "The server says that this rule is enabled, and recorded the event all the same.")
                }
            };
            (format!("{title}: {}", violation.rule), format!("{words}\n{note}"))
        })
        .collect()
}

fn link(subject: Subject<'_>, receipt: &Receipt) -> Option<String> {
    match subject.described.event_type {
        EventType::Deployment => subject.deployment_link(receipt.id.as_deref()?),
        EventType::Build => subject.version_link(receipt.version_id.as_deref()?),
    }
}

/// The outputs for `answer`, which `wait` led to, and for what became of the event, at `now` by our clock.
#[must_use]
pub fn outputs(subject: Subject<'_>, answer: &Answer, wait: &Wait, fate: &Fate, now: Timestamp) -> Outputs {
    let mut outputs = Outputs {
        http_status: answer.http_status,
        attempts: Some(answer.requests),
        waited_seconds: Some(wait.waited().map_or(0, |waited| waited.as_secs_f64().round() as u64)),
        ..Outputs::default()
    };
    let (outcome, gate) = match &answer.verdict {
        Verdict::Recorded(receipt) => {
            let receipt: &Receipt = receipt;
            outputs.url = link(subject, receipt);
            let Receipt { id, event_id, version_id, product_id, environment_id, violations: _ } = receipt.clone();
            match subject.described.event_type {
                EventType::Deployment => outputs.deployment_id = id,
                EventType::Build => outputs.build_id = id,
            }
            outputs.event_id = event_id;
            outputs.version_id = version_id;
            outputs.product_id = product_id;
            outputs.environment_id = environment_id;
            ("recorded", "passed")
        }
        Verdict::Blocked(block) => {
            outputs.block_code = block.code.clone();
            outputs.block_message = block.message.clone();
            outputs.retry_after = until(block, answer.server_clock.at(now)).text();
            ("blocked", "blocked")
        }
        Verdict::Refused(_) => ("refused", "not_checked"),
        Verdict::Unreachable(_) => ("unreachable", "not_checked"),
    };
    let gate = if wait.block.is_some() && gate == "not_checked" { "blocked" } else { gate };
    outputs.outcome = Some(if matches!(fate, Fate::Kept(_)) { "spooled" } else { outcome });
    outputs.gate = subject.is_gate().then_some(gate);
    outputs
}

/// The card for a call that a signal ended: one line, for there is no time for more.
#[must_use]
pub fn interrupted_card(subject: Subject<'_>, wait: &Wait, signal: &str) -> Card {
    let recorded = "the server may have recorded the event";
    let what = match (&wait.block, wait.unanswered) {
        (None, false) => "before anything was sent".to_owned(),
        (None, true) => format!("while its request was under way: {recorded}"),
        (Some(block), false) => format!("while it waited for this to end: {}", blocked::what_blocks(block)),
        (Some(block), true) => {
            format!(
                "while it waited for this to end: {}, and was asking again: {recorded}",
                blocked::what_blocks(block)
            )
        }
    };
    let waited = wait.waited().map_or_else(String::new, |waited| format!(", after {}", spelled_duration(waited)));
    Card::new(Level::Error, format!("{} was stopped by {signal}{waited}, {what}", subject.name()))
}

/// The outputs for a call that a signal ended at `now`: none that are not known.
#[must_use]
pub fn interrupted_outputs(subject: Subject<'_>, wait: &Wait, now: Timestamp) -> Outputs {
    let blocked = wait.block.as_ref();
    let until = blocked.map(|block| until(block, wait.server_clock.at(now)));
    Outputs {
        outcome: blocked.map(|_| "blocked"),
        gate: blocked.filter(|_| subject.is_gate()).map(|_| "blocked"),
        http_status: blocked.map(|block| block.status),
        block_code: blocked.and_then(|block| block.code.clone()),
        block_message: blocked.and_then(|block| block.message.clone()),
        retry_after: until.and_then(Until::text),
        waited_seconds: Some(wait.waited().map_or(0, |waited| waited.as_secs_f64().round() as u64)),
        attempts: Some(wait.requests + u32::from(wait.unanswered)),
        ..Outputs::default()
    }
}
