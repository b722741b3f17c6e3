//! What a report is about: the event, its settings, and its pages in the web console.

use crate::api::ApiConfig;
use crate::model::event::{Event, Role};
use crate::model::source::{Source, Sourced};
use crate::settings::Settings;
use crate::text::{Foreign, quote_shell};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use std::fmt::Display;

/// The event that a report is about.
#[derive(Clone, Copy, Debug)]
pub struct ReportContext<'a> {
    pub settings: &'a Settings,
    pub event: &'a Event,
    /// Whether the event belongs to a command that `run` wraps.
    pub wrapped: bool,
}

impl ReportContext<'_> {
    /// `shop 1.4.2 → production`, or `build of shop 1.4.2`.
    #[must_use]
    pub fn name(&self) -> String {
        let Event { product, version, environment, .. } = self.event;
        match environment {
            Some(environment) => format!("{} {} → {}", product.value, version.value, environment.value),
            None => format!("build of {} {}", product.value, version.value),
        }
    }

    /// The line that every event prints: its main parts, each with its source.
    #[must_use]
    pub fn line(&self) -> String {
        let event = self.event;
        let mut parts = vec![
            format!("{}: {}", event.event_type.word(), with_source("product", &event.product)),
            with_source("version", &event.version),
        ];
        parts.extend(event.environment.as_ref().map(|environment| with_source("environment", environment)));
        parts.push(with_source("status", &event.status));
        parts.extend(self.api().key.as_ref().map(|key| format!("key {} ({})", key.value.redacted(), key.source)));
        parts.join(", ")
    }

    /// Whether the event is a gate.
    #[must_use]
    pub fn is_gate(&self) -> bool {
        self.event.role() == Role::Gate
    }

    #[must_use]
    pub fn api(&self) -> &ApiConfig {
        &self.settings.api
    }

    /// The console's page of a deployment.
    #[must_use]
    pub fn deployment_link(&self, id: &Foreign) -> Option<String> {
        self.page("manage/deployments", &format!("view={}", encode(id)))
    }

    /// The console's page of a version.
    #[must_use]
    pub fn version_link(&self, id: &Foreign) -> Option<String> {
        self.page("manage/catalog", &format!("tab=versions&view={}", encode(id)))
    }

    /// The console's address, if it is known.
    #[must_use]
    pub fn console(&self) -> Option<&str> {
        self.settings.ui_url.as_ref().map(|url| url.as_str().trim_end_matches('/'))
    }

    fn page(&self, path: &str, query: &str) -> Option<String> {
        let mut url: Url = self.settings.ui_url.clone()?;
        url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
        url.set_query(Some(query));
        Some(url.to_string())
    }

    /// The command that closes a deployment to this environment. `version` is that of the deployment to close, if known.
    #[must_use]
    pub fn closing_command(&self, version: Option<&Foreign>) -> String {
        let environment = self.event.environment.as_ref().map_or("", |environment| environment.value.clean());
        // A value that begins like a flag must be part of its own flag's argument.
        let flag = |name: &str, value: &str| match value.starts_with('-') {
            true => format!("--{name}={}", quote_shell(value)),
            false => format!("--{name} {}", quote_shell(value)),
        };
        format!(
            "versioner track deployment {} {} {} --status aborted",
            flag("product", self.event.product.value.clean()),
            flag("environment", environment),
            flag("version", version.map_or("VERSION_OF_THAT_DEPLOYMENT", Foreign::clean)),
        )
    }
}

/// A value with its source, for an error: `"prod" (from INPUT_ENVIRONMENT)`.
#[must_use]
pub fn quoted(value: &Foreign, source: &Source) -> String {
    format!("{value:?} (from {source})")
}

fn with_source(name: &str, value: &Sourced<impl Display>) -> String {
    format!("{name} {} ({})", value.value, value.source)
}

fn encode(id: &Foreign) -> String {
    const UNRESERVED: percent_encoding::AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');
    utf8_percent_encode(id.clean(), &UNRESERVED).to_string()
}
