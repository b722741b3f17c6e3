//! Parking: the marker that a blocked job leaves, and when the job is due again.
//!
//! Owns: the marker's form and the times. Does not own: which jobs may be re-run (`resume`), nor asking GitHub (`forge`).

use super::block::BlockKind;
use super::time::{Moment, rfc3339};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// The title of the annotation that is the marker.
pub const MARKER_TITLE: &str = "versioner-parked";

/// How long GitHub re-runs jobs of a run, from the run's creation.
pub const RERUN_PERIOD: SignedDuration = SignedDuration::from_hours(30 * 24);

const FIRST_DELAY: SignedDuration = SignedDuration::from_mins(15);
const LONGEST_DELAY: SignedDuration = SignedDuration::from_hours(4);
const LARGEST_JITTER: u64 = 60;

/// What a parked job waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParkKind {
    Window,
    Soak,
    Approval,
    Conflict,
}

impl ParkKind {
    const ALL: [Self; 4] = [Self::Window, Self::Soak, Self::Approval, Self::Conflict];

    /// The kind for a block. `None`: such a block is never parked.
    #[must_use]
    pub fn of(kind: BlockKind) -> Option<Self> {
        match kind {
            BlockKind::Window => Some(Self::Window),
            BlockKind::Soak => Some(Self::Soak),
            BlockKind::Approval => Some(Self::Approval),
            BlockKind::Conflict => Some(Self::Conflict),
            BlockKind::Flow => None,
        }
    }

    /// The word in the marker.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::Soak => "soak",
            Self::Approval => "approval",
            Self::Conflict => "conflict",
        }
    }
}

/// The marker: when to try again. It says nothing about what to re-run, so that text which a step prints cannot decide that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    pub kind: ParkKind,
    pub not_before: Timestamp,
}

impl Marker {
    /// The marker of a job in its attempt number `attempt`, at `now` by the server's clock. `end`: the block's announced end.
    #[must_use]
    pub fn new(kind: ParkKind, end: Option<Timestamp>, now: Timestamp, attempt: u32) -> Self {
        let not_before = end.unwrap_or_else(|| add(now, delay(attempt)));
        // Rounded up, because the message has whole seconds.
        let whole = Timestamp::from_second(not_before.as_second()).unwrap_or(not_before);
        let not_before = if whole < not_before { add(whole, SignedDuration::from_secs(1)) } else { whole };
        Self { kind, not_before }
    }

