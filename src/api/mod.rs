//! The Versioner API: its endpoints, and sending one event with retries.
//!
//! Owns: requests, retries and classifying replies. Does not own: waiting for a block to lift (`gate`), nor wording
//! (`report`).

mod backoff;
mod classify;
pub mod config;
mod dns;
mod error;
mod http;
mod proxy;
mod tls;

pub use backoff::LONGEST_PAUSE;
pub use config::{ApiConfig, is_loopback};
pub use error::ClientError;

use crate::env::Env;
use crate::model::block::Block;
use crate::model::clock::{Clock, ServerClock};
use crate::model::event::EventType;
use crate::model::verdict::{Unavailable, UnavailableCause, Verdict};
use crate::text::{Foreign, clean_url};
use backoff::{Next, Pauses};
use classify::{Meaning, classify};
use dns::SystemResolver;
use http::{BodyState, HttpResult, Reply, exchange};
use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use reqwest::{RequestBuilder, Url, redirect};
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// What came of sending one event, over all its attempts.
#[derive(Clone, Debug)]
pub struct SendResult {
    /// What the last attempt came to.
    pub verdict: Verdict,
    /// The last reply's HTTP status.
    pub http_status: Option<u16>,
    /// How many requests were sent.
    pub requests: u32,
    pub server_clock: ServerClock,
    /// A pause that the server asked for and that was not made.
    pub asked_pause: Option<Duration>,
    /// When, by our clock, the first attempt was sent that has no final answer: the API may have recorded it.
    pub unanswered_since: Option<Timestamp>,
    /// The `Idempotency-Key` of the attempts.
    pub idempotency_key: String,
}

/// An event to send.
#[derive(Clone, Copy, Debug)]
pub struct SendRequest<'a> {
    pub event_type: EventType,
    pub body: &'a Map<String, Value>,
    /// The `Idempotency-Key` of earlier attempts; `None`: a new one.
    pub idempotency_key: Option<&'a str>,
    /// Whether it is a gate, for which a 409 that cannot be understood counts as a block.
    pub is_gate: bool,
}

/// The API client.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    bearer: Option<HeaderValue>,
    user_agent: HeaderValue,
    request_timeout: Duration,
    retries: u32,
    /// The forward proxy, without credentials.
    proxy: Option<Foreign>,
}

/// What happens while an event is sent.
#[derive(Debug)]
pub enum SendProgress<'a> {
    /// An attempt failed, and another follows.
    Retrying {
        failure: Failure<'a>,
        pause: Duration,
        /// Attempts so far.
        requests: u32,
        retries: u32,
    },
    /// A request is sent.
    Request { url: &'a Url, body: &'a [u8] },
    /// A reply arrived.
    Reply { status: u16, headers: Vec<(&'a str, String)>, body: &'a [u8] },
}

/// Why an attempt is repeated.
#[derive(Debug)]
pub enum Failure<'a> {
    Unavailable(&'a Unavailable),
    /// The reply with this status was truncated.
    Truncated(u16),
}

