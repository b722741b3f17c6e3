//! The runs of a workflow, page by page, newest first.
//!
//! Owns: GitHub's limit of 1,000 results for a filtered list. Longer lists are read in slices by the time of creation.

use super::client::{GitHub, PAGE};
use super::error::GitHubError;
use crate::model::resume::WorkflowRun;
use crate::model::time::rfc3339;
use jiff::Timestamp;
use std::collections::HashSet;

/// The most pages of one slice: fewer than 1,000 runs.
const SLICE_PAGES: usize = 900 / PAGE;

/// The runs of a workflow on a branch.
#[derive(Debug)]
pub struct RunList {
    workflow: String,
    branch: String,
    /// Only runs that were created since then.
    since: Option<Timestamp>,
    /// The upper end of the current slice.
    until: Option<Timestamp>,
    /// The next page of the slice; `None`: the list is complete.
    page: Option<usize>,
    /// The ids of the runs so far. A slice begins with the last runs of the one before, and while pages are read, new runs
    /// shift older ones to later pages.
    seen: HashSet<u64>,
    /// How many runs GitHub counts.
    total: u64,
}

impl RunList {
    /// The runs of `workflow`, its id or its file's name. Nothing is requested yet.
    #[must_use]
    pub fn new(workflow: &str, branch: &str, since: Option<Timestamp>) -> Self {
        Self {
            workflow: workflow.to_owned(),
            branch: branch.to_owned(),
            since,
            until: None,
            page: Some(1),
            seen: HashSet::new(),
            total: 0,
        }
    }

    /// The next runs; `None` after the last.
    ///
    /// # Errors
    /// [`GitHubError`] of the request.
    pub async fn next(&mut self, github: &mut GitHub<'_>) -> Result<Option<Vec<WorkflowRun>>, GitHubError> {
        let Some(page) = self.page else { return Ok(None) };
        let created = self.since.map(|since| match self.until {
            None => format!(">={}", rfc3339(since)),
            Some(until) => format!("{}..{}", rfc3339(since), rfc3339(until)),
        });
        let (mut runs, total, more) = github.runs(&self.workflow, &self.branch, created, page).await?;
        self.total = self.total.max(total);
        let oldest = runs.iter().map(|run| run.created).min();
        runs.retain(|run| self.seen.insert(run.id));
        self.page = match (more, oldest) {
            (true, _) if page < SLICE_PAGES || self.since.is_none() => Some(page + 1),
            // A slice that begins where the last one began would be read for ever.
            (true, Some(oldest)) if self.until.is_none_or(|until| oldest < until) => {
                self.until = Some(oldest);
                Some(1)
            }
            _ => None,
        };
        Ok(Some(runs))
    }

    /// How many runs were not read, if the list was not read to its end.
    #[must_use]
    pub fn unread(&self) -> u64 {
        self.total.saturating_sub(self.seen.len() as u64)
    }
}