    /// The message of the annotation.
    #[must_use]
    pub fn message(&self) -> String {
        format!(r#"{{"v":1,"kind":"{}","not_before":"{}"}}"#, self.kind.word(), rfc3339(self.not_before))
    }

    /// Parses the message of an annotation. `None` if it cannot be read, for example because GitHub has masked a part of it.
    #[must_use]
    pub fn parse(message: &str) -> Option<Self> {
        let value: Value = serde_json::from_str(message).ok()?;
        let object = value.as_object().filter(|object| object.get("v").and_then(Value::as_u64) == Some(1))?;
        let word = object.get("kind")?.as_str()?;
        let kind = ParkKind::ALL.into_iter().find(|kind| kind.word() == word)?;
        let not_before = Moment::parse(object.get("not_before")?.as_str()?)?.at;
        Some(Self { kind, not_before })
    }

    /// Whether GitHub re-runs a run that was created at `created` until after the marker's time.
    #[must_use]
    pub fn is_within_reach(&self, created: Timestamp) -> bool {
        self.not_before <= add(created, RERUN_PERIOD)
    }

    /// When a job is due again that completed at `completed`, in a run with so many `attempts` so far. The end of a window or
    /// of a soak time is known. Nobody announces when an approval is given or another deployment ends.
    #[must_use]
    pub fn due(&self, attempts: u32, completed: Timestamp, job_id: u64) -> Timestamp {
        let due = match self.kind {
            ParkKind::Window | ParkKind::Soak => self.not_before,
            ParkKind::Approval | ParkKind::Conflict => add(completed, delay(attempts)),
        };
        add(due, jitter(job_id))
    }
}

/// The pause after `attempts` attempts: doubles from 15 minutes to 4 hours.
fn delay(attempts: u32) -> SignedDuration {
    let doublings = attempts.saturating_sub(1).min(8);
    (FIRST_DELAY * 2_i32.pow(doublings)).min(LONGEST_DELAY)
}

/// Spreads the jobs of many repositories that wait for the same end: a hash (SplitMix64) of the job's id, which is the same
/// in each call.
fn jitter(job_id: u64) -> SignedDuration {
    let mut hash = job_id.wrapping_add(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^= hash >> 31;
    SignedDuration::from_secs(i64::try_from(hash % (LARGEST_JITTER + 1)).unwrap_or_default())
}

fn add(at: Timestamp, by: SignedDuration) -> Timestamp {
    at.saturating_add(by).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn message_is_parsed_back_and_has_a_time_without_an_announced_end() {
        let now = at("2025-10-28T15:00:00.4Z");
        for kind in ParkKind::ALL {
            let marker = Marker::new(kind, Some(at("2025-10-29T00:00:00Z")), now, 1);
            assert_eq!(Marker::parse(&marker.message()), Some(marker));
        }
        let marker = Marker::new(ParkKind::Approval, None, now, 2);
        assert_eq!(marker.message(), r#"{"v":1,"kind":"approval","not_before":"2025-10-28T15:30:01Z"}"#);
    }

    #[test]
    fn unreadable_messages_are_no_marker() {
        for message in [
            "",
            "***",
            "[1]",
            r#"{"v":***,"kind":"window","not_before":"2025-10-28T15:00:00Z"}"#,
            r#"{"v":1,"kind":"***","not_before":"2025-10-28T15:00:00Z"}"#,
            r#"{"v":1,"kind":"window","not_before":"***-10-28T15:00:00Z"}"#,
            r#"{"v":1,"kind":"window","not_before":1761663600}"#,
            r#"{"v":1,"kind":"window"}"#,
            r#"{"v":2,"kind":"window","not_before":"2025-10-28T15:00:00Z"}"#,
            r#"{"v":"1","kind":"window","not_before":"2025-10-28T15:00:00Z"}"#,
            r#"{"v":1,"kind":"flow","not_before":"2025-10-28T15:00:00Z"}"#,
        ] {
            assert_eq!(Marker::parse(message), None, "{message}");
        }
        let more = r#"{"v":1,"kind":"soak","not_before":"2025-10-28T17:00:00+02:00","job":"rm -rf","run":7}"#;
        let expected = Marker { kind: ParkKind::Soak, not_before: at("2025-10-28T15:00:00Z") };
        assert_eq!(Marker::parse(more), Some(expected), "what else it holds does not matter");
    }

    #[test]
    fn approvals_are_tried_after_15_minutes_and_then_ever_more_rarely() {
        let minutes: Vec<i64> = (1..=8).map(|attempts| delay(attempts).as_mins()).collect();
        assert_eq!(minutes, [15, 30, 60, 120, 240, 240, 240, 240]);
        assert_eq!((delay(0).as_mins(), delay(u32::MAX).as_mins()), (15, 240));
    }

    #[test]
    fn due_depends_on_the_kind_and_is_spread_over_a_minute() {
        let (not_before, completed) = (at("2025-10-29T00:00:00Z"), at("2025-10-28T15:00:00Z"));
        let due = |kind, attempts, id| Marker { kind, not_before }.due(attempts, completed, id);
        for (kind, attempts, start) in [
            (ParkKind::Window, 1, not_before),
            (ParkKind::Soak, 7, not_before),
            (ParkKind::Approval, 1, at("2025-10-28T15:15:00Z")),
            (ParkKind::Conflict, 3, at("2025-10-28T16:00:00Z")),
        ] {
            let seconds = |id| due(kind, attempts, id).duration_since(start).as_secs();
            assert!((0..2_000).all(|id| (0..=60).contains(&seconds(id))));
            assert!((0..2_000).any(|id| seconds(id) == 0) && (0..2_000).any(|id| seconds(id) == 60));
            assert_eq!(seconds(4_711), seconds(4_711));
        }
    }

    #[test]
    fn only_30_days_are_within_reach() {
        let created = at("2025-10-01T00:00:00Z");
        let marker = |not_before| Marker { kind: ParkKind::Window, not_before: at(not_before) };
        assert!(marker("2025-10-31T00:00:00Z").is_within_reach(created));
        assert!(!marker("2025-10-31T00:00:01Z").is_within_reach(created));
        assert!(
            !Marker { kind: ParkKind::Window, not_before: Timestamp::MAX }
                .is_within_reach(Timestamp::MAX - RERUN_PERIOD * 2)
        );
    }
}
