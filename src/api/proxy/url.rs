//! The URL of a proxy, parsed from the raw text and only if there is a single way to read it.
//!
//! Parsers of URLs accept more. To them, `http://user:80/word@proxy` is the host `user`, but its author meant the password
//! `80/word`.

use crate::api::error::ProxyProblem;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use std::net::Ipv6Addr;

/// The scheme of a proxy and whether it is supported.
const SCHEMES: [(&str, bool); 8] = [
    ("http://", true),
    ("https://", true),
    ("socks://", false),
    ("socks4://", false),
    ("socks4a://", false),
    ("socks5://", false),
    ("socks5h://", false),
    ("ftp://", false),
];

/// The scheme that `text` begins with, and the rest.
fn split_scheme(text: &str) -> Option<(&'static str, bool, &str)> {
    SCHEMES.iter().find_map(|(scheme, is_supported)| {
        let (head, rest) = text.split_at_checked(scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then_some((*scheme, *is_supported, rest))
    })
}

/// Whether `text` begins with a scheme but without `//`. To some parsers `http` in `http:user:password@host` is the user.
fn lacks_slashes(text: &str) -> bool {
    let head = text.split_once(':').map_or("", |(head, _)| head);
    SCHEMES.iter().any(|(scheme, _)| head.eq_ignore_ascii_case(scheme.trim_end_matches("://")))
}

/// The part of an invalid `text` that an error may show: a well-known scheme. All else could be a part of the password.
pub(super) fn shown_scheme(text: &str) -> &'static str {
    split_scheme(text).map_or("", |(scheme, ..)| scheme)
}

/// The parts of a proxy's URL.
pub(super) struct ProxyUrl<'a> {
    scheme: &'static str,
    /// Percent-encoded.
    login: Option<&'a str>,
    host: &'a str,
    port: Option<u16>,
}

impl<'a> ProxyUrl<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, ProxyProblem> {
        let (scheme, rest) = match split_scheme(text) {
            Some((scheme, true, rest)) => (scheme, rest),
            Some((_, false, _)) => return Err(ProxyProblem::Scheme),
            None if text.contains("://") || lacks_slashes(text) => return Err(ProxyProblem::Scheme),
            // Like curl.
            None => ("http://", text),
        };
        let (login, rest) = match rest.split_once('@') {
            Some((login, rest)) if is_encoded(login) && !rest.contains('@') => (Some(login), rest),
            Some(_) => return Err(ProxyProblem::Login),
            None => (None, rest),
        };
        // Like curl, which ignores a path.
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (host, port) = split_port(&rest[..end])?;
        let is_ipv6 = || host.strip_prefix('[')?.strip_suffix(']')?.parse::<Ipv6Addr>().ok();
        let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        match !host.is_empty() && (host.bytes().all(is_name) || is_ipv6().is_some()) {
            true => Ok(Self { scheme, login: login.filter(|login| !login.is_empty()), host, port }),
            false => Err(ProxyProblem::Host),
        }
    }

    /// The URL without credentials.
    pub(super) fn address(&self) -> String {
        let port = self.port.map_or_else(String::new, |port| format!(":{port}"));
        format!("{}{}{port}", self.scheme, self.host)
    }

    /// The value of `Proxy-Authorization`. A password need not be UTF-8 once it is decoded.
    pub(super) fn authorization(&self) -> Option<HeaderValue> {
        let login = self.login?;
        let mut decoded: Vec<u8> = percent_decode_str(login).collect();
        if !login.contains(':') {
            decoded.push(b':');
        }
        let mut value = HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(decoded))).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

/// Splits `host:port`. The colons of an IPv6 address in brackets do not count.
fn split_port(authority: &str) -> Result<(&str, Option<u16>), ProxyProblem> {
    match authority.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')) {
        None => Ok((authority, None)),
        Some((host, port)) => {
            let is_number = port.bytes().all(|b| b.is_ascii_digit());
            let port = port.parse().ok().filter(|port| is_number && *port > 0);
            port.map(|port| (host, Some(port))).ok_or(ProxyProblem::Port)
        }
    }
}

