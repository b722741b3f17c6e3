//! Compares `action.yml` with the program: its inputs with the settings, its outputs with the program's outputs.

use crate::action_yml::{entries, load_action, root, step, step_env, text};
use saphyr::YamlOwned;
use std::collections::{BTreeMap, BTreeSet};
use versioner_action::internals::{OTHER_VARIABLES, Outputs, SETTINGS};

/// `VERSIONER_…` variables that only `entrypoint.sh` reads.
const ENTRYPOINT_VARIABLES: &[&str] = &["bin", "download_url"];

/// The names of all settings, including aliases.
fn setting_names() -> BTreeSet<&'static str> {
    SETTINGS.iter().flat_map(|setting| setting.names()).collect()
}

fn description(yaml: &YamlOwned) -> &str {
    text(yaml, "description").unwrap_or_default()
}

fn assert_same<T: Ord + std::fmt::Debug>(found: BTreeSet<T>, expected: BTreeSet<T>) {
    let (extra, missing): (Vec<&T>, Vec<&T>) =
        (found.difference(&expected).collect(), expected.difference(&found).collect());
    assert!(extra.is_empty() && missing.is_empty(), "not expected: {extra:?}; missing: {missing:?}");
}

#[test]
fn every_setting_is_an_input_in_both_spellings() {
    let expected: BTreeSet<String> =
        setting_names().into_iter().flat_map(|name| [name.to_owned(), name.replace('_', "-")]).collect();
    let action = load_action();
    let inputs: BTreeSet<String> = entries(&action, "inputs").iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_same(inputs, expected);
}

#[test]
fn inputs_have_a_description_and_no_default() {
    let action = load_action();
    let inputs: BTreeMap<&str, _> = entries(&action, "inputs").into_iter().collect();
    for (name, input) in &inputs {
        // An empty value is an error for these, so an input that is not set needs a default.
        let default = matches!(*name, "status" | "version" | "run").then_some("auto");
        assert_eq!(text(input, "default"), default, "{name}");
        assert_eq!(input.as_mapping().unwrap().len(), 1 + usize::from(default.is_some()), "{name}");
        let description = description(input);
        match alias_of(name) {
            Some(canonical) => assert_eq!(description, format!("Alias of {canonical}."), "{name}"),
            None => assert!(description.len() > 20 && description.ends_with('.'), "{name}: {description:?}"),
        }
    }
}

/// The name of the setting, if `input` is another spelling of it.
fn alias_of(input: &str) -> Option<&'static str> {
    let name = input.replace('-', "_");
    let setting = SETTINGS.iter().find(|setting| setting.names().any(|known| known == name)).unwrap();
    (input != setting.name).then_some(setting.name)
}

/// People read the file from the top, and need each input once.
#[test]
fn other_spellings_come_after_all_inputs() {
    let action = load_action();
    let names: Vec<&str> = entries(&action, "inputs").into_iter().map(|(name, _)| name).collect();
    assert!(names.is_sorted_by_key(|name| alias_of(name).is_some()), "{names:?}");
}

#[test]
fn every_input_is_passed_as_an_environment_variable() {
    let action = load_action();
    let step = step(&action);
    let variables: BTreeSet<(String, String)> = entries(&step, "env")
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_str().unwrap().to_owned()))
        .collect();
    let expected: BTreeSet<(String, String)> = setting_names()
        .into_iter()
        .map(|name| {
            let hyphenated = name.replace('_', "-");
            let fallback = if hyphenated == name { String::new() } else { format!(" || inputs['{hyphenated}']") };
            (format!("INPUT_{}", name.to_uppercase()), format!("${{{{ inputs.{name}{fallback} }}}}"))
        })
        .collect();
    assert_same(variables, expected);
}

