//! `action.yml` against the program: its inputs are the program's settings, its outputs the program's.

use crate::yaml::{action, mapping, root, step, text, variables};
use saphyr::YamlOwned;
use std::collections::{BTreeMap, BTreeSet};
use versioner_action::report::outputs::Outputs;
use versioner_action::settings::names::{OTHER_VARIABLES, SETTINGS};

/// Variables of ours that are neither settings nor outputs: they are for `entrypoint.sh`.
const OF_THE_ENTRYPOINT: &[&str] = &["bin", "download_url"];

/// The names of every setting, aliases among them: each makes sense as an input.
fn names() -> BTreeSet<&'static str> {
    SETTINGS.iter().flat_map(|setting| setting.names()).collect()
}

fn description(yaml: &YamlOwned) -> &str {
    text(yaml, "description").unwrap_or_default()
}

/// Fails with what one side has and the other has not.
fn assert_same<T: Ord + std::fmt::Debug>(found: BTreeSet<T>, expected: BTreeSet<T>) {
    let (extra, missing): (Vec<&T>, Vec<&T>) =
        (found.difference(&expected).collect(), expected.difference(&found).collect());
    assert!(extra.is_empty() && missing.is_empty(), "not expected: {extra:?}; missing: {missing:?}");
}

#[test]
fn the_inputs_are_the_programs_settings_in_both_spellings() {
    let expected: BTreeSet<String> =
        names().into_iter().flat_map(|name| [name.to_owned(), name.replace('_', "-")]).collect();
    let action = action();
    let inputs: BTreeSet<String> = mapping(&action, "inputs").iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_same(inputs, expected);
}

#[test]
fn each_input_is_explained_and_has_no_default_of_its_own() {
    let action = action();
    let inputs: BTreeMap<&str, _> = mapping(&action, "inputs").into_iter().collect();
    for (name, input) in &inputs {
        let description = description(input);
        assert!(description.len() > 20 && description.ends_with('.'), "{name}: {description:?}");
        let twin = inputs[name.replace('-', "_").as_str()];
        assert_eq!(text(twin, "description"), Some(description), "{name}");
        // Where an empty value is an error, one that was not given must not be empty.
        let default = matches!(*name, "status" | "version").then_some("auto");
        assert_eq!(text(input, "default"), default, "{name}");
        assert_eq!(input.as_mapping().unwrap().len(), 1 + usize::from(default.is_some()), "{name}");
    }
}

#[test]
fn each_input_reaches_the_program_as_a_variable() {
    let action = action();
    let step = step(&action);
    let variables: BTreeSet<(String, String)> = mapping(&step, "env")
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_str().unwrap().to_owned()))
        .collect();
    let expected: BTreeSet<(String, String)> = names()
        .into_iter()
        .map(|name| {
            let hyphens = name.replace('_', "-");
            let either = if hyphens == name { String::new() } else { format!(" || inputs['{hyphens}']") };
            (format!("INPUT_{}", name.to_uppercase()), format!("${{{{ inputs.{name}{either} }}}}"))
        })
        .collect();
    assert_same(variables, expected);
}

#[test]
fn no_input_is_part_of_a_script() {
    let action = action();
    let step = step(&action);
    assert_eq!(text(&step, "run"), Some(r#"exec sh "$GITHUB_ACTION_PATH/entrypoint.sh""#));
    assert_eq!(text(&step, "shell"), Some("${{ runner.os == 'Windows' && 'bash' || 'sh' }}"));
    let keys: Vec<&str> = step.as_mapping().unwrap().keys().map(|key| key.as_str().unwrap()).collect();
    assert_eq!(keys, ["id", "shell", "run", "env"]);
}

#[test]
fn the_outputs_are_the_programs() {
    let action = action();
    let id = text(&step(&action), "id").unwrap().to_owned();
    let outputs = mapping(&action, "outputs");
    let names: BTreeSet<&str> = outputs.iter().map(|(name, _)| *name).collect();
    let text = || Some("text".to_owned());
    // Without `..`: an output that is new is missed here.
    let all = Outputs {
        outcome: Some("recorded"),
        gate: Some("passed"),
        http_status: Some(201),
        deployment_id: text(),
        event_id: text(),
        build_id: text(),
        version_id: text(),
        product_id: text(),
        environment_id: text(),
        url: text(),
        block_code: text(),
        block_message: text(),
        retry_after: text(),
        waited_seconds: Some(0),
        attempts: Some(1),
        exit_code: Some(0),
        status: Some("completed"),
    };
    let expected = all.pairs().into_iter().map(|(name, _)| name).collect();
    assert_same(names, expected);
    for (name, output) in outputs {
        assert_eq!(crate::yaml::text(output, "value").unwrap(), format!("${{{{ steps.{id}.outputs.{name} }}}}"));
        assert!(description(output).ends_with('.'), "{name}");
    }
}

#[test]
fn what_is_not_given_is_empty_and_either_spelling_counts() {
    let given = variables(&[("api-key", "k"), ("product_name", "p"), ("fail-on-api-error", "false")]);
    assert_eq!(given["INPUT_API_KEY"], "k");
    assert_eq!(given["INPUT_PRODUCT_NAME"], "p");
    assert_eq!(given["INPUT_FAIL_ON_API_ERROR"], "false");
    assert_eq!((given["INPUT_STATUS"].as_str(), given["INPUT_VERSION"].as_str()), ("auto", "auto"));
    let empty = given.values().filter(|value| value.is_empty()).count();
    assert_eq!(empty, given.len() - 5);
}

#[test]
fn the_readme_names_what_the_entrypoint_reads() {
    let entrypoint = std::fs::read_to_string(root().join("entrypoint.sh")).unwrap();
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    for name in OF_THE_ENTRYPOINT {
        let variable = format!("VERSIONER_{}", name.to_uppercase());
        assert!(OTHER_VARIABLES.contains(name), "the program would warn about {variable}");
        assert!(entrypoint.contains(&variable) && readme.contains(&format!("`{variable}`")), "{variable}");
    }
}
