//! Checks the examples in the packages' documentation: every setting that they use exists.
//!
//! `.ci/run` checks them against the schemas of the systems, which do not know our settings and miss some wrong keys.

use crate::{entries, parse, read, root};
use saphyr::YamlOwned;
use versioner_action::internals::{OTHER_VARIABLES, SETTINGS};

/// Every file with examples.
const DOCUMENTS: [&str; 7] = [
    "integrations/azure-pipelines/README.md",
    "integrations/bitbucket/README.md",
    "integrations/circleci/README.md",
    "integrations/drone/README.md",
    "integrations/jenkins/README.md",
    "integrations/versioner-buildkite-plugin/README.md",
    "integrations/woodpecker/docs.md",
];

/// The YAML blocks of a document.
fn blocks(path: &str) -> Vec<YamlOwned> {
    let text = read(path);
    text.split("\n```yaml\n").skip(1).map(|rest| parse(rest.split("\n```").next().unwrap())).collect()
}

fn is_setting(name: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.names().any(|known| known == name))
}

/// Every mapping in a document, with the key under which it is.
fn mappings<'a>(yaml: &'a YamlOwned, under: &'a str, found: &mut Vec<(&'a str, &'a YamlOwned)>) {
    if yaml.as_mapping().is_some() {
        found.push((under, yaml));
        for (key, value) in entries(yaml) {
            mappings(value, key, found);
        }
    }
    for item in yaml.as_sequence().into_iter().flatten() {
        mappings(item, under, found);
    }
}

/// The keys of the mappings under keys for which `wanted` is true, in all examples of a document.
fn keys_under(path: &str, wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let blocks = blocks(path);
    let mut found = Vec::new();
    blocks.iter().for_each(|block| mappings(block, "", &mut found));
    let keys = found.into_iter().filter(|(under, _)| wanted(under)).flat_map(|(_, yaml)| entries(yaml));
    let keys: Vec<String> = keys.map(|(key, _)| key.to_owned()).collect();
    assert!(!keys.is_empty(), "{path} has no such example");
    keys
}

#[test]
fn plugin_settings_in_examples_exist() {
    for path in ["integrations/woodpecker/docs.md", "integrations/drone/README.md"] {
        for key in keys_under(path, |under| under == "settings") {
            // The value of a setting can be a mapping itself.
            assert!(is_setting(&key) || key == "from_secret", "{path}: {key}");
        }
    }
}

#[test]
fn buildkite_properties_in_examples_exist() {
    let plugin = parse(&read("integrations/versioner-buildkite-plugin/plugin.yml"));
    let known: Vec<&str> = entries(&plugin["configuration"]["properties"]).iter().map(|(name, _)| *name).collect();
    let path = "integrations/versioner-buildkite-plugin/README.md";
    for key in keys_under(path, |under| under.starts_with("versioner/versioner#")) {
        assert!(known.contains(&key.as_str()), "{key}");
    }
}

#[test]
fn circleci_parameters_in_examples_exist() {
    let orb = parse(&read("integrations/circleci/orb.yml"));
    for (command, parameters) in [("versioner/report", "report"), ("versioner/finish", "finish")] {
        let declared = entries(&orb["commands"][parameters]["parameters"]);
        let given = match command {
            "versioner/report" => keys_under("integrations/circleci/README.md", |under| under == command),
            _ => Vec::new(),
        };
        for key in given {
            assert!(declared.iter().any(|(name, _)| *name == key), "{command}: {key}");
        }
    }
    let example = &orb["examples"]["deploy"]["usage"]["jobs"]["deploy"]["steps"];
    let declared = entries(&orb["commands"]["report"]["parameters"]);
    let report = example.as_sequence().unwrap().iter().find_map(|step| step.as_mapping_get("versioner/report"));
    for (key, _) in entries(report.unwrap()) {
        assert!(declared.iter().any(|(name, _)| *name == key), "{key}");
    }
}

#[test]
fn azure_parameters_in_examples_exist() {
    let template = parse(&read("integrations/azure-pipelines/versioner.yml"));
    let declared = template["parameters"].as_sequence().unwrap();
    for key in keys_under("integrations/azure-pipelines/README.md", |under| under == "parameters") {
        assert!(declared.iter().any(|parameter| parameter["name"].as_str() == Some(&key)), "{key}");
    }
}

/// The schema accepts any key in a step with a pipe, such as `variable`.
#[test]
fn bitbucket_pipes_in_examples_have_known_keys_and_variables() {
    let path = "integrations/bitbucket/README.md";
    let blocks = blocks(path);
    let mut found = Vec::new();
    blocks.iter().for_each(|block| mappings(block, "", &mut found));
    let pipes: Vec<_> =
        found.into_iter().filter(|(_, yaml)| yaml.as_mapping_get("pipe").is_some()).map(|(_, yaml)| yaml).collect();
    assert!(pipes.len() > 1, "{path} has no example");
    let image = parse(&read("integrations/bitbucket/pipe.yml"))["image"].as_str().unwrap().to_owned();
    for pipe in pipes {
        for (key, _) in entries(pipe) {
            assert!(["pipe", "name", "variables"].contains(&key), "{key}");
        }
        assert_eq!(pipe["pipe"].as_str(), Some(format!("docker://{image}").as_str()));
        for (name, _) in entries(&pipe["variables"]) {
            let setting = name.strip_prefix("VERSIONER_").unwrap_or_else(|| panic!("{name}")).to_lowercase();
            assert!(is_setting(&setting), "{name}");
        }
    }
}

/// What Woodpecker's index shows of a plugin, and where it finds that.
#[test]
fn woodpecker_index_entry_leads_to_a_description_of_the_image() {
    let text = read("integrations/woodpecker/docs.md");
    let head = parse(text.strip_prefix("---\n").unwrap().split("\n---\n").next().unwrap());
    for name in ["name", "description", "author", "containerImageUrl", "url"] {
        assert!(head[name].as_str().is_some_and(|value| !value.is_empty()), "{name}");
    }
    let pipe = parse(&read("integrations/bitbucket/pipe.yml"));
    let image = pipe["image"].as_str().unwrap().split(':').next().unwrap();
    assert_eq!(head["containerImage"].as_str(), Some(image));
    let entry: serde_json::Value = serde_json::from_str(&read("integrations/woodpecker/plugin.json")).unwrap();
    assert_eq!(entry["name"].as_str(), head["name"].as_str());
    assert!(entry["docs"].as_str().unwrap().ends_with("/integrations/woodpecker/docs.md"), "{entry}");
}

#[test]
fn variables_in_the_documentation_exist() {
    for path in DOCUMENTS {
        let text = read(path);
        for word in text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')) {
            let Some(name) = word.strip_prefix("VERSIONER_").filter(|name| !name.is_empty()) else { continue };
            let name = name.to_lowercase();
            assert!(is_setting(&name) || OTHER_VARIABLES.contains(&name.as_str()), "{path}: {word}");
        }
    }
}

#[test]
fn every_package_has_a_readme() {
    for entry in std::fs::read_dir(root().join("integrations")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            assert!(DOCUMENTS.iter().any(|document| document.contains(&format!("/{name}/"))), "{name}");
        }
    }
}
