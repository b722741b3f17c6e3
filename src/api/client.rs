//! The client: its setup, its endpoints and the requests it makes.
//!
//! Owns: the headers of a request and the health check. Does not own: retries (`send`).

use super::config::ApiConfig;
use super::dns::SystemResolver;
use super::error::ClientError;
use super::http::{HttpResult, exchange};
use super::{proxy, tls};
use crate::env::Env;
use crate::model::verdict::{Unavailable, UnavailableCause};
use crate::text::Foreign;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use reqwest::{RequestBuilder, Url, redirect};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The API client.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    bearer: Option<HeaderValue>,
    user_agent: HeaderValue,
    pub(super) request_timeout: Duration,
    pub(super) retries: u32,
    /// The forward proxy, without credentials.
    pub(super) proxy: Option<Foreign>,
}

impl Client {
    /// A client for `config`. `ci` names the CI system in the `User-Agent`.
    ///
    /// # Errors
    /// [`ClientError`] if the configuration cannot be used.
    pub fn new(config: &ApiConfig, env: &Env, ci: &str) -> Result<Self, ClientError> {
        let base = config.url.value.clone();
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
            .tcp_user_timeout(None)
            .redirect(redirect::Policy::none());
        let proxy_name = proxy.as_ref().map(|proxy| proxy.name.clone());
        if let Some(proxy) = proxy {
            http = http.proxy(proxy.reqwest);
        }
        let bearer = config.key.as_ref().map(|key| {
            let mut bearer = HeaderValue::from_bytes(key.value.bearer().as_bytes())
                .map_err(|_| ClientError::KeyCharacters(key.source.clone()))?;
            bearer.set_sensitive(true);
            Ok(bearer)
        });
        let http_error = |error: String| ClientError::Http(error.into());
        Ok(Self {
            http: http.build().map_err(|error| http_error(error.to_string()))?,
            base,
            bearer: bearer.transpose()?,
            user_agent: HeaderValue::from_str(&format!("versioner-action/{} ({ci})", env!("CARGO_PKG_VERSION")))
                .map_err(|error| http_error(error.to_string()))?,
            request_timeout: config.request_timeout,
            retries: config.retries,
            proxy: proxy_name,
        })
    }

    /// The endpoint that reports whether the API is up.
    #[must_use]
    pub fn health_url(&self) -> Url {
        self.endpoint("health")
    }

    /// Requests `GET /health` once, without a key. Returns the status; 2xx means that the API is up.
    ///
    /// # Errors
    /// [`Unavailable`] if there is no reply.
    pub async fn health(&self) -> Result<u16, Unavailable> {
        let request = self.http.get(self.health_url()).header(USER_AGENT, &self.user_agent);
        match exchange(request, Instant::now() + self.request_timeout).await {
            HttpResult::Failed(cause) => Err(self.unavailable(cause)),
            HttpResult::Reply(reply) => Ok(reply.status),
        }
    }

    /// The same client, with one attempt of at most `limit`.
    #[must_use]
    pub fn single_attempt(&self, limit: Duration) -> Self {
        Self { request_timeout: self.request_timeout.min(limit), retries: 0, ..self.clone() }
    }

    pub(super) fn unavailable(&self, cause: UnavailableCause) -> Unavailable {
        let host = self.base.host_str().unwrap_or_default().into();
        Unavailable { cause, host, proxy: self.proxy.clone(), requested_pause: None }
    }

    pub(super) fn post(&self, url: Url, key: &str, body: Vec<u8>) -> RequestBuilder {
        let request = self
            .http
            .post(url)
            .header(USER_AGENT, &self.user_agent)
            .header(CONTENT_TYPE, "application/json")
            .header("accept", "application/json")
            .header("idempotency-key", key)
            .body(body);
        match &self.bearer {
            Some(bearer) => request.header(AUTHORIZATION, bearer),
            None => request,
        }
    }

    pub(super) fn endpoint(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.base.path().trim_end_matches('/')));
        url
    }
}
