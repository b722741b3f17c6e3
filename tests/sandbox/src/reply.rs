//! Script entries. `script` and `server` carry them out.

use std::collections::BTreeMap;
use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// An entry of the script. It applies to one API request, or to [`Reply::times`] requests.
///
/// An entry without a status, a body or a fault processes the request as usual, so [`Reply::delay`] or
/// [`Reply::header`] alone changes a normal reply. An entry with a status, a body or a [`Fault`] does not process the
/// request, except with [`Reply::behave`] or [`Fault::LoseReply`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reply {
    /// The status; 200 if absent and there is a body or a fault.
    pub status: Option<u16>,
    /// Headers to set; `null` removes a header.
    pub headers: BTreeMap<String, Option<HeaderValues>>,
    /// A JSON body.
    pub json: Option<Value>,
    /// A text body; its content type is guessed from the first character.
    pub body: Option<String>,
    /// The exact length of the body in bytes.
    pub body_bytes: Option<usize>,
    /// The pause between processing the request and replying; with [`Fault::Slow`], the pause before each byte, and
    /// with [`Fault::Trickle`], before each part.
    pub delay_ms: Option<u64>,
    /// How the connection fails.
    pub fault: Option<Fault>,
    /// How many requests use this entry; 1 if absent.
    pub times: Option<u32>,
    /// Processes the request. The normal reply is sent unless the entry has a status or a body.
    pub behave: bool,
    /// The path of the requests that use the entry; if absent, every path except `/health`.
    pub path: Option<String>,
    /// A text of the caller's, which the request log repeats.
    pub label: Option<String>,
}

/// The values of a header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum HeaderValues {
    /// A single value.
    One(String),
    /// The header is sent once for each value.
    Many(Vec<String>),
}

/// How a connection fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Closes the connection without a reply. The request is not processed.
    Close,
    /// Sends the body in chunks of which one has an invalid length, then closes the connection.
    BadChunk,
    /// Sends the body in valid chunks.
    Chunked,
    /// Sends half of the body that `Content-Length` announces, then closes the connection.
    Cut,
    /// Sends half of the body in chunks without the last one, then closes the connection.
    CutChunked,
    /// Sends half of the head, then closes the connection.
    CutHead,
    /// Sends a body in chunks that never ends.
    EndlessBody,
    /// Sends interim replies (103) that never end.
    EndlessInterim,
    /// Sends bytes that are not HTTP, then closes the connection.
    Garbage,
    /// Never replies. The connection ends when the client closes it or the sandbox stops.
    Hang,
    /// Replies as an HTTP/1.0 server: without a length, and closes the connection.
    Http10,
    /// Adds a header of 1 MiB.
    HugeHeader,
    /// Sends interim replies (100, 102, 103) first.
    Interim,
    /// Processes the request, then closes the connection without a reply.
    LoseReply,
    /// Adds 300 headers.
    ManyHeaders,
    /// Resets the connection without a reply. The request is not processed.
    Reset,
    /// Sends half of the body that `Content-Length` announces, then resets the connection.
    ResetBody,
    /// Announces half of the body's length, and sends all of it.
    ShortLength,
    /// Sends the body one byte at a time, 50 ms apart or [`Reply::delay`] apart.
    Slow,
    /// Sends half of the body that `Content-Length` announces, and then nothing more.
    Stall,
    /// Sends half of the head, and then nothing more.
    StallHead,
    /// Sends the reply, head included, in small parts, 10 ms apart or [`Reply::delay`] apart.
    Trickle,
    /// Announces two different lengths of the body.
    TwoLengths,
}

impl Fault {
    /// Whether the client gets the status line and all headers.
    pub(crate) fn sends_head(self) -> bool {
        match self {
            Self::BadChunk
            | Self::Chunked
            | Self::Cut
            | Self::CutChunked
            | Self::EndlessBody
            | Self::Http10
            | Self::Interim
            | Self::ResetBody
            | Self::ShortLength
            | Self::Slow
            | Self::Stall
            | Self::Trickle => true,
            Self::Close
            | Self::CutHead
            | Self::EndlessInterim
            | Self::Garbage
            | Self::Hang
            | Self::HugeHeader
            | Self::LoseReply
            | Self::ManyHeaders
            | Self::Reset
            | Self::StallHead
            | Self::TwoLengths => false,
        }
    }

