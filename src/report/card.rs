//! A message for people in one form, and how it is written as an annotation and as a summary.
//!
//! Owns: layout. Does not own: what is said, nor the grammar of a CI system.

use crate::ci::surface::{Level, Summary};
use crate::text::html;

/// A message: what it is, the facts, and what to do.
///
/// All texts are single lines that are safe to show; none contains the API key once [`Card::scrubbed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// How grave it is.
    pub level: Level,
    /// What happened, to what.
    pub title: String,
    /// Sentences that come first.
    pub lead: Vec<String>,
    /// Facts by label.
    pub facts: Vec<Fact>,
    /// What to do, most useful first.
    pub next: Vec<String>,
}

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What it is.
    pub label: String,
    /// The fact.
    pub value: String,
    /// Where to see more.
    pub link: Option<String>,
}

impl Card {
    /// An empty card.
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

    /// The same card with every text passed through `scrub`, which hides the API key.
    #[must_use]
    pub fn scrubbed(&self, scrub: impl Fn(&str) -> String) -> Self {
        let all = |texts: &[String]| texts.iter().map(|text| scrub(text)).collect();
        Self {
            level: self.level,
            title: scrub(&self.title),
            lead: all(&self.lead),
            facts: self
                .facts
                .iter()
                .map(|fact| Fact {
                    label: scrub(&fact.label),
                    value: scrub(&fact.value),
                    link: fact.link.as_deref().map(&scrub),
                })
                .collect(),
            next: all(&self.next),
        }
    }

    /// The lines under the title, for an annotation or a log.
    #[must_use]
    pub fn message(&self) -> String {
        let facts = self.facts.iter().map(|fact| match &fact.link {
            Some(link) => format!("{}: {} {link}", fact.label, fact.value),
            None => format!("{}: {}", fact.label, fact.value),
        });
        let next = self.next.iter().map(|step| format!("Next: {step}"));
        self.lead.iter().cloned().chain(facts).chain(next).collect::<Vec<_>>().join("\n")
    }

    /// The card for a job summary.
    #[must_use]
    pub fn summary(&self) -> Summary {
        Summary {
            level: self.level,
            title: self.title.clone(),
            markdown: self.markdown(),
            link: self.facts.iter().find_map(|fact| fact.link.clone()),
        }
    }

    /// Markdown whose every text is escaped.
    fn markdown(&self) -> String {
        let sign = match self.level {
            Level::Error => "❌",
            Level::Warning => "⚠️",
            Level::Notice => "✅",
        };
        let mut out = format!("### {sign} {}\n\n", html(&self.title));
        for sentence in &self.lead {
            out.push_str(&format!("<p>{}</p>\n", html(sentence)));
        }
        if !self.facts.is_empty() {
            out.push_str("<table>\n");
            for fact in &self.facts {
                let value = match &fact.link {
                    Some(link) => format!("<a href=\"{}\">{}</a>", html(link), html(&fact.value)),
                    None => html(&fact.value),
                };
                out.push_str(&format!("<tr><th align=\"left\">{}</th><td>{value}</td></tr>\n", html(&fact.label)));
            }
            out.push_str("</table>\n");
        }
        if !self.next.is_empty() {
            let steps: String = self.next.iter().map(|step| format!("<li>{}</li>\n", html(step))).collect();
            out.push_str(&format!("<p><b>What to do</b></p>\n<ul>\n{steps}</ul>\n"));
        }
        out.push('\n');
        out
    }
}
