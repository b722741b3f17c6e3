//! The log of API requests that were received. Requests to the admin surface are not part of it.

use std::collections::BTreeMap;

use axum::http::request::Parts;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use crate::api::BODY_LIMIT;
use crate::clock;

/// One API request as it arrived, and what was answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Received {
    /// Its number, from 1 since the start or the last reset.
    pub seq: u64,
    /// When it was complete, by the machine's clock (RFC 3339 with milliseconds).
    pub received_at: String,
    /// The method.
    pub method: String,
    /// The path, with the query if there was one.
    pub path: String,
    /// The headers by lower-case name; repeated ones are joined by `, `.
    pub headers: BTreeMap<String, String>,
    /// The body: JSON if it is any, else a string, `null` if empty.
    pub body: Value,
    /// The status that was sent or, for a lost reply, was lost; `None` if the fault left no reply at all.
    pub reply_status: Option<u16>,
    /// Whether a scripted entry was used for it.
    pub scripted: bool,
}

impl Received {
    /// A request that has just been read whole; its number and its reply come later.
    pub(crate) fn read(head: &Parts, body: &[u8]) -> Self {
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
            scripted: false,
        }
    }

    /// A header's value; the name's case is of no matter.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(&name.to_ascii_lowercase()).map(String::as_str)
    }

    /// The body as JSON; see [`Received::body`].
    pub fn json(&self) -> &Value {
        &self.body
    }
}
