//! Times as the API writes them and as people read them; durations as settings write them.
//!
//! Owns: parsing and formatting. Does not own: whose clock counts (`clock`).

use jiff::fmt::temporal::Pieces;
use jiff::tz::Offset;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use std::time::Duration;

/// A point in time, with the offset that it was written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The instant.
    pub at: Timestamp,
    /// The offset it was written in; UTC if it had none.
    pub offset: Offset,
}

impl Moment {
    /// Parses ISO 8601: a date, or a date and a time, with or without fraction and offset. Without an offset it is UTC.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = short_fraction(text.trim());
        // The end of a day is the start of the next.
        let (text, days) = match text.contains("T24:00") {
            true => (text.replace("T24:00", "T00:00"), 1),
            false => (text, 0),
        };
        // A zone's name in brackets is an extension of ISO 8601 that needs a database of zones.
        let pieces = Pieces::parse(&text).ok().filter(|_| !text.contains('['))?;
        let offset = pieces.to_numeric_offset().unwrap_or(Offset::UTC);
        let time = pieces.time().unwrap_or_else(jiff::civil::Time::midnight);
        let date = pieces.date().saturating_add(jiff::ToSpan::days(days));
        // "The end of the year 9999" stands for never. It is just beyond what a timestamp can hold.
        let beyond = if date.year() > 0 { Timestamp::MAX } else { Timestamp::MIN };
        let at = offset.to_timestamp(date.to_datetime(time)).unwrap_or(beyond);
        Some(Self { at, offset })
    }

    /// For people: in its own zone, in UTC, and relative to `now`.
    #[must_use]
    pub fn format(&self, now: Timestamp) -> String {
        let utc = self.at.to_zoned(jiff::tz::TimeZone::UTC).strftime("%Y-%m-%d %H:%M:%S UTC").to_string();
        let utc = utc.replace(":00 UTC", " UTC");
        let relative = relative(self.at, now);
        if self.offset == Offset::UTC {
            return format!("{utc} ({relative})");
        }
        let local = self.at.to_zoned(self.offset.to_time_zone()).strftime("%Y-%m-%d %H:%M:%S").to_string();
        let local = local.strip_suffix(":00").unwrap_or(&local).to_owned();
        format!("{local} (UTC{}) = {utc} ({relative})", format_offset(self.offset))
    }
}

/// `text` with at most nine digits in the fraction of its second, as a timestamp has nanoseconds.
fn short_fraction(text: &str) -> String {
    let Some(start) = text.find(['.', ',']).map(|point| point + 1) else {
        return text.to_owned();
    };
    let digits = text[start..].bytes().take_while(u8::is_ascii_digit).count();
    format!("{}{}", &text[..start + digits.min(9)], &text[start + digits..])
}

fn format_offset(offset: Offset) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let minutes = seconds.unsigned_abs() / 60;
    format!("{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

/// `at` relative to `now`: `in 2 h 14 min`, `3 min ago`.
#[must_use]
pub fn relative(at: Timestamp, now: Timestamp) -> String {
    let away = at.duration_since(now);
    let seconds = away.round(jiff::Unit::Second).unwrap_or(away).as_secs();
    let distance = format_duration(Duration::from_secs(seconds.unsigned_abs()));
    match seconds {
        0 => "now".to_owned(),
        1.. => format!("in {distance}"),
        _ => format!("{distance} ago"),
    }
}

/// A duration, to the nearest second, in its two largest units: `45 s`, `1 min 30 s`, `2 h 14 min`, `3 d 4 h`.
#[must_use]
pub fn format_duration(duration: Duration) -> String {
    let total = duration.saturating_add(Duration::from_millis(500)).as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")];
    let first = units.iter().position(|(size, _)| total >= *size).unwrap_or(units.len() - 1);
    let mut rest = total;
    let mut parts = Vec::new();
    for (size, name) in units.iter().skip(first).take(2) {
        let count = rest / size;
        rest %= size;
        if count > 0 || parts.is_empty() {
            parts.push(format!("{count} {name}"));
        }
    }
    parts.join(" ")
}

/// The forms of a duration setting, for error messages.
pub const DURATION_FORMS: &str = "a duration such as 90s, 30m, 1h30m or PT30M (a bare number is seconds)";

/// Parses a duration: `90s`, `30m`, `1h30m`, `PT30M`, days as 24 hours, a bare number as seconds.
#[must_use]
pub fn parse_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        // More digits than fit are still a number of seconds.
        return Some(text.parse().map_or(LONGEST_DURATION, Duration::from_secs).min(LONGEST_DURATION));
    }
    let Ok(span) = text.parse::<Span>() else {
        return is_out_of_range(text).then_some(LONGEST_DURATION);
    };
    let duration: SignedDuration = span.to_duration(SpanRelativeTo::days_are_24_hours()).ok()?;
    Some(Duration::try_from(duration).ok()?.min(LONGEST_DURATION))
}

/// Whether `text` would be a duration if its numbers had fewer digits.
fn is_out_of_range(text: &str) -> bool {
    let mut digits = 0;
    let short = |c: &char| {
        digits = if c.is_ascii_digit() { digits + 1 } else { 0 };
        digits <= 4
    };
    let shorter: String = text.chars().filter(short).collect();
    shorter.len() < text.len() && parse_duration(&shorter).is_some()
}

