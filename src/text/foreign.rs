//! Text from outside: a reply, the environment, git, an event file.
//!
//! Owns: the distinction between the value as it was received and the value that people may see.

use super::sanitize;
use std::fmt;

/// Foreign text with both of its sides.
///
/// Formatting it (`{}`, `{:?}`) gives the clean side, so a message cannot print the raw one by accident. Only what is sent to
/// the API or written to the journal reads [`Foreign::raw`].
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Foreign {
    raw: String,
    /// `None`: the raw side is clean.
    clean: Option<Box<str>>,
}

impl Foreign {
    /// Takes `raw` as it was received.
    #[must_use]
    pub fn new(raw: impl Into<String>) -> Self {
        let raw = raw.into();
        // Most values are plain words, and stay as they are.
        if raw.bytes().all(|b| b.is_ascii_graphic() && b != b'#') {
            return Self { raw, clean: None };
        }
        let clean = Some(sanitize(&raw)).filter(|clean| *clean != raw).map(String::into_boxed_str);
        Self { raw, clean }
    }

    /// The value as it was received.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The value as one line of plain text, safe for a terminal and for any CI system's log.
    #[must_use]
    pub fn clean(&self) -> &str {
        self.clean.as_deref().unwrap_or(&self.raw)
    }

    /// Whether nothing is left to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.clean().is_empty()
    }
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.clean())
    }
}

impl fmt::Debug for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.clean(), f)
    }
}

impl<T: Into<String>> From<T> for Foreign {
    fn from(raw: T) -> Self {
        Self::new(raw)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_clean_side_is_printed() {
        let hostile = Foreign::new("shop\n::error::x");
        assert_eq!(format!("{hostile} {hostile:?}"), "shop ::error::x \"shop ::error::x\"");
        assert_eq!(hostile.raw(), "shop\n::error::x");
        assert_eq!(Foreign::new("shop").clean(), "shop");
        assert!(Foreign::new("\u{200b}\n").is_empty());
    }
}
