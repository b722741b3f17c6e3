//! How to reach the API: address, key, patience, trust.
//!
//! Owns: what makes an address acceptable. Does not own: the connection itself (`api`).

use super::resolver::{Resolver, Sourced};
use super::said::{Given, Source};
use crate::secret::ApiKey;
use crate::when;
use reqwest::Url;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io::Read as _};

/// How to reach the API.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Base address, without a slash at its end.
    pub api_url: Sourced<Url>,
    /// The key; none only where no event is sent.
    pub key: Option<Sourced<ApiKey>>,
    /// The web console, if it is known.
    pub ui_url: Option<Url>,
    /// The longest that one request may take.
    pub request_timeout: Duration,
    /// How often a request is tried again.
    pub retries: u32,
    /// Further certificate authorities.
    pub ca_bundle: Option<Sourced<PathBuf>>,
}

const URLS: &str = "an address such as https://api.versioner.io, without user, password, query or fragment";

pub(super) fn read(resolver: &mut Resolver<'_>, key: Option<Sourced<ApiKey>>) -> Option<Connection> {
    let api_url = resolver.or_default("api_url", "https://api.versioner.io", URLS, base_url);
    let allow_http = resolver.switch("allow_http", false);
    if let Some(url) =
        api_url.as_ref().filter(|url| url.value.scheme() == "http" && !allow_http && !is_loopback(&url.value))
    {
        resolver.problems.push(format!(
            "api_url (from {}) is {}, which would send the API key unencrypted. Use https, or set allow_http to true if \
             that network may see the key.",
            url.source, url.value
        ));
    }
    let derived = api_url.as_ref().and_then(|url| console_of(&url.value));
    let ui_url = match resolver.said.pick(&["ui_url"]) {
        None => {
            let shown = derived.as_ref().map(|url| (url.to_string(), Source::Detected("api_url".to_owned())));
            resolver.row("ui_url", shown);
            derived
        }
        Some(_) => resolver.optional("ui_url", &["ui_url"], None, URLS, base_url).map(|url| url.value),
    };
    let positive = |text: &str| when::read_duration(text).filter(|duration| !duration.is_zero());
    let allowed = format!("{}, more than 0", when::DURATION_FORMS);
    let request_timeout = resolver.or_default("request_timeout", "30s", &allowed, positive);
    let retries = resolver.or_default("retries", "3", "a whole number from 0 to 100", |text| {
        text.parse().ok().filter(|retries| (0..=100).contains(retries))
    });
    let ca_bundle = resolver.optional("ca_bundle", &["ca_bundle"], None, "a path", |path| Some(PathBuf::from(path)));
    Some(Connection {
        api_url: api_url?,
        key,
        ui_url,
        request_timeout: request_timeout?.value,
        retries: retries?.value,
        ca_bundle,
    })
}

pub(super) fn api_key(
    resolver: &mut Resolver<'_>,
    required: bool,
    warnings: &mut Vec<String>,
) -> Option<Sourced<ApiKey>> {
    let Some((name, given, both)) = resolver.said.pick_either("api_key", "api_key_file") else {
        resolver.row("api_key", None);
        let missing = "api_key is not set. Store the key as a secret of your CI system and pass it: on GitHub \
                       'api_key: ${{ secrets.VERSIONER_API_KEY }}', elsewhere the variable VERSIONER_API_KEY, or \
                       api_key_file. (A secret is empty in workflows of forks and where its name is misspelt.)";
        if required {
            resolver.problems.push(missing.to_owned());
        } else {
            warnings.push(missing.to_owned());
        }
        return None;
    };
    if both {
        resolver.problems.push(format!(
            "api_key and api_key_file are both set by the same kind of source (api_key by {}). Remove one of them.",
            given.source
        ));
        return None;
    }
    let key = if name == "api_key_file" { read_key_file(&given) } else { ApiKey::parse(&given.value) };
    if name == "api_key" && matches!(given.source, Source::Flag(_)) {
        warnings.push(
            "--api-key is visible to everybody on this machine who lists its processes: use VERSIONER_API_KEY or \
             api_key_file instead."
                .to_owned(),
        );
    }
    match key {
        Ok(key) => {
            let shown = match name {
                "api_key_file" => format!("{} in {}", key.described(), given.value),
                _ => key.described(),
            };
            resolver.row(name, Some((shown, given.source.clone())));
            Some(Sourced { value: key, source: given.source })
        }
        Err(problem) => {
            resolver.row(name, Some(("(not shown)".to_owned(), given.source.clone())));
            let allowed = match name {
                "api_key_file" => "the path of a file that holds an API key and nothing else",
                _ => "an API key, sk_{account}_{id}_…, as the console shows it once",
            };
            resolver.problems.push(format!("{name} (from {}) {problem}. Allowed: {allowed}.", given.source));
            None
        }
    }
}

/// A key file is at most this large; a larger one is something else.
const LARGEST_KEY_FILE: u64 = 16 * 1024;

fn read_key_file(given: &Given) -> Result<ApiKey, String> {
    if given.value.starts_with("sk_") {
        return Err("looks like a key itself: give it as api_key, or the path of a file that holds it".to_owned());
    }
    let path = crate::text::shown(&given.value);
    if !is_readable_file(Path::new(&given.value)) {
        return Err(format!("names {path}, which is no file that can be read"));
    }
    let mut text = String::new();
    fs::File::open(&given.value)
        .and_then(|file| file.take(LARGEST_KEY_FILE).read_to_string(&mut text))
        .map_err(|error| format!("names the file {path}, which cannot be read: {error}"))?;
    ApiKey::parse(&text).map_err(|problem| format!("names the file {path}, whose content {problem}"))
}

/// Whether `path` is a file, or one that this process was handed open (as a shell's `<(…)` does). Anything else, such as a
/// pipe that nobody writes to, could be waited for without end.
#[must_use]
pub(crate) fn is_readable_file(path: &Path) -> bool {
    path.is_file()
        || ["/dev/fd", "/proc/self/fd"].iter().any(|open| path.starts_with(open))
        || path == Path::new("/dev/stdin")
}

/// Reads a base address: http or https, a host, no credentials, query or fragment; no slash at its end.
fn base_url(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim_end_matches('/')).ok()?;
    let plain =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    (matches!(url.scheme(), "http" | "https") && url.host_str().is_some() && plain).then_some(url)
}

/// Whether `url` leads to this machine alone.
#[must_use]
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The console that belongs to an API address: `app.X` for `api.X`, `dev.X` for `development-api.X`.
fn console_of(api: &Url) -> Option<Url> {
    let host = api.host_str()?;
    let host = match (host.strip_prefix("api."), host.strip_prefix("development-api.")) {
        (Some(domain), _) => format!("app.{domain}"),
        (None, Some(domain)) => format!("dev.{domain}"),
        (None, None) => return None,
    };
    Url::parse(&format!("https://{host}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_console_is_derived_only_where_it_is_known() {
        let console = |api: &str| console_of(&Url::parse(api).unwrap()).map(|url| url.to_string());
        assert_eq!(console("https://api.versioner.io").as_deref(), Some("https://app.versioner.io/"));
        assert_eq!(console("https://development-api.versioner.io").as_deref(), Some("https://dev.versioner.io/"));
        assert_eq!(console("https://versioner.corp.example"), None);
    }

    #[test]
    fn loopback_is_recognised_by_name_and_number() {
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
