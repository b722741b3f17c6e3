//! The client: its setup, its endpoints and the requests it makes.
//!
//! Owns: the headers of a request and the health check. Does not own: retries (`send`).

use super::config::ApiConfig;
use super::error::ClientError;
use super::http::{HttpResult, LARGEST_REPLY, exchange};
use super::transport::Transport;
use crate::env::Env;
use crate::model::verdict::Unavailable;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, RequestBuilder, Url};
use std::time::Duration;
use tokio::time::Instant;

/// The API client.
#[derive(Clone, Debug)]
pub struct Client {
    pub(super) transport: Transport,
    bearer: Option<HeaderValue>,
}

impl Client {
    /// A client for `config`. `ci` names the CI system in the `User-Agent`.
    ///
    /// # Errors
    /// [`ClientError`] if the configuration cannot be used.
    pub fn new(config: &ApiConfig, env: &Env, ci: &str) -> Result<Self, ClientError> {
        let bearer = config.key.as_ref().map(|key| {
            let mut bearer = HeaderValue::from_bytes(key.value.bearer().as_bytes())
                .map_err(|_| ClientError::KeyCharacters(key.source.clone()))?;
            bearer.set_sensitive(true);
            Ok(bearer)
        });
        let transport = Transport::new(config.url.value.clone(), config, env, ci)?;
        Ok(Self { transport, bearer: bearer.transpose()? })
    }

    /// The endpoint that reports whether the API is up.
    #[must_use]
    pub fn health_url(&self) -> Url {
        self.transport.endpoint("health")
    }

    /// Requests `GET /health` once, without a key. Returns the status; 2xx means that the API is up.
    ///
    /// # Errors
    /// [`Unavailable`] if there is no reply.
    pub async fn health(&self) -> Result<u16, Unavailable> {
        let request = self.transport.request(Method::GET, self.health_url());
        match exchange(request, Instant::now() + self.transport.request_timeout, LARGEST_REPLY).await {
            HttpResult::Failed(cause) => Err(self.transport.unavailable(cause)),
            HttpResult::Reply(reply) => Ok(reply.status),
        }
    }

    /// The same client, with one attempt of at most `limit`.
    #[must_use]
    pub fn single_attempt(&self, limit: Duration) -> Self {
        let mut client = self.clone();
        client.transport.request_timeout = client.transport.request_timeout.min(limit);
        client.transport.retries = 0;
        client
    }

    pub(super) fn post(&self, url: Url, key: &str, body: Vec<u8>) -> RequestBuilder {
        let request = self
            .transport
            .request(Method::POST, url)
            .header(CONTENT_TYPE, "application/json")
            .header("accept", "application/json")
            .header("idempotency-key", key)
            .body(body);
        match &self.bearer {
            Some(bearer) => request.header(AUTHORIZATION, bearer),
            None => request,
        }
    }
}
