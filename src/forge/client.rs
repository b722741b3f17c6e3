//! The requests to GitHub.
//!
//! Owns: paths and parameters, retries, and the number of requests of a call. The token is sent to the configured address
//! only: no URL of a reply is followed.

use super::config::GitHubConfig;
use super::error::GitHubError;
use super::reply::{AnnotationReply, ErrorReply, JobsReply, RepositoryReply, RunReply, RunsReply};
use crate::api::backoff::{self, LONGEST_PAUSE, RetryDecision, RetryPauses};
use crate::api::http::{BodyState, HttpResult, Reply, exchange};
use crate::api::{ApiConfig, ClientError, Transport};
use crate::env::Env;
use crate::model::clock::{Clock, ServerClock};
use crate::model::resume::{Annotation, Job, Rerun, WorkflowRun};
use crate::model::verdict::{BodyProblem, UnavailableCause};
use crate::text::Foreign;
use jiff::Timestamp;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, Url};
use serde::de::DeserializeOwned;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Lists of runs are long: each run describes its repository and its commit.
const LARGEST_LIST: usize = 8 * 1024 * 1024;

/// The most items of a page.
pub(super) const PAGE: usize = 100;

/// A run has at most 256 jobs of one matrix. Those beyond are not looked at.
const JOB_PAGES: usize = 5;

/// GitHub keeps 50 annotations of a job.
const ANNOTATION_PAGES: usize = 2;

/// The shortest pause after a rate limit.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// What happens while requests are made.
#[derive(Debug)]
pub enum RequestProgress<'a> {
    Request(&'a Method, &'a Url),
    Reply(u16),
    /// GitHub asks for this pause, and it is made.
    RateLimited(Duration),
}

/// A function that takes progress.
pub type Observer<'a> = Box<dyn Fn(RequestProgress<'_>) + 'a>;

/// A client for one repository on GitHub.
pub struct GitHub<'a> {
    transport: Transport,
    /// `repos/owner/name`.
    path: String,
    authorization: HeaderValue,
    observer: Observer<'a>,
    requests: u32,
    /// The most requests.
    limit: u32,
    /// Of these, so many are not made now.
    pub reserve: u32,
    clock: ServerClock,
    /// How long GitHub may still make this call pause.
    pause: Duration,
    /// Whether a rate limit was reached.
    rate_limited: bool,
    rng: fastrand::Rng,
}

impl<'a> GitHub<'a> {
    /// A client that makes at most `limit` requests. `ci` names the CI system in the `User-Agent`.
    ///
    /// # Errors
    /// [`ClientError`] if the configuration cannot be used.
    pub fn new(
        config: &GitHubConfig,
        api: &ApiConfig,
        env: &Env,
        ci: &str,
        limit: u32,
        observer: Observer<'a>,
    ) -> Result<Self, ClientError> {
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", config.token.expose()))
            .map_err(|error| ClientError::Http(error.to_string().into()))?;
        authorization.set_sensitive(true);
        let names: Vec<String> = config.repository.split('/').map(encode).collect();
        Ok(Self {
            transport: Transport::new(config.url.clone(), api, env, ci)?,
            path: format!("repos/{}", names.join("/")),
            authorization,
            observer,
            requests: 0,
            limit,
            reserve: 0,
            clock: ServerClock::default(),
            pause: LONGEST_PAUSE,
            rate_limited: false,
            rng: fastrand::Rng::new(),
        })
    }

    /// How many requests were made.
    #[must_use]
    pub fn requests(&self) -> u32 {
        self.requests
    }

    /// Whether GitHub's rate limit was reached, even if a request succeeded after a pause.
    #[must_use]
    pub fn was_rate_limited(&self) -> bool {
        self.rate_limited
    }

