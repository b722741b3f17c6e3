//! JSON responses of the API and the admin API. Scripted replies are in `script`.

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A status and a JSON body. `Clone`, because a repeated idempotency key gets the first response again.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct JsonResponse {
    status: StatusCode,
    body: Value,
}

impl JsonResponse {
    pub(crate) fn new(status: StatusCode, body: Value) -> Self {
        Self { status, body }
    }

    pub(crate) fn is_success(&self) -> bool {
        self.status.is_success()
    }

    /// A simple error: `{"detail": "…"}`.
    pub(crate) fn detail(status: StatusCode, detail: impl Into<String>) -> Self {
        Self::new(status, json!({ "detail": detail.into() }))
    }

    /// 413 for a body that is too large, else 400 with `detail`.
    pub(crate) fn invalid_body(rejection: &JsonRejection, detail: impl Into<String>) -> Self {
        match rejection.status() {
            status @ StatusCode::PAYLOAD_TOO_LARGE => Self::detail(status, "Request body too large"),
            _ => Self::detail(StatusCode::BAD_REQUEST, detail),
        }
    }
}

impl IntoResponse for JsonResponse {
    fn into_response(self) -> Response {
        (self.status, Json(self.body)).into_response()
    }
}
