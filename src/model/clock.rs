//! Clocks: this machine's, a simulated one for tests, and the server's according to its replies.
//!
//! Owns: the current time. Sleeping is tokio's, which tests pause.

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

/// A source of the current time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Clock {
    start: Option<(Timestamp, Instant)>,
}

impl Clock {
    /// This machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self { start: None }
    }

    /// A clock that shows `start` now and advances with tokio's time, which tests can pause.
    #[cfg(test)]
    pub fn simulated(start: Timestamp) -> Self {
        Self { start: Some((start, Instant::now())) }
    }

    /// The current time.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match self.start {
            None => Timestamp::now(),
            Some((start, since)) => {
                let elapsed = SignedDuration::try_from(since.elapsed()).unwrap_or_default();
                start.saturating_add(elapsed).unwrap_or(Timestamp::MAX)
            }
        }
    }
}

/// How far the server's clock is ahead of ours; unknown until a reply has a `Date` header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ServerClock(Option<SignedDuration>);

impl ServerClock {
    /// From a reply's `Date` header, received at `now`. The header has whole seconds and was written before it was
    /// received, so the server's clock may be ahead of this by a second and the travel time. A wait by this clock never ends
    /// early.
    #[must_use]
    pub fn from_date(date: Option<&str>, now: Timestamp) -> Self {
        let read = || Timestamp::try_from(httpdate::parse_http_date(date?).ok()?).ok();
        Self(read().map(|date| date.duration_since(now)))
    }

    /// The server's time when ours is `now`.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Timestamp {
        now.saturating_add(self.0.unwrap_or_default()).unwrap_or(now)
    }

    /// This clock, or `earlier` if this one is unknown.
    #[must_use]
    pub fn or(self, earlier: Self) -> Self {
        Self(self.0.or(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_clock_is_parsed_and_nonsense_is_ignored() {
        let now: Timestamp = "2025-10-28T15:00:00Z".parse().unwrap();
        let server = |date| ServerClock::from_date(date, now).at(now).to_string();
        assert_eq!(server(Some("Tue, 28 Oct 2025 14:00:00 GMT")), "2025-10-28T14:00:00Z");
        assert_eq!(server(Some("Tue, 28 Oct 2025 14:59:59 GMT")), "2025-10-28T14:59:59Z");
        assert_eq!(server(Some("Thu, 28 Oct 1999 14:00:00 GMT")), "1999-10-28T14:00:00Z");
        assert_eq!(server(Some("yesterday")), "2025-10-28T15:00:00Z");
        assert_eq!(server(None), "2025-10-28T15:00:00Z");
    }
}