/// A hundred years. Longer durations are clamped, as their sums would overflow.
const LONGEST_DURATION: Duration = Duration::from_secs(100 * 366 * 86_400);

/// `at` in the form of the API's own examples: RFC 3339, in UTC, to the second.
#[must_use]
pub fn rfc3339(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `text` as RFC 3339: unchanged if it is in that form, else the same instant in UTC.
#[must_use]
pub fn to_rfc3339(text: &str) -> Option<String> {
    let text = text.trim();
    let moment = Moment::parse(text)?;
    let bytes = text.as_bytes();
    let complete = !text.contains(',') && bytes.get(10) == Some(&b'T') && bytes.get(16) == Some(&b':');
    let zoned =
        text.ends_with('Z') || bytes.len().checked_sub(6).is_some_and(|i| matches!(bytes[i], b'+' | b'-') && i > 16);
    Some(if complete && zoned { text.to_owned() } else { moment.at.to_string() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn iso_8601_is_parsed_with_and_without_its_parts() {
        let cases = [
            ("2025-10-28T00:00:00Z", "2025-10-28T00:00:00Z"),
            ("2025-10-28T00:00:00-07:00", "2025-10-28T07:00:00Z"),
            ("2025-10-28T00:00:00.25+0530", "2025-10-27T18:30:00.25Z"),
            ("2025-10-28 12:30", "2025-10-28T12:30:00Z"),
            ("2025-10-28T12:30:00", "2025-10-28T12:30:00Z"),
            ("2025-10-28", "2025-10-28T00:00:00Z"),
            ("20251028T120000Z", "2025-10-28T12:00:00Z"),
            ("2025-10-28T24:00:00Z", "2025-10-29T00:00:00Z"),
            ("2025-10-28T12:00:00.1234567891234Z", "2025-10-28T12:00:00.123456789Z"),
        ];
        for (text, expected) in cases {
            assert_eq!(Moment::parse(text).map(|m| m.at), Some(at(expected)), "{text}");
        }
        for nonsense in [
            "",
            "tomorrow",
            "1761609600",
            "2025-13-01T00:00:00Z",
            "12:30",
            "2025-10-28T00:00:00Z; rm",
            "60",
            "2030-01-01T00:00:00[Europe/Rome]",
        ] {
            assert_eq!(Moment::parse(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn moments_are_formatted_in_their_zone_in_utc_and_relative() {
        let now = at("2025-10-27T21:46:00Z");
        let format = |text: &str| Moment::parse(text).unwrap().format(now);
        assert_eq!(
            format("2025-10-27T17:00:00-07:00"),
            "2025-10-27 17:00 (UTC-07:00) = 2025-10-28 00:00 UTC (in 2 h 14 min)"
        );
        assert_eq!(format("2025-10-27T21:45:15Z"), "2025-10-27 21:45:15 UTC (45 s ago)");
        assert_eq!(format("2025-10-27T21:46:00Z"), "2025-10-27 21:46 UTC (now)");
    }

    #[test]
    fn durations_are_formatted_in_two_units() {
        let cases =
            [(0, "0 s"), (59, "59 s"), (60, "1 min"), (90, "1 min 30 s"), (8_040, "2 h 14 min"), (90_061, "1 d 1 h")];
        for (seconds, expected) in cases {
            assert_eq!(format_duration(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn duration_settings_are_parsed() {
        let cases = [
            ("90s", 90),
            ("30m", 1_800),
            ("1h30m", 5_400),
            ("PT30M", 1_800),
            ("45", 45),
            ("0", 0),
            ("1d", 86_400),
            (" 2 minutes ", 120),
        ];
        for (text, seconds) in cases {
            assert_eq!(parse_duration(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        assert_eq!(parse_duration("500ms"), Some(Duration::from_millis(500)));
        for nonsense in
            ["", "soon", "-5s", "-5", "1.5", "1y", "1mo", "5 parsecs", "-99999999999999999999h", "99999999999y"]
        {
            assert_eq!(parse_duration(nonsense), None, "{nonsense}");
        }
        for absurd in [
            "99999999999999999999",
            "9999999999999",
            "9999999h",
            "9999999999999h",
            "99999999999999999999h5m",
            "PT99999999999999999999H",
        ] {
            assert_eq!(parse_duration(absurd), Some(LONGEST_DURATION), "{absurd}");
        }
    }

    #[test]
    fn rfc_3339_is_unchanged_and_other_forms_are_converted() {
        let cases = [
            ("2025-10-28T15:00:00Z", Some("2025-10-28T15:00:00Z")),
            ("2025-10-28T15:00:00.5-07:00", Some("2025-10-28T15:00:00.5-07:00")),
            ("2025-10-28 15:00:00+02", Some("2025-10-28T13:00:00Z")),
            ("2025-10-28T15:00:00,5Z", Some("2025-10-28T15:00:00.5Z")),
            ("2025-10-28", Some("2025-10-28T00:00:00Z")),
            ("yesterday", None),
        ];
        for (text, expected) in cases {
            assert_eq!(to_rfc3339(text).as_deref(), expected, "{text}");
        }
    }
}
