//! Flat YAML: one mapping from names to single values.
//!
//! Owns: which YAML is accepted. Does not own: which names exist, nor what a value means.

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};
use thiserror::Error;

/// One line `name: value`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    pub name: String,
    /// As it is written, without quotes: `1.10` stays `1.10`. `None` for YAML's null.
    pub value: Option<String>,
    /// The line of the name, from 1.
    pub line: usize,
}

/// Why a text is not flat YAML.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum FlatYamlError {
    /// The text is not YAML. The parser's message quotes at most one character of it.
    #[error("line {line}: this is not valid YAML: {problem}")]
    Syntax { line: usize, problem: String },
    /// The text is a list, or a single value.
    #[error("line {0}: the file must consist of lines such as 'product: shop'")]
    NotAMapping(usize),
    /// A name is not a single value.
    #[error("line {0}: the name of a setting must be plain text")]
    BadName(usize),
    /// A value is a list or a mapping.
    #[error(
        "line {line}: {name} must have a single value, not a list or a mapping. Write JSON in quotes, such as metadata: \
         '{{\"team\": \"payments\"}}'"
    )]
    Nested { line: usize, name: String },
    /// A value has a tag or refers to another value.
    #[error("line {line}: {name} must have a plain value, without a tag (!), anchor (&) or alias (*)")]
    NotPlain { line: usize, name: String },
    /// The file has a second document.
    #[error("line {0}: the file must have only one YAML document")]
    SecondDocument(usize),
}

/// The lines of `text`, in its order.
///
/// # Errors
/// [`FlatYamlError`] if it is anything but a mapping of plain values. Reading stops there, so neither deep nesting nor
/// references to references cost anything.
pub fn parse(text: &str) -> Result<Vec<Pair>, FlatYamlError> {
    let mut events = Parser::new_from_str(text.trim_start_matches('\u{feff}'));
    let mut pairs = Vec::new();
    let mut documents = 0;
    while let Some(event) = events.next() {
        let (event, span) = event.map_err(syntax)?;
        match event {
            Event::DocumentStart(_) if documents > 0 => return Err(FlatYamlError::SecondDocument(line(span))),
            Event::DocumentStart(_) => documents += 1,
            Event::MappingStart(0, None) => read_pairs(&mut events, &mut pairs)?,
            // A document without content, such as a file that has only comments.
            Event::Scalar(text, ScalarStyle::Plain, 0, None) if is_null(&text) => {}
            Event::Scalar(..) | Event::Alias(_) | Event::SequenceStart(..) | Event::MappingStart(..) => {
                return Err(FlatYamlError::NotAMapping(line(span)));
            }
            _ => {}
        }
    }
    Ok(pairs)
}

/// Reads the rest of a mapping.
fn read_pairs<'a>(
    events: &mut impl Iterator<Item = Result<(Event<'a>, Span), ScanError>>,
    pairs: &mut Vec<Pair>,
) -> Result<(), FlatYamlError> {
    while let Some(event) = events.next() {
        let (name, at) = match event.map_err(syntax)? {
            (Event::Scalar(name, _, 0, None), span) => (name.into_owned(), line(span)),
            (Event::MappingEnd, _) => break,
            (_, span) => return Err(FlatYamlError::BadName(line(span))),
        };
        let value = match events.next().transpose().map_err(syntax)? {
            Some((Event::Scalar(text, style, 0, None), _)) => {
                Some(text.into_owned()).filter(|text| style != ScalarStyle::Plain || !is_null(text))
            }
            Some((Event::SequenceStart(..) | Event::MappingStart(..), _)) => {
                return Err(FlatYamlError::Nested { line: at, name });
            }
            _ => return Err(FlatYamlError::NotPlain { line: at, name }),
        };
        pairs.push(Pair { name, value, line: at });
    }
    Ok(())
}

fn line(span: Span) -> usize {
    span.start.line()
}

fn syntax(error: ScanError) -> FlatYamlError {
    FlatYamlError::Syntax { line: error.marker().line(), problem: error.info().to_owned() }
}

/// YAML's forms of null (YAML 1.2, core schema).
fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null" | "Null" | "NULL")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Vec<(String, Option<String>, usize)> {
        parse(text).unwrap().into_iter().map(|pair| (pair.name, pair.value, pair.line)).collect()
    }

    fn pair(name: &str, value: &str, line: usize) -> (String, Option<String>, usize) {
        (name.to_owned(), Some(value.to_owned()), line)
    }

    #[test]
    fn values_are_read_as_they_are_written() {
        let text = "\u{feff}# comment\r\n---\nversion: 1.10\nenvironment: 'production' # here\nwait-timeout: \"1h\"\n\
                    metadata: '{\"a\": 1}'\nrun: |\n  one\n  two\nretries: 010\nsummary: no\n";
        assert_eq!(
            pairs(text),
            [
                pair("version", "1.10", 3),
                pair("environment", "production", 4),
                pair("wait-timeout", "1h", 5),
                pair("metadata", "{\"a\": 1}", 6),
                pair("run", "one\ntwo\n", 7),
                pair("retries", "010", 10),
                pair("summary", "no", 11),
            ]
        );
        assert_eq!(pairs("{product: shop, version: 1}"), [pair("product", "shop", 1), pair("version", "1", 1)]);
    }

    #[test]
    fn null_is_no_value_unless_it_is_quoted() {
        let text = "a:\nb: ~\nc: null\nd: 'null'\ne: ''\n";
        let values: Vec<_> = pairs(text).into_iter().map(|(_, value, _)| value).collect();
        assert_eq!(values, [None, None, None, Some("null".to_owned()), Some(String::new())]);
        for empty in ["", "\n", "# only a comment\n", "---\n", "---\n...\n", "{}"] {
            assert_eq!(pairs(empty), [], "{empty:?}");
        }
    }

    #[test]
    fn anything_but_a_flat_mapping_is_an_error_with_its_line() {
        for (text, expected) in [
            ("a: 1\nb:\n  c: 1\n", "line 2: b must have a single value"),
            ("a: 1\nb: [1]\n", "line 2: b must have a single value"),
            ("metadata: {team: x}\n", "line 1: metadata must have a single value"),
            ("a: &x 1\n", "line 1: a must have a plain value"),
            ("a: 1\nb: *x\n", "line 2: this is not valid YAML"),
            ("a: !!binary aGk=\n", "line 1: a must have a plain value"),
            ("? [a]\n: 1\n", "line 1: the name"),
            ("a: 1\n---\nb: 2\n", "line 2: the file must have only one"),
            ("- a\n", "line 1: the file must consist"),
            ("sk_acme_k1_verysecret\n", "line 1: the file must consist"),
            ("a: 1\nb: \"open\n", "not valid YAML"),
            ("a: 1\n b: 2\n", "line 2: this is not valid YAML"),
            ("a: @x\n", "line 1: this is not valid YAML"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert!(error.contains(expected) && !error.contains("secret"), "{text:?}: {error}");
        }
    }

    #[test]
    fn nesting_costs_nothing() {
        let deep = format!("a: {}", "[".repeat(200_000));
        assert!(matches!(parse(&deep), Err(FlatYamlError::Nested { line: 1, .. })));
        let bomb = "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n";
        assert!(matches!(parse(bomb), Err(FlatYamlError::Nested { line: 1, .. })));
    }
}
