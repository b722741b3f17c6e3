//! What a reply means: recorded, blocked, refused, or not the API's at all.
//!
//! Owns: the classification and what is read from bodies. Does not own: retries (`retry`), nor words for people (`report`).

use super::block::{Block, text};
use super::wire::{Ending, Reply};
use crate::ci::remote::clean_url;
use crate::text::shown;
use serde_json::Value;

/// What came of a request, or of its tries.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// The event is recorded.
    Recorded(Box<Receipt>),
    /// A rule forbids the deployment.
    Blocked(Box<Block>),
    /// The API will not take this, however often it is asked.
    Refused(Refusal),
    /// The API was not reached, or did not answer as itself.
    Unreachable(Unreached),
}

/// What a success reply tells. Anything may be missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are the API's own")]
pub struct Receipt {
    /// The deployment's or the build's id.
    pub id: Option<String>,
    pub event_id: Option<String>,
    pub version_id: Option<String>,
    pub product_id: Option<String>,
    pub environment_id: Option<String>,
    /// Violations of rules that only report.
    pub violations: Vec<Violation>,
}

/// A rule in report-only mode that would have blocked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule's name.
    pub rule: String,
    /// What it says.
    pub message: Option<String>,
    /// Whether the rule is said to only report; one that is enabled should have blocked.
    pub report_only: bool,
}

/// A refusal: 3xx, 4xx, and a 409 that is no block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status.
    pub status: u16,
    /// The server's words, if the reply was the API's.
    pub words: Option<String>,
    /// Fields that were not valid, with what is wrong: 422.
    pub fields: Vec<(String, String)>,
    /// Where a redirect pointed, without credentials.
    pub location: Option<String>,
}

impl Refusal {
    /// Whether somebody can mend what it complains of without changing the event: the key, its permissions, the address.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self.status, 300..=399 | 401 | 403 | 404)
    }
}

/// The API was not reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreached {
    /// What happened, as a whole sentence without its full stop.
    pub what: String,
    /// What to do about it, where that is known.
    pub advice: Option<String>,
    /// The HTTP status, if anything answered.
    pub status: Option<u16>,
    /// Whether the server may have recorded the event all the same.
    pub may_be_recorded: bool,
}

/// Decides what `reply` means. `proxy` is the one it came through, if any.
#[must_use]
pub fn classify(reply: &Reply, proxy: Option<&str>) -> Verdict {
    let status = reply.status;
    match status {
        200..=299 => success(reply),
        407 => Verdict::Unreachable(Unreached {
            what: match proxy {
                Some(proxy) => format!("the proxy {proxy} answered 407: it wants user and password"),
                None => "a proxy on the way answered 407: it wants user and password".to_owned(),
            },
            advice: Some("Put them into HTTPS_PROXY or HTTP_PROXY (http://user:password@proxy:port)".to_owned()),
            status: Some(status),
            may_be_recorded: false,
        }),
        409 | 423 | 428 => match Block::read(status, &reply.body) {
            Some(block) => Verdict::Blocked(Box::new(block)),
            None => refusal_or_proxy(reply, proxy),
        },
        408 | 429 | 500..=599 => failing_server(reply, proxy),
        300..=499 => refusal_or_proxy(reply, proxy),
        _ => Verdict::Unreachable(Unreached {
            what: format!("the reply has status {status}, which is no answer of the API"),
            advice: Some("Check api_url".to_owned()),
            status: Some(status),
            may_be_recorded: true,
        }),
    }
}

fn success(reply: &Reply) -> Verdict {
    let not_the_api = |what: &str| {
        Verdict::Unreachable(Unreached {
            what: format!("the reply has status {}, but {what}", reply.status),
            advice: Some(
                "Something on the way answered instead, such as a captive portal, a login page or a proxy: check api_url \
                 and the network"
                    .to_owned(),
            ),
            status: Some(reply.status),
            may_be_recorded: true,
        })
    };
    match reply.ending {
        Ending::Cut => return not_the_api("its body was cut short"),
        Ending::TooLong => return not_the_api("its body is larger than 1 MiB, which no answer of the API is"),
        Ending::Whole if reply.body.iter().all(u8::is_ascii_whitespace) => return Verdict::Recorded(Box::default()),
        Ending::Whole => {}
    }
    match serde_json::from_slice(&reply.body) {
        Ok(Value::Object(body)) => Verdict::Recorded(Box::new(receipt(&Value::Object(body)))),
        _ => not_the_api("its body is not the JSON object that the API sends"),
    }
}

