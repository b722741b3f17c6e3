//! The settings of waiting.
//!
//! Owns: how `on_block` sets the others, and the job's own limit. Does not own: what they do (`gate`).

use super::resolver::Resolver;
use crate::ci::Context;
use crate::gate::{Reaction, Rules};
use crate::when::{self, Moment, read_duration};
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// The end of a job's time is kept for saying why it ends.
const MARGIN: Duration = Duration::from_secs(15);

pub(super) fn read(resolver: &mut Resolver<'_>, context: &Context, now: Timestamp) -> Option<Rules> {
    let reaction = |resolver: &mut Resolver<'_>, name, default: &str| {
        resolver.or_default(name, default, "fail or wait", read_reaction).map(|reaction| reaction.value)
    };
    let on_block = reaction(resolver, "on_block", "fail");
    let inherited = match on_block {
        Some(Reaction::Wait) => "wait",
        Some(Reaction::Fail) | None => "fail",
    };
    let on_conflict = reaction(resolver, "on_conflict", inherited);
    let on_window = reaction(resolver, "on_window", inherited);
    let on_approval = reaction(resolver, "on_approval", inherited);
    let on_soak = reaction(resolver, "on_soak", inherited);
    let on_flow = reaction(resolver, "on_flow", "fail");
    let positive = |text: &str| read_duration(text).filter(|duration| !duration.is_zero());
    let more_than_0 = format!("{}, more than 0", when::DURATION_FORMS);
    let timeout = resolver.or_default("wait_timeout", "30m", &more_than_0, positive);
    let poll_interval = resolver.or_default("poll_interval", "30s", &more_than_0, positive);
    let recheck_interval = resolver.or_default("recheck_interval", "10m", when::DURATION_FORMS, read_duration);
    let conflict_max_age = resolver.or_default("conflict_max_age", "2h", &more_than_0, positive);
    let job_ends = job_left(context, now).map(|(left, variable)| (Instant::now() + left, variable));
    Some(Rules {
        on_conflict: on_conflict?,
        on_window: on_window?,
        on_approval: on_approval?,
        on_soak: on_soak?,
        on_flow: on_flow?,
        timeout: timeout?.value,
        poll_interval: poll_interval?.value,
        recheck_interval: recheck_interval?.value,
        conflict_max_age: conflict_max_age?.value,
        job_ends,
    })
}

fn read_reaction(word: &str) -> Option<Reaction> {
    match word.to_ascii_lowercase().as_str() {
        "fail" => Some(Reaction::Fail),
        "wait" => Some(Reaction::Wait),
        _ => None,
    }
}

/// How much longer this job may take, and which variable says so. A job whose time is up and that runs nevertheless has its
/// last words, as in GitLab's `after_script`, or a clock that is wrong: then nothing is known.
fn job_left(context: &Context, now: Timestamp) -> Option<(Duration, String)> {
    let timeout = context.job_timeout.as_ref()?;
    let whole = Duration::from_secs(timeout.value.parse().ok()?);
    let started = context.started_at.as_ref().and_then(|started| Moment::read(&started.value));
    let spent = started.and_then(|started| Duration::try_from(now.duration_since(started.at)).ok()).unwrap_or_default();
    let left = whole.checked_sub(spent).filter(|left| !left.is_zero())?;
    Some((left - MARGIN.min(left / 10), timeout.from.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::Found;

    #[test]
    fn what_is_left_of_a_job_is_known_until_its_time_is_up() {
        let found = |value: &str| Some(Found { value: value.to_owned(), from: "CI_JOB_TIMEOUT".to_owned() });
        let now: Timestamp = "2025-10-28T15:00:00Z".parse().unwrap();
        let left = |timeout: &str, started: Option<&str>| {
            let context =
                Context { job_timeout: found(timeout), started_at: started.and_then(found), ..Context::default() };
            job_left(&context, now).map(|(left, _)| left.as_secs())
        };
        assert_eq!(left("3600", Some("2025-10-28T14:30:00Z")), Some(1_785));
        assert_eq!(left("3600", None), Some(3_585));
        assert_eq!(left("3600", Some("2025-10-28T15:10:00Z")), Some(3_585), "a clock that is behind");
        for over in ["2025-10-28T14:00:00Z", "2025-10-01T00:00:00Z"] {
            assert_eq!(left("3600", Some(over)), None, "{over}");
        }
        assert_eq!(left("soon", None), None);
    }
}
