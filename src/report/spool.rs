//! Messages about spooled events.

use super::layout::{Report, Step};
use super::links;
use super::markup::{Text, words};
use super::{rejected, unavailable};
use crate::model::message::{Level, State};
use crate::model::time::{format_duration, rfc3339};
use crate::model::verdict::Verdict;
use crate::state::{SetAsideFile, SpooledEvent};
use crate::text::Foreign;
use serde_json::Value;
use std::time::Duration;

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
    format!("It will be delivered again, because it cannot be removed from the spool: {error}.")
}

/// Why a spooled event is not recorded, as part of a sentence.
#[must_use]
pub fn failure(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Recorded(_) => String::new(),
        Verdict::Blocked(block) => {
            block.message.as_ref().map_or_else(|| format!("the API returned {}", block.status), Foreign::to_string)
        }
        Verdict::Rejected(rejection) => rejected::summary(rejection),
        Verdict::Unavailable(unavailable) => unavailable::summary(unavailable),
    }
}

/// Why an event is set aside that `verdict` is about.
#[must_use]
pub fn not_deliverable(event: &SpooledEvent, verdict: &Verdict) -> String {
    let who = if matches!(verdict, Verdict::Blocked(_)) { "A rule blocks" } else { "The API rejected" };
    format!("{who} {}: {}", name(event), failure(verdict))
}

/// Why an event is set aside that alone keeps failing.
#[must_use]
pub fn keeps_failing(event: &SpooledEvent, failure: &str) -> String {
    format!("{} keeps failing while other events are recorded: {failure}", name(event))
}

/// Why a file is set aside that is not an event of ours.
#[must_use]
pub fn unusable(reason: &str) -> String {
    format!("A spooled file cannot be delivered: {reason}")
}

/// The warning about a file that was set aside because it is not an event of ours.
#[must_use]
pub fn set_aside_unusable(why: &str, to: &Foreign) -> String {
    format!("{why}. It was moved to {to}, and is not tried again. To give it up, delete the file.")
}

/// The warning about an event that was set aside.
#[must_use]
pub fn set_aside(why: &str, to: &Foreign) -> String {
    format!(
        "{why}. It is set aside in {to}, and is not tried again. To deliver it: versioner flush --retry-set-aside. \
         To give it up, delete the file."
    )
}

/// The warning about an event or a file that could not be set aside.
#[must_use]
pub fn not_set_aside(why: &str, error: &str) -> String {
    format!("{why}. It could not be set aside: {error}.")
}

/// A failed attempt that is not noted in the event's file.
#[must_use]
pub fn attempt_not_noted(error: &str) -> String {
    format!("the failed attempt is not noted: {error}")
}

/// Why nothing was delivered although events are spooled.
pub const ANOTHER_PROCESS_DELIVERS: &str = "another process is still delivering the spool";

/// Why delivering ended early.
pub const OUT_OF_TIME: &str = "there was no time left";

/// The start of a wait for another process that delivers.
#[must_use]
pub fn waiting_for_another_process(timeout: Duration) -> String {
    format!("another versioner process is delivering the spool; waiting up to {} for it", format_duration(timeout))
}

/// Spooled events that could not be delivered before the next event.
#[must_use]
pub fn not_delivered_yet(count: usize, failure: &str) -> String {
    format!("{} spooled earlier could not be delivered yet: {failure}", events(count))
}

/// The warning about a spool that cannot be used.
#[must_use]
pub fn unusable_spool(error: &str) -> String {
    format!("{UNUSABLE_TITLE}: {error}.")
}

/// The title of the error about a spool that cannot be used.
pub const UNUSABLE_TITLE: &str = "Spooled events cannot be delivered";

/// The error of `flush` about a spool that cannot be used.
#[must_use]
pub fn unusable_message(error: &str) -> String {
    format!("{error}.\nDo: correct that, then run 'versioner flush' again. The events stay in the spool.")
}

/// There is no spool.
pub const NO_DIRECTORY: &str = "nothing to deliver: there is no directory for spooled events (spool_dir)";

