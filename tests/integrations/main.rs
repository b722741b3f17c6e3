//! Tests of the packages for CI systems in `integrations/`.
//!
//! They hold the settings of the program, the install script and the version, and must not drift from them. Their steps run in
//! the shells of these systems against the sandbox. `.ci/run` checks the schemas, and runs the ones for which it has a runner.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, reason = "tests")]

#[cfg(target_os = "linux")]
mod azure;
#[cfg(target_os = "linux")]
mod circleci;
mod examples;
mod generated;
#[cfg(target_os = "linux")]
mod install;
#[cfg(target_os = "linux")]
mod shell;

use saphyr::{LoadableYamlNode, YamlOwned};
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// A file of the project. On Windows, git may have changed its line ends.
fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}")).replace("\r\n", "\n")
}

fn parse(yaml: &str) -> YamlOwned {
    let mut documents = YamlOwned::load_from_str(yaml).unwrap_or_else(|error| panic!("{error}: {yaml}"));
    assert_eq!(documents.len(), 1, "{yaml}");
    documents.remove(0)
}

/// The entries of a mapping, in file order.
fn entries(yaml: &YamlOwned) -> Vec<(&str, &YamlOwned)> {
    let mapping = yaml.as_mapping().unwrap_or_else(|| panic!("not a mapping: {yaml:?}"));
    mapping.iter().map(|(name, value)| (name.as_str().unwrap(), value)).collect()
}
