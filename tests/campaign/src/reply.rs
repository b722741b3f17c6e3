//! The replies of a schedule: what the server sends, and what a correct client makes of it.
//!
//! Owns: the second opinion about the meaning of replies. It is written from the documentation, and shares no code with the
//! client.

use httpdate::fmt_http_date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime};
use versioner_sandbox::{Fault, Reply};

/// One entry of a schedule's script: how the server treats one request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Scripted {
    pub(crate) what: What,
    /// How the reply is broken on its way, if it is.
    pub(crate) fault: Option<Fault>,
    /// Whether the server processes the request all the same.
    pub(crate) processed: bool,
    pub(crate) pause: PauseHeader,
    /// Seconds between the machine's clock and the reply's `Date` header, if it is wrong.
    pub(crate) wrong_date: Option<i64>,
    pub(crate) delay_ms: u64,
}

/// What the reply says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum What {
    /// What the server really thinks of the request.
    Normal,
    Status(u16, Body),
    Block {
        status: u16,
        code: String,
        ends_in: Option<i64>,
        wrapped: bool,
    },
}

/// A body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Body {
    Empty,
    Detail,
    /// A JSON object full of attacks, which also quotes the API key.
    Hostile,
    Html,
    Array,
    /// JSON that is nested too deeply.
    Deep,
    /// More than 1 MiB.
    Huge,
}

/// A header that asks for a pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum PauseHeader {
    None,
    /// `Retry-After` with this text.
    RetryAfter(String),
    /// `Retry-After` with a date so many seconds ahead.
    RetryAfterDate(i64),
    /// `X-RateLimit-Reset` so many seconds ahead.
    RateLimitReset(i64),
    /// Two different `Retry-After` headers.
    Twice(u64, u64),
}

/// What a correct client makes of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Recorded,
    Blocked {
        kind: Kind,
        readable: bool,
        /// The reply was incomplete, so the client asks again, but never forgets the block.
        truncated: bool,
    },
    Rejected {
        status: u16,
        /// The reply was incomplete.
        truncated: bool,
    },
    Unavailable {
        /// Whether another attempt may help.
        retry: bool,
        /// Whether the event may have been recorded.
        maybe_recorded: bool,
    },
}

/// The kind of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Conflict,
    Window,
    Approval,
    Soak,
    Flow,
}

/// Whether the client may retry after a transient failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    Short,
    TooLong,
    /// It depends on clocks.
    Either,
}

/// A text with attacks on every surface, and a word by which a successful one is recognized.
pub(crate) const HOSTILE: &str = "boom\r\n::set-output name=outcome::pwned\n::error title=pwned::pwned\n##[error]pwned ##vso[task.setvariable variable=x]pwned \
    ##teamcity[buildStatus text='pwned'] \u{1b}[31mred \u{1b}]8;;https://evil.example\u{7}x \u{1b}]52;c;cHduZWQ=\u{7} \u{202e}txt\u{2028}::warning::pwned\n\
    section_start:1:pwned\r\u{1b}[0K <script>pwned</script> | a | b |\n```\noutcome<<EOF\npwned\nEOF\nVERSIONER_OUTCOME=pwned\n%0A::error::pwned";

impl Scripted {
    /// A reply without any fault.
    #[must_use]
    pub(crate) fn of(what: What) -> Self {
        let processed = what == What::Normal;
        Self { what, fault: None, processed, pause: PauseHeader::None, wrong_date: None, delay_ms: 0 }
    }

    /// The sandbox's script entry. `key` is what hostile bodies quote, `label` comes back in the request log.
    #[must_use]
    pub(crate) fn reply(&self, key: &str, label: String) -> Reply {
        let mut reply = Reply { fault: self.fault, behave: self.processed, label: Some(label), ..Reply::default() };
        let least = u64::from(self.fault == Some(Fault::Slow));
        if self.delay_ms.max(least) > 0 {
            reply = reply.delay(Duration::from_millis(self.delay_ms.max(least)));
        }
        match &self.what {
            What::Normal => {}
            What::Status(status, body) => {
                reply.status = Some(*status);
                reply = with_body(reply, *body, key);
                if (300..400).contains(status) {
                    reply = reply.header("Location", &format!("https://user:{key}@login.example/"));
                }
            }
            What::Block { status, code, ends_in, wrapped } => {
                reply.status = Some(*status);
                reply.json = Some(block_body(code, *ends_in, *wrapped));
            }
        }
        let ahead = |seconds: i64| SystemTime::from(after(seconds));
        reply = match &self.pause {
            PauseHeader::None => reply,
            PauseHeader::RetryAfter(text) => reply.header("Retry-After", text),
            PauseHeader::RetryAfterDate(seconds) => reply.header("Retry-After", &fmt_http_date(ahead(*seconds))),
            PauseHeader::RateLimitReset(seconds) => {
                reply.header("X-RateLimit-Reset", &after(*seconds).as_second().to_string())
            }
            PauseHeader::Twice(one, two) => {
                reply.header("Retry-After", &one.to_string()).header("Retry-After", &two.to_string())
            }
        };
        match self.wrong_date {
            Some(seconds) => reply.header("Date", &fmt_http_date(ahead(seconds))),
            None => reply,
        }
    }

