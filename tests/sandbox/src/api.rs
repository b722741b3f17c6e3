//! The API surface: routes, keys, rate limit, body checks and idempotency, in the order in which the API refuses.
//! What an event does is in `deployments` and `builds`.

use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequestParts, State};
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{AppendHeaders, IntoResponse, Redirect, Response};
use axum::routing::{any, get, post};
use axum::{Extension, Json, Router};
use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::clock;
use crate::status::Subject;
use crate::validate::Event;
use crate::world::{AccountName, Shared, World};
use crate::{builds, deployments};

/// The largest request body.
pub(crate) const BODY_LIMIT: usize = 1024 * 1024;

/// What is sent for an event.
type Sent = Result<Json<Map<String, Value>>, JsonRejection>;

/// The routes.
pub(crate) fn router() -> Router<Arc<Shared>> {
    Router::new()
        .route("/health", get(Answer::json(StatusCode::OK, json!({ "status": "ok" }))))
        .route("/deployment-events/", post(report).layer(Extension(Subject::Deployment)))
        .route("/build-events/", post(report).layer(Extension(Subject::Build)))
        .route("/deployment-events", any(redirect))
        .route("/build-events", any(redirect))
        .fallback(Answer::detail(StatusCode::NOT_FOUND, "Not found"))
        .method_not_allowed_fallback(Answer::detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"))
}

async fn redirect(uri: Uri) -> Redirect {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Redirect::temporary(&format!("{}/{query}", uri.path()))
}

/// The account of a key that may report.
struct Reporter(AccountName);

impl FromRequestParts<Arc<Shared>> for Reporter {
    type Rejection = Answer;

    async fn from_request_parts(head: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Answer> {
        let given = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let key = match given.and_then(|given| given.split_once(' ')) {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => Some(key.trim()),
            _ => None,
        };
        let keys = &shared.world().keys;
        match key {
            Some(key) if key == keys.full => Ok(Self(AccountName::Main)),
            Some(key) if key == keys.other => Ok(Self(AccountName::Other)),
            Some(key) if key == keys.read_only => {
                Err(Answer::detail(StatusCode::FORBIDDEN, "You do not have permission to perform this action"))
            }
            _ => Err(Answer::detail(StatusCode::UNAUTHORIZED, "Invalid authentication credentials")),
        }
    }
}

async fn report(
    State(shared): State<Arc<Shared>>,
    Extension(subject): Extension<Subject>,
    Reporter(account): Reporter,
    headers: HeaderMap,
    body: Sent,
) -> impl IntoResponse {
    let world = &mut *shared.world();
    let (within_limit, limit_headers) = count(world, account);
    let reply = within_limit.and_then(|()| accept(world, account, subject, &headers, body));
    (AppendHeaders(limit_headers), reply)
}

/// Counts a request against the rate limit: the refusal if there is one, and the headers of the reply either way.
fn count(world: &mut World, account: AccountName) -> (Result<(), Answer>, Vec<(&'static str, String)>) {
    let Some(limit) = world.settings.rate_limit else {
        return (Ok(()), Vec::new());
    };
    let now = world.now();
    let fresh = (clock::ceil(clock::plus_seconds(now, i64::from(limit.window_seconds))), 0);
    let window = world.windows.entry(account).or_insert(fresh);
    if window.0 <= now {
        *window = fresh;
    }
    let within = window.1 < limit.limit;
    window.1 += u64::from(within);
    let (ends, used) = *window;
    let mut headers = vec![
        ("x-ratelimit-limit", limit.limit.to_string()),
        ("x-ratelimit-remaining", limit.limit.saturating_sub(used).to_string()),
        ("x-ratelimit-reset", ends.as_second().to_string()),
    ];
    if within {
        return (Ok(()), headers);
    }
    let seconds = ends.duration_since(now).as_secs_f64().ceil().max(1.0);
    headers.push(("retry-after", seconds.to_string()));
    let detail = format!("Rate limit exceeded. Try again in {seconds} seconds.");
    (Err(Answer::detail(StatusCode::TOO_MANY_REQUESTS, detail)), headers)
}

fn accept(
    world: &mut World,
    account: AccountName,
    subject: Subject,
    headers: &HeaderMap,
    body: Sent,
) -> Result<Response, Answer> {
    let Json(body) = body.map_err(|rejection| Answer::unreadable(&rejection, "Invalid JSON in request body"))?;
    let key = headers.get("idempotency-key").map(|key| (account, subject, key.clone()));
    if let Some(first) = key.as_ref().and_then(|key| world.remembered.get(key)) {
        return Ok(([("idempotency-replayed", "true")], first.clone()).into_response());
    }
    // Where nothing was carried out, there is nothing to remember: a corrected body may use the same key.
    let event = Event::read(subject, body)?;
    let answer = match event.subject {
        Subject::Deployment => deployments::report(world, account, &event),
        Subject::Build => builds::report(world, account, &event),
    };
    if let Some(key) = key {
        world.remembered.insert(key, answer.clone());
    }
    Ok(answer.into_response())
}
