//! What a reply means: recorded, blocked, rejected or unavailable.
//!
//! Owns: the classification of replies and the fields that are read from them. Does not own: retries (`backoff`).

use super::http::{BodyState, Reply};
use crate::model::block::{Block, text};
use crate::model::verdict::{BodyProblem, Receipt, Rejection, UnavailableCause, Violation};
use crate::text::{Foreign, clean_url};
use serde::de::IgnoredAny;
use serde_json::Value;

/// The classification of a reply.
#[derive(Debug)]
pub(super) enum Classification {
    Recorded(Box<Receipt>),
    Blocked(Box<Block>),
    Rejected(Rejection),
    Unavailable(UnavailableCause),
}

/// A reply and its parsed body.
struct Parsed<'a> {
    reply: &'a Reply,
    /// The body, if it is JSON that can be read as a whole.
    body: Option<Value>,
}

/// Classifies `reply`. `proxied`: whether the request went through a forward proxy. `is_gate`: whether the event is one.
pub(super) fn classify(reply: &Reply, proxied: bool, is_gate: bool) -> Classification {
    let parsed = Parsed { reply, body: serde_json::from_slice(&reply.body).ok() };
    let status = reply.status;
    match status {
        200..=299 => parsed.success(),
        407 => Classification::Unavailable(UnavailableCause::ProxyLogin),
        409 | 423 | 428 => match parsed.block() {
            Some(block) => Classification::Blocked(Box::new(block)),
            None if !parsed.is_understood() => match is_gate {
                // It may report another deployment in progress: fail closed.
                true => Classification::Blocked(Box::new(Block::unreadable_conflict())),
                false => Classification::Unavailable(UnavailableCause::NotTheApi(status, parsed.body_problem())),
            },
            None => parsed.rejection(proxied),
        },
        408 | 429 | 500..=599 => Classification::Unavailable(UnavailableCause::Server {
            status,
            message: parsed.message(),
            maybe_proxy: proxied && status >= 500 && !parsed.is_json(),
        }),
        300..=499 => parsed.rejection(proxied),
        _ => Classification::Unavailable(UnavailableCause::UnexpectedStatus(status)),
    }
}

impl Parsed<'_> {
    fn success(&self) -> Classification {
        if self.is_complete() && self.reply.body.iter().all(u8::is_ascii_whitespace) {
            return Classification::Recorded(Box::default());
        }
        if let Some(block) = self.block() {
            return Classification::Blocked(Box::new(block));
        }
        match &self.body {
            Some(body) if self.is_understood() => Classification::Recorded(Box::new(receipt(body))),
            _ => Classification::Unavailable(UnavailableCause::NotTheApi(self.reply.status, self.body_problem())),
        }
    }

    /// A rejection, unless the proxy answered: through a proxy, a 4xx that is not JSON is the proxy's own page.
    fn rejection(&self, proxied: bool) -> Classification {
        let status = self.reply.status;
        if proxied && (400..500).contains(&status) && !self.is_json() {
            return Classification::Unavailable(UnavailableCause::ProxyAnswered(status));
        }
        Classification::Rejected(Rejection {
            status,
            message: self.message(),
            fields: self.body.as_ref().map(field_errors).unwrap_or_default(),
            location: self.reply.header("location").map(redirect_target),
        })
    }

    fn block(&self) -> Option<Block> {
        Block::parse(self.reply.status, self.body.as_ref().unwrap_or(&Value::Null))
    }

    /// The server's message: `detail`, else `message` or `error`, at the top level or under `detail`.
    fn message(&self) -> Option<Foreign> {
        let body = self.body.as_ref()?;
        ["/detail", "/message", "/detail/message", "/error", "/error/message"]
            .iter()
            .find_map(|path| text(body.pointer(path)?))
    }

    fn is_complete(&self) -> bool {
        self.reply.body_state == BodyState::Complete
    }

    /// Whether the body is a complete JSON object.
    fn is_understood(&self) -> bool {
        self.is_complete() && self.body.as_ref().is_some_and(Value::is_object)
    }

    /// Whether the body has the syntax of JSON, even if its values cannot be read: it may be nested too deeply, or contain
    /// invalid Unicode.
    fn is_json(&self) -> bool {
        self.body.is_some() || serde_json::from_slice::<IgnoredAny>(&self.reply.body).is_ok()
    }

    /// What is wrong with a body that does not come from the API.
    fn body_problem(&self) -> BodyProblem {
        match self.reply.body_state {
            BodyState::Truncated => BodyProblem::Truncated,
            BodyState::TooLarge => BodyProblem::TooLarge,
            BodyState::Complete => BodyProblem::NotAnObject,
        }
    }
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

