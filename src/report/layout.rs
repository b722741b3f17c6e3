//! The layout of a message: as an annotation and as a section of the job summary.
//!
//! Owns: the order of its parts, their limits, and escaping for the summary. Does not own: wording, nor the grammar of a CI
//! system.

use super::markup::Text;
use crate::model::message::{Level, State, Summary};
use crate::text::{escape_html, truncate};

/// How many lines an annotation has below its title.
const MOST_LINES: usize = 7;
/// The longest of these lines in bytes. Seven of them fit into an annotation, so a long message of the server never hides
/// what to do.
const LONGEST_LINE: usize = 480;

/// A message. Its texts are single lines that are safe to print; none has the API key after [`Report::redacted`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub level: Level,
    /// How the deployment is, for the summary's icon.
    pub state: State,
    /// The annotation's title: state, subject and cause.
    pub title: String,
    /// The lines below it, in order.
    pub lines: Vec<String>,
    pub section: Section,
}

/// A section of the job summary.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Section {
    /// State and subject.
    pub heading: Text,
    /// The cause, in bold.
    pub cause: Option<Text>,
    /// The server's words.
    pub quote: Option<String>,
    pub paragraphs: Vec<Text>,
    pub rows: Vec<Row>,
    /// What to do, most useful first.
    pub steps: Vec<Step>,
    /// The small print.
    pub footer: Vec<Text>,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub label: String,
    pub value: Text,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its first words. They are bold if they are a label, which ends in punctuation.
    pub title: &'static str,
    pub text: Text,
    /// A command for it, which opens below it.
    pub command: Option<String>,
}

impl Report {
    /// A message whose summary has nothing but the heading.
    #[must_use]
    pub fn new(level: Level, state: State, title: impl Into<String>, heading: Text) -> Self {
        let section = Section { heading, ..Section::default() };
        Self { level, state, title: title.into(), lines: Vec::new(), section }
    }

    /// The same with every text passed through `redact`.
    #[must_use]
    pub fn redacted(&self, redact: impl Fn(&str) -> String) -> Self {
        let text = |text: &Text| text.redacted(&redact);
        let Section { heading, cause, quote, paragraphs, rows, steps, footer } = &self.section;
        Self {
            level: self.level,
            state: self.state,
            title: redact(&self.title),
            lines: self.lines.iter().map(|line| redact(line)).collect(),
            section: Section {
                heading: text(heading),
                cause: cause.as_ref().map(text),
                quote: quote.as_deref().map(&redact),
                paragraphs: paragraphs.iter().map(text).collect(),
                rows: rows.iter().map(|row| Row { label: redact(&row.label), value: text(&row.value) }).collect(),
                steps: steps
                    .iter()
                    .map(|step| Step { text: text(&step.text), command: step.command.as_deref().map(&redact), ..*step })
                    .collect(),
                footer: footer.iter().map(text).collect(),
            },
        }
    }

    /// The lines below the title, for an annotation or a log.
    #[must_use]
    pub fn message(&self) -> String {
        let lines = self.lines.iter().take(MOST_LINES);
        lines.map(|line| truncate(line, LONGEST_LINE, "…", char::len_utf8)).collect::<Vec<_>>().join("\n")
    }

    /// The section for the job summary.
    #[must_use]
    pub fn summary(&self) -> Summary {
        let texts = |row: &Row| row.value.first_link().map(str::to_owned);
        let in_cause = self.section.cause.as_ref().and_then(Text::first_link);
        let link = in_cause.map(str::to_owned).or_else(|| self.section.rows.iter().find_map(texts));
        Summary {
            level: self.level,
            state: self.state,
            title: self.title.clone(),
            markdown: self.section.markdown(self.state),
            link,
        }
    }
}

impl Section {
    /// Adds a row, if its value is known.
    pub fn row(&mut self, label: impl Into<String>, value: Option<Text>) {
        self.rows.extend(value.map(|value| Row { label: label.into(), value }));
    }

    /// Markdown with every value escaped. Below the heading it is HTML without blank lines, in which nothing reads as
    /// Markdown.
    fn markdown(&self, state: State) -> String {
        let mut out = format!("### {} {}\n\n", state.icon(), self.heading.html());
        if let Some(cause) = &self.cause {
            out.push_str(&format!("<p><b>{}</b></p>\n", cause.html()));
        }
        if let Some(quote) = &self.quote {
            out.push_str(&format!("<blockquote>{}</blockquote>\n", escape_html(quote)));
        }
        for paragraph in &self.paragraphs {
            out.push_str(&format!("<p>{}</p>\n", paragraph.html()));
        }
        if !self.rows.is_empty() {
            out.push_str("<table>\n");
            for Row { label, value } in &self.rows {
                let (label, value) = (escape_html(label), value.html());
                out.push_str(&format!("<tr><th align=\"left\">{label}</th><td>{value}</td></tr>\n"));
            }
            out.push_str("</table>\n");
        }
        if !self.steps.is_empty() {
            out.push_str("<p><b>What to do</b></p>\n<ol>\n");
            for step in &self.steps {
                out.push_str(&format!("<li>{}{}{}</li>\n", step.label(), step.text.html(), step.details()));
            }
            out.push_str("</ol>\n");
        }
        if !self.footer.is_empty() {
            let footer: Vec<String> = self.footer.iter().map(Text::html).collect();
            out.push_str(&format!("<p><sub>{}</sub></p>\n", footer.join(" · ")));
        }
        out.push('\n');
        out
    }
}

impl Step {
    #[must_use]
    pub fn new(title: &'static str, text: Text) -> Self {
        Self { title, text, command: None }
    }

    /// The step as a line of an annotation.
    #[must_use]
    pub fn line(&self) -> String {
        format!("{} {}", self.title, self.text.plain()).trim_start().to_owned()
    }

    /// The same as the first thing to do: a question stands alone, anything else follows `Do: `.
    #[must_use]
    pub fn first_line(&self) -> String {
        match self.title.ends_with('?') {
            true => self.line(),
            false => format!("Do: {}", uncapitalize(&self.line())),
        }
    }

    fn label(&self) -> String {
        match self.title {
            "" => String::new(),
            title if title.ends_with(|c: char| c.is_alphabetic()) => format!("{title} "),
            title => format!("<b>{title}</b> "),
        }
    }

    fn details(&self) -> String {
        self.command.as_ref().map_or_else(String::new, |command| {
            let command = escape_html(command);
            format!("<details><summary>Command</summary><pre><code>{command}</code></pre></details>")
        })
    }
}

fn uncapitalize(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
