//! The settings for reaching the API: address, key, limits and trust.

use super::error::{KeyProblem, MISSING_KEY, SettingError};
use super::resolver::Resolver;
use super::sources::RawValue;
use super::table::DEFAULT_API_URL;
use crate::api::{ApiConfig, is_loopback};
use crate::files::read_named;
use crate::model::api_key::ApiKey;
use crate::model::source::{Source, Sourced};
use crate::text::Foreign;
use reqwest::Url;
use std::path::{Path, PathBuf};
use std::time::Duration;

const URLS: &str = "an address such as https://api.versioner.io, without user, password, query or fragment";

/// The API's configuration and the console's address.
pub(super) fn resolve(resolver: &mut Resolver<'_>, key: Option<Sourced<ApiKey>>) -> (Option<ApiConfig>, Option<Url>) {
    let key_source = key.as_ref().map(|key| key.source.clone());
    let url = api_url(resolver, key_source.as_ref());
    let ui_url = ui_url(resolver, url.as_ref());
    let request_timeout = resolver.positive_duration("request_timeout", "30s");
    let retries = resolver.with_default("retries", "3", "a whole number from 0 to 100", |text| {
        text.parse().ok().filter(|retries| (0..=100).contains(retries))
    });
    let ca_bundle = resolver.optional("ca_bundle", &["ca_bundle"], None, "a path", |path| Some(PathBuf::from(path)));
    if let Some(ca_bundle) = &ca_bundle {
        check_trust(resolver, "ca_bundle", &ca_bundle.source, key_source.as_ref());
    }
    let ca_only = resolver.switch("ca_only", false);
    if ca_only
        && ca_bundle.is_none()
        && let Some(raw) = resolver.pick(&["ca_only"])
    {
        resolver.errors.push(SettingError::CaOnlyAlone(raw.source));
    }
    let config = || {
        let (request_timeout, retries) = (request_timeout?.value, retries?.value);
        Some(ApiConfig { url: url?, key, request_timeout, retries, ca_bundle, ca_only })
    };
    (config(), ui_url)
}

/// The API's address, if the key may be sent there.
fn api_url(resolver: &mut Resolver<'_>, key: Option<&Source>) -> Option<Sourced<Url>> {
    let url = resolver.with_default("api_url", DEFAULT_API_URL, URLS, base_url);
    let allow_http = resolver.sourced_switch("allow_http", false);
    let url = url?;
    if url.value.as_str().trim_end_matches('/') != DEFAULT_API_URL {
        check_trust(resolver, "api_url", &url.source, key);
    }
    if url.value.scheme() == "http" && !is_loopback(&url.value) {
        match allow_http.filter(|allow_http| allow_http.value) {
            Some(allow_http) => check_trust(resolver, "allow_http", &allow_http.source, key),
            None => resolver
                .errors
                .push(SettingError::InsecureUrl { set_by: url.source.clone(), url: url.value.as_str().into() }),
        }
    }
    Some(url)
}

/// Adds an error if the setting `name` decides where or how a key is sent, and comes from a file that nobody named, but the
/// key does not.
fn check_trust(resolver: &mut Resolver<'_>, name: &'static str, set_by: &Source, key: Option<&Source>) {
    let is_implicit = |source: &Source| matches!(source, Source::ConfigFile(line) if !line.named);
    if let Some(key) = key.filter(|key| is_implicit(set_by) && !is_implicit(key)) {
        resolver.errors.push(SettingError::ImplicitTrust { name, set_by: set_by.clone(), key: key.clone() });
    }
}

/// The console's address: as set, else derived from the API's.
fn ui_url(resolver: &mut Resolver<'_>, api_url: Option<&Sourced<Url>>) -> Option<Url> {
    if resolver.pick(&["ui_url"]).is_some() {
        return resolver.optional("ui_url", &["ui_url"], None, URLS, base_url).map(|url| url.value);
    }
    let derived = api_url.and_then(|url| console_of(&url.value));
    let shown = derived.as_ref().map(|url| (url.as_str().into(), Source::Detected("api_url".to_owned())));
    resolver.note("ui_url", shown);
    derived
}