/// The target of a redirect, without the parts that may contain credentials: user, password, query and fragment.
fn redirect_target(location: &str) -> Foreign {
    let cleaned = clean_url(location);
    Foreign::new(cleaned.split(['?', '#']).next().unwrap_or_default())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::block::BlockKind;

    fn classification(status: u16, body: &str, proxied: bool) -> Classification {
        classify(&Reply::for_test(status, &[], body), proxied, false)
    }

    fn word(classification: &Classification) -> &'static str {
        match classification {
            Classification::Recorded(_) => "recorded",
            Classification::Blocked(_) => "blocked",
            Classification::Rejected(_) => "rejected",
            Classification::Unavailable(_) => "unavailable",
        }
    }

    #[test]
    fn every_status_has_one_meaning() {
        let mut meanings: Vec<(String, u16, u16)> = Vec::new();
        for status in 200..600 {
            let classification = word(&classification(status, "{}", false));
            match meanings.last_mut() {
                Some((known, _, last)) if known == classification => *last = status,
                _ => meanings.push((classification.to_owned(), status, status)),
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
            assert_eq!(word(&classification(200, body, false)), "unavailable", "{body}");
        }
        for body in ["", " \n", "{}"] {
            assert!(
                matches!(classification(204, body, false), Classification::Recorded(receipt) if *receipt == Receipt::default())
            );
        }
    }

    #[test]
    fn success_that_reports_a_block_is_a_block() {
        for body in [r#"{"error":"deployment_blocked"}"#, r#"{"detail":{"error":"deployment_blocked","code":"X"}}"#] {
            assert_eq!(word(&classification(200, body, false)), "blocked", "{body}");
        }
        assert_eq!(word(&classification(200, r#"{"error":"something else"}"#, false)), "recorded");
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
                assert!(matches!(&gate, Classification::Blocked(block) if !block.readable), "{body:?}: {gate:?}");
                assert_eq!(word(&classify(&reply, proxied, false)), "unavailable", "{body:?}");
            }
        }
        let plain = Reply::for_test(409, &[], r#"{"detail":"Version 1 already exists with different SHA"}"#);
        assert_eq!(word(&classify(&plain, false, true)), "rejected");
    }

    #[test]
    fn garbage_is_a_block_with_428_and_not_with_409() {
        for garbage in [&b""[..], b"<html>", b"\xff\xfe", b"{\"error\":"] {
            let classify = |status| classify(&Reply::for_test_bytes(status, garbage), false, false);
            assert!(
                matches!(classify(428), Classification::Blocked(block) if block.kind == BlockKind::Flow),
                "{garbage:?}"
            );
            assert_eq!(word(&classify(409)), "unavailable", "{garbage:?}");
        }
    }

    #[test]
    fn rejection_through_a_proxy_may_contain_json_that_cannot_be_read() {
        let deep = format!("{}{}", "[".repeat(200), "]".repeat(200));
        for body in [br#"{"detail":"\ud800"}"#.as_slice(), deep.as_bytes()] {
            assert_eq!(word(&classify(&Reply::for_test_bytes(403, body), true, false)), "rejected", "{body:?}");
        }
    }

    #[test]
    fn proxys_own_page_is_not_a_rejection() {
        for (body, proxied, direct) in
            [("<html>", "unavailable", "rejected"), ("{\"detail\":\"x\"}", "rejected", "rejected")]
        {
            assert_eq!(word(&classification(403, body, true)), proxied);
            assert_eq!(word(&classification(403, body, false)), direct);
        }
        assert!(matches!(classification(407, "", true), Classification::Unavailable(UnavailableCause::ProxyLogin)));
    }

    #[test]
    fn field_errors_and_redirects_are_parsed() {
        let body = r#"{"detail":[{"loc":["body","product_name"],"msg":"field required","type":"x"},{"loc":["body",0,"a"],"msg":"bad\n::error::"},{"nonsense":1},{"loc":["body"],"msg":"m"}]}"#;
        let Classification::Rejected(rejection) = classification(422, body, false) else { panic!("not rejected") };
        let fields: Vec<(&str, &str)> =
            rejection.fields.iter().map(|(field, message)| (field.clean(), message.clean())).collect();
        assert_eq!(fields, [("product_name", "field required"), ("0.a", "bad ::error::"), ("body", "m")]);
        let redirect = Reply::for_test(302, &[("location", "https://u:p@login.example/sso?token=T#x")], "");
        let Classification::Rejected(rejection) = classify(&redirect, false, false) else { panic!("not rejected") };
        assert_eq!(rejection.location.unwrap().raw(), "https://login.example/sso");
    }
}
