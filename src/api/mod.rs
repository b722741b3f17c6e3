//! The Versioner API: its endpoints, and one event sent with patience.
//!
//! Owns: requests, and the tries of one event. Does not own: which failures pass (`retry`), what replies mean (`reply`),
//! nor whether to wait for a block to lift (`gate`).

pub mod block;
mod proxy;
pub mod reply;
mod tls;
mod wire;

use crate::ci::remote::clean_url;
use crate::clock::{Clock, ServerClock};
use crate::env::Env;
use crate::retry::{self, Next, Pauses};
use crate::settings::{Connection, EventType};
use crate::when::spelled_duration;
use anyhow::{Context as _, anyhow};
use block::Block;
use jiff::Timestamp;
use reply::{Unreached, Verdict, classify};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use reqwest::{RequestBuilder, Url, redirect};
use serde_json::{Map, Value};
use std::time::Duration;
use tokio::time::{Instant, sleep};
use wire::{Ending, Exchange, Reply, exchange};

/// What came of sending one event, over all its tries.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What the last try came to.
    pub verdict: Verdict,
    /// Its HTTP status, if anything answered.
    pub http_status: Option<u16>,
    /// How many requests were sent.
    pub requests: u32,
    /// The server's clock, as far as a reply told it.
    pub server_clock: ServerClock,
    /// A pause that the server asked for, and that was not made.
    pub asked_pause: Option<Duration>,
    /// When the first try was sent, by our clock, that got no reply and may have been recorded.
    pub unanswered_since: Option<Timestamp>,
    /// The `Idempotency-Key` of its tries.
    pub key: String,
}

/// An event to be sent.
#[derive(Clone, Copy, Debug)]
pub struct Sending<'a> {
    /// Which endpoint takes it.
    pub event_type: EventType,
    /// Its body.
    pub body: &'a Map<String, Value>,
    /// The `Idempotency-Key` of an earlier try of the same event; else it gets a new one.
    pub key: Option<&'a str>,
}

/// Where events go.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    bearer: Option<HeaderValue>,
    user_agent: HeaderValue,
    request_timeout: Duration,
    retries: u32,
    proxy: Option<String>,
}

/// What is told about a request while it is under way.
pub trait Progress {
    /// A line worth reading for everybody: a try failed, and another follows.
    fn retrying(&mut self, line: &str);
    /// A line for debugging.
    fn debug(&mut self, line: &dyn Fn() -> String);
}

impl Client {
    /// A client for `connection`, as `ci` (a word for the `User-Agent`).
    ///
    /// # Errors
    /// Configuration that cannot be used: a CA bundle, a proxy, a key that no header can hold.
    pub fn new(connection: &Connection, env: &Env, ci: &str) -> anyhow::Result<Self> {
        let base = connection.api_url.value.clone();
        let proxy = proxy::of(env, &base).map_err(|error| anyhow!(error))?;
        let tls = tls::config(env, connection.ca_bundle.as_ref()).map_err(|error| anyhow!(error))?;
        let mut http = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .http1_only()
            // Shorter than a request may take, so that what never connected is told from what got no answer.
            .connect_timeout(connection.request_timeout.mul_f64(0.9))
            .no_proxy()
            .redirect(redirect::Policy::none());
        let proxy_name = proxy.as_ref().map(|proxy| proxy.name.clone());
        if let Some(proxy) = proxy {
            http = http.proxy(proxy.reqwest);
        }
        let bearer = connection.key.as_ref().map(|key| {
            let mut bearer = HeaderValue::from_bytes(key.value.bearer().as_bytes())
                .map_err(|_| anyhow!("api_key (from {}) holds characters that no request can carry", key.source))?;
            bearer.set_sensitive(true);
            anyhow::Ok(bearer)
        });
        Ok(Self {
            http: http.build().context("the HTTP client cannot be set up")?,
            base,
            bearer: bearer.transpose()?,
            user_agent: HeaderValue::from_str(&format!("versioner-action/{} ({ci})", env!("CARGO_PKG_VERSION")))?,
            request_timeout: connection.request_timeout,
            retries: connection.retries,
            proxy: proxy_name,
        })
    }

    /// Where the API says whether it is up.
    #[must_use]
    pub fn health_url(&self) -> Url {
        self.endpoint("health")
    }

    /// Asks whether the API is up: `GET /health`, once, without a key. Gives the status.
    ///
    /// # Errors
    /// Says what came instead of a success.
    pub async fn health(&self) -> Result<u16, Unreached> {
        let request = self.http.get(self.health_url()).header(USER_AGENT, &self.user_agent);
        match exchange(request, Instant::now() + self.request_timeout).await {
            Exchange::Failed(failure) => Err(failure.unreached(self.host(), self.proxy.as_deref())),
            Exchange::Reply(reply) if (200..300).contains(&reply.status) => Ok(reply.status),
            Exchange::Reply(reply) => Err(Unreached {
                what: format!("{} answered {} {}", self.health_url(), reply.status, reply::reason(reply.status)),
                advice: Some("Check api_url".to_owned()),
                status: Some(reply.status),
                may_be_recorded: false,
            }),
        }
    }

    /// The same, with one try of at most `limit`.
    #[must_use]
    pub fn hurried(&self, limit: Duration) -> Self {
        Self { request_timeout: self.request_timeout.min(limit), retries: 0, ..self.clone() }
    }

