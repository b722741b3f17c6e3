//! The server's clock, and reading and writing times. The clock is the machine's clock plus an offset, which the caller
//! passes.

use std::time::SystemTime;

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// The machine's time plus `offset_seconds`.
pub(crate) fn now(offset_seconds: i64) -> Timestamp {
    plus_seconds(Timestamp::now(), offset_seconds)
}

/// `at` plus `seconds`; saturates at the end of the calendar.
pub(crate) fn plus_seconds(at: Timestamp, seconds: i64) -> Timestamp {
    at.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(at)
}

/// `at` plus `hours`, which may be fractional; saturates at the end of the calendar.
pub(crate) fn plus_hours(at: Timestamp, hours: f64) -> Timestamp {
    SignedDuration::try_from_secs_f64(hours * 3600.0)
        .ok()
        .and_then(|by| at.saturating_add(by).ok())
        .unwrap_or(Timestamp::MAX)
}

/// `at` rounded up to a whole second. A `retry_after` that is rounded down would be too early.
pub(crate) fn ceil(at: Timestamp) -> Timestamp {
    let whole = floor(at);
    if whole == at { at } else { plus_seconds(whole, 1) }
}

fn floor(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_nanosecond().div_euclid(1_000_000_000) as i64).unwrap_or(at)
}

/// RFC 3339 in UTC with whole seconds: `2025-10-28T15:00:00Z`.
pub(crate) fn utc(at: Timestamp) -> String {
    format!("{:.0}", floor(at))
}

/// RFC 3339 in UTC with milliseconds, for the request log.
pub(crate) fn utc_millis(at: Timestamp) -> String {
    format!("{at:.3}")
}

/// RFC 3339 with the given offset; `None` is UTC, which is written `Z`.
pub(crate) fn in_zone(at: Timestamp, offset: Option<Offset>) -> String {
    match offset {
        Some(offset) => format!("{:.0}", floor(at).display_with_offset(offset)),
        None => utc(at),
    }
}

/// The value of a `Date` header.
pub(crate) fn http_date(at: Timestamp) -> String {
    // HTTP dates start in 1970, but a clock offset may lead to an earlier time.
    let at = at.clamp(Timestamp::UNIX_EPOCH, Timestamp::MAX);
    httpdate::fmt_http_date(SystemTime::from(at))
}

/// Parses RFC 3339 strictly: the time zone is required, and nothing may follow it.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| bytes.get(from..to).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    let at = |index: usize, allowed: &[u8]| bytes.get(index).is_some_and(|byte| allowed.contains(byte));
    let well_formed = digits(0, 4)
        && at(4, b"-")
        && digits(5, 7)
        && at(7, b"-")
        && digits(8, 10)
        && at(10, b"Tt")
        && digits(11, 13)
        && at(13, b":")
        && digits(14, 16)
        && at(16, b":")
        && digits(17, 19);
    let mut rest = text.get(19..)?;
    if let Some(fraction) = rest.strip_prefix('.') {
        rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        if rest.len() == fraction.len() {
            return None;
        }
    }
    let has_zone = matches!(rest, "Z" | "z") || parse_offset(rest).is_some();
    if well_formed && has_zone { text.parse().ok() } else { None }
}

/// Parses an offset such as `+02:00` or `-07:00`.
pub(crate) fn parse_offset(text: &str) -> Option<Offset> {
    let sign = match text.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    let number = |part: &str| -> Option<i32> {
        (part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit())).then(|| part.parse().ok())?
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).ok()
}

/// The offset at the end of an RFC 3339 time; `None` for `Z`.
pub(crate) fn offset_of(text: &str) -> Option<Offset> {
    parse_offset(text.get(text.len().checked_sub(6)?..)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rfc_3339_times_are_parsed() {
        for good in ["2025-10-28T15:00:00Z", "2025-10-28T15:00:00.123+02:00", "2025-10-28t15:00:00z"] {
            assert!(parse(good).is_some(), "{good}");
        }
        for bad in [
            "",
            "yesterday",
            "2025-10-28",
            "2025-10-28T15:00:00",
            "2025-10-28 15:00:00Z",
            "2025-13-28T15:00:00Z",
            "2025-10-28T15:00:00.Z",
            "2025-10-28T15:00:00+0200",
            "2025-10-28T15:00:00Z[UTC]",
            "1761663600",
        ] {
            assert!(parse(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn times_are_formatted_in_whole_seconds_with_the_given_offset() {
        let at = parse("2025-10-28T15:00:00.700Z").unwrap();
        assert_eq!(utc(at), "2025-10-28T15:00:00Z");
        assert_eq!(utc(ceil(at)), "2025-10-28T15:00:01Z");
        assert_eq!(utc_millis(at), "2025-10-28T15:00:00.700Z");
        assert_eq!(in_zone(at, parse_offset("-07:00")), "2025-10-28T08:00:00-07:00");
        assert_eq!(http_date(at), "Tue, 28 Oct 2025 15:00:00 GMT");
        assert_eq!(offset_of("2025-10-28T15:00:00+02:00"), parse_offset("+02:00"));
        assert_eq!(offset_of("2025-10-28T15:00:00Z"), None);
    }
}
