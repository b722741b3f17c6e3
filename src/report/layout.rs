//! The layout of a message: as an annotation and as a section of the job summary.
//!
//! Owns: the order of its parts, and escaping for the summary. Does not own: wording, nor the grammar of a CI system.

use crate::model::message::{Level, Summary};
use crate::text::escape_html;

/// A message. Its texts are single lines that are safe to print; none has the API key after [`Report::redacted`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub level: Level,
    /// What happened, and to what.
    pub title: String,
    /// Sentences before the facts.
    pub lead: Vec<String>,
    pub facts: Vec<Fact>,
    /// What to do, most useful first.
    pub next: Vec<String>,
}

/// A labelled fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    pub label: String,
    pub value: String,
    pub link: Option<String>,
}

impl Report {
    /// A message with nothing but a title.
    #[must_use]
    pub fn new(level: Level, title: impl Into<String>) -> Self {
        Self { level, title: title.into(), lead: Vec::new(), facts: Vec::new(), next: Vec::new() }
    }

    /// Adds a fact, if it is known.
    pub fn fact(&mut self, label: impl Into<String>, value: Option<impl Into<String>>) {
        self.linked_fact(label, value, None);
    }

    /// Adds a fact with a link, if it is known.
    pub fn linked_fact(&mut self, label: impl Into<String>, value: Option<impl Into<String>>, link: Option<String>) {
        if let Some(value) = value {
            self.facts.push(Fact { label: label.into(), value: value.into(), link });
        }
    }

    /// The same with every text passed through `redact`.
    #[must_use]
    pub fn redacted(&self, redact: impl Fn(&str) -> String) -> Self {
        let all = |texts: &[String]| texts.iter().map(|text| redact(text)).collect();
        let fact = |fact: &Fact| Fact {
            label: redact(&fact.label),
            value: redact(&fact.value),
            link: fact.link.as_deref().map(&redact),
        };
        Self {
            level: self.level,
            title: redact(&self.title),
            lead: all(&self.lead),
            facts: self.facts.iter().map(fact).collect(),
            next: all(&self.next),
        }
    }

    /// The lines below the title, for an annotation or a log.
    #[must_use]
    pub fn message(&self) -> String {
        let facts = self.facts.iter().map(|fact| match &fact.link {
            Some(link) => format!("{}: {} {link}", fact.label, fact.value),
            None => format!("{}: {}", fact.label, fact.value),
        });
        let next = self.next.iter().map(|step| format!("Next: {step}"));
        self.lead.iter().cloned().chain(facts).chain(next).collect::<Vec<_>>().join("\n")
    }

    /// The section for the job summary.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            level: self.level,
            title: self.title.clone(),
            markdown: self.markdown(),
            link: self.facts.iter().find_map(|fact| fact.link.clone()),
        }
    }

    /// Markdown with every text escaped.
    fn markdown(&self) -> String {
        let icon = match self.level {
            Level::Error => "❌",
            Level::Warning => "⚠️",
            Level::Notice => "✅",
        };
        let mut out = format!("### {icon} {}\n\n", escape_html(&self.title));
        for sentence in &self.lead {
            out.push_str(&format!("<p>{}</p>\n", escape_html(sentence)));
        }
        if !self.facts.is_empty() {
            out.push_str("<table>\n");
            for fact in &self.facts {
                let (label, value) = (escape_html(&fact.label), escape_html(&fact.value));
                let value = match &fact.link {
                    Some(link) => format!("<a href=\"{}\">{value}</a>", escape_html(link)),
                    None => value,
                };
                out.push_str(&format!("<tr><th align=\"left\">{label}</th><td>{value}</td></tr>\n"));
            }
            out.push_str("</table>\n");
        }
        if !self.next.is_empty() {
            let steps: String = self.next.iter().map(|step| format!("<li>{}</li>\n", escape_html(step))).collect();
            out.push_str(&format!("<p><b>What to do</b></p>\n<ul>\n{steps}</ul>\n"));
        }
        out.push('\n');
        out
    }
}
