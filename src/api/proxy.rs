//! The forward proxy for requests to the API.
//!
//! Owns: which variable decides, with curl's precedence. Loopback never goes through a proxy. hyper-util matches `NO_PROXY`.
//! Does not own: the tunnel.

mod url;

use super::config::is_loopback;
use super::error::{ClientError, ProxyProblem};
use crate::env::Env;
use crate::text::Foreign;
use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::Url;
use url::{ProxyUrl, shown_scheme};

/// A proxy for requests to the API.
#[derive(Debug)]
pub(super) struct Proxy {
    /// For reqwest; with credentials.
    pub(super) reqwest: reqwest::Proxy,
    /// Whether the connection to it is encrypted.
    pub(super) uses_tls: bool,
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
    let is_unreadable = |name: &str| env.unreadable().any(|unreadable| unreadable == name);
    let is_set = |name: &&&str| env.get(name).is_some() || is_unreadable(name);
    let Some(variable) = names.iter().find(is_set).copied() else {
        return Ok(None);
    };
    if is_exception(env, api)? {
        return Ok(None);
    }
    // Only now: the URL of a proxy that is not used may be anything.
    let value = env.get(variable).map(str::trim);
    let invalid = |problem| ClientError::Proxy { variable, scheme: value.map_or("", shown_scheme), problem };
    let url = value.ok_or(ProxyProblem::NotUtf8).and_then(ProxyUrl::parse).map_err(invalid)?;
    let address = url.address();
    let mut reqwest = reqwest::Proxy::all(&address).map_err(|_| invalid(ProxyProblem::Host))?;
    if let Some(authorization) = url.authorization() {
        reqwest = reqwest.custom_http_auth(authorization);
    }
    Ok(Some(Proxy { reqwest, uses_tls: address.starts_with("https:"), name: address.into() }))
}

/// Whether `NO_PROXY` excludes `api`.
fn is_exception(env: &Env, api: &Url) -> Result<bool, ClientError> {
    let target: Uri =
        api.as_str().parse().map_err(|error: http::uri::InvalidUri| ClientError::Url(error.to_string().into()))?;
    let exceptions = env.get("no_proxy").or_else(|| env.get("NO_PROXY")).unwrap_or_default();
    Ok(Matcher::builder().all("http://any").no(exceptions).build().intercept(&target).is_none())
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
    fn invalid_proxy_is_an_error_that_shows_only_its_scheme() {
        for (value, shown, problem) in [
            ("http://bob:x@Pa55/word@host:3128", "http://***", "encoded"),
            ("http://bob:80/word@host:3128", "http://***", "encoded"),
            ("http://bob:pa#ss@host:3128", "http://***", "encoded"),
            ("http://bob:pa?ss@host:3128", "http://***", "encoded"),
            ("http://bob:pa ss@host:3128", "http://***", "encoded"),
            ("http://bob:pa\\ss@host:3128", "http://***", "encoded"),
            ("http://bob:100%@host:3128", "http://***", "encoded"),
            ("http://bob:100%é0@host:3128", "http://***", "encoded"),
            ("bob:x/pass@host:3128", "***", "encoded"),
            ("bob:x://pass@host:3128", "***", "scheme"),
            ("http:/bob:pass@host:3128", "***", "scheme"),
            ("http:bob:pass@host:3128", "***", "scheme"),
            ("htp://bob:pass@host:3128", "***", "scheme"),
            ("SOCKS5://bob:pass@host:1", "socks5://***", "scheme"),
            ("https://bob:pass", "https://***", "port"),
            ("http://host:0", "http://***", "port"),
            ("http://host:65536", "http://***", "port"),
            ("http://host:+80", "http://***", "port"),
            ("http://host:", "http://***", "port"),
            ("http://bob:pass@", "http://***", "host"),
            ("http://bob:pass@two words", "http://***", "host"),
            ("http://[::1", "http://***", "host"),
            ("http://999.999.999.999", "http://***", "host"),
        ] {
            let problem = match problem {
                "encoded" => "its user or password contains a character that must be percent-encoded",
                "scheme" => "its scheme is missing or not supported",
                "port" => "its port is not a number from 1 to 65535",
                _ => "its host is missing or invalid",
            };
            let error = name("https://api.versioner.io", &[("HTTPS_PROXY", value)]).unwrap_err();
            let expected = format!(
                "HTTPS_PROXY is {shown}, which cannot be used as a proxy: {problem}. Allowed: http://HOST:PORT or \
                 https://HOST:PORT, with USER:PASSWORD@ before the host if the proxy requires a login. Special characters \
                 in the user and the password must be percent-encoded: @ is %40, : is %3A, / is %2F, ? is %3F, # is %23, \
                 % is %25."
            );
            assert_eq!(error, expected, "{value}");
        }
    }
}
