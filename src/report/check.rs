//! Messages about settings: what `check` shows, and errors.

use crate::model::source::Source;
use crate::settings::{ResolvedSetting, SettingError};

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
    message.push_str("Next: 'versioner check' shows every setting and where it comes from.");
    (title, message)
}
