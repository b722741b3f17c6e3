//! The sources of settings: flags, `INPUT_…` / `PLUGIN_…` and `VERSIONER_…` variables, in this order of precedence.
//!
//! Owns: names, aliases, `auto`, and unknown variables. Does not own: parsing values (`resolver`).

use super::command_line::CommandLine;
use super::error::SettingError;
use super::table::{self, DEPRECATED, OTHER_VARIABLES, SETTINGS, Setting};
use crate::env::Env;
use crate::model::source::Source;
use crate::text::Foreign;
use std::collections::BTreeMap;

/// A value before it is parsed: trimmed, neither empty nor `auto`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RawValue {
    pub value: Foreign,
    pub source: Source,
}

/// What a source has for a setting.
#[derive(Clone, Debug)]
enum Entry {
    Value(RawValue),
    /// A variable that is not UTF-8.
    NotUtf8(Foreign),
    /// An empty input whose expression must give something.
    Empty(&'static str),
}

impl Entry {
    /// The value of the setting `name`.
    ///
    /// # Errors
    /// [`SettingError`] if there is none that can be used.
    fn value(&self, name: &'static str) -> Result<RawValue, SettingError> {
        match self {
            Self::Value(raw) => Ok(raw.clone()),
            Self::NotUtf8(variable) => Err(SettingError::NotUtf8 { name, variable: variable.clone() }),
            Self::Empty(variable) => Err(SettingError::EmptyInput { name, variable }),
        }
    }
}

/// The entries of one source, by the name that it used.
type Layer = BTreeMap<String, Entry>;

/// All sources, highest first. Only the entry that wins is looked at: an invalid one below it does no harm.
#[derive(Debug)]
pub struct Sources {
    layers: Vec<Layer>,
}

const INPUT: &str = "INPUT_";
const PLUGIN: &str = "PLUGIN_";
const OWN: &str = "VERSIONER_";

/// Which variables are read as inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inputs {
    /// `INPUT_…`. With most subcommands they belong to another action.
    pub input: bool,
    /// `PLUGIN_…`.
    pub plugin: bool,
}

impl Sources {
    /// Collects the entries of `line` and `env`.
    #[must_use]
    pub fn new(line: &CommandLine, env: &Env, inputs: Inputs) -> Self {
        let flags = line
            .flags
            .iter()
            .filter_map(|(name, value)| Some(((*name).to_owned(), entry(value, Source::Flag(Setting::flag(name)))?)))
            .collect();
        let mut input = if inputs.plugin { variables(env, PLUGIN) } else { Layer::new() };
        if inputs.input {
            input.extend(variables(env, INPUT));
            input.extend(empty_inputs(env));
        }
        Self { layers: vec![flags, input, variables(env, OWN)] }
    }

