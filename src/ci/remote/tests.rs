//! Remotes in all their forms, and URLs with credentials.

use super::*;
use crate::text::clean_url;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

#[test]
fn credentials_are_removed_from_urls() {
    let cases = [
        ("https://user:pw@host/o/r.git", "https://host/o/r.git"),
        ("https://ghp_token@github.com/o/r", "https://github.com/o/r"),
        ("https://a:b@c@host/x", "https://host/x"),
        ("ssh://git@host:7999/P/r.git", "ssh://host:7999/P/r.git"),
        ("git+https://user:pw@host/x", "git+https://host/x"),
        ("https://host/x?a=1&private_token=T&b=2#L1", "https://host/x?a=1&b=2#L1"),
        ("https://host/x?access_token=T#token=U", "https://host/x"),
        ("https://user:pw@[::1]:8080/x", "https://[::1]:8080/x"),
        ("https://user:p/w@host/x", "https://host/x"),
        ("https://user:p#w@host", "https://host"),
        ("https://user:/pw@host/x", "https://host/x"),
        ("https:///user:pw@host/x", "https://host/x"),
        ("https://mirror.example/https://user:pw@host/o/r", "https://mirror.example/https://host/o/r"),
        ("https://ci.example/x?next=https://user:pw@h/y&a=1", "https://ci.example/x?next=https://h/y&a=1"),
        ("https://ci.example/x?next=https%3A%2F%2Fuser%3Apw%40h&a=1", "https://ci.example/x?a=1"),
        ("https://host/x;token=T/y?a=1;token=U&X-Amz-Credential=V", "https://host/x?a=1"),
        ("https://host/x?a=%3Ftoken%3DT", "https://host/x"),
        ("host/x?a=1&token=T", "host/x?a=1"),
        ("//user:pw@host/x", "//host/x"),
        ("user:pw@host:8080/x", "host:8080/x"),
        ("https:\\\\user:pw@host\\x", "host\\x"),
        ("https:/user:pw@host/x", "host/x"),
        ("ghp_token@github.com/o/r", "github.com/o/r"),
        ("https%3A%2F%2Fuser%3Apw%40host%2Fx", "https://host/x"),
        ("https://user%3Apw%40host/x", "https://host/x"),
        ("https://user:p/w%2540host/x", "https://host/x"),
        ("https:/\n/user:pw@host/x", "https://host/x"),
    ];
    for (url, expected) in cases {
        assert_eq!(clean_url(url), expected, "{url}");
    }
}

#[test]
fn url_whose_password_might_be_a_path_is_removed() {
    let encoded_without_end = format!("https://user:pw%{}40host", "25".repeat(9));
    for url in [
        "https://user:12/secret@host/x",
        "https://user:12?secret@host",
        "https://user:12//secret@host",
        "https://token/more@host",
        "https://ci.example:8080/job/x@y",
        "user:pw//secret@host",
        "https://user:pa@ss/secret@host",
        encoded_without_end.as_str(),
    ] {
        assert_eq!(clean_url(url), "", "{url}");
    }
}

#[test]
fn text_without_credentials_is_unchanged() {
    for text in [
        "https://host/_build/results?buildId=7",
        "https://[::1]:8080/x",
        "https://ci.example/@scope/x",
        "https://ci.example/job/a%2Fb%40c/1/?x=1;y=%2F&empty=#top",
        "https://host/x?author=mona&view=keys",
        "https://host/session/j/wt=1",
        "https://g.example/ng/#/account/a1/pipelines/shop/executions/X/pipeline",
        "ssh://host.xz:port/path/to/repo.git/",
        "git@github.com:octo/shop.git",
        "mona@example.org",
        "actions/checkout@v4",
        "shop@sha256:0123abcd",
        "Deploy: ask mona@example.org",
        "Is this a \\ or a key=value?",
        "C:\\agents\\one",
        "{00000000-0000-4000-8000-00000000000a}",
        "not a url",
        "a//b:c",
        "",
    ] {
        assert_eq!(clean_url(text), text);
    }
}

#[test]
fn a_megabyte_of_anything_is_parsed() {
    for part in ["/", "%25", "@", ":", "//a:1/", "\\", "https://u:p@h/", "?a=1&", "%40%2F", "[", ";"] {
        let text = part.repeat(1_000_000 / part.len());
        assert!(clean_url(&text).len() <= text.len());
        let _ = repository(&text);
    }
}

