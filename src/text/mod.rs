//! Text: sanitizing what others wrote, truncating, and quoting for HTML and for a shell.
//!
//! Owns: what every surface needs (one line, no control characters, no workflow command). Does not own: the grammar of
//! one CI system's commands (`ci`).

mod foreign;
mod redact;
mod url;

pub use foreign::Foreign;
pub use redact::Redactor;
pub use url::{clean_remote, clean_url};

/// `text` as one line of plain text.
///
/// Control characters, line separators and invisible characters become spaces; runs of white space become one space.
/// `##` is broken up, because `##[…]`, `##vso[…]` and `##teamcity[…]` are commands anywhere in a line (GitHub's and
/// Azure's agents, TeamCity). Commands that must begin a line need no care here: foreign text never begins one of our
/// lines.
#[must_use]
pub fn sanitize(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_whitespace() || c.is_control() || is_invisible(c) {
            if !out.is_empty() && !out.ends_with(' ') {
                out.push(' ');
            }
            continue;
        }
        if c == '#' && out.ends_with('#') {
            out.push(' ');
        }
        out.push(c);
    }
    out.truncate(out.trim_end().len());
    out
}

/// Zero-width characters, bidirectional controls, interlinear annotation and tag characters.
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// `text` with an upper-case first letter.
#[must_use]
pub fn capitalize(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().chain(chars).collect())
}

/// `text`, shortened to at most `max` bytes, ending in `mark` if it was shortened.
///
/// `measure` gives the bytes that one character takes once a surface has escaped it.
#[must_use]
pub fn truncate(text: &str, max: usize, mark: &str, measure: impl Fn(char) -> usize) -> String {
    let cost = |s: &str| s.chars().map(&measure).sum::<usize>();
    if cost(text) <= max {
        return text.to_owned();
    }
    let mut room = max.saturating_sub(cost(mark));
    let mut head = String::new();
    for c in text.chars() {
        match room.checked_sub(measure(c)) {
            Some(left) => room = left,
            None => break,
        }
        head.push(c);
    }
    head.push_str(mark);
    head
}

/// `text` for Markdown and HTML: everything but letters, digits, `.`, `-` and spaces becomes a character reference, which
/// neither reads as markup (CommonMark: entities cannot be used in place of structural symbols).
#[must_use]
pub fn escape_html(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    for c in text.chars() {
        if c.is_alphanumeric() || matches!(c, '.' | '-' | ' ') {
            out.push(c);
        } else {
            out.push_str(&format!("&#{};", u32::from(c)));
        }
    }
    out
}

/// `text` as one word of a POSIX shell, quoted if needed.
#[must_use]
pub fn quote_shell(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_./:@%+=,-".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_is_sanitized_to_one_line() {
        let cases = [
            ("two\nlines\r\n::add-path::/evil", "two lines ::add-path::/evil"),
            ("##[error]x ##vso[a]b ###[c]", "# #[error]x # #vso[a]b # # #[c]"),
            ("\u{1b}[31mred\u{1b}[0m", "[31mred [0m"),
            ("a\u{202e}b\u{2028}c\u{85}d", "a b c d"),
            ("  spaced \t out  ", "spaced out"),
            ("#\u{0}#[error]", "# #[error]"),
        ];
        for (given, expected) in cases {
            assert_eq!(sanitize(given), expected, "{given:?}");
        }
    }

    #[test]
    fn truncate_counts_escaped_bytes() {
        let doubled = |c: char| 2 * c.len_utf8();
        assert_eq!(truncate("abcdef", 12, "~", doubled), "abcdef");
        assert_eq!(truncate("abcdefg", 12, "~", doubled), "abcde~");
        assert_eq!(truncate("äöü", 5, "…", char::len_utf8), "ä…");
    }

    #[test]
    fn html_escaping_leaves_words_readable() {
        assert_eq!(escape_html("v1.2-rc Größe"), "v1.2-rc Größe");
        assert_eq!(escape_html("<b>|`*[x](y)"), "&#60;b&#62;&#124;&#96;&#42;&#91;x&#93;&#40;y&#41;");
    }

    #[test]
    fn shell_words_are_quoted_only_if_needed() {
        assert_eq!(quote_shell("api-service"), "api-service");
        assert_eq!(quote_shell("a b$(c)"), "'a b$(c)'");
        assert_eq!(quote_shell("it's"), r"'it'\''s'");
        assert_eq!(quote_shell(""), "''");
    }
}
