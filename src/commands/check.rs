//! `versioner check`: shows what would be sent and where each value comes from. Sends no event.

use super::{CommandContext, config_errors};
use crate::api::Client;
use crate::console::Console;
use crate::delivery::print_json;
use crate::model::clock::Clock;
use crate::model::message::Level;
use crate::model::outcome::Outcome;
use crate::model::payload::Payload;
use crate::report::{Outputs, check as words, unavailable};
use crate::settings::{CheckPlan, ResolvedSetting, SettingError};

/// Shows the settings, and sends a request to the API if wanted. Returns the exit code: 0 if an event could be sent.
pub(super) async fn check(
    start: &CommandContext<'_>,
    plan: &CheckPlan,
    settings: &[ResolvedSetting],
    mut errors: Vec<SettingError>,
) -> u8 {
    let console = start.console;
    console.line(&words::system(start.system.name));
    console.line(words::SETTINGS);
    for line in words::settings(settings) {
        console.line(&line);
    }
    if let Some(event) = &plan.event {
        let payload = Payload::new(event, Clock::system().now());
        console.line(words::EVENT);
        console.block(&serde_json::to_string_pretty(&payload).unwrap_or_default());
    }
    let client = plan.api.as_ref().and_then(|api| start.client(api).map_err(|error| errors.push(error.into())).ok());
    config_errors(console, &errors);
    let (outcome, outputs) = match client.filter(|_| plan.online) {
        Some(client) => health(console, &client).await,
        None => (Outcome::Done, Outputs::default()),
    };
    print_json(console, start.json, &outputs);
    if errors.is_empty() { outcome.exit_code() } else { Outcome::Misconfigured.exit_code() }
}

/// Asks the API whether it is up.
async fn health(console: &Console, client: &Client) -> (Outcome, Outputs) {
    let url = client.health_url();
    let (status, failure) = match client.health().await {
        Ok(status @ 200..300) => {
            console.line(&words::healthy(&url, status));
            (Some(status), None)
        }
        Ok(status) => (Some(status), Some(unavailable::unhealthy(&url, status))),
        Err(error) => (error.status(), Some(words::unreachable(&error))),
    };
    let outcome = match failure {
        None => Outcome::Done,
        Some(message) => {
            console.annotate(Level::Error, words::UNAVAILABLE_TITLE, &message);
            Outcome::Unavailable { excused: false }
        }
    };
    (outcome, Outputs { http_status: status, attempts: Some(1), ..Outputs::default() })
}
