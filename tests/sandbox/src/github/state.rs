//! The runs of a repository, their attempts and jobs, and what a re-run does to them.

use super::annotations::GitHubAnnotation;
use jiff::Timestamp;

/// What the token may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub enum Permission {
    /// Nothing.
    None,
    /// Read.
    Read,
    /// Read and write.
    Write,
}

/// The repository and the token. All of it can be changed at any time.
#[derive(Debug)]
pub struct GitHubState {
    /// `owner/name`.
    pub repository: String,
    /// The default branch.
    pub default_branch: String,
    /// The only token that is accepted.
    pub token: String,
    /// After so many more requests, the token is not accepted any more.
    pub token_expires_after: Option<u32>,
    /// So many more requests are allowed by the primary rate limit.
    pub requests_left: Option<u32>,
    /// The permission `actions`.
    pub actions: Permission,
    /// The permission `checks`.
    pub checks: Permission,
    /// Values that are masked in annotations.
    pub secrets: Vec<String>,
    /// Runs, oldest first.
    pub runs: Vec<GitHubRun>,
    /// Requests that GitHub's description does not allow, with the reason.
    pub violations: Vec<String>,
    next_id: u64,
}

/// A run of a workflow.
#[derive(Debug, Clone)]
pub struct GitHubRun {
    /// Its id.
    pub id: u64,
    /// Its number in the workflow.
    pub number: u64,
    /// The file of the workflow.
    pub workflow: String,
    /// What started it.
    pub event: String,
    /// Its branch.
    pub branch: String,
    /// The repository of its commit: a fork, or the repository itself.
    pub head_repository: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// The jobs of each attempt.
    pub attempts: Vec<Vec<GitHubJob>>,
    /// When the latest attempt began.
    pub started_at: Timestamp,
    /// Who started the latest attempt.
    pub triggering_actor: String,
}

/// A job of an attempt.
#[derive(Debug, Clone)]
pub struct GitHubJob {
    /// Its id, which is also that of its check run.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// The conclusion; `None` while it runs.
    pub conclusion: Option<String>,
    /// When it started.
    pub started_at: Timestamp,
    /// When it completed.
    pub completed_at: Option<Timestamp>,
    /// What GitHub has kept of its annotations.
    pub annotations: Vec<GitHubAnnotation>,
}

/// A run to add.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// The file of the workflow.
    pub workflow: String,
    /// What started it.
    pub event: String,
    /// Its branch.
    pub branch: String,
    /// The repository of its commit; `None`: the repository itself.
    pub fork: Option<String>,
    /// How long ago it was created, in seconds.
    pub age: i64,
}

impl Default for NewRun {
    fn default() -> Self {
        Self { workflow: "deploy.yml".into(), event: "push".into(), branch: "main".into(), fork: None, age: 0 }
    }
}

impl Default for GitHubState {
    fn default() -> Self {
        Self {
            repository: "octo/shop".into(),
            default_branch: "main".into(),
            token: "ghs_5a1d0c9e7b3f42d8".into(),
            token_expires_after: None,
            requests_left: None,
            actions: Permission::Write,
            checks: Permission::Read,
            secrets: Vec::new(),
            runs: Vec::new(),
            violations: Vec::new(),
            next_id: 30_000,
        }
    }
}

impl GitHubState {
    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    /// Adds a run without jobs at `now`, and returns its id.
    pub fn add_run(&mut self, run: NewRun, now: Timestamp) -> u64 {
        let id = self.id();
        let newer = self.runs.iter().filter(|known| known.workflow == run.workflow).map(|known| known.number);
        let number = newer.max().unwrap_or(100) + 1;
        let created_at = now - jiff::SignedDuration::from_secs(run.age);
        self.runs.push(GitHubRun {
            id,
            number,
            workflow: run.workflow,
            event: run.event,
            branch: run.branch,
            head_repository: run.fork.unwrap_or_else(|| self.repository.clone()),
            created_at,
            attempts: vec![Vec::new()],
            started_at: created_at,
            triggering_actor: "mona".into(),
        });
        id
    }

