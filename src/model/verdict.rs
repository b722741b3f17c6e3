//! What the API's answer to an event means.
//!
//! Owns: the types. Does not own: classifying replies (`api`), nor their wording (`report`).

use super::block::Block;
use super::superseded::Superseded;
use crate::text::Foreign;
use std::time::Duration;

/// What sending an event came to.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// It was sent, and this is what the API's answer means.
    Verdict(Verdict),
    /// It was not sent, because an earlier event of the same product and environment must be delivered first.
    HeldBack,
    /// It was not sent, or not again, because a newer run makes it obsolete.
    Superseded(Superseded),
    /// A signal came first.
    Interrupted {
        /// Its name.
        signal: &'static str,
        number: u8,
    },
}

/// The meaning of a reply, or of none.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The event is recorded.
    Recorded(Box<Receipt>),
    /// A rule stops the deployment.
    Blocked(Box<Block>),
    /// The API will not accept this event: 3xx or 4xx.
    Rejected(Rejection),
    /// No usable answer.
    Unavailable(Unavailable),
}

/// The fields of a success reply.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// The deployment's or the build's id.
    pub id: Option<Foreign>,
    pub event_id: Option<Foreign>,
    pub version_id: Option<Foreign>,
    pub product_id: Option<Foreign>,
    pub environment_id: Option<Foreign>,
    /// Violated rules that did not block.
    pub violations: Vec<Violation>,
}

/// A violated rule that did not block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub rule: Option<Foreign>,
    pub message: Option<Foreign>,
    /// Whether the rule is in Report Only mode. An enabled rule should have blocked.
    pub report_only: bool,
}

/// A rejection: 3xx, 4xx, or a 409 that is not a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejection {
    /// The HTTP status.
    pub status: u16,
    /// The server's message.
    pub message: Option<Foreign>,
    /// The invalid fields of a 422, each with its message.
    pub fields: Vec<(Foreign, Foreign)>,
    /// The target of a redirect, without credentials and query.
    pub location: Option<Foreign>,
}

impl Rejection {
    /// Whether the same event can be accepted later, once the key, its permissions or the address are corrected.
    #[must_use]
    pub fn is_recoverable(&self) -> bool {
        matches!(self.status, 300..=399 | 401 | 403 | 404)
    }
}

/// No usable answer from the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unavailable {
    pub cause: UnavailableCause,
    /// The API's host.
    pub host: Foreign,
    /// The forward proxy that the request went through, without credentials.
    pub proxy: Option<Foreign>,
    /// A pause that the server asked for and that was too long to make.
    pub requested_pause: Option<Duration>,
}

impl Unavailable {
    /// The HTTP status, if there was a reply.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self.cause {
            UnavailableCause::Connect(_)
            | UnavailableCause::Closed(_)
            | UnavailableCause::TimedOut
            | UnavailableCause::Certificate(_)
            | UnavailableCause::ProxyRefused => None,
            UnavailableCause::ProxyLogin => Some(407),
            UnavailableCause::ProxyAnswered(status)
            | UnavailableCause::Server { status, .. }
            | UnavailableCause::NotTheApi(status, _)
            | UnavailableCause::UnexpectedStatus(status) => Some(status),
        }
    }

    /// Whether the API may have recorded the event: it was sent, and no final answer came.
    #[must_use]
    pub fn may_be_recorded(&self) -> bool {
        match self.cause {
            UnavailableCause::Closed(_)
            | UnavailableCause::TimedOut
            | UnavailableCause::NotTheApi(..)
            | UnavailableCause::UnexpectedStatus(_) => true,
            UnavailableCause::Server { status, .. } => status != 429,
            UnavailableCause::Connect(_)
            | UnavailableCause::Certificate(_)
            | UnavailableCause::ProxyRefused
            | UnavailableCause::ProxyLogin
            | UnavailableCause::ProxyAnswered(_) => false,
        }
    }
}

/// Why there is no usable answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnavailableCause {
    /// No connection was established.
    Connect(Foreign),
    /// The connection ended without a reply, or carried something that is not HTTP.
    Closed(Foreign),
    /// No reply came in time.
    TimedOut,
    /// The server's certificate is not acceptable.
    Certificate(CertificateProblem),
    /// The proxy refused to connect to the API.
    ProxyRefused,
    /// The proxy requires a user and a password (407).
    ProxyLogin,
    /// The proxy answered instead of the API, with this status.
    ProxyAnswered(u16),
    /// The server failed, or asks to come back later: 408, 429, 5xx.
    Server {
        status: u16,
        message: Option<Foreign>,
        /// Whether the reply may be the proxy's own.
        maybe_proxy: bool,
    },
    /// A success status with a body that is not the API's.
    NotTheApi(u16, BodyProblem),
    /// A status that no answer of the API has.
    UnexpectedStatus(u16),
}

/// Why a certificate is not acceptable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateProblem {
    UnknownIssuer,
    /// It is the certificate of an authority, as most self-signed ones are.
    CaAsServer,
    /// It, or the handshake, is not signed by the right key.
    BadSignature,
    Expired,
    NotValidYet,
    /// It belongs to other host names.
    OtherHost,
    /// It has no host names.
    NoHost,
    /// It is for another purpose than servers.
    OtherPurpose,
    Revoked,
    /// Whether it is revoked could not be determined.
    UnknownRevocation,
    /// It is signed with an algorithm that is not supported.
    UnsupportedAlgorithm,
    /// It has a critical extension that is not supported.
    UnsupportedExtension,
    /// It cannot be read.
    Malformed,
    Other(Foreign),
}

/// Why a body is not the API's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyProblem {
    /// The connection ended before the body did.
    Truncated,
    /// It is larger than any answer of the API.
    TooLarge,
    /// It is not a JSON object.
    NotAnObject,
}
