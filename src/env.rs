//! The process environment, read once into a value and passed on from there.
//!
//! Owns: leaving out what is not UTF-8, "empty means not set", and which variables other processes do not get. Does not own:
//! what any variable means.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// A snapshot of environment variables.
///
/// Variables whose name or value is not UTF-8 are left out. The names of the latter are kept, for an error if such a variable
/// would be used.
#[derive(Clone, Debug, Default)]
pub struct Env {
    variables: BTreeMap<String, String>,
    unreadable: Vec<String>,
    /// The names of all variables, including those that are not UTF-8.
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

    /// The same with further variables.
    #[must_use]
    pub fn with(mut self, variables: impl IntoIterator<Item = (String, String)>) -> Self {
        for (name, value) in variables {
            self.names.push(OsString::from(&name));
            self.variables.insert(name, value);
        }
        self
    }

    /// The value of `name`, unless it is unset, empty or only white space.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str).filter(|value| !value.trim().is_empty())
    }

    /// Whether `name` is set to `true` in any case, or to `1`, as CI systems write it.
    #[must_use]
    pub fn is_true(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true") || value == "1")
    }

    /// The names of variables whose value is not UTF-8.
    pub fn unreadable(&self) -> impl Iterator<Item = &str> {
        self.unreadable.iter().map(String::as_str)
    }

    /// The user's home directory: from `HOME`, else from the system's user database.
    #[must_use]
    pub fn home(&self) -> Option<&Path> {
        self.home.as_deref()
    }

    /// `path` with the home directory in place of a leading `~/`, which no shell has expanded in a variable or a file.
    #[must_use]
    pub fn expand_home(&self, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), self.home()) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(path),
        }
    }

    /// The names of the variables that no other process gets: inputs, the API key, a token for this program alone, and the
    /// script to wrap. A wrapped script that
    /// calls this program would otherwise run itself again.
    pub fn private(&self) -> impl Iterator<Item = &OsStr> {
        self.names.iter().map(OsString::as_os_str).filter(|name| is_private(name))
    }

    /// All variables, sorted by name, including empty ones.
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

/// Whether the variable `name` is kept from other processes.
fn is_private(name: &OsStr) -> bool {
    const OWN: [&[u8]; 4] =
        [b"VERSIONER_API_KEY", b"VERSIONER_API_KEY_FILE", b"VERSIONER_GITHUB_TOKEN", b"VERSIONER_RUN"];
    // Windows ignores the case of names.
    let name: Vec<u8> =
        name.as_encoded_bytes().iter().map(|b| if *b == b'-' { b'_' } else { b.to_ascii_uppercase() }).collect();
    name.starts_with(b"INPUT_") || name.starts_with(b"PLUGIN_") || OWN.contains(&name.as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_and_the_key_are_private() {
        let names = [
            "INPUT_API_KEY",
            "INPUT_PRODUCT-NAME",
            "PLUGIN_API_KEY",
            "PLUGIN_PRODUCT_NAME",
            "VERSIONER_API_KEY",
            "VERSIONER_API-KEY",
            "VERSIONER_API_KEY_FILE",
            "VERSIONER_GITHUB_TOKEN",
            "VERSIONER_RUN",
            "VERSIONER_API_URL",
            "GITHUB_TOKEN",
            "PATH",
            "MY_INPUT_X",
            "MY_PLUGIN_X",
            "PLUGINS",
        ];
        let env: Env = names.into_iter().map(|name| (name, "x")).collect();
        let private: Vec<&str> = env.private().filter_map(OsStr::to_str).collect();
        assert_eq!(
            private,
            [
                "INPUT_API_KEY",
                "INPUT_PRODUCT-NAME",
                "PLUGIN_API_KEY",
                "PLUGIN_PRODUCT_NAME",
                "VERSIONER_API-KEY",
                "VERSIONER_API_KEY",
                "VERSIONER_API_KEY_FILE",
                "VERSIONER_GITHUB_TOKEN",
                "VERSIONER_RUN",
            ]
        );
    }
}
