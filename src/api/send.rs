//! Sending one event, with retries.
//!
//! Owns: the retry loop, and what it reports while it runs. Does not own: whether an attempt is retried (`attempt`), nor how
//! long to pause (`backoff`).

use super::attempt::{Attempt, Attempts};
use super::backoff::{RetryDecision, RetryPauses};
use super::client::Client;
use super::http::{HttpResult, LARGEST_REPLY, Reply, exchange};
use super::interface::{SendProgress, SendRequest, SendResult};
use crate::model::clock::Clock;
use crate::model::event::EventType;
use crate::model::verdict::Verdict;
use crate::text::clean_url;
use tokio::time::{Instant, sleep};

impl Client {
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
        let url = self.transport.endpoint(match request.event_type {
            EventType::Deployment => "deployment-events/",
            EventType::Build => "build-events/",
        });
        let body = serde_json::to_vec(request.body).unwrap_or_default();
        observe(SendProgress::Request { url: &url, body: &body });
        let key = request.idempotency_key.map_or_else(new_key, str::to_owned);
        let mut pauses = RetryPauses::new(self.transport.retries);
        let mut attempts = Attempts::default();
        loop {
            observe(SendProgress::Attempt);
            let sent = clock.now();
            let limit = Instant::now() + self.transport.request_timeout;
            let post = self.post(url.clone(), &key, body.clone());
            let result = exchange(post, deadline.map_or(limit, |deadline| limit.min(deadline)), LARGEST_REPLY).await;
            if let HttpResult::Reply(reply) = &result {
                observe(reply_progress(reply));
            }
            let attempt = Attempt::new(self, &result, clock.now(), attempts.server_clock, request.is_gate);
            attempts.add(&attempt, sent);
            let mut send_result = attempts.result(&attempt, key.clone());
            if !attempt.retry {
                return send_result;
            }
            let fits = |pause| deadline.is_none_or(|deadline| Instant::now() + pause < deadline);
            match pauses.next(attempt.requested_pause, rng) {
                RetryDecision::After(pause) if fits(pause) => {
                    let failure = attempt.failure();
                    let (requests, retries) = (attempts.requests, self.transport.retries);
                    observe(SendProgress::Retrying { failure, pause, requests, retries });
                    sleep(pause).await;
                }
                RetryDecision::TooLong(pause) => {
                    send_result.requested_pause = Some(pause);
                    if let Verdict::Unavailable(unavailable) = &mut send_result.verdict {
                        unavailable.requested_pause = Some(pause);
                    }
                    return send_result;
                }
                RetryDecision::After(_) | RetryDecision::Exhausted => {
                    send_result.requested_pause = attempt.requested_pause;
                    return send_result;
                }
            }
        }
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
