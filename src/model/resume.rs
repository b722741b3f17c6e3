//! Which parked jobs are re-run. Pure: runs and jobs are values, and the clock comes in.
//!
//! Owns: which runs count, what supersedes a job, and how a run is re-run. Does not own: the marker (`park`), nor asking
//! GitHub (`forge`).

use super::park::{MARKER_TITLE, Marker};
use crate::text::Foreign;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// A run is never re-run beyond this attempt. GitHub allows 50.
pub const LAST_ATTEMPT: u32 = 40;

/// The events whose runs count. The runs of others may hold code that nobody has merged, or deploy something else.
const EVENTS: [&str; 4] = ["push", "schedule", "workflow_dispatch", "release"];

/// How far a run or a job has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is queued, waits or runs.
    NotCompleted,
    Succeeded,
    /// Failed, cancelled or timed out.
    Failed,
    /// It completed otherwise, for example skipped.
    Other,
}

impl Progress {
    /// From GitHub's `status` and `conclusion`.
    #[must_use]
    pub fn parse(status: Option<&str>, conclusion: Option<&str>) -> Self {
        match (status, conclusion) {
            (Some("completed"), Some("success")) => Self::Succeeded,
            (Some("completed"), Some("failure" | "cancelled" | "timed_out")) => Self::Failed,
            (Some("completed"), _) => Self::Other,
            _ => Self::NotCompleted,
        }
    }
}

/// A workflow run.
#[derive(Clone, Debug)]
pub struct WorkflowRun {
    pub id: u64,
    /// Its number among the runs of the workflow.
    pub number: u64,
    /// The number of its latest attempt.
    pub attempt: u32,
    pub workflow_id: Option<u64>,
    pub event: String,
    pub branch: Option<String>,
    /// Whether its commit is in the repository itself, not in a fork.
    pub is_own: bool,
    pub progress: Progress,
    pub created: Timestamp,
    pub updated: Timestamp,
}

impl WorkflowRun {
    /// Whether the run counts: it may be re-run, and supersedes older runs.
    #[must_use]
    pub fn counts(&self, branch: &str) -> bool {
        EVENTS.contains(&self.event.as_str()) && self.is_own && self.branch.as_deref() == Some(branch)
    }

    /// Whether this run makes the run with `number` obsolete: it is newer, and it succeeded, runs or is pending.
    #[must_use]
    pub fn supersedes(&self, number: u64, branch: &str) -> bool {
        let replaces = matches!(self.progress, Progress::Succeeded | Progress::NotCompleted);
        self.number > number && replaces && self.counts(branch)
    }
}

/// A job of a run, in the latest attempt or in an earlier one.
#[derive(Clone, Debug)]
pub struct Job {
    pub id: u64,
    pub name: Foreign,
    pub progress: Progress,
    pub started: Option<Timestamp>,
    pub completed: Option<Timestamp>,
}

impl Job {
    /// Whether this job may be a copy of `earlier`, which a partial re-run makes of jobs that it does not run again: it did
    /// not start after the earlier one had ended.
    #[must_use]
    pub fn may_be_copy_of(&self, earlier: &Self) -> bool {
        self.started == earlier.started
            || self.started.zip(earlier.completed).is_none_or(|(started, ended)| started <= ended)
    }
}

/// An annotation of a job.
#[derive(Clone, Debug)]
pub struct Annotation {
    pub is_notice: bool,
    pub title: String,
    pub message: String,
}

/// The markers among the annotations of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Markers {
    /// The one that counts: the latest.
    pub latest: Option<Marker>,
    /// How many cannot be read.
    pub unreadable: usize,
}

impl Markers {
    /// Finds the markers in `annotations`.
    #[must_use]
    pub fn find(annotations: &[Annotation]) -> Self {
        let mut markers = Self::default();
        for annotation in annotations.iter().filter(|it| it.is_notice && it.title == MARKER_TITLE) {
            match Marker::parse(&annotation.message) {
                Some(marker) if markers.latest.is_none_or(|latest| marker.not_before > latest.not_before) => {
                    markers.latest = Some(marker);
                }
                Some(_) => {}
                None => markers.unreadable += 1,
            }
        }
        markers
    }
}

/// A failed job with a marker.
#[derive(Clone, Debug)]
pub struct ParkedJob {
    pub id: u64,
    pub name: Foreign,
    /// When it may be re-run.
    pub due: Timestamp,
}

