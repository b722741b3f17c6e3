//! Text with inline markup, for the job summary.
//!
//! Owns: the markup and its escaping. Does not own: wording. Our own words are printed as they are; everything else is
//! escaped.

use crate::text::escape_html;
use std::borrow::Cow;
use std::fmt::Display;

/// One or a few sentences with inline markup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text(Vec<Span>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Span {
    /// Our own words, numbers and times.
    Words(Cow<'static, str>),
    /// A value that others chose.
    Value(String),
    /// Such a value in a monospaced font.
    Code(String),
    /// A setting with its value, in our own words.
    Setting(Cow<'static, str>),
    /// Something that the web console calls by this name.
    Name(&'static str),
    Link {
        label: Box<Self>,
        url: String,
    },
}

/// `words` as a text.
#[must_use]
pub fn words(words: &'static str) -> Text {
    Text::default().words(words)
}

impl Text {
    #[must_use]
    pub fn words(self, words: &'static str) -> Self {
        self.with(Span::Words(Cow::Borrowed(words)))
    }

    /// A number or a time, as this program wrote it.
    #[must_use]
    pub fn computed(self, text: impl Display) -> Self {
        self.with(Span::Words(Cow::Owned(text.to_string())))
    }

    #[must_use]
    pub fn value(self, value: impl Display) -> Self {
        self.with(Span::Value(value.to_string()))
    }

    #[must_use]
    pub fn code(self, value: impl Display) -> Self {
        self.with(Span::Code(value.to_string()))
    }

    #[must_use]
    pub fn setting(self, setting: impl Into<Cow<'static, str>>) -> Self {
        self.with(Span::Setting(setting.into()))
    }

    #[must_use]
    pub fn name(self, name: &'static str) -> Self {
        self.with(Span::Name(name))
    }

    /// A link with our own words as its label, or these alone if there is no address.
    #[must_use]
    pub fn link(self, label: impl Into<Cow<'static, str>>, url: Option<impl Into<String>>) -> Self {
        self.linked(Span::Words(label.into()), url)
    }

    /// A link with a value as its label, or the value alone if there is no address.
    #[must_use]
    pub fn linked_value(self, value: impl Display, url: Option<impl Into<String>>) -> Self {
        self.linked(Span::Value(value.to_string()), url)
    }

    fn linked(self, label: Span, url: Option<impl Into<String>>) -> Self {
        let is_web = |url: &String| url.starts_with("https://") || url.starts_with("http://");
        match url.map(Into::into).filter(is_web) {
            Some(url) => self.with(Span::Link { label: Box::new(label), url }),
            None => self.with(label),
        }
    }

    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    fn with(mut self, span: Span) -> Self {
        self.0.push(span);
        self
    }

    /// The first link.
    pub fn first_link(&self) -> Option<&str> {
        self.0.iter().find_map(|span| match span {
            Span::Link { url, .. } => Some(url.as_str()),
            _ => None,
        })
    }

    /// The same with every value passed through `redact`.
    #[must_use]
    pub fn redacted(&self, redact: &impl Fn(&str) -> String) -> Self {
        Self(self.0.iter().map(|span| span.redacted(redact)).collect())
    }

    /// Without markup, for an annotation.
    #[must_use]
    pub fn plain(&self) -> String {
        self.0.iter().map(Span::plain).collect()
    }

    #[must_use]
    pub fn html(&self) -> String {
        self.0.iter().map(Span::html).collect()
    }
}

impl Span {
    fn redacted(&self, redact: &impl Fn(&str) -> String) -> Self {
        match self {
            Self::Words(_) | Self::Name(_) | Self::Setting(_) => self.clone(),
            Self::Value(value) => Self::Value(redact(value)),
            Self::Code(value) => Self::Code(redact(value)),
            Self::Link { label, url } => Self::Link { label: Box::new(label.redacted(redact)), url: redact(url) },
        }
    }

    fn plain(&self) -> String {
        match self {
            Self::Words(words) | Self::Setting(words) => words.clone().into_owned(),
            Self::Name(name) => (*name).to_owned(),
            Self::Value(value) | Self::Code(value) => value.clone(),
            Self::Link { label, .. } => label.plain(),
        }
    }

    fn html(&self) -> String {
        match self {
            Self::Words(words) => escape_words(words),
            Self::Value(value) => escape_html(value),
            Self::Code(value) => format!("<code>{}</code>", escape_html(value)),
            Self::Setting(setting) => format!("<code>{}</code>", escape_words(setting)),
            Self::Name(name) => format!("<em>{}</em>", escape_words(name)),
            Self::Link { label, url } => format!("<a href=\"{}\">{}</a>", escape_url(url), label.html()),
        }
    }
}

/// Our own words have no Markdown, but they may have an ampersand or a placeholder.
fn escape_words(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A URL for an attribute. Whatever could end the attribute, or read as Markdown, is percent-encoded.
fn escape_url(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    for c in url.chars() {
        match c {
            'a'..='z'
            | 'A'..='Z'
            | '0'..='9'
            | '-'
            | '.'
            | '_'
            | '~'
            | ':'
            | '/'
            | '?'
            | '='
            | '%'
            | '#'
            | '+'
            | '@' => {
                out.push(c);
            }
            '&' => out.push_str("&amp;"),
            _ => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| out.push_str(&format!("%{byte:02X}"))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_addresses_cannot_leave_their_place() {
        let evil = "</a>\"><script>`x`|[y](z)";
        let text = words("Rule ")
            .code(evil)
            .words(": ")
            .value(evil)
            .words(" ")
            .linked_value(evil, Some(format!("https://x/{evil}")));
        let html = text.html();
        for markup in ["<script", "\"><", "](", "`", "|"] {
            assert!(!html.contains(markup), "{markup} in {html}");
        }
        assert!(html.starts_with("Rule <code>&#60;&#47;a&#62;"), "{html}");
    }

    #[test]
    fn link_without_a_web_address_is_its_label() {
        for url in [None, Some("javascript:alert(1)"), Some("")] {
            assert_eq!(words("see ").link("the run", url).html(), "see the run");
        }
        let link = words("").link("x", Some("https://a.example/b?c=1&d=2"));
        assert_eq!(link.html(), "<a href=\"https://a.example/b?c=1&amp;d=2\">x</a>");
        assert_eq!(link.first_link(), Some("https://a.example/b?c=1&d=2"));
    }
}
