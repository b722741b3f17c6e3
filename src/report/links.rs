//! The addresses that messages link to: pages of this project's documentation.

/// Where the documentation of this version is.
const DOCS: &str = "https://github.com/versioner/action/blob/v1/docs";

/// A page of the documentation, and what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// What it is about, after "About ".
    pub about: &'static str,
    file: &'static str,
}

impl Page {
    #[must_use]
    pub fn url(self) -> String {
        format!("{DOCS}/{}", self.file)
    }
}

const fn page(about: &'static str, file: &'static str) -> Page {
    Page { about, file }
}

pub const WINDOW: Page = page("no-deploy windows", "blocks.md#no-deploy-window");
pub const CONFLICT: Page = page("deployments in progress", "blocks.md#deployment-in-progress");
pub const APPROVAL: Page = page("required approvals", "blocks.md#approval-required");
pub const FLOW: Page = page("deployment flows", "blocks.md#flow-violation");
pub const SOAK: Page = page("soak times", "blocks.md#soak-time");
pub const KEY_REJECTED: Page = page("rejected API keys", "troubleshooting.md#api-key-rejected");
pub const REJECTED: Page = page("rejected events", "troubleshooting.md#rejected");
pub const UNAVAILABLE: Page = page("an unavailable API", "troubleshooting.md#api-unavailable");
pub const CANNOT_REACH: Page = page("reaching the API", "troubleshooting.md#cannot-reach-the-api");
pub const TLS: Page = page("TLS errors", "troubleshooting.md#tls-error");
pub const TIMED_OUT: Page = page("waits that time out", "troubleshooting.md#timed-out-waiting");
pub const PARKED: Page = page("parked jobs", "resume.md");
pub const NOT_RECORDED: Page = page("events that are not recorded yet", "troubleshooting.md#not-recorded-yet");
