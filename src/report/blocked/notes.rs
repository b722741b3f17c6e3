//! What else explains a block's result: that it is too late, stale, or was waited for.

use super::{BlockFailure, View, setting};
use crate::gate::wait::WaitLimit;
use crate::gate::{FailReason, StaleConflict};
use crate::report::{parked, times};
use std::time::Duration;

impl View<'_> {
    /// What else explains the result, in sentences.
    pub(super) fn notes(&self) -> Vec<String> {
        let event = self.context.event;
        let mut notes = Vec::new();
        if self.context.has_happened() {
            let kind = event.event_type.word();
            notes
                .push(format!("The {kind} has already happened ({}): only its record is blocked.", event.status.value));
        }
        notes.extend(self.stale_reason());
        notes.extend(self.wait_outcome());
        if self.may_be_recorded() {
            let how = match self.context.has_summary {
                true => "If the console shows that, close it: see the job summary.".to_owned(),
                false => format!("If the console shows that, close it: {}", self.own_closing_command()),
            };
            notes.push(format!("A request got no reply, so this deployment may be recorded as started. {how}"));
        }
        notes
    }

    /// Why the job does not wait for a stale conflict.
    fn stale_reason(&self) -> Option<String> {
        Some(match self.stale? {
            StaleConflict::OwnAttempt => {
                "It began after a request of this job that got no reply: it is probably this job's own.".to_owned()
            }
            StaleConflict::TooOld(_) => format!(
                "It is older than conflict_max_age ({}): its job has probably died without reporting the end.",
                times::minutes(self.context.settings.wait.conflict_max_age)
            ),
        })
    }

    /// Why the job did not wait, or did not wait longer.
    fn wait_outcome(&self) -> Option<String> {
        let BlockFailure { reason, wait, .. } = self.failure;
        let waited = wait.waited().map(times::minutes);
        match (reason, waited) {
            (FailReason::Park, _) => Some(parked::TOO_FAR.to_owned()),
            (FailReason::Setting, Some(waited)) => Some(format!(
                "This job waited {waited} for another block. It does not wait for this one: {} is fail.",
                setting(self.block.kind)
            )),
            (FailReason::BeyondDeadline, waited) => {
                let verb = waited.map_or_else(|| "Not waited".to_owned(), |waited| format!("Gave up after {waited}"));
                Some(format!("{verb}: it lasts longer than {}.", limit(wait.limit.as_ref())))
            }
            (FailReason::DeadlineReached, _) => match &wait.limit {
                Some(limit @ WaitLimit::Job(..)) => Some(format!("The wait ended with {}.", self::limit(Some(limit)))),
                _ => None,
            },
            (FailReason::Unreadable | FailReason::Stale(_), Some(waited)) => Some(format!("This job waited {waited}.")),
            (FailReason::Setting | FailReason::Unreadable | FailReason::Stale(_), None) => None,
        }
    }

    /// Whether the API may have recorded this deployment as started.
    pub(super) fn may_be_recorded(&self) -> bool {
        self.failure.wait.may_be_recorded() && self.context.is_gate() && self.stale != Some(StaleConflict::OwnAttempt)
    }
}

/// `wait_timeout (30 min)`.
fn limit(limit: Option<&WaitLimit>) -> String {
    let (name, duration): (String, Option<&Duration>) = match limit {
        None => ("wait_timeout".to_owned(), None),
        Some(WaitLimit::Setting(duration)) => ("wait_timeout".to_owned(), Some(duration)),
        Some(WaitLimit::Job(duration, variable)) => (format!("the job's own time limit, {variable}"), Some(duration)),
    };
    duration.map_or(name.clone(), |duration| format!("{name} ({})", times::minutes(*duration)))
}
