//! Why GitHub did not answer a request as asked.

use crate::model::verdict::Unavailable;
use crate::text::Foreign;
use std::time::Duration;

/// A failed request.
#[derive(Clone, Debug)]
pub enum GitHubError {
    /// 401: the token is wrong, or has expired.
    Unauthorized,
    /// 403: a permission is missing, or the run cannot be re-run.
    Forbidden(Option<Foreign>),
    /// 404.
    NotFound,
    /// A rate limit. How long to wait, if GitHub says so.
    RateLimited(Option<Duration>),
    /// Any other status.
    Status(u16, Option<Foreign>),
    /// No usable answer.
    Unavailable(Box<Unavailable>),
    /// The reply is not what GitHub documents, or is too large.
    Unreadable,
    /// This call may make no more requests.
    LimitReached,
}

impl GitHubError {
    /// Whether every further request of this call would fail as well.
    #[must_use]
    pub fn ends_call(&self) -> bool {
        match self {
            Self::Unauthorized | Self::RateLimited(_) | Self::LimitReached => true,
            Self::Forbidden(_) | Self::NotFound | Self::Status(..) | Self::Unavailable(_) | Self::Unreadable => false,
        }
    }
}
