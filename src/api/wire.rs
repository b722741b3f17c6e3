//! One request and its reply on the wire, bounded in time and size.
//!
//! Owns: what can go wrong between two machines, and what it is called. Does not own: what a reply means (`reply`).

use super::reply::Unreached;
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, Response};
use rustls::CertificateError;
use std::error::Error;
use std::io;
use tokio::time::{Instant, timeout_at};

/// A reply is read up to here and not further.
const LARGEST_REPLY: usize = 1024 * 1024;

/// What came back for one request.
#[derive(Debug)]
pub(super) enum Exchange {
    /// A status, headers and, as far as it came, a body.
    Reply(Reply),
    /// No reply.
    Failed(Failure),
}

impl Exchange {
    /// Whether the server may have taken the request and its answer did not arrive, or not whole.
    pub(super) fn is_unanswered(&self) -> bool {
        match self {
            Self::Reply(reply) => reply.ending == Ending::Cut && (200..300).contains(&reply.status),
            Self::Failed(failure) => matches!(failure.cause, Cause::Broken | Cause::TimedOut),
        }
    }
}

/// A reply, with as much of its body as came.
#[derive(Debug)]
pub struct Reply {
    pub(super) status: u16,
    headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) ending: Ending,
}

/// How a reply's body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// As announced.
    Whole,
    /// The connection ended, or time ran out, before the body did.
    Cut,
    /// It was longer than is read.
    TooLong,
}

impl Reply {
    /// The value of header `name`, in lower case, if it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// All headers that are text.
    pub(super) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)))
    }

    #[cfg(test)]
    pub(super) fn for_test(status: u16, headers: &[(&'static str, &'static str)], body: &str) -> Self {
        let headers = headers.iter().map(|(name, value)| {
            (reqwest::header::HeaderName::from_static(name), reqwest::header::HeaderValue::from_static(value))
        });
        Self { status, headers: headers.collect(), body: body.into(), ending: Ending::Whole }
    }
}

/// Why there is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// No connection came about.
    Connect,
    /// The connection ended, or carried something that is not HTTP.
    Broken,
    /// Time ran out.
    TimedOut,
    /// The server's certificate is not acceptable.
    Certificate,
    /// A proxy refused to pass the connection on.
    ProxyRefused,
    /// A proxy wants user and password.
    ProxyWantsLogin,
}

impl Cause {
    /// Whether another try may do better.
    pub(super) fn is_transient(self) -> bool {
        match self {
            Self::Connect | Self::Broken | Self::TimedOut | Self::ProxyRefused => true,
            Self::Certificate | Self::ProxyWantsLogin => false,
        }
    }
}

/// A request without a reply.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) cause: Cause,
    what: String,
}

/// Sends `request` and reads its reply, until `deadline`.
pub(super) async fn exchange(request: RequestBuilder, deadline: Instant) -> Exchange {
    let response = match timeout_at(deadline, request.send()).await {
        Err(_) => {
            return Exchange::Failed(Failure { cause: Cause::TimedOut, what: "no reply came in time".to_owned() });
        }
        Ok(Err(error)) => return Exchange::Failed(Failure::of(&error.without_url())),
        Ok(Ok(response)) => response,
    };
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let (body, ending) = read_body(response, deadline).await;
    Exchange::Reply(Reply { status, headers, body, ending })
}

async fn read_body(mut response: Response, deadline: Instant) -> (Vec<u8>, Ending) {
    let mut body = Vec::new();
    loop {
        match timeout_at(deadline, response.chunk()).await {
            Err(_) | Ok(Err(_)) => return (body, Ending::Cut),
            Ok(Ok(None)) => return (body, Ending::Whole),
            Ok(Ok(Some(chunk))) => {
                let room = LARGEST_REPLY - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if chunk.len() > room {
                    return (body, Ending::TooLong);
                }
            }
        }
    }
}

