//! The fields of GitHub's replies that are used. All others are skipped while a reply is parsed, as lists are large.

use super::error::GitHubError;
use crate::model::resume::{Annotation, Job, Progress, WorkflowRun};
use crate::model::time::Moment;
use crate::text::Foreign;
use jiff::Timestamp;
use serde::Deserialize;

#[derive(Deserialize)]
pub(super) struct RepositoryReply {
    pub(super) id: Option<u64>,
    pub(super) full_name: Option<String>,
    pub(super) default_branch: Option<String>,
}

impl RepositoryReply {
    fn is(&self, other: &Self) -> bool {
        let same_name = |one: &String| other.full_name.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(one));
        self.id == other.id && self.full_name.as_ref().is_some_and(same_name)
    }
}

#[derive(Deserialize)]
pub(super) struct RunReply {
    id: u64,
    run_number: u64,
    run_attempt: Option<u32>,
    workflow_id: Option<u64>,
    event: String,
    head_branch: Option<String>,
    status: Option<String>,
    conclusion: Option<String>,
    created_at: String,
    updated_at: Option<String>,
    repository: Option<RepositoryReply>,
    head_repository: Option<RepositoryReply>,
}

impl RunReply {
    pub(super) fn run(self) -> Result<WorkflowRun, GitHubError> {
        let created = time(Some(&self.created_at)).ok_or(GitHubError::Unreadable)?;
        let is_own = self.repository.zip(self.head_repository).is_some_and(|(own, head)| own.is(&head));
        Ok(WorkflowRun {
            id: self.id,
            number: self.run_number,
            attempt: self.run_attempt.unwrap_or(1),
            workflow_id: self.workflow_id,
            event: self.event,
            branch: self.head_branch,
            is_own,
            progress: Progress::parse(self.status.as_deref(), self.conclusion.as_deref()),
            created,
            updated: time(self.updated_at.as_deref()).unwrap_or(created),
        })
    }
}

#[derive(Deserialize)]
pub(super) struct RunsReply {
    pub(super) total_count: u64,
    pub(super) workflow_runs: Vec<RunReply>,
}

#[derive(Deserialize)]
struct JobReply {
    id: u64,
    name: String,
    status: Option<String>,
    conclusion: Option<String>,
    started_at: Option<String>,
    completed_at: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct JobsReply {
    pub(super) total_count: u64,
    jobs: Vec<JobReply>,
}

impl JobsReply {
    pub(super) fn jobs(self) -> Vec<Job> {
        let job = |job: JobReply| Job {
            id: job.id,
            name: Foreign::new(job.name),
            progress: Progress::parse(job.status.as_deref(), job.conclusion.as_deref()),
            started: time(job.started_at.as_deref()),
            completed: time(job.completed_at.as_deref()),
        };
        self.jobs.into_iter().map(job).collect()
    }
}

#[derive(Deserialize)]
pub(super) struct AnnotationReply {
    annotation_level: Option<String>,
    title: Option<String>,
    message: Option<String>,
}

impl AnnotationReply {
    pub(super) fn annotation(self) -> Annotation {
        Annotation {
            is_notice: self.annotation_level.as_deref() == Some("notice"),
            title: self.title.unwrap_or_default(),
            message: self.message.unwrap_or_default(),
        }
    }
}

/// The body of an error.
#[derive(Deserialize)]
pub(super) struct ErrorReply {
    pub(super) message: Option<String>,
}

fn time(text: Option<&str>) -> Option<Timestamp> {
    Moment::parse(text?).map(|moment| moment.at)
}
