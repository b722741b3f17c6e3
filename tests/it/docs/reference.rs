//! `docs/reference.md` and the tables of the README, compared with the program.
//!
//! The tables between `<!-- generated: … -->` and `<!-- end -->` come from the table of settings and from `action.yml`,
//! whose outputs `tests/action` compares with the program's. `UPDATE_DOCS=1 cargo test --test it docs::reference` writes
//! them.

use super::{page, root};
use crate::support::{Versioner, read};
use saphyr::{LoadableYamlNode, YamlOwned};
use std::fmt::Write as _;
use versioner_action::internals::{Argument, COMMANDS, OTHER_VARIABLES, SETTINGS};
use versioner_sandbox::Sandbox;

const PATH: &str = "docs/reference.md";

fn is_setting(name: &str) -> bool {
    SETTINGS.iter().any(|setting| setting.names().any(|known| known == name))
}

/// Whether a default is the name of an environment variable.
fn is_variable(default: &str) -> bool {
    default.contains('_') && !default.contains(|c: char| c.is_ascii_lowercase() || c == ' ')
}

/// Whether a default in the table of settings is a value, and not a description of one.
fn is_literal(default: &str) -> bool {
    !default.is_empty()
        && !default.contains(' ')
        && default != "detected"
        && !is_setting(default)
        && !is_variable(default)
}

/// A table cell, with the names of settings as code.
fn cell(text: &str) -> String {
    let mut out = String::new();
    let mut word = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_ascii_lowercase() || c == '_' {
            word.push(c);
            continue;
        }
        let is_code = word.contains('_') && is_setting(&word) || ["true", "false"].contains(&word.as_str()) && c == ':';
        let _ = if is_code { write!(out, "`{word}`") } else { write!(out, "{word}") };
        word.clear();
        if c == '|' {
            out.push('\\');
        }
        out.push(c);
    }
    out.trim_end().to_owned()
}

/// As a sentence.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_uppercase).into_iter().flatten();
    if text.starts_with('`') { format!("{text}.") } else { format!("{}{}.", first.collect::<String>(), chars.as_str()) }
}

fn settings() -> String {
    let mut table = "| setting | value | default | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    for setting in SETTINGS {
        let aliases: Vec<String> = setting.aliases.iter().map(|alias| format!("`{alias}`")).collect();
        let aliases = if aliases.is_empty() { String::new() } else { format!(" (alias {})", aliases.join(", ")) };
        let value = match setting.argument {
            Argument::Value(name) => name.to_lowercase(),
            Argument::Words(words) => words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
            Argument::Switch => "boolean".to_owned(),
        };
        let about = sentence(&cell(setting.about));
        let default = match setting.default {
            "" => "–".to_owned(),
            default if is_variable(default) => format!("the variable `{default}`"),
            default if is_literal(default) || is_setting(default) => format!("`{default}`"),
            default => cell(default),
        };
        let _ = writeln!(table, "| `{}`{aliases} | {value} | {default} | {about} |", setting.name);
    }
    table
}

fn outputs() -> String {
    let action = YamlOwned::load_from_str(&read(&root().join("action.yml"))).unwrap().remove(0);
    let mut table = "| output | value |\n| --- | --- |\n".to_owned();
    for (name, output) in action["outputs"].as_mapping().unwrap() {
        let description = output["description"].as_str().unwrap();
        let _ = writeln!(table, "| `{}` | {} |", name.as_str().unwrap(), cell(description));
    }
    table
}

/// `page` with the generated table `name` replaced.
fn with_table(page: &str, name: &str, table: &str) -> String {
    let start = format!("<!-- generated: {name} -->\n");
    let (before, rest) = page.split_once(&start).unwrap_or_else(|| panic!("{PATH} has no {start}"));
    let (_, after) = rest.split_once("<!-- end -->").unwrap_or_else(|| panic!("{PATH}: {name} has no end"));
    format!("{before}{start}\n{table}\n<!-- end -->{after}")
}

