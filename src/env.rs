//! The process environment, read once into a value and passed on from there.
//!
//! Owns: dropping what is not UTF-8, "empty means not set", and which variables other processes do not get. Does not own:
//! what any variable means.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// A snapshot of environment variables.
///
/// Variables whose name or value is not UTF-8 are left out; the names of the latter are kept, so that whoever reads one of
/// them by name can say so.
#[derive(Clone, Debug, Default)]
pub struct Env {
    variables: BTreeMap<String, String>,
    unreadable: Vec<String>,
    /// The names of all variables, readable or not.
    names: Vec<OsString>,
    home: Option<PathBuf>,
}

impl Env {
    /// Reads the environment of this process.
    #[must_use]
    pub fn of_process() -> Self {
        let mut env = Self {
            names: std::env::vars_os().map(|(name, _)| name).collect(),
            home: std::env::home_dir().filter(|home| home.is_absolute()),
            ..Self::default()
        };
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

    /// The user's home directory: as `HOME` says, else as the system knows it.
    #[must_use]
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// The names of the variables that are for this process alone: its inputs, its key, and the script that it wraps, which
    /// would otherwise wrap itself wherever it calls this program.
    pub fn private(&self) -> impl Iterator<Item = &OsStr> {
        self.names.iter().map(OsString::as_os_str).filter(|name| is_private(name))
    }

    /// All variables, by name, empty ones included.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.variables.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(pairs: I) -> Self {
        let variables: BTreeMap<String, String> =
            pairs.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let names = variables.keys().map(OsString::from).collect();
        let home = variables.get("HOME").map(PathBuf::from);
        Self { variables, unreadable: Vec::new(), names, home }
    }
}

/// Whether no other process gets the variable `name`.
fn is_private(name: &OsStr) -> bool {
    const OWN: [&[u8]; 3] = [b"VERSIONER_API_KEY", b"VERSIONER_API_KEY_FILE", b"VERSIONER_RUN"];
    // Windows' variables have no case.
    let name: Vec<u8> =
        name.as_encoded_bytes().iter().map(|b| if *b == b'-' { b'_' } else { b.to_ascii_uppercase() }).collect();
    name.starts_with(b"INPUT_") || OWN.contains(&name.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_processes_get_neither_inputs_nor_the_key() {
        let names = [
            "INPUT_API_KEY",
            "INPUT_PRODUCT-NAME",
            "VERSIONER_API_KEY",
            "VERSIONER_API-KEY",
            "VERSIONER_API_KEY_FILE",
            "VERSIONER_RUN",
            "VERSIONER_API_URL",
            "PATH",
            "MY_INPUT_X",
        ];
        let env: Env = names.into_iter().map(|name| (name, "x")).collect();
        let private: Vec<&str> = env.private().filter_map(OsStr::to_str).collect();
        assert_eq!(
            private,
            [
                "INPUT_API_KEY",
                "INPUT_PRODUCT-NAME",
                "VERSIONER_API-KEY",
                "VERSIONER_API_KEY",
                "VERSIONER_API_KEY_FILE",
                "VERSIONER_RUN",
            ]
        );
    }
}
