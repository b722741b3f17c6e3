//! A small HTTP/1.1 client with one connection per request. It keeps what it receives, even if it is not HTTP.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use versioner_sandbox::Sandbox;

/// A complete or partial response. If it is not HTTP, `status` is 0 and `raw` has the bytes.
#[derive(Debug, Clone)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) raw: Vec<u8>,
}

impl Response {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        headers.find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let headers = self.headers.iter();
        headers.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str()).collect()
    }

    pub(crate) fn parse(raw: Vec<u8>) -> Self {
        let end = raw.windows(4).position(|four| four == b"\r\n\r\n").filter(|_| raw.starts_with(b"HTTP/1.1 "));
        let Some(end) = end else {
            return Self { status: 0, headers: Vec::new(), body: Vec::new(), raw };
        };
        let head = String::from_utf8(raw[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { status, headers, body: raw[end + 4..].to_vec(), raw }
    }
}

/// Writes a request without waiting for its reply.
pub(crate) fn send(sandbox: &Sandbox, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(sandbox.addr()).unwrap();
    // A sandbox that never replies fails the test instead of blocking it.
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: sandbox\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    stream
}

pub(crate) fn call(sandbox: &Sandbox, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
    let mut raw = Vec::new();
    let mut stream = send(sandbox, method, path, headers, body);
    let _ = stream.read_to_end(&mut raw);
    Response::parse(raw)
}

/// Sends an API request with the full-access key.
pub(crate) fn post(sandbox: &Sandbox, path: &str, body: &Value) -> Response {
    post_with(sandbox, path, body, &[])
}

/// Sends an API request with the full-access key and additional headers.
pub(crate) fn post_with(sandbox: &Sandbox, path: &str, body: &Value, extra: &[(&str, &str)]) -> Response {
    let key = format!("Bearer {}", sandbox.key());
    let mut headers = vec![("Authorization", key.as_str()), ("Content-Type", "application/json")];
    headers.extend(extra);
    call(sandbox, "POST", path, &headers, body.to_string().as_bytes())
}

/// Reports a deployment of `shop`.
pub(crate) fn deploy(sandbox: &Sandbox, version: &str, environment: &str, status: &str) -> Response {
    post(sandbox, "/deployment-events/", &deployment(version, environment, status))
}

pub(crate) fn deployment(version: &str, environment: &str, status: &str) -> Value {
    json!({ "product_name": "shop", "version": version, "environment_name": environment, "status": status })
}

pub(crate) fn build(version: &str, status: &str) -> Value {
    json!({ "product_name": "shop", "version": version, "status": status })
}

/// Sends an admin request.
pub(crate) fn admin(sandbox: &Sandbox, method: &str, path: &str, body: &Value) -> Response {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    call(sandbox, method, &format!("/_sandbox/{path}"), &[], body.as_bytes())
}
