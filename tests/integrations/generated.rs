//! The parts of `integrations/` that are written from the settings and from `install.sh`, between `# NAME: begin` and
//! `# NAME: end`. `INSTA_UPDATE=always` writes them; without it, a difference is an error.

use crate::{read, root};
use std::sync::{Mutex, PoisonError};
use versioner_action::internals::{Argument, SETTINGS, Scope, Setting};

/// The settings of `resume` and of a block that GitHub alone can lift. Other systems have no use for them.
const GITHUB_ONLY: [&str; 5] = ["on_superseded", "github_token", "workflow", "branch", "dry_run"];

/// Only for `flush`, which is no step of these packages.
const FLUSH_ONLY: [&str; 1] = ["retry_set_aside"];

/// The settings without these, and without those that no package has.
fn settings_without(excluded: &[&str]) -> impl Iterator<Item = &'static Setting> {
    let known = |name: &&&str| !SETTINGS.iter().any(|setting| setting.name == **name);
    assert_eq!(excluded.iter().find(known), None, "no such setting");
    let excluded = [excluded, &GITHUB_ONLY, &FLUSH_ONLY].concat();
    SETTINGS.iter().filter(move |setting| !excluded.contains(&setting.name))
}

/// The settings of every command: the API and the output.
fn settings_of_finish() -> impl Iterator<Item = &'static Setting> {
    settings_without(&["api_key"]).filter(|setting| matches!(setting.scope, Scope::Api | Scope::Output))
}

fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

fn describe(setting: &Setting) -> String {
    let mut text = setting.about.to_owned();
    text.replace_range(..1, &text[..1].to_uppercase());
    let default = if setting.default.is_empty() { String::new() } else { format!(" Default: {}.", setting.default) };
    format!("{}.{default}", text.trim_end_matches('.'))
}

/// Two tests must not write one file at once.
static WRITING: Mutex<()> = Mutex::new(());

fn updating() -> bool {
    std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "always")
}

/// Replaces a file at once, because other tests read it.
fn write(path: &str, text: &str) {
    let new = root().join(format!("{path}.new"));
    std::fs::create_dir_all(new.parent().unwrap()).unwrap();
    std::fs::write(&new, text).unwrap();
    std::fs::rename(new, root().join(path)).unwrap();
}

/// Checks the part `name` of a file, whose markers are comments that begin with `comment`.
fn check(path: &str, comment: &str, name: &str, lines: impl IntoIterator<Item = String>) {
    let _writing = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let file = read(path);
    let (begin, end) = (format!("{comment} {name}: begin"), format!("{comment} {name}: end"));
    let rows: Vec<&str> = file.lines().collect();
    let find = |marker: &str| {
        let found = rows.iter().position(|row| row.trim_start().starts_with(marker));
        found.unwrap_or_else(|| panic!("{path} has no line {marker}"))
    };
    let (from, to) = (find(&begin), find(&end));
    let indent = &rows[from][..rows[from].len() - rows[from].trim_start().len()];
    let lines = lines.into_iter().map(|line| if line.is_empty() { line } else { format!("{indent}{line}") });
    let before = rows[..=from].iter().map(|row| (*row).to_owned());
    let expected: Vec<String> = before.chain(lines).chain(rows[to..].iter().map(|row| (*row).to_owned())).collect();
    let expected = expected.join("\n") + "\n";
    if expected != file && updating() {
        write(path, &expected);
    } else {
        assert!(expected == file, "{path} is out of date: run INSTA_UPDATE=always cargo test --test integrations");
    }
}

#[test]
fn buildkite_plugin_has_the_settings() {
    // A pipeline's file is no place for the API key. The step's command and its end decide the others.
    let settings = settings_without(&["api_key", "event_type", "status", "command", "run"]);
    let lines = settings.flat_map(|setting| {
        let kind = match (setting.argument, setting.name) {
            (Argument::Switch, _) => vec!["  type: boolean".to_owned()],
            (Argument::Words(words), _) => {
                // Only GitHub can run a parked job again.
                let words: Vec<&str> = words.iter().copied().filter(|word| *word != "park").collect();
                vec!["  type: string".to_owned(), format!("  enum: [{}]", words.join(", "))]
            }
            (Argument::Value(_), "retries") => vec!["  type: integer".to_owned()],
            (Argument::Value(_), _) => vec!["  type: string".to_owned()],
        };
        let description = format!("  description: {}", quote(&describe(setting)));
        [vec![format!("{}:", setting.name)], kind, vec![description]].concat()
    });
    check("integrations/versioner-buildkite-plugin/plugin.yml", "#", "settings", lines);
}

#[test]
fn circleci_orb_has_the_settings() {
    let path = "integrations/circleci/orb.yml";
    let default = |name: &str| if ["status", "version", "run"].contains(&name) { "auto" } else { "''" };
    let parameter = |setting: &Setting| {
        let description = quote(&describe(setting));
        format!("{}: {{type: string, default: {}, description: {description}}}", setting.name, default(setting.name))
    };
    let variable =
        |setting: &Setting| format!("INPUT_{}: << parameters.{} >>", setting.name.to_uppercase(), setting.name);
    check(path, "#", "report", settings_without(&["api_key", "command"]).map(parameter));
    check(path, "#", "report environment", settings_without(&["api_key", "command"]).map(variable));
    check(path, "#", "finish", settings_of_finish().map(parameter));
    check(path, "#", "finish environment", settings_of_finish().map(variable));
}

#[test]
fn azure_template_has_the_settings() {
    let parameter = |setting: &Setting| format!("- {{name: {}, type: string, default: ''}}", setting.name);
    check("integrations/azure-pipelines/versioner.yml", "#", "settings", settings_without(&["api_key"]).map(parameter));
}

#[test]
fn jenkins_library_has_the_settings() {
    // The credential holds the API key. The steps of the library decide the others.
    let settings = settings_without(&["api_key", "command", "run"]);
    let lines = settings.map(|setting| format!("'{}',", setting.name));
    check("integrations/jenkins/vars/versioner.groovy", "//", "settings", lines);
}

#[test]
fn bitbucket_pipe_has_the_settings() {
    // The image has no shell.
    let settings = settings_without(&["run", "stop_timeout", "keep_api_key"]);
    let lines = settings.map(|setting| format!("- name: VERSIONER_{}", setting.name.to_uppercase()));
    check("integrations/bitbucket/pipe.yml", "#", "settings", lines);
}

#[test]
fn woodpecker_documentation_lists_the_settings() {
    let cell = |text: &str| text.replace('|', "\\|");
    let rows = settings_without(&["run", "stop_timeout", "keep_api_key"])
        .map(|setting| format!("| `{}` | {} | {} |", setting.name, cell(setting.default), cell(setting.about)));
    let head = ["", "| setting | default | meaning |", "| --- | --- | --- |"].map(str::to_owned);
    let lines = head.into_iter().chain(rows).chain([String::new()]);
    check("integrations/woodpecker/docs.md", "<!--", "settings", lines);
}

#[test]
fn install_script_is_the_same_everywhere() {
    let script = read("integrations/install.sh");
    let body = || script.lines().skip_while(|line| line.starts_with('#')).map(str::to_owned);
    check("integrations/circleci/orb.yml", "#", "install", body());
    check("integrations/azure-pipelines/versioner.yml", "#", "install", body());
    for directory in ["jenkins/resources/io/versioner", "versioner-buildkite-plugin"] {
        let copy = format!("integrations/{directory}/install.sh");
        if updating() {
            write(&copy, &script);
        }
        assert!(read(&copy) == script, "{copy} is out of date");
    }
}
