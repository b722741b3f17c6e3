//! The settings for blocks and waiting.
//!
//! Owns: how `on_block` sets the others, and the job's own limit.

use super::error::SettingError;
use super::resolver::Resolver;
use super::table::{Argument, ON_BLOCK, ON_FLOW};
use crate::ci::{Context, System};
use crate::model::policy::{OnBlock, WaitPolicy};
use crate::model::source::Sourced;
use crate::model::time::{DURATION_FORMS, Moment, parse_duration};
use jiff::Timestamp;
use std::time::Duration;
use tokio::time::Instant;

/// The reserve at the end of a job's time for reporting why it fails.
const MARGIN: Duration = Duration::from_secs(15);

pub(super) fn resolve(
    resolver: &mut Resolver<'_>,
    system: &System,
    context: &Context,
    now: Timestamp,
) -> Option<WaitPolicy> {
    let allowed = Argument::allowed(ON_BLOCK);
    // `on_block` sets these four. A higher source beats a more specific setting of a lower one.
    let on = |resolver: &mut Resolver<'_>, name: &'static str| {
        let own = resolver.sources.pick(&[name]).ok().flatten();
        let on_block = resolver.one_of(name, &[name, "on_block"], "fail", &allowed, parse_on_block)?;
        if own.is_some_and(|own| own.source == on_block.source) {
            only_on_github(resolver, system, name, &on_block);
        }
        Some(on_block.value)
    };
    if let Some(on_block) = resolver.with_default("on_block", "fail", &allowed, parse_on_block) {
        only_on_github(resolver, system, "on_block", &on_block);
    }
    let on_conflict = on(resolver, "on_conflict");
    let on_window = on(resolver, "on_window");
    let on_approval = on(resolver, "on_approval");
    let on_soak = on(resolver, "on_soak");
    // Waiting seldom lifts these, so `on_block` does not set it.
    let parse_on_flow = |word: &str| parse_on_block(word).filter(|on_flow| *on_flow != OnBlock::Park);
    let on_flow = resolver.with_default("on_flow", "fail", &Argument::allowed(ON_FLOW), parse_on_flow);
    let on_flow = on_flow.map(|on_flow| on_flow.value);
    let timeout = resolver.with_default("wait_timeout", "30m", DURATION_FORMS, parse_duration);
    let poll_interval = resolver.positive_duration("poll_interval", "30s");
    let recheck_interval = resolver.with_default("recheck_interval", "10m", DURATION_FORMS, parse_duration);
    let conflict_max_age = resolver.positive_duration("conflict_max_age", "2h");
    let job_end =
        job_left(context, now).and_then(|(left, variable)| Some((Instant::now().checked_add(left)?, variable)));
    Some(WaitPolicy {
        on_conflict: on_conflict?,
        on_window: on_window?,
        on_approval: on_approval?,
        on_soak: on_soak?,
        on_flow: on_flow?,
        timeout: timeout?.value,
        poll_interval: poll_interval?.value,
        recheck_interval: recheck_interval?.value,
        conflict_max_age: conflict_max_age?.value,
        job_end,
    })
}

/// Adds an error if `on_block` is `park` on another system than GitHub.
fn only_on_github(resolver: &mut Resolver<'_>, system: &System, name: &'static str, on_block: &Sourced<OnBlock>) {
    if on_block.value == OnBlock::Park && !system.is_github() {
        resolver.errors.push(SettingError::OnlyOnGitHub {
            name,
            value: "park",
            set_by: on_block.source.clone(),
            system: system.name,
            instead: "Use wait, with a wait_timeout that covers the block, or fail and start the job again later, for \
                      example with GitLab's 'when: delayed' or a scheduled pipeline",
        });
    }
}

fn parse_on_block(word: &str) -> Option<OnBlock> {
    match word.to_ascii_lowercase().as_str() {
        "fail" => Some(OnBlock::Fail),
        "wait" => Some(OnBlock::Wait),
        "park" => Some(OnBlock::Park),
        _ => None,
    }
}

/// The time that is left of this job, and the variable that says so. Unknown if it is over: the job then runs its last steps, as
/// in GitLab's `after_script`, or a clock is wrong.
fn job_left(context: &Context, now: Timestamp) -> Option<(Duration, String)> {
    let timeout = context.job_timeout.as_ref()?;
    let whole = parse_duration(timeout.value.raw())?;
    let started = context.started_at.as_ref().and_then(|started| Moment::parse(started.value.raw()));
    let spent = started.and_then(|started| Duration::try_from(now.duration_since(started.at)).ok()).unwrap_or_default();
    let left = whole.checked_sub(spent).filter(|left| !left.is_zero())?;
    Some((left - MARGIN.min(left / 10), timeout.source.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ci::Detected;

    #[test]
    fn every_word_in_the_table_is_valid() {
        for word in ON_BLOCK {
            assert!(parse_on_block(word).is_some(), "{word}");
        }
    }

    #[test]
    fn time_left_of_a_job_is_known_until_it_is_over() {
        let found = |value: &str| Some(Detected { value: value.into(), source: "CI_JOB_TIMEOUT".to_owned() });
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
        assert!(left("9223372036854775807", None).is_some(), "an absurd limit is clamped");
    }
}
