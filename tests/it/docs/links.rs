//! Links between the pages, the examples and the pictures, and from the program's messages to the pages.

use super::{Page, attribute_values, files_in, page, pages, root};
use crate::support::read;
use std::collections::BTreeSet;
use std::path::{Component, Path};

/// Anchors that the program's messages link to.
const STABLE_ANCHORS: [(&str, &[&str]); 2] = [
    (
        "docs/blocks.md",
        &["no-deploy-window", "deployment-in-progress", "approval-required", "flow-violation", "soak-time"],
    ),
    (
        "docs/troubleshooting.md",
        &[
            "api-key-rejected",
            "rejected",
            "api-unavailable",
            "cannot-reach-the-api",
            "tls-error",
            "timed-out-waiting",
            "not-recorded-yet",
        ],
    ),
];

/// The targets of the links and pictures on a page.
fn targets(page: &Page) -> Vec<String> {
    let mut targets = Vec::new();
    for line in page.prose() {
        // Text in backticks contains no links.
        let text: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        targets.extend(text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())));
        for name in ["href", "src", "srcset"] {
            targets.extend(attribute_values(line, name).map(str::to_owned));
        }
    }
    targets
}

/// The file and the fragment that a link on `page` points to. None for other sites.
fn resolve(page: &Page, target: &str) -> Option<(String, String)> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, fragment) = target.split_once('#').unwrap_or((target, ""));
    if path.is_empty() {
        return Some((page.path.clone(), fragment.to_owned()));
    }
    let mut parts: Vec<String> = Vec::new();
    for part in Path::new(&page.path).parent().unwrap().join(path).components() {
        match part {
            Component::Normal(name) => parts.push(name.to_str().unwrap().to_owned()),
            Component::ParentDir => assert!(parts.pop().is_some(), "{}: {target} leaves the repository", page.path),
            _ => {}
        }
    }
    Some((parts.join("/"), fragment.to_owned()))
}

#[test]
fn links_lead_to_files_and_headings_that_exist() {
    let mut links = 0;
    for source in pages() {
        for target in targets(&source) {
            let Some((path, fragment)) = resolve(&source, &target) else { continue };
            links += 1;
            assert!(root().join(&path).exists(), "{}: {target} does not exist", source.path);
            let known = fragment.is_empty() || page(&path).anchors().contains(&fragment);
            assert!(known, "{}: {target}: no such heading", source.path);
        }
    }
    assert!(links > 100, "only {links} links were found");
}

#[test]
fn every_page_example_and_picture_can_be_reached_from_the_readme() {
    let mut reached = BTreeSet::from(["README.md".to_owned()]);
    let mut open = vec!["README.md".to_owned()];
    while let Some(path) = open.pop() {
        let source = page(&path);
        for (target, _) in targets(&source).iter().filter_map(|target| resolve(&source, target)) {
            if reached.insert(target.clone()) && target.ends_with(".md") {
                open.push(target);
            }
        }
    }
    let files = ["docs", "examples", "docs/pictures"].into_iter().flat_map(files_in);
    let tools = ["docs/pictures/make", "docs/pictures/draw.mjs", "docs/pictures/sources.txt"];
    for file in files.filter(|file| !tools.contains(&file.as_str())) {
        assert!(reached.contains(&file), "no page links to {file}");
    }
}

#[test]
fn messages_link_to_headings_that_exist() {
    for (path, anchors) in STABLE_ANCHORS {
        let known = page(path).anchors();
        for anchor in anchors {
            assert!(known.iter().any(|known| known == anchor), "{path} has no heading for #{anchor}");
        }
    }
    let mut directories = vec![root().join("src")];
    while let Some(directory) = directories.pop() {
        for path in std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                directories.push(path);
                continue;
            }
            for (target, fragment) in links_in_source(&read(&path)) {
                let exists = root().join(&target).exists();
                assert!(exists, "{}: {target} does not exist", path.display());
                let known = fragment.is_empty() || page(&target).anchors().contains(&fragment);
                assert!(known, "{}: {target} has no heading for #{fragment}", path.display());
            }
        }
    }
}

/// The pages that source code names, such as `docs/blocks.md#soak-time`.
fn links_in_source(code: &str) -> Vec<(String, String)> {
    let word = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || "-_/.".contains(*c)).collect::<String>();
    let mut links = Vec::new();
    for (at, _) in code.match_indices("docs/") {
        let target = word(&code[at..]);
        let Some(end) = target.find(".md") else { continue };
        let rest = &code[at + end + ".md".len()..];
        let fragment = rest.strip_prefix('#').map(word).unwrap_or_default();
        links.push((target[..end + ".md".len()].to_owned(), fragment.trim_end_matches('.').to_owned()));
    }
    links
}

#[test]
fn no_paragraph_is_written_twice() {
    let mut seen: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
    for page in pages() {
        for paragraph in page.prose().join("\n").split("\n\n").filter(|text| text.len() > 100) {
            // Pictures may be shown on several pages.
            if paragraph.starts_with("<p><picture>") {
                continue;
            }
            if let Some(other) = seen.insert(paragraph.to_owned(), page.path.clone()) {
                panic!("{other} and {} have the same paragraph: {paragraph}", page.path);
            }
        }
    }
}

#[test]
fn readme_is_short() {
    let lines = page("README.md").text.lines().count();
    assert!(lines <= 220, "README.md has {lines} lines: move details to docs/");
}
