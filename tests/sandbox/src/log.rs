//! Entries of the request log, which has API requests but not admin requests.

use std::collections::BTreeMap;

use axum::http::request::Parts;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::api::BODY_LIMIT;
use crate::clock;

/// An API request and the status of its reply.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReceivedRequest {
    /// The request's number, counted from 1 since startup or the last reset.
    pub seq: u64,
    /// When the whole request had arrived, by the machine's clock (RFC 3339 with milliseconds).
    pub received_at: String,
    /// The HTTP method.
    pub method: String,
    /// The path, with the query if there is one.
    pub path: String,
    /// The headers by lower-case name. The values of a repeated header are joined with `, `.
    pub headers: BTreeMap<String, String>,
    /// The body: parsed if it is JSON, else a string; `null` if it is empty or too large.
    pub body: Value,
    /// The status of the reply, even if a fault lost it; `None` if the request was not processed and got no reply.
    pub reply_status: Option<u16>,
    /// The status with which the request was processed, whatever the client was sent; `None` if it was not.
    pub processed: Option<u16>,
    /// Whether the request used a script entry.
    pub scripted: bool,
    /// The label of that entry.
    pub label: Option<String>,
}

impl ReceivedRequest {
    /// An entry without number and reply, which are known later.
    pub(crate) fn new(head: &Parts, body: &[u8]) -> Self {
        let mut headers: BTreeMap<String, String> = BTreeMap::new();
        for (name, value) in &head.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            headers
                .entry(name.to_string())
                .and_modify(|known| *known = format!("{known}, {value}"))
                .or_insert_with(|| value.to_string());
        }
        Self {
            seq: 0,
            received_at: clock::utc_millis(Timestamp::now()),
            method: head.method.to_string(),
            path: head.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            headers,
            body: match body.len() {
                1..=BODY_LIMIT => serde_json::from_slice(body)
                    .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(body).into_owned())),
                _ => Value::Null,
            },
            reply_status: None,
            processed: None,
            scripted: false,
            label: None,
        }
    }

    /// The value of a header; the name is case-insensitive.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(&name.to_ascii_lowercase()).map(String::as_str)
    }

    /// The body; see [`ReceivedRequest::body`].
    pub fn json(&self) -> &Value {
        &self.body
    }
}
