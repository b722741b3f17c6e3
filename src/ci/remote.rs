//! Git remotes and links: the repository's `owner/name`, branch names, and URLs without credentials.
//!
//! Owns: normalisation of what git and CI systems say. Does not own: which variable says it.

use percent_encoding::percent_decode_str;
use reqwest::Url;

/// `url` without user, password, and query parameters that carry credentials, also where it is not a proper URL: without
/// a scheme, or with a password that holds a `/`, `?` or `#`. Other text is returned as it is.
#[must_use]
pub fn clean_url(url: &str) -> String {
    let url = url.trim();
    match url.find("//") {
        Some(at) if at == 0 || url[..at].ends_with(':') => {
            let (head, rest) = url.split_at(at + 2);
            format!("{head}{}", clean_authority(rest))
        }
        _ => without_bare_credentials(url).to_owned(),
    }
}

/// What follows `//`, without credentials; also in an address within the path, as mirrors have it.
fn clean_authority(rest: &str) -> String {
    let authority_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(authority_end);
    let port = authority.split_once(':').filter(|_| !authority.starts_with('[')).map(|(_, port)| port);
    // What is no port before a slash is the beginning of a password that holds one.
    let cut_password =
        authority.is_empty() || port.is_some_and(|port| port.is_empty() || !port.bytes().all(|b| b.is_ascii_digit()));
    let (host, tail) = match (authority.rsplit_once('@'), tail.rsplit_once('@')) {
        (Some((_, host)), _) => (host, tail),
        (None, Some((_, host))) if cut_password => ("", host),
        (None, _) => (authority, tail),
    };
    let tail = match tail.split_once("//") {
        Some((before, nested)) => format!("{before}//{}", clean_authority(nested)),
        None => tail.to_owned(),
    };
    format!("{host}{}", without_secret_parameters(&tail))
}

/// `user:password@host/path` without a scheme, which some tools take for a URL: `host/path`.
fn without_bare_credentials(text: &str) -> &str {
    match text.rsplit_once('@') {
        Some((credentials, host)) if credentials.contains(':') && !text.contains(char::is_whitespace) => host,
        _ => text,
    }
}

fn without_secret_parameters(tail: &str) -> String {
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
    let user =
        decoded.split_once("://").is_some_and(|(_, rest)| rest.split('/').next().unwrap_or_default().contains('@'));
    user || decoded.split(['&', ';', '?', '#']).filter_map(|pair| pair.split_once('=')).any(|(name, _)| is_secret(name))
}

fn is_secret(name: &str) -> bool {
    const PARTS: [&str; 9] =
        ["token", "secret", "passw", "passphrase", "credential", "signature", "bearer", "session", "authorization"];
    const ENDS: [&str; 3] = ["key", "auth", "pwd"];
    const WORDS: [&str; 6] = ["sig", "jwt", "code", "pat", "pass", "sid"];
    let name: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase();
    PARTS.iter().any(|part| name.contains(part))
        || ENDS.iter().any(|end| name.ends_with(end))
        || WORDS.contains(&name.as_str())
}

/// The repository that a remote points to, as `owner/name`, with the nested groups of GitLab kept.
///
/// The same for every form of the same remote: https, ssh, scp-like, Azure DevOps, Bitbucket Server, CodeCommit.
#[must_use]
pub fn repository(remote: &str) -> Option<String> {
    let remote = remote.trim();
    let (host, path) = host_and_path(remote)?;
    let path = path.split(['?', '#']).next().unwrap_or_default();
    let decoded = percent_decode_str(path).decode_utf8_lossy().into_owned();
    let parts: Vec<&str> =
        decoded.split('/').filter(|part| !part.is_empty() && *part != "." && *part != "..").collect();
    let (last, owners) = parts.split_last()?;
    let name = last.strip_suffix(".git").filter(|name| !name.is_empty()).unwrap_or(last);
    let owners = owners_of(&host, owners, name);
    let full: Vec<&str> = owners.iter().copied().chain([name]).collect();
    Some(full.join("/"))
}

