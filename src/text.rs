//! Text that is not ours, made fit to stand among ours.
//!
//! Owns: what any surface needs (one line, no control characters, no command of a CI system), cutting,
//! and quoting for HTML and for a shell. Does not own: the grammar of one CI system's commands (`ci`),
//! nor hiding the API key (`secret`).

/// `text` as one line that is only text, whoever wrote it.
///
/// Control characters, line separators and characters that reorder or hide text become spaces, runs of
/// white space one space. `##` is broken up, because `##[…]`, `##vso[…]` and `##teamcity[…]` are commands
/// anywhere in a line (GitHub's and Azure's agents, TeamCity). Commands that must begin a line need no
/// care here: data never begins one of our lines.
#[must_use]
pub fn shown(text: &str) -> String {
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

/// Characters without a glyph of their own that change how others are read: zero-width characters,
/// bidirectional controls, interlinear and tag characters.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{061C}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// `text`, shortened to at most `max` bytes as `measure` counts them, ending in `mark` if it was cut.
///
/// `measure` gives what one character costs once a surface has escaped it.
#[must_use]
pub fn cut(text: &str, max: usize, mark: &str, measure: impl Fn(char) -> usize) -> String {
    let cost = |s: &str| s.chars().map(&measure).sum::<usize>();
    if cost(text) <= max {
        return text.to_owned();
    }
    let mut room = max.saturating_sub(cost(mark));
    let mut kept = String::new();
    for c in text.chars() {
        match room.checked_sub(measure(c)) {
            Some(left) => room = left,
            None => break,
        }
        kept.push(c);
    }
    kept.push_str(mark);
    kept
}

/// `text` for Markdown and HTML alike: everything but letters, digits, `.`, `-` and spaces as a character
/// reference, which neither of them reads as markup (CommonMark: entities never stand for structure).
#[must_use]
pub fn html(text: &str) -> String {
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

/// `text` as one word of a POSIX shell, quoted where it must be.
#[must_use]
pub fn shell(text: &str) -> String {
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
    fn hostile_text_becomes_one_harmless_line() {
        let cases = [
            ("two\nlines\r\n::add-path::/evil", "two lines ::add-path::/evil"),
            ("##[error]x ##vso[a]b ###[c]", "# #[error]x # #vso[a]b # # #[c]"),
            ("\u{1b}[31mred\u{1b}[0m", "[31mred [0m"),
            ("a\u{202e}b\u{2028}c\u{85}d", "a b c d"),
            ("  spaced \t out  ", "spaced out"),
            ("#\u{0}#[error]", "# #[error]"),
        ];
        for (given, expected) in cases {
            assert_eq!(shown(given), expected, "{given:?}");
        }
    }

    #[test]
    fn cutting_counts_what_the_surface_will_write() {
        let doubled = |c: char| 2 * c.len_utf8();
        assert_eq!(cut("abcdef", 12, "~", doubled), "abcdef");
        assert_eq!(cut("abcdefg", 12, "~", doubled), "abcde~");
        assert_eq!(cut("äöü", 5, "…", char::len_utf8), "ä…");
    }

    #[test]
    fn markup_is_spelled_out_and_words_are_not() {
        assert_eq!(html("v1.2-rc Größe"), "v1.2-rc Größe");
        assert_eq!(html("<b>|`*[x](y)"), "&#60;b&#62;&#124;&#96;&#42;&#91;x&#93;&#40;y&#41;");
    }

    #[test]
    fn shell_words_are_quoted_when_a_shell_would_read_more_into_them() {
        assert_eq!(shell("api-service"), "api-service");
        assert_eq!(shell("a b$(c)"), "'a b$(c)'");
        assert_eq!(shell("it's"), r"'it'\''s'");
        assert_eq!(shell(""), "''");
    }
}
