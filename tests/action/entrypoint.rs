//! `entrypoint.sh`: which program it runs, and that it runs nothing else.

use crate::release::{Called, FILE, PROGRAM, Release, SHELLS, sha256};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::process::Stdio;

const EVIL: &str = "#!/bin/sh\necho evil\n";

#[test]
fn the_program_beside_it_becomes_the_process() {
    for shell in SHELLS {
        let release = Release::with_program();
        let child = release.command(shell).stdout(Stdio::piped()).spawn().unwrap();
        let process = format!(" as {}\n", child.id());
        let called = Called::of(child.wait_with_output().unwrap());
        assert_eq!(called.ran(), release.path("action").join(FILE).to_str().unwrap());
        assert!(called.stdout.contains(&process), "{process}: {called:?}");
        assert_eq!(called.stderr, "");
        assert_eq!(release.files("temp"), [""; 0]);
    }
}

#[test]
fn a_program_that_is_not_the_releases_is_not_run() {
    for shell in SHELLS {
        let release = Release::with_program();
        release.program(&format!("action/{FILE}"), EVIL);
        let called = release.call(shell);
        let message = called.refused("Versioner is not what it should be");
        for part in [FILE, &sha256(EVIL), &sha256(PROGRAM), "Delete it"] {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
}

#[test]
fn without_a_checksum_nothing_is_run() {
    for shell in SHELLS {
        let release = Release::with_program();
        for checksums in ["", "\n", &format!("{}  {FILE}.exe\n", sha256(PROGRAM)), &format!("  {FILE}\n"), FILE] {
            release.write("action/checksums.txt", checksums);
            assert!(release.call(shell).refused("Versioner cannot be verified").contains(FILE));
        }
        // The last line counts as well where nothing ends it.
        release.write("action/checksums.txt", &format!("{}  {FILE}", sha256(PROGRAM)));
        release.call(shell).ran();
        release.write("action/checksums.txt", &format!("{}  {FILE}", sha256(EVIL)));
        release.call(shell).refused("Versioner is not what it should be");
    }
}

#[test]
fn a_checkout_of_the_source_says_that_it_is_one() {
    for shell in SHELLS {
        let release = Release::source();
        release.program(&format!("action/{FILE}"), EVIL);
        let called = release.call(shell);
        let message = called.refused("This is no release of Versioner");
        assert!(message.contains("versioner/action@v1") && message.contains("VERSIONER_BIN"), "{message}");
        assert_eq!(called.stderr, "");
    }
}

#[test]
fn the_users_own_program_goes_first() {
    for shell in SHELLS {
        let release = Release::with_program();
        release.program("my own/versioner", PROGRAM);
        let own = release.path("my own/versioner").display().to_string();
        let release = release.env("VERSIONER_BIN", &own);
        assert_eq!(release.call(shell).ran(), own);
        release.program("bin/their-versioner", PROGRAM);
        let release = release.env("VERSIONER_BIN", "their-versioner");
        assert_eq!(release.call(shell).ran(), release.path("bin/their-versioner").to_str().unwrap());
        // Not even in a checkout of the source does it take more.
        fs::remove_file(release.path("action/checksums.txt")).unwrap();
        release.call(shell).ran();
        // Empty means not set.
        release.env("VERSIONER_BIN", "").call(shell).refused("This is no release of Versioner");
    }
}

#[test]
fn a_program_that_cannot_be_run_is_named() {
    for shell in SHELLS {
        let release = Release::with_program();
        release.write("text", EVIL);
        for name in ["text", "missing", "temp"] {
            let path = release.path(name).display().to_string();
            let release = Release::with_program().env("VERSIONER_BIN", &path);
            let called = release.call(shell);
            assert!(called.refused("Versioner cannot be run").contains(&format!("'{path}'")), "{called:?}");
        }
        for name in ["no-such-program", "stop"] {
            let called = Release::with_program().env("VERSIONER_BIN", name).call(shell);
            assert!(called.refused("Versioner cannot be run").contains(&format!("'{name}'")), "{called:?}");
        }
        release.program(&format!("action/{FILE}"), PROGRAM);
        let read_only = std::process::Command::new("chmod").arg("a-x").arg(release.path("action").join(FILE)).status();
        assert!(read_only.unwrap().success());
        release.call(shell).refused("Versioner cannot be run");
    }
}

#[test]
fn what_comes_from_the_cache_is_verified_and_run_as_a_copy() {
    for shell in SHELLS {
        let release = Release::without_program();
        release.program(&release.cached(), PROGRAM);
        let called = release.call(shell);
        assert!(called.ran().starts_with(release.path("temp/versioner.").to_str().unwrap()), "{called:?}");
        let directory = fs::metadata(std::path::Path::new(called.ran()).parent().unwrap()).unwrap();
        assert_eq!(directory.mode() & 0o777, 0o700, "nobody else may come between verifying and running");

        release.program(&release.cached(), EVIL);
        let called = release.call(shell);
        assert!(called.refused("Versioner is not what it should be").contains("/cache/versioner/"), "{called:?}");
    }
}

#[test]
fn what_is_changed_after_it_was_verified_is_not_run() {
    for shell in SHELLS {
        let release = Release::without_program().fake(
            "sha256sum",
            "#!/bin/sh\n/usr/bin/sha256sum\nprintf '#!/bin/sh\\necho evil\\n' >\"$RUNNER_TOOL_CACHE/$CACHED\"\n",
        );
        release.program(&release.cached(), PROGRAM);
        let cached = release.cached().strip_prefix("cache/").unwrap().to_owned();
        let release = release.env("CACHED", &cached);
        release.call(shell).ran();
        assert_eq!(fs::read_to_string(release.path(&release.cached())).unwrap(), EVIL, "the test did not do its part");
    }
}

#[test]
fn either_hash_tool_will_do_and_none_will_not() {
    for shell in SHELLS {
        for tools in [&["sha256sum"][..], &["busybox:sha256sum"], &["shasum", "perl"]] {
            let release = Release::with_program().tools(tools);
            release.call(shell).ran();
            release.program(&format!("action/{FILE}"), EVIL);
            release.call(shell).refused("Versioner is not what it should be");
        }
        let called = Release::with_program().tools(&[]).call(shell);
        assert!(called.refused("Versioner cannot be verified").contains("install coreutils"), "{called:?}");
        // One that fails, or says nothing, verifies nothing.
        for script in ["#!/bin/sh\nexit 1\n", "#!/bin/sh\necho\n", "not a program"] {
            let called = Release::with_program().fake("sha256sum", script).call(shell);
            called.refused("Versioner is not what it should be");
        }
    }
}

#[test]
fn other_machines_get_their_own_program_or_are_told() {
    for shell in SHELLS {
        for (machine, file) in [
            ("Linux x86_64", "versioner-x86_64-unknown-linux-musl"),
            ("Linux aarch64", "versioner-aarch64-unknown-linux-musl"),
            ("Darwin x86_64", "versioner-x86_64-apple-darwin"),
            ("Darwin arm64", "versioner-aarch64-apple-darwin"),
            ("MINGW64_NT-10.0-20348 x86_64", "versioner-x86_64-pc-windows-msvc.exe"),
            ("MSYS_NT-10.0-26100 x86_64", "versioner-x86_64-pc-windows-msvc.exe"),
        ] {
            let release = Release::source().fake("uname", &format!("#!/bin/sh\necho '{machine}'\n"));
            release.write("action/checksums.txt", &format!("{}  {file}\n", sha256(PROGRAM)));
            release.program(&format!("action/{file}"), PROGRAM);
            assert!(release.call(shell).ran().ends_with(file), "{machine}");
        }
        for machine in ["Linux riscv64", "Linux i686", "Darwin", "FreeBSD amd64", "MINGW32_NT-10.0 i686", ""] {
            let release = Release::with_program().fake("uname", &format!("#!/bin/sh\necho '{machine}'\n"));
            let called = release.call(shell);
            let message = called.refused("No Versioner for this machine");
            assert!(message.contains(&format!("'{machine}'")) && message.contains("VERSIONER_BIN"), "{message}");
        }
    }
}

/// Variables that are none of the business of the tools, in forms that are easily mistaken; and some that are everybody's.
const SECRETS: [(&str, &str); 8] = [
    ("INPUT_API_KEY", "sk_demo_1001_secret"),
    ("INPUT_RUN", "first secret\nINPUT_X='1'\nexport PATH=secret\n  'quoted\" secret"),
    ("INPUT_EMPTY", ""),
    ("INPUT_lower", "secret"),
    ("VERSIONER_API_KEY", "sk_demo_1001_secret"),
    ("VERSIONER_API_KEY_FILE", "/run/secret"),
    ("MULTI", "INPUT_API_KEY=a\nINPUT_A B\nexport INPUT_A-B='x'\ndeclare -x INPUT_C=\"c\"\n"),
    ("VERSIONER_PRODUCT", "shop"),
];

#[test]
fn the_tools_see_neither_inputs_nor_key_and_the_program_all() {
    for shell in SHELLS {
        for cached in [false, true] {
            let mut release = if cached { Release::without_program() } else { Release::with_program() };
            release.program(&release.cached(), PROGRAM);
            for (name, value) in SECRETS {
                release = release.env(name, value);
            }
            for tool in ["uname", "mktemp", "cp", "chmod", "sha256sum"] {
                let real = crate::release::find(tool).display().to_string();
                let spy =
                    format!("#!/bin/sh\n/usr/bin/env -0 >>\"${{RUNNER_TEMP}}/seen by {tool}\"\nexec {real} \"$@\"\n");
                release = release.fake(tool, &spy);
            }
            let called = release.call(shell);
            called.ran();
            for (name, value) in SECRETS {
                assert!(called.stdout.contains(&format!("\n{name}={value}\n")), "{name}: {called:?}");
            }
            let seen: Vec<String> = release.files("temp").into_iter().filter(|name| name.starts_with("seen")).collect();
            assert_eq!(seen.len(), if cached { 5 } else { 2 }, "{seen:?}");
            for tool in seen {
                let saw = fs::read_to_string(release.path("temp").join(&tool)).unwrap();
                assert!(saw.contains("VERSIONER_PRODUCT=shop\0") && saw.contains("MULTI=INPUT_API_KEY=a\n"), "{tool}");
                for variable in saw.split('\0') {
                    let hidden = ["INPUT_", "VERSIONER_API_KEY"].iter().all(|secret| !variable.starts_with(secret));
                    assert!(hidden && !variable.contains("secret"), "{tool} saw {variable}");
                }
            }
        }
    }
}

#[test]
fn the_programs_variables_are_the_callers() {
    // Each name that the script uses for itself, as somebody's deployment may.
    let script = fs::read_to_string(crate::yaml::root().join("entrypoint.sh")).unwrap();
    let words = script.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let mut names: Vec<&str> = words.filter(|word| word.chars().all(|c| c.is_ascii_lowercase() || c == '_')).collect();
    names.retain(|name| !name.is_empty() && *name != "_" && *name != "versioner_program");
    assert!(names.contains(&"url") && names.contains(&"version") && names.contains(&"wanted"), "{names:?}");
    for shell in SHELLS {
        for cached in [false, true] {
            let mut release = if cached { Release::without_program() } else { Release::with_program() };
            release.program(&release.cached(), PROGRAM);
            let mut given: BTreeMap<String, String> = BTreeMap::new();
            for name in &names {
                release = release.env(name, "mine");
                given.insert((*name).to_owned(), "mine".to_owned());
            }
            let called = release.call(shell);
            called.ran();
            for (name, value) in given {
                assert!(called.stdout.contains(&format!("\n{name}={value}\n")), "{name}: {called:?}");
            }
        }
    }
}

#[test]
fn without_a_temporary_directory_of_the_job_the_users_is_taken() {
    for shell in SHELLS {
        let release = Release::without_program().env("RUNNER_TEMP", "");
        release.program(&release.cached(), PROGRAM);
        fs::create_dir(release.path("tmp")).unwrap();
        let tmp = release.path("tmp").display().to_string();
        let release = release.env("TMPDIR", &tmp);
        assert!(release.call(shell).ran().starts_with(&tmp));
        let release = release.env("TMPDIR", "/dev/null");
        assert!(release.call(shell).refused("Versioner has no temporary directory").contains("/dev/null"));
    }
}

#[test]
fn it_can_be_called_by_its_bare_name_and_through_a_link() {
    for shell in SHELLS {
        let release = Release::with_program();
        let mut command = release.command(shell);
        let mut bare = std::process::Command::new(command.get_program());
        bare.args(&shell[1..]).args(["entrypoint.sh", "an argument", "*"]).current_dir(release.path("action"));
        bare.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        assert!(Called::of(bare.output().unwrap()).ran().ends_with(FILE));
        symlink(release.path("action"), release.path("link")).unwrap();
        command = std::process::Command::new(bare.get_program());
        command.args(&shell[1..]).arg(release.path("link/entrypoint.sh")).args(["an argument", "*"]);
        command.env_clear().envs(bare.get_envs().filter_map(|(name, value)| Some((name, value?))));
        Called::of(command.output().unwrap()).ran();
    }
}
