//! Resolution: one value per setting, with its source, and the errors of invalid values.
//!
//! Owns: precedence over detection and defaults, and `none`. Does not own: the table of settings, nor their types.

use super::error::SettingError;
use super::sources::{RawValue, Sources};
use crate::ci::Detected;
use crate::model::source::{Source, Sourced};
use crate::model::time::{DURATION_FORMS, parse_duration};
use crate::text::{Foreign, Redactor, clean_url, truncate};
use std::time::Duration;

/// A resolved setting, for `check`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedSetting {
    pub name: &'static str,
    /// For people, without credentials.
    pub value: Option<Foreign>,
    pub source: Source,
}

/// Resolves settings, and collects errors and warnings.
pub(super) struct Resolver<'a> {
    pub(super) sources: &'a Sources,
    /// Redacts keys in quoted values before they are truncated: half a key is a secret as well.
    pub(super) redactor: Redactor,
    pub(super) resolved: Vec<ResolvedSetting>,
    /// Whether to record resolved settings. Only `check` shows them, and cleaning all values is 15 % of a call.
    pub(super) records: bool,
    pub(super) errors: Vec<SettingError>,
    pub(super) warnings: Vec<String>,
}

impl<'a> Resolver<'a> {
    pub(super) fn new(sources: &'a Sources, redactor: Redactor) -> Self {
        Self { sources, redactor, resolved: Vec::new(), records: true, errors: Vec::new(), warnings: Vec::new() }
    }

    /// The value of the highest source that has any of `names`. One that cannot be used is an error and counts as missing.
    pub(super) fn pick(&mut self, names: &[&'static str]) -> Option<RawValue> {
        self.sources.pick(names).unwrap_or_else(|error| {
            self.error(error);
            None
        })
    }

    /// Adds an error, unless it is there already: several settings can use one value.
    fn error(&mut self, error: SettingError) {
        if self.errors.iter().all(|known| known.to_string() != error.to_string()) {
            self.errors.push(error);
        }
    }

    /// Whether the value of `names` is `none`.
    pub(super) fn is_none(&self, names: &[&'static str]) -> bool {
        matches!(self.sources.pick(names), Ok(Some(raw)) if raw.value.raw() == "none")
    }

    /// A text that may be missing. `names` are the setting's names; `none` means: send nothing, detect nothing.
    pub(super) fn text(
        &mut self,
        name: &'static str,
        names: &[&'static str],
        detected: Option<&Detected>,
    ) -> Option<Sourced<Foreign>> {
        self.optional(name, names, detected, "", |value| Some(value.into()))
    }

    /// A text for which `none` has no special meaning.
    pub(super) fn name(
        &mut self,
        name: &'static str,
        names: &[&'static str],
        detected: Option<&Detected>,
    ) -> Option<Sourced<Foreign>> {
        let raw = self.pick(names);
        let value = raw.map(|raw| Sourced { value: raw.value, source: raw.source }).or_else(|| from_detected(detected));
        self.note(name, value.as_ref().map(|value| (value.value.clone(), value.source.clone())));
        value
    }

    /// A value that may be missing, parsed by `parse`; `allowed` says what is valid.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        names: &[&'static str],
        detected: Option<&Detected>,
        allowed: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Sourced<T>> {
        match self.pick(names) {
            Some(raw) if raw.value.raw() == "none" => {
                self.note(name, Some((raw.value, raw.source)));
                None
            }
            Some(raw) => {
                self.note(name, Some((raw.value.clone(), raw.source.clone())));
                let value = parse(raw.value.raw());
                if value.is_none() {
                    self.invalid(name, &raw, allowed);
                }
                value.map(|value| Sourced { value, source: raw.source })
            }
            None => {
                let detected = from_detected(detected);
                self.note(name, detected.clone().map(|detected| (detected.value, detected.source)));
                detected.and_then(|it| Some(Sourced { value: parse(it.value.raw())?, source: it.source }))
            }
        }
    }

    /// A value with a default, parsed by `parse`; `allowed` says what is valid.
    pub(super) fn with_default<T>(
        &mut self,
        name: &'static str,
        default: &str,
        allowed: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Sourced<T>> {
        self.one_of(name, &[name], default, allowed, parse)
    }

    /// A value that other settings can give as well: `names` are all of them, more specific ones first.
    pub(super) fn one_of<T>(
        &mut self,
        name: &'static str,
        names: &[&'static str],
        default: &str,
        allowed: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Sourced<T>> {
        let raw = self.pick(names);
        let raw = raw.unwrap_or_else(|| RawValue { value: default.into(), source: Source::Default });
        self.note(name, Some((raw.value.clone(), raw.source.clone())));
        let value = parse(raw.value.raw());
        if value.is_none() {
            self.invalid(name, &raw, allowed);
        }
        value.map(|value| Sourced { value, source: raw.source })
    }

    /// A duration of more than zero.
    pub(super) fn positive_duration(&mut self, name: &'static str, default: &str) -> Option<Sourced<Duration>> {
        let allowed = format!("{DURATION_FORMS}, more than 0");
        let parse = |text: &str| parse_duration(text).filter(|duration| !duration.is_zero());
        self.with_default(name, default, &allowed, parse)
    }

    /// A boolean.
    pub(super) fn switch(&mut self, name: &'static str, default: bool) -> bool {
        self.sourced_switch(name, default).map_or(default, |switch| switch.value)
    }

    /// A boolean with its source.
    pub(super) fn sourced_switch(&mut self, name: &'static str, default: bool) -> Option<Sourced<bool>> {
        self.with_default(name, if default { "true" } else { "false" }, BOOLEANS, parse_bool)
    }

    /// Adds the error of an invalid value.
    pub(super) fn invalid(&mut self, name: &'static str, raw: &RawValue, allowed: &str) {
        let quoted = self.redactor.redact(Foreign::new(clean_url(raw.value.raw())).clean());
        let quoted = Foreign::new(truncate(&quoted, 200, "…", char::len_utf8));
        // `on_block` sets others, which it has named then.
        let is_known = self.errors.iter().any(|error| {
            matches!(error, SettingError::Invalid { set_by, value, .. } if (set_by, value) == (&raw.source, &quoted))
        });
        if !is_known {
            let (set_by, allowed) = (raw.source.clone(), allowed.to_owned());
            self.errors.push(SettingError::Invalid { name, set_by, value: quoted, allowed });
        }
    }

    /// Records a resolved setting, for `check`.
    pub(super) fn note(&mut self, name: &'static str, value: Option<(Foreign, Source)>) {
        if !self.records {
            return;
        }
        let setting = match value {
            Some((value, source)) => ResolvedSetting { name, value: Some(clean_url(value.raw()).into()), source },
            None => ResolvedSetting { name, value: None, source: Source::Default },
        };
        self.resolved.push(setting);
    }
}

fn from_detected(detected: Option<&Detected>) -> Option<Sourced<Foreign>> {
    let detected = detected.filter(|detected| !detected.value.is_empty())?;
    Some(Sourced { value: detected.value.clone(), source: Source::Detected(detected.source.clone()) })
}

/// The valid booleans, for error messages.
const BOOLEANS: &str = "true, false, yes, no, on, off, 1 or 0";

/// Parses a boolean in any case.
fn parse_bool(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}