/// What happens to a parked job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It is re-run now.
    Rerun,
    /// It is not due before this time.
    Waiting(Timestamp),
    /// A newer run, with this number, has a job of that name that succeeded, runs, is pending or is parked.
    Superseded(u64),
    /// The newer run with this number has not completed, or this call has re-run it.
    NewerRunActive(u64),
    /// The newer run with this number could not be read, so it may supersede this one.
    NewerRunUnknown(u64),
    /// Another job of its run is re-run first.
    OneAtATime,
    /// Its run has had all attempts.
    GaveUp,
}

/// What to re-run of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rerun {
    /// All failed jobs.
    FailedJobs,
    /// The job with this id, and those that depend on it.
    Job(u64),
}

/// What is known of the runs that are newer than the one in question. Runs are added from the newest on.
#[derive(Debug, Default)]
pub struct NewerRuns {
    /// The number of one that has not completed.
    active: Option<u64>,
    /// The number of one whose jobs could not be read.
    unknown: Option<u64>,
    /// Jobs that supersede older ones of the same name, with the number of their run.
    superseding: BTreeMap<String, u64>,
    /// Jobs of which it could not be found out whether they are parked.
    unknown_jobs: BTreeMap<String, u64>,
}

impl NewerRuns {
    /// Notes that the run with `number` has not completed, or has been re-run.
    pub fn add_active(&mut self, number: u64) {
        self.active.get_or_insert(number);
    }

    /// Notes that the jobs of the run with `number` could not be read.
    pub fn add_unknown(&mut self, number: u64) {
        self.unknown.get_or_insert(number);
    }

    /// Notes that it could not be found out whether the failed job `name` of the run with `number` is parked.
    pub fn add_unknown_job(&mut self, name: &str, number: u64) {
        self.unknown_jobs.entry(name.to_owned()).or_insert(number);
    }

    /// Notes that the run with `number` has a job of this name that succeeded, runs, is pending or is parked.
    pub fn add_superseding(&mut self, name: &str, number: u64) {
        self.superseding.entry(name.to_owned()).or_insert(number);
    }

    /// Adds the jobs of the run with `number` that supersede older ones, apart from parked ones.
    pub fn add_jobs(&mut self, number: u64, jobs: &[Job]) {
        for job in jobs.iter().filter(|job| matches!(job.progress, Progress::Succeeded | Progress::NotCompleted)) {
            self.add_superseding(job.name.raw(), number);
        }
    }

    /// Whether a newer run has superseded the job `name`.
    #[must_use]
    pub fn supersedes(&self, name: &str) -> bool {
        self.superseding.contains_key(name)
    }

    /// Decides about the `parked` jobs of `run`, which has so many `failed` jobs, at `now` by GitHub's clock: a decision for
    /// each, and what to re-run.
    #[must_use]
    pub fn decide(
        &self,
        run: &WorkflowRun,
        failed: usize,
        parked: &[ParkedJob],
        now: Timestamp,
    ) -> (Vec<Decision>, Option<Rerun>) {
        let mut decisions: Vec<Decision> = parked.iter().map(|job| self.decide_job(run, job, now)).collect();
        let ready = decisions.iter().filter(|decision| **decision == Decision::Rerun).count();
        let earliest = || {
            let ready = parked.iter().zip(&decisions).filter(|(_, decision)| **decision == Decision::Rerun);
            ready.min_by_key(|(job, _)| (job.due, job.id)).map(|(job, _)| job.id)
        };
        if ready == failed && ready > 0 {
            return (decisions, Some(Rerun::FailedJobs));
        }
        let Some(id) = earliest() else { return (decisions, None) };
        for (job, decision) in parked.iter().zip(&mut decisions) {
            if *decision == Decision::Rerun && job.id != id {
                *decision = Decision::OneAtATime;
            }
        }
        (decisions, Some(Rerun::Job(id)))
    }

    fn decide_job(&self, run: &WorkflowRun, job: &ParkedJob, now: Timestamp) -> Decision {
        let name = job.name.raw();
        if let Some(number) = self.superseding.get(name) {
            return Decision::Superseded(*number);
        }
        if now < job.due {
            return Decision::Waiting(job.due);
        }
        if let Some(number) = self.unknown_jobs.get(name).copied().or(self.unknown) {
            return Decision::NewerRunUnknown(number);
        }
        match self.active {
            Some(number) => Decision::NewerRunActive(number),
            None if run.attempt >= LAST_ATTEMPT => Decision::GaveUp,
            None => Decision::Rerun,
        }
    }
}

#[cfg(test)]
mod tests;
