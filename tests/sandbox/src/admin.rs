//! The admin API under `/_sandbox/`. It translates HTTP requests to calls on the state; the library's handle makes the
//! same calls directly.

use std::sync::Arc;

use axum::extract::{FromRequest, Path, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::deployments;
use crate::json_response::JsonResponse;
use crate::log::ReceivedRequest;
use crate::reply::Reply;
use crate::rules::{Approval, PlantedDeployment, Rule};
use crate::settings::Settings;
use crate::state::SharedState;
use crate::status::{EventType, Status};

pub(crate) const PREFIX: &str = "/_sandbox/";

const HELP: &str = "\
The Versioner sandbox. Admin calls take and return JSON and need no key:

GET    /_sandbox/requests              API requests received so far; DELETE clears them
GET    /_sandbox/script                unused script entries; DELETE clears them
POST   /_sandbox/script                append entries, e.g. [{\"status\":503,\"times\":2},{\"fault\":\"close\"}]
GET    /_sandbox/rules                 deployment rules; DELETE clears them, DELETE /_sandbox/rules/{name} removes one
POST   /_sandbox/rules                 add a rule, e.g. {\"kind\":\"schedule\",\"name\":\"freeze\",\"ends_in_seconds\":60}
POST   /_sandbox/approvals             {\"product\",\"version\",\"environment\",\"role\",\"by\"}
POST   /_sandbox/deployments           {\"product\",\"version\",\"environment\",\"status\",\"started_seconds_ago\"}
POST   /_sandbox/deployments/{id}/end  {\"status\":\"completed\"}
GET    /_sandbox/settings              settings; PUT changes the given ones
GET    /_sandbox/state                 products, versions, deployments and events
POST   /_sandbox/reset                 restore the initial state

Rule kinds and their fields, beside name, mode (enabled, report_only, disabled), product, environment and message:

schedule                   Schedule, a no-deploy window: start, end or ends_in_seconds, offset, reason, retry_after
flow                       Flow, the environments that must come first: requires, soak_hours
dr_approval_required       DR Approval Required, an approved Deployment Request: required, roles, code
version_approval_required  Version Approval Required: required, roles, from_environment, code

Also accepted: window for schedule, approval for dr_approval_required, and soak (after, hours) for a flow rule that checks
the soak time only.

The setting check_rules_on names the deployment events that the rules are checked for: \"opening\" (started, and every
other status without an open deployment) or \"started\" (started only).
";

type StateExtractor = State<Arc<SharedState>>;
type Created<T> = Result<(StatusCode, Json<T>), JsonResponse>;

/// The routes under [`PREFIX`].
pub(crate) fn router() -> Router<Arc<SharedState>> {
    let no_such_call = JsonResponse::detail(StatusCode::NOT_FOUND, "No such admin call; GET /_sandbox/ lists all");
    Router::new()
        .route("/", get(HELP))
        .route("/requests", get(requests).delete(clear_requests))
        .route("/script", get(script).post(append_script).delete(clear_script))
        .route("/rules", get(rules).post(add_rule).delete(clear_rules))
        .route("/rules/{name}", delete(remove_rule))
        .route("/approvals", post(approve))
        .route("/deployments", post(plant))
        .route("/deployments/{id}/end", post(set_status))
        .route("/settings", get(settings).put(change_settings))
        .route("/state", get(show_state))
        .route("/reset", post(reset))
        .fallback(no_such_call.clone())
        .method_not_allowed_fallback(no_such_call)
}

/// A JSON body with any content type: by default, curl labels its data as a form.
struct AnyJson<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for AnyJson<T> {
    type Rejection = JsonResponse;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, JsonResponse> {
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match Json::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(JsonResponse::invalid_body(&rejection, rejection.body_text())),
        }
    }
}

async fn requests(State(shared): StateExtractor) -> Json<Vec<ReceivedRequest>> {
    Json(shared.lock().log.clone())
}

async fn clear_requests(State(shared): StateExtractor) -> StatusCode {
    shared.lock().log.clear();
    StatusCode::NO_CONTENT
}

async fn script(State(shared): StateExtractor) -> Json<Vec<Reply>> {
    Json(shared.lock().script.iter().cloned().collect())
}

async fn append_script(State(shared): StateExtractor, AnyJson(body): AnyJson<Value>) -> Created<Vec<Reply>> {
    let list = if body.is_object() { json!([body]) } else { body };
    let entries = serde_json::from_value(list).map_err(|error| bad_request(error.to_string()))?;
    let mut state = shared.lock();
    state.append_script(entries).map_err(bad_request)?;
    Ok((StatusCode::CREATED, Json(state.script.iter().cloned().collect())))
}

async fn clear_script(State(shared): StateExtractor) -> StatusCode {
    shared.lock().script.clear();
    StatusCode::NO_CONTENT
}

async fn rules(State(shared): StateExtractor) -> Json<Vec<Rule>> {
    Json(shared.lock().rules.clone())
}

async fn add_rule(State(shared): StateExtractor, AnyJson(rule): AnyJson<Value>) -> Created<Rule> {
    let rule = Rule::parse(rule).map_err(bad_request)?;
    let rule = shared.lock().add_rule(rule).cloned().map_err(bad_request)?;
    Ok((StatusCode::CREATED, Json(rule)))
}

async fn clear_rules(State(shared): StateExtractor) -> StatusCode {
    shared.lock().rules.clear();
    StatusCode::NO_CONTENT
}

async fn remove_rule(State(shared): StateExtractor, Path(name): Path<String>) -> Result<StatusCode, JsonResponse> {
    let rules = &mut shared.lock().rules;
    let index = rules.iter().position(|rule| rule.name == name);
    rules.remove(index.ok_or_else(|| JsonResponse::detail(StatusCode::NOT_FOUND, "No such rule"))?);
    Ok(StatusCode::NO_CONTENT)
}

async fn approve(State(shared): StateExtractor, AnyJson(approval): AnyJson<Approval>) -> impl IntoResponse {
    shared.lock().approvals.push(approval.clone());
    (StatusCode::CREATED, Json(approval))
}

async fn plant(State(shared): StateExtractor, AnyJson(planted): AnyJson<PlantedDeployment>) -> Created<Value> {
    let id = deployments::plant(&mut shared.lock(), &planted).map_err(bad_request)?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

async fn set_status(
    State(shared): StateExtractor,
    Path(id): Path<String>,
    AnyJson(body): AnyJson<Value>,
) -> Result<Json<Value>, JsonResponse> {
    let word = body["status"].as_str().unwrap_or_default();
    let status = Status::from_word(word, EventType::Deployment)
        .ok_or_else(|| bad_request(format!("{word:?} is not a status")))?;
    let changed = deployments::set_status(&mut shared.lock(), &id, status);
    changed.map(Json).ok_or_else(|| JsonResponse::detail(StatusCode::NOT_FOUND, "No such deployment"))
}

async fn settings(State(shared): StateExtractor) -> Json<Settings> {
    Json(shared.lock().settings.clone())
}

async fn change_settings(
    State(shared): StateExtractor,
    AnyJson(patch): AnyJson<Value>,
) -> Result<Json<Settings>, JsonResponse> {
    let mut state = shared.lock();
    state.patch_settings(&patch).map_err(bad_request)?;
    Ok(Json(state.settings.clone()))
}

async fn show_state(State(shared): StateExtractor) -> Json<Value> {
    Json(shared.lock().snapshot())
}

async fn reset(State(shared): StateExtractor) -> StatusCode {
    shared.lock().reset();
    StatusCode::NO_CONTENT
}

fn bad_request(message: String) -> JsonResponse {
    JsonResponse::detail(StatusCode::BAD_REQUEST, message)
}
