//! How `entrypoint.sh` downloads the binary, and caches it for later jobs.

use crate::file_server::FileServer;
use crate::release::{BINARY_NAME, FAKE_BINARY, Release, RunOutput, SHELLS, TAMPERED_BINARY};
use std::fs;
use std::process::Stdio;

/// The tools for each way to download: those on the `PATH` beside the required ones.
const DOWNLOAD_TOOLS: [&[&str]; 3] = [&["sha256sum", "curl"], &["sha256sum", "wget", "timeout"], BUSYBOX];
const BUSYBOX: &[&str] = &["busybox:*", "busybox:sha256sum", "busybox:wget", "busybox:timeout"];

/// The path of the binary below the base URL.
fn binary_path() -> String {
    format!("/v{}/{BINARY_NAME}", env!("CARGO_PKG_VERSION"))
}

fn mirror_serving(content: &str) -> FileServer {
    FileServer::start(&[(&format!("/mirror{}", binary_path()), content.as_bytes())])
}

fn release_with_mirror(mirror: &FileServer) -> Release {
    Release::without_binary().env("VERSIONER_DOWNLOAD_URL", &format!("{}/mirror", mirror.url()))
}

#[test]
fn downloaded_binary_is_run_and_cached() {
    for shell in SHELLS {
        for tools in DOWNLOAD_TOOLS {
            let mirror = mirror_serving(FAKE_BINARY);
            let release = release_with_mirror(&mirror).tools(tools);
            let run = release.run(shell);
            assert!(run.assert_binary_ran().starts_with(release.path("temp/versioner.").to_str().unwrap()), "{run:?}");
            assert_eq!(run.stderr, "");
            assert_eq!(fs::read_to_string(release.path(&release.cached_binary())).unwrap(), FAKE_BINARY);
            assert_eq!(release.list_files("cache").len(), 1);
            release.run(shell).assert_binary_ran();
            assert_eq!(mirror.requests(), [format!("/mirror{}", binary_path())], "{shell:?} {tools:?}");
        }
    }
}

#[test]
fn download_with_wrong_checksum_is_neither_run_nor_cached() {
    for shell in SHELLS {
        for tools in DOWNLOAD_TOOLS {
            for content in [TAMPERED_BINARY, "", "<html>Please log in</html>"] {
                let mirror = mirror_serving(content);
                let release = release_with_mirror(&mirror).tools(tools);
                let run = release.run(shell);
                let message = run.assert_failed("Checksum mismatch");
                assert!(message.contains(&format!("{}/mirror{}", mirror.url(), binary_path())), "{message}");
                assert_eq!(release.list_files("cache"), [""; 0]);
            }
        }
    }
}

#[test]
fn failed_download_says_why_and_what_to_do() {
    for shell in SHELLS {
        for tools in DOWNLOAD_TOOLS {
            let mirror = FileServer::start(&[]);
            let run = release_with_mirror(&mirror).tools(tools).run(shell);
            let message = run.assert_failed("Cannot download versioner");
            for part in [&*binary_path(), "HTTPS_PROXY", "VERSIONER_DOWNLOAD_URL", "tool cache"] {
                assert!(message.contains(part), "{part}: {message}");
            }
            let closed_port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
            let url = format!("http://{closed_port}");
            let release = Release::without_binary().env("VERSIONER_DOWNLOAD_URL", &url).tools(tools);
            assert!(release.run(shell).assert_failed("Cannot download versioner").contains(&url));
        }
        let run = release_with_mirror(&mirror_serving(FAKE_BINARY)).tools(&["sha256sum"]).run(shell);
        assert!(run.assert_failed("Cannot download versioner").contains("Install curl, or wget"), "{run:?}");
    }
}

#[test]
fn tool_output_cannot_forge_workflow_commands() {
    let curl = "#!/bin/sh\nprintf 'not\\n::error::forged\\r::add-path::/evil\\n##[error]forged\\n\\n  found\\t* %%0A\\n'\nexit 6\n";
    for shell in SHELLS {
        let run = Release::without_binary().fake_tool("curl", curl).run(shell);
        let message = run.assert_failed("Cannot download versioner");
        assert!(!message.contains('\r'), "{message:?}");
        assert!(message.contains(": not ::error::forged ::add-path::/evil ##[error]forged found * %0A."), "{message}");
    }
}

