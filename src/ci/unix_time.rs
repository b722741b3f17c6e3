//! Times that CI systems give as numbers: seconds or milliseconds since 1970.

use super::{Detected, first};
use crate::env::Env;
use jiff::Timestamp;

/// As seconds, this and larger numbers are in the year 5138 or later: they are milliseconds.
const SMALLEST_MILLISECONDS: i64 = 100_000_000_000;

/// The first of `variables` that is set, as RFC 3339, if it is a time.
pub(super) fn timestamp(env: &Env, variables: &[&str]) -> Option<Detected> {
    let found = first(env, variables)?;
    let number: i64 = found.raw().parse().ok().filter(|number| *number > 0)?;
    let time = match number < SMALLEST_MILLISECONDS {
        true => Timestamp::from_second(number),
        false => Timestamp::from_millisecond(number),
    };
    Some(found.with_value(time.ok()?.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_milliseconds_are_read_and_nonsense_is_ignored() {
        let read = |value: &str| {
            let env = [("T", value)].into_iter().collect();
            timestamp(&env, &["T"]).map(|found| found.raw().to_owned())
        };
        assert_eq!(read("1761663600").as_deref(), Some("2025-10-28T15:00:00Z"));
        assert_eq!(read("1761663600123").as_deref(), Some("2025-10-28T15:00:00.123Z"));
        for nonsense in ["0", "-1", "now", "", "9223372036854775807", "99999999999999999999"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
    }
}
