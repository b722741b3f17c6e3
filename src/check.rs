//! `versioner check`: what would be sent, and where each value comes from.
//!
//! Owns: how that is shown. Does not own: reading the settings, nor sending.

use crate::ci::System;
use crate::ci::surface::Level;
use crate::console::Console;
use crate::event::Payload;
use crate::settings::said::Source;
use crate::settings::{Reading, Row};
use crate::text::shown;

/// Shows every setting with its value and its source, and `payload` if there is one.
pub fn show(console: &Console, system: &System, reading: &Reading, payload: Option<&Payload>) {
    console.line(&format!("CI system: {}", system.name));
    console.line("settings, and where each comes from:");
    let width = reading.rows.iter().map(|row| row.name.len()).max().unwrap_or_default();
    let rows: Vec<String> = reading.rows.iter().map(|row| line(row, width)).collect();
    for row in rows {
        console.line(&row);
    }
    if let Some(payload) = payload {
        console.line("this would be sent:");
        console.block(&serde_json::to_string_pretty(payload).unwrap_or_default());
    }
}

fn line(row: &Row, width: usize) -> String {
    let name = format!("{:width$}", row.name);
    match (&row.value, &row.source) {
        (None, _) => format!("  {name}  –"),
        (Some(value), source) => format!("  {name}  {}  ({})", shown(value), shown(&spelled(source))),
    }
}

fn spelled(source: &Source) -> String {
    match source {
        Source::Default => "default".to_owned(),
        source => format!("from {source}"),
    }
}

/// Says what is wrong with the settings.
pub fn complain(console: &Console, problems: &[String]) {
    let title = match problems.len() {
        1 => "Setting cannot be used: no event was sent".to_owned(),
        count => format!("{count} settings cannot be used: no event was sent"),
    };
    let help = "Next: 'versioner check' shows every setting and where it comes from.";
    let mut message = problems.join("\n");
    message.push('\n');
    message.push_str(help);
    console.annotate(Level::Error, &title, &message);
}
