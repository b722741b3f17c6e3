//! What a report is about: the event, where its parts came from, and where the console shows it.
//!
//! Owns: naming the event and links to the console. Does not own: what happened to it.

use crate::settings::said::Source;
use crate::settings::{Described, EventType, Settings};
use crate::text::{shell, shown};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;

/// The event that a report is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The settings it came from.
    pub settings: &'a Settings,
}

impl<'a> Subject<'a> {
    /// The event's description.
    #[must_use]
    pub fn described(&self) -> &'a Described {
        &self.settings.described
    }

    /// `shop 1.4.2 → production`, or `build of shop 1.4.2`.
    #[must_use]
    pub fn name(&self) -> String {
        let described = self.described();
        let what = format!("{} {}", shown(&described.product.value), shown(&described.version.value));
        match &described.environment {
            Some(environment) => format!("{what} → {}", shown(&environment.value)),
            None => format!("build of {what}"),
        }
    }

    /// The one line that every event prints: what, and which source said each part of it.
    #[must_use]
    pub fn line(&self) -> String {
        let described = self.described();
        let mut parts = vec![
            format!(
                "{}: product {} ({})",
                described.event_type.word(),
                shown(&described.product.value),
                shown(&described.product.source.to_string())
            ),
            format!("version {} ({})", shown(&described.version.value), shown(&described.version.source.to_string())),
        ];
        if let Some(environment) = &described.environment {
            parts.push(format!(
                "environment {} ({})",
                shown(&environment.value),
                shown(&environment.source.to_string())
            ));
        }
        parts.push(format!(
            "status {} ({})",
            shown(described.status.value.as_str()),
            shown(&described.status.source.to_string())
        ));
        if let Some(key) = &self.settings.connection.key {
            parts.push(format!("key {} ({})", key.value.described(), shown(&key.source.to_string())));
        }
        parts.join(", ")
    }

    /// Whether it asks the rules: only a deployment's start does.
    #[must_use]
    pub fn is_gate(&self) -> bool {
        self.described().event_type == EventType::Deployment
            && self.described().status.value == crate::status::Status::Started
    }

    /// The console's page of a deployment.
    #[must_use]
    pub fn deployment_link(&self, id: &str) -> Option<String> {
        self.page("manage/deployments", &format!("view={}", encoded(id)))
    }

    /// The console's page of a version.
    #[must_use]
    pub fn version_link(&self, id: &str) -> Option<String> {
        self.page("manage/catalog", &format!("tab=versions&view={}", encoded(id)))
    }

    /// The console's address, if it is known.
    #[must_use]
    pub fn console(&self) -> Option<String> {
        self.settings.connection.ui_url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned())
    }

    fn page(&self, path: &str, query: &str) -> Option<String> {
        let mut url: Url = self.settings.connection.ui_url.clone()?;
        url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
        url.set_query(Some(query));
        Some(url.to_string())
    }

    /// The command that closes a deployment to this environment. `version` is that of the deployment to close, if known.
    #[must_use]
    pub fn closing_command(&self, version: Option<&str>) -> String {
        let described = self.described();
        let environment = described.environment.as_ref().map(|found| shown(&found.value)).unwrap_or_default();
        // A value that begins like a flag must be tied to its own.
        let flag = |name: &str, value: &str| match value.starts_with('-') {
            true => format!("--{name}={}", shell(value)),
            false => format!("--{name} {}", shell(value)),
        };
        format!(
            "versioner track deployment {} {} {} --status aborted",
            flag("product", &shown(&described.product.value)),
            flag("environment", &environment),
            flag("version", version.unwrap_or("VERSION_OF_THAT_DEPLOYMENT")),
        )
    }

    /// A value with its source, for an error: `"prod" (from INPUT_ENVIRONMENT)`.
    #[must_use]
    pub fn quoted(value: &str, source: &Source) -> String {
        format!("{:?} (from {})", shown(value), shown(&source.to_string()))
    }
}

fn encoded(id: &str) -> String {
    const KEPT: percent_encoding::AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');
    utf8_percent_encode(id, &KEPT).to_string()
}
