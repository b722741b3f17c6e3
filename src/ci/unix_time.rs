//! Times as numbers, as some CI systems tell them.
//!
//! Owns: seconds and milliseconds since 1970, and what is neither.

use super::{Detected, first};
use crate::env::Env;
use jiff::Timestamp;

/// Seconds from here on lie in the year 5138 and later: such a number is milliseconds.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// The first of `variables` that is set, as RFC 3339, if it is a time.
pub(super) fn time(env: &Env, variables: &[&str]) -> Option<Detected> {
    let found = first(env, variables)?;
    let number: i64 = found.raw().parse().ok().filter(|number| *number > 0)?;
    let time = match number < MILLISECONDS_FROM {
        true => Timestamp::from_second(number),
        false => Timestamp::from_millisecond(number),
    };
    Some(found.with_value(time.ok()?.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_or_milliseconds_or_nothing() {
        let said =
            |value: &str| time(&[("T", value)].into_iter().collect(), &["T"]).map(|found| found.raw().to_owned());
        assert_eq!(said("1761663600").as_deref(), Some("2025-10-28T15:00:00Z"));
        assert_eq!(said("1761663600123").as_deref(), Some("2025-10-28T15:00:00.123Z"));
        for absurd in ["0", "-1", "now", "", "9223372036854775807", "99999999999999999999"] {
            assert_eq!(said(absurd), None, "{absurd}");
        }
    }
}
