//! Which failures are transient, and the pause before the next attempt. Pure: random numbers are passed in.
//!
//! Owns: the classification, exponential backoff, `Retry-After` and `X-RateLimit-Reset`. Does not own: sleeping and sending.
//! The only user of the `backoff` crate, for its intervals. The jitter is added here, as a seed must decide it.

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff as _;
use jiff::Timestamp;
use std::time::Duration;

const FIRST_CEILING: Duration = Duration::from_secs(1);
const LARGEST_CEILING: Duration = Duration::from_secs(30);

/// A longer pause is reported, not made: a job that hangs in silence is worse than one that says when to come back.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// Whether `status` reports a transient failure: a time-out, a rate limit, or a server or gateway that is down. 520 to 529
/// are used by Cloudflare and similar gateways.
#[must_use]
pub fn is_transient(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504 | 520..=529)
}

/// Whether a truncated reply with `status` is retried: not if the status alone is final.
#[must_use]
pub fn is_retried_if_truncated(status: u16) -> bool {
    is_transient(status) || matches!(status, 200..=299 | 409 | 423 | 428)
}

/// The pauses between the attempts of one request.
#[derive(Debug)]
pub struct RetryPauses {
    ceilings: ExponentialBackoff,
    left: u32,
}

/// What to do after a transient failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryDecision {
    /// Retry after this pause.
    After(Duration),
    /// No retries are left.
    Exhausted,
    /// The server asks for a pause that is too long to make.
    TooLong(Duration),
}

impl RetryPauses {
    /// For `retries` attempts after the first.
    #[must_use]
    pub fn new(retries: u32) -> Self {
        let ceilings = ExponentialBackoff {
            current_interval: FIRST_CEILING,
            initial_interval: FIRST_CEILING,
            randomization_factor: 0.0,
            multiplier: 2.0,
            max_interval: LARGEST_CEILING,
            max_elapsed_time: None,
            ..ExponentialBackoff::default()
        };
        Self { ceilings, left: retries }
    }

    /// The next step if the server requested a pause of `requested`: a pause between zero and a ceiling that doubles with each
    /// attempt (full jitter), or the requested one if that is longer.
    pub fn next(&mut self, requested: Option<Duration>, rng: &mut fastrand::Rng) -> RetryDecision {
        if let Some(requested) = requested.filter(|requested| *requested > LONGEST_PAUSE) {
            return RetryDecision::TooLong(requested);
        }
        if self.left == 0 {
            return RetryDecision::Exhausted;
        }
        self.left -= 1;
        let ceiling = self.ceilings.next_backoff().unwrap_or(LARGEST_CEILING);
        RetryDecision::After(ceiling.mul_f64(rng.f64()).max(requested.unwrap_or_default()))
    }
}

/// The pause that a reply asks for. `now` is the server's clock, from its `Date` header, else ours.
///
/// `Retry-After` in seconds or as an HTTP date (RFC 9110, 10.2.3); if it is missing or invalid, `X-RateLimit-Reset` in
/// seconds since 1970, unless `X-RateLimit-Remaining` says that the limit is not the cause.
#[must_use]
pub fn requested_pause<'a>(status: u16, header: impl Fn(&str) -> Option<&'a str>, now: Timestamp) -> Option<Duration> {
    let limit_is_the_cause =
        status == 429 || header("x-ratelimit-remaining").is_none_or(|remaining| remaining.trim() == "0");
    retry_after(&header, now).or_else(|| {
        let reset: i64 = header("x-ratelimit-reset").filter(|_| limit_is_the_cause)?.trim().parse().ok()?;
        Some(until(Timestamp::from_second(reset).ok()?, now))
    })
}

/// The pause that a `Retry-After` header gives, in seconds or as an HTTP date.
pub fn retry_after<'a>(header: impl Fn(&str) -> Option<&'a str>, now: Timestamp) -> Option<Duration> {
    let text = header("retry-after")?.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))));
    }
    let at = httpdate::parse_http_date(text).ok()?;
    Some(until(Timestamp::try_from(at).ok()?, now))
}

