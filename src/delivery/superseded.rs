//! Asking GitHub about this run: whether a newer one makes it obsolete, and whether it can be parked.
//!
//! Owns: when GitHub is asked, and one warning if it cannot be. Does not own: the rules (`model`).

use super::Session;
use crate::api::ClientError;
use crate::ci::GitHubRun;
use crate::forge::{GitHub, GitHubConfig, GitHubError, RunList};
use crate::gate::wait::{WaitEnd, WaitRecord};
use crate::gate::{BlockEnd, FailReason, block_end};
use crate::model::block::Block;
use crate::model::clock::Clock;
use crate::model::event::Role;
use crate::model::park::{Marker, ParkKind};
use crate::model::superseded::{Superseded, ThisRun, WhenToAsk};
use crate::report::resume as words;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// A newer run is on one of the first pages.
const PAGES: usize = 10;

/// How long the question for this run may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Asks GitHub whether a newer run makes this one obsolete.
pub(super) struct NewerRunCheck<'a> {
    session: &'a Session<'a>,
    when: WhenToAsk,
    /// Created by the first question.
    github: Option<GitHub<'a>>,
    warned: bool,
}

/// Why GitHub cannot be asked.
enum Problem {
    Settings(String),
    GitHub(GitHubError),
}

impl From<GitHubError> for Problem {
    fn from(error: GitHubError) -> Self {
        Self::GitHub(error)
    }
}

impl<'a> NewerRunCheck<'a> {
    /// The check for an event with `role`: only the start of a deployment can be superseded.
    pub(super) fn new(session: &'a Session<'a>, role: Role) -> Self {
        let settings = &session.settings.github;
        let when = match &settings.run {
            Some(run) if settings.fail_if_superseded && role == Role::Gate => ThisRun {
                event: &run.event,
                git_ref: &run.git_ref,
                attempt: run.attempt,
                triggering_actor: &run.triggering_actor,
            }
            .when_to_ask(),
            _ => WhenToAsk::Never,
        };
        Self { session, when, github: None, warned: false }
    }

    /// Whether to ask before each poll.
    pub(super) fn before_polls(&self) -> bool {
        self.when != WhenToAsk::Never
    }

    /// Whether to ask before the deployment starts.
    pub(super) fn before_start(&self) -> bool {
        self.when == WhenToAsk::BeforeStartAndPolls
    }

    /// Asks, for a short time.
    pub(super) async fn ask_soon(&mut self) -> Option<Superseded> {
        self.ask(Instant::now() + TIMEOUT).await
    }

    /// Asks, until `deadline`.
    pub(super) async fn ask(&mut self, deadline: Instant) -> Option<Superseded> {
        let problem = match timeout_at(deadline, self.newer_run()).await {
            Ok(Ok(newer)) => return newer.map(Superseded::By),
            Ok(Err(Problem::Settings(problem))) => problem,
            Ok(Err(Problem::GitHub(error))) => words::failure(&error),
            Err(_) => words::NO_ANSWER.to_owned(),
        };
        if self.session.settings.errors.require_gate {
            return Some(Superseded::Unknown(problem));
        }
        if !std::mem::replace(&mut self.warned, true) {
            self.session.console.warn(&words::cannot_ask(&problem));
        }
        None
    }

    /// The number of a newer run that makes this one obsolete.
    async fn newer_run(&mut self) -> Result<Option<u64>, Problem> {
        let missing = |what: &str| Problem::Settings(words::missing(what));
        let settings = &self.session.settings.github;
        let run = settings.run.as_ref().ok_or_else(|| missing("GITHUB_RUN_ID"))?;
        let config = settings.api.as_ref().ok_or_else(|| missing("github_token"))?;
        let branch = run.branch().ok_or_else(|| missing("GITHUB_REF"))?;
        if self.github.is_none() {
            let github = self.session.github(config, u32::MAX);
            self.github = Some(github.map_err(|error| Problem::Settings(error.to_string()))?);
        }
        let Some(github) = &mut self.github else { return Ok(None) };
        let (workflow, number) = match (&run.workflow, run.number) {
            (Some(workflow), Some(number)) => (workflow.clone(), number),
            _ => {
                let this = github.run(run.id.ok_or_else(|| missing("GITHUB_RUN_ID"))?).await?;
                let workflow = this.workflow_id.ok_or(GitHubError::Unreadable)?;
                (workflow.to_string(), this.number)
            }
        };
        let mut list = RunList::new(&workflow, branch, None);
        for _ in 0..PAGES {
            let Some(runs) = list.next(github).await? else { break };
            if let Some(newer) = runs.iter().find(|other| other.supersedes(number, branch)) {
                return Ok(Some(newer.number));
            }
            if runs.iter().any(|other| other.number <= number) {
                break;
            }
        }
        Ok(None)
    }
}

impl Session<'_> {
    /// A client for GitHub that makes at most `limit` requests.
    ///
    /// # Errors
    /// [`ClientError`] if it cannot be set up.
    pub fn github(&self, config: &GitHubConfig, limit: u32) -> Result<GitHub<'_>, ClientError> {
        let observer = Box::new(|progress: crate::forge::RequestProgress<'_>| {
            if let Some(line) = words::progress(&progress) {
                self.console.line(&line);
            }
            if self.console.debug
                && let Some(line) = words::debug(&progress)
            {
                self.console.line(&line);
            }
        });
        let ci = self.system.source_system.unwrap_or("no CI");
        GitHub::new(config, &self.settings.api, self.env, ci, limit, observer)
    }

    /// How a wait ends that ended with a block that parks the job.
    pub(super) async fn park(&self, block: &Block, record: &WaitRecord) -> WaitEnd {
        let run = self.settings.github.run.as_ref();
        let (Some(kind), Some(run)) = (ParkKind::of(block.kind), run) else {
            return WaitEnd::Blocked(FailReason::Setting);
        };
        let now = record.server_clock.at(Clock::system().now());
        let end = match block_end(block, now) {
            BlockEnd::Announced(moment, _) => Some(moment.at),
            BlockEnd::Passed(..) | BlockEnd::Unknown => None,
        };
        let marker = Marker::new(kind, end, now, run.attempt);
        let created = timeout(TIMEOUT, self.created(run)).await.ok().flatten().unwrap_or(now);
        match marker.is_within_reach(created) {
            true => WaitEnd::Parked(marker),
            false => WaitEnd::TooFarToPark(marker),
        }
    }

    /// When this run was created, if GitHub can be asked.
    async fn created(&self, run: &GitHubRun) -> Option<jiff::Timestamp> {
        let mut github = self.github(self.settings.github.api.as_ref()?, 3).ok()?;
        let asked = github.run(run.id?).await;
        asked.map(|run| run.created).inspect_err(|error| self.console.verbose(|| words::failure(error))).ok()
    }
}