#[test]
fn tables_are_those_of_the_program() {
    let current = page(PATH).text;
    let expected = with_table(&with_table(&current, "settings", &settings()), "outputs", &outputs());
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(root().join(PATH), &expected).unwrap();
    } else {
        assert!(current == expected, "{PATH} is out of date: UPDATE_DOCS=1 cargo test --test it docs::reference");
    }
}

#[test]
fn defaults_are_those_of_the_program() {
    let sandbox = Sandbox::start();
    let call = Versioner::shell(&sandbox).args(["check", "--product", "a", "--environment", "b"]);
    let check = call.without("VERSIONER_API_URL").args(["--version", "1"]).run().stdout;
    let mut compared = 0;
    for setting in SETTINGS.iter().filter(|setting| is_literal(setting.default)) {
        // `check` is a command, and shows metadata in the event.
        if ["metadata", "command"].contains(&setting.name) {
            continue;
        }
        let line = check.lines().find(|line| line.contains(&format!("  {} ", setting.name)));
        let line = line.unwrap_or_else(|| panic!("{} is not in {check}", setting.name));
        assert!(line.contains(&format!("  {}  (default)", setting.default)), "{line}, table: {}", setting.default);
        compared += 1;
    }
    assert!(compared > 15, "only {compared} defaults were compared");
}

#[test]
fn variables_that_are_no_settings_are_documented() {
    let text = page(PATH).text;
    let outputs = outputs();
    for name in OTHER_VARIABLES.iter().filter(|name| !outputs.contains(&format!("| `{name}` |"))) {
        let variable = format!("`VERSIONER_{}`", name.to_uppercase());
        assert!(text.contains(&variable), "{PATH} does not explain {variable}");
    }
}

#[test]
fn reference_names_every_command_and_exit_code() {
    let text = page(PATH).text;
    for command in COMMANDS {
        let call = [["versioner"].as_slice(), command.words].concat().join(" ");
        // `track` alone prints its help.
        let known = command.subcommand.is_none() || text.contains(&format!("| `{call}"));
        assert!(known, "{PATH} has no row for {call}");
    }
    for code in [0, 1, 4, 5, 130, 143] {
        assert!(
            text.lines().any(|line| line.starts_with("| ") && line.contains(&format!("`{code}`"))),
            "no row for {code}"
        );
    }
}

/// The cells of the rows of the README's tables that begin with a name in backticks.
fn readme_rows() -> Vec<Vec<String>> {
    let readme = page("README.md");
    let rows = readme.prose().into_iter().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

#[test]
fn readme_names_settings_and_outputs_with_their_defaults() {
    let outputs = outputs();
    let (mut inputs, mut values) = (0, 0);
    for row in readme_rows() {
        let name = row[0].trim_matches('`');
        if row.len() == 2 {
            assert!(outputs.contains(&format!("| `{name}` |")), "README.md: {name} is no output");
            values += 1;
            continue;
        }
        let setting = SETTINGS.iter().find(|setting| setting.name == name);
        let setting = setting.unwrap_or_else(|| panic!("README.md: {name} is no setting"));
        if is_literal(setting.default) {
            assert_eq!(row[1], format!("`{}`", setting.default), "README.md: the default of {name}");
        } else {
            assert!(!row[1].starts_with('`'), "README.md: {name} has no default {}", row[1]);
        }
        inputs += 1;
    }
    assert_eq!((inputs, values), (10, 5));
}

#[test]
fn ci_systems_are_all_listed() {
    let text = page("docs/ci-systems.md").text;
    for (system, ..) in crate::systems::MARKERS {
        assert!(text.contains(&format!("`{system}`")), "docs/ci-systems.md does not list {system}");
    }
    let names: std::collections::BTreeSet<&str> = crate::systems::MARKERS.iter().map(|(system, ..)| *system).collect();
    assert!(text.contains(&format!("detects {} CI systems", names.len())), "{}", names.len());
    // GitHub, GitLab and Jenkins are named.
    assert!(page("README.md").text.contains(&format!("[{} other CI systems]", names.len() - 3)), "{}", names.len());
}