impl Client {
    /// A client for `config`. `ci` names the CI system in the `User-Agent`.
    ///
    /// # Errors
    /// [`ClientError`] if the configuration cannot be used.
    pub fn new(config: &ApiConfig, env: &Env, ci: &str) -> Result<Self, ClientError> {
        let base = config.url.value.clone();
        let proxy = proxy::detect(env, &base)?;
        let tls = tls::config(env, config.ca_bundle.as_ref(), config.ca_only)?;
        let mut http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            // Shorter than a request may take: a connection that was never made is told apart from a missing reply.
            .connect_timeout(config.request_timeout.mul_f64(0.9))
            .no_proxy()
            .dns_resolver(std::sync::Arc::new(SystemResolver))
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

    /// Requests `GET /health` once, without a key. Returns the status, of which 2xx means that it is.
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

    /// Sends an event, with retries, until `deadline` if there is one.
    ///
    /// All attempts share one random `Idempotency-Key`. The API's documentation does not mention it, and nothing here relies
    /// on it.
    pub async fn send(
        &self,
        request: SendRequest<'_>,
        deadline: Option<Instant>,
        clock: Clock,
        rng: &mut fastrand::Rng,
        observe: &mut dyn FnMut(SendProgress<'_>),
    ) -> SendResult {
        let url = self.endpoint(match request.event_type {
            EventType::Deployment => "deployment-events/",
            EventType::Build => "build-events/",
        });
        let body = serde_json::to_vec(request.body).unwrap_or_default();
        observe(SendProgress::Request { url: &url, body: &body });
        let key = request.idempotency_key.map_or_else(new_key, str::to_owned);
        let mut pauses = Pauses::new(self.retries);
        let mut attempts = Attempts::default();
        loop {
            let sent = clock.now();
            let limit = Instant::now() + self.request_timeout;
            let post = self.post(url.clone(), &key, body.clone());
            let result = exchange(post, deadline.map_or(limit, |deadline| limit.min(deadline))).await;
            if let HttpResult::Reply(reply) = &result {
                observe(reply_progress(reply));
            }
            let attempt = self.attempt(&result, clock.now(), attempts.server_clock, request.is_gate);
            attempts.add(&attempt, sent);
            let mut send_result = attempts.result(&attempt, key.clone());
            if !attempt.retry {
                return send_result;
            }
            let fits = |pause| deadline.is_none_or(|deadline| Instant::now() + pause < deadline);
            match pauses.next(attempt.asked_pause, rng) {
                Next::After(pause) if fits(pause) => {
                    let failure = attempt.failure();
                    let (requests, retries) = (attempts.requests, self.retries);
                    observe(SendProgress::Retrying { failure, pause, requests, retries });
                    sleep(pause).await;
                }
                Next::TooLong(pause) => {
                    send_result.asked_pause = Some(pause);
                    if let Verdict::Unavailable(unavailable) = &mut send_result.verdict {
                        unavailable.asked_pause = Some(pause);
                    }
                    return send_result;
                }
                Next::After(_) | Next::Exhausted => {
                    send_result.asked_pause = attempt.asked_pause;
                    return send_result;
                }
            }
        }
    }

    /// What one request came to, at `now` by our clock.
    fn attempt(&self, result: &HttpResult, now: Timestamp, known_clock: ServerClock, is_gate: bool) -> Attempt {
        match result {
            HttpResult::Failed(cause) => {
                let retry = is_transient(cause);
                let verdict = Verdict::Unavailable(self.unavailable(cause.clone()));
                Attempt { verdict, status: None, truncated: false, server_clock: None, retry, asked_pause: None }
            }
            HttpResult::Reply(reply) => {
                let clock = ServerClock::from_date(reply.header("date"), now);
                let truncated = reply.body_state == BodyState::Truncated;
                let retry = match truncated {
                    true => backoff::is_retried_if_truncated(reply.status),
                    false => backoff::is_transient(reply.status),
                };
                let server_now = clock.or(known_clock).at(now);
                let asked_pause = backoff::asked_pause(reply.status, |name| reply.header(name), server_now);
                let verdict = match classify(reply, self.proxy.is_some(), is_gate) {
                    Meaning::Recorded(receipt) => Verdict::Recorded(receipt),
                    Meaning::Blocked(mut block) => {
                        block.retry_after_header = backoff::retry_after(|name| reply.header(name), server_now)
                            .and_then(|pause| server_now.checked_add(pause).ok());
                        Verdict::Blocked(block)
                    }
                    Meaning::Rejected(rejection) => Verdict::Rejected(rejection),
                    Meaning::Unavailable(cause) => Verdict::Unavailable(self.unavailable(cause)),
                };
                Attempt {
                    verdict,
                    status: Some(reply.status),
                    truncated,
                    server_clock: Some(clock),
                    retry,
                    asked_pause,
                }
            }
        }
    }

    fn unavailable(&self, cause: UnavailableCause) -> Unavailable {
        let host = self.base.host_str().unwrap_or_default().into();
        Unavailable { cause, host, proxy: self.proxy.clone(), asked_pause: None }
    }

    fn post(&self, url: Url, key: &str, body: Vec<u8>) -> RequestBuilder {
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

    fn endpoint(&self, path: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("{}/{path}", self.base.path().trim_end_matches('/')));
        url
    }
}

/// One request and what it came to.
struct Attempt {
    verdict: Verdict,
    status: Option<u16>,
    /// Whether the reply's body is incomplete.
    truncated: bool,
    server_clock: Option<ServerClock>,
    /// Whether another attempt may succeed.
    retry: bool,
    asked_pause: Option<Duration>,
}

impl Attempt {
    fn failure(&self) -> Failure<'_> {
        match (&self.verdict, self.status) {
            (Verdict::Unavailable(unavailable), _) => Failure::Unavailable(unavailable),
            (Verdict::Recorded(_) | Verdict::Blocked(_) | Verdict::Rejected(_), status) => {
                Failure::Truncated(status.unwrap_or_default())
            }
        }
    }

    /// The block that a truncated reply reports.
    fn truncated_block(&self) -> Option<Block> {
        match &self.verdict {
            Verdict::Blocked(block) if self.truncated => Some((**block).clone()),
            _ => None,
        }
    }
}

/// All attempts of one event so far.
#[derive(Default)]
struct Attempts {
    requests: u32,
    server_clock: ServerClock,
    unanswered_since: Option<Timestamp>,
    /// A block whose reply was truncated. It stands, whatever later attempts come to, unless one of them is recorded.
    truncated_block: Option<Block>,
}

impl Attempts {
    fn add(&mut self, attempt: &Attempt, sent: Timestamp) {
        self.requests += 1;
        self.server_clock = attempt.server_clock.unwrap_or_default().or(self.server_clock);
        if matches!(&attempt.verdict, Verdict::Unavailable(unavailable) if unavailable.may_be_recorded()) {
            self.unanswered_since.get_or_insert(sent);
        }
        self.truncated_block = attempt.truncated_block().or(self.truncated_block.take());
    }

