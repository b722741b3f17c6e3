//! Scripted replies: what one entry of the script says. How it is carried out is in `script` and `server`.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One entry of the script; it is used up by one API request, or by [`Reply::times`] of them.
///
/// An entry that says neither what to reply nor how to fail behaves: a mere [`Reply::delay`] or [`Reply::header`]
/// changes an ordinary reply. A [`Fault`] alone never carries out the request, except [`Fault::LoseReply`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reply {
    /// The status; 200 when there is a body or a fault without one.
    pub status: Option<u16>,
    /// Headers that replace those of the same name; `null` removes one.
    pub headers: BTreeMap<String, Option<HeaderValues>>,
    /// A JSON body.
    pub json: Option<Value>,
    /// A body as text; its content type is guessed from the first character.
    pub body: Option<String>,
    /// Makes the body exactly this long.
    pub body_bytes: Option<usize>,
    /// Waits after the request was carried out and before the reply; for a slow body the wait between two bytes.
    pub delay_ms: Option<u64>,
    /// How the connection fails.
    pub fault: Option<Fault>,
    /// How many requests use this entry; once if absent.
    pub times: Option<u32>,
    /// Carries out the request and answers as usual.
    pub behave: bool,
    /// Only requests with this path use the entry. Without it every path but `/health` does.
    pub path: Option<String>,
}

/// One or more values of a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum HeaderValues {
    /// A single value.
    One(String),
    /// The header is sent once for each.
    Many(Vec<String>),
}

/// How a connection fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Closes the connection before any byte of a reply; the request is not carried out.
    Close,
    /// Promises the whole body, sends half of it, and closes.
    Cut,
    /// Sends bytes that are no HTTP, and closes.
    Garbage,
    /// Never replies; ends when the client goes away or the sandbox stops.
    Hang,
    /// Carries out the request, then closes without a reply.
    LoseReply,
    /// Sends the body byte by byte, 50 ms apart or as far as the delay says.
    Slow,
}

impl Reply {
    /// A reply with this status and no body.
    pub fn status(status: u16) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// A failing connection.
    pub fn fault(fault: Fault) -> Self {
        Self { fault: Some(fault), ..Self::default() }
    }

    /// An ordinary reply, to come between others.
    pub fn behave() -> Self {
        Self { behave: true, ..Self::default() }
    }

    /// Adds a header; a second value for a name is sent beside the first.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let slot = self.headers.entry(name.to_owned()).or_default();
        *slot = Some(match slot.take() {
            None => HeaderValues::One(value.to_owned()),
            Some(HeaderValues::One(first)) => HeaderValues::Many(vec![first, value.to_owned()]),
            Some(HeaderValues::Many(mut values)) => {
                values.push(value.to_owned());
                HeaderValues::Many(values)
            }
        });
        self
    }

    /// Removes a header that would be sent otherwise, such as `Date`.
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.insert(name.to_owned(), None);
        self
    }

    /// Sets a JSON body.
    pub fn json(mut self, json: Value) -> Self {
        self.json = Some(json);
        self
    }

    /// Sets a body as text.
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Makes the body exactly this long.
    pub fn body_bytes(mut self, bytes: usize) -> Self {
        self.body_bytes = Some(bytes);
        self
    }

    /// Waits before the reply.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay_ms = Some(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Uses the entry for so many requests.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Adds a failing connection to what the entry says already.
    pub fn with_fault(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    /// Keeps the entry for requests with this path.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Whether the request is carried out.
    pub(crate) fn executes(&self) -> bool {
        self.behave || self.fault == Some(Fault::LoseReply) || (self.fault.is_none() && !self.says_a_reply())
    }

    /// Whether the entry names a status or a body.
    pub(crate) fn says_a_reply(&self) -> bool {
        self.status.is_some() || self.json.is_some() || self.body.is_some() || self.body_bytes.is_some()
    }

    /// Replaces headers as the entry says.
    pub(crate) fn override_headers(&self, headers: &mut HeaderMap) {
        for (name, values) in &self.headers {
            // Both were checked when the entry was taken in.
            let Ok(name) = HeaderName::try_from(name) else { continue };
            headers.remove(&name);
            for value in values.iter().flat_map(HeaderValues::all).flat_map(HeaderValue::try_from) {
                headers.append(&name, value);
            }
        }
    }

    /// Whether a request with this path uses the entry.
    pub(crate) fn is_for(&self, path: &str) -> bool {
        match &self.path {
            Some(only) => only == path,
            None => path != "/health",
        }
    }

    /// Refuses what cannot be sent as HTTP.
    pub(crate) fn check(&self) -> Result<(), String> {
        if let Some(status) = self.status.filter(|status| !(200..1000).contains(status)) {
            return Err(format!("status {status} is not that of a final reply (200 to 999)"));
        }
        if self.times == Some(0) {
            return Err("times must be at least 1".to_owned());
        }
        for (name, values) in &self.headers {
            if HeaderName::try_from(name.as_str()).is_err() {
                return Err(format!("{name:?} is not a header name"));
            }
            if ["content-length", "transfer-encoding"].iter().any(|own| name.eq_ignore_ascii_case(own)) {
                return Err(format!("{name} follows from the body; use body_bytes or the fault \"cut\""));
            }
            for value in values.iter().flat_map(HeaderValues::all) {
                if HeaderValue::try_from(value).is_err() {
                    return Err(format!("{value:?} is not a header value"));
                }
            }
        }
        Ok(())
    }
}

impl HeaderValues {
    /// Its values in order.
    pub(crate) fn all(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

impl From<Value> for Reply {
    /// Reads an entry as the admin call does.
    ///
    /// # Panics
    ///
    /// If the JSON is not an entry of the script.
    fn from(json: Value) -> Self {
        serde_json::from_value(json).unwrap_or_else(|error| panic!("not a scripted reply: {error}"))
    }
}
