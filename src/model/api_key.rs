//! The API key: its form, and what may be shown of it.
//!
//! Owns: validation. Does not own: where it comes from (`settings`), nor redacting it from text (`text`).

use std::fmt;
use thiserror::Error;

const SHORTEST: usize = 8;

/// Why a text is not an API key. The messages contain no part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ApiKeyError {
    /// It has control characters.
    #[error("holds control characters, such as a line break in its middle")]
    ControlCharacters,
    /// It is a person's token, which cannot report events.
    #[error("is a personal access token (pat_…), which cannot report events")]
    PersonalToken,
    /// It is too short.
    #[error("has fewer than {SHORTEST} characters, so it cannot be a key")]
    TooShort,
}

/// An API key of the form `sk_{account}_{id}_{random}`. Other forms are accepted as well: the API decides.
#[derive(Clone, PartialEq, Eq)]
pub struct ApiKey(String);

impl ApiKey {
    /// Takes `text` without the white space around it.
    ///
    /// # Errors
    /// [`ApiKeyError`] if it cannot be a key.
    pub fn parse(text: &str) -> Result<Self, ApiKeyError> {
        // Editors and shells on Windows begin files with a byte order mark.
        let key = text.trim_start_matches('\u{feff}').trim();
        if key.chars().any(char::is_control) {
            return Err(ApiKeyError::ControlCharacters);
        }
        if key.starts_with("pat_") {
            return Err(ApiKeyError::PersonalToken);
        }
        if key.chars().count() < SHORTEST {
            return Err(ApiKeyError::TooShort);
        }
        Ok(Self(key.to_owned()))
    }

    /// What may be shown of it: account and id.
    #[must_use]
    pub fn redacted(&self) -> String {
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

    /// The key itself.
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
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_contain_no_part_of_the_key() {
        assert_eq!(ApiKey::parse(" \tsk_a_b_cdef\r\n").unwrap().0, "sk_a_b_cdef");
        for bad in ["short", "", "sk_acme\n_k1_secret", "sk_acme_k1\u{7f}_secret", "pat_mona_secret"] {
            let error = ApiKey::parse(bad).unwrap_err().to_string();
            assert!(bad.is_empty() || !error.contains(bad), "{error}");
        }
    }

    #[test]
    fn only_account_and_id_are_shown() {
        assert_eq!(ApiKey::parse("sk_acme_k1_verysecret_too").unwrap().redacted(), "sk_acme_k1_…");
        for other in ["sk_live_verysecret", "plainsecretkey", "sk_a:b_c_verysecret", "sk__x_verysecret"] {
            let shown = ApiKey::parse(other).unwrap().redacted();
            assert!(!shown.contains("secret") && !shown.contains("live"), "{shown}");
        }
        assert_eq!(format!("{:?}", ApiKey::parse("sk_acme_k1_verysecret").unwrap()), "***");
    }
}
