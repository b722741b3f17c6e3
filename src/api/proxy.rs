//! The forward proxy for requests to the API.
//!
//! Owns: which variable decides, with curl's precedence. Loopback never goes through a proxy. hyper-util matches `NO_PROXY`.
//! Does not own: the tunnel.

use super::config::is_loopback;
use super::error::ClientError;
use crate::env::Env;
use crate::text::{Foreign, clean_url};
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;

/// A proxy for requests to the API.
#[derive(Debug)]
pub(super) struct Proxy {
    /// For reqwest; with credentials.
    pub(super) reqwest: reqwest::Proxy,
    /// For people; without credentials.
    pub(super) name: Foreign,
}

/// The proxy for requests to `api`.
///
/// # Errors
/// [`ClientError::Proxy`] if the variable has no usable proxy.
pub(super) fn detect(env: &Env, api: &Url) -> Result<Option<Proxy>, ClientError> {
    if is_loopback(api) {
        return Ok(None);
    }
    let names: &[&str] = match api.scheme() {
        "https" => &["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"],
        _ => &["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"],
    };
    let Some((variable, value)) = names.iter().find_map(|name| Some((*name, env.get(name)?.trim()))) else {
        return Ok(None);
    };
    let target: Uri =
        api.as_str().parse().map_err(|error: http::uri::InvalidUri| ClientError::Url(error.to_string().into()))?;
    let invalid = || ClientError::Proxy { variable, value: clean_url(value).into() };
    let proxy = Matcher::builder().all(value).build().intercept(&target).ok_or_else(invalid)?;
    if !matches!(proxy.uri().scheme_str(), Some("http" | "https")) {
        return Err(invalid());
    }
    let exceptions = env.get("no_proxy").or_else(|| env.get("NO_PROXY")).unwrap_or_default();
    if Matcher::builder().all(value).no(exceptions).build().intercept(&target).is_none() {
        return Ok(None);
    }
    let name = Foreign::new(proxy.uri().to_string().trim_end_matches('/'));
    let reqwest = reqwest::Proxy::all(value).map_err(|_| invalid())?;
    Ok(Some(Proxy { reqwest, name }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(api: &str, variables: &[(&str, &str)]) -> Result<Option<String>, String> {
        let env = variables.iter().copied().collect();
        let proxy = detect(&env, &Url::parse(api).unwrap()).map_err(|error| error.to_string())?;
        Ok(proxy.map(|proxy| proxy.name.clean().to_owned()))
    }

    #[test]
    fn proxy_variables_have_curls_precedence() {
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
    fn unusable_proxy_is_an_error_without_its_password() {
        for value in ["socks5://user:secret@p:1", "http://user:secret@"] {
            let error = name("https://api.versioner.io", &[("HTTPS_PROXY", value)]).unwrap_err();
            assert!(error.contains("HTTPS_PROXY") && !error.contains("secret"), "{error}");
        }
    }
}
