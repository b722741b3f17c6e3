//! Reads `action.yml` as GitHub does.

use saphyr::{LoadableYamlNode, YamlOwned};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The directory of the Action.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

pub(crate) fn load_action() -> YamlOwned {
    load("action.yml")
}

pub(crate) fn load(path: &str) -> YamlOwned {
    let text = std::fs::read_to_string(root().join(path)).unwrap();
    let mut documents = YamlOwned::load_from_str(&text).unwrap();
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

/// The entries of the mapping under `key`, in file order.
pub(crate) fn entries<'a>(yaml: &'a YamlOwned, key: &str) -> Vec<(&'a str, &'a YamlOwned)> {
    let mapping = yaml[key].as_mapping().unwrap_or_else(|| panic!("{key} is not a mapping"));
    mapping.iter().map(|(name, value)| (name.as_str().unwrap(), value)).collect()
}

pub(crate) fn text<'a>(yaml: &'a YamlOwned, key: &str) -> Option<&'a str> {
    yaml.as_mapping_get(key)?.as_str()
}

/// The Action's only step.
pub(crate) fn step(action: &YamlOwned) -> YamlOwned {
    let steps = action["runs"]["steps"].as_sequence().unwrap();
    assert_eq!(steps.len(), 1);
    steps[0].clone()
}

/// The step's environment when a workflow sets `inputs`. As on GitHub, an input that is not set is empty. Evaluates
/// only expressions of the form `${{ inputs.a || inputs['b'] }}`.
pub(crate) fn step_env(inputs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let action = load_action();
    let mut values: BTreeMap<&str, &str> =
        entries(&action, "inputs").iter().map(|(name, input)| (*name, text(input, "default").unwrap_or(""))).collect();
    for (name, value) in inputs {
        assert!(values.insert(name, value).is_some(), "the Action has no input {name}");
    }
    let evaluate = |expression: &str| {
        let names = expression.strip_prefix("${{ ").unwrap().strip_suffix(" }}").unwrap().split(" || ");
        let mut operands = names.map(|name| {
            let name = name.strip_prefix("inputs").unwrap();
            let name = name.strip_prefix('.').or_else(|| name.strip_prefix("['")?.strip_suffix("']")).unwrap();
            values.get(name).copied().unwrap_or("")
        });
        operands.find(|value| !value.is_empty()).unwrap_or("").to_owned()
    };
    let step = step(&action);
    entries(&step, "env").iter().map(|(name, value)| ((*name).to_owned(), evaluate(value.as_str().unwrap()))).collect()
}