#[test]
fn each_form_of_a_remote_names_the_same_repository() {
    let same = [
        (
            "octo/shop",
            &[
                "https://github.com/octo/shop",
                "https://t@github.com/octo/shop.git",
                "https://github.com.:port/octo/shop.git/",
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
                "ssh://org@vs-ssh.visualstudio.com:22/DefaultCollection/proj/_ssh/shop",
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
fn prefixes_of_refs_are_removed() {
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
        assert_eq!(Ref::parse(name), expected, "{name}");
    }
}

/// A part of a remote's path that GitHub, GitLab and the like allow.
const PART: &str = "[A-Za-z0-9][A-Za-z0-9._-]{0,12}[A-Za-z0-9]";

/// User and password before the host of a remote.
fn userinfo() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), "[a-z0-9_-]{1,12}@", "[a-z0-9]{1,8}:[A-Za-z0-9!$&'()*+,=~%._-]{0,20}@"]
}

fn host() -> impl Strategy<Value = String> {
    "[a-z]{2,8}(\\.[a-z]{2,8}){0,2}".prop_filter("has no rules of its own", |host| !host.starts_with("file"))
}

fn port() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), (1u16..).prop_map(|port| format!(":{port}"))]
}

fn end() -> impl Strategy<Value = String> {
    prop_oneof![Just(""), Just(".git"), Just("/"), Just(".git/")].prop_map(str::to_owned)
}

/// Owners without a special meaning on some server.
fn owners() -> impl Strategy<Value = Vec<String>> {
    let is_ordinary = |part: &String| !["scm", "v1", "v3", "repos"].contains(&part.to_ascii_lowercase().as_str());
    prop::collection::vec(PART.prop_filter("is ordinary", is_ordinary), 1..5)
}

