//! The replies of GitHub's API.

use super::PREFIX;
use super::openapi::Request as Checked;
use super::state::{GitHubJob, GitHubRun, GitHubState, Permission};
use crate::clock;
use crate::state::SharedState;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, routing::any};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::Arc;

/// The most results of a list that is filtered.
const FILTERED: usize = 1_000;

const FORBIDDEN: &str = "Resource not accessible by integration";

/// What a request came to: a status, a body, and whether another page follows.
type Reply = (u16, Value, Option<bool>);

pub(crate) fn router() -> Router<Arc<SharedState>> {
    Router::new().fallback(any(answer))
}

async fn answer(State(shared): State<Arc<SharedState>>, request: Request) -> Response {
    let path = request.uri().path();
    let path = path.strip_prefix(PREFIX).unwrap_or(path);
    let checked = Checked::check(request.method().as_str(), path, request.uri().query().unwrap_or_default());
    let authorization = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let state = &mut *shared.lock();
    let now = state.now();
    let github = &mut state.github;
    let mut limit = None;
    let (status, body, next) = match allowed(github, authorization) {
        Err((status, message)) => {
            limit = (status == 403).then_some(now);
            (status, json!({ "message": message }), None)
        }
        Ok(()) => match checked {
            Err(violation) => {
                github.violations.push(violation);
                (404, json!({ "message": "Not Found" }), None)
            }
            Ok(request) => reply(github, &request, now),
        },
    };
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = (status, Json(body)).into_response();
    let mut header = |name: &'static str, value: String| {
        let value = HeaderValue::try_from(value).unwrap_or(HeaderValue::from_static(""));
        response.headers_mut().insert(HeaderName::from_static(name), value);
    };
    if let Some(next) = next {
        let rel = if next { "next" } else { "first" };
        header("link", format!("<https://api.example/page>; rel=\"{rel}\""));
    }
    if let Some(now) = limit {
        header("x-ratelimit-remaining", "0".to_owned());
        header("x-ratelimit-reset", (now.as_second() + 3_600).to_string());
    }
    response
}

/// Whether the token is accepted and the rate limit has room.
fn allowed(github: &mut GitHubState, authorization: Option<&str>) -> Result<(), (u16, String)> {
    if authorization != Some(&format!("Bearer {}", github.token)) || github.token_expires_after == Some(0) {
        return Err((401, "Bad credentials".to_owned()));
    }
    if let Some(left) = &mut github.token_expires_after {
        *left -= 1;
    }
    match &mut github.requests_left {
        Some(0) => Err((403, "API rate limit exceeded for installation.".to_owned())),
        Some(left) => {
            *left -= 1;
            Ok(())
        }
        None => Ok(()),
    }
}

fn reply(github: &mut GitHubState, request: &Checked, now: Timestamp) -> Reply {
    let message = |status: u16, message: &str| (status, json!({ "message": message }), None);
    let repository = format!("{}/{}", request.path["owner"], request.path["repo"]);
    if !repository.eq_ignore_ascii_case(&github.repository) {
        return message(404, "Not Found");
    }
    let path = request.operation.path.as_str();
    let (granted, needed) = match path {
        "/repos/{owner}/{repo}" => (Permission::Read, Permission::Read),
        _ if path.contains("/check-runs/") => (github.checks, Permission::Read),
        _ if path.contains("rerun") => (github.actions, Permission::Write),
        _ => (github.actions, Permission::Read),
    };
    if granted < needed {
        return message(403, FORBIDDEN);
    }
    let answered = match path.strip_prefix("/repos/{owner}/{repo}").unwrap_or_default() {
        "" => Some((repository_json(github, &github.repository), None)),
        "/actions/workflows/{workflow_id}/runs" => runs(github, request),
        "/actions/runs/{run_id}" => github.run(request.number("run_id")).map(|run| (run_json(github, run), None)),
        "/actions/runs/{run_id}/jobs" => {
            github.run(request.number("run_id")).map(|run| jobs(run, run.latest(), request))
        }
        "/actions/runs/{run_id}/attempts/{attempt_number}/jobs" => {
            github.run(request.number("run_id")).and_then(|run| {
                let attempt = usize::try_from(request.number("attempt_number")).ok()?.checked_sub(1)?;
                Some(jobs(run, run.attempts.get(attempt)?, request))
            })
        }
        "/check-runs/{check_run_id}/annotations" => annotations(github, request),
        _ => return rerun(github, request, now),
    };
    match answered {
        Some((body, next)) => (request.operation.status, request.operation.complete(body), next),
        None => message(404, "Not Found"),
    }
}

fn rerun(github: &mut GitHubState, request: &Checked, now: Timestamp) -> Reply {
    let job = request.path.get("job_id").map(|_| request.number("job_id"));
    let run = match job {
        Some(job) => github.run_of_job(job),
        None => Some(request.number("run_id")).filter(|run| github.run(*run).is_some()),
    };
    let Some(run) = run else { return (404, json!({ "message": "Not Found" }), None) };
    let is_failed = |job: &GitHubJob| matches!(job.conclusion.as_deref(), Some("failure" | "cancelled" | "timed_out"));
    // Ids change with the copy, so the job is chosen by its name.
    let name = job.and_then(|id| github.run(run)?.latest().iter().find(|job| job.id == id).map(|job| job.name.clone()));
    let again = |job: &GitHubJob| match &name {
        Some(name) => job.name == *name,
        None => is_failed(job),
    };
    match github.rerun(run, again, "github-actions[bot]", now) {
        Ok(()) => (request.operation.status, json!({}), None),
        Err(message) => (403, json!({ "message": message }), None),
    }
}

