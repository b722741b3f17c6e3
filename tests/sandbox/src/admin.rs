//! The admin surface below `/_sandbox/`, for tests and for trying by hand. It translates HTTP into calls of the world;
//! the library's handle makes the same calls directly.

use std::sync::Arc;

use axum::extract::{FromRequest, Path, Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::deployments;
use crate::log::Received;
use crate::reply::Reply;
use crate::rules::{Approval, PlantedDeployment, Rule};
use crate::settings::Settings;
use crate::status::{Status, Subject};
use crate::world::Shared;

/// Where the admin surface is.
pub(crate) const PREFIX: &str = "/_sandbox/";

const HELP: &str = "\
The Versioner sandbox. Admin calls, all JSON and without a key:

GET    /_sandbox/requests              API requests received so far; DELETE clears
GET    /_sandbox/script                scripted replies not used yet; DELETE clears
POST   /_sandbox/script                append replies, e.g. [{\"status\":503,\"times\":2},{\"fault\":\"close\"}]
GET    /_sandbox/rules                 pre-flight rules; DELETE clears, DELETE /_sandbox/rules/{name} removes one
POST   /_sandbox/rules                 add one: {\"kind\":\"window\"|\"flow\"|\"soak\"|\"approval\",\"name\":…}
POST   /_sandbox/approvals             {\"product\",\"version\",\"environment\",\"role\",\"by\"}
POST   /_sandbox/deployments           {\"product\",\"version\",\"environment\",\"status\",\"started_seconds_ago\"}
POST   /_sandbox/deployments/{id}/end  {\"status\":\"completed\"}
GET    /_sandbox/settings              PUT changes those that are named
GET    /_sandbox/state                 what the accounts hold
POST   /_sandbox/reset                 forget everything
";

type Asked = State<Arc<Shared>>;
type Made<T> = Result<(StatusCode, Json<T>), Answer>;

/// The routes, below [`PREFIX`].
pub(crate) fn router() -> Router<Arc<Shared>> {
    let no_such_call = Answer::detail(StatusCode::NOT_FOUND, "No such admin call; GET /_sandbox/ lists them");
    Router::new()
        .route("/", get(HELP))
        .route("/requests", get(requests).delete(clear_requests))
        .route("/script", get(script).post(append_script).delete(clear_script))
        .route("/rules", get(rules).post(add_rule).delete(clear_rules))
        .route("/rules/{name}", delete(remove_rule))
        .route("/approvals", post(approve))
        .route("/deployments", post(plant))
        .route("/deployments/{id}/end", post(end))
        .route("/settings", get(settings).put(change_settings))
        .route("/state", get(state))
        .route("/reset", post(reset))
        .fallback(no_such_call.clone())
        .method_not_allowed_fallback(no_such_call)
}

/// A JSON body, whatever its content type says: curl sends forms unless told otherwise.
struct Sent<T>(T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Sent<T> {
    type Rejection = Answer;

    async fn from_request(mut request: Request, state: &S) -> Result<Self, Answer> {
        request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        match Json::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(Answer::unreadable(&rejection, rejection.body_text())),
        }
    }
}

async fn requests(State(shared): Asked) -> Json<Vec<Received>> {
    Json(shared.world().log.clone())
}

async fn clear_requests(State(shared): Asked) -> StatusCode {
    shared.world().log.clear();
    StatusCode::NO_CONTENT
}

async fn script(State(shared): Asked) -> Json<Vec<Reply>> {
    Json(shared.world().script.iter().cloned().collect())
}

async fn append_script(State(shared): Asked, Sent(body): Sent<Value>) -> Made<Vec<Reply>> {
    let list = if body.is_object() { json!([body]) } else { body };
    let entries = serde_json::from_value(list).map_err(|error| bad(error.to_string()))?;
    let mut world = shared.world();
    world.append_script(entries).map_err(bad)?;
    Ok((StatusCode::CREATED, Json(world.script.iter().cloned().collect())))
}

async fn clear_script(State(shared): Asked) -> StatusCode {
    shared.world().script.clear();
    StatusCode::NO_CONTENT
}

async fn rules(State(shared): Asked) -> Json<Vec<Rule>> {
    Json(shared.world().rules.clone())
}

async fn add_rule(State(shared): Asked, Sent(rule): Sent<Value>) -> Made<Rule> {
    let rule = Rule::read(rule).map_err(bad)?;
    let rule = shared.world().add_rule(rule).cloned().map_err(bad)?;
    Ok((StatusCode::CREATED, Json(rule)))
}

async fn clear_rules(State(shared): Asked) -> StatusCode {
    shared.world().rules.clear();
    StatusCode::NO_CONTENT
}

async fn remove_rule(State(shared): Asked, Path(name): Path<String>) -> Result<StatusCode, Answer> {
    let rules = &mut shared.world().rules;
    let index = rules.iter().position(|rule| rule.name == name);
    rules.remove(index.ok_or_else(|| Answer::detail(StatusCode::NOT_FOUND, "No such rule"))?);
    Ok(StatusCode::NO_CONTENT)
}

async fn approve(State(shared): Asked, Sent(approval): Sent<Approval>) -> impl IntoResponse {
    shared.world().approvals.push(approval.clone());
    (StatusCode::CREATED, Json(approval))
}

async fn plant(State(shared): Asked, Sent(planted): Sent<PlantedDeployment>) -> Made<Value> {
    let id = deployments::plant(&mut shared.world(), &planted).map_err(bad)?;
    Ok((StatusCode::CREATED, Json(json!({ "id": id }))))
}

async fn end(State(shared): Asked, Path(id): Path<String>, Sent(body): Sent<Value>) -> Result<Json<Value>, Answer> {
    let word = body["status"].as_str().unwrap_or_default();
    let status =
        Status::from_word(word, Subject::Deployment).ok_or_else(|| bad(format!("{word:?} is not a status")))?;
    let ended = deployments::end(&mut shared.world(), &id, status);
    ended.map(Json).ok_or_else(|| Answer::detail(StatusCode::NOT_FOUND, "No such deployment"))
}

async fn settings(State(shared): Asked) -> Json<Settings> {
    Json(shared.world().settings.clone())
}

async fn change_settings(State(shared): Asked, Sent(patch): Sent<Value>) -> Result<Json<Settings>, Answer> {
    let mut world = shared.world();
    world.patch_settings(&patch).map_err(bad)?;
    Ok(Json(world.settings.clone()))
}

async fn state(State(shared): Asked) -> Json<Value> {
    Json(shared.world().state())
}

async fn reset(State(shared): Asked) -> StatusCode {
    shared.world().reset();
    StatusCode::NO_CONTENT
}

fn bad(message: String) -> Answer {
    Answer::detail(StatusCode::BAD_REQUEST, message)
}