/// The API key. Without one: an error if it is `required`, else a warning.
pub(super) fn api_key(resolver: &mut Resolver<'_>, required: bool) -> Option<Sourced<ApiKey>> {
    let picked = resolver.sources.pick_either("api_key", "api_key_file").unwrap_or_else(|error| {
        resolver.errors.push(error);
        None
    });
    let Some((name, raw, both)) = picked else {
        resolver.note("api_key", None);
        match required {
            true => resolver.errors.push(SettingError::MissingKey),
            false => resolver.warnings.push(MISSING_KEY.to_owned()),
        }
        return None;
    };
    if both {
        resolver.errors.push(SettingError::BothKeys(raw.source));
        return None;
    }
    let key = match name {
        "api_key_file" => read_key_file(&raw),
        _ => ApiKey::parse(raw.value.raw()).map_err(KeyProblem::Key),
    };
    if name == "api_key" && matches!(raw.source, Source::Flag(_)) {
        resolver.warnings.push(
            "--api-key is visible to everyone who lists this machine's processes: use VERSIONER_API_KEY or api_key_file \
             instead."
                .to_owned(),
        );
    }
    match key {
        Ok(key) => {
            let shown = match name {
                "api_key_file" => format!("{} in {}", key.redacted(), raw.value),
                _ => key.redacted(),
            };
            resolver.note(name, Some((shown.into(), raw.source.clone())));
            Some(Sourced { value: key, source: raw.source })
        }
        Err(problem) => {
            resolver.note(name, Some(("(not shown)".into(), raw.source.clone())));
            let allowed = match name {
                "api_key_file" => "the path of a file that contains only an API key",
                _ => "an API key, sk_{account}_{id}_…, as the console shows it once",
            };
            resolver.errors.push(SettingError::Key { name, set_by: raw.source, problem: Box::new(problem), allowed });
            None
        }
    }
}

/// The size limit of a key file, in bytes.
const LARGEST_KEY_FILE: u64 = 16 * 1024;

/// The time limit for reading a key from anything but a regular file.
const KEY_TIMEOUT: Duration = Duration::from_secs(5);

fn read_key_file(raw: &RawValue) -> Result<ApiKey, KeyProblem> {
    let path = &raw.value;
    if path.raw().starts_with("sk_") {
        return Err(KeyProblem::IsAKey);
    }
    let unreadable = |error: &dyn std::fmt::Display| KeyProblem::Unreadable {
        path: path.clone(),
        error: Foreign::new(error.to_string()),
    };
    let bytes = read_named(Path::new(path.raw()), LARGEST_KEY_FILE, KEY_TIMEOUT).map_err(|error| unreadable(&error))?;
    let text = str::from_utf8(&bytes).map_err(|_| unreadable(&"it is not UTF-8"))?;
    ApiKey::parse(text).map_err(|error| KeyProblem::Content { path: path.clone(), error })
}

/// Parses a base address: http or https, a host, no credentials, query or fragment. Removes trailing slashes.
fn base_url(text: &str) -> Option<Url> {
    let url = Url::parse(text.trim_end_matches('/')).ok()?;
    let plain =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    (matches!(url.scheme(), "http" | "https") && url.host_str().is_some() && plain).then_some(url)
}

/// The console for an API address: `app.X` for `api.X`, `dev.X` for `development-api.X`.
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
    fn console_is_derived_only_from_known_api_hosts() {
        let console = |api: &str| console_of(&Url::parse(api).unwrap()).map(|url| url.to_string());
        assert_eq!(console("https://api.versioner.io").as_deref(), Some("https://app.versioner.io/"));
        assert_eq!(console("https://development-api.versioner.io").as_deref(), Some("https://dev.versioner.io/"));
        assert_eq!(console("https://versioner.corp.example"), None);
    }
}