#[test]
fn script_interpolates_no_input() {
    let action = load_action();
    let step = step(&action);
    assert_eq!(text(&step, "run"), Some(r#"exec sh "$GITHUB_ACTION_PATH/entrypoint.sh""#));
    assert_eq!(text(&step, "shell"), Some("${{ runner.os == 'Windows' && 'bash' || 'sh' }}"));
    let keys: Vec<&str> = step.as_mapping().unwrap().keys().map(|key| key.as_str().unwrap()).collect();
    assert_eq!(keys, ["id", "shell", "run", "env"]);
}

#[test]
fn every_program_output_is_an_action_output() {
    let action = load_action();
    let id = text(&step(&action), "id").unwrap().to_owned();
    let outputs = entries(&action, "outputs");
    let names: BTreeSet<&str> = outputs.iter().map(|(name, _)| *name).collect();
    let text = || Some("text".to_owned());
    // Without `..`, a new output is a compile error here.
    let all = Outputs {
        outcome: Some("recorded"),
        gate: Some("passed"),
        wait_result: Some("not_waited"),
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
        block_rule: text(),
        retry_after: text(),
        waited_seconds: Some(0),
        attempts: Some(1),
        exit_code: Some(0),
        deployment_status: Some("completed"),
    };
    let expected = all.pairs().into_iter().map(|(name, _)| name).collect();
    assert_same(names, expected);
    for (name, output) in outputs {
        assert_eq!(crate::action_yml::text(output, "value").unwrap(), format!("${{{{ steps.{id}.outputs.{name} }}}}"));
        assert!(description(output).ends_with('.'), "{name}");
        assert!(OTHER_VARIABLES.contains(&name), "a later job would warn that VERSIONER_… {name} is unknown");
    }
}

#[test]
fn unset_inputs_are_empty_and_both_spellings_work() {
    let env = step_env(&[("api-key", "k"), ("product_name", "p"), ("fail-on-api-error", "false")]);
    assert_eq!(env["INPUT_API_KEY"], "k");
    assert_eq!(env["INPUT_PRODUCT_NAME"], "p");
    assert_eq!(env["INPUT_FAIL_ON_API_ERROR"], "false");
    assert_eq!(["STATUS", "VERSION", "RUN"].map(|name| env[&format!("INPUT_{name}")].as_str()), ["auto"; 3]);
    let empty = env.values().filter(|value| value.is_empty()).count();
    assert_eq!(empty, env.len() - 6);
}

#[test]
fn entrypoint_variables_are_documented() {
    let entrypoint = std::fs::read_to_string(root().join("entrypoint.sh")).unwrap();
    let page = std::fs::read_to_string(root().join("docs/security.md")).unwrap();
    for name in ENTRYPOINT_VARIABLES {
        let variable = format!("VERSIONER_{}", name.to_uppercase());
        assert!(OTHER_VARIABLES.contains(name), "the program would warn that {variable} is unknown");
        assert!(entrypoint.contains(&variable) && page.contains(&format!("`{variable}`")), "{variable}");
    }
}

/// `cargo binstall` finds the same files as the Action.
#[test]
fn binstall_downloads_the_files_of_a_release() {
    let cargo = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    let value = |key: &str| {
        let line = cargo.lines().find_map(|line| line.strip_prefix(&format!("{key} = \""))).unwrap();
        line.trim_end_matches('"').to_owned()
    };
    let action = std::fs::read_to_string(root().join("deploy/binary.js")).unwrap();
    let mirror = format!("{}/releases/download", value("repository"));
    assert!(action.contains(&format!("'{mirror}'")), "{mirror}");
    let files = action.lines().filter_map(|line| line.trim().strip_suffix("',")?.split_once(": 'versioner-"));
    let mut count = 0;
    for (_, file) in files {
        count += 1;
        let (target, extension) = file.strip_suffix(".exe").map_or((file, ""), |target| (target, ".exe"));
        let url = [("{ repo }", value("repository").as_str()), ("{ version }", "1"), ("{ target }", target)]
            .into_iter()
            .fold(value("pkg-url"), |url, (name, value)| url.replace(name, value))
            .replace("{ binary-ext }", extension);
        assert_eq!(url, format!("{mirror}/v1/versioner-{file}"));
    }
    assert_eq!((count, value("pkg-fmt").as_str()), (5, "bin"));
}
