//! Messages about spooled events.

use super::layout::Report;
use crate::model::message::Level;
use crate::state::SpooledEvent;
use crate::text::Foreign;
use serde_json::Value;

/// `1 event`, `2 events`.
#[must_use]
pub fn events(count: usize) -> String {
    match count {
        1 => "1 event".to_owned(),
        count => format!("{count} events"),
    }
}

/// `shop 1.4.2 → production (completed)`.
#[must_use]
pub fn name(event: &SpooledEvent) -> String {
    let text = |name: &str| event.payload.get(name).and_then(Value::as_str).map(Foreign::new);
    let [product, version, status] =
        ["product_name", "version", "status"].map(|name| text(name).unwrap_or_else(|| Foreign::new("?")));
    let environment = text("environment_name").map_or_else(String::new, |environment| format!(" → {environment}"));
    format!("{product} {version}{environment} ({status})")
}

/// A late delivery.
#[must_use]
pub fn delivered(event: &SpooledEvent) -> String {
    format!("delivered late: {}, of {}", name(event), Foreign::new(event.occurred_at.as_str()))
}

/// A delivered event that stays in the spool.
#[must_use]
pub fn not_removed(error: &str) -> String {
    format!("It will be delivered again, as it cannot be removed from the spool: {error}.")
}

/// An event that was set aside, or could not be.
#[must_use]
pub fn set_aside(what: &str, reason: &str, to: &Foreign, from: &Foreign) -> String {
    format!(
        "{what}: {reason}. It is set aside in {to}, and not tried again. To deliver it after all, move it back to {from}."
    )
}

/// Events of another API key.
#[must_use]
pub fn of_another_key(key: &Foreign, count: usize) -> String {
    format!("left in spool_dir: {} of another API key, {key}", events(count))
}

/// The report of a flush that left events in the spool.
#[derive(Debug)]
pub struct Left<'a> {
    pub count: usize,
    pub delivered: usize,
    /// Those of a newer version.
    pub newer: usize,
    /// Why the last attempt failed.
    pub failure: Option<&'a str>,
    pub directory: &'a Foreign,
}

impl Left<'_> {
    #[must_use]
    pub fn report(&self) -> Report {
        let mut report = Report::new(Level::Error, format!("{} still to be delivered", events(self.count)));
        report.lead.extend(self.failure.map(|failure| format!("{failure}.")));
        if self.newer > 0 {
            report.lead.push(format!(
                "{} were written by a newer version of versioner: deliver them with that version.",
                events(self.newer)
            ));
        }
        report.fact("Delivered", Some(events(self.delivered)));
        report.fact("Spooled in", Some(self.directory.clean()));
        report.next.push("Correct that, then run 'versioner flush' again. No event is lost meanwhile.".to_owned());
        report
    }
}
