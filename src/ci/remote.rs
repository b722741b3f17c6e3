//! Git remotes and refs: the repository's `owner/name`, and branch and tag names.
//!
//! Owns: normalizing what git and CI systems say. Does not own: which variable says it, and removing credentials (`text`).

use crate::text::clean_remote;
use percent_encoding::percent_decode_str;

/// The repository that a remote points to, as `owner/name`, including the nested groups of GitLab.
///
/// Every form of a remote gives the same: https, ssh, scp-like, Azure DevOps, Bitbucket Server, CodeCommit.
#[must_use]
pub(super) fn repository(remote: &str) -> Option<String> {
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
        // Azure DevOps: https://dev.azure.com/ORG/PROJECT/_git/NAME, where PROJECT may be missing if it equals NAME; and
        // its older form over ssh, ssh://ORG@vs-ssh.visualstudio.com/DefaultCollection/PROJECT/_ssh/NAME.
        [before @ .., "_git" | "_ssh"] => {
            let organization_in_path = usize::from(host == "dev.azure.com");
            let project = before.iter().skip(organization_in_path).copied().rfind(|part| *part != "DefaultCollection");
            vec![project.unwrap_or(name)]
        }
        // Azure DevOps over ssh: git@ssh.dev.azure.com:v3/ORG/PROJECT/NAME.
        ["v3", _organization, project] if host.contains("dev.azure.com") || host.contains("visualstudio.com") => {
            vec![*project]
        }
        // Bitbucket Server over https: https://host/context/scm/PROJECT/NAME.
        [.., "scm", project] => vec![*project],
        // AWS CodeCommit has no owners: https://git-codecommit.REGION.amazonaws.com/v1/repos/NAME.
        ["v1", "repos"] if host.starts_with("git-codecommit.") => Vec::new(),
        owners => owners.to_vec(),
    }
}

/// The host of a remote, in lower case, and its path. None for local paths.
fn host_and_path(remote: &str) -> Option<(String, String)> {
    let remote = clean_remote(remote)?;
    let (authority, path) = match remote.split_once("://") {
        Some((scheme, _)) if scheme.eq_ignore_ascii_case("file") => return None,
        Some((_, rest)) => rest.split_once(['/', '\\'])?,
        // scp-like: [user@]host:path, with a colon before the first slash.
        None => remote
            .split_once(':')
            .filter(|(host, path)| host.len() > 1 && !host.contains('/') && !path.starts_with('\\'))?,
    };
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let host = host.split_once(':').filter(|_| !host.starts_with('[')).map_or(host, |(host, _)| host);
    (!host.is_empty()).then(|| (host.to_ascii_lowercase(), path.to_owned()))
}

/// Whether `text` is the full id of a commit (SHA-1 or SHA-256).
pub(super) fn is_commit_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A branch or a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ref {
    /// Without `refs/heads/`, `remotes/` or `origin/`.
    Branch(String),
    /// Without `refs/tags/`.
    Tag(String),
}

impl Ref {
    /// Parses `refs/heads/main`, `refs/tags/v1`, `origin/main`, `refs/remotes/origin/main` or `main`.
    #[must_use]
    pub(super) fn parse(name: &str) -> Self {
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
mod tests;