fn owners_of<'a>(host: &str, owners: &[&'a str], name: &'a str) -> Vec<&'a str> {
    match owners {
        // Azure DevOps: https://dev.azure.com/ORG/PROJECT/_git/NAME, where PROJECT may be left out if it is NAME.
        [before @ .., "_git"] => {
            let organisation_in_path = usize::from(host == "dev.azure.com");
            let project = before.iter().skip(organisation_in_path).copied().rfind(|part| *part != "DefaultCollection");
            vec![project.unwrap_or(name)]
        }
        // Azure DevOps over ssh: git@ssh.dev.azure.com:v3/ORG/PROJECT/NAME.
        ["v3", _organisation, project] if host.contains("dev.azure.com") || host.contains("visualstudio.com") => {
            vec![*project]
        }
        // Bitbucket Server over https: https://host/context/scm/PROJECT/NAME.
        [.., "scm", project] => vec![*project],
        // AWS CodeCommit has no owners: https://git-codecommit.REGION.amazonaws.com/v1/repos/NAME.
        ["v1", "repos"] if host.starts_with("git-codecommit.") => Vec::new(),
        owners => owners.to_vec(),
    }
}

/// Splits a remote into its host, in lower case, and its path. None for local paths.
fn host_and_path(remote: &str) -> Option<(String, String)> {
    if let Some((scheme, _)) = remote.split_once("://") {
        if scheme.eq_ignore_ascii_case("file") {
            return None;
        }
        let url = Url::parse(&clean_url(remote)).ok()?;
        return Some((url.host_str()?.to_ascii_lowercase(), url.path().to_owned()));
    }
    // scp-like: [user@]host:path, with a colon before the first slash.
    let remote = without_bare_credentials(remote);
    let (authority, path) = remote.split_once(':')?;
    if authority.contains('/') || authority.len() < 2 || path.starts_with('\\') {
        return None;
    }
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    Some((host.to_ascii_lowercase(), path.to_owned()))
}

/// What a git ref or a CI system's branch variable names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ref {
    /// A branch, without `refs/heads/`, `remotes/` or `origin/`.
    Branch(String),
    /// A tag, without `refs/tags/`.
    Tag(String),
}

