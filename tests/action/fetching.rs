//! `entrypoint.sh` where the program must be fetched: from a real server on loopback, into a cache or past it.

use crate::release::{Called, FILE, PROGRAM, Release, SHELLS};
use crate::server::Server;
use std::fs;
use std::process::Stdio;

/// Each way to fetch: tools on the `PATH`, beside the one for hashes.
const CLIENTS: [&[&str]; 3] = [&["sha256sum", "curl"], &["sha256sum", "wget", "timeout"], BUSYBOX];
const BUSYBOX: &[&str] = &["busybox:*", "busybox:sha256sum", "busybox:wget", "busybox:timeout"];

/// Where a server has the program.
fn place() -> String {
    format!("/v{}/{FILE}", env!("CARGO_PKG_VERSION"))
}

fn with(content: &str) -> Server {
    Server::start(&[(&format!("/mirror{}", place()), content.as_bytes())])
}

fn from(server: &Server) -> Release {
    Release::without_program().env("VERSIONER_DOWNLOAD_URL", &format!("{}/mirror", server.url()))
}

#[test]
fn what_is_fetched_is_run_and_kept_for_the_next_job() {
    for shell in SHELLS {
        for tools in CLIENTS {
            let server = with(PROGRAM);
            let release = from(&server).tools(tools);
            let called = release.call(shell);
            assert!(called.ran().starts_with(release.path("temp/versioner.").to_str().unwrap()), "{called:?}");
            assert_eq!(called.stderr, "");
            assert_eq!(fs::read_to_string(release.path(&release.cached())).unwrap(), PROGRAM);
            assert_eq!(release.files("cache").len(), 1);
            release.call(shell).ran();
            assert_eq!(server.asked(), [format!("/mirror{}", place())], "{shell:?} {tools:?}");
        }
    }
}

#[test]
fn what_is_fetched_and_wrong_is_neither_run_nor_kept() {
    for shell in SHELLS {
        for tools in CLIENTS {
            for content in ["#!/bin/sh\necho evil\n", "", "<html>Please log in</html>"] {
                let server = with(content);
                let release = from(&server).tools(tools);
                let called = release.call(shell);
                let message = called.refused("Versioner is not what it should be");
                assert!(message.contains(&format!("{}/mirror{}", server.url(), place())), "{message}");
                assert_eq!(release.files("cache"), [""; 0]);
            }
        }
    }
}

#[test]
fn what_cannot_be_fetched_says_why_and_what_helps() {
    for shell in SHELLS {
        for tools in CLIENTS {
            let server = Server::start(&[]);
            let called = from(&server).tools(tools).call(shell);
            let message = called.refused("Versioner cannot be downloaded");
            for part in [&*place(), "HTTPS_PROXY", "VERSIONER_DOWNLOAD_URL", "tool cache"] {
                assert!(message.contains(part), "{part}: {message}");
            }
            // Nothing listens there any more.
            let gone = format!("http://{}", std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
            let release = Release::without_program().env("VERSIONER_DOWNLOAD_URL", &gone).tools(tools);
            assert!(release.call(shell).refused("Versioner cannot be downloaded").contains(&gone));
        }
        let called = from(&with(PROGRAM)).tools(&["sha256sum"]).call(shell);
        assert!(called.refused("Versioner cannot be downloaded").contains("It takes curl, or wget"), "{called:?}");
    }
}

#[test]
fn what_a_tool_says_starts_no_command() {
    let spy = "#!/bin/sh\nprintf 'not\\n::error::forged\\r::add-path::/evil\\n##[error]forged\\n\\n  found\\t* %%0A\\n'\nexit 6\n";
    for shell in SHELLS {
        let called = Release::without_program().fake("curl", spy).call(shell);
        let message = called.refused("Versioner cannot be downloaded");
        assert!(!message.contains('\r'), "{message:?}");
        assert!(message.contains(": not ::error::forged ::add-path::/evil ##[error]forged found * %0A."), "{message}");
    }
}

#[test]
fn a_mirrors_password_is_not_shown() {
    let url = "http://mona:pass@word@127.0.0.1:1/mirror";
    for shell in SHELLS {
        for tools in CLIENTS {
            let called = Release::without_program().env("VERSIONER_DOWNLOAD_URL", url).tools(tools).call(shell);
            let message = called.refused("Versioner cannot be downloaded");
            assert!(message.starts_with("127.0.0.1:1/mirror/v") && !message.contains("pass"), "{message}");
        }
    }
}

#[test]
fn without_being_told_otherwise_it_asks_the_releases() {
    for shell in SHELLS {
        let spy = "#!/bin/sh\nprintf '%s ' \"$@\" >\"$RUNNER_TEMP/asked\"\nexit 6\n";
        let release = Release::without_program().fake("curl", spy);
        release.call(shell).refused("Versioner cannot be downloaded");
        let asked = fs::read_to_string(release.path("temp/asked")).unwrap();
        let url = format!("https://github.com/versioner/action/releases/download{}", place());
        assert!(asked.ends_with(&format!(" --url {url} ")), "{asked}");
    }
}

#[test]
fn it_goes_through_a_proxy() {
    for shell in SHELLS {
        for tools in CLIENTS {
            let url = format!("http://mirror.invalid{}", place());
            let proxy = Server::start(&[(&url, PROGRAM.as_bytes())]);
            let release = Release::without_program().tools(tools).env("http_proxy", &proxy.url());
            release.env("VERSIONER_DOWNLOAD_URL", "http://mirror.invalid").call(shell).ran();
            assert_eq!(proxy.asked(), [url]);
        }
    }
}

#[test]
fn a_cache_that_cannot_be_written_to_does_no_harm() {
    for shell in SHELLS {
        for cache in ["", "/dev/null", "/proc"] {
            let server = with(PROGRAM);
            let release = from(&server).tools(CLIENTS[0]).env("RUNNER_TOOL_CACHE", cache);
            let called = release.call(shell);
            called.ran();
            assert_eq!(called.stderr, "");
            assert_eq!(server.asked().len(), 1);
        }
    }
    assert!(!std::path::Path::new("/versioner").exists());
}

#[test]
fn what_is_kept_is_kept_whole() {
    // A disk that is full: half of the file, and an error.
    let full = "#!/bin/sh\nfor into do :; done\necho half 2>&1 >\"$into\"\nexit 1\n";
    for shell in SHELLS {
        let server = with(PROGRAM);
        let release = from(&server).tools(CLIENTS[0]).fake("cp", full);
        release.call(shell).ran();
        assert!(!release.path(&release.cached()).exists(), "half a file would be taken for the program");
        release.call(shell).ran();
        assert_eq!(server.asked().len(), 2);
    }
}

#[test]
fn two_at_once_do_not_meet() {
    for shell in SHELLS {
        let server = with(PROGRAM);
        let release = from(&server).tools(CLIENTS[0]);
        let calls: Vec<_> = (0..6).map(|_| release.command(shell).stdout(Stdio::piped()).spawn().unwrap()).collect();
        for call in calls {
            Called::of(call.wait_with_output().unwrap()).ran();
        }
        assert_eq!(fs::read_to_string(release.path(&release.cached())).unwrap(), PROGRAM);
        assert_eq!(release.files("cache").len(), 1, "nothing half-written is left");
        assert_eq!(release.files("temp").len(), 6);
    }
}