    /// Adds a job to the latest attempt of a run, which starts when the run was created. Returns its id.
    ///
    /// # Panics
    ///
    /// If there is no such run.
    pub fn add_job(
        &mut self,
        run: u64,
        name: &str,
        conclusion: Option<&str>,
        annotations: Vec<GitHubAnnotation>,
    ) -> u64 {
        let id = self.id();
        let run = self.run_mut(run);
        let started_at = run.started_at;
        let job = GitHubJob {
            id,
            name: name.to_owned(),
            conclusion: conclusion.map(str::to_owned),
            started_at,
            completed_at: conclusion.map(|_| started_at + jiff::SignedDuration::from_secs(30)),
            annotations,
        };
        run.attempts.last_mut().unwrap_or_else(|| panic!("no attempt")).push(job);
        id
    }

    /// Completes the job `name` of the latest attempt of a run, with the annotations of what it printed.
    ///
    /// # Panics
    ///
    /// If there is no such job.
    pub fn complete_job(&mut self, run: u64, name: &str, conclusion: &str, log: &str, now: Timestamp) {
        let annotations = GitHubAnnotation::of_log(log, &self.secrets);
        let jobs = self.run_mut(run).attempts.last_mut().unwrap_or_else(|| panic!("no attempt"));
        let job = jobs.iter_mut().find(|job| job.name == name).unwrap_or_else(|| panic!("no job {name}"));
        job.conclusion = Some(conclusion.to_owned());
        job.completed_at = Some(now);
        job.annotations = annotations;
    }

    /// The run with this id.
    ///
    /// # Panics
    ///
    /// If there is none.
    pub fn run_mut(&mut self, id: u64) -> &mut GitHubRun {
        self.runs.iter_mut().find(|run| run.id == id).unwrap_or_else(|| panic!("no run {id}"))
    }

    /// The run with this id.
    pub(crate) fn run(&self, id: u64) -> Option<&GitHubRun> {
        self.runs.iter().find(|run| run.id == id)
    }

    /// The run whose latest attempt has the job `id`.
    pub(crate) fn run_of_job(&self, id: u64) -> Option<u64> {
        let has_job = |run: &&GitHubRun| run.latest().iter().any(|job| job.id == id);
        self.runs.iter().find(has_job).map(|run| run.id)
    }

    /// Starts another attempt of a run, with new jobs for those that `again` chooses. The others are copied, without their
    /// annotations.
    ///
    /// # Errors
    ///
    /// GitHub's message if it does not re-run the run.
    pub fn rerun(
        &mut self,
        run: u64,
        again: impl Fn(&GitHubJob) -> bool,
        actor: &str,
        now: Timestamp,
    ) -> Result<(), String> {
        let known = self.run_mut(run);
        if !known.is_completed() {
            return Err("This workflow is already running".to_owned());
        }
        if now.duration_since(known.created_at) > jiff::SignedDuration::from_hours(30 * 24) {
            return Err("Unable to re-run this workflow run because it was created over a month ago".to_owned());
        }
        if known.attempts.len() > 50 {
            return Err("This workflow run has been re-run too many times".to_owned());
        }
        let mut jobs = known.latest().to_vec();
        for job in &mut jobs {
            job.id = self.id();
            job.annotations.clear();
            // What was skipped because of a job that runs again, runs again as well.
            if again(job) || job.conclusion.as_deref() == Some("skipped") {
                job.conclusion = None;
                job.started_at = now;
                job.completed_at = None;
            }
        }
        let known = self.run_mut(run);
        known.attempts.push(jobs);
        known.started_at = now;
        known.triggering_actor = actor.to_owned();
        Ok(())
    }
}

impl GitHubRun {
    /// The jobs of the latest attempt.
    pub fn latest(&self) -> &[GitHubJob] {
        self.attempts.last().map(Vec::as_slice).unwrap_or_default()
    }

    /// Whether every job is completed.
    pub fn is_completed(&self) -> bool {
        !self.latest().is_empty() && self.latest().iter().all(|job| job.conclusion.is_some())
    }

    /// `status` and `conclusion`.
    pub(crate) fn status(&self) -> (&'static str, Option<&str>) {
        if !self.is_completed() {
            return (if self.latest().is_empty() { "queued" } else { "in_progress" }, None);
        }
        let has = |wanted: &str| self.latest().iter().any(|job| job.conclusion.as_deref() == Some(wanted));
        let conclusion = ["failure", "timed_out", "cancelled", "success"].into_iter().find(|wanted| has(wanted));
        ("completed", Some(conclusion.unwrap_or("skipped")))
    }
}
