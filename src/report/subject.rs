//! What a report is about: the event, where its parts came from, and where the console shows it.
//!
//! Owns: naming the event and links to the console. Does not own: what happened to it.

use crate::api::reply::Verdict;
use crate::gate::Rules;
use crate::settings::said::Source;
use crate::settings::{Described, EventType, Keeping, Settings};
use crate::text::{shell, shown};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;

/// The event that a report is about.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The settings under which it is sent.
    pub settings: &'a Settings,
    /// What it says.
    pub described: &'a Described,
    /// Whether it belongs to a command that is wrapped.
    pub wrapped: bool,
    /// Whether and how long a block of it is waited for.
    pub rules: &'a Rules,
}

impl<'a> Subject<'a> {
    /// `shop 1.4.2 → production`, or `build of shop 1.4.2`.
    #[must_use]
    pub fn name(&self) -> String {
        let described = self.described;
        let what = format!("{} {}", shown(&described.product.value), shown(&described.version.value));
        match &described.environment {
            Some(environment) => format!("{what} → {}", shown(&environment.value)),
            None => format!("build of {what}"),
        }
    }

    /// The one line that every event prints: what, and which source said each part of it.
    #[must_use]
    pub fn line(&self) -> String {
        let described = self.described;
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
        self.described.event_type == EventType::Deployment
            && self.described.status.value == crate::status::Status::Started
    }

    /// Whether `verdict`, which records nothing, does not fail the job. What has been blocked once is never excused, which is
    /// not looked at here.
    #[must_use]
    pub fn excuses(&self, verdict: &Verdict) -> bool {
        let needed = self.is_gate() && self.settings.require_gate;
        let pardonable = match verdict {
            Verdict::Recorded(_) | Verdict::Unreachable(_) => true,
            Verdict::Blocked(_) => false,
            // What is wrong with the deployment itself stays wrong however often it is sent: it must not begin.
            Verdict::Refused(refusal) => !self.wrapped || refusal.may_pass(),
        };
        // The end of what was wrapped is delivered or kept, or its loss is said, unless nobody wants it kept.
        let needed = needed || self.wrapped && !self.is_gate() && !matches!(self.settings.keeping, Keeping::Off);
        !self.settings.fail_on_api_error && !needed && pardonable
    }

    /// Whether it tells how something ended, and so is kept where it cannot be delivered.
    #[must_use]
    pub fn is_worth_keeping(&self) -> bool {
        self.described.status.value.is_end() || self.described.event_type == EventType::Build
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
        let described = self.described;
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