impl Ref {
    /// Reads `refs/heads/main`, `refs/tags/v1`, `origin/main`, `refs/remotes/origin/main` or plain `main`.
    #[must_use]
    pub fn read(name: &str) -> Self {
        let name = name.trim();
        if let Some(tag) = name.strip_prefix("refs/tags/").or_else(|| name.strip_prefix("tags/")) {
            return Self::Tag(tag.to_owned());
        }
        let mut branch = name;
        for prefix in ["refs/heads/", "refs/", "remotes/", "origin/"] {
            branch = branch.strip_prefix(prefix).unwrap_or(branch);
        }
        if let Some(tag) = branch.strip_prefix("tags/") {
            return Self::Tag(tag.to_owned());
        }
        Self::Branch(branch.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn credentials_leave_urls() {
        let cases = [
            ("https://user:pw@host/o/r.git", "https://host/o/r.git"),
            ("https://ghp_token@github.com/o/r", "https://github.com/o/r"),
            ("https://a:b@c@host/x", "https://host/x"),
            ("ssh://git@host:7999/P/r.git", "ssh://host:7999/P/r.git"),
            ("https://host/x?a=1&private_token=T&b=2#L1", "https://host/x?a=1&b=2#L1"),
            ("https://host/x?access_token=T#token=U", "https://host/x"),
            ("https://[::1]:8080/x", "https://[::1]:8080/x"),
            ("https://host/_build/results?buildId=7", "https://host/_build/results?buildId=7"),
            ("https://user:p/w@host/x", "https://host/x"),
            ("https://user:p#w@host", "https://host"),
            ("https://user:/pw@host/x", "https://host/x"),
            ("https:///user:pw@host/x", "https://host/x"),
            ("https://mirror.example/https://user:pw@host/o/r", "https://mirror.example/https://host/o/r"),
            ("https://host/x?next=https://user:pw@h/y&a=1", "https://host/x?next=https://h/y&a=1"),
            ("https://host/x?next=https%3A%2F%2Fuser%3Apw%40h&a=1", "https://host/x?a=1"),
            ("https://host/x;token=T/y?a=1;token=U&X-Amz-Credential=V", "https://host/x?a=1"),
            ("https://host/x?a=%3Ftoken%3DT", "https://host/x"),
            ("https://host/x?author=mona&view=keys", "https://host/x?author=mona&view=keys"),
            ("//user:pw@host/x", "//host/x"),
            ("user:pw@host:8080/x", "host:8080/x"),
            ("https://host/@scope/x", "https://host/@scope/x"),
            ("git@github.com:octo/shop.git", "git@github.com:octo/shop.git"),
            ("Deploy: ask mona@example.org", "Deploy: ask mona@example.org"),
            ("not a url", "not a url"),
        ];
        for (url, expected) in cases {
            assert_eq!(clean_url(url), expected, "{url}");
        }
    }

    #[test]
    fn every_form_of_a_remote_names_the_same_repository() {
        let same = [
            (
                "octo/shop",
                &[
                    "https://github.com/octo/shop",
                    "https://t@github.com/octo/shop.git",
                    "git@github.com:octo/shop.git",
                    "ssh://git@github.com/octo/shop.git",
                    "ssh://git@github.com:22/octo/shop.git/",
                    "git://github.com/octo/shop",
                ][..],
            ),
            ("group/sub/shop", &["https://gitlab.example/group/sub/shop.git", "git@gitlab.example:group/sub/shop.git"]),
            (
                "proj/shop",
                &[
                    "https://dev.azure.com/org/proj/_git/shop",
                    "https://org@dev.azure.com/org/proj/_git/shop",
                    "https://org.visualstudio.com/proj/_git/shop",
                    "https://org.visualstudio.com/DefaultCollection/proj/_git/shop",
                    "git@ssh.dev.azure.com:v3/org/proj/shop",
                    "org@vs-ssh.visualstudio.com:v3/org/proj/shop",
                ],
            ),
            ("shop/shop", &["https://dev.azure.com/org/_git/shop", "https://org.visualstudio.com/_git/shop"]),
            (
                "PROJ/shop",
                &[
                    "https://bb.example/scm/PROJ/shop.git",
                    "https://bb.example/bitbucket/scm/PROJ/shop.git",
                    "ssh://git@bb.example:7999/PROJ/shop.git",
                ],
            ),
            ("shop", &["https://git-codecommit.eu-west-1.amazonaws.com/v1/repos/shop"]),
        ];
        for (name, remotes) in same {
            for remote in remotes {
                assert_eq!(repository(remote).as_deref(), Some(name), "{remote}");
            }
        }
        for local in [
            "/srv/git/shop.git",
            "../shop",
            "file:///srv/shop.git",
            "oauth2:SECRET@host/o/r.git",
            "C:\\git\\shop",
            "",
            "https://host/",
        ] {
            assert_eq!(repository(local), None, "{local}");
        }
    }

    #[test]
    fn refs_lose_their_prefixes() {
        let branch = |name: &str| Ref::Branch(name.to_owned());
        let cases = [
            ("main", branch("main")),
            ("refs/heads/feature/x", branch("feature/x")),
            ("origin/main", branch("main")),
            ("refs/remotes/origin/main", branch("main")),
            ("refs/pull/7/merge", branch("pull/7/merge")),
            ("refs/tags/v1.2", Ref::Tag("v1.2".to_owned())),
        ];
        for (name, expected) in cases {
            assert_eq!(Ref::read(name), expected, "{name}");
        }
    }

    proptest! {
        #[test]
        fn no_userinfo_survives(user in "[a-zA-Z0-9]{12}", password in "[^/?#\\s]{0,20}", host in "[a-z]{3,8}\\.example", path in "(/[a-z]{1,6}){0,3}") {
            let cleaned = clean_url(&format!("https://{user}:{password}@{host}{path}"));
            prop_assert!(!cleaned.contains(&user), "{}", cleaned);
            prop_assert!(cleaned.starts_with(&format!("https://{host}")), "{}", cleaned);
        }
    }
}
