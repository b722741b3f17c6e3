//! `docs/performance.md` and its charts, from the recorded figures.
//!
//! Owns: which parts of the page are generated, and keeping the rest. A part stands between `<!-- generated: NAME -->` and
//! `<!-- end -->`.

use crate::figures::{Figures, root};
use crate::{charts, tables};
use anyhow::Context as _;
use std::path::PathBuf;

const END: &str = "<!-- end -->";

fn begin(name: &str) -> String {
    format!("<!-- generated: {name} -->")
}

/// All generated parts: name and Markdown.
fn parts(figures: &Figures) -> Vec<(&'static str, String)> {
    let mut parts = Vec::new();
    if let Some(comparison) = &figures.comparison {
        parts.push(("machine", tables::machine(comparison)));
        parts.push(("events", tables::events(comparison)));
        parts.push(("ratios", tables::ratios(comparison)));
        parts.push(("tasks", tables::tasks(comparison)));
        parts.push(("detection", tables::detection(comparison)));
        parts.push(("wait", tables::wait(&comparison.wait)));
        parts.push(("spool", tables::spool(&comparison.spool)));
    }
    if !figures.fleets.is_empty() {
        parts.push(("fleet", tables::fleets(&figures.fleets)));
        parts.push(("limited fleet", tables::limited_fleets(&figures.fleets)));
    }
    if let Some(size) = &figures.size {
        parts.push(("size", tables::size(size)));
    }
    parts
}

/// The generated parts as one text, for the terminal.
pub(crate) fn generated(figures: &Figures) -> String {
    let parts = parts(figures);
    parts.iter().map(|(name, text)| format!("== {name} ==\n\n{text}")).collect::<Vec<_>>().join("\n\n")
}

fn page_file() -> PathBuf {
    root().join("docs/performance.md")
}

/// `page` with its generated parts replaced.
fn rendered(page: &str, figures: &Figures) -> anyhow::Result<String> {
    let mut page = page.to_owned();
    for (name, text) in parts(figures) {
        let begin = begin(name);
        let start = page.find(&begin).with_context(|| format!("docs/performance.md has no {begin}"))? + begin.len();
        let end = page[start..].find(END).with_context(|| format!("docs/performance.md has no {END} after {begin}"))?;
        page.replace_range(start..start + end, &format!("\n\n{text}\n\n"));
    }
    Ok(page)
}

/// The files of the charts: path and content.
fn chart_files(figures: &Figures) -> Vec<(PathBuf, String)> {
    let files = charts::all(figures).into_iter();
    files.map(|(name, svg)| (root().join("docs/charts").join(name), svg)).collect()
}

/// Writes the page and the charts.
pub(crate) fn write(figures: &Figures) -> anyhow::Result<()> {
    let page = std::fs::read_to_string(page_file()).context("docs/performance.md")?;
    std::fs::write(page_file(), rendered(&page, figures)?)?;
    std::fs::create_dir_all(root().join("docs/charts"))?;
    for (file, svg) in chart_files(figures) {
        std::fs::write(&file, svg).with_context(|| file.display().to_string())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HINT: &str = "write it again with `benches/run.sh render`";

    #[test]
    fn page_is_what_the_recorded_figures_render_to() {
        let page = std::fs::read_to_string(page_file()).unwrap();
        let figures = Figures::load().unwrap();
        assert_eq!(parts(&figures).len(), 10, "a part of the figures was never measured");
        assert_eq!(page.matches("<!-- generated: ").count(), 10);
        assert!(page == rendered(&page, &figures).unwrap(), "docs/performance.md differs from the figures: {HINT}");
    }

    #[test]
    fn charts_are_what_the_recorded_figures_render_to() {
        let page = std::fs::read_to_string(page_file()).unwrap();
        let charts = chart_files(&Figures::load().unwrap());
        assert_eq!(charts.len(), 6);
        for (file, svg) in charts {
            let name = file.file_name().unwrap().to_str().unwrap();
            assert!(page.contains(&format!("charts/{name}")), "the page does not show {name}");
            assert!(std::fs::read_to_string(&file).unwrap() == svg, "{name} differs from the figures: {HINT}");
        }
    }

    #[test]
    fn only_the_generated_parts_are_replaced() {
        let figures = Figures { size: Some(crate::figures::Size::default()), ..Figures::default() };
        let page = "before\n<!-- generated: size -->\nold\n<!-- end -->\nafter";
        let rendered = rendered(page, &figures).unwrap();
        assert!(rendered.starts_with("before\n<!-- generated: size -->\n\n"), "{rendered}");
        assert!(rendered.ends_with("\n\n<!-- end -->\nafter") && !rendered.contains("old"), "{rendered}");
        assert!(super::rendered("no markers", &figures).is_err());
    }
}
