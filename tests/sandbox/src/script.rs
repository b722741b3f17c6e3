//! A layer around the API that takes a script entry for each request, processes the request or not, and logs it.
//! `server` adds delays and headers and breaks connections.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::log::ReceivedRequest;
use crate::reply::{Fault, Reply};
use crate::state::SharedState;

/// The body when an entry has a fault but neither a status nor a body.
const DEFAULT_BODY: &str = r#"{"id":"00000000-0000-4000-8000-000000000000","status":"completed"}"#;

/// Replies from the script or passes the request on, and logs it. The response carries its script entry as an extension.
pub(crate) async fn apply(State(shared): State<Arc<SharedState>>, request: Request, next: Next) -> Response {
    let (head, body) = request.into_parts();
    // `server` has already read the body, so this neither waits nor fails.
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let mut received = ReceivedRequest::new(&head, &body);
    let entry = shared.lock().take_script_entry(head.uri.path());
    let request = Request::from_parts(head, Body::from(body));
    let mut response = match &entry {
        Some(entry) if !entry.runs_request() => entry.response(),
        Some(entry) if entry.has_reply() => {
            received.processed = Some(next.run(request).await.status().as_u16());
            entry.response()
        }
        _ => {
            let response = next.run(request).await;
            received.processed = Some(response.status().as_u16());
            response
        }
    };
    received.scripted = entry.is_some();
    received.label = entry.as_ref().and_then(|entry| entry.label.clone());
    received.reply_status = entry.as_ref().is_none_or(has_status).then(|| response.status().as_u16());
    shared.record(received);
    if let Some(entry) = entry {
        response.extensions_mut().insert(entry);
    }
    response
}

/// Whether there is a status to log: the client gets it, or the request was processed.
fn has_status(entry: &Reply) -> bool {
    entry.fault.is_none_or(Fault::sends_head) || entry.runs_request()
}

impl Reply {
    /// The response that the entry describes.
    fn response(&self) -> Response {
        let status = self.status.and_then(|status| StatusCode::from_u16(status).ok()).unwrap_or_default();
        let (content_type, mut body) = match (&self.json, &self.body, self.body_bytes) {
            (Some(json), _, _) => ("application/json", json.to_string().into_bytes()),
            (None, Some(text), _) => (content_type_of(text), text.clone().into_bytes()),
            (None, None, Some(length)) => {
                let long = "x".repeat(length.saturating_sub(13));
                ("application/json", format!(r#"{{"detail":"{long}"}}"#).into_bytes())
            }
            (None, None, None) if self.status.is_none() => ("application/json", DEFAULT_BODY.as_bytes().to_vec()),
            (None, None, None) => return status.into_response(),
        };
        if let Some(length) = self.body_bytes {
            body.resize(length, b' ');
        }
        (status, [(CONTENT_TYPE, content_type)], body).into_response()
    }
}

/// Guesses the content type from the first character.
fn content_type_of(text: &str) -> &'static str {
    match text.trim_start().as_bytes().first() {
        Some(b'<') => "text/html; charset=utf-8",
        Some(b'{' | b'[') => "application/json",
        _ => "text/plain; charset=utf-8",
    }
}
