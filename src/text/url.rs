//! URLs without credentials.
//!
//! Owns: finding user, password and token, also in text that is not a valid URL. If a password cannot be distinguished from a
//! path, the whole URL is removed: a missing link is better than a leaked password.

use percent_encoding::percent_decode_str;

/// `text` without user, password, and query parameters that hold credentials. Empty if these cannot be distinguished from the
/// rest. Text that is not a URL is unchanged.
#[must_use]
pub fn clean_url(text: &str) -> String {
    clean_fully(text, Kind::Link).unwrap_or_default()
}

/// The same for a git remote, whose repository name may contain an `@`. None if its credentials cannot be distinguished.
pub fn clean_remote(remote: &str) -> Option<String> {
    clean_fully(remote, Kind::Remote)
}

/// The use of a URL.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Link,
    Remote,
}

/// Text that is encoded or nested more often than this is rejected as an attack.
const MAX_DEPTH: usize = 8;

/// Cleans `text` until nothing changes, because browsers accept URLs that are encoded or malformed.
fn clean_fully(text: &str, kind: Kind) -> Option<String> {
    let mut text = text.trim().to_owned();
    for _ in 0..MAX_DEPTH {
        let cleaned = clean(&text, kind)?.trim().to_owned();
        let decoded = decode_as_browser(&cleaned)?;
        let again = if decoded == cleaned { decoded.clone() } else { clean(&decoded, kind)? };
        let next = if again == decoded { cleaned } else { again };
        if next == text {
            return Some(text);
        }
        text = next;
        if kind == Kind::Remote {
            // Without its user, a remote would be parsed differently.
            return Some(text);
        }
    }
    None
}

/// `text` as a browser may interpret it: percent-decoded, without line breaks, with slashes instead of backslashes. None if it
/// is encoded more than [`MAX_DEPTH`] times.
fn decode_as_browser(text: &str) -> Option<String> {
    let mut current = text.to_owned();
    for _ in 0..MAX_DEPTH {
        let decoded: String = percent_decode_str(&current).decode_utf8_lossy().into_owned();
        let decoded: String =
            decoded.chars().filter(|c| !c.is_control()).map(|c| if c == '\\' { '/' } else { c }).collect();
        if decoded == current {
            return Some(current);
        }
        current = decoded;
    }
    None
}

/// Each `//` begins a URL. There may be several, as in the paths of mirrors, each with its own credentials.
fn clean(text: &str, kind: Kind) -> Option<String> {
    let last_at = text.rfind('@');
    let mut pieces = text.split("//");
    let head = pieces.next().unwrap_or_default();
    let mut position = head.len();
    let is_beyond = |position: usize| last_at.is_some_and(|at| at >= position);
    let scheme = head.strip_suffix(':').unwrap_or(head);
    if scheme.contains(':') && !scheme.contains(char::is_whitespace) && is_beyond(position) {
        // Without a scheme, this is a password that contains `//`.
        return None;
    }
    let mut out = without_bare_credentials(head).to_owned();
    let mut first_tail = None;
    for piece in pieces {
        position += "//".len() + piece.len();
        out.push_str("//");
        let (host, tail) = clean_authority(piece, is_beyond(position), kind)?;
        out.push_str(host);
        first_tail.get_or_insert(out.len());
        out.push_str(tail);
    }
    // Without a scheme, text of several words is prose, and a `?` in it begins no query.
    let query = || out.find('?').filter(|_| !out.contains(char::is_whitespace));
    if let Some(tail) = first_tail.or_else(query).map(|at| out.split_off(at)) {
        out.push_str(&without_secret_parameters(&tail));
    }
    Some(out)
}