/// The part of `items` on the requested page, and whether another follows.
fn page<T>(items: Vec<T>, request: &Checked) -> (Vec<T>, bool) {
    let number = |name, default| request.query.get(name).and_then(|value| value.parse().ok()).unwrap_or(default);
    let (size, page): (usize, usize) = (number("per_page", 30), number("page", 1));
    let begin = size * page.saturating_sub(1);
    let more = items.len() > begin + size;
    (items.into_iter().skip(begin).take(size).collect(), more)
}

fn runs(github: &GitHubState, request: &Checked) -> Option<(Value, Option<bool>)> {
    let workflow = &request.path["workflow_id"];
    if !github.runs.iter().any(|run| run.workflow == *workflow || workflow_id(&run.workflow).to_string() == *workflow) {
        return None;
    }
    let given = |name: &str| request.query.get(name);
    let matches = |run: &&GitHubRun| {
        (run.workflow == *workflow || workflow_id(&run.workflow).to_string() == *workflow)
            && given("branch").is_none_or(|branch| run.branch == *branch)
            && given("event").is_none_or(|event| run.event == *event)
            && given("created").is_none_or(|range| is_in(run.created_at, range))
    };
    let mut found: Vec<&GitHubRun> = github.runs.iter().filter(matches).collect();
    found.sort_by_key(|run| std::cmp::Reverse((run.created_at, run.number)));
    let total = found.len();
    if ["branch", "event", "created", "status", "actor"].into_iter().any(|name| given(name).is_some()) {
        found.truncate(FILTERED);
    }
    let (found, more) = page(found, request);
    let found: Vec<Value> = found.into_iter().map(|run| run_json(github, run)).collect();
    Some((json!({"total_count": total, "workflow_runs": found}), Some(more)))
}

/// Whether `at` is in a range of GitHub's search syntax.
fn is_in(at: Timestamp, range: &str) -> bool {
    // The times of runs have whole seconds.
    let at = Timestamp::from_second(at.as_second()).unwrap_or(at);
    let time = |text: &str| text.parse::<Timestamp>().ok();
    let compare = |text: &str, holds: fn(Timestamp, Timestamp) -> bool| time(text).is_some_and(|time| holds(at, time));
    if let Some((from, to)) = range.split_once("..") {
        return compare(from, |at, from| at >= from) && compare(to, |at, to| at <= to);
    }
    match range.strip_prefix(">=") {
        Some(from) => compare(from, |at, from| at >= from),
        None => compare(range, |at, exactly| at == exactly),
    }
}

fn jobs(run: &GitHubRun, jobs: &[GitHubJob], request: &Checked) -> (Value, Option<bool>) {
    let total = jobs.len();
    let (jobs, more) = page(jobs.iter().collect(), request);
    let jobs: Vec<Value> = jobs.into_iter().map(|job| job_json(run, job)).collect();
    (json!({"total_count": total, "jobs": jobs}), Some(more))
}

fn annotations(github: &GitHubState, request: &Checked) -> Option<(Value, Option<bool>)> {
    let id = request.number("check_run_id");
    let jobs = github.runs.iter().flat_map(|run| run.attempts.iter().flatten());
    let job = jobs.into_iter().find(|job| job.id == id)?;
    let (found, more) = page(job.annotations.iter().collect(), request);
    let found: Vec<Value> = found
        .into_iter()
        .map(|it| json!({"annotation_level": it.level, "title": it.title, "message": it.message, "path": ".github"}))
        .collect();
    Some((Value::Array(found), Some(more)))
}

/// An id for a workflow, from its file's name.
fn workflow_id(file: &str) -> u64 {
    file.bytes().fold(17, |id, byte| id * 31 % 1_000_003 + u64::from(byte))
}

fn repository_json(github: &GitHubState, name: &str) -> Value {
    let is_own = name == github.repository;
    json!({"id": if is_own { 1_296_269 } else { 1_296_270 }, "full_name": name, "fork": !is_own,
        "default_branch": github.default_branch})
}

fn run_json(github: &GitHubState, run: &GitHubRun) -> Value {
    let (status, conclusion) = run.status();
    json!({"id": run.id, "run_number": run.number, "run_attempt": run.attempts.len(), "event": run.event,
        "workflow_id": workflow_id(&run.workflow), "path": format!(".github/workflows/{}", run.workflow),
        "status": status, "conclusion": conclusion, "head_branch": run.branch,
        "created_at": clock::utc(run.created_at), "updated_at": clock::utc(run.started_at),
        "run_started_at": clock::utc(run.started_at), "triggering_actor": {"login": run.triggering_actor},
        "repository": repository_json(github, &github.repository),
        "head_repository": repository_json(github, &run.head_repository)})
}

fn job_json(run: &GitHubRun, job: &GitHubJob) -> Value {
    let status = if job.conclusion.is_some() { "completed" } else { "in_progress" };
    json!({"id": job.id, "run_id": run.id, "name": job.name, "status": status, "conclusion": job.conclusion,
        "started_at": clock::utc(job.started_at), "completed_at": job.completed_at.map(clock::utc),
        "head_branch": run.branch})
}
