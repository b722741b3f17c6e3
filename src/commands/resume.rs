//! `versioner resume`: re-runs parked jobs whose time has come.
//!
//! Owns: the order of requests, newest runs first. Does not own: which jobs may be re-run (`model::resume`).

use crate::delivery::Session;
use crate::forge::{GitHub, GitHubError, RunList};
use crate::model::message::Level;
use crate::model::outcome::Outcome;
use crate::model::park::RERUN_PERIOD;
use crate::model::resume::{Decision, Job, Markers, NewerRuns, ParkedJob, Progress, Rerun, WorkflowRun};
use crate::report::resume::{self as words, JobResult, Resumed, Row};
use crate::settings::ResumePlan;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, VecDeque};

/// The most requests of a call. A `GITHUB_TOKEN` has 1,000 an hour for the whole repository.
const REQUESTS: u32 = 300;

/// Of these, kept for a re-run: reading the run again, re-running it, and finding out why that failed.
const RESERVE: u32 = 3;

/// Re-runs the jobs. Returns the exit code.
pub(super) async fn resume(session: &Session<'_>, plan: &ResumePlan) -> u8 {
    let github = match session.github(&plan.github, REQUESTS) {
        Ok(github) => github,
        Err(error) => {
            super::config_errors(session.console, &[error.into()]);
            return Outcome::Misconfigured.exit_code();
        }
    };
    let mut search = Search {
        session,
        plan,
        github,
        branch: String::new(),
        newer: NewerRuns::default(),
        unread: VecDeque::new(),
        found: Resumed::default(),
    };
    if let Err(error) = search.all_runs().await {
        search.problem(&error, words::failure(&error) + ".");
    }
    let Search { github, mut found, .. } = search;
    found.requests = github.requests();
    found.fails |= github.was_rate_limited();
    session.show_resumed(&found, plan.pages.as_deref());
    match found.fails {
        true => Outcome::Unavailable { excused: false }.exit_code(),
        false => Outcome::Done.exit_code(),
    }
}

/// The search for parked jobs, from the newest run on.
struct Search<'a> {
    session: &'a Session<'a>,
    plan: &'a ResumePlan,
    github: GitHub<'a>,
    branch: String,
    newer: NewerRuns,
    /// Newer runs that have not failed, newest first. Their jobs are read when they matter.
    unread: VecDeque<WorkflowRun>,
    found: Resumed,
}

/// The jobs of earlier attempts of a run, by attempt.
type EarlierJobs = BTreeMap<u32, Vec<Job>>;

