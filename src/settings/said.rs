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
        self.pick_with_layer(names).map(|(given, _)| given)
    }

    /// What was said under `one` or `other`, and whether the same source said both.
    #[must_use]
    pub fn pick_either(&self, one: &str, other: &str) -> Option<(&'static str, &Given, bool)> {
        self.layers.iter().find_map(|layer| match (layer.get(one), layer.get(other)) {
            (Some(given), both) => Some((names::find(one)?.name, given, both.is_some())),
            (None, Some(given)) => Some((names::find(other)?.name, given, false)),
            (None, None) => None,
        })
    }

    fn pick_with_layer(&self, names: &[&str]) -> Option<(&Given, usize)> {
        self.layers
            .iter()
            .enumerate()
            .find_map(|(index, layer)| names.iter().find_map(|name| layer.get(*name)).map(|given| (given, index)))
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
        let nearest = SETTINGS
            .iter()
            .flat_map(Setting::names)
            .map(|known| (strsim::damerau_levenshtein(known, &name), known))
            .min()
            .filter(|(distance, known)| *distance <= 1 + known.len() / 3);
        let hint = nearest.map_or_else(
            || "'versioner --help' lists the settings".to_owned(),
            |(_, known)| format!("did you mean {OWN}{}?", known.to_uppercase()),
        );
        warnings.push(format!("{variable} is not a setting and is ignored: {hint}"));
    }
    warnings
}
