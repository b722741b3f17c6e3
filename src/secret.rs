//! The API key: read, described, sent, and kept out of everything that people or machines see.
//!
//! Owns: what a key may look like, and scrubbing its traces from text. Does not own: where it comes from.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
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
        // Windows' editors and shells begin files with a byte order mark.
        let key = text.trim_start_matches('\u{feff}').trim();
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

    /// The key itself, for hiding it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
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

/// Removes API keys from text, in every form in which a server or a proxy might give them back.
#[derive(Clone, Default)]
pub struct Redactor {
    keys: Vec<String>,
    /// What base64 shows of them.
    digits: Vec<String>,
}

impl Redactor {
    /// Hides also what may be a key: `text` may be wrong in other ways, and is no less secret for that.
    pub fn hide(&mut self, text: &str) {
        for key in [text.trim().to_owned(), crate::text::shown(text)] {
            if key.chars().count() < SHORTEST / 2 || self.keys.contains(&key) {
                continue;
            }
            self.digits.extend((0..3).flat_map(|shift| base64_traces(key.as_bytes(), shift)));
            self.keys.push(key);
        }
        // Longest first, so that none is broken up by a shorter one inside it.
        self.keys.sort_by_key(|key| std::cmp::Reverse(key.len()));
        self.digits.sort_by_key(|digits| std::cmp::Reverse(digits.len()));
    }

    /// `text` without the keys: raw, base64 (both alphabets, any alignment), hex, and each character as it is, as URLs
    /// encode it, or as JSON and HTML escape it, in any mixture.
    #[must_use]
    pub fn scrub(&self, text: &str) -> String {
        let mut text = self.digits.iter().fold(text.to_owned(), |text, digits| text.replace(digits.as_str(), MASK));
        for key in &self.keys {
            text = scrub_key(&text, key);
        }
        text
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

fn scrub_key(text: &str, key: &str) -> String {
    let (Some(letter), Some(byte)) = (key.chars().next(), key.bytes().next()) else {
        return text.to_owned();
    };
    // Replies are large and keys are rare: most characters can begin no form of it.
    let hex = char::from_digit(u32::from(byte >> 4), 16).unwrap_or_default();
    let begins = |c: char| c == letter || matches!(c, '%' | '\\' | '&' | '+') || c.to_ascii_lowercase() == hex;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let found = begins(first).then(|| after_escaped(rest, key).or_else(|| after_hex(rest, key)));
        match found.flatten() {
            Some(after) => {
                out.push_str(MASK);
                rest = after;
            }
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}

/// What follows `key` at the start of `text`, where each of its characters may be escaped in its own way.
fn after_escaped<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut rest = text;
    for c in key.chars() {
        rest = escapes(c, rest)?;
    }
    Some(rest)
}

/// What follows `c` at the start of `text`, in any of its forms; the longer form first.
fn escapes(c: char, text: &str) -> Option<&str> {
    let code = u32::from(c);
    let in_bytes = |introducer: &str| {
        let mut rest = text;
        for byte in c.encode_utf8(&mut [0; 4]).bytes() {
            rest = after_digits(rest.strip_prefix(introducer)?, 2, u32::from(byte))?;
        }
        Some(rest)
    };
    let in_units = |introducer: &str| {
        let mut rest = text;
        for unit in c.encode_utf16(&mut [0; 2]) {
            rest = after_digits(rest.strip_prefix(introducer)?, 4, u32::from(*unit))?;
        }
        Some(rest)
    };
    let as_entity = || {
        let rest = text.strip_prefix("&#")?;
        let end = rest.bytes().take(10).position(|b| b == b';')?;
        let (number, rest) = (&rest[..end], &rest[end + 1..]);
        let hex = number.strip_prefix(['x', 'X']).map(|hex| u32::from_str_radix(hex, 16));
        (hex.unwrap_or_else(|| number.parse()).ok()? == code).then_some(rest)
    };
    in_bytes("%")
        .or_else(|| in_bytes("%25"))
        .or_else(|| in_units("\\u"))
        .or_else(|| in_units("\\\\u"))
        .or_else(|| in_bytes("\\x"))
        .or_else(as_entity)
        .or_else(|| text.strip_prefix('\\')?.strip_prefix(c))
        .or_else(|| text.strip_prefix(c))
        .or_else(|| text.strip_prefix('+').filter(|_| c == ' '))
}

/// What follows `key` at the start of `text`, in hex of any case, with or without a separator between bytes.
fn after_hex<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut rest = text;
    for (index, byte) in key.bytes().enumerate() {
        let next = if index == 0 { rest } else { rest.strip_prefix([':', '-', ' ']).unwrap_or(rest) };
        rest = after_digits(next, 2, u32::from(byte))?;
    }
    Some(rest)
}

/// What follows `count` hex digits of `value` at the start of `text`.
fn after_digits(text: &str, count: usize, value: u32) -> Option<&str> {
    let digits = text.get(..count)?;
    (digits.bytes().all(|b| b.is_ascii_hexdigit()) && u32::from_str_radix(digits, 16) == Ok(value))
        .then(|| &text[count..])
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

    fn redactor(key: &str) -> Redactor {
        let mut redactor = Redactor::default();
        redactor.hide(key);
        redactor
    }

    #[test]
    fn the_key_is_found_in_every_form() {
        let hex = |separator: &str| KEY.bytes().map(|b| format!("{b:02X}")).collect::<Vec<_>>().join(separator);
        let every = |form: fn(u8) -> String| KEY.bytes().map(form).collect::<String>();
        let forms = [
            KEY.to_owned(),
            hex("").to_lowercase(),
            hex(""),
            hex(":"),
            every(|b| format!("%{b:02X}")),
            every(|b| format!("%{b:02x}")),
            every(|b| format!("\\x{b:02x}")),
            every(|b| if b.is_ascii_alphanumeric() { char::from(b).to_string() } else { format!("%{b:02X}") }),
            serde_json::to_string(KEY).unwrap(),
            KEY.chars().map(|c| format!("\\u{:04x}", u32::from(c))).collect(),
            KEY.chars().map(|c| format!("&#{};", u32::from(c))).collect(),
            KEY.replace('"', "\\\"").replace('/', "\\/").replace('ö', "\\u00F6"),
            KEY.replace('_', "%5F"),
        ];
        for form in forms {
            let scrubbed = redactor(KEY).scrub(&format!("before {form} after"));
            assert_eq!(scrubbed.trim_matches('"').replace('"', ""), "before *** after", "{form}");
        }
        for before in ["", "x", "xy", "Bearer ", "user:"] {
            for after in ["", "z", "zz"] {
                let encoded = STANDARD_NO_PAD.encode(format!("{before}{KEY}{after}"));
                let scrubbed = redactor(KEY).scrub(&encoded);
                assert!(scrubbed.contains(MASK) && scrubbed.len() < before.len() + after.len() + 14, "{scrubbed}");
            }
        }
    }

    #[test]
    fn other_text_is_left_alone() {
        for text in ["sk_acme_k1_… was refused", "%", "\\u", "ä%C3", "736b5f6163"] {
            assert_eq!(redactor(KEY).scrub(text), text);
        }
    }
}
