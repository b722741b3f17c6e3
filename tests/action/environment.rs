//! What the tools and the binary see of the environment of `entrypoint.sh`.

use crate::action_yml::root;
use crate::file_server::FileServer;
use crate::release::{BINARY_NAME, FAKE_BINARY, Release, SHELLS, find_program};
use std::collections::BTreeMap;
use std::fs;

/// Secrets in forms that `export -p` prints in unusual ways, and two variables that are not secrets.
const VARIABLES: [(&str, &str); 11] = [
    ("INPUT_API_KEY", "sk_demo_1001_secret"),
    ("INPUT_RUN", "first secret\nINPUT_X='1'\nexport PATH=secret\n  'quoted\" secret"),
    ("INPUT_EMPTY", ""),
    ("INPUT_lower", "secret"),
    ("PLUGIN_API_KEY", "sk_demo_1001_secret"),
    ("PLUGIN_RUN", "first secret\nPLUGIN_X='1'\n  'quoted\" secret"),
    ("PLUGIN_EMPTY", ""),
    ("VERSIONER_API_KEY", "sk_demo_1001_secret"),
    ("VERSIONER_API_KEY_FILE", "/run/secret"),
    ("MULTI", "INPUT_API_KEY=a\nINPUT_A B\nexport INPUT_A-B='x'\ndeclare -x INPUT_C=\"c\"\n"),
    ("VERSIONER_PRODUCT", "shop"),
];

const TOOLS: [&str; 8] = ["uname", "mktemp", "cp", "chmod", "sha256sum", "curl", "mkdir", "mv"];

#[test]
fn tools_see_no_inputs_or_api_key_and_the_binary_sees_everything() {
    let path = format!("/v{}/{BINARY_NAME}", env!("CARGO_PKG_VERSION"));
    let mirror = FileServer::start(&[(&path, FAKE_BINARY.as_bytes())]);
    for shell in SHELLS {
        // The binary is in the release, in the cache, or downloaded. Each uses more of the tools.
        for tool_count in [2, 5, 8] {
            let mut release = if tool_count == 2 { Release::with_binary() } else { Release::without_binary() };
            if tool_count == 5 {
                release.write_executable(&release.cached_binary(), FAKE_BINARY);
            }
            for (name, value) in VARIABLES {
                release = release.env(name, value);
            }
            release = with_recording_tools(release.env("VERSIONER_DOWNLOAD_URL", &mirror.url()));
            let run = release.run(shell);
            run.assert_binary_ran();
            for (name, value) in VARIABLES {
                assert!(run.stdout.contains(&format!("\n{name}={value}\n")), "{name}: {run:?}");
            }
            let mut records = release.list_files("temp");
            records.retain(|name| name.starts_with("seen by"));
            assert_eq!(records.len(), tool_count, "{records:?}");
            for record in records {
                assert_no_secrets(&record, &fs::read_to_string(release.path("temp").join(&record)).unwrap());
            }
        }
    }
}

/// Replaces each tool with a script that records its environment in the temporary directory and runs the tool.
fn with_recording_tools(release: Release) -> Release {
    TOOLS.iter().fold(release, |release, tool| {
        let real = find_program(tool).display().to_string();
        let script = format!("#!/bin/sh\n/usr/bin/env -0 >>\"${{RUNNER_TEMP}}/seen by {tool}\"\nexec {real} \"$@\"\n");
        release.fake_tool(tool, &script)
    })
}

fn assert_no_secrets(tool: &str, environment: &str) {
    assert!(
        environment.contains("VERSIONER_PRODUCT=shop\0") && environment.contains("MULTI=INPUT_API_KEY=a\n"),
        "{tool}"
    );
    for variable in environment.split('\0') {
        let secret = ["INPUT_", "PLUGIN_", "VERSIONER_API_KEY"].iter().any(|prefix| variable.starts_with(prefix));
        assert!(!secret && !variable.contains("secret"), "{tool}: {variable}");
    }
}

#[test]
fn script_variables_do_not_change_the_binary_environment() {
    // Every name the script uses could also be a variable of the user's deployment.
    let script = fs::read_to_string(root().join("entrypoint.sh")).unwrap();
    let words = script.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let mut names: Vec<&str> = words.filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '_')).collect();
    names.retain(|name| !name.is_empty() && *name != "_" && *name != "versioner_binary");
    assert!(names.contains(&"url") && names.contains(&"version") && names.contains(&"expected"), "{names:?}");
    for shell in SHELLS {
        for cached in [false, true] {
            let mut release = if cached { Release::without_binary() } else { Release::with_binary() };
            release.write_executable(&release.cached_binary(), FAKE_BINARY);
            let mut expected: BTreeMap<String, String> = BTreeMap::new();
            for name in &names {
                release = release.env(name, "mine");
                expected.insert((*name).to_owned(), "mine".to_owned());
            }
            let run = release.run(shell);
            run.assert_binary_ran();
            for (name, value) in expected {
                assert!(run.stdout.contains(&format!("\n{name}={value}\n")), "{name}: {run:?}");
            }
        }
    }
}

#[test]
fn temporary_directory_is_runner_temp_or_tmpdir() {
    for shell in SHELLS {
        let release = Release::without_binary().env("RUNNER_TEMP", "");
        release.write_executable(&release.cached_binary(), FAKE_BINARY);
        fs::create_dir(release.path("tmp")).unwrap();
        let tmp = release.path("tmp").display().to_string();
        let release = release.env("TMPDIR", &tmp);
        assert!(release.run(shell).assert_binary_ran().starts_with(&tmp));
        let release = release.env("TMPDIR", "/dev/null");
        assert!(release.run(shell).assert_failed("Cannot create a temporary directory").contains("/dev/null"));
    }
}
