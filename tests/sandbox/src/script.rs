//! The script as a layer around the API: which entry a request uses up, whether the request is carried out all the
//! same, and what goes into the log. Delays, headers and broken connections are for `server`.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::log::Received;
use crate::reply::{Fault, Reply};
use crate::world::Shared;

/// What a fault delivers a part of when the entry says no body.
const STAND_IN: &str = r#"{"id":"00000000-0000-4000-8000-000000000000","status":"completed"}"#;

/// Answers by the script, or passes the request on, and logs it. A reply has the entry that it used as an extension.
pub(crate) async fn apply(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    // The server has read it already, so this can neither wait nor fail.
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let mut received = Received::read(&head, &body);
    let entry = shared.world().take_entry(head.uri.path());
    let request = Request::from_parts(head, Body::from(body));
    let mut response = match &entry {
        Some(entry) if !entry.executes() => entry.response(),
        Some(entry) if entry.says_a_reply() => {
            next.run(request).await;
            entry.response()
        }
        _ => next.run(request).await,
    };
    received.scripted = entry.is_some();
    received.reply_status = entry.as_ref().is_none_or(has_status).then(|| response.status().as_u16());
    shared.record(received);
    if let Some(entry) = entry {
        response.extensions_mut().insert(entry);
    }
    response
}

/// Whether there is a status to log: not if the client gets none, unless the request was carried out.
fn has_status(entry: &Reply) -> bool {
    match entry.fault {
        None | Some(Fault::Slow | Fault::Cut) => true,
        Some(Fault::Close | Fault::LoseReply | Fault::Garbage | Fault::Hang) => entry.executes(),
    }
}

impl Reply {
    /// The reply that the entry says.
    fn response(&self) -> Response {
        let status = self.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or_default();
        let (content_type, mut body) = match (&self.json, &self.body, self.body_bytes) {
            (Some(json), _, _) => ("application/json", json.to_string().into_bytes()),
            (None, Some(text), _) => (guess(text), text.clone().into_bytes()),
            (None, None, Some(length)) => {
                let long = "x".repeat(length.saturating_sub(13));
                ("application/json", format!(r#"{{"detail":"{long}"}}"#).into_bytes())
            }
            (None, None, None) if self.status.is_none() => ("application/json", STAND_IN.as_bytes().to_vec()),
            (None, None, None) => return status.into_response(),
        };
        if let Some(length) = self.body_bytes {
            body.resize(length, b' ');
        }
        (status, [(CONTENT_TYPE, content_type)], body).into_response()
    }
}

fn guess(text: &str) -> &'static str {
    match text.trim_start().as_bytes().first() {
        Some(b'<') => "text/html; charset=utf-8",
        Some(b'{' | b'[') => "application/json",
        _ => "text/plain; charset=utf-8",
    }
}