fn receipt(body: &Value) -> Receipt {
    let id = |name: &str| text(body.get(name)?);
    let rules = body.pointer("/extra_metadata/preflight_status/rules_evaluated").and_then(Value::as_array);
    let violations = rules.into_iter().flatten().filter_map(|rule| {
        let failed = rule.get("evaluation_result")?.as_str()?.eq_ignore_ascii_case("failed");
        failed.then(|| Violation {
            rule: rule.get("rule_name").and_then(text).unwrap_or_else(|| "a rule without a name".to_owned()),
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

fn failing_server(reply: &Reply, proxy: Option<&str>) -> Verdict {
    let status = reply.status;
    let words = words(&reply.body).map_or_else(String::new, |words| format!(": {words}"));
    let through = match proxy {
        Some(proxy) if status >= 500 && !is_json(&reply.body) => {
            format!(" (through the proxy {proxy}, which may have answered itself)")
        }
        _ => String::new(),
    };
    let advice = match status {
        408 => "The server waited too long for the request: check the network, then try again",
        429 => "The rate limit is used up: report fewer events, or spread them",
        501..=504 | 520..=529 => {
            "The API, or the gateway before it, is down or overloaded: see its status page, then try again"
        }
        511 => "This network wants a login in a browser before it lets anything through",
        _ => "The API has a fault: see its status page, try again, and tell its support if it stays",
    };
    Verdict::Unreachable(Unreached {
        what: format!("the server answered {status} {}{words}{through}", reason(status)).trim_end().to_owned(),
        advice: Some(advice.to_owned()),
        status: Some(status),
        may_be_recorded: status >= 500,
    })
}

/// A refusal, unless it is a proxy's own: through a proxy, a page that is not JSON is the proxy's.
fn refusal_or_proxy(reply: &Reply, proxy: Option<&str>) -> Verdict {
    let status = reply.status;
    if let Some(proxy) = proxy.filter(|_| (400..500).contains(&status) && !is_json(&reply.body)) {
        return Verdict::Unreachable(Unreached {
            what: format!("the proxy {proxy} answered {status} {} instead of the API", reason(status)),
            advice: Some("Have the proxy let the API through, or put the API's host into NO_PROXY".to_owned()),
            status: Some(status),
            may_be_recorded: false,
        });
    }
    let body: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    Verdict::Refused(Refusal {
        status,
        words: words(&reply.body),
        fields: field_errors(&body),
        location: reply.header("location").map(redirect_target),
    })
}

/// Where a redirect points, without what might be a credential: no user, no query.
fn redirect_target(location: &str) -> String {
    let cleaned = clean_url(location);
    shown(cleaned.split(['?', '#']).next().unwrap_or_default())
}

/// The server's words: `detail`, else `message` or `error`, at the top or under `detail`.
fn words(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    ["/detail", "/message", "/detail/message", "/error", "/error/message"]
        .iter()
        .find_map(|path| text(body.pointer(path)?))
}

/// The fields of a 422, each with its message: the last parts of `loc`, without `body`.
fn field_errors(body: &Value) -> Vec<(String, String)> {
    let list = body.get("detail").and_then(Value::as_array);
    list.into_iter()
        .flatten()
        .filter_map(|entry| {
            let parts: Vec<String> = entry.get("loc")?.as_array()?.iter().filter_map(text).collect();
            let field = parts.iter().skip_while(|part| *part == "body").cloned().collect::<Vec<_>>().join(".");
            let message = text(entry.get("msg")?)?;
            Some((if field.is_empty() { "body".to_owned() } else { field }, message))
        })
        .collect()
}

fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(body).is_ok()
}

/// What a status is called.
#[must_use]
pub fn reason(status: u16) -> &'static str {
    http::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(status: u16, body: &str, proxy: Option<&str>) -> Verdict {
        classify(&Reply::for_test(status, &[], body), proxy)
    }

    fn word(verdict: &Verdict) -> &'static str {
        match verdict {
            Verdict::Recorded(_) => "recorded",
            Verdict::Blocked(_) => "blocked",
            Verdict::Refused(_) => "refused",
            Verdict::Unreachable(_) => "unreachable",
        }
    }

    #[test]
    fn every_status_means_one_thing() {
        let mut meanings: Vec<(String, u16, u16)> = Vec::new();
        for status in 200..600 {
            let meaning = word(&verdict(status, "{}", None));
            match meanings.last_mut() {
                Some((known, _, last)) if known == meaning => *last = status,
                _ => meanings.push((meaning.to_owned(), status, status)),
            }
        }
        let expected = [
            ("recorded", 200, 299),
            ("refused", 300, 406),
            ("unreachable", 407, 408),
            ("refused", 409, 422),
            ("blocked", 423, 423),
            ("refused", 424, 427),
            ("blocked", 428, 428),
            ("unreachable", 429, 429),
            ("refused", 430, 499),
            ("unreachable", 500, 599),
        ];
        assert_eq!(meanings, expected.map(|(word, first, last)| (word.to_owned(), first, last)));
    }

    #[test]
    fn a_success_without_a_json_object_is_none() {
        for body in ["<html>login</html>", "[]", "\"ok\"", "null", "{\"id\":"] {
            assert_eq!(word(&verdict(200, body, None)), "unreachable", "{body}");
        }
        for body in ["", " \n", "{}"] {
            assert_eq!(verdict(204, body, None), Verdict::Recorded(Box::default()), "{body}");
        }
    }

    #[test]
    fn a_proxys_own_page_is_not_the_apis_refusal() {
        let proxy = Some("http://proxy.example:3128");
        for (body, with, without) in
            [("<html>", "unreachable", "refused"), ("{\"detail\":\"x\"}", "refused", "refused")]
        {
            assert_eq!(word(&verdict(403, body, proxy)), with);
            assert_eq!(word(&verdict(403, body, None)), without);
        }
        assert!(
            matches!(verdict(407, "", proxy), Verdict::Unreachable(unreached) if unreached.what.contains("proxy.example"))
        );
    }

    #[test]
    fn field_errors_and_redirects_are_read() {
        let body = r#"{"detail":[{"loc":["body","product_name"],"msg":"field required","type":"x"},{"loc":["body",0,"a"],"msg":"bad\n::error::"},{"nonsense":1},{"loc":["body"],"msg":"m"}]}"#;
        let Verdict::Refused(refusal) = verdict(422, body, None) else { panic!("not refused") };
        let expected = [("product_name", "field required"), ("0.a", "bad ::error::"), ("body", "m")];
        assert_eq!(refusal.fields, expected.map(|(field, message)| (field.to_owned(), message.to_owned())));
        let redirect = Reply::for_test(302, &[("location", "https://u:p@login.example/sso?token=T#x")], "");
        let Verdict::Refused(refusal) = classify(&redirect, None) else { panic!("not refused") };
        assert_eq!(refusal.location.as_deref(), Some("https://login.example/sso"));
    }
}