/// An empty spool.
#[must_use]
pub fn nothing_to_deliver(directory: &Foreign) -> String {
    format!("nothing to deliver: {directory} has no events")
}

/// A flush that left none of our events.
#[must_use]
pub fn all_delivered(count: usize, others_are_left: bool, directory: &Foreign) -> String {
    let left = if others_are_left { "none of this API key is left" } else { "none is left" };
    format!("delivered {}; {left} in {directory}", events(count))
}

/// Set-aside events that were moved back into the spool.
#[must_use]
pub fn restored(count: usize) -> String {
    match count {
        0 => "nothing to retry: no event that can be delivered is set aside".to_owned(),
        count => format!("{} moved from the set-aside events back into the spool", events(count)),
    }
}

/// One set-aside event or file: its name, why, since when, and where.
#[must_use]
pub fn set_aside_file(file: &SetAsideFile) -> String {
    let what = file.event.as_ref().map_or_else(|| "a file that cannot be read".to_owned(), name);
    let since = file.since.map_or_else(String::new, |at| format!(", since {}", rfc3339(at)));
    let path = Foreign::new(file.path.display().to_string());
    format!("set aside: {what}{since}. {}. File: {path}", file.reason)
}

/// Set-aside events of another API key.
#[must_use]
pub fn set_aside_of_another_key(key: &Foreign, count: usize) -> String {
    format!("set aside: {} of another API key, {key}", events(count))
}

/// Events of another API key.
#[must_use]
pub fn of_another_key(key: &Foreign, count: usize) -> String {
    format!("left in spool_dir: {} of another API key, {key}", events(count))
}

/// The report of a flush that left events in the spool or set aside.
#[derive(Debug)]
pub struct Left<'a> {
    /// Those in the spool.
    pub count: usize,
    pub delivered: usize,
    /// Those of a newer version.
    pub newer: usize,
    /// Those that are set aside.
    pub set_aside: usize,
    /// Why the last attempt failed.
    pub failure: Option<&'a str>,
    pub directory: &'a Foreign,
    pub set_aside_directory: &'a Foreign,
}

impl Left<'_> {
    #[must_use]
    pub fn report(&self) -> Report {
        let title = match (self.count, self.set_aside) {
            (count, 0) => format!("{} still to be delivered", events(count)),
            (0, set_aside) => format!("{} set aside", events(set_aside)),
            (count, set_aside) => format!("{} still to be delivered, {set_aside} set aside", events(count)),
        };
        let mut report = Report::new(Level::Error, State::NotRecorded, &title, Text::default().computed(&title));
        let section = &mut report.section;
        section.cause = self.failure.map(|failure| Text::default().value(failure).words("."));
        let mut notes: Vec<String> = self.failure.iter().map(|failure| format!("{failure}.")).collect();
        if self.newer > 0 {
            let newer = format!("Needs a newer version of versioner: {}.", events(self.newer));
            section.paragraphs.push(Text::default().computed(&newer));
            notes.push(newer);
        }
        notes.push(format!("Delivered: {}", events(self.delivered)));
        section.row("Delivered", Some(Text::default().computed(events(self.delivered))));
        if self.count > 0 {
            notes.push(format!("Queued in: {}", self.directory));
            section.row("Queued in", Some(Text::default().code(self.directory)));
            section.steps.push(Step::new(
                "Correct that,",
                words("then run ").setting("versioner flush").words(" again. Until then, no event is lost."),
            ));
        }
        if self.set_aside > 0 {
            notes.push(format!("Set aside in: {}", self.set_aside_directory));
            section.row("Set aside in", Some(Text::default().code(self.set_aside_directory)));
            section.steps.push(Step::new(
                "Deliver what is set aside:",
                words("")
                    .setting("versioner flush --retry-set-aside")
                    .words(". The log lists these events. To give one up, delete its file."),
            ));
        }
        section.footer.push(
            Text::default().link(format!("About {}", links::NOT_RECORDED.about), Some(links::NOT_RECORDED.url())),
        );
        report.lines = notes;
        report.lines.extend(report.section.steps.iter().map(Step::first_line));
        report
    }
}