    /// Sends an event, and again while that may help, until `deadline` if there is one.
    ///
    /// All tries carry one random `Idempotency-Key`, so that a server that knows it records one event. The API's
    /// documentation does not mention it, and nothing here relies on it.
    pub async fn send(
        &self,
        sending: Sending<'_>,
        deadline: Option<Instant>,
        clock: Clock,
        rng: &mut fastrand::Rng,
        progress: &mut dyn Progress,
    ) -> Answer {
        let endpoint = self.endpoint(match sending.event_type {
            EventType::Deployment => "deployment-events/",
            EventType::Build => "build-events/",
        });
        let body = serde_json::to_vec(sending.body).unwrap_or_default();
        progress.debug(&|| format!("POST {endpoint} {}", String::from_utf8_lossy(&body)));
        let key = sending.key.map_or_else(new_key, str::to_owned);
        let mut pauses = Pauses::new(self.retries);
        let mut requests = 0;
        let mut server_clock = ServerClock::default();
        let mut unanswered_since = None;
        let mut cut_block = None;
        loop {
            let sent = clock.now();
            let request = self.request(endpoint.clone(), &key, body.clone());
            let limit = Instant::now() + self.request_timeout;
            let outcome = exchange(request, deadline.map_or(limit, |deadline| limit.min(deadline))).await;
            requests += 1;
            let (mut verdict, mut http_status, again, asked) = match &outcome {
                Exchange::Reply(reply) => {
                    progress.debug(&|| spelled_reply(reply));
                    let now = clock.now();
                    server_clock = ServerClock::of_date(reply.header("date"), now).or(server_clock);
                    let again = match reply.ending {
                        Ending::Cut => retry::is_worth_rereading(reply.status),
                        Ending::Whole | Ending::TooLong => retry::is_transient(reply.status),
                    };
                    let asked = retry::asked_pause(reply.status, |name| reply.header(name), server_clock.at(now));
                    (classify(reply, self.proxy.as_deref()), Some(reply.status), again, asked)
                }
                Exchange::Failed(failure) => {
                    let unreached = failure.unreached(self.host(), self.proxy.as_deref());
                    (Verdict::Unreachable(unreached), None, failure.cause.is_transient(), None)
                }
            };
            if outcome.is_unanswered() {
                unanswered_since.get_or_insert(sent);
            }
            // A block that was cut short is still a block, whatever the tries after it come to, unless one is recorded.
            cut_block = block_cut_short(&outcome, &verdict).or(cut_block);
            if let (Verdict::Refused(_) | Verdict::Unreachable(_), Some(block)) = (&verdict, &cut_block) {
                http_status = Some(block.status);
                verdict = Verdict::Blocked(Box::new(block.clone()));
            }
            let key = key.clone();
            let mut answer =
                Answer { verdict, http_status, requests, server_clock, asked_pause: None, unanswered_since, key };
            if !again {
                return answer;
            }
            let next = pauses.next(asked, rng);
            let fits = |pause| deadline.is_none_or(|deadline| Instant::now() + pause < deadline);
            match next {
                Next::After(pause) if fits(pause) => {
                    let what = answer.what(&outcome);
                    progress.retrying(&format!(
                        "{what}; trying again in {:.1} s ({requests} of {})",
                        pause.as_secs_f64(),
                        self.retries
                    ));
                    sleep(pause).await;
                }
                Next::TooLong(pause) => {
                    answer.add_asked_pause(pause);
                    return answer;
                }
                Next::After(_) | Next::Exhausted => {
                    answer.asked_pause = asked;
                    return answer;
                }
            }
        }
    }

    fn request(&self, endpoint: Url, key: &str, body: Vec<u8>) -> RequestBuilder {
        let request = self
            .http
            .post(endpoint)
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

    fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }
}

impl Answer {
    /// That nothing was sent, because of `unreached`.
    #[must_use]
    pub fn unsent(unreached: Unreached) -> Self {
        Self {
            http_status: unreached.status,
            verdict: Verdict::Unreachable(unreached),
            requests: 0,
            server_clock: ServerClock::default(),
            asked_pause: None,
            unanswered_since: None,
            key: new_key(),
        }
    }

    /// What happened, in a few words, for the line that says that another try follows.
    fn what(&self, outcome: &Exchange) -> String {
        match (&self.verdict, outcome) {
            (Verdict::Unreachable(unreached), _) => unreached.what.clone(),
            (_, Exchange::Reply(reply)) => format!("the reply ({}) was cut short", reply.status),
            (_, Exchange::Failed(_)) => "no reply came".to_owned(),
        }
    }

    fn add_asked_pause(&mut self, pause: Duration) {
        self.asked_pause = Some(pause);
        if let Verdict::Unreachable(unreached) = &mut self.verdict {
            let spelled = spelled_duration(pause);
            unreached.what.push_str(&format!(", and asks to wait {spelled} before the next try"));
            unreached.advice = Some(format!(
                "Run this again in {spelled}. A pause of more than {} is not made here, so that no job hangs in silence",
                spelled_duration(retry::LONGEST_PAUSE)
            ));
        }
    }
}

fn new_key() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// The block that a reply cut short tells of: also a 409 whose body does not say any more what it was, for one that forbids
/// must not be taken for one that merely fails.
fn block_cut_short(outcome: &Exchange, verdict: &Verdict) -> Option<Block> {
    let Exchange::Reply(reply) = outcome else { return None };
    match verdict {
        Verdict::Blocked(block) if reply.ending == Ending::Cut => Some((**block).clone()),
        Verdict::Refused(_) if reply.ending == Ending::Cut && reply.status == 409 => Some(Block::unreadable_conflict()),
        _ => None,
    }
}

fn spelled_reply(reply: &Reply) -> String {
    let headers: Vec<String> = reply
        .headers()
        .map(|(name, value)| match name {
            "set-cookie" => format!("{name}: ***"),
            _ => format!("{name}: {}", clean_url(value)),
        })
        .collect();
    format!("reply {} [{}] {}", reply.status, headers.join("; "), String::from_utf8_lossy(&reply.body))
}