/// Whether `login` has only the characters that RFC 3986 allows before the `@`.
fn is_encoded(login: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:%".contains(&b);
    let is_hex = |escape: &str| {
        let bytes = escape.as_bytes();
        bytes.len() >= 2 && bytes[..2].iter().all(u8::is_ascii_hexdigit)
    };
    login.bytes().all(is_allowed) && login.split('%').skip(1).all(is_hex)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::error::ClientError;
    use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
    use proptest::prelude::*;

    #[test]
    fn every_usual_form_of_a_proxy_url_is_accepted() {
        for (value, expected) in [
            ("proxy", "http://proxy"),
            ("HTTP://Proxy.Example:3128", "http://Proxy.Example:3128"),
            ("https://proxy.example/", "https://proxy.example"),
            ("http://10.0.0.1:3128/path?x#y", "http://10.0.0.1:3128"),
            ("http://[2001:db8::1]:3128", "http://[2001:db8::1]:3128"),
            ("http://user@[::1]", "http://[::1]"),
            ("user:secret@my_proxy:1", "http://my_proxy:1"),
            ("http://DOMAIN%5Cuser:a:b!$&'()*+,;=~%2f@proxy:1", "http://proxy:1"),
            ("http://@proxy:1", "http://proxy:1"),
        ] {
            assert_eq!(ProxyUrl::parse(value).map(|url| url.address()).as_deref(), Ok(expected), "{value}");
        }
    }

    #[test]
    fn login_is_sent_decoded() {
        for (value, expected) in [
            ("http://proxy", None),
            ("http://@proxy", None),
            ("http://user@proxy", Some(&b"user:"[..])),
            ("http://user:a:b@proxy", Some(b"user:a:b")),
            ("user:%40%2f%25%3A@proxy", Some(b"user:@/%:")),
            ("http://user:%E4@proxy", Some(b"user:\xe4")),
        ] {
            let expected = expected.map(|login| format!("Basic {}", BASE64_STANDARD.encode(login)));
            assert_eq!(authorization(value), expected, "{value}");
        }
    }

    fn authorization(text: &str) -> Option<String> {
        let value = ProxyUrl::parse(text).unwrap().authorization()?;
        Some(value.to_str().unwrap().to_owned())
    }

    proptest! {
        #[test]
        fn no_piece_of_a_password_is_shown_or_parsed_as_a_host(
            scheme in "(http://|https://|)",
            user in "[ZQJX79@/?#:%]{0,4}",
            // None of its letters is in the text of the error.
            password in r"[ZQJX79@/?#: \t\\%&=+\[\]{}<>|^!$'();,é]{4,16}",
        ) {
            const PROXY: &str = "proxy.example:3128";
            let host = |url: ProxyUrl<'_>| url.address().split_once("://").unwrap().1.to_owned();
            let text = format!("{scheme}{user}:{password}@{PROXY}");
            match ProxyUrl::parse(&text) {
                Ok(url) => prop_assert_eq!(host(url), PROXY),
                Err(problem) => {
                    let error = ClientError::Proxy { variable: "HTTPS_PROXY", scheme: shown_scheme(&text), problem };
                    let chars: Vec<char> = password.chars().collect();
                    for piece in chars.windows(4).map(|piece| piece.iter().collect::<String>()) {
                        prop_assert!(!format!("{error} {error:?}").contains(&piece), "{}: {}", piece, error);
                    }
                }
            }
            let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
            let encoded = format!("{scheme}{}:{}@{PROXY}", encode(&user), encode(&password));
            prop_assert_eq!(host(ProxyUrl::parse(&encoded).unwrap()), PROXY);
            let expected = format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}")));
            prop_assert_eq!(authorization(&encoded), Some(expected));
        }
    }
}
