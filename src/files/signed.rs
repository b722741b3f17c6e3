//! Signed records. The signature binds a record to the API address and key: it is not sent to another address or under
//! another key, and a record that another program wrote or changed is not sent at all.
//!
//! Owns: the format of a record's file, and its HMAC. Does not own: what a record holds.

use super::{RecordState, UnusableRecord};
use crate::model::api_key::ApiKey;
use ring::hmac;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The format that is written, and the newest that can be read.
const FORMAT: u32 = 1;

/// Signs and checks records for one API address and one key.
#[derive(Clone)]
pub struct Signer {
    key: hmac::Key,
    api_url: String,
    redacted_key: String,
}

impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({}, {})", self.api_url, self.redacted_key)
    }
}

/// The content of a record's file.
#[derive(Serialize, Deserialize)]
struct SignedRecord {
    format: u32,
    api_url: String,
    /// The redacted key, for people.
    key: String,
    /// A tag of address and key, to tell keys with the same account and id apart. It reveals nothing of the key.
    bound_to: String,
    record: Value,
    hmac_sha256: String,
}

impl Signer {
    /// A signer for `key` at `api_url`.
    #[must_use]
    pub fn new(key: &ApiKey, api_url: &str) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.expose().as_bytes()),
            api_url: api_url.trim_end_matches('/').to_owned(),
            redacted_key: key.redacted(),
        }
    }

    /// The content of a file with `record`, which is of the given `kind`.
    pub fn sign<T: Serialize>(&self, kind: &str, record: &T) -> Vec<u8> {
        let mut file = SignedRecord {
            format: FORMAT,
            api_url: self.api_url.clone(),
            key: self.redacted_key.clone(),
            bound_to: self.bound_to(),
            record: serde_json::to_value(record).unwrap_or_default(),
            hmac_sha256: String::new(),
        };
        file.hmac_sha256 = hex(hmac::sign(&self.key, &signed(kind, &file)).as_ref());
        let mut content = serde_json::to_vec_pretty(&file).unwrap_or_default();
        content.push(b'\n');
        content
    }

    /// Reads the `content` of a file that should hold a record of the given `kind`.
    #[must_use]
    pub fn open<T: DeserializeOwned>(&self, kind: &str, content: &[u8]) -> RecordState<T> {
        let Ok(value) = serde_json::from_slice::<Value>(content) else {
            return RecordState::Unusable(UnusableRecord::NotJson);
        };
        match value.get("format").and_then(Value::as_u64) {
            Some(format) if format > u64::from(FORMAT) => return RecordState::Newer,
            _ => {}
        }
        let Ok(file) = serde_json::from_value::<SignedRecord>(value) else {
            return RecordState::Unusable(UnusableRecord::UnknownFormat);
        };
        if file.bound_to != self.bound_to() {
            return RecordState::OfAnotherKey(format!("{} at {}", file.key, file.api_url).into());
        }
        let genuine =
            bytes(&file.hmac_sha256).is_some_and(|tag| hmac::verify(&self.key, &signed(kind, &file), &tag).is_ok());
        if !genuine {
            return RecordState::Unusable(UnusableRecord::BadSignature);
        }
        serde_json::from_value(file.record)
            .map_or(RecordState::Unusable(UnusableRecord::UnexpectedContent), RecordState::Ours)
    }

    fn bound_to(&self) -> String {
        self.tag(&format!("bound to\n{}", self.api_url), 16)
    }

    /// A short tag for `text`: the same only for the same API address and key.
    #[must_use]
    pub fn tag_for(&self, text: &str) -> String {
        self.tag(&format!("word for\n{}\n{text}", self.api_url), 8)
    }

    fn tag(&self, text: &str, bytes: usize) -> String {
        hex(&hmac::sign(&self.key, text.as_bytes()).as_ref()[..bytes])
    }
}

/// What the HMAC covers: everything in `file` but the HMAC itself, and the kind of record.
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