    /// GitHub's clock, or ours until GitHub has answered.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.at(Clock::system().now())
    }

    /// The repository's default branch.
    ///
    /// # Errors
    /// [`GitHubError`], as for every request.
    pub async fn default_branch(&mut self) -> Result<String, GitHubError> {
        self.get::<RepositoryReply>("", &[]).await?.0.default_branch.ok_or(GitHubError::Unreadable)
    }

    /// One run.
    ///
    /// # Errors
    /// [`GitHubError`], as for every request.
    pub async fn run(&mut self, id: u64) -> Result<WorkflowRun, GitHubError> {
        let query = [("exclude_pull_requests", "true".to_owned())];
        self.get::<RunReply>(&format!("/actions/runs/{id}"), &query).await?.0.run()
    }

    /// A page of the runs of `workflow` (its id or its file's name) on `branch`, newest first: all runs, how many there are in
    /// total, and whether another page follows.
    pub(super) async fn runs(
        &mut self,
        workflow: &str,
        branch: &str,
        created: Option<String>,
        page: usize,
    ) -> Result<(Vec<WorkflowRun>, u64, bool), GitHubError> {
        let mut query = vec![
            ("branch", branch.to_owned()),
            ("exclude_pull_requests", "true".to_owned()),
            ("per_page", PAGE.to_string()),
            ("page", page.to_string()),
        ];
        query.extend(created.map(|created| ("created", created)));
        let path = format!("/actions/workflows/{}/runs", encode(workflow));
        let (reply, link): (RunsReply, _) = self.get(&path, &query).await?;
        let total = reply.total_count;
        let runs: Vec<WorkflowRun> = reply.workflow_runs.into_iter().map(RunReply::run).collect::<Result<_, _>>()?;
        let more = has_next(link, runs.len(), page, total);
        Ok((runs, total, more))
    }

    /// The jobs of an attempt of a run: the latest one, or the one with this number.
    ///
    /// # Errors
    /// [`GitHubError`], as for every request.
    pub async fn jobs(&mut self, run: u64, attempt: Option<u32>) -> Result<Vec<Job>, GitHubError> {
        let (path, filter) = match attempt {
            None => (format!("/actions/runs/{run}/jobs"), Some(("filter", "latest".to_owned()))),
            Some(attempt) => (format!("/actions/runs/{run}/attempts/{attempt}/jobs"), None),
        };
        let mut jobs = Vec::new();
        for page in 1..=JOB_PAGES {
            let mut query = vec![("per_page", PAGE.to_string()), ("page", page.to_string())];
            query.extend(filter.clone());
            let (reply, link): (JobsReply, _) = self.get(&path, &query).await?;
            let total = reply.total_count;
            let found = reply.jobs();
            let more = has_next(link, found.len(), page, total);
            jobs.extend(found);
            if !more {
                break;
            }
        }
        Ok(jobs)
    }

    /// The annotations of a job, whose check run has the same id.
    ///
    /// # Errors
    /// [`GitHubError`], as for every request.
    pub async fn annotations(&mut self, job: u64) -> Result<Vec<Annotation>, GitHubError> {
        let mut annotations = Vec::new();
        for page in 1..=ANNOTATION_PAGES {
            let query = [("per_page", PAGE.to_string()), ("page", page.to_string())];
            let path = format!("/check-runs/{job}/annotations");
            let (reply, link): (Vec<AnnotationReply>, _) = self.get(&path, &query).await?;
            let more = link.unwrap_or(reply.len() == PAGE) && !reply.is_empty();
            annotations.extend(reply.into_iter().map(AnnotationReply::annotation));
            if !more {
                break;
            }
        }
        Ok(annotations)
    }

    /// Re-runs jobs of a run. After an error without a final answer, the re-run may have begun.
    ///
    /// # Errors
    /// [`GitHubError`], as for every request.
    pub async fn rerun(&mut self, run: u64, what: Rerun) -> Result<(), GitHubError> {
        let path = match what {
            Rerun::FailedJobs => format!("/actions/runs/{run}/rerun-failed-jobs"),
            Rerun::Job(id) => format!("/actions/jobs/{id}/rerun"),
        };
        self.request(&Method::POST, &path, &[]).await.map(drop)
    }

    /// The reply to a GET as JSON, and whether its `Link` header names a next page (`None` without such a header).
    async fn get<T: DeserializeOwned>(
        &mut self,
        path: &str,
        query: &[(&str, String)],
    ) -> Result<(T, Option<bool>), GitHubError> {
        let reply = self.request(&Method::GET, path, query).await?;
        let link = reply.header("link").map(|link| link.contains("rel=\"next\""));
        let body = serde_json::from_slice(&reply.body).map_err(|_| GitHubError::Unreadable)?;
        Ok((body, link))
    }

    /// Makes a request, with retries. A POST is not retried unless GitHub has certainly not processed it.
    async fn request(&mut self, method: &Method, path: &str, query: &[(&str, String)]) -> Result<Reply, GitHubError> {
        let mut url = self.transport.endpoint(&format!("{}{path}", self.path));
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let mut pauses = RetryPauses::new(self.transport.retries);
        loop {
            if self.requests.saturating_add(self.reserve) >= self.limit {
                return Err(GitHubError::LimitReached);
            }
            self.requests += 1;
            (self.observer)(RequestProgress::Request(method, &url));
            let request = self
                .transport
                .request(method.clone(), url.clone())
                .header(AUTHORIZATION, &self.authorization)
                .header("accept", "application/vnd.github+json")
                .header("x-github-api-version", "2022-11-28");
            let result = exchange(request, Instant::now() + self.transport.request_timeout, LARGEST_LIST).await;
            let (error, requested) = match self.classify(result) {
                Ok(reply) => return Ok(reply),
                Err(failed) => failed,
            };
            let pause = match &error {
                // Other requests would be limited as well, so the pause is made before anything else.
                GitHubError::RateLimited(Some(pause)) if *pause <= self.pause => {
                    self.pause -= *pause;
                    (self.observer)(RequestProgress::RateLimited(*pause));
                    *pause
                }
                GitHubError::Unavailable(unavailable) if *method == Method::GET || !unavailable.may_be_recorded() => {
                    match pauses.next(requested, &mut self.rng) {
                        RetryDecision::After(pause) => pause,
                        RetryDecision::Exhausted | RetryDecision::TooLong(_) => return Err(error),
                    }
                }
                _ => return Err(error),
            };
            sleep(pause).await;
        }
    }

    /// The reply, if it is a success that arrived as a whole. Else the error, and the pause that GitHub asks for.
    fn classify(&mut self, result: HttpResult) -> Result<Reply, (GitHubError, Option<Duration>)> {
        let reply = match result {
            HttpResult::Failed(cause) => {
                return Err((GitHubError::Unavailable(Box::new(self.transport.unavailable(cause))), None));
            }
            HttpResult::Reply(reply) => reply,
        };
        (self.observer)(RequestProgress::Reply(reply.status));
        let now = Clock::system().now();
        self.clock = ServerClock::from_date(reply.header("date"), now).or(self.clock);
        let message = || serde_json::from_slice::<ErrorReply>(&reply.body).ok()?.message.map(Foreign::new);
        let requested = backoff::requested_pause(reply.status, |name| reply.header(name), self.clock.at(now));
        let unavailable = |cause| GitHubError::Unavailable(Box::new(self.transport.unavailable(cause)));
        let error = match (reply.status, reply.body_state) {
            (200..=299, BodyState::Complete) => return Ok(reply),
            (200..=299, BodyState::Truncated) => {
                unavailable(UnavailableCause::NotTheApi(reply.status, BodyProblem::Truncated))
            }
            (200..=299, BodyState::TooLarge) => GitHubError::Unreadable,
            (403 | 429, _) if is_rate_limit(&reply, message().as_ref()) => {
                self.rate_limited = true;
                GitHubError::RateLimited(requested.map(|pause| pause.max(SHORTEST_PAUSE)))
            }
            (401, _) => GitHubError::Unauthorized,
            (403, _) => GitHubError::Forbidden(message()),
            (404, _) => GitHubError::NotFound,
            (status, _) if backoff::is_transient(status) => {
                unavailable(UnavailableCause::Server { status, message: message(), maybe_proxy: false })
            }
            (status, _) => GitHubError::Status(status, message()),
        };
        Err((error, requested))
    }
}

/// Whether a 403 or 429 reports a rate limit ("Rate limits for the REST API": exceeding the rate limit).
fn is_rate_limit(reply: &Reply, message: Option<&Foreign>) -> bool {
    reply.status == 429
        || reply.header("retry-after").is_some()
        || reply.header("x-ratelimit-remaining").is_some_and(|remaining| remaining.trim() == "0")
        || message.is_some_and(|message| message.raw().to_lowercase().contains("rate limit"))
}

/// Whether another page follows page number `page`, which has `found` of `total` items. `link`: what the reply says itself.
fn has_next(link: Option<bool>, found: usize, page: usize, total: u64) -> bool {
    found > 0 && link.unwrap_or(u64::try_from(page * PAGE).is_ok_and(|seen| seen < total) && found == PAGE)
}

/// `name` as a segment of a path.
fn encode(name: &str) -> String {
    const UNRESERVED: percent_encoding::AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
    utf8_percent_encode(name, &UNRESERVED).to_string()
}
