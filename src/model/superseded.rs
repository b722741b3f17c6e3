//! Whether a job must stop because a newer run of its workflow makes it obsolete.
//!
//! Owns: when that is asked. Which runs are newer is in `resume`, so that both rules agree.

/// When to ask whether a newer run makes this one obsolete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenToAsk {
    Never,
    /// Before each poll.
    BeforePolls,
    /// Before each poll and before the deployment starts.
    BeforeStartAndPolls,
}

/// What is known of this run.
#[derive(Clone, Copy, Debug)]
pub struct ThisRun<'a> {
    pub event: &'a str,
    /// The ref that started the run, such as `refs/heads/main`.
    pub git_ref: &'a str,
    pub attempt: u32,
    /// Who started this attempt.
    pub triggering_actor: &'a str,
}

impl ThisRun<'_> {
    /// When to ask. A person who re-runs an old run wants that version, so that a rollback stays possible. Tags, pull requests
    /// and merge groups have no successor on their branch.
    #[must_use]
    pub fn when_to_ask(&self) -> WhenToAsk {
        let is_exempt = !self.git_ref.starts_with("refs/heads/")
            || self.event.starts_with("pull_request")
            || matches!(self.event, "merge_group" | "workflow_run");
        match (is_exempt, self.attempt, self.triggering_actor.ends_with("[bot]")) {
            (true, ..) => WhenToAsk::Never,
            (false, 0 | 1, _) => WhenToAsk::BeforePolls,
            (false, _, true) => WhenToAsk::BeforeStartAndPolls,
            (false, _, false) => WhenToAsk::Never,
        }
    }
}

/// Why a job must stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Superseded {
    /// The run with this number is newer.
    By(u64),
    /// GitHub could not be asked, and `require_gate` is set. Why not, in words.
    Unknown(String),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manual_reruns_tags_and_merges_are_exempt() {
        let ask = |event, git_ref, attempt, triggering_actor| {
            ThisRun { event, git_ref, attempt, triggering_actor }.when_to_ask()
        };
        let main = "refs/heads/main";
        assert_eq!(ask("push", main, 1, "mona"), WhenToAsk::BeforePolls);
        assert_eq!(ask("workflow_dispatch", main, 1, "mona"), WhenToAsk::BeforePolls);
        assert_eq!(ask("push", main, 2, "github-actions[bot]"), WhenToAsk::BeforeStartAndPolls);
        assert_eq!(ask("push", main, 2, "mona"), WhenToAsk::Never);
        assert_eq!(ask("push", main, 2, "bot"), WhenToAsk::Never);
        assert_eq!(ask("push", "refs/tags/v1", 1, "mona"), WhenToAsk::Never);
        assert_eq!(ask("release", "refs/tags/v1", 2, "github-actions[bot]"), WhenToAsk::Never);
        for event in ["pull_request", "pull_request_target", "merge_group", "workflow_run"] {
            assert_eq!(ask(event, main, 1, "mona"), WhenToAsk::Never, "{event}");
        }
    }
}
