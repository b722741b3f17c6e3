//! A detected value with its source, and reading one from the environment.
//!
//! Owns: the type and what every system shares in reading variables. Does not own: which variables a system sets.

use super::remote;
use crate::env::Env;
use crate::text::{Foreign, clean_url};

/// A detected value and the variable or file that it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detected {
    /// The value, normalized.
    pub value: Foreign,
    /// Where it was found.
    pub source: String,
}

impl Detected {
    pub(super) fn new(value: impl Into<Foreign>, source: impl Into<String>) -> Self {
        Self { value: value.into(), source: source.into() }
    }

    /// The same source with another value.
    pub(super) fn with_value(self, value: impl Into<Foreign>) -> Self {
        Self { value: value.into(), ..self }
    }

    /// The value as it was received. For comparing and composing only: never print it.
    pub(super) fn raw(&self) -> &str {
        self.value.raw()
    }
}

/// The first of `variables` that is set.
pub(super) fn first(env: &Env, variables: &[&str]) -> Option<Detected> {
    variables.iter().find_map(|name| env.get(name).map(|value| Detected::new(value.trim(), *name)))
}

/// The first of `variables` that is set, as a link without credentials.
pub(super) fn link(env: &Env, variables: &[&str]) -> Option<Detected> {
    first(env, variables).and_then(without_credentials)
}

/// `link` without credentials, if a browser can still open it.
pub(super) fn without_credentials(link: Detected) -> Option<Detected> {
    let value = clean_url(link.raw());
    (!value.is_empty() && !value.contains(char::is_control)).then(|| link.with_value(value))
}

/// The first of `variables` that holds the URL of a git remote, as `owner/name`.
pub(super) fn repository_of_remote(env: &Env, variables: &[&str]) -> Option<Detected> {
    variables.iter().find_map(|name| Some(Detected::new(remote::repository(env.get(name)?)?, *name)))
}

/// `NAME=value` if the variable `name` has exactly this value.
pub(super) fn equals(env: &Env, name: &str, value: &str) -> Option<String> {
    env.get(name).filter(|set| *set == value).map(|_| format!("{name}={value}"))
}

/// The job status in the variable `name` that holds the exit code of the job's script.
pub(super) fn exit_status(env: &Env, name: &str) -> Option<Detected> {
    first(env, &[name]).map(|code| {
        let status = if code.raw() == "0" { "success" } else { "failed" };
        code.with_value(status)
    })
}

/// A job identity of `NAME=value` lines. None unless all of `required` are set; `optional` ones count if they are set.
pub(super) fn identity(env: &Env, required: &[&str], optional: &[&str]) -> Option<String> {
    let line = |name: &&str| Some(format!("{name}={}", env.get(name)?.trim()));
    let required: Option<Vec<String>> = required.iter().map(line).collect();
    let lines: Vec<String> = required?.into_iter().chain(optional.iter().filter_map(line)).collect();
    Some(lines.join("\n"))
}
