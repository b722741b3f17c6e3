//! Checks the documentation: its links, its code blocks, the examples, and what it says about the program.
//!
//! Owns reading Markdown. Understands only the forms that the pages use: fenced blocks, headings, inline links, and HTML
//! attributes.

mod blocks;
mod links;
mod pictures;
#[cfg(unix)]
mod pipelines;
mod reference;

use crate::support::read;
use std::path::{Path, PathBuf};

/// A Markdown file.
struct Page {
    /// Relative to the repository.
    path: String,
    text: String,
}

/// A fenced code block.
struct Block<'a> {
    language: &'a str,
    text: String,
    /// The line of the opening fence, from 1.
    line: usize,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files in a directory of the repository, by path relative to it, in order.
fn files_in(directory: &str) -> Vec<String> {
    let entries = std::fs::read_dir(root().join(directory)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let mut paths: Vec<PathBuf> = paths.map(|path| path.strip_prefix(root()).unwrap().to_owned()).collect();
    paths.sort();
    paths.iter().map(|path| path.to_str().unwrap().to_owned()).collect()
}

/// Every Markdown file of the repository.
fn pages() -> Vec<Page> {
    let mut pages = Vec::new();
    let mut directories = vec![String::new()];
    while let Some(directory) = directories.pop() {
        let files = files_in(&directory);
        pages.extend(files.iter().filter(|path| path.ends_with(".md")).map(|path| page(path)));
        let entries = std::fs::read_dir(root().join(&directory)).unwrap().map(|entry| entry.unwrap().path());
        let own = entries.filter(|path| path.is_dir() && !path.is_symlink());
        let own = own.map(|path| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
        directories
            .extend(own.filter(|path| ![".git", "target"].contains(&path.as_str()) && !path.ends_with("node_modules")));
    }
    pages
}

fn page(path: &str) -> Page {
    let text = read(&root().join(path));
    assert!(!text.is_empty(), "{path} is missing or empty");
    Page { path: path.to_owned(), text }
}

impl Page {
    /// The lines outside code blocks.
    fn prose(&self) -> Vec<&str> {
        let mut fenced = false;
        let outside = |line: &&str| {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            !fenced && !fence
        };
        self.text.lines().filter(outside).collect()
    }

    fn blocks(&self) -> Vec<Block<'_>> {
        let mut blocks = Vec::new();
        let mut lines = self.text.lines().enumerate();
        while let Some((number, line)) = lines.next() {
            let Some(language) = line.trim_start().strip_prefix("```") else { continue };
            let text = lines.by_ref().map(|(_, line)| line).take_while(|line| line.trim_start() != "```");
            let text = text.map(|line| format!("{line}\n")).collect();
            blocks.push(Block { language, text, line: number + 1 });
        }
        blocks
    }

    /// The fragments that links to this page can have.
    fn anchors(&self) -> Vec<String> {
        let mut anchors = Vec::new();
        for line in self.prose() {
            let title = line.trim_start_matches('#');
            if title.len() < line.len() && title.starts_with(' ') {
                anchors.push(slug(title));
            }
            anchors.extend(attribute_values(line, "id").map(str::to_owned));
        }
        anchors
    }
}

/// The fragment that GitHub gives a heading.
fn slug(title: &str) -> String {
    let kept = title.trim().chars().filter(|c| c.is_alphanumeric() || "-_ ".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect::<String>().to_lowercase()
}

/// The values of an HTML attribute in a line.
fn attribute_values<'a>(line: &'a str, name: &str) -> impl Iterator<Item = &'a str> {
    let start = format!(" {name}=\"");
    line.match_indices(&start)
        .map(move |(at, start)| &line[at + start.len()..])
        .filter_map(|rest| Some(rest.split_once('"')?.0))
        .collect::<Vec<_>>()
        .into_iter()
}
