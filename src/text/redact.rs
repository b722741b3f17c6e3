//! Removing API keys from text, in every form in which a server or a proxy may return them.
//!
//! Owns: finding a key in text. Does not own: which texts are keys.

use super::is_invisible;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use std::fmt;

/// Shorter texts are not redacted: they would be found in ordinary words.
const SHORTEST: usize = 4;
const MASK: &str = "***";

/// Removes API keys from text.
#[derive(Clone, Default)]
pub struct Redactor {
    keys: Vec<String>,
    /// Their traces in base64.
    digits: Vec<String>,
}

impl Redactor {
    /// From now on redacts `text` as well: a key, or a value that was given as one and is invalid.
    pub fn add(&mut self, text: &str) {
        for key in [text.trim().to_owned(), super::sanitize(text)] {
            if key.chars().count() < SHORTEST || self.keys.contains(&key) {
                continue;
            }
            self.digits.extend((0..3).flat_map(|shift| base64_traces(key.as_bytes(), shift)));
            self.keys.push(key);
        }
        // Longest first: a shorter key inside a longer one would break it up.
        self.keys.sort_by_key(|key| std::cmp::Reverse(key.len()));
        self.digits.sort_by_key(|digits| std::cmp::Reverse(digits.len()));
    }

    /// `text` without the keys: raw, base64 (both alphabets, any alignment), hex, and each character raw, URL-encoded or
    /// escaped for JSON or HTML, in any mixture.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        // Most lines have no run of digits that is long enough to search.
        if self.digits.last().is_some_and(|shortest| longest_base64(&text) >= shortest.len()) {
            text = self.digits.iter().fold(text, |text, digits| text.replace(digits.as_str(), MASK));
        }
        for key in &self.keys {
            text = redact_key(&text, key);
        }
        text
    }
}

impl fmt::Debug for Redactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MASK)
    }
}

fn redact_key(text: &str, key: &str) -> String {
    let (Some(letter), Some(byte)) = (key.chars().next(), key.bytes().next()) else {
        return text.to_owned();
    };
    // Replies are large and keys are rare: most characters cannot begin any form of a key.
    let hex = char::from_digit(u32::from(byte >> 4), 16).unwrap_or_default();
    let begins = |c: char| c == letter || matches!(c, '%' | '\\' | '&' | '+') || c.to_ascii_lowercase() == hex;
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(begins) {
        let (before, candidate) = rest.split_at(at);
        out.push_str(before);
        match after_escaped(candidate, key).or_else(|| after_hex(candidate, key)) {
            Some(after) => {
                out.push_str(MASK);
                rest = after;
            }
            None => {
                let next = candidate.chars().next().map_or(0, char::len_utf8);
                out.push_str(&candidate[..next]);
                rest = &candidate[next..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The rest of `text` after `key`, each of whose characters may be escaped differently, with invisible characters between
/// them.
fn after_escaped<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut rest = text;
    for (index, c) in key.chars().enumerate() {
        if index > 0 {
            rest = rest.trim_start_matches(|next: char| next != c && (next.is_control() || is_invisible(next)));
        }
        rest = escapes(c, rest)?;
    }
    Some(rest)
}

/// The rest of `text` after `c`, in any of its forms; longer forms are tried first.
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

/// The rest of `text` after `key` in hex of any case, with or without a separator between bytes.
fn after_hex<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut rest = text;
    for (index, byte) in key.bytes().enumerate() {
        let next = if index == 0 { rest } else { rest.strip_prefix([':', '-', ' ']).unwrap_or(rest) };
        rest = after_digits(next, 2, u32::from(byte))?;
    }
    Some(rest)
}

/// The rest of `text` after `count` hex digits that give `value`.
fn after_digits(text: &str, count: usize, value: u32) -> Option<&str> {
    let digits = text.get(..count)?;
    (digits.bytes().all(|b| b.is_ascii_hexdigit()) && u32::from_str_radix(digits, 16) == Ok(value))
        .then(|| &text[count..])
}

/// The length of the longest run of base64 digits of either alphabet.
fn longest_base64(text: &str) -> usize {
    let is_digit = |b: &u8| b.is_ascii_alphanumeric() || b"+/-_".contains(b);
    text.as_bytes().split(|b| !is_digit(b)).map(<[u8]>::len).max().unwrap_or_default()
}

/// The base64 digits that depend on `raw` alone when `shift` bytes precede it in its group of three: they appear whatever
/// surrounds it.
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

    fn redactor(key: &str) -> Redactor {
        let mut redactor = Redactor::default();
        redactor.add(key);
        redactor
    }

    #[test]
    fn key_is_redacted_in_every_form() {
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
            KEY.chars().flat_map(|c| [c, '\u{200b}']).collect::<String>().trim_end_matches('\u{200b}').to_owned(),
            KEY.replace('_', "\u{0}_\u{2060}\u{1b}"),
            KEY.replace("acme", "ac\r\nme"),
        ];
        for form in forms {
            let redacted = redactor(KEY).redact(&format!("before {form} after"));
            assert_eq!(redacted.trim_matches('"').replace('"', ""), "before *** after", "{form}");
        }
        for before in ["", "x", "xy", "Bearer ", "user:"] {
            for after in ["", "z", "zz"] {
                let encoded = STANDARD_NO_PAD.encode(format!("{before}{KEY}{after}"));
                let redacted = redactor(KEY).redact(&encoded);
                assert!(redacted.contains(MASK) && redacted.len() < before.len() + after.len() + 14, "{redacted}");
            }
        }
    }

    #[test]
    fn other_text_is_unchanged() {
        for text in ["sk_acme_k1_… was refused", "%", "\\u", "ä%C3", "736b5f6163"] {
            assert_eq!(redactor(KEY).redact(text), text);
        }
    }
}