impl Search<'_> {
    /// Notes a problem.
    fn problem(&mut self, error: &GitHubError, text: String) {
        // What is left after the last request is said anyway, and is no failure.
        if !matches!(error, GitHubError::LimitReached) {
            self.found.problems.push(text);
            self.found.fails = true;
        }
    }

    /// Looks at all runs of which GitHub still re-runs jobs.
    async fn all_runs(&mut self) -> Result<(), GitHubError> {
        // The first request also tells GitHub's time.
        let default_branch = self.github.default_branch().await?;
        self.branch = self.plan.branch.clone().unwrap_or(default_branch);
        self.github.reserve = RESERVE;
        let now = self.github.now();
        let since = now.checked_sub(RERUN_PERIOD).unwrap_or(now);
        let mut list = RunList::new(&self.plan.workflow, &self.branch, Some(since));
        loop {
            let runs = list.next(&mut self.github).await;
            self.found.left = list.unread();
            let Some(mut runs) = runs? else { return Ok(()) };
            runs.sort_by_key(|run| std::cmp::Reverse(run.number));
            let mut runs = runs.into_iter();
            while let Some(run) = runs.next() {
                let looked_at = self.run(run).await;
                if looked_at.is_err() {
                    self.found.left += runs.len() as u64 + 1;
                }
                looked_at?;
            }
        }
    }

    /// Looks at a run. Any error ends the call.
    async fn run(&mut self, run: WorkflowRun) -> Result<(), GitHubError> {
        if !run.counts(&self.branch) {
            self.found.others += 1;
            return Ok(());
        }
        match run.progress {
            Progress::Failed => return self.failed_run(&run).await,
            Progress::NotCompleted => self.newer.add_active(run.number),
            Progress::Succeeded | Progress::Other => {}
        }
        self.unread.push_back(run);
        Ok(())
    }

    async fn failed_run(&mut self, run: &WorkflowRun) -> Result<(), GitHubError> {
        let jobs = match self.github.jobs(run.id, None).await {
            Ok(jobs) => jobs,
            Err(error) => return self.skip_run(run, error),
        };
        let failed: Vec<&Job> = jobs.iter().filter(|job| job.progress == Progress::Failed).collect();
        let parked = self.parked_jobs(run, &failed).await?;
        for job in &parked {
            self.read_newer_runs(job.name.raw()).await?;
        }
        let (decisions, rerun) = self.newer.decide(run, failed.len(), &parked, self.github.now());
        let ended = match rerun {
            None => Ok(JobResult::Decided(Decision::Rerun)),
            Some(what) if self.plan.dry_run => {
                self.newer.add_active(run.number);
                Ok(JobResult::WouldRerun(what))
            }
            Some(what) => self.rerun(run, what).await,
        };
        let (result, stop) = match ended {
            Ok(result) => (result, None),
            Err(error) => {
                self.found.fails = true;
                (JobResult::Failed(words::failure(&error)), Some(error).filter(GitHubError::ends_call))
            }
        };
        for (job, decision) in parked.into_iter().zip(decisions) {
            self.newer.add_superseding(job.name.raw(), run.number);
            self.found.fails |= decision == Decision::GaveUp;
            let result = if decision == Decision::Rerun { result.clone() } else { JobResult::Decided(decision) };
            self.found.rows.push(Row::new(run, job.name, result));
        }
        self.newer.add_jobs(run.number, &jobs);
        stop.map_or(Ok(()), Err)
    }

    /// Leaves a run out whose jobs cannot be read, unless nothing else can be read either.
    fn skip_run(&mut self, run: &WorkflowRun, error: GitHubError) -> Result<(), GitHubError> {
        if error.ends_call() {
            return Err(error);
        }
        self.problem(&error, words::of_run(run, &error));
        self.newer.add_unknown(run.number);
        Ok(())
    }

    /// Those of the `failed` jobs of `run` that are parked.
    async fn parked_jobs(&mut self, run: &WorkflowRun, failed: &[&Job]) -> Result<Vec<ParkedJob>, GitHubError> {
        let mut parked = Vec::new();
        let mut earlier = EarlierJobs::new();
        for job in failed {
            let markers = match self.markers(run, job, &mut earlier).await {
                Ok(markers) => markers,
                Err(error) if error.ends_call() => return Err(error),
                Err(error) => {
                    self.problem(&error, words::of_job(run, &job.name, &error));
                    self.newer.add_unknown_job(job.name.raw(), run.number);
                    continue;
                }
            };
            if markers.unreadable > 0 {
                self.session.console.line(&words::unreadable_markers(run, &job.name, markers.unreadable));
            }
            match markers.latest {
                Some(marker) => {
                    let due = marker.due(run.attempt, job.completed.unwrap_or(run.updated), job.id);
                    parked.push(ParkedJob { id: job.id, name: job.name.clone(), due });
                }
                None if markers.unreadable > 0 => {
                    self.found.rows.push(Row::new(run, job.name.clone(), JobResult::Unreadable));
                }
                None => {}
            }
        }
        Ok(parked)
    }

    /// The markers of a failed job: in its annotations, or if it has none, in those of the job of which it is a copy.
    async fn markers(
        &mut self,
        run: &WorkflowRun,
        job: &Job,
        earlier: &mut EarlierJobs,
    ) -> Result<Markers, GitHubError> {
        let annotations = self.github.annotations(job.id).await?;
        if !annotations.is_empty() {
            return Ok(Markers::find(&annotations));
        }
        for attempt in (1..run.attempt).rev() {
            let jobs = match earlier.entry(attempt) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(unknown) => unknown.insert(self.github.jobs(run.id, Some(attempt)).await?),
            };
            let named = || jobs.iter().filter(|other| other.name.raw() == job.name.raw());
            let same_start = named().find(|other| other.started == job.started);
            let Some(original) = same_start.or_else(|| named().next()) else { continue };
            if original.progress != Progress::Failed || !job.may_be_copy_of(original) {
                break;
            }
            let annotations = self.github.annotations(original.id).await?;
            if !annotations.is_empty() {
                return Ok(Markers::find(&annotations));
            }
        }
        Ok(Markers::default())
    }

    /// Reads the jobs of newer runs until one supersedes the job `name`.
    async fn read_newer_runs(&mut self, name: &str) -> Result<(), GitHubError> {
        while !self.newer.supersedes(name)
            && let Some(run) = self.unread.pop_front()
        {
            match self.github.jobs(run.id, None).await {
                Ok(jobs) => self.newer.add_jobs(run.number, &jobs),
                Err(error) => self.skip_run(&run, error)?,
            }
        }
        Ok(())
    }

    /// Re-runs jobs of `run`, unless it has changed since it was listed.
    async fn rerun(&mut self, run: &WorkflowRun, what: Rerun) -> Result<JobResult, GitHubError> {
        self.github.reserve = 0;
        let result = self.rerun_unchanged(run, what).await;
        self.github.reserve = RESERVE;
        if matches!(result, Ok(JobResult::Rerun(_) | JobResult::StillRunning)) {
            self.newer.add_active(run.number);
        }
        result
    }

    async fn rerun_unchanged(&mut self, run: &WorkflowRun, what: Rerun) -> Result<JobResult, GitHubError> {
        if self.has_changed(run).await? {
            return Ok(JobResult::StillRunning);
        }
        match self.github.rerun(run.id, what).await {
            Ok(()) => Ok(JobResult::Rerun(what)),
            // GitHub also refuses with 403 while the run is going: another call was faster.
            Err(error @ GitHubError::Forbidden(_)) => match self.has_changed(run).await {
                Ok(true) => Ok(JobResult::StillRunning),
                Ok(false) | Err(_) => Err(error),
            },
            // GitHub may have begun the re-run although no answer came.
            Err(error @ GitHubError::Unavailable(_)) => match self.has_changed(run).await {
                Ok(true) => Ok(JobResult::Rerun(what)),
                Ok(false) | Err(_) => Err(error),
            },
            Err(error) => Err(error),
        }
    }

    /// Whether `run` is going, or has had another attempt.
    async fn has_changed(&mut self, run: &WorkflowRun) -> Result<bool, GitHubError> {
        let now = self.github.run(run.id).await?;
        Ok(now.progress == Progress::NotCompleted || now.attempt != run.attempt)
    }
}

impl Session<'_> {
    /// Prints what `resume` found and did.
    fn show_resumed(&self, found: &Resumed, pages: Option<&str>) {
        self.console.table(&found.table());
        self.console.line(&found.total());
        if let Some(line) = found.not_looked_at() {
            self.console.warn(&line);
        }
        if let Some((title, message)) = found.error() {
            self.console.annotate(Level::Error, &title, &message);
        }
        if self.settings.summary && self.console.has_summary() {
            let mut summary = found.summary(pages);
            summary.title = self.console.redact(&summary.title);
            summary.markdown = self.console.redact(&summary.markdown);
            self.console.add_summary(&summary);
        }
        if self.json {
            self.console.print(&format!("{}\n", self.console.redact(&found.json())));
        }
    }
}
