//! The API client's configuration.

use crate::model::api_key::ApiKey;
use crate::model::source::Sourced;
use reqwest::Url;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How to reach the API.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// The base URL, without a trailing slash.
    pub url: Sourced<Url>,
    /// `None` only if no event is sent.
    pub key: Option<Sourced<ApiKey>>,
    /// The limit of one request.
    pub request_timeout: Duration,
    /// Retries after a request.
    pub retries: u32,
    /// A PEM file of certificate authorities, or of the server's own certificate, to trust as well.
    pub ca_bundle: Option<Sourced<PathBuf>>,
    /// Whether nothing but `ca_bundle` is trusted.
    pub ca_only: bool,
}

impl ApiConfig {
    /// The base URL for people, without a trailing slash.
    #[must_use]
    pub fn address(&self) -> &str {
        self.url.value.as_str().trim_end_matches('/')
    }
}

/// Whether `url` points to this machine.
#[must_use]
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whether `path` is a regular file, or a file that this process inherited open (as from a shell's `<(…)`). Reading anything
/// else, such as a pipe without a writer, could block forever.
#[must_use]
pub fn is_readable_file(path: &Path) -> bool {
    path.is_file()
        || ["/dev/fd", "/proc/self/fd"].iter().any(|open| path.starts_with(open))
        || path == Path::new("/dev/stdin")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_recognised_by_name_and_address() {
        for (url, expected) in [
            ("http://127.0.0.1:8080", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:1", true),
            ("http://localhost", true),
            ("http://10.0.0.1", false),
            ("http://localhost.evil.example", false),
            ("http://evil.localhost", false),
            ("http://127.0.0.1.nip.io", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(url).unwrap()), expected, "{url}");
        }
    }
}
