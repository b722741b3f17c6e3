//! Who said what: flags, `INPUT_…` and `VERSIONER_…` variables, in that order, before anybody asks what it means.
//!
//! Owns: names, aliases, `auto`, and variables that nobody knows. Does not own: parsing values (`settings`).

use super::names::{self, OTHER_VARIABLES, RETIRED, SETTINGS, Setting};
use crate::cli::Invocation;
use crate::env::Env;
use std::collections::BTreeMap;
use std::fmt;

/// Where a value came from, as a person would look for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag, such as `--product`.
    Flag(String),
    /// The subcommand itself, such as `track build`.
    Subcommand(&'static str),
    /// A variable, such as `INPUT_PRODUCT` or `VERSIONER_PRODUCT`.
    Variable(String),
    /// The CI system or the git checkout.
    Detected(String),
    /// Nobody said anything.
    Default,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Variable(name) | Self::Detected(name) => f.write_str(name),
            Self::Subcommand(words) => write!(f, "'{words}'"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value as it was given: trimmed, neither empty nor `auto`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The value.
    pub value: String,
    /// Its source.
    pub source: Source,
}

/// One source: what it says, by the name it was said under.
type Layer = BTreeMap<String, Given>;

/// Everything that was said, first that counts first.
#[derive(Debug)]
pub struct Said {
    layers: Vec<Layer>,
}

const INPUT: &str = "INPUT_";
const OWN: &str = "VERSIONER_";

impl Said {
    /// Collects what `invocation` and `env` say. `INPUT_…` variables count only if `inputs`: elsewhere they belong to
    /// somebody else's action.
    #[must_use]
    pub fn new(invocation: &Invocation, env: &Env, inputs: bool) -> Self {
        let flags = invocation
            .flags
            .iter()
            .filter_map(|(name, value)| Some(((*name).to_owned(), given(value, Source::Flag(Setting::flag(name)))?)))
            .collect();
        let inputs = if inputs { variables(env, INPUT) } else { Layer::new() };
        Self { layers: vec![flags, inputs, variables(env, OWN)] }
    }

    /// What was said under any of `names`, of which the first counts most within one source.
    #[must_use]
    pub fn pick(&self, names: &[&str]) -> Option<&Given> {
        self.layers.iter().find_map(|layer| names.iter().find_map(|name| layer.get(*name)))
    }

    /// What was said under `one` or `other`, and whether the same source said both.
    #[must_use]
    pub fn pick_either(&self, one: &str, other: &str) -> Option<(&'static str, Given, bool)> {
        let set = |layer: &'_ Layer, name: &str| layer.get(name).filter(|given| given.value != "none").cloned();
        self.layers.iter().find_map(|layer| match (set(layer, one), set(layer, other)) {
            (Some(given), both) => Some((names::find(one)?.name, given, both.is_some())),
            (None, Some(given)) => Some((names::find(other)?.name, given, false)),
            (None, None) => None,
        })
    }
}

fn given(value: &str, source: Source) -> Option<Given> {
    let value = value.trim();
    (!value.is_empty() && value != "auto").then(|| Given { value: value.to_owned(), source })
}

/// The variables that begin with `prefix`; hyphens in their names are the same as underscores.
fn variables(env: &Env, prefix: &str) -> Layer {
    let mut pairs: Vec<(&str, &str)> = env.iter().collect();
    // Of two spellings of one name, the one that says something counts: it comes last.
    pairs.sort_by_key(|(_, value)| !value.trim().is_empty());
    let spelled = |name: &str| name.replace('-', "_");
    let by_name: BTreeMap<String, String> = envy::prefixed(prefix)
        .from_iter(pairs.iter().map(|(name, value)| (spelled(name), (*value).to_owned())))
        .unwrap_or_default();
    by_name
        .into_iter()
        .filter_map(|(name, value)| {
            let exact = pairs.iter().rev().find(|(variable, said)| {
                *said == value
                    && spelled(variable).strip_prefix(prefix).is_some_and(|rest| rest.eq_ignore_ascii_case(&name))
            })?;
            Some((name, given(&value, Source::Variable(exact.0.to_owned()))?))
        })
        .collect()
}

/// The variables that are settings, and whose value is not text. `INPUT_…` counts only if `inputs`.
pub fn unreadable(env: &Env, inputs: bool) -> impl Iterator<Item = (&'static str, &str)> {
    env.unreadable().filter_map(move |variable| {
        let name = variable.strip_prefix(OWN).or_else(|| variable.strip_prefix(INPUT).filter(|_| inputs))?;
        let setting = names::find(&name.replace('-', "_").to_lowercase())?;
        Some((setting.name, variable))
    })
}

/// The `INPUT_` variables that must not be empty, where they are set and empty: an expression that gave nothing.
pub fn empty_inputs(env: &Env) -> impl Iterator<Item = (&'static str, &'static str)> {
    [("status", "INPUT_STATUS"), ("version", "INPUT_VERSION")]
        .into_iter()
        .filter(|(_, variable)| env.iter().any(|(name, value)| name == *variable && value.trim().is_empty()))
}

/// Warnings about `VERSIONER_…` variables, and flags, that nothing reads.
#[must_use]
pub fn unread(invocation: &Invocation, env: &Env) -> Vec<String> {
    let mut warnings: Vec<String> = invocation
        .retired
        .iter()
        .flat_map(|name| RETIRED.iter().filter(move |(retired, _)| retired == name))
        .map(|(name, why)| format!("{} has no effect any more: {why}.", Setting::flag(name)))
        .collect();
    for (variable, name) in env.iter().filter_map(|(name, _)| Some((name, name.strip_prefix(OWN)?))) {
        let name = name.replace('-', "_").to_lowercase();
        if names::find(&name).is_some() || OTHER_VARIABLES.contains(&name.as_str()) {
            continue;
        }
        let variable = crate::text::shown(variable);
        if let Some((_, why)) = RETIRED.iter().find(|(retired, _)| *retired == name) {
            warnings.push(format!("{variable} has no effect any more: {why}."));
            continue;
        }
        if name == "config" {
            warnings
                .push(format!("{variable} is ignored: there is no configuration file, every setting has a variable."));
            continue;
        }
        let nearest =
            SETTINGS.iter().flat_map(Setting::names).min_by_key(|known| distance(known, &name)).unwrap_or_default();
        warnings
            .push(format!("{variable} is not a setting and is ignored: did you mean {OWN}{}?", nearest.to_uppercase()));
    }
    warnings
}

/// How far the setting `known` is from `name`: first whether it holds the same word, or one that begins so, then by letters.
fn distance(known: &str, name: &str) -> (bool, usize) {
    let is_in_it = known.split('_').any(|word| word == name) || known.starts_with(name);
    (!is_in_it, strsim::damerau_levenshtein(known, name))
}
