//! What a report is about: the event, its settings, and where its pages are.

use super::links::Page;
use super::markup::{Text, words};
use crate::api::ApiConfig;
use crate::ci::System;
use crate::model::event::{Event, Role};
use crate::model::source::{Source, Sourced};
use crate::settings::Settings;
use crate::text::{Foreign, quote_shell};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;
use std::fmt::Display;
use std::time::Duration;

/// The event that a report is about.
#[derive(Clone, Copy, Debug)]
pub struct ReportContext<'a> {
    pub settings: &'a Settings,
    pub event: &'a Event,
    pub system: &'static System,
    /// Whether people also see the summary.
    pub has_summary: bool,
    /// Whether the event belongs to a command that `run` wraps.
    pub wrapped: bool,
    /// Whether a reported failure fails this step.
    pub failure_fails_step: bool,
    /// How that command ended, if it has.
    pub end: Option<&'a CommandEnd>,
}

/// How a wrapped command ended.
#[derive(Clone, Debug)]
pub struct CommandEnd {
    /// The program, without its arguments: they may hold secrets, and the CI system cannot mask what is escaped.
    pub program: Option<Foreign>,
    /// `None` if it still runs, or never ran.
    pub exit_code: Option<u8>,
    /// `None` if it never ran.
    pub duration: Option<Duration>,
    /// The signal that this process got.
    pub signal: Option<&'static str>,
    /// Why it could not be started, in sentences.
    pub problem: Option<String>,
}

impl ReportContext<'_> {
    /// `shop 1.4.2 → production`, or `build of shop 1.4.2`.
    #[must_use]
    pub fn name(&self) -> String {
        match self.event.environment {
            Some(_) => self.subject(),
            None => format!("build of {}", self.subject()),
        }
    }

    /// `shop 1.4.2 → production`, or `shop 1.4.2` for a build.
    #[must_use]
    pub fn subject(&self) -> String {
        let version = self.version();
        self.event.environment.as_ref().map_or_else(|| version.clone(), |it| format!("{version} → {}", it.value))
    }

    /// The name for the summary.
    #[must_use]
    pub fn name_text(&self) -> Text {
        let version = Text::default().value(self.version());
        match &self.event.environment {
            Some(environment) => version.words(" → ").value(&environment.value),
            None => words("build of ").and(version),
        }
    }

    /// `shop 1.4.2`.
    #[must_use]
    pub fn version(&self) -> String {
        format!("{} {}", self.event.product.value, self.event.version.value)
    }

    /// What is deployed to: the environment, or the product of a build.
    #[must_use]
    pub fn target(&self) -> &Foreign {
        &self.event.environment.as_ref().unwrap_or(&self.event.product).value
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

    /// Whether the event reports something that has already happened.
    #[must_use]
    pub fn has_happened(&self) -> bool {
        self.event.status.value.is_terminal()
    }

    /// How to try again. What has happened must not be done twice.
    #[must_use]
    pub fn again(&self) -> &'static str {
        if self.has_happened() { "report it again" } else { "re-run this job" }
    }

    /// The same, as a link to this run.
    #[must_use]
    pub fn again_link(&self) -> Text {
        self.run_link(self.again())
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

    /// The console's address, or its name.
    #[must_use]
    pub fn console_or_name(&self) -> &str {
        self.console().unwrap_or("the Versioner console")
    }

    /// The console's page of API keys, as an address.
    #[must_use]
    pub fn keys_page(&self) -> Text {
        match self.console().map(|console| format!("{console}/settings/api-keys")) {
            Some(page) => Text::default().link(page.clone(), Some(page)),
            None => words("the Versioner console > Settings > API Keys"),
        }
    }

    fn page(&self, path: &str, query: &str) -> Option<String> {
        let mut url: Url = self.settings.ui_url.clone()?;
        url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
        url.set_query(Some(query));
        Some(url.to_string())
    }

    /// `label` as a link to this run.
    fn run_link(&self, label: &'static str) -> Text {
        Text::default().link(label, self.settings.run_url.as_ref().map(Foreign::clean))
    }

    /// Settings → Deployment Rules, as a link to the console.
    #[must_use]
    pub fn rules_link(&self) -> Text {
        Text::default().link("Settings → Deployment Rules", self.console())
    }

    /// The link at the end of a summary.
    #[must_use]
    pub fn about(&self, page: Page) -> Text {
        Text::default().link(format!("About {}", page.about), Some(page.url()))
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

/// `HTTP 503`, for the small print.
#[must_use]
pub fn http(status: u16) -> Text {
    words("HTTP ").computed(status)
}

/// A source, as a person would look for it: `the api_key input`, `VERSIONER_API_KEY`.
#[must_use]
pub fn source(source: &Source) -> String {
    match source {
        Source::Variable(name) => match name.strip_prefix("INPUT_") {
            Some(input) => format!("the {} input", input.to_lowercase()),
            None => name.clone(),
        },
        source => source.to_string(),
    }
}

fn with_source(name: &str, value: &Sourced<impl Display>) -> String {
    format!("{name} {} ({})", value.value, value.source)
}

fn encode(id: &Foreign) -> String {
    const UNRESERVED: percent_encoding::AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');
    utf8_percent_encode(id.clean(), &UNRESERVED).to_string()
}
