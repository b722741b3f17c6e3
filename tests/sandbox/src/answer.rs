//! What the API and the admin surface reply with: a status and JSON. Scripted replies are in `script`.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A JSON reply; it can be kept and sent again.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    status: StatusCode,
    body: Value,
}

impl Answer {
    /// A JSON reply.
    pub(crate) fn json(status: StatusCode, body: Value) -> Self {
        Self { status, body }
    }

    /// A simple error.
    pub(crate) fn detail(status: StatusCode, detail: impl Into<String>) -> Self {
        Self::json(status, json!({ "detail": detail.into() }))
    }

    /// The refusal of a body that is too large or, as `detail` says, is not what it should be.
    pub(crate) fn unreadable(rejection: &JsonRejection, detail: impl Into<String>) -> Self {
        match rejection.status() {
            status @ StatusCode::PAYLOAD_TOO_LARGE => Self::detail(status, "Request body too large"),
            _ => Self::detail(StatusCode::BAD_REQUEST, detail),
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}