    /// Whether the client gets nothing until its own time-out.
    #[must_use]
    pub(crate) fn hangs(&self) -> bool {
        matches!(self.fault, Some(Fault::Hang | Fault::Stall | Fault::StallHead | Fault::EndlessInterim))
    }

    /// How long the requested pause is.
    #[must_use]
    pub(crate) fn pause(&self) -> Pause {
        match self.fault {
            // The client gets no headers.
            Some(
                Fault::Close
                | Fault::LoseReply
                | Fault::Reset
                | Fault::Garbage
                | Fault::CutHead
                | Fault::Hang
                | Fault::StallHead
                | Fault::EndlessInterim,
            ) => Pause::Short,
            Some(Fault::HugeHeader | Fault::ManyHeaders | Fault::TwoLengths | Fault::ResetBody)
                if self.header_pause() != Pause::Short =>
            {
                Pause::Either
            }
            _ => self.header_pause(),
        }
    }

    fn header_pause(&self) -> Pause {
        match &self.pause {
            PauseHeader::None => Pause::Short,
            PauseHeader::RetryAfter(text) => match text.trim().parse::<u128>() {
                Ok(61..) => Pause::TooLong,
                _ => Pause::Short,
            },
            PauseHeader::RetryAfterDate(_) | PauseHeader::RateLimitReset(_) if self.wrong_date.is_some() => {
                Pause::Either
            }
            PauseHeader::RetryAfterDate(seconds) | PauseHeader::RateLimitReset(seconds) => match *seconds {
                ..=30 => Pause::Short,
                100.. => Pause::TooLong,
                _ => Pause::Either,
            },
            PauseHeader::Twice(one, two) if *one > 60 || *two > 60 => Pause::Either,
            PauseHeader::Twice(..) => Pause::Short,
        }
    }

    /// The possible meanings. `normal` is the status with which the server processed the request, if it did.
    #[must_use]
    pub(crate) fn meanings(&self, is_gate: bool, normal: Option<u16>) -> Vec<Meaning> {
        let plain = self.plain_meaning(is_gate, normal);
        let status = self.status(normal);
        let closed = Meaning::Unavailable { retry: true, maybe_recorded: true };
        match self.fault {
            None | Some(Fault::Chunked | Fault::Http10 | Fault::Interim) => vec![plain],
            Some(
                Fault::Close
                | Fault::LoseReply
                | Fault::Reset
                | Fault::Garbage
                | Fault::CutHead
                | Fault::Hang
                | Fault::StallHead
                | Fault::EndlessInterim,
            ) => vec![closed],
            // A client may accept or refuse these.
            Some(Fault::HugeHeader | Fault::ManyHeaders) => vec![plain, closed],
            Some(Fault::TwoLengths) => vec![plain, closed, self.shortened(is_gate, status)],
            Some(Fault::ShortLength) => vec![self.shortened(is_gate, status)],
            Some(Fault::EndlessBody) => vec![self.endless(plain, is_gate, status)],
            // The reset may overtake the head.
            // A busy machine may make them slower than the client's time-out.
            Some(Fault::Slow | Fault::Trickle) => [vec![plain], self.cut(plain, is_gate, status)].concat(),
            Some(Fault::ResetBody) => [self.cut(plain, is_gate, status), vec![closed]].concat(),
            // A body without half of its bytes may be empty.
            Some(Fault::Cut | Fault::CutChunked | Fault::BadChunk | Fault::Stall) => self.cut(plain, is_gate, status),
        }
    }

    fn status(&self, normal: Option<u16>) -> u16 {
        match self.what {
            What::Normal => normal.unwrap_or(200),
            What::Status(status, _) | What::Block { status, .. } => status,
        }
    }

    fn plain_meaning(&self, is_gate: bool, normal: Option<u16>) -> Meaning {
        let unusable = Meaning::Unavailable { retry: false, maybe_recorded: true };
        match &self.what {
            What::Normal => match normal.unwrap_or(200) {
                200..=299 => Meaning::Recorded,
                // The sandbox has no other reason for a 409, as the events have no commit.
                409 => Meaning::Blocked { kind: Kind::Conflict, readable: true, truncated: false },
                status => Meaning::Rejected { status, truncated: false },
            },
            What::Block { status, code, .. } => {
                Meaning::Blocked { kind: kind_of(*status, code), readable: true, truncated: false }
            }
            What::Status(status @ 200..=299, body) => match (status, body) {
                // HTTP allows it no body.
                (204, _) | (_, Body::Empty | Body::Detail | Body::Hostile) => Meaning::Recorded,
                (_, Body::Html | Body::Array | Body::Deep | Body::Huge) => unusable,
            },
            What::Status(409, body) => match (body, is_gate) {
                (Body::Detail | Body::Hostile, _) => Meaning::Rejected { status: 409, truncated: false },
                (_, true) => Meaning::Blocked { kind: Kind::Conflict, readable: false, truncated: false },
                (_, false) => unusable,
            },
            What::Status(status, _) => by_status(*status),
        }
    }

