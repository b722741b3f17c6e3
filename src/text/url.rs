//! URLs without credentials.
//!
//! Owns: finding user, password and token, also in text that is not a valid URL. Where a password cannot be distinguished
//! from a path, the whole URL goes: a missing link is better than a password that is sent.

use percent_encoding::percent_decode_str;

/// `text` without user, password, and query parameters that carry credentials; nothing, where these cannot be told from
/// the rest. Text that is no address is returned as it is.
#[must_use]
pub fn clean_url(text: &str) -> String {
    until_clean(text, Kind::Link).unwrap_or_default()
}

/// The same for a git remote, whose repository may have an `@` in its name.
pub fn clean_remote(remote: &str) -> Option<String> {
    until_clean(remote, Kind::Remote)
}

/// What an address is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Link,
    Remote,
}

/// How often one thing may hide in another, before it can only be an attack.
const MOST_TIMES: usize = 8;

/// Cleans `text` until there is nothing left to do: a browser reads more into it than is written there, and somebody may have
/// encoded all of it.
fn until_clean(text: &str, kind: Kind) -> Option<String> {
    let mut text = text.trim().to_owned();
    for _ in 0..MOST_TIMES {
        let cleaned = clean(&text, kind)?.trim().to_owned();
        let read = as_browsers_read(&cleaned)?;
        let again = if read == cleaned { read.clone() } else { clean(&read, kind)? };
        let next = if again == read { cleaned } else { again };
        if next == text {
            return Some(text);
        }
        text = next;
        if kind == Kind::Remote {
            // Once its user is gone, a remote looks different.
            return Some(text);
        }
    }
    None
}

/// `text` as what reads it may read it: without line breaks, with slashes for backslashes, decoded. None for what is
/// encoded so often that only an attack can have done it.
fn as_browsers_read(text: &str) -> Option<String> {
    let mut read = text.to_owned();
    for _ in 0..MOST_TIMES {
        let decoded: String = percent_decode_str(&read).decode_utf8_lossy().into_owned();
        let decoded: String =
            decoded.chars().filter(|c| !c.is_control()).map(|c| if c == '\\' { '/' } else { c }).collect();
        if decoded == read {
            return Some(read);
        }
        read = decoded;
    }
    None
}

/// Each `//` begins an address; of several, as mirrors have them, each may have its own credentials.
fn clean(text: &str, kind: Kind) -> Option<String> {
    let last_at = text.rfind('@');
    let mut pieces = text.split("//");
    let head = pieces.next().unwrap_or_default();
    let mut position = head.len();
    let is_beyond = |position: usize| last_at.is_some_and(|at| at >= position);
    let scheme = head.strip_suffix(':').unwrap_or(head);
    if scheme.contains(':') && !scheme.contains(char::is_whitespace) && is_beyond(position) {
        // A password that holds `//`, without a scheme.
        return None;
    }
    let mut out = without_bare_credentials(head).to_owned();
    let mut first_tail = None;
    for piece in pieces {
        position += "//".len() + piece.len();
        out.push_str("//");
        let (host, tail) = clean_address(piece, is_beyond(position), kind)?;
        out.push_str(host);
        first_tail.get_or_insert(out.len());
        out.push_str(tail);
    }
    // Without a scheme, text of several words is prose: a `?` in it introduces nothing.
    let query = || out.find('?').filter(|_| !out.contains(char::is_whitespace));
    if let Some(tail) = first_tail.or_else(query).map(|at| out.split_off(at)) {
        out.push_str(&without_secret_parameters(&tail));
    }
    Some(out)
}

/// Host and the rest of what follows a `//`. An `@` further on may be the one that ends the credentials: it is part of a path
/// only after what looks like a host without a port; and after a user, in the name of a repository.
fn clean_address(piece: &str, at_beyond: bool, kind: Kind) -> Option<(&str, &str)> {
    let end = piece.find(['/', '?', '#']).unwrap_or(piece.len());
    let (authority, tail) = piece.split_at(end);
    let (has_user, host) = authority.rsplit_once('@').map_or((false, authority), |(_, host)| (true, host));
    let in_tail = tail.rsplit_once('@').map(|(_, rest)| rest);
    let (name, port) = split_port(host);
    let is_port = port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
    match in_tail {
        None if !at_beyond => Some((host, tail)),
        // What is no port is the beginning of a password.
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

/// Splits `host:port`; the colons of an IPv6 address in brackets are none.
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

/// `user:password@host/path` without a scheme, which some tools take for a URL: `host/path`. The same with a token alone;
/// but not `git@host:path`, nor an e-mail address.
fn without_bare_credentials(text: &str) -> &str {
    let Some((user, rest)) = text.rsplit_once('@').filter(|_| !text.contains(char::is_whitespace)) else {
        return text;
    };
    let has_password = user.contains(':');
    let is_login = rest.split_once(['/', ':']).is_some_and(|(host, _)| host.contains('.'));
    let is_token = is_login && !user.is_empty() && !user.contains('/') && user != "git";
    if has_password || is_token { rest } else { text }
}

/// `tail` without the parts of its path, query and fragment that are credentials by their names.
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

/// Whether `text` is or holds a `name=value` that is a credential by its name, or an address with a user.
fn holds_secret(text: &str) -> bool {
    let decoded = percent_decode_str(text).decode_utf8_lossy();
    let mut addresses = decoded.split("://").skip(1);
    let user = addresses.any(|rest| rest.split('/').next().unwrap_or_default().contains('@'));
    user || decoded.split(['&', ';', '?', '#']).filter_map(|pair| pair.split_once('=')).any(|(name, _)| is_secret(name))
}

fn is_secret(name: &str) -> bool {
    const PARTS: [&str; 9] =
        ["token", "secret", "passw", "passphrase", "credential", "signature", "bearer", "session", "authorization"];
    const ENDS: [&str; 3] = ["key", "auth", "pwd"];
    const WORDS: [&str; 6] = ["sig", "jwt", "code", "pat", "pass", "sid"];
    // In a path the name begins after the last slash.
    let name = name.rsplit('/').next().unwrap_or_default();
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    PARTS.iter().any(|part| name.contains(part))
        || ENDS.iter().any(|end| name.ends_with(end))
        || WORDS.contains(&name.as_str())
}