impl Failure {
    fn of(error: &reqwest::Error) -> Self {
        let chain = || std::iter::successors(Some(error as &dyn Error), |error| (*error).source());
        let root = crate::text::shown(&chain().last().map(ToString::to_string).unwrap_or_default());
        if let Some(certificate) = chain().find_map(certificate_error) {
            return Self { cause: Cause::Certificate, what: explain(&certificate) };
        }
        // The tunnel's error type is private: its texts are hyper-util's.
        let says = |words: &str| chain().any(|error| error.to_string() == words);
        let cause = if says("tunnel error: proxy authorization required") {
            Cause::ProxyWantsLogin
        } else if says("tunnel error: unsuccessful") {
            Cause::ProxyRefused
        } else if error.is_connect() {
            Cause::Connect
        } else if error.is_timeout() {
            Cause::TimedOut
        } else {
            Cause::Broken
        };
        Self { cause, what: root }
    }

    /// For people, who asked `host`, through `proxy` if there is one.
    pub(super) fn unreached(&self, host: &str, proxy: Option<&str>) -> Unreached {
        let through = proxy.map_or_else(String::new, |proxy| format!(" through the proxy {proxy}"));
        let what = &self.what;
        let (what, advice) = match self.cause {
            Cause::Connect => (
                format!("no connection to {host}{through}: {what}"),
                "Check api_url, the network, and HTTPS_PROXY if this network needs a proxy",
            ),
            Cause::Broken => (
                format!("the connection to {host}{through} ended without a reply: {what}"),
                "Check that api_url is the API's address; if it is, try again",
            ),
            Cause::TimedOut => (
                format!("no answer from {host}{through} in time"),
                "Try again; if the API is slow for a reason, raise request_timeout",
            ),
            Cause::Certificate => (
                format!("the server {host} cannot be trusted{through}: {what}"),
                "If this network inspects TLS or the API has an authority of its own, name that authority's PEM file in \
                 ca_bundle (or SSL_CERT_FILE)",
            ),
            Cause::ProxyRefused => (
                format!("the proxy {} refused to connect to {host}", proxy.unwrap_or("on the way")),
                "Have the proxy allow CONNECT to the API, or put the API's host into NO_PROXY",
            ),
            Cause::ProxyWantsLogin => (
                format!("the proxy {} answered 407: it wants user and password", proxy.unwrap_or("on the way")),
                "Put them into HTTPS_PROXY (http://user:password@proxy:port)",
            ),
        };
        let may_be_recorded = matches!(self.cause, Cause::Broken | Cause::TimedOut);
        Unreached { what, advice: Some(advice.to_owned()), status: None, may_be_recorded }
    }
}

/// The TLS error in `error`, which comes wrapped into I/O errors that do not name what they hold as their source.
fn certificate_error(error: &(dyn Error + 'static)) -> Option<CertificateError> {
    let mut held: &(dyn Error + 'static) = error;
    while let Some(inner) = held.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        held = inner;
    }
    match held.downcast_ref() {
        Some(rustls::Error::InvalidCertificate(certificate)) => Some(certificate.clone()),
        _ => None,
    }
}

fn explain(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => {
            "its certificate is signed by an authority that is not trusted here".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired, or this machine's clock is wrong".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet, or this machine's clock is wrong".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for other host names".to_owned()
        }
        CertificateError::Revoked => "its certificate has been revoked".to_owned(),
        other => crate::text::shown(&format!("its certificate is not acceptable ({other})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_is_transient_or_not_and_explained() {
        let causes = [
            (Cause::Connect, true, false),
            (Cause::Broken, true, true),
            (Cause::TimedOut, true, true),
            (Cause::ProxyRefused, true, false),
            (Cause::ProxyWantsLogin, false, false),
            (Cause::Certificate, false, false),
        ];
        for (cause, transient, may_be_recorded) in causes {
            assert_eq!(cause.is_transient(), transient, "{cause:?}");
            let failure = Failure { cause, what: "reason".to_owned() };
            for proxy in [None, Some("http://proxy.example:3128")] {
                let unreached = failure.unreached("api.example", proxy);
                assert_eq!(unreached.may_be_recorded, may_be_recorded, "{cause:?}");
                assert_eq!(Exchange::Failed(failure.clone()).is_unanswered(), may_be_recorded, "{cause:?}");
                assert!(unreached.advice.is_some_and(|advice| advice.len() > 20), "{cause:?}");
                assert!(proxy.is_none_or(|proxy| unreached.what.contains(proxy)), "{cause:?}: {}", unreached.what);
            }
        }
    }
}
