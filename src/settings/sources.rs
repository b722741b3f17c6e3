//! The sources of settings: flags, `INPUT_…` / `PLUGIN_…` and `VERSIONER_…` variables, and the configuration file, in this
//! order of precedence.
//!
//! Owns: names, aliases, `auto`, and unknown variables. Does not own: parsing values (`resolver`).

use super::command_line::CommandLine;
use super::config_file::ConfigFile;
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
    /// A variable, or a line of the configuration file, that is not UTF-8.
    NotUtf8(Source),
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
            Self::NotUtf8(set_by) => Err(SettingError::NotUtf8 { name, set_by: set_by.clone() }),
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
    /// Collects the entries of `line`, `env` and `file`.
    #[must_use]
    pub fn new(line: &CommandLine, env: &Env, inputs: Inputs, file: &ConfigFile) -> Self {
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
        Self { layers: vec![flags, input, variables(env, OWN), file_entries(file)] }
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
        table::find(&name).map(|_| (name, Entry::NotUtf8(Source::Variable(Foreign::new(variable).to_string()))))
    }));
    layer
}

/// The lines of the configuration file.
fn file_entries(file: &ConfigFile) -> Layer {
    let entries = file.pairs.iter().filter_map(|pair| {
        let (value, source) = (pair.value.as_deref()?, file.source(pair.line));
        match file.is_lossy && value.contains(char::REPLACEMENT_CHARACTER) {
            true => Some((pair.name.clone(), Entry::NotUtf8(source))),
            false => Some((pair.name.clone(), entry(value, source)?)),
        }
    });
    entries.collect()
}

/// The inputs to which `action.yml` gives a default, if they are empty.
fn empty_inputs(env: &Env) -> impl Iterator<Item = (String, Entry)> {
    [("status", "INPUT_STATUS"), ("version", "INPUT_VERSION"), ("run", "INPUT_RUN")]
        .into_iter()
        .filter(|(_, variable)| env.iter().any(|(name, value)| name == *variable && value.trim().is_empty()))
        .map(|(name, variable)| (name.to_owned(), Entry::Empty(variable)))
}

/// Warnings about flags, `VERSIONER_…` variables and lines of the configuration file that have no effect.
#[must_use]
pub fn without_effect(line: &CommandLine, env: &Env, file: &ConfigFile) -> Vec<String> {
    let flags = line.deprecated.iter().filter_map(|name| unknown(name, &Setting::flag(name), Setting::flag));
    let variables = env.iter().filter_map(|(variable, _)| {
        let name = normalize(variable.strip_prefix(OWN)?).to_lowercase();
        let known = OTHER_VARIABLES.contains(&name.as_str()) || is_service_variable(&name);
        let spelled = |name: &str| format!("{OWN}{}", name.to_uppercase());
        if known { None } else { unknown(&name, &Foreign::new(variable), spelled) }
    });
    let lines = file.pairs.iter().filter_map(|pair| {
        let shown = format!("{} ({})", Foreign::new(&pair.name), file.source(pair.line));
        unknown(&pair.name, &shown, str::to_owned)
    });
    flags.chain(variables).chain(lines).collect()
}

/// The warning about `name`, shown as `shown`, unless it is a setting's. `spelled` spells a setting's name as its source does.
fn unknown(name: &str, shown: &dyn std::fmt::Display, spelled: impl Fn(&str) -> String) -> Option<String> {
    if table::find(name).is_some() {
        return None;
    }
    if let Some((_, why)) = DEPRECATED.iter().find(|(deprecated, _)| *deprecated == name) {
        return Some(format!("{shown} has no effect: {why}."));
    }
    let names = SETTINGS.iter().flat_map(Setting::names);
    let nearest = names.min_by_key(|known| distance(known, name)).unwrap_or_default();
    Some(format!("{shown} is not a setting and is ignored: did you mean {}?", spelled(nearest)))
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
        let warnings =
            without_effect(&super::super::parse(["versioner".into()]).unwrap(), &env.collect(), &ConfigFile::default());
        assert_eq!(warnings.len(), 2, "{warnings:?}");
    }

    #[test]
    fn no_output_has_the_name_of_a_setting() {
        for output in OTHER_VARIABLES {
            assert!(table::find(output).is_none(), "{output}");
        }
    }
}
