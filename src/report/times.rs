//! Times and durations as messages write them: in minutes, in UTC, and relative to the check.

use crate::model::time::{Moment, format_duration};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// `2026-11-24 16:51 UTC`.
#[must_use]
pub fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

/// `16:51 UTC`, or with its date if that is not the date of `now`.
#[must_use]
pub fn clock(at: Timestamp, now: Timestamp) -> String {
    let date = |at: Timestamp| at.strftime("%Y-%m-%d").to_string();
    if date(at) == date(now) { at.strftime("%H:%M UTC").to_string() } else { stamp(at) }
}

/// `at`, rounded up to the minute: at that time something has ended.
#[must_use]
pub fn end(at: Timestamp) -> Timestamp {
    let seconds = at.as_second().rem_euclid(60);
    let below = seconds == 0 && at.subsec_nanosecond() == 0;
    let up = if below { 0 } else { 60 - seconds };
    Timestamp::from_second(at.as_second().saturating_add(up)).unwrap_or(at)
}

/// `at`, rounded to the minute.
#[must_use]
pub fn nearest_minute(at: Timestamp) -> Timestamp {
    let seconds = at.as_second().saturating_add(30);
    Timestamp::from_second(seconds - seconds.rem_euclid(60)).unwrap_or(at)
}

/// A duration in minutes, or in seconds if it is shorter than one: `45 s`, `2 h 14 min`.
#[must_use]
pub fn minutes(duration: Duration) -> String {
    let seconds = duration.as_secs_f64().round() as u64;
    if seconds < 60 {
        format_duration(duration)
    } else {
        format_duration(Duration::from_secs((seconds + 30) / 60 * 60))
    }
}

/// `2 h 14 min after this check`.
#[must_use]
pub fn relative(at: Timestamp, now: Timestamp) -> String {
    let away = at.duration_since(now);
    let distance = minutes(away.unsigned_abs());
    if away < SignedDuration::ZERO {
        format!("{distance} before this check")
    } else {
        format!("{distance} after this check")
    }
}

/// `2026-11-24 16:51 UTC = 09:51 UTC-7`: also in `zone`, with its date if that differs.
#[must_use]
pub fn in_zones(at: Timestamp, zone: Option<Offset>) -> String {
    let utc = stamp(at);
    let Some(zone) = zone.filter(|zone| *zone != Offset::UTC) else { return utc };
    let local = local(at, zone, "%Y-%m-%d %H:%M");
    let date = at.strftime("%Y-%m-%d ").to_string();
    let local = local.strip_prefix(&date).unwrap_or(&local);
    format!("{utc} = {local} {}", zone_name(zone))
}

/// `07:37 to 09:51 (UTC-7)`, with dates if they differ.
#[must_use]
pub fn span(from: Option<Moment>, to: Timestamp, zone: Option<Offset>) -> String {
    let zone = zone.unwrap_or(Offset::UTC);
    let show = |at: Timestamp, format: &str| local(at, zone, format);
    let name = zone_name(zone);
    match from {
        None => format!("until {} ({name})", show(to, "%Y-%m-%d %H:%M")),
        Some(from) => {
            let day = "%Y-%m-%d";
            let format = if show(from.at, day) == show(to, day) { "%H:%M" } else { "%Y-%m-%d %H:%M" };
            format!("{} to {} ({name})", show(from.at, format), show(to, format))
        }
    }
}

fn local(at: Timestamp, zone: Offset, format: &str) -> String {
    at.to_zoned(TimeZone::fixed(zone)).strftime(format).to_string()
}

/// `UTC-7`, `UTC+5:30`.
fn zone_name(zone: Offset) -> String {
    let (sign, minutes) = (if zone.seconds() < 0 { '-' } else { '+' }, zone.seconds().unsigned_abs() / 60);
    match (minutes / 60, minutes % 60) {
        (0, 0) => "UTC".to_owned(),
        (hours, 0) => format!("UTC{sign}{hours}"),
        (hours, minutes) => format!("UTC{sign}{hours}:{minutes:02}"),
    }
}

/// A `wait_timeout` that is at least `needed`, rounded up: `50m`, `2h30m`, `13h`.
#[must_use]
pub fn wait_timeout(needed: Duration) -> String {
    let minutes = needed.as_secs().div_ceil(60).max(1);
    let step = match minutes {
        ..60 => 5,
        60..360 => 30,
        _ => 60,
    };
    let minutes = minutes.div_ceil(step) * step;
    match (minutes / 60, minutes % 60) {
        (0, minutes) => format!("{minutes}m"),
        (hours, 0) => format!("{hours}h"),
        (hours, minutes) => format!("{hours}h{minutes}m"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn times_are_in_minutes_and_relative_to_the_check() {
        let now = at("2026-11-24T14:37:20Z");
        assert_eq!(clock(at("2026-11-24T16:51:00Z"), now), "16:51 UTC");
        assert_eq!(clock(at("2026-11-25T02:57:00Z"), now), "2026-11-25 02:57 UTC");
        assert_eq!(relative(at("2026-11-24T16:51:00Z"), now), "2 h 14 min after this check");
        assert_eq!(relative(at("2026-11-24T14:37:00Z"), now), "20 s before this check");
        assert_eq!(end(at("2026-11-24T16:50:00.1Z")), at("2026-11-24T16:51:00Z"));
        assert_eq!(end(at("2026-11-24T16:50:00Z")), at("2026-11-24T16:50:00Z"));
        assert_eq!(end(Timestamp::MAX), Timestamp::MAX);
        assert_eq!(nearest_minute(at("2026-11-24T16:50:29.9Z")), at("2026-11-24T16:50:00Z"));
        assert_eq!(nearest_minute(at("2026-11-24T16:49:59.9Z")), at("2026-11-24T16:50:00Z"));
    }

    #[test]
    fn zones_are_named_and_dates_given_only_if_they_differ() {
        let pacific = Offset::from_hours(-7).unwrap();
        let india = Offset::from_seconds(19_800).unwrap();
        assert_eq!(in_zones(at("2026-11-24T16:51:00Z"), Some(pacific)), "2026-11-24 16:51 UTC = 09:51 UTC-7");
        assert_eq!(
            in_zones(at("2025-10-28T00:00:00Z"), Some(pacific)),
            "2025-10-28 00:00 UTC = 2025-10-27 17:00 UTC-7"
        );
        assert_eq!(in_zones(at("2025-10-28T00:00:00Z"), Some(india)), "2025-10-28 00:00 UTC = 05:30 UTC+5:30");
        assert_eq!(in_zones(at("2025-10-28T00:00:00Z"), None), "2025-10-28 00:00 UTC");
        let from = Moment::parse("2026-11-24T07:37:00-07:00");
        assert_eq!(span(from, at("2026-11-24T16:51:00Z"), Some(pacific)), "07:37 to 09:51 (UTC-7)");
        assert_eq!(span(None, at("2026-11-24T16:51:00Z"), None), "until 2026-11-24 16:51 (UTC)");
    }

    #[test]
    fn wait_timeout_is_rounded_up() {
        let cases =
            [(0, "5m"), (60, "5m"), (46 * 60, "50m"), (3_600, "1h"), (8_100, "2h30m"), (9_001, "3h"), (44_400, "13h")];
        for (seconds, expected) in cases {
            assert_eq!(wait_timeout(Duration::from_secs(seconds)), expected, "{seconds}");
        }
    }
}
