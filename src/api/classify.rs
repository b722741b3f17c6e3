//! What a reply means: recorded, blocked, rejected or unavailable.
//!
//! Owns: the classification of replies and the fields that are read from them. Does not own: retries (`backoff`).

use super::http::{BodyState, Reply};
use crate::model::block::{Block, text};
use crate::model::verdict::{BodyProblem, Receipt, Rejection, UnavailableCause, Violation};
use crate::text::{Foreign, clean_url};
use serde_json::Value;

/// The meaning of a reply.
#[derive(Debug)]
pub(super) enum Meaning {
    Recorded(Box<Receipt>),
    Blocked(Box<Block>),
    Rejected(Rejection),
    Unavailable(UnavailableCause),
}

/// Classifies `reply`. `proxied`: whether the request went through a forward proxy. `is_gate`: whether the event is one.
pub(super) fn classify(reply: &Reply, proxied: bool, is_gate: bool) -> Meaning {
    let status = reply.status;
    match status {
        200..=299 => success(reply),
        407 => Meaning::Unavailable(UnavailableCause::ProxyLogin),
        409 | 423 | 428 => match Block::parse(status, &reply.body) {
            Some(block) => Meaning::Blocked(Box::new(block)),
            None if !is_understood(reply) => match is_gate {
                // It may report another deployment in progress: fail closed.
                true => Meaning::Blocked(Box::new(Block::unreadable_conflict())),
                false => Meaning::Unavailable(UnavailableCause::NotTheApi(status, body_problem(reply))),
            },
            None => rejection(reply, proxied),
        },
        408 | 429 | 500..=599 => Meaning::Unavailable(UnavailableCause::Server {
            status,
            message: message(&reply.body),
            maybe_proxy: proxied && status >= 500 && !is_json(&reply.body),
        }),
        300..=499 => rejection(reply, proxied),
        _ => Meaning::Unavailable(UnavailableCause::UnexpectedStatus(status)),
    }
}

fn success(reply: &Reply) -> Meaning {
    let complete = reply.body_state == BodyState::Complete;
    if complete && reply.body.iter().all(u8::is_ascii_whitespace) {
        return Meaning::Recorded(Box::default());
    }
    if let Some(block) = Block::parse(reply.status, &reply.body) {
        return Meaning::Blocked(Box::new(block));
    }
    match serde_json::from_slice(&reply.body) {
        Ok(Value::Object(body)) if complete => Meaning::Recorded(Box::new(receipt(&Value::Object(body)))),
        _ => Meaning::Unavailable(UnavailableCause::NotTheApi(reply.status, body_problem(reply))),
    }
}

/// What is wrong with a body that is not the API's.
fn body_problem(reply: &Reply) -> BodyProblem {
    match reply.body_state {
        BodyState::Truncated => BodyProblem::Truncated,
        BodyState::TooLarge => BodyProblem::TooLarge,
        BodyState::Complete => BodyProblem::NotAnObject,
    }
}

/// Whether the body is a complete JSON object.
fn is_understood(reply: &Reply) -> bool {
    let is_object = || matches!(serde_json::from_slice(&reply.body), Ok(Value::Object(_)));
    reply.body_state == BodyState::Complete && is_object()
}

fn receipt(body: &Value) -> Receipt {
    let id = |name: &str| text(body.get(name)?);
    let rules = body.pointer("/extra_metadata/preflight_status/rules_evaluated").and_then(Value::as_array);
    let violations = rules.into_iter().flatten().filter_map(|rule| {
        let failed = rule.get("evaluation_result")?.as_str()?.eq_ignore_ascii_case("failed");
        failed.then(|| Violation {
            rule: rule.get("rule_name").and_then(text),
            message: rule.get("error_message").and_then(text),
            report_only: rule.get("status").and_then(Value::as_str) != Some("enabled"),
        })
    });
    Receipt {
        id: id("id"),
        event_id: id("event_id"),
        version_id: id("version_id"),
        product_id: id("product_id"),
        environment_id: id("environment_id"),
        violations: violations.collect(),
    }
}

/// A rejection, unless the proxy answered: through a proxy, a 4xx that is not JSON is the proxy's own page.
fn rejection(reply: &Reply, proxied: bool) -> Meaning {
    let status = reply.status;
    if proxied && (400..500).contains(&status) && !is_json(&reply.body) {
        return Meaning::Unavailable(UnavailableCause::ProxyAnswered(status));
    }
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    Meaning::Rejected(Rejection {
        status,
        message: message(&reply.body),
        fields: field_errors(&body),
        location: reply.header("location").map(redirect_target),
    })
}

/// The target of a redirect without anything that may be a credential: no user, no query.
fn redirect_target(location: &str) -> Foreign {
    let cleaned = clean_url(location);
    Foreign::new(cleaned.split(['?', '#']).next().unwrap_or_default())
}

/// The server's message: `detail`, else `message` or `error`, at the top level or under `detail`.
fn message(body: &[u8]) -> Option<Foreign> {
    let body: Value = serde_json::from_slice(body).ok()?;
    ["/detail", "/message", "/detail/message", "/error", "/error/message"]
        .iter()
        .find_map(|path| text(body.pointer(path)?))
}

