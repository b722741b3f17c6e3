//! What must hold after every schedule. Each function is one promise, and returns what breaks it.

use crate::events::{Delivery, EventId, deliveries};
use crate::reply::Meaning;
use crate::schedule::{Command, Schedule, Signal};
use crate::surfaces;
use crate::world::{Observed, ObservedCall};
use crate::{calls, world};
use std::collections::BTreeMap;
use std::time::Duration;

/// A promise: its name, and the function that checks it.
pub(crate) type Invariant = (&'static str, fn(&Schedule, &Observed) -> Vec<String>);

/// All promises.
pub(crate) const INVARIANTS: [Invariant; 13] = [
    ("every_call_ends_within_its_bound", every_call_ends_within_its_bound),
    ("nothing_is_left_running", nothing_is_left_running),
    ("no_call_panics", no_call_panics),
    ("signals_end_a_call_as_documented", signals_end_a_call_as_documented),
    ("exit_code_outputs_and_requests_agree", calls::exit_code_outputs_and_requests_agree),
    ("command_runs_only_through_an_open_gate", calls::command_runs_only_through_an_open_gate),
    ("one_idempotency_key_per_request", one_idempotency_key_per_request),
    ("recorded_event_is_not_sent_again", recorded_event_is_not_sent_again),
    ("spooled_event_is_delivered", spooled_event_is_delivered),
    ("events_are_delivered_in_order", events_are_delivered_in_order),
    ("every_started_deployment_is_closed", every_started_deployment_is_closed),
    ("no_key_leaks", surfaces::no_key_leaks),
    ("no_workflow_command_is_forged", surfaces::no_workflow_command_is_forged),
];

/// Every violation: the promise, and what breaks it.
#[must_use]
pub(crate) fn violations(schedule: &Schedule, observed: &Observed) -> Vec<(&'static str, String)> {
    INVARIANTS
        .iter()
        .flat_map(|(name, check)| check(schedule, observed).into_iter().map(move |what| (*name, what)))
        .collect()
}

/// All calls, with the number of their step.
pub(crate) fn all_calls(observed: &Observed) -> impl Iterator<Item = (usize, &ObservedCall)> {
    observed.steps.iter().enumerate().flat_map(|(at, step)| step.calls.iter().map(move |call| (at, call)))
}

fn was_killed(schedule: &Schedule) -> bool {
    let kills = |call: &crate::schedule::Call| call.signal.is_some_and(|signal| signal.signal == Signal::Kill);
    schedule.steps.iter().flat_map(|step| &step.calls).any(kills)
}

fn every_call_ends_within_its_bound(_: &Schedule, observed: &Observed) -> Vec<String> {
    let late = all_calls(observed).filter(|(_, call)| !call.in_time);
    late.map(|(_, call)| format!("call {} ran for more than {:?}", call.id, world::bound(&call.call))).collect()
}

fn nothing_is_left_running(_: &Schedule, observed: &Observed) -> Vec<String> {
    observed.left_running.iter().map(|line| format!("still running: {line}")).collect()
}

fn no_call_panics(_: &Schedule, observed: &Observed) -> Vec<String> {
    let panicked = |call: &ObservedCall| {
        let says_so = call.stderr.contains("this is a bug in versioner") || call.stderr.contains("panicked at");
        says_so
            || matches!(call.exit, Some(101 | 134))
            || call.killed_by.is_some_and(|signal| ![2, 9, 15].contains(&signal))
    };
    let panicked = all_calls(observed).filter(|(_, call)| panicked(call));
    panicked
        .map(|(_, call)| format!("call {}: {:?} {:?}: {}", call.id, call.exit, call.killed_by, call.stderr))
        .collect()
}

fn signals_end_a_call_as_documented(_: &Schedule, observed: &Observed) -> Vec<String> {
    let mut broken = Vec::new();
    for (_, call) in all_calls(observed).filter(|(_, call)| call.in_time) {
        let signal = call.call.signal.filter(|_| call.signalled).map(|it| it.signal);
        let fits = match (call.exit, call.killed_by, signal) {
            // Our handlers are not installed yet, or the call was killed.
            (None, Some(9), Some(Signal::Kill)) => true,
            (None, Some(15), Some(Signal::Term)) | (None, Some(2), Some(Signal::Int)) => true,
            (Some(143), _, Some(Signal::Term)) | (Some(130), _, Some(Signal::Int)) => true,
            (Some(0 | 1 | 4 | 5), _, _) => true,
            (Some(7), _, _) => matches!(call.call.command, Command::Run { exit: 7, .. }),
            _ => false,
        };
        if !fits {
            broken.push(format!("call {} ended with {:?} {:?} after {signal:?}", call.id, call.exit, call.killed_by));
        }
    }
    broken
}

/// All attempts of one request share a key, and no other request has it.
fn one_idempotency_key_per_request(schedule: &Schedule, observed: &Observed) -> Vec<String> {
    let mut broken = Vec::new();
    let mut events: BTreeMap<&str, EventId> = BTreeMap::new();
    let mut late_keys: BTreeMap<EventId, &str> = BTreeMap::new();
    for delivery in &deliveries(schedule, observed) {
        let Some(key) = delivery.request.header("idempotency-key") else {
            broken.push(format!("request {} has no key", delivery.request.seq));
            continue;
        };
        let event = events.entry(key).or_insert_with(|| delivery.id.clone());
        if *event != delivery.id {
            broken.push(format!("{event:?} and {:?} share the key {key}", delivery.id));
        }
        // A killed call's event may be spooled by its supervisor and by `finish`.
        if delivery.late && !was_killed(schedule) {
            let known = late_keys.entry(delivery.id.clone()).or_insert(key);
            if *known != key {
                broken.push(format!("the spooled event {:?} was sent with two keys", delivery.id));
            }
        }
    }
    broken
}

/// Once the server has said clearly that an event is recorded, it is not sent again. A killed or interrupted call may not have
/// heard it, nor may one that takes longer than the time-out of a request.
fn recorded_event_is_not_sent_again(schedule: &Schedule, observed: &Observed) -> Vec<String> {
    let mut broken = Vec::new();
    let mut recorded: BTreeMap<EventId, u64> = BTreeMap::new();
    for delivery in &deliveries(schedule, observed) {
        if let Some(first) = recorded.get(&delivery.id) {
            broken.push(format!(
                "{:?} was recorded by request {first} and sent again by {}",
                delivery.id, delivery.request.seq
            ));
        }
        if delivery.is_clearly_recorded() && heard_everything(observed, delivery) {
            recorded.insert(delivery.id.clone(), delivery.request.seq);
        }
    }
    broken
}

/// Whether every call of the step of `delivery` must have heard every reply.
fn heard_everything(observed: &Observed, delivery: &Delivery<'_>) -> bool {
    let Some(step) = observed.steps.get(delivery.step) else { return true };
    let timeout = |call: &ObservedCall| Duration::from_millis(call.call.settings.request_timeout_ms);
    step.calls.iter().all(|call| !call.signalled && call.elapsed < timeout(call))
}

/// An event that a call has spooled reaches the server once it is available again.
fn spooled_event_is_delivered(schedule: &Schedule, observed: &Observed) -> Vec<String> {
    let mut broken: Vec<String> = observed.left_in_spool.iter().map(|file| format!("{file} is left")).collect();
    if observed.closing.last() != Some(&Some(0)) {
        broken.push(format!("the closing calls ended with {:?}", observed.closing));
    }
    let deliveries = deliveries(schedule, observed);
    for (_, call) in spooled(observed) {
        let mine = |it: &&Delivery<'_>| it.id.0 == call.id as u64 && it.id.1 != "started" && it.is_recorded();
        if !deliveries.iter().any(|it| mine(&it)) {
            broken.push(format!("call {} spooled its event, and the server never got it", call.id));
        }
    }
    broken
}

/// Whether a spooled event may have been set aside because of this reply.
fn may_be_set_aside(delivery: &Delivery<'_>) -> bool {
    let is_final = |meaning: &Meaning| match meaning {
        Meaning::Blocked { .. } => true,
        Meaning::Rejected { status, .. } => !matches!(status, 300..=399 | 401 | 403 | 404),
        Meaning::Recorded | Meaning::Unavailable { .. } => false,
    };
    delivery.late && delivery.meanings.iter().any(is_final)
}

/// The calls that said that they spooled their own event.
fn spooled(observed: &Observed) -> impl Iterator<Item = (usize, &ObservedCall)> {
    all_calls(observed).filter(|(_, call)| {
        let own = !matches!(call.call.command, Command::Finish { .. } | Command::Flush);
        own && call.outputs.get("outcome").is_some_and(|outcome| outcome == "spooled")
    })
}

/// Of one product and environment, no later event overtakes one that was spooled, unless that was set aside.
fn events_are_delivered_in_order(schedule: &Schedule, observed: &Observed) -> Vec<String> {
    let mut broken = Vec::new();
    let deliveries = deliveries(schedule, observed);
    for (step, call) in spooled(observed) {
        let mine: Vec<&Delivery<'_>> =
            deliveries.iter().filter(|it| it.id.0 == call.id as u64 && it.id.1 != "started").collect();
        let was_set_aside = mine.iter().any(|it| may_be_set_aside(it));
        let Some(first) = mine.iter().find(|it| it.is_recorded()) else { continue };
        if was_set_aside {
            continue;
        }
        // Only what began later can overtake. An event that was spooled as well began with its call.
        let began = |it: &Delivery<'_>| match it.late {
            true => all_calls(observed).find(|(_, other)| other.id as u64 == it.id.0).map_or(0, |(step, _)| step),
            false => it.step,
        };
        let overtakes = |it: &&Delivery<'_>| {
            let is_later = began(it) > step && it.is_recorded() && it.request.seq < first.request.seq;
            // A gate is always checked.
            is_later && it.id.1 != "started" && it.id != first.id && it.ordering_key() == first.ordering_key()
        };
        if let Some(other) = deliveries.iter().find(overtakes) {
            broken.push(format!("{:?} overtook the spooled {:?}", other.id, first.id));
        }
    }
    broken
}

/// Nothing that the server has recorded as started stays open once it is available again.
fn every_started_deployment_is_closed(_: &Schedule, observed: &Observed) -> Vec<String> {
    let deployments = observed.server["accounts"]["main"]["deployments"].as_array();
    let open = deployments.into_iter().flatten().filter(|deployment| deployment["status"] == "started");
    open.map(|deployment| format!("still open: {deployment}")).collect()
}
