//! The HTTP client with its trust, its proxy and its limits, for one server.
//!
//! Owns: what requests to any server have in common. Does not own: endpoints and keys (`client`, and `forge` for GitHub).

use super::config::ApiConfig;
use super::dns::SystemResolver;
use super::error::ClientError;
use super::{proxy, tls};
use crate::env::Env;
use crate::model::verdict::{Unavailable, UnavailableCause};
use crate::text::Foreign;
use reqwest::header::{HeaderValue, USER_AGENT};
use reqwest::{Method, RequestBuilder, Url, redirect};
use std::sync::Arc;
use std::time::Duration;

/// The HTTP client for one server.
#[derive(Clone, Debug)]
pub struct Transport {
    http: reqwest::Client,
    /// The server's base URL.
    base: Url,
    user_agent: HeaderValue,
    pub request_timeout: Duration,
    pub retries: u32,
    /// The forward proxy, without credentials.
    pub proxy: Option<Foreign>,
}

impl Transport {
    /// A client for the server at `base`. `ci` names the CI system in the `User-Agent`.
    ///
    /// # Errors
    /// [`ClientError`] if the configuration cannot be used.
    pub fn new(base: Url, config: &ApiConfig, env: &Env, ci: &str) -> Result<Self, ClientError> {
        let proxy = proxy::detect(env, &base)?;
        // Without TLS there is nothing to verify, and loading the roots takes 3 % of a call over HTTP.
        let uses_tls = base.scheme() == "https" || proxy.as_ref().is_some_and(|proxy| proxy.uses_tls);
        let tls = match uses_tls || config.ca_bundle.is_some() {
            true => tls::config(env, config.ca_bundle.as_ref(), config.ca_only)?,
            false => tls::trust_nothing()?,
        };
        let mut http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            // Shorter than `request_timeout`, to distinguish a failed connection from a missing reply.
            .connect_timeout(config.request_timeout.mul_f64(0.9))
            .no_proxy()
            .dns_resolver(Arc::new(SystemResolver))
            // Every request has a deadline of its own, which notices a dead connection.
            .tcp_keepalive(None)
            .tcp_keepalive_interval(None)
            .tcp_keepalive_retries(None)
            .redirect(redirect::Policy::none());
        #[cfg(target_os = "linux")]
        {
            http = http.tcp_user_timeout(None);
        }
        let proxy_name = proxy.as_ref().map(|proxy| proxy.name.clone());
        if let Some(proxy) = proxy {
            http = http.proxy(proxy.reqwest);
        }
        let http_error = |error: String| ClientError::Http(error.into());
        Ok(Self {
            http: http.build().map_err(|error| http_error(error.to_string()))?,
            base,
            user_agent: HeaderValue::from_str(&format!("versioner-action/{} ({ci})", env!("CARGO_PKG_VERSION")))
                .map_err(|error| http_error(error.to_string()))?,
            request_timeout: config.request_timeout,
            retries: config.retries,
            proxy: proxy_name,
        })
    }

    /// The URL of `path`, which has no leading slash.
    #[must_use]
    pub fn endpoint(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.base.path().trim_end_matches('/')));
        url
    }

    /// A request with our `User-Agent`.
    pub fn request(&self, method: Method, url: Url) -> RequestBuilder {
        self.http.request(method, url).header(USER_AGENT, &self.user_agent)
    }

    /// The failure of a request because of `cause`.
    #[must_use]
    pub fn unavailable(&self, cause: UnavailableCause) -> Unavailable {
        let host = self.base.host_str().unwrap_or_default().into();
        Unavailable { cause, host, proxy: self.proxy.clone(), requested_pause: None }
    }
}
