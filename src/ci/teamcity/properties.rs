//! TeamCity's properties files: that of the build, and that of the configuration parameters, which the first one names.
//!
//! Owns: finding and parsing them, by the format of `java.util.Properties`. They also hold passwords: a value leaves this
//! module only if it is requested by name.

use crate::ci::Detected;
use crate::env::Env;
use crate::files::read_limited;
use std::collections::BTreeMap;
use std::path::Path;

/// The variable that names the build's properties file, and the property in it that names the configuration's.
const BUILD_FILE: &str = "TEAMCITY_BUILD_PROPERTIES_FILE";
const CONFIGURATION_FILE: &str = "teamcity.configuration.properties.file";
/// A larger file is ignored.
const LARGEST_FILE: u64 = 4 * 1024 * 1024;

/// The properties of a build, as far as the files can be read.
pub(super) struct Properties {
    files: Vec<BTreeMap<String, String>>,
}

impl Properties {
    pub(super) fn of_build(env: &Env) -> Self {
        let build = env.get(BUILD_FILE).and_then(read).unwrap_or_default();
        let configuration = build.get(CONFIGURATION_FILE).and_then(|path| read(path)).unwrap_or_default();
        Self { files: vec![build, configuration] }
    }

    /// The first of `names` that is set.
    pub(super) fn first(&self, names: &[&str]) -> Option<Detected> {
        names.iter().find_map(|name| {
            let value = self
                .files
                .iter()
                .find_map(|file| file.get(*name).map(|value| value.trim()).filter(|v| !v.is_empty()))?;
            Some(Detected::new(value, format!("{BUILD_FILE} ({name})")))
        })
    }
}

fn read(path: &str) -> Option<BTreeMap<String, String>> {
    let bytes = read_limited(Path::new(path.trim()), LARGEST_FILE)?;
    Some(parse(&String::from_utf8_lossy(&bytes)))
}

/// Parses `key=value` lines: `#` and `!` begin comments, and `\` escapes or, at the end of a line, joins the next one.
fn parse(text: &str) -> BTreeMap<String, String> {
    let mut properties = BTreeMap::new();
    let mut lines = text.split(['\n', '\r']).map(trim_start);
    while let Some(line) = lines.next() {
        if line.is_empty() || line.starts_with(['#', '!']) {
            continue;
        }
        let mut logical = line.to_owned();
        while logical.bytes().rev().take_while(|b| *b == b'\\').count() % 2 == 1 {
            logical.pop();
            match lines.next() {
                Some(next) => logical.push_str(next),
                None => break,
            }
        }
        let (key, value) = split(&logical);
        properties.insert(unescape(key), unescape(value));
    }
    properties
}

fn trim_start(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\u{c}'])
}

/// Splits at the first `=`, `:` or white space that is not escaped.
fn split(line: &str) -> (&str, &str) {
    let mut escaped = false;
    for (at, c) in line.char_indices() {
        if !escaped && matches!(c, '=' | ':' | ' ' | '\t' | '\u{c}') {
            let rest = trim_start(&line[at..]);
            let value = rest.strip_prefix(['=', ':']).unwrap_or(rest);
            return (&line[..at], trim_start(value));
        }
        escaped = c == '\\' && !escaped;
    }
    (line, "")
}

fn unescape(text: &str) -> String {
    let mut units = Vec::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        let plain = match c {
            '\\' => match chars.next() {
                Some('u') => {
                    let digits: String = chars.by_ref().take(4).collect();
                    units.push(u16::from_str_radix(&digits, 16).unwrap_or(u16::from(b'?')));
                    continue;
                }
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\u{c}',
                Some(other) => other,
                None => break,
            },
            c => c,
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn java_properties_are_parsed() {
        let text = "# comment\n! too\n\n  a=1\r\nb : two words \nc\\=d\\:e\\ f=x\\\\y\nurl=https\\://tc.example/\nlong=one \\\n   two\nk\\u00e4=\\uD83D\\uDE00\\t.\nempty\n";
        let parsed = parse(text);
        let expected = [
            ("a", "1"),
            ("b", "two words "),
            ("c=d:e f", "x\\y"),
            ("empty", ""),
            ("kä", "😀\t."),
            ("long", "one two"),
            ("url", "https://tc.example/"),
        ];
        assert_eq!(parsed.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect::<Vec<_>>(), expected);
    }

    proptest! {
        #[test]
        fn any_text_is_parsed(text in "(\\PC|[\\\\=:#! \n\r\t\u{0}u0-9a-f]){0,200}") {
            parse(&text);
        }
    }
}