/// Host and path of what follows a `//`. An `@` in the path may be the one that ends the credentials. It counts as part of the
/// path only after text that looks like a host without a port, or, after a user, in the name of a repository.
fn clean_authority(piece: &str, at_beyond: bool, kind: Kind) -> Option<(&str, &str)> {
    let end = piece.find(['/', '?', '#']).unwrap_or(piece.len());
    let (authority, tail) = piece.split_at(end);
    let (has_user, host) = authority.rsplit_once('@').map_or((false, authority), |(_, host)| (true, host));
    let in_tail = tail.rsplit_once('@').map(|(_, rest)| rest);
    let (name, port) = split_port(host);
    let is_port = port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    match in_tail {
        None if !at_beyond => Some((host, tail)),
        // If the text after the colon is not a port, it is the beginning of a password.
        Some(rest) if !at_beyond && (!is_port || name.is_empty()) => {
            let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
            Some(rest.split_at(end))
        }
        _ => {
            let is_name = in_tail.is_some_and(|rest| !rest.trim_end_matches('/').contains('/'));
            let is_in_path = port.is_none() || (kind == Kind::Remote && has_user && is_name);
            (is_port && looks_like_host(name) && is_in_path).then_some((host, tail))
        }
    }
}

/// Splits `host:port`. The colons of an IPv6 address in brackets do not count.
fn split_port(host: &str) -> (&str, Option<&str>) {
    let bracket = host.starts_with('[').then(|| host.find(']')).flatten().unwrap_or(0);
    match host[bracket..].find(':') {
        Some(at) => (&host[..bracket + at], Some(&host[bracket + at + 1..])),
        None => (host, None),
    }
}

fn looks_like_host(name: &str) -> bool {
    let is_address = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).is_some_and(|address| {
        address.contains(':') && address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':' || b == b'.')
    });
    is_address || name == "localhost" || name.contains('.')
}

/// `host/path` of `user:password@host/path` or `token@host/path`, which some tools accept as URLs. Does not change
/// `git@host:path` or an e-mail address.
fn without_bare_credentials(text: &str) -> &str {
    let Some((user, rest)) = text.rsplit_once('@').filter(|_| !text.contains(char::is_whitespace)) else {
        return text;
    };
    let has_password = user.contains(':');
    let is_login = rest.split_once(['/', ':']).is_some_and(|(host, _)| host.contains('.'));
    let is_token = is_login && !user.is_empty() && !user.contains('/') && user != "git";
    if has_password || is_token { rest } else { text }
}

/// `tail` without those parameters in path, query and fragment whose names say that they are credentials.
fn without_secret_parameters(tail: &str) -> String {
    if !holds_secret(tail) {
        return tail.to_owned();
    }
    let (rest, fragment) = tail.split_once('#').map_or((tail, None), |(rest, fragment)| (rest, Some(fragment)));
    let (path, query) = rest.split_once('?').map_or((rest, None), |(path, query)| (path, Some(query)));
    let public = |text: &str| !holds_secret(text);
    let mut out = path.split(';').filter(|part| public(part)).collect::<Vec<_>>().join(";");
    let kept: Vec<&str> = query.iter().flat_map(|query| query.split(['&', ';'])).filter(|pair| public(pair)).collect();
    if !kept.is_empty() {
        out.push('?');
        out.push_str(&kept.join("&"));
    }
    if let Some(fragment) = fragment.filter(|fragment| public(fragment)) {
        out.push('#');
        out.push_str(fragment);
    }
    out
}

/// Whether `text` contains a `name=value` whose name says that it is a credential, or a URL with a user.
fn holds_secret(text: &str) -> bool {
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    let mut urls = decoded.split("://").skip(1);
    let has_user = urls.any(|rest| rest.split('/').next().unwrap_or_default().contains('@'));
    has_user
        || decoded.split(['&', ';', '?', '#']).filter_map(|pair| pair.split_once('=')).any(|(name, _)| is_secret(name))
}

fn is_secret(name: &str) -> bool {
    const PARTS: [&str; 9] =
        ["token", "secret", "passw", "passphrase", "credential", "signature", "bearer", "session", "authorization"];
    const ENDS: [&str; 3] = ["key", "auth", "pwd"];
    const WORDS: [&str; 6] = ["sig", "jwt", "code", "pat", "pass", "sid"];
    // In a path, the name begins after the last slash.
    let name = name.rsplit('/').next().unwrap_or_default();
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    PARTS.iter().any(|part| name.contains(part))
        || ENDS.iter().any(|end| name.ends_with(end))
        || WORDS.contains(&name.as_str())
}