fn until(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(at.duration_since(now)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_these_statuses_are_transient() {
        let transient: Vec<u16> = (100..600).filter(|status| is_transient(*status)).collect();
        assert_eq!(transient, [408, 429, 500, 502, 503, 504, 520, 521, 522, 523, 524, 525, 526, 527, 528, 529]);
    }

    #[test]
    fn truncated_reply_is_retried_unless_its_status_is_final() {
        for never in [301, 400, 401, 403, 404, 407, 410, 413, 422, 501] {
            assert!(!is_retried_if_truncated(never), "{never}");
        }
        for again in [200, 201, 204, 409, 423, 428, 429, 503] {
            assert!(is_retried_if_truncated(again), "{again}");
        }
    }

    #[test]
    fn ceilings_double_to_30_s_with_full_jitter() {
        let ceilings = [1, 2, 4, 8, 16, 30, 30].map(Duration::from_secs);
        let mut largest = [Duration::ZERO; 7];
        for seed in 0..2_000 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut pauses = RetryPauses::new(7);
            for (largest, ceiling) in largest.iter_mut().zip(ceilings) {
                let RetryDecision::After(pause) = pauses.next(None, &mut rng) else { panic!("no pause") };
                assert!(pause <= ceiling, "{pause:?} > {ceiling:?}");
                *largest = pause.max(*largest);
            }
            assert_eq!(pauses.next(None, &mut rng), RetryDecision::Exhausted);
        }
        for (largest, ceiling) in largest.into_iter().zip(ceilings) {
            assert!(largest > ceiling.mul_f64(0.98), "{largest:?} never came near {ceiling:?}");
        }
    }

    #[test]
    fn requested_pause_extends_the_pause_up_to_60_s() {
        let mut rng = fastrand::Rng::with_seed(1);
        let mut next = |requested| RetryPauses::new(1).next(Some(Duration::from_secs(requested)), &mut rng);
        assert_eq!(next(7), RetryDecision::After(Duration::from_secs(7)));
        assert_eq!(next(60), RetryDecision::After(Duration::from_secs(60)));
        assert_eq!(next(61), RetryDecision::TooLong(Duration::from_secs(61)));
        assert!(matches!(next(0), RetryDecision::After(pause) if pause <= FIRST_CEILING));
        assert_eq!(RetryPauses::new(0).next(Some(Duration::from_secs(5)), &mut rng), RetryDecision::Exhausted);
    }

    type Case<'a> = (u16, &'a [(&'a str, String)], Option<u64>);

    #[test]
    fn requested_pause_is_parsed_from_every_form_of_header() {
        let now: Timestamp = "2025-10-28T15:00:00Z".parse().unwrap();
        let reset = |seconds: i64| (now.as_second() + seconds).to_string();
        let year = 365 * 86_400;
        let cases: [Case<'_>; 13] = [
            (503, &[], None),
            (503, &[("retry-after", "5".into())], Some(5)),
            (503, &[("retry-after", " 0 ".into())], Some(0)),
            (503, &[("retry-after", "Tue, 28 Oct 2025 15:00:09 GMT".into())], Some(9)),
            (503, &[("retry-after", "Tue, 28 Oct 2025 14:00:00 GMT".into())], Some(0)),
            (503, &[("retry-after", "-5".into())], None),
            (503, &[("retry-after", "soon".into())], None),
            (503, &[("retry-after", year.to_string())], Some(year)),
            (503, &[("retry-after", "99999999999999999999999".into())], Some(u64::from(u32::MAX))),
            (429, &[("retry-after", "soon".into()), ("x-ratelimit-reset", reset(12))], Some(12)),
            (429, &[("retry-after", "3".into()), ("x-ratelimit-reset", reset(12))], Some(3)),
            (429, &[("x-ratelimit-reset", reset(-12))], Some(0)),
            (500, &[("x-ratelimit-remaining", "999".into()), ("x-ratelimit-reset", reset(3_600))], None),
        ];
        for (status, headers, expected) in cases {
            let header = |name: &str| headers.iter().find(|(known, _)| *known == name).map(|(_, value)| value.as_str());
            assert_eq!(requested_pause(status, header, now).map(|pause| pause.as_secs()), expected, "{headers:?}");
        }
    }
}
