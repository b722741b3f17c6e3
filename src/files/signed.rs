//! The seal of what is kept: bound to the API's address and key, so that nothing goes out under another, and nothing that
//! somebody else wrote goes out under ours.
//!
//! Owns: the format of a record's file, and its HMAC. Does not own: what it holds.

use crate::model::api_key::ApiKey;
use crate::text::sanitize;
use ring::hmac;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The format that is written, and the newest that is read.
const FORMAT: u32 = 1;

/// Seals records for one API address and one key.
#[derive(Clone)]
pub struct Signer {
    key: hmac::Key,
    api_url: String,
    named: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({}, {})", self.api_url, self.named)
    }
}

/// A record's file.
#[derive(Serialize, Deserialize)]
struct SignedRecord {
    format: u32,
    /// Where it goes.
    api_url: String,
    /// Account and id of the key under which it goes.
    key: String,
    /// Tells keys apart, without being one.
    bound_to: String,
    record: Value,
    hmac_sha256: String,
}

/// What a file turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub enum Opened<T> {
    /// A record that was sealed for this address and key.
    Ours(T),
    /// One for another address or key: these.
    Another(String),
    /// A format that this version does not know yet.
    Newer,
    /// None of these, because of this.
    Broken(&'static str),
}

impl Signer {
    /// Seals for `key` at `api_url`.
    #[must_use]
    pub fn new(key: &ApiKey, api_url: &str) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes()),
            api_url: api_url.trim_end_matches('/').to_owned(),
            named: key.redacted(),
        }
    }

    /// The content of a file that holds `record`, one of `kind`.
    pub fn sign<T: Serialize>(&self, kind: &str, record: &T) -> Vec<u8> {
        let mut file = SignedRecord {
            format: FORMAT,
            api_url: self.api_url.clone(),
            key: self.named.clone(),
            bound_to: self.bound_to(),
            record: serde_json::to_value(record).unwrap_or_default(),
            hmac_sha256: String::new(),
        };
        file.hmac_sha256 = hex(hmac::sign(&self.key, &signed(kind, &file)).as_ref());
        let mut content = serde_json::to_vec_pretty(&file).unwrap_or_default();
        content.push(b'\n');
        content
    }

    /// Reads `content`, which should hold a record of `kind`.
    #[must_use]
    pub fn open<T: DeserializeOwned>(&self, kind: &str, content: &[u8]) -> Opened<T> {
        let Ok(value) = serde_json::from_slice::<Value>(content) else {
            return Opened::Broken("it is not JSON: torn, or not ours");
        };
        match value.get("format").and_then(Value::as_u64) {
            Some(format) if format > u64::from(FORMAT) => return Opened::Newer,
            _ => {}
        }
        let Ok(file) = serde_json::from_value::<SignedRecord>(value) else {
            return Opened::Broken("it is not in the format that this program writes");
        };
        if file.bound_to != self.bound_to() {
            return Opened::Another(sanitize(&format!("{} at {}", file.key, file.api_url)));
        }
        let genuine =
            bytes(&file.hmac_sha256).is_some_and(|tag| hmac::verify(&self.key, &signed(kind, &file), &tag).is_ok());
        if !genuine {
            return Opened::Broken("it was not written with this API key, or was changed since");
        }
        serde_json::from_value(file.record).map_or(Opened::Broken("what it holds cannot be understood"), Opened::Ours)
    }

    /// A word that tells this address and key from others, and nothing of the key.
    fn bound_to(&self) -> String {
        self.tag(&format!("bound to\n{}", self.api_url), 16)
    }

    /// A short word that stands for `text`, the same for this address and key alone.
    #[must_use]
    pub fn tag_for(&self, text: &str) -> String {
        self.tag(&format!("word for\n{}\n{text}", self.api_url), 8)
    }

    fn tag(&self, text: &str, bytes: usize) -> String {
        hex(&hmac::sign(&self.key, text.as_bytes()).as_ref()[..bytes])
    }
}

/// What the HMAC is about: everything in `file` but itself, and which kind of record it is.
fn signed(kind: &str, file: &SignedRecord) -> Vec<u8> {
    let parts = (kind, file.format, &file.api_url, &file.key, &file.bound_to, &file.record);
    serde_json::to_vec(&parts).unwrap_or_default()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pair = |at: usize| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok();
    (hex.is_ascii() && hex.len().is_multiple_of(2)).then(|| (0..hex.len()).step_by(2).map(pair).collect())?
}
