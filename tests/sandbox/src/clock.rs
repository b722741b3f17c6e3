//! The server's clock and how it writes times. The clock is the machine's plus a settable offset; it never reads the
//! settings itself.

use std::time::SystemTime;

use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// The server's time now, `offset_seconds` away from the machine's.
pub(crate) fn now(offset_seconds: i64) -> Timestamp {
    plus_seconds(Timestamp::now(), offset_seconds)
}

/// `at` moved by whole seconds; stays at the end of the calendar rather than failing there.
pub(crate) fn plus_seconds(at: Timestamp, seconds: i64) -> Timestamp {
    at.saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(at)
}

/// `at` moved by a possibly fractional number of hours.
pub(crate) fn plus_hours(at: Timestamp, hours: f64) -> Timestamp {
    SignedDuration::try_from_secs_f64(hours * 3600.0)
        .ok()
        .and_then(|by| at.saturating_add(by).ok())
        .unwrap_or(Timestamp::MAX)
}

/// The first whole second that is not before `at`, so that "come back then" is never too early.
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

/// RFC 3339 in the zone asked for; UTC is written `Z`.
pub(crate) fn in_zone(at: Timestamp, offset: Option<Offset>) -> String {
    match offset {
        Some(offset) => format!("{:.0}", floor(at).display_with_offset(offset)),
        None => utc(at),
    }
}

/// The value of a `Date` header.
pub(crate) fn http_date(at: Timestamp) -> String {
    // The HTTP calendar starts in 1970; an offset that leads before it is nonsense, not a reason to fail.
    let at = at.clamp(Timestamp::UNIX_EPOCH, Timestamp::MAX);
    httpdate::fmt_http_date(SystemTime::from(at))
}

/// Reads RFC 3339 strictly: the time zone is required, and nothing may follow it.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    let digits = |from: usize, to: usize| bytes.get(from..to).is_some_and(|part| part.iter().all(u8::is_ascii_digit));
    let at = |index: usize, allowed: &[u8]| bytes.get(index).is_some_and(|byte| allowed.contains(byte));
    let shaped = digits(0, 4)
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
    let zoned = matches!(rest, "Z" | "z") || parse_offset(rest).is_some();
    if shaped && zoned { text.parse().ok() } else { None }
}

/// Reads `+02:00` or `-07:00`.
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

/// The offset that an RFC 3339 text carries; `None` for UTC.
pub(crate) fn offset_of(text: &str) -> Option<Offset> {
    parse_offset(text.get(text.len().checked_sub(6)?..)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rfc_3339_is_a_time() {
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
    fn times_are_written_in_whole_seconds_and_the_zone_asked_for() {
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