/// The fields of a 422, each with its message: the last parts of `loc`, without `body`.
fn field_errors(body: &Value) -> Vec<(Foreign, Foreign)> {
    let list = body.get("detail").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|entry| {
            let parts: Vec<Foreign> = entry.get("loc")?.as_array()?.iter().filter_map(text).collect();
            let parts: Vec<&str> = parts.iter().map(Foreign::raw).skip_while(|part| *part == "body").collect();
            let field = if parts.is_empty() { "body".to_owned() } else { parts.join(".") };
            Some((field.into(), text(entry.get("msg")?)?))
        })
        .collect()
}

fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meaning(status: u16, body: &str, proxied: bool) -> Meaning {
        classify(&Reply::for_test(status, &[], body), proxied, false)
    }

    fn word(meaning: &Meaning) -> &'static str {
        match meaning {
            Meaning::Recorded(_) => "recorded",
            Meaning::Blocked(_) => "blocked",
            Meaning::Rejected(_) => "rejected",
            Meaning::Unavailable(_) => "unavailable",
        }
    }

    #[test]
    fn every_status_has_one_meaning() {
        let mut meanings: Vec<(String, u16, u16)> = Vec::new();
        for status in 200..600 {
            let meaning = word(&meaning(status, "{}", false));
            match meanings.last_mut() {
                Some((known, _, last)) if known == meaning => *last = status,
                _ => meanings.push((meaning.to_owned(), status, status)),
            }
        }
        let expected = [
            ("recorded", 200, 299),
            ("rejected", 300, 406),
            ("unavailable", 407, 408),
            ("rejected", 409, 422),
            ("blocked", 423, 423),
            ("rejected", 424, 427),
            ("blocked", 428, 428),
            ("unavailable", 429, 429),
            ("rejected", 430, 499),
            ("unavailable", 500, 599),
        ];
        assert_eq!(meanings, expected.map(|(word, first, last)| (word.to_owned(), first, last)));
    }

    #[test]
    fn success_without_a_json_object_is_unavailable() {
        for body in ["<html>login</html>", "[]", "\"ok\"", "null", "{\"id\":"] {
            assert_eq!(word(&meaning(200, body, false)), "unavailable", "{body}");
        }
        for body in ["", " \n", "{}"] {
            assert!(matches!(meaning(204, body, false), Meaning::Recorded(receipt) if *receipt == Receipt::default()));
        }
    }

    #[test]
    fn success_that_reports_a_block_is_a_block() {
        for body in [r#"{"error":"deployment_blocked"}"#, r#"{"detail":{"error":"deployment_blocked","code":"X"}}"#] {
            assert_eq!(word(&meaning(200, body, false)), "blocked", "{body}");
        }
        assert_eq!(word(&meaning(200, r#"{"error":"something else"}"#, false)), "recorded");
    }

    #[test]
    fn unreadable_409_blocks_a_gate_and_is_unavailable_otherwise() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        let bodies: [&[u8]; 9] = [
            b"",
            b"\xef\xbb\xbf{\"detail\":\"x\"}",
            b"{\"detail\":\"\xe4\"}",
            br#"{"detail":"\ud800"}"#,
            b"\xff\xfe{\0}\0",
            b"\x1f\x8b\x08",
            b"<html>",
            b"[]",
            deep.as_bytes(),
        ];
        for body in bodies {
            let reply = Reply::for_test_bytes(409, body);
            for proxied in [false, true] {
                let gate = classify(&reply, proxied, true);
                assert!(matches!(&gate, Meaning::Blocked(block) if !block.readable), "{body:?}: {gate:?}");
                assert_eq!(word(&classify(&reply, proxied, false)), "unavailable", "{body:?}");
            }
        }
        let plain = Reply::for_test(409, &[], r#"{"detail":"Version 1 already exists with different SHA"}"#);
        assert_eq!(word(&classify(&plain, false, true)), "rejected");
    }

    #[test]
    fn proxys_own_page_is_no_rejection() {
        for (body, proxied, direct) in
            [("<html>", "unavailable", "rejected"), ("{\"detail\":\"x\"}", "rejected", "rejected")]
        {
            assert_eq!(word(&meaning(403, body, true)), proxied);
            assert_eq!(word(&meaning(403, body, false)), direct);
        }
        assert!(matches!(meaning(407, "", true), Meaning::Unavailable(UnavailableCause::ProxyLogin)));
    }

    #[test]
    fn field_errors_and_redirects_are_parsed() {
        let body = r#"{"detail":[{"loc":["body","product_name"],"msg":"field required","type":"x"},{"loc":["body",0,"a"],"msg":"bad\n::error::"},{"nonsense":1},{"loc":["body"],"msg":"m"}]}"#;
        let Meaning::Rejected(rejection) = meaning(422, body, false) else { panic!("not rejected") };
        let fields: Vec<(&str, &str)> =
            rejection.fields.iter().map(|(field, message)| (field.clean(), message.clean())).collect();
        assert_eq!(fields, [("product_name", "field required"), ("0.a", "bad ::error::"), ("body", "m")]);
        let redirect = Reply::for_test(302, &[("location", "https://u:p@login.example/sso?token=T#x")], "");
        let Meaning::Rejected(rejection) = classify(&redirect, false, false) else { panic!("not rejected") };
        assert_eq!(rejection.location.unwrap().raw(), "https://login.example/sso");
    }
}
