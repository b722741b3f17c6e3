//! The sources of settings: flags, `INPUT_…` and `VERSIONER_…` variables, in this order of precedence.
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

/// The values of one source, by the name that it used.
type Layer = BTreeMap<String, RawValue>;

/// All sources, highest first.
#[derive(Debug)]
pub struct Sources {
    layers: Vec<Layer>,
}

const INPUT: &str = "INPUT_";
const OWN: &str = "VERSIONER_";

impl Sources {
    /// Collects the values of `line` and `env`. `INPUT_…` variables are read only if `inputs`: elsewhere they belong to another
    /// action.
    #[must_use]
    pub fn new(line: &CommandLine, env: &Env, inputs: bool) -> Self {
        let flags = line
            .flags
            .iter()
            .filter_map(|(name, value)| {
                Some(((*name).to_owned(), raw_value(value, Source::Flag(Setting::flag(name)))?))
            })
            .collect();
        let inputs = if inputs { variables(env, INPUT) } else { Layer::new() };
        Self { layers: vec![flags, inputs, variables(env, OWN)] }
    }

    /// The value of the highest source that has any of `names`. Within one source, earlier names beat later ones.
    #[must_use]
    pub fn pick(&self, names: &[&str]) -> Option<&RawValue> {
        self.layers.iter().find_map(|layer| names.iter().find_map(|name| layer.get(*name)))
    }

    /// The value of the highest source that has `one` or `other`, with its name, and whether that source has both.
    #[must_use]
    pub fn pick_either(&self, one: &str, other: &str) -> Option<(&'static str, RawValue, bool)> {
        let set = |layer: &'_ Layer, name: &str| layer.get(name).filter(|raw| raw.value.raw() != "none").cloned();
        self.layers.iter().find_map(|layer| match (set(layer, one), set(layer, other)) {
            (Some(raw), both) => Some((table::find(one)?.name, raw, both.is_some())),
            (None, Some(raw)) => Some((table::find(other)?.name, raw, false)),
            (None, None) => None,
        })
    }
}

fn raw_value(value: &str, source: Source) -> Option<RawValue> {
    let value = value.trim();
    (!value.is_empty() && value != "auto").then(|| RawValue { value: value.into(), source })
}

/// The variables that begin with `prefix`. Hyphens in their names are equivalent to underscores.
fn variables(env: &Env, prefix: &str) -> Layer {
    let mut pairs: Vec<(&str, &str)> = env.iter().collect();
    // Of two spellings of one name, the last one counts: the one that is not empty.
    pairs.sort_by_key(|(_, value)| !value.trim().is_empty());
    let normalize = |name: &str| name.replace('-', "_");
    let by_name: BTreeMap<String, String> = envy::prefixed(prefix)
        .from_iter(pairs.iter().map(|(name, value)| (normalize(name), (*value).to_owned())))
        .unwrap_or_default();
    by_name
        .into_iter()
        .filter_map(|(name, value)| {
            let exact = pairs.iter().rev().find(|(variable, other)| {
                *other == value
                    && normalize(variable).strip_prefix(prefix).is_some_and(|rest| rest.eq_ignore_ascii_case(&name))
            })?;
            Some((name, raw_value(&value, Source::Variable(exact.0.to_owned()))?))
        })
        .collect()
}

/// The errors of variables that are settings and not text. `INPUT_…` is read only if `inputs`.
pub fn unreadable(env: &Env, inputs: bool) -> impl Iterator<Item = SettingError> {
    env.unreadable().filter_map(move |variable| {
        let name = variable.strip_prefix(OWN).or_else(|| variable.strip_prefix(INPUT).filter(|_| inputs))?;
        let setting = table::find(&name.replace('-', "_").to_lowercase())?;
        Some(SettingError::NotUtf8 { name: setting.name, variable: variable.into() })
    })
}

/// The errors of `INPUT_` variables that must not be empty and are.
pub fn empty_inputs(env: &Env) -> impl Iterator<Item = SettingError> {
    [("status", "INPUT_STATUS"), ("version", "INPUT_VERSION")]
        .into_iter()
        .filter(|(_, variable)| env.iter().any(|(name, value)| name == *variable && value.trim().is_empty()))
        .map(|(name, variable)| SettingError::EmptyInput { name, variable })
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
        let name = name.replace('-', "_").to_lowercase();
        if table::find(&name).is_some() || OTHER_VARIABLES.contains(&name.as_str()) {
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

/// The distance of the setting `known` from `name`: whether it has the same word, or one that begins with it, then by letters.
fn distance(known: &str, name: &str) -> (bool, usize) {
    let has_word = known.split('_').any(|word| word == name) || known.starts_with(name);
    (!has_word, strsim::damerau_levenshtein(known, name))
}
