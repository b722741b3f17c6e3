//! Messages about settings: what `check` shows, and errors.

use super::unavailable;
use crate::model::source::Source;
use crate::model::verdict::Unavailable;
use crate::settings::{ResolvedSetting, SettingError};
use crate::text::capitalize;
use std::fmt::Display;

/// The CI system.
#[must_use]
pub fn system(name: &str) -> String {
    format!("CI system: {name}")
}

/// The heading of the settings.
pub const SETTINGS: &str = "settings and their sources:";

/// The heading of the event.
pub const EVENT: &str = "this would be sent:";

/// An API that is up.
#[must_use]
pub fn healthy(url: impl Display, status: u16) -> String {
    format!("the API is up ({url} returned {status})")
}

/// The title of the error about an API that is not up.
pub const UNAVAILABLE_TITLE: &str = "Versioner API unavailable";

/// The error about an API that gave no usable answer.
#[must_use]
pub fn unreachable(unavailable: &Unavailable) -> String {
    let what = capitalize(&unavailable::summary(unavailable));
    format!("{what}.\n{}", unavailable::advice_for(unavailable).first_line())
}

/// The lines for all settings, each with its value and source.
#[must_use]
pub fn settings(settings: &[ResolvedSetting]) -> Vec<String> {
    let width = settings.iter().map(|setting| setting.name.len()).max().unwrap_or_default();
    settings.iter().map(|setting| line(setting, width)).collect()
}

fn line(setting: &ResolvedSetting, width: usize) -> String {
    let name = format!("{:width$}", setting.name);
    match (&setting.value, &setting.source) {
        (None, _) => format!("  {name}  –"),
        (Some(value), Source::Default) => format!("  {name}  {value}  (default)"),
        (Some(value), source) => format!("  {name}  {value}  (from {source})"),
    }
}

/// The title and message for invalid settings.
#[must_use]
pub fn errors(errors: &[SettingError]) -> (String, String) {
    let title = match errors.len() {
        1 => "Invalid setting: no event was sent".to_owned(),
        count => format!("{count} invalid settings: no event was sent"),
    };
    let mut message: String = errors.iter().map(|error| format!("{error}\n")).collect();
    message.push_str("Do: correct this. 'versioner check' shows every setting and where it comes from.");
    (title, message)
}
