//! The API key: read, described, sent, and kept out of everything that people or machines see.
//!
//! Owns: what a key may look like, and scrubbing its traces from text. Does not own: where it comes from.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::fmt;

const SHORTEST: usize = 8;
const MASK: &str = "***";

/// An API key of the form `sk_{account}_{id}_{random}`; other forms are taken as well, for the server decides.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// Takes `text` without the white space around it.
    ///
    /// # Errors
    /// Says what is wrong, without a character of the key: control characters in it, or fewer than eight characters.
    pub fn parse(text: &str) -> Result<Self, String> {
        let key = text.trim();
        if key.chars().any(char::is_control) {
            return Err("holds control characters, such as a line break in its middle".to_owned());
        }
        if key.chars().count() < SHORTEST {
            return Err(format!("has fewer than {SHORTEST} characters, so it cannot be a key"));
        }
        Ok(Self(key.to_owned()))
    }

    /// What may be shown of it: account and id, nothing of the rest.
    #[must_use]
    pub fn described(&self) -> String {
        let public =
            |part: &str| (1..=40).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let mut parts = self.0.splitn(4, '_');
        match (parts.next(), parts.next(), parts.next(), parts.next()) {
            (Some("sk"), Some(account), Some(id), Some(rest)) if public(account) && public(id) && !rest.is_empty() => {
                format!("sk_{account}_{id}_…")
            }
            _ => "a key of another form than sk_{account}_{id}_…".to_owned(),
        }
    }

    /// The value of the `Authorization` header.
    #[must_use]
    pub fn bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }
}

impl fmt::Debug for ApiKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// Removes the API key from text, in every form in which a server or a proxy might give it back.
#[derive(Clone, Default)]
pub struct Redactor(Vec<String>);

impl Redactor {
    /// Knows the traces of `key`: raw, base64 (both alphabets, any alignment), hex, URL-encoded, JSON-escaped.
    #[must_use]
    pub fn new(key: &ApiKey) -> Self {
        let raw = key.0.as_str();
        let hex: String = raw.bytes().map(|byte| format!("{byte:02x}")).collect();
        let all_encoded = utf8_percent_encode(raw, NON_ALPHANUMERIC).to_string();
        let escaped = serde_json::Value::from(raw).to_string();
        let escaped = escaped.trim_matches('"').to_owned();
        let ascii_escaped: String = escaped.chars().map(json_ascii).collect();
        let mut traces = vec![
            raw.to_owned(),
            crate::text::shown(raw),
            hex.to_uppercase(),
            hex,
            url_form(raw, str::to_owned),
            url_form(raw, |code| code.to_lowercase()),
            all_encoded.to_lowercase(),
            all_encoded,
            escaped.replace('/', r"\/"),
            escaped,
            ascii_escaped,
        ];
        traces.extend((0..3).flat_map(|shift| base64_traces(raw.as_bytes(), shift)));
        traces.retain(|trace| trace.len() >= SHORTEST / 2);
        // Longest first, so that no trace is broken up by a shorter one inside it.
        traces.sort_by_key(|trace| std::cmp::Reverse(trace.len()));
        traces.dedup();
        Self(traces)
    }

    /// `text` without the key.
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, trace| text.replace(trace.as_str(), MASK))
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

/// `raw` with only the characters encoded that a URL cannot hold as they are.
fn url_form(raw: &str, case: impl Fn(&str) -> String) -> String {
    raw.chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-._~".contains(c) {
                c.to_string()
            } else {
                case(&utf8_percent_encode(c.encode_utf8(&mut [0; 4]), NON_ALPHANUMERIC).to_string())
            }
        })
        .collect()
}

fn json_ascii(c: char) -> String {
    if c.is_ascii() {
        c.to_string()
    } else {
        c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}")).collect()
    }
}

/// What base64 shows of `raw` when `shift` bytes stand before it in a group of three: the digits that
/// depend on `raw` alone, so that they are found whatever surrounds it.
fn base64_traces(raw: &[u8], shift: usize) -> [String; 2] {
    let padded: Vec<u8> = std::iter::repeat_n(0, shift).chain(raw.iter().copied()).collect();
    let first = (shift * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    [STANDARD_NO_PAD.encode(&padded), URL_SAFE_NO_PAD.encode(&padded)].map(|digits| digits[first..last].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk_acme_k1_Zq9/+x\"y~Lö77";

    #[test]
    fn a_key_is_trimmed_and_checked_without_being_repeated() {
        assert_eq!(ApiKey::parse(" \tsk_a_b_cdef\r\n").unwrap().0, "sk_a_b_cdef");
        for bad in ["short", "", "sk_acme\n_k1_secret", "sk_acme_k1\u{7f}_secret"] {
            let error = ApiKey::parse(bad).unwrap_err();
            assert!(bad.is_empty() || !error.contains(bad), "{error}");
        }
    }

    #[test]
    fn only_account_and_id_are_described() {
        assert_eq!(ApiKey::parse("sk_acme_k1_verysecret_too").unwrap().described(), "sk_acme_k1_…");
        for other in ["sk_live_verysecret", "plainsecretkey", "sk_a:b_c_verysecret", "sk__x_verysecret"] {
            let described = ApiKey::parse(other).unwrap().described();
            assert!(!described.contains("secret") && !described.contains("live"), "{described}");
        }
        assert_eq!(format!("{:?}", ApiKey::parse("sk_acme_k1_verysecret").unwrap()), "***");
    }

    #[test]
    fn the_key_is_found_in_every_form() {
        let redactor = Redactor::new(&ApiKey::parse(KEY).unwrap());
        let hex: String = KEY.bytes().map(|b| format!("{b:02X}")).collect();
        let forms = [
            KEY.to_owned(),
            hex.to_lowercase(),
            hex,
            url_form(KEY, str::to_owned),
            url_form(KEY, str::to_lowercase),
            serde_json::to_string(KEY).unwrap(),
            KEY.replace('"', "\\\"").replace('ö', "\\u00f6"),
        ];
        for form in forms {
            let scrubbed = redactor.scrub(&format!("before {form} after"));
            assert!(!scrubbed.contains("Zq9") && scrubbed.contains(MASK), "{form}: {scrubbed}");
        }
        for before in ["", "x", "xy", "Bearer ", "user:"] {
            for after in ["", "z", "zz"] {
                let encoded = STANDARD_NO_PAD.encode(format!("{before}{KEY}{after}"));
                let scrubbed = redactor.scrub(&encoded);
                assert!(scrubbed.contains(MASK) && scrubbed.len() < before.len() + after.len() + 14, "{scrubbed}");
            }
        }
    }

    #[test]
    fn other_text_is_left_alone() {
        let redactor = Redactor::new(&ApiKey::parse(KEY).unwrap());
        assert_eq!(redactor.scrub("sk_acme_k1_… was refused"), "sk_acme_k1_… was refused");
    }
}
