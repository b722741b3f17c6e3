//! Draws what GitHub shows of a step: its lines in the workflow file, its log, its annotations and its job summary.

use crate::markup::{self, Face, Line};
use crate::step::{Annotation, StepOutput};
use std::fmt::Write as _;

/// The width of the page in characters.
const WIDTH: usize = 100;

/// How text is set apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// With the colors of a terminal.
    Colors,
    /// Not at all.
    Plain,
}

/// The page of a scene.
pub(crate) fn draw(name: &str, title: &str, output: &StepOutput, style: Style) -> String {
    let mut page = Page { text: String::new(), style };
    let rule = "━".repeat(WIDTH.saturating_sub(name.chars().count() + title.chars().count() + 8));
    page.line("", &vec![(Face::Strong, format!("━━ {name}: {title} {rule}"))]);
    page.text.push('\n');
    page.workflow(&output.inputs);
    let log = output.log.iter().flat_map(|line| markup::wrap(&[(Face::Plain, line.clone())], WIDTH - 4, 2));
    page.frame("Log", Face::Faint, log.collect());
    for annotation in &output.annotations {
        page.frame(
            &format!("Annotation: {}", annotation.level),
            level_face(&annotation.level),
            annotation_lines(annotation),
        );
    }
    page.frame("Job summary", Face::Faint, markup::lines(&output.summary, WIDTH - 4));
    let (mark, face) = if output.code == 0 { ("✓", Face::Good) } else { ("✗", Face::Bad) };
    page.line("  ", &vec![(face, format!("{mark} exit code {}", output.code))]);
    page.text
}

fn level_face(level: &str) -> Face {
    match level {
        "error" => Face::Bad,
        "warning" => Face::Caution,
        _ => Face::Link,
    }
}

fn annotation_lines(annotation: &Annotation) -> Vec<Line> {
    let mut lines = vec![vec![(Face::Strong, annotation.title.clone())]];
    lines.extend(
        annotation.message.lines().flat_map(|line| markup::wrap(&[(Face::Plain, line.to_owned())], WIDTH - 4, 2)),
    );
    lines
}

struct Page {
    text: String,
    style: Style,
}

impl Page {
    /// The step as it stands in the workflow file.
    fn workflow(&mut self, inputs: &[(String, String)]) {
        let mut lines = vec!["- uses: versioner/action@v1".to_owned(), "  with:".to_owned()];
        for (name, value) in inputs {
            match value.contains('\n') {
                false => lines.push(format!("    {name}: {value}")),
                true => {
                    lines.push(format!("    {name}: |"));
                    lines.extend(value.lines().map(|line| format!("      {line}")));
                }
            }
        }
        for line in lines {
            self.line("    ", &vec![(Face::Code, line)]);
        }
        self.text.push('\n');
    }

    /// Lines in a frame that is open on the right: how wide a character is differs between terminals.
    fn frame(&mut self, title: &str, face: Face, lines: Vec<Line>) {
        if lines.is_empty() {
            return;
        }
        let rule = "─".repeat(WIDTH - 7 - title.chars().count());
        self.line("  ", &vec![(face, format!("╭─ {title} {rule}"))]);
        for line in lines {
            let border = self.styled(face, "│");
            self.line(&format!("  {border} "), &line);
        }
        let rule = "─".repeat(WIDTH - 4);
        self.line("  ", &vec![(face, format!("╰{rule}"))]);
    }

    fn line(&mut self, start: &str, line: &Line) {
        let spans: String = line.iter().map(|(face, text)| self.styled(*face, text)).collect();
        let _ = writeln!(self.text, "{}", format!("{start}{spans}").trim_end());
    }

    fn styled(&self, face: Face, text: &str) -> String {
        match (self.style, face.code()) {
            (Style::Colors, Some(code)) => format!("\x1b[{code}m{text}\x1b[0m"),
            _ => text.to_owned(),
        }
    }
}
