//! From what was said to one value a setting, with its source, and the errors on the way.
//!
//! Owns: precedence, `none`, and how a wrong value is told. Does not own: the list of settings, nor their types.

use super::said::{Given, Said, Source};
use crate::ci::Found;
use crate::ci::remote::clean_url;
use crate::secret::Redactor;
use crate::text;

/// A value and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sourced<T> {
    /// The value.
    pub value: T,
    /// Where it came from.
    pub source: Source,
}

impl<T> Sourced<T> {
    /// The same source with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Sourced<U> {
        Sourced { value: change(self.value), source: self.source }
    }
}

/// A setting as it turned out, for `check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The setting's name.
    pub name: &'static str,
    /// Its value, for people; none where there is none.
    pub value: Option<String>,
    /// Where it came from.
    pub source: Source,
}

/// Turns what was said into values, and collects what is wrong.
pub(super) struct Resolver<'a> {
    pub(super) said: &'a Said,
    /// Hides keys in what is quoted: before it is cut, since half a key is no less secret.
    pub(super) redactor: Redactor,
    pub(super) rows: Vec<Row>,
    pub(super) problems: Vec<String>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(said: &'a Said, redactor: Redactor) -> Self {
        Self { said, redactor, rows: Vec::new(), problems: Vec::new() }
    }

    /// A text that may be missing. `names` are the setting's name and what else means the same here; `none` in any
    /// source means that nothing is sent and nothing detected.
    pub(super) fn text(
        &mut self,
        name: &'static str,
        names: &[&str],
        detected: Option<&Found>,
    ) -> Option<Sourced<String>> {
        self.optional(name, names, detected, "", |value| Some(value.to_owned()))
    }

    /// A text for which `none` has no special meaning.
    pub(super) fn name(
        &mut self,
        name: &'static str,
        names: &[&str],
        detected: Option<&Found>,
    ) -> Option<Sourced<String>> {
        let said = self.said.pick(names).cloned();
        let found = said.map(|given| Sourced { value: given.value, source: given.source }).or_else(|| from(detected));
        self.row(name, found.as_ref().map(|found| (found.value.clone(), found.source.clone())));
        found
    }

    /// A value that may be missing, read by `read`; `allowed` says what `read` takes.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        names: &[&str],
        detected: Option<&Found>,
        allowed: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<Sourced<T>> {
        match self.said.pick(names).cloned() {
            Some(given) if given.value == "none" => {
                self.row(name, Some(("none".to_owned(), given.source)));
                None
            }
            Some(given) => {
                self.row(name, Some((given.value.clone(), given.source.clone())));
                match read(&given.value) {
                    Some(value) => Some(Sourced { value, source: given.source }),
                    None => {
                        self.misunderstood(name, &given, allowed);
                        None
                    }
                }
            }
            None => {
                let found = from(detected);
                self.row(name, found.clone().map(|found| (found.value, found.source)));
                found.and_then(|found| Some(Sourced { value: read(&found.value)?, source: found.source }))
            }
        }
    }

    /// A value with a default, read by `read`; `allowed` says what `read` takes.
    pub(super) fn or_default<T>(
        &mut self,
        name: &'static str,
        default: &str,
        allowed: &str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<Sourced<T>> {
        let given = self
            .said
            .pick(&[name])
            .cloned()
            .unwrap_or_else(|| Given { value: default.to_owned(), source: Source::Default });
        self.row(name, Some((given.value.clone(), given.source.clone())));
        let value = read(&given.value);
        if value.is_none() {
            self.misunderstood(name, &given, allowed);
        }
        value.map(|value| Sourced { value, source: given.source })
    }

    /// A yes or no.
    pub(super) fn switch(&mut self, name: &'static str, default: bool) -> bool {
        self.or_default(name, if default { "true" } else { "false" }, BOOLEANS, read_bool)
            .map_or(default, |switch| switch.value)
    }

    /// Notes that `given` is not what `name` allows.
    pub(super) fn misunderstood(&mut self, name: &str, given: &Given, allowed: &str) {
        self.problems.push(format!(
            "{name} (from {}) is {:?}, which cannot be understood. Allowed: {allowed}.",
            given.source,
            text::cut(&self.redactor.scrub(&text::shown(&clean_url(&given.value))), 200, "…", char::len_utf8),
        ));
    }

    /// Notes how a setting turned out.
    pub(super) fn row(&mut self, name: &'static str, value: Option<(String, Source)>) {
        let row = match value {
            Some((value, source)) => Row { name, value: Some(clean_url(&value)), source },
            None => Row { name, value: None, source: Source::Default },
        };
        self.rows.push(row);
    }
}

fn from(detected: Option<&Found>) -> Option<Sourced<String>> {
    let found = detected.filter(|found| !found.value.is_empty())?;
    Some(Sourced { value: found.value.clone(), source: Source::Detected(found.from.clone()) })
}

/// What a boolean may be, for error messages.
pub(super) const BOOLEANS: &str = "true, false, yes, no, on, off, 1 or 0";

/// Reads a boolean in any case.
pub(super) fn read_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}
