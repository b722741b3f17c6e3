//! The server's record of a schedule, event by event.

use crate::expected::Attempt;
use crate::reply::{Meaning, Pause, Scripted, What};
use crate::schedule::Schedule;
use crate::world::{Observed, ObservedCall, ObservedStep};
use serde_json::Value;
use std::time::Duration;
use versioner_sandbox::ReceivedRequest;

/// An event: the number of the call that began it, and its status.
pub(crate) type EventId = (u64, String);

/// A request that carries an event.
#[derive(Debug)]
pub(crate) struct Delivery<'a> {
    pub(crate) request: &'a ReceivedRequest,
    pub(crate) id: EventId,
    /// Whether it was spooled before.
    pub(crate) late: bool,
    pub(crate) meanings: Vec<Meaning>,
    pub(crate) pause: Pause,
    pub(crate) hangs: bool,
    /// Its step; that after the last one is the closing.
    pub(crate) step: usize,
}

impl Delivery<'_> {
    /// Whether the server recorded the event.
    #[must_use]
    pub(crate) fn is_recorded(&self) -> bool {
        self.request.processed.is_some_and(|status| (200..300).contains(&status))
    }

    /// Whether the server recorded the event and said so, so that any client must know.
    #[must_use]
    pub(crate) fn is_clearly_recorded(&self) -> bool {
        self.is_recorded() && self.meanings == [Meaning::Recorded]
    }

    #[must_use]
    pub(crate) fn as_attempt(&self) -> Attempt {
        Attempt {
            idempotency_key: self.request.header("idempotency-key").unwrap_or_default().to_owned(),
            meanings: self.meanings.clone(),
            pause: self.pause,
            hangs: self.hangs,
        }
    }

    /// Events with the same key are delivered in order.
    #[must_use]
    pub(crate) fn ordering_key(&self) -> (String, String) {
        ordering_key(self.request.json())
    }
}

/// The product and the environment of an event.
#[must_use]
pub(crate) fn ordering_key(payload: &Value) -> (String, String) {
    let text = |name: &str| payload[name].as_str().unwrap_or_default().to_owned();
    (text("product_name"), text("environment_name"))
}

/// All requests, in the order in which the server got them.
#[must_use]
pub(crate) fn deliveries<'a>(schedule: &Schedule, observed: &'a Observed) -> Vec<Delivery<'a>> {
    let closing = observed.steps.len();
    let step_of = |at: usize| observed.steps.iter().position(|step| step.requests.contains(&at)).unwrap_or(closing);
    let requests = observed.requests.iter().enumerate();
    requests.map(|(at, request)| delivery(schedule, request, step_of(at))).collect()
}

fn delivery<'a>(schedule: &Schedule, request: &'a ReceivedRequest, step: usize) -> Delivery<'a> {
    let body = request.json();
    let metadata = &body["extra_metadata"];
    let status = body["status"].as_str().unwrap_or_default();
    let entry = request.label.as_deref().and_then(|label| label.parse::<usize>().ok());
    let scripted = entry.and_then(|entry| schedule.steps.get(step)?.script.get(entry).cloned());
    let scripted = scripted.unwrap_or_else(|| Scripted::of(What::Normal));
    Delivery {
        request,
        id: (metadata["call"].as_u64().unwrap_or(u64::MAX), status.to_owned()),
        late: metadata["vi_delivered_late"] == true,
        meanings: scripted.meanings(status == "started" && request.path == "/deployment-events/", request.processed),
        pause: scripted.pause(),
        hangs: scripted.hangs(),
        step,
    }
}

/// The attempts of the call to send its own events with one of `statuses`.
#[must_use]
pub(crate) fn attempts(
    deliveries: &[Delivery<'_>],
    step: &ObservedStep,
    at: usize,
    call: &ObservedCall,
    statuses: &[&str],
) -> Vec<Attempt> {
    let own = |it: &&Delivery<'_>| {
        it.step == at && !it.late && it.id.0 == call.id as u64 && statuses.contains(&it.id.1.as_str())
    };
    let mut attempts: Vec<Attempt> = deliveries.iter().filter(own).map(Delivery::as_attempt).collect();
    // A busy machine may let any attempt time out. That takes its time.
    let timed_out = Meaning::Unavailable { retry: true, maybe_recorded: true };
    let hung = attempts.iter().filter(|attempt| attempt.hangs).count();
    let timeout = Duration::from_millis(call.call.settings.request_timeout_ms);
    if call.elapsed >= timeout * u32::try_from(hung + 1).unwrap_or(u32::MAX)
        || step.calls.len() > 1 && call.elapsed >= timeout
    {
        for attempt in attempts.iter_mut().filter(|attempt| !attempt.meanings.contains(&timed_out)) {
            attempt.meanings.push(timed_out);
        }
    }
    attempts
}
