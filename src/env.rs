//! The process environment, read once into a value and passed on from there.
//!
//! Owns: dropping what is not UTF-8, and "empty means not set". Does not own: what any variable means.

use std::collections::BTreeMap;

/// A snapshot of environment variables.
///
/// Variables whose name or value is not UTF-8 are left out; the names of the latter are kept, so that whoever reads one of
/// them by name can say so.
#[derive(Clone, Debug, Default)]
pub struct Env {
    variables: BTreeMap<String, String>,
    unreadable: Vec<String>,
}

impl Env {
    /// Reads the environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let mut env = Self::default();
        for (name, value) in std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value))) {
            match value.into_string() {
                Ok(value) => drop(env.variables.insert(name, value)),
                Err(_) => env.unreadable.push(name),
            }
        }
        env
    }

    /// The value of `name`, unless it is unset, empty or only white space.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.trim().is_empty())
    }

    /// Whether `name` is set to a word that means yes, as CI systems write it (`true`, `True`, `1`).
    #[must_use]
    pub fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }

    /// The names of variables whose value is not UTF-8.
    pub fn unreadable(&self) -> impl Iterator<Item = &str> {
        self.unreadable.iter().map(String::as_str)
    }

    /// All variables, by name, empty ones included.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let variables = pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        Self { variables, unreadable: Vec::new() }
    }
}
