//! How to reach GitHub.

use reqwest::Url;
use std::fmt;

/// GitHub's address, the repository and the token.
#[derive(Clone, Debug)]
pub struct GitHubConfig {
    /// The REST API's base URL.
    pub url: Url,
    /// `owner/name`.
    pub repository: String,
    pub token: Token,
}

/// A token for GitHub's API.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// Takes `text` without the white space around it. `None` if no request can carry it.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let token = text.trim();
        (!token.is_empty() && token.bytes().all(|b| b.is_ascii_graphic())).then(|| Self(token.to_owned()))
    }

    /// The token itself.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_is_trimmed_and_never_shown() {
        let token = Token::parse(" ghs_0123456789\n").unwrap();
        assert_eq!((token.expose(), format!("{token:?}").as_str()), ("ghs_0123456789", "***"));
        for bad in ["", " \n", "two words", "ghs_\u{7f}", "ghs_ä"] {
            assert_eq!(Token::parse(bad), None, "{bad:?}");
        }
    }
}
