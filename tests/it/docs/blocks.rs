//! The code blocks on the pages, and the files in `examples`.

use super::{Page, files_in, page, pages, root};
use crate::support::read;
use saphyr::{LoadableYamlNode, YamlOwned};
use std::collections::BTreeSet;

/// Without the indentation that all lines share.
fn dedent(text: &str) -> String {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let shared = text.lines().filter(|line| !line.trim().is_empty()).map(indent).min().unwrap_or(0);
    text.lines().map(|line| format!("{}\n", line.get(shared..).unwrap_or(""))).collect()
}

/// Whether some consecutive lines of `file` are `block`, at any indentation.
fn contains_block(file: &str, block: &str) -> bool {
    let lines: Vec<&str> = file.lines().collect();
    let wanted = dedent(block);
    lines.windows(block.lines().count()).any(|window| dedent(&window.join("\n")) == wanted)
}

fn examples() -> Vec<(String, String)> {
    files_in("examples").into_iter().map(|path| (path.clone(), read(&root().join(&path)))).collect()
}

fn yaml(path: &str, text: &str) -> YamlOwned {
    let mut documents = YamlOwned::load_from_str(text).unwrap_or_else(|error| panic!("{path}: {error}"));
    assert_eq!(documents.len(), 1, "{path}");
    documents.remove(0)
}

/// Pages whose blocks the tests of their features check.
const OWN_TESTS: [&str; 3] = ["docs/configuration-file.md", "docs/deploy-action.md", "docs/resume.md"];

/// So every block is parsed, linted and run, as the examples are.
#[test]
fn every_pipeline_on_a_page_is_part_of_an_example() {
    let examples = examples();
    let mut blocks = 0;
    for page in pages().iter().filter(|page| page.path == "README.md" || page.path.starts_with("docs/")) {
        for block in page.blocks() {
            if !["yaml", "yml", "groovy"].contains(&block.language) {
                continue;
            }
            if OWN_TESTS.contains(&page.path.as_str()) {
                yaml(&page.path, &block.text);
                continue;
            }
            blocks += 1;
            let found = examples.iter().any(|(_, text)| contains_block(text, &block.text));
            assert!(found, "{}:{}: this block is in no file in examples/:\n{}", page.path, block.line, block.text);
        }
    }
    assert!(blocks > 15, "only {blocks} blocks were found");
}

#[test]
fn quick_start_in_the_readme_is_complete() {
    let example = read(&root().join("examples/github-quick-start.yml"));
    let readme = page("README.md");
    let complete = readme.blocks().iter().any(|block| example.ends_with(&block.text) && block.text.contains("\non:"));
    assert!(complete, "README.md does not contain the whole of examples/github-quick-start.yml");
}

#[test]
fn examples_are_yaml() {
    for (path, text) in examples().iter().filter(|(path, _)| path.ends_with(".yml")) {
        assert!(yaml(path, text).is_mapping(), "{path}");
        assert!(text.starts_with("# "), "{path} does not begin with a comment that says what it does");
    }
}

/// The inputs that steps with `uses: versioner/action…` have.
fn used_inputs<'a>(node: &'a YamlOwned, found: &mut BTreeSet<&'a str>) {
    if let Some(items) = node.as_sequence() {
        items.iter().for_each(|item| used_inputs(item, found));
    }
    let Some(mapping) = node.as_mapping() else { return };
    let uses = node.as_mapping_get("uses").and_then(YamlOwned::as_str).unwrap_or_default();
    if uses.starts_with("versioner/action@")
        && let Some(with) = node.as_mapping_get("with").and_then(YamlOwned::as_mapping)
    {
        found.extend(with.keys().map(|key| key.as_str().unwrap()));
    }
    mapping.values().for_each(|value| used_inputs(value, found));
}

#[test]
fn examples_use_only_inputs_of_the_action() {
    let action = yaml("action.yml", &read(&root().join("action.yml")));
    let known: BTreeSet<&str> =
        action["inputs"].as_mapping().unwrap().keys().map(|key| key.as_str().unwrap()).collect();
    let mut inputs = 0;
    for (path, text) in examples().iter().filter(|(path, _)| path.contains("/github-")) {
        let workflow = yaml(path, text);
        let mut used = BTreeSet::new();
        used_inputs(&workflow, &mut used);
        inputs += used.len();
        let unknown: Vec<_> = used.difference(&known).collect();
        assert!(unknown.is_empty(), "{path}: action.yml has no input {unknown:?}");
    }
    assert!(inputs > 10, "only {inputs} inputs were found");
}

#[test]
fn pages_and_examples_name_the_current_version() {
    let version = env!("CARGO_PKG_VERSION");
    let files = examples().into_iter().chain(pages().into_iter().map(|page| (page.path, page.text)));
    let mut named = 0;
    for (path, text) in files {
        for prefix in ["/download/v", "/versioner@", "# v"] {
            for (at, _) in text.match_indices(prefix) {
                let rest: String =
                    text[at + prefix.len()..].chars().take_while(|c| c.is_ascii_digit() || *c == '.').collect();
                if rest.split('.').filter(|part| !part.is_empty()).count() == 3 {
                    named += 1;
                    assert_eq!(rest, version, "{path}: {prefix}{rest}");
                }
            }
        }
    }
    assert!(named >= 5, "only {named} versions were found");
    let changes = page("CHANGELOG.md").text;
    assert!(changes.contains(&format!("\n## [{version}]")), "CHANGELOG.md has no section for {version}");
}

/// The shell commands on a page: its `sh` blocks, in order. Commands that are not for users of the program, or that need
/// more than the program, are in `console` blocks.
#[cfg(unix)]
fn shell_script(page: &Page) -> String {
    // `.ci/run` runs these two.
    const OF_THE_REPOSITORY: [&str; 2] = ["./tests/demo.sh\n", "./tests/run.sh\n"];
    let blocks = page.blocks();
    let blocks =
        blocks.iter().filter(|block| block.language == "sh" && !OF_THE_REPOSITORY.contains(&block.text.as_str()));
    blocks.map(|block| format!("# {}:{}\n{}", page.path, block.line, block.text)).collect()
}

#[cfg(unix)]
#[test]
fn shell_blocks_work() {
    use crate::support::{Versioner, binary};
    use std::process::Command;
    use versioner_sandbox::Sandbox;
    let mut scripts = 0;
    let of_users =
        |page: &&Page| ["README.md", "SUPPORT.md"].contains(&page.path.as_str()) || page.path.starts_with("docs/");
    for page in pages().iter().filter(of_users) {
        let script = shell_script(page);
        if script.is_empty() {
            continue;
        }
        scripts += 1;
        let sandbox = Sandbox::start();
        let call = Versioner::shell(&sandbox);
        for name in ["deploy.sh", "migrate.sh"] {
            call.program(name, "#!/bin/sh\nexit 0\n");
        }
        let tools = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(binary(), tools.path().join("versioner")).unwrap();
        // A session of its own is one job.
        let mut shell = Command::new("setsid");
        shell.args(["--wait", "/bin/sh", "-euxc", &script]).env_clear().current_dir(call.dir.path());
        shell.envs(call.command().get_envs().filter_map(|(name, value)| Some((name, value?))));
        shell.env("PATH", format!("{}:/usr/bin:/bin", tools.path().display()));
        let output = shell.output().unwrap();
        assert!(output.status.success(), "{}: {}", page.path, String::from_utf8_lossy(&output.stderr));
    }
    assert!(scripts >= 3, "only {scripts} pages with shell blocks were found");
}
