//! The API: routes, authentication, rate limit, body validation and idempotency, checked in this order.
//! `deployments` and `builds` apply the events.

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

use crate::clock;
use crate::json_response::JsonResponse;
use crate::state::{AccountName, RateLimitWindow, SandboxState, SharedState};
use crate::status::EventType;
use crate::validate::Event;
use crate::{builds, deployments, github};

/// The largest request body.
pub(crate) const BODY_LIMIT: usize = 1024 * 1024;

type EventBody = Result<Json<Map<String, Value>>, JsonRejection>;

pub(crate) fn router() -> Router<Arc<SharedState>> {
    Router::new()
        .route("/health", get(JsonResponse::new(StatusCode::OK, json!({ "status": "ok" }))))
        .route("/deployment-events/", post(report).layer(Extension(EventType::Deployment)))
        .route("/build-events/", post(report).layer(Extension(EventType::Build)))
        .route("/deployment-events", any(redirect))
        .route("/build-events", any(redirect))
        .nest(github::PREFIX, github::router())
        .fallback(JsonResponse::detail(StatusCode::NOT_FOUND, "Not found"))
        .method_not_allowed_fallback(JsonResponse::detail(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed"))
}

async fn redirect(uri: Uri) -> Redirect {
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    Redirect::temporary(&format!("{}/{query}", uri.path()))
}

/// Personal access tokens start with this prefix. They belong to people and cannot report events.
const PERSONAL_TOKEN_PREFIX: &str = "pat_";

/// The account of a request whose key may report events.
struct Authenticated(AccountName);

impl FromRequestParts<Arc<SharedState>> for Authenticated {
    type Rejection = JsonResponse;

    async fn from_request_parts(head: &mut Parts, shared: &Arc<SharedState>) -> Result<Self, JsonResponse> {
        let authorization = head.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let key = match authorization.and_then(|value| value.split_once(' ')) {
            Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => Some(key.trim()),
            _ => None,
        };
        let keys = &shared.lock().keys;
        match key {
            Some(key) if key.starts_with(PERSONAL_TOKEN_PREFIX) => {
                let detail = "Personal access tokens cannot report events. Use an API key (sk_...)";
                Err(JsonResponse::detail(StatusCode::FORBIDDEN, detail))
            }
            Some(key) if key == keys.full => Ok(Self(AccountName::Main)),
            Some(key) if key == keys.other => Ok(Self(AccountName::Other)),
            Some(key) if key == keys.read_only => {
                Err(JsonResponse::detail(StatusCode::FORBIDDEN, "You do not have permission to perform this action"))
            }
            _ => Err(JsonResponse::detail(StatusCode::UNAUTHORIZED, "Invalid authentication credentials")),
        }
    }
}

async fn report(
    State(shared): State<Arc<SharedState>>,
    Extension(event_type): Extension<EventType>,
    Authenticated(account): Authenticated,
    headers: HeaderMap,
    body: EventBody,
) -> impl IntoResponse {
    let state = &mut *shared.lock();
    let (allowed, limit_headers) = check_rate_limit(state, account);
    let reply = allowed.and_then(|()| process(state, account, event_type, &headers, body));
    (AppendHeaders(limit_headers), reply)
}

/// Counts a request against the rate limit. Returns whether it is allowed, and the headers that the reply gets in
/// either case.
fn check_rate_limit(
    state: &mut SandboxState,
    account: AccountName,
) -> (Result<(), JsonResponse>, Vec<(&'static str, String)>) {
    let Some(limit) = state.settings.rate_limit else {
        return (Ok(()), Vec::new());
    };
    let now = state.now();
    let ends_at = clock::ceil(clock::plus_seconds(now, i64::from(limit.window_seconds)));
    let new_window = RateLimitWindow { ends_at, used: 0 };
    let window = state.rate_limit_windows.entry(account).or_insert(new_window);
    if window.ends_at <= now {
        *window = new_window;
    }
    let allowed = window.used < limit.limit;
    window.used += u64::from(allowed);
    let RateLimitWindow { ends_at, used } = *window;
    let mut headers = vec![
        ("x-ratelimit-limit", limit.limit.to_string()),
        ("x-ratelimit-remaining", limit.limit.saturating_sub(used).to_string()),
        ("x-ratelimit-reset", ends_at.as_second().to_string()),
    ];
    if allowed {
        return (Ok(()), headers);
    }
    let seconds = ends_at.duration_since(now).as_secs_f64().ceil().max(1.0);
    headers.push(("retry-after", seconds.to_string()));
    let detail = format!("Rate limit exceeded. Try again in {seconds} seconds.");
    (Err(JsonResponse::detail(StatusCode::TOO_MANY_REQUESTS, detail)), headers)
}

fn process(
    state: &mut SandboxState,
    account: AccountName,
    event_type: EventType,
    headers: &HeaderMap,
    body: EventBody,
) -> Result<Response, JsonResponse> {
    let Json(body) =
        body.map_err(|rejection| JsonResponse::invalid_body(&rejection, "Invalid JSON in request body"))?;
    let key = headers.get("idempotency-key").map(|key| (account, event_type, key.clone()));
    if let Some(first) = key.as_ref().and_then(|key| state.idempotent_replies.get(key)) {
        return Ok(([("idempotency-replayed", "true")], first.clone()).into_response());
    }
    // What is not recorded does not use up its idempotency key: the client may send it again, corrected or after a block.
    let event = Event::parse(event_type, body)?;
    let reply = match event.event_type {
        EventType::Deployment => deployments::apply(state, account, &event),
        EventType::Build => builds::apply(state, account, &event),
    };
    if let Some(key) = key.filter(|_| reply.is_success()) {
        state.idempotent_replies.insert(key, reply.clone());
    }
    Ok(reply.into_response())
}