#[test]
fn mirror_password_is_not_printed() {
    let url = "http://mona:pass@word@127.0.0.1:1/mirror";
    for shell in SHELLS {
        for tools in DOWNLOAD_TOOLS {
            let run = Release::without_binary().env("VERSIONER_DOWNLOAD_URL", url).tools(tools).run(shell);
            let message = run.assert_failed("Cannot download versioner");
            assert!(message.starts_with("127.0.0.1:1/mirror/v") && !message.contains("pass"), "{message}");
        }
    }
}

#[test]
fn default_download_url_is_the_github_release() {
    for shell in SHELLS {
        let curl = "#!/bin/sh\nprintf '%s ' \"$@\" >\"$RUNNER_TEMP/arguments\"\nexit 6\n";
        let release = Release::without_binary().fake_tool("curl", curl);
        release.run(shell).assert_failed("Cannot download versioner");
        let arguments = fs::read_to_string(release.path("temp/arguments")).unwrap();
        let url = format!("https://github.com/versioner/action/releases/download{}", binary_path());
        assert!(arguments.ends_with(&format!(" --url {url} ")), "{arguments}");
    }
}

#[test]
fn download_goes_through_the_proxy() {
    for shell in SHELLS {
        for tools in DOWNLOAD_TOOLS {
            let url = format!("http://mirror.invalid{}", binary_path());
            let proxy = FileServer::start(&[(&url, FAKE_BINARY.as_bytes())]);
            let release = Release::without_binary().tools(tools).env("http_proxy", &proxy.url());
            release.env("VERSIONER_DOWNLOAD_URL", "http://mirror.invalid").run(shell).assert_binary_ran();
            assert_eq!(proxy.requests(), [url]);
        }
    }
}

#[test]
fn unwritable_cache_is_not_an_error() {
    for shell in SHELLS {
        for cache in ["", "/dev/null", "/proc"] {
            let mirror = mirror_serving(FAKE_BINARY);
            let release = release_with_mirror(&mirror).tools(DOWNLOAD_TOOLS[0]).env("RUNNER_TOOL_CACHE", cache);
            let run = release.run(shell);
            run.assert_binary_ran();
            assert_eq!(run.stderr, "");
            assert_eq!(mirror.requests().len(), 1);
        }
    }
    assert!(!std::path::Path::new("/versioner").exists());
}

#[test]
fn cache_writes_are_atomic() {
    // As on a full disk: `cp` writes half of the file and fails.
    let cp = "#!/bin/sh\nfor into do :; done\necho half 2>&1 >\"$into\"\nexit 1\n";
    for shell in SHELLS {
        let mirror = mirror_serving(FAKE_BINARY);
        let release = release_with_mirror(&mirror).tools(DOWNLOAD_TOOLS[0]).fake_tool("cp", cp);
        release.run(shell).assert_binary_ran();
        assert!(!release.path(&release.cached_binary()).exists(), "the cache holds a truncated binary");
        release.run(shell).assert_binary_ran();
        assert_eq!(mirror.requests().len(), 2);
    }
}

#[test]
fn concurrent_jobs_share_one_cache() {
    for shell in SHELLS {
        let mirror = mirror_serving(FAKE_BINARY);
        let release = release_with_mirror(&mirror).tools(DOWNLOAD_TOOLS[0]);
        let jobs: Vec<_> = (0..6).map(|_| release.command(shell).stdout(Stdio::piped()).spawn().unwrap()).collect();
        for job in jobs {
            RunOutput::from(job.wait_with_output().unwrap()).assert_binary_ran();
        }
        assert_eq!(fs::read_to_string(release.path(&release.cached_binary())).unwrap(), FAKE_BINARY);
        assert_eq!(release.list_files("cache").len(), 1, "a temporary file is left in the cache");
        assert_eq!(release.list_files("temp").len(), 6);
    }
}