fn name() -> impl Strategy<Value = String> {
    PART.prop_filter("does not end like a remote", |name| !name.ends_with(".git"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn each_form_of_any_remote_names_the_same_repository(
        host in host(), owners in owners(), name in name(), user in userinfo(), port in port(), end in end(),
        scheme in prop_oneof![Just("https"), Just("http"), Just("ssh"), Just("git"), Just("git+ssh"), Just("HTTPS")],
    ) {
        let expected = format!("{}/{name}", owners.join("/"));
        let with_scheme = format!("{scheme}://{user}{host}{port}/{expected}{end}");
        prop_assert_eq!(repository(&with_scheme), Some(expected.clone()), "{}", with_scheme);
        for scp in [format!("git@{host}:{expected}{end}"), format!("{host}:{expected}{end}"), format!("git@{host}:/{expected}{end}")] {
            prop_assert_eq!(repository(&scp), Some(expected.clone()), "{}", scp);
        }
    }

    #[test]
    fn each_form_of_a_remote_on_azure_names_the_same_repository(
        org in "[a-z][a-z0-9-]{0,10}[a-z]", project in "[A-Za-z][A-Za-z0-9 ._-]{0,10}[A-Za-z0-9]", name in name(), user in userinfo(),
    ) {
        prop_assume!(project != "DefaultCollection");
        let expected = format!("{project}/{name}");
        let project = project.replace(' ', "%20");
        for remote in [
            format!("https://{user}dev.azure.com/{org}/{project}/_git/{name}"),
            format!("https://{user}{org}.visualstudio.com/{project}/_git/{name}"),
            format!("https://{user}{org}.visualstudio.com/DefaultCollection/{project}/_git/{name}"),
            format!("https://{user}tfs.{org}.example:8080/tfs/DefaultCollection/{project}/_git/{name}/"),
            format!("git@ssh.dev.azure.com:v3/{org}/{project}/{name}"),
            format!("{org}@vs-ssh.visualstudio.com:v3/{org}/{project}/{name}"),
            format!("ssh://git@ssh.dev.azure.com/v3/{org}/{project}/{name}"),
            format!("ssh://{org}@{org}.visualstudio.com:22/{project}/_ssh/{name}"),
            format!("ssh://{org}@vs-ssh.visualstudio.com:22/DefaultCollection/{project}/_ssh/{name}"),
        ] {
            prop_assert_eq!(repository(&remote), Some(expected.clone()), "{}", remote);
        }
    }

    #[test]
    fn each_form_of_a_remote_on_bitbucket_server_names_the_same_repository(
        host in host(), context in "(/[a-z]{1,8})?", project in "~?[A-Z][A-Z0-9]{0,8}", name in name(), user in userinfo(), port in port(), end in end(),
    ) {
        let expected = format!("{project}/{name}");
        for remote in [
            format!("https://{user}{host}{port}{context}/scm/{project}/{name}{end}"),
            format!("ssh://git@{host}{port}/{project}/{name}{end}"),
            format!("git@{host}:{project}/{name}{end}"),
        ] {
            prop_assert_eq!(repository(&remote), Some(expected.clone()), "{}", remote);
        }
    }

    #[test]
    fn user_and_password_never_remain(
        scheme in prop_oneof![
            Just("https://"), Just("http://"), Just("HTTPS://"), Just("git+https://"), Just("ssh://"), Just("//"), Just(""), Just("https:"),
            Just("https:/"), Just("https:///"), Just("https:\\\\"), Just("https:/\\"), Just(" https://"), Just("ht\ttps://"), Just("https:/\r\n/"),
            Just("jdbc:postgresql://"), Just("https://mirror.example/https://"), Just("https://ci.example/x?next=https://"),
        ],
        before in "[a-z0-9_%-]{0,4}", after in "[a-z0-9_%-]{0,4}", password in "([a-z0-9 /?#@:;&=%+\\\\~^|\"'<>()\\[\\]{}!$*,-]|%40|%2F|%3A|%5C|ä){0,12}",
        rest in "([a-z0-9 /?#@:;&=%+\\\\-]|%40|%2F){0,12}", host in "[a-z]{2,8}\\.example(:[0-9]{1,5})?", path in "(/[a-z]{1,6}){0,3}", encoded in 0..3,
    ) {
        // Several words without a scheme are prose, not a URL.
        prop_assume!(!scheme.is_empty() && scheme != "https:" && scheme != "https:/" || !format!("{password}{rest}").contains(' '));
        // Otherwise the user would be the scheme.
        prop_assume!(!scheme.is_empty() || !password.starts_with(['/', '\\', '%']));
        let url = format!("{scheme}{before}USERNAME{after}:{password}SECRET{rest}@{host}{path}");
        let url = (0..encoded).fold(url, |url, _| utf8_percent_encode(&url, NON_ALPHANUMERIC).to_string());
        let repository = repository(&url).unwrap_or_default();
        for shown in [clean_url(&url), repository] {
            prop_assert!(!shown.contains("USERNAME") && !shown.contains("SECRET"), "{} of {}", shown, url);
        }
    }

    #[test]
    fn token_without_a_user_never_remains(
        scheme in "(https|git\\+https|ssh)?", token in "[A-Za-z0-9_=+-]{0,8}SECRET[A-Za-z0-9_=+/-]{0,8}", host in "[a-z]{2,8}\\.example(:[0-9]{1,5})?", path in "(/[a-z]{1,6}){1,3}",
    ) {
        prop_assume!(!scheme.is_empty() || !token.contains('/'));
        let colon = if scheme.is_empty() { "" } else { "://" };
        let cleaned = clean_url(&format!("{scheme}{colon}{token}@{host}{path}"));
        prop_assert!(!cleaned.contains("SECRET"), "{}", cleaned);
    }

    #[test]
    fn valid_url_loses_only_its_credentials(
        user in "[a-zA-Z0-9._-]{1,12}", password in "[^/?#@\\\\%\\s\\p{C}]{0,20}", host in "[a-z]{3,8}\\.example(:[0-9]{1,5})?", path in "(/[a-z@.=+-]{1,6}){0,3}"
    ) {
        let expected = if path.contains('@') && host.contains(':') { String::new() } else { format!("https://{host}{path}") };
        prop_assert_eq!(clean_url(&format!("https://{user}:{password}@{host}{path}")), expected);
    }

    #[test]
    fn cleaning_twice_changes_nothing(text in "(https://|//|[a-z.@:/?#&=%\\\\ -]|%40|token=|\\PC){0,20}") {
        let cleaned = clean_url(&text);
        prop_assert_eq!(clean_url(&cleaned), cleaned.clone());
        let _ = repository(&text);
    }
}