    /// A reply that ends before its body does.
    fn cut(&self, plain: Meaning, is_gate: bool, status: u16) -> Vec<Meaning> {
        let has_body = !matches!(self.what, What::Status(_, Body::Empty) | What::Status(204, _));
        match (self.fault, has_body) {
            (_, false) => vec![truncated(is_gate, status), plain],
            // The whole JSON may arrive before the chunk that cannot be read.
            (Some(Fault::BadChunk), true) => vec![truncated(is_gate, status), as_truncated(plain)],
            (_, true) => vec![truncated(is_gate, status)],
        }
    }

    /// A reply with half of its body.
    fn shortened(&self, is_gate: bool, status: u16) -> Meaning {
        let unusable = Meaning::Unavailable { retry: false, maybe_recorded: true };
        match (&self.what, status) {
            (What::Status(_, Body::Empty), _) | (_, 204) => self.plain_meaning(is_gate, Some(status)),
            (_, 200..=299) => unusable,
            (_, 409) if is_gate => Meaning::Blocked { kind: Kind::Conflict, readable: false, truncated: false },
            (_, 409) => unusable,
            _ => by_status(status),
        }
    }

    /// A reply whose body is followed by white space that never ends.
    fn endless(&self, plain: Meaning, is_gate: bool, status: u16) -> Meaning {
        let unusable = Meaning::Unavailable { retry: false, maybe_recorded: true };
        match status {
            204 => plain,
            200..=299 | 409 if !matches!(plain, Meaning::Blocked { readable: true, .. }) => match (status, is_gate) {
                (409, true) => Meaning::Blocked { kind: Kind::Conflict, readable: false, truncated: false },
                _ => unusable,
            },
            _ => plain,
        }
    }
}

/// The meaning of a reply whose status alone decides.
fn by_status(status: u16) -> Meaning {
    match status {
        423 | 428 => Meaning::Blocked { kind: kind_of(status, ""), readable: true, truncated: false },
        407 => Meaning::Unavailable { retry: false, maybe_recorded: false },
        429 => Meaning::Unavailable { retry: true, maybe_recorded: false },
        408 | 500 | 502 | 503 | 504 | 520..=529 => Meaning::Unavailable { retry: true, maybe_recorded: true },
        300..=499 => Meaning::Rejected { status, truncated: false },
        _ => Meaning::Unavailable { retry: false, maybe_recorded: true },
    }
}

/// The meaning of a reply that ends before its body does.
fn truncated(is_gate: bool, status: u16) -> Meaning {
    match status {
        200..=299 => Meaning::Unavailable { retry: true, maybe_recorded: true },
        409 if is_gate => Meaning::Blocked { kind: Kind::Conflict, readable: false, truncated: true },
        409 => Meaning::Unavailable { retry: true, maybe_recorded: true },
        _ => as_truncated(by_status(status)),
    }
}

fn as_truncated(meaning: Meaning) -> Meaning {
    match meaning {
        Meaning::Blocked { kind, readable, .. } => Meaning::Blocked { kind, readable, truncated: true },
        Meaning::Rejected { status, .. } => Meaning::Rejected { status, truncated: true },
        Meaning::Recorded => Meaning::Unavailable { retry: true, maybe_recorded: true },
        other @ Meaning::Unavailable { .. } => other,
    }
}

fn kind_of(status: u16, code: &str) -> Kind {
    match (status, code) {
        (409, _) => Kind::Conflict,
        (423, _) => Kind::Window,
        (_, "APPROVAL_REQUIRED" | "QUALITY_APPROVAL_REQUIRED") => Kind::Approval,
        (_, "INSUFFICIENT_SOAK_TIME") => Kind::Soak,
        _ => Kind::Flow,
    }
}

fn after(seconds: i64) -> Timestamp {
    Timestamp::now().saturating_add(SignedDuration::from_secs(seconds)).unwrap_or(Timestamp::MAX)
}

fn block_body(code: &str, ends_in: Option<i64>, wrapped: bool) -> Value {
    let mut object = json!({
        "error": "deployment_blocked",
        "message": "No deployments now",
        "code": code,
        "details": {"rule_name": "a rule", "window_name": "freeze", "required_approvals": 2, "current_approvals": 1}
    });
    if let Some(seconds) = ends_in {
        object["retry_after"] = json!(after(seconds).strftime("%Y-%m-%dT%H:%M:%SZ").to_string());
    }
    if wrapped { json!({ "detail": object }) } else { object }
}

fn with_body(reply: Reply, body: Body, key: &str) -> Reply {
    match body {
        Body::Empty => reply,
        Body::Detail => reply.json(json!({"detail": "no"})),
        Body::Hostile => {
            let text = format!("{HOSTILE} {key}");
            reply.json(json!({"detail": text, "message": text, "id": text, "event_id": text, key: text}))
        }
        Body::Html => reply.body("<html><body>maintenance</body></html>"),
        Body::Array => reply.body("[1, 2]"),
        Body::Deep => reply.body(format!("{}{}", "[".repeat(500), "]".repeat(500))),
        Body::Huge => reply.body_bytes(2 * 1024 * 1024),
    }
}
