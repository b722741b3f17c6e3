//! `action.yml` as GitHub reads it.

use saphyr::{LoadableYamlNode, YamlOwned};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The Action's own directory.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

pub(crate) fn action() -> YamlOwned {
    let text = std::fs::read_to_string(root().join("action.yml")).unwrap();
    let mut documents = YamlOwned::load_from_str(&text).unwrap();
    assert_eq!(documents.len(), 1);
    documents.remove(0)
}

/// The mapping under `key`: names, in their order, and what stands under each.
pub(crate) fn mapping<'a>(yaml: &'a YamlOwned, key: &str) -> Vec<(&'a str, &'a YamlOwned)> {
    let mapping = yaml[key].as_mapping().unwrap_or_else(|| panic!("{key} is no mapping"));
    mapping.iter().map(|(name, value)| (name.as_str().unwrap(), value)).collect()
}

/// The text under `key`, if there is any.
pub(crate) fn text<'a>(yaml: &'a YamlOwned, key: &str) -> Option<&'a str> {
    yaml.as_mapping_get(key)?.as_str()
}

/// The one step of the Action.
pub(crate) fn step(action: &YamlOwned) -> YamlOwned {
    let steps = action["runs"]["steps"].as_sequence().unwrap();
    assert_eq!(steps.len(), 1);
    steps[0].clone()
}

/// What the step's variables are when a workflow gives `inputs`, as GitHub evaluates them: what is not given is empty.
/// Understands `${{ inputs.a || inputs['b'] }}` and nothing else.
pub(crate) fn variables(inputs: &[(&str, &str)]) -> BTreeMap<String, String> {
    let action = action();
    let mut given: BTreeMap<&str, &str> =
        mapping(&action, "inputs").iter().map(|(name, input)| (*name, text(input, "default").unwrap_or(""))).collect();
    for (name, value) in inputs {
        assert!(given.insert(name, value).is_some(), "{name} is no input of the Action");
    }
    let value = |expression: &str| {
        let names = expression.strip_prefix("${{ ").unwrap().strip_suffix(" }}").unwrap().split(" || ");
        let mut values = names.map(|name| {
            let name = name.strip_prefix("inputs").unwrap();
            let name = name.strip_prefix('.').or_else(|| name.strip_prefix("['")?.strip_suffix("']")).unwrap();
            given.get(name).copied().unwrap_or("")
        });
        values.find(|value| !value.is_empty()).unwrap_or("").to_owned()
    };
    let step = step(&action);
    mapping(&step, "env").iter().map(|(name, is)| ((*name).to_owned(), value(is.as_str().unwrap()))).collect()
}