    /// Whether [`Reply::delay`] is the pause between parts of the reply.
    pub(crate) fn paces(self) -> bool {
        matches!(self, Self::Slow | Self::Trickle)
    }
}

impl Reply {
    /// A reply with this status and no body.
    pub fn status(status: u16) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// A connection failure.
    pub fn fault(fault: Fault) -> Self {
        Self { fault: Some(fault), ..Self::default() }
    }

    /// A normal reply, for use between other entries.
    pub fn behave() -> Self {
        Self { behave: true, ..Self::default() }
    }

    /// Adds a header. A second value for the same name is sent in addition to the first.
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

    /// Removes a header that replies have by default, such as `Date`.
    pub fn without_header(mut self, name: &str) -> Self {
        self.headers.insert(name.to_owned(), None);
        self
    }

    /// Sets a JSON body.
    pub fn json(mut self, json: Value) -> Self {
        self.json = Some(json);
        self
    }

    /// Sets a text body.
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets the exact length of the body.
    pub fn body_bytes(mut self, bytes: usize) -> Self {
        self.body_bytes = Some(bytes);
        self
    }

    /// Sets a pause before the reply; with [`Fault::Slow`], before each byte.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.delay_ms = Some(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Applies the entry to this many requests.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Adds a connection failure to the entry.
    pub fn with_fault(mut self, fault: Fault) -> Self {
        self.fault = Some(fault);
        self
    }

    /// Processes the request, although the entry has a fault or a reply of its own.
    pub fn processed(mut self) -> Self {
        self.behave = true;
        self
    }

    /// Sets the text that the request log repeats.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Restricts the entry to requests with this path.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Whether the request is processed.
    pub(crate) fn runs_request(&self) -> bool {
        self.behave || self.fault == Some(Fault::LoseReply) || (self.fault.is_none() && !self.has_reply())
    }

    /// Whether the entry has a status or a body.
    pub(crate) fn has_reply(&self) -> bool {
        self.status.is_some() || self.json.is_some() || self.body.is_some() || self.body_bytes.is_some()
    }

    /// Applies the entry's headers to a response.
    pub(crate) fn override_headers(&self, headers: &mut HeaderMap) {
        for (name, values) in &self.headers {
            // `check` has validated both.
            let Ok(name) = HeaderName::try_from(name) else { continue };
            headers.remove(&name);
            for value in values.iter().flat_map(HeaderValues::all).flat_map(HeaderValue::try_from) {
                headers.append(&name, value);
            }
        }
    }

    /// Whether the entry applies to requests with this path.
    pub(crate) fn is_for(&self, path: &str) -> bool {
        match &self.path {
            Some(only) => only == path,
            None => path != "/health",
        }
    }

    /// Rejects an entry that cannot be sent as HTTP.
    pub(crate) fn check(&self) -> Result<(), String> {
        if let Some(status) = self.status.filter(|status| !(200..1000).contains(status)) {
            return Err(format!("status {status} is not between 200 and 999"));
        }
        if self.times == Some(0) {
            return Err("times must be at least 1".to_owned());
        }
        for (name, values) in &self.headers {
            if HeaderName::try_from(name.as_str()).is_err() {
                return Err(format!("{name:?} is not a valid header name"));
            }
            if ["content-length", "transfer-encoding"].iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
                return Err(format!("{name} cannot be set; use body_bytes or the fault \"cut\""));
            }
            for value in values.iter().flat_map(HeaderValues::all) {
                if HeaderValue::try_from(value).is_err() {
                    return Err(format!("{value:?} is not a valid header value"));
                }
            }
        }
        Ok(())
    }
}

impl HeaderValues {
    pub(crate) fn all(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}

impl From<Value> for Reply {
    /// Parses an entry as `POST /_sandbox/script` does.
    ///
    /// # Panics
    ///
    /// If the JSON is not a valid script entry.
    fn from(json: Value) -> Self {
        serde_json::from_value(json).unwrap_or_else(|error| panic!("invalid script entry: {error}"))
    }
}
