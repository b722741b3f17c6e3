//! The forward proxy that a request to the API goes through, if any.
//!
//! Owns: which variable decides, as curl reads them, and that loopback never goes through a proxy. The matching of
//! `NO_PROXY` is hyper-util's. Does not own: the tunnel.

use crate::ci::remote::clean_url;
use crate::env::Env;
use crate::settings::said::Source;
use crate::text::shown;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;

/// A proxy for requests to the API.
#[derive(Debug)]
pub(super) struct Proxy {
    /// For reqwest; with credentials.
    pub(super) reqwest: reqwest::Proxy,
    /// For people; without.
    pub(super) name: String,
}

/// The proxy for requests to `api`.
///
/// # Errors
/// Says which variable cannot be understood.
pub(super) fn of(env: &Env, api: &Url) -> Result<Option<Proxy>, String> {
    if crate::settings::is_loopback(api) {
        return Ok(None);
    }
    let names: &[&str] = match api.scheme() {
        "https" => &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
        _ => &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"],
    };
    let Some((name, value)) = names.iter().find_map(|name| Some((*name, env.get(name)?.trim()))) else {
        return Ok(None);
    };
    let target: Uri = api.as_str().parse().map_err(|error| format!("api_url cannot be used: {error}"))?;
    let misunderstood = || {
        format!(
            "{} is {:?}, which cannot be understood. Allowed: an http proxy such as http://proxy.example:3128, with \
             user:password@ before the host if it wants them.",
            Source::Variable(name.to_owned()),
            shown(&clean_url(value)),
        )
    };
    let proxy = Matcher::builder().all(value).build().intercept(&target).ok_or_else(misunderstood)?;
    if !matches!(proxy.uri().scheme_str(), Some("http" | "https")) {
        return Err(misunderstood());
    }
    let exceptions = env.get("no_proxy").or_else(|| env.get("NO_PROXY")).unwrap_or_default();
    if Matcher::builder().all(value).no(exceptions).build().intercept(&target).is_none() {
        return Ok(None);
    }
    let name = shown(proxy.uri().to_string().trim_end_matches('/'));
    let reqwest = reqwest::Proxy::all(value).map_err(|_| misunderstood())?;
    Ok(Some(Proxy { reqwest, name }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(api: &str, variables: &[(&str, &str)]) -> Result<Option<String>, String> {
        let env = variables.iter().copied().collect();
        of(&env, &Url::parse(api).unwrap()).map(|proxy| proxy.map(|proxy| proxy.name))
    }

    #[test]
    fn variables_decide_as_they_do_for_curl() {
        let api = "https://api.versioner.io";
        let proxy = Ok(Some("http://proxy.example:3128".to_owned()));
        assert_eq!(name(api, &[("HTTPS_PROXY", "http://proxy.example:3128")]), proxy);
        assert_eq!(name(api, &[("https_proxy", "proxy.example:3128")]), proxy);
        assert_eq!(name(api, &[("HTTPS_PROXY", "http://user:secret@proxy.example:3128/")]), proxy);
        assert_eq!(name(api, &[("HTTP_PROXY", "http://proxy.example:3128")]), Ok(None));
        for exception in ["*", "versioner.io", ".versioner.io", "x, api.versioner.io"] {
            assert_eq!(name(api, &[("HTTPS_PROXY", "http://p:1"), ("NO_PROXY", exception)]), Ok(None), "{exception}");
        }
        for loopback in ["http://127.0.0.1:9", "http://localhost:9", "http://[::1]:9"] {
            assert_eq!(name(loopback, &[("HTTP_PROXY", "http://p:1"), ("ALL_PROXY", "http://p:1")]), Ok(None));
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_is_an_error_without_its_password() {
        for value in ["socks5://user:secret@p:1", "http://user:secret@"] {
            let error = name("https://api.versioner.io", &[("HTTPS_PROXY", value)]).unwrap_err();
            assert!(error.contains("HTTPS_PROXY") && !error.contains("secret"), "{error}");
        }
    }
}
