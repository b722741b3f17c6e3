//! One HTTP request and its reply, limited in time and size.
//!
//! Owns: transport failures. Does not own: what a reply means (`classify`).

use super::tls::problem::{certificate_problem, describe, tls_error};
use crate::model::verdict::UnavailableCause;
use crate::text::Foreign;
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Response};
use std::error::Error;
use tokio::time::{Instant, timeout_at};

/// A reply of the API is read up to this many bytes.
pub const LARGEST_REPLY: usize = 1024 * 1024;

/// What came of one request.
#[derive(Debug)]
pub enum HttpResult {
    Reply(Reply),
    /// There is no reply.
    Failed(UnavailableCause),
}

/// A reply.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    headers: HeaderMap,
    /// As much of the body as arrived, up to the limit.
    pub body: Vec<u8>,
    pub body_state: BodyState,
}

/// How the body of a reply ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyState {
    Complete,
    /// The connection ended, or time ran out, before the body did.
    Truncated,
    /// It is longer than the limit.
    TooLarge,
}

impl Reply {
    /// The value of header `name` (in lower case), if it is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All headers that are text.
    pub(super) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
    }

    #[cfg(fuzzing)]
    pub(super) fn for_fuzzing(status: u16, headers: HeaderMap, body: &[u8], body_state: BodyState) -> Self {
        Self { status, headers, body: body.to_vec(), body_state }
    }

    #[cfg(test)]
    pub(super) fn for_test(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Self {
        let headers = headers.iter().map(|(name, value)| {
            (reqwest::header::HeaderName::from_static(name), reqwest::header::HeaderValue::from_static(value))
        });
        Self { status, headers: headers.collect(), body: body.into(), body_state: BodyState::Complete }
    }

    #[cfg(test)]
    pub(super) fn for_test_bytes(status: u16, body: &[u8]) -> Self {
        Self { status, headers: HeaderMap::new(), body: body.into(), body_state: BodyState::Complete }
    }
}

/// Sends `request` and reads its reply, until `deadline` and up to `largest` bytes of its body.
pub async fn exchange(request: RequestBuilder, deadline: Instant, largest: usize) -> HttpResult {
    let response = match timeout_at(deadline, request.send()).await {
        Err(_) => return HttpResult::Failed(UnavailableCause::TimedOut),
        Ok(Err(error)) => return HttpResult::Failed(cause_of(&error.without_url())),
        Ok(Ok(response)) => response,
    };
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let (body, body_state) = read_body(response, deadline, largest).await;
    HttpResult::Reply(Reply { status, headers, body, body_state })
}

async fn read_body(mut response: Response, deadline: Instant, largest: usize) -> (Vec<u8>, BodyState) {
    let mut body = Vec::new();
    loop {
        match timeout_at(deadline, response.chunk()).await {
            Err(_) | Ok(Err(_)) => return (body, BodyState::Truncated),
            Ok(Ok(None)) => return (body, BodyState::Complete),
            Ok(Ok(Some(chunk))) => {
                let room = largest - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    return (body, BodyState::TooLarge);
                }
            }
        }
    }
}

fn cause_of(error: &reqwest::Error) -> UnavailableCause {
    let chain = || std::iter::successors(Some(error as &dyn Error), |error| (*error).source());
    let tls = chain().find_map(tls_error);
    if let Some(rustls::Error::InvalidCertificate(certificate)) = tls {
        return UnavailableCause::Certificate(certificate_problem(certificate));
    }
    let root = Foreign::new(match tls {
        Some(tls) => describe(tls),
        None => chain().last().map(ToString::to_string).unwrap_or_default(),
    });
    // The tunnel's error type is private to hyper-util: only its texts can be matched.
    let is = |text: &str| chain().any(|error| error.to_string() == text);
    if is("tunnel error: proxy authorization required") {
        UnavailableCause::ProxyLogin
    } else if is("tunnel error: unsuccessful") {
        UnavailableCause::ProxyRefused
    } else if error.is_connect() {
        UnavailableCause::Connect(root)
    } else if error.is_timeout() {
        UnavailableCause::TimedOut
    } else {
        UnavailableCause::Closed(root)
    }
}