    /// The value of the highest source that has any of `names`. Within one source, earlier names beat later ones.
    ///
    /// # Errors
    /// [`SettingError`] if that source's value cannot be used.
    pub fn pick(&self, names: &[&'static str]) -> Result<Option<RawValue>, SettingError> {
        let found = self
            .layers
            .iter()
            .find_map(|layer| names.iter().find_map(|name| layer.get(*name).map(|entry| (*name, entry))));
        found.map(|(name, entry)| entry.value(name)).transpose()
    }

    /// The value of the highest source that has `one` or `other`, with its name, and whether that source has both.
    ///
    /// # Errors
    /// [`SettingError`] if that source's value cannot be used.
    pub fn pick_either(
        &self,
        one: &'static str,
        other: &'static str,
    ) -> Result<Option<(&'static str, RawValue, bool)>, SettingError> {
        let is_none = |entry: &&Entry| matches!(entry, Entry::Value(raw) if raw.value.raw() == "none");
        let get = |layer: &'_ Layer, name: &str| layer.get(name).filter(|entry| !is_none(entry)).cloned();
        let found = self.layers.iter().find_map(|layer| match (get(layer, one), get(layer, other)) {
            (Some(entry), both) => Some((one, entry, both.is_some())),
            (None, Some(entry)) => Some((other, entry, false)),
            (None, None) => None,
        });
        found.map(|(name, entry, both)| Ok((name, entry.value(name)?, both))).transpose()
    }
}

fn entry(value: &str, source: Source) -> Option<Entry> {
    let value = value.trim();
    (!value.is_empty() && value != "auto").then(|| Entry::Value(RawValue { value: value.into(), source }))
}

/// A variable's name with hyphens as underscores, to which they are equivalent.
fn normalize(name: &str) -> String {
    name.replace('-', "_")
}

/// The variables that begin with `prefix`.
fn variables(env: &Env, prefix: &str) -> Layer {
    let mut pairs: Vec<(&str, &str)> = env.iter().collect();
    // Of two spellings of one name, the last one counts: the one that is not empty.
    pairs.sort_by_key(|(_, value)| !value.trim().is_empty());
    let by_name: BTreeMap<String, String> = envy::prefixed(prefix)
        .from_iter(pairs.iter().map(|(name, value)| (normalize(name), (*value).to_owned())))
        .unwrap_or_default();
    let text = by_name.into_iter().filter_map(|(name, value)| {
        let exact = pairs.iter().rev().find(|(variable, other)| {
            *other == value
                && normalize(variable).strip_prefix(prefix).is_some_and(|rest| rest.eq_ignore_ascii_case(&name))
        })?;
        Some((name, entry(&value, Source::Variable(exact.0.to_owned()))?))
    });
    let mut layer: Layer = text.collect();
    layer.extend(env.unreadable().filter_map(|variable| {
        let name = normalize(variable.strip_prefix(prefix)?).to_lowercase();
        table::find(&name).map(|_| (name, Entry::NotUtf8(variable.into())))
    }));
    layer
}

/// The inputs to which `action.yml` gives a default, if they are empty.
fn empty_inputs(env: &Env) -> impl Iterator<Item = (String, Entry)> {
    [("status", "INPUT_STATUS"), ("version", "INPUT_VERSION"), ("run", "INPUT_RUN")]
        .into_iter()
        .filter(|(_, variable)| env.iter().any(|(name, value)| name == *variable && value.trim().is_empty()))
        .map(|(name, variable)| (name.to_owned(), Entry::Empty(variable)))
}

/// Warnings about flags and `VERSIONER_…` variables that have no effect.
#[must_use]
pub fn without_effect(line: &CommandLine, env: &Env) -> Vec<String> {
    let mut warnings: Vec<String> = line
        .deprecated
        .iter()
        .flat_map(|name| DEPRECATED.iter().filter(move |(deprecated, _)| deprecated == name))
        .map(|(name, why)| format!("{} has no effect: {why}.", Setting::flag(name)))
        .collect();
    for (variable, name) in env.iter().filter_map(|(name, _)| Some((name, name.strip_prefix(OWN)?))) {
        let name = normalize(name).to_lowercase();
        if table::find(&name).is_some() || OTHER_VARIABLES.contains(&name.as_str()) || is_service_variable(&name) {
            continue;
        }
        let variable = Foreign::new(variable);
        if let Some((_, why)) = DEPRECATED.iter().find(|(deprecated, _)| *deprecated == name) {
            warnings.push(format!("{variable} has no effect: {why}."));
            continue;
        }
        if name == "config" {
            warnings.push(format!(
                "{variable} is ignored: configuration files are not supported. Every setting has a variable."
            ));
            continue;
        }
        let nearest =
            SETTINGS.iter().flat_map(Setting::names).min_by_key(|known| distance(known, &name)).unwrap_or_default();
        warnings
            .push(format!("{variable} is not a setting and is ignored: did you mean {OWN}{}?", nearest.to_uppercase()));
    }
    warnings
}

/// Whether Kubernetes sets `VERSIONER_{name}` in every pod beside a service called `versioner` or `versioner-…` (Kubernetes
/// documentation, "Service: Environment variables").
fn is_service_variable(name: &str) -> bool {
    let name = format!("_{name}");
    name.ends_with("_service_host")
        || name.contains("_service_port")
        || name.ends_with("_port")
        || name.contains("_port_")
}

/// The distance of the setting `known` from `name`: whether it has the same word, or one that begins with it, then by letters.
pub(super) fn distance(known: &str, name: &str) -> (bool, usize) {
    let has_word = known.split('_').any(|word| word == name) || known.starts_with(name);
    (!has_word, strsim::damerau_levenshtein(known, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kubernetes_service_variables_are_not_reported() {
        let variables = [
            "VERSIONER_SERVICE_HOST",
            "VERSIONER_SERVICE_PORT",
            "VERSIONER_SERVICE_PORT_HTTP",
            "VERSIONER_PORT",
            "VERSIONER_PORT_8080_TCP",
            "VERSIONER_PORT_8080_TCP_ADDR",
            "VERSIONER_API_SERVICE_HOST",
            "VERSIONER_API_PORT",
            "VERSIONER_DEPLOYMENT_STATUS",
        ];
        let env = variables.into_iter().chain(["VERSIONER_PRODUKT", "VERSIONER_SUPPORT"]).map(|name| (name, "x"));
        let warnings = without_effect(&super::super::parse(["versioner".into()]).unwrap(), &env.collect());
        assert_eq!(warnings.len(), 2, "{warnings:?}");
    }

    #[test]
    fn no_output_has_the_name_of_a_setting() {
        for output in OTHER_VARIABLES {
            assert!(table::find(output).is_none(), "{output}");
        }
    }
}
