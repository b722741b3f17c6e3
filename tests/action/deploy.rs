//! Compares `deploy/action.yml` with the table of settings and with `action.yml`. `tests/deploy` runs its scripts.

use crate::action_yml::{entries, load, load_action, root, text};
use saphyr::YamlOwned;
use std::collections::{BTreeMap, BTreeSet};
use versioner_action::internals::SETTINGS;

/// Settings that this Action decides, or that belong to another command.
const NOT_INPUTS: &[&str] = &[
    "branch",
    "command",
    "dry_run",
    "event_type",
    "keep_api_key",
    "retry_set_aside",
    "run",
    "status",
    "stop_timeout",
    "workflow",
];

/// Inputs of this Action alone.
const OWN_INPUTS: &[&str] = &["job_status", "result"];

/// Outputs of `run` alone.
const NOT_OUTPUTS: &[&str] = &["deployment_status", "exit_code"];

fn names<'a>(action: &'a YamlOwned, key: &str) -> BTreeSet<&'a str> {
    entries(action, key).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn inputs_are_the_settings_in_both_spellings_with_the_same_descriptions() {
    let (deploy, action) = (load("deploy/action.yml"), load_action());
    let settings = SETTINGS.iter().flat_map(|setting| setting.names()).filter(|name| !NOT_INPUTS.contains(name));
    let spellings = settings.flat_map(|name| [name.to_owned(), name.replace('_', "-")]);
    let expected: BTreeSet<String> = spellings.chain(OWN_INPUTS.iter().map(|name| (*name).to_owned())).collect();
    let found: BTreeSet<String> = names(&deploy, "inputs").into_iter().map(str::to_owned).collect();
    assert_eq!(found, expected);
    let originals: BTreeMap<&str, &YamlOwned> = entries(&action, "inputs").into_iter().collect();
    for (name, input) in entries(&deploy, "inputs") {
        match originals.get(name) {
            Some(original) => assert_eq!(&input, original, "{name}"),
            None => assert!(OWN_INPUTS.contains(&name), "{name}"),
        }
    }
    let job_status = deploy["inputs"].as_mapping_get("job_status").unwrap();
    assert_eq!(text(job_status, "default"), Some("${{ job.status }}"));
}

#[test]
fn outputs_are_those_of_the_root_action_without_those_of_run() {
    let (deploy, action) = (load("deploy/action.yml"), load_action());
    let expected: BTreeSet<&str> =
        names(&action, "outputs").into_iter().filter(|name| !NOT_OUTPUTS.contains(name)).collect();
    assert_eq!(names(&deploy, "outputs"), expected);
}

#[test]
fn scripts_have_no_dependencies_and_stay_short() {
    let deploy = load("deploy/action.yml");
    let runs = &deploy["runs"];
    assert_eq!(["using", "main", "post"].map(|key| text(runs, key).unwrap()), ["node24", "main.js", "post.js"]);
    // Only text in a description: GitHub accepts no expression there.
    let manifest = std::fs::read_to_string(root().join("deploy/action.yml")).unwrap();
    assert_eq!(manifest.matches("${{").count(), 1);
    let scripts = ["main.js", "post.js", "binary.js"]
        .map(|name| std::fs::read_to_string(root().join("deploy").join(name)).unwrap());
    assert!(scripts.iter().map(|script| script.lines().count()).sum::<usize>() < 120);
    for required in scripts.iter().flat_map(|script| script.split("require('").skip(1)) {
        assert!(required.starts_with("node:") || required.starts_with("./binary.js'"), "{required}");
    }
}