    /// The result if `attempt` was the last one.
    fn result(&self, attempt: &Attempt, idempotency_key: String) -> SendResult {
        let (verdict, http_status) = match (&attempt.verdict, &self.truncated_block) {
            (Verdict::Rejected(_) | Verdict::Unavailable(_), Some(block)) => {
                (Verdict::Blocked(Box::new(block.clone())), Some(block.status))
            }
            (verdict, _) => (verdict.clone(), attempt.status),
        };
        SendResult {
            verdict,
            http_status,
            requests: self.requests,
            server_clock: self.server_clock,
            asked_pause: None,
            unanswered_since: self.unanswered_since,
            idempotency_key,
        }
    }
}

/// Whether a request without a reply is retried.
fn is_transient(cause: &UnavailableCause) -> bool {
    match cause {
        UnavailableCause::Connect(_)
        | UnavailableCause::Closed(_)
        | UnavailableCause::TimedOut
        | UnavailableCause::ProxyRefused => true,
        UnavailableCause::Certificate(_) | UnavailableCause::ProxyLogin => false,
        UnavailableCause::ProxyAnswered(status)
        | UnavailableCause::Server { status, .. }
        | UnavailableCause::NotTheApi(status, _)
        | UnavailableCause::UnexpectedStatus(status) => backoff::is_transient(*status),
    }
}

fn new_key() -> String {
    uuid::Uuid::new_v4().to_string()
}

fn reply_progress(reply: &Reply) -> SendProgress<'_> {
    let headers = reply.headers().map(|(name, value)| match name {
        "set-cookie" => (name, "***".to_owned()),
        _ => (name, clean_url(value)),
    });
    SendProgress::Reply { status: reply.status, headers: headers.collect(), body: &reply.body }
}
