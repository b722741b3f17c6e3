//! Which binary `entrypoint.sh` runs, and that it runs no other.

use crate::release::{BINARY_NAME, FAKE_BINARY, Release, RunOutput, SHELLS, TAMPERED_BINARY, sha256};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::process::{Command, Stdio};

#[test]
fn binary_beside_the_script_replaces_the_process() {
    for shell in SHELLS {
        let release = Release::with_binary();
        let child = release.command(shell).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let process = format!(" as {}\n", child.id());
        let run = RunOutput::from(child.wait_with_output().unwrap());
        assert_eq!(run.assert_binary_ran(), release.path("action").join(BINARY_NAME).to_str().unwrap());
        assert!(run.stdout.contains(&process), "{process}: {run:?}");
        assert_eq!(run.stderr, "");
        assert_eq!(release.list_files("temp"), [""; 0]);
    }
}

#[test]
fn tampered_binary_is_not_run() {
    for shell in SHELLS {
        let release = Release::with_binary();
        release.write_executable(&format!("action/{BINARY_NAME}"), TAMPERED_BINARY);
        let run = release.run(shell);
        let message = run.assert_failed("Checksum mismatch");
        for part in [BINARY_NAME, &sha256(TAMPERED_BINARY), &sha256(FAKE_BINARY), "Delete the file"] {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
}

#[test]
fn binary_without_a_checksum_is_not_run() {
    for shell in SHELLS {
        let release = Release::with_binary();
        let other_file = format!("{}  {BINARY_NAME}.exe\n", sha256(FAKE_BINARY));
        for checksums in ["", "\n", &other_file, &format!("  {BINARY_NAME}\n"), BINARY_NAME] {
            release.write("action/checksums.txt", checksums);
            assert!(release.run(shell).assert_failed("Cannot verify versioner").contains(BINARY_NAME));
        }
    }
}

#[test]
fn last_checksum_needs_no_newline() {
    for shell in SHELLS {
        let release = Release::with_binary();
        release.write("action/checksums.txt", &format!("{}  {BINARY_NAME}", sha256(FAKE_BINARY)));
        release.run(shell).assert_binary_ran();
        release.write("action/checksums.txt", &format!("{}  {BINARY_NAME}", sha256(TAMPERED_BINARY)));
        release.run(shell).assert_failed("Checksum mismatch");
    }
}

#[test]
fn source_checkout_runs_nothing() {
    for shell in SHELLS {
        let release = Release::source();
        release.write_executable(&format!("action/{BINARY_NAME}"), TAMPERED_BINARY);
        let run = release.run(shell);
        let message = run.assert_failed("Not a release of versioner/action");
        assert!(message.contains("versioner/action@v1") && message.contains("VERSIONER_BIN"), "{message}");
        assert_eq!(run.stderr, "");
    }
}

#[test]
fn versioner_bin_is_run_instead() {
    for shell in SHELLS {
        let release = Release::with_binary();
        release.write_executable("my own/versioner", FAKE_BINARY);
        let own = release.path("my own/versioner").display().to_string();
        let release = release.env("VERSIONER_BIN", &own);
        assert_eq!(release.run(shell).assert_binary_ran(), own);
        release.write_executable("bin/their-versioner", FAKE_BINARY);
        let release = release.env("VERSIONER_BIN", "their-versioner");
        assert_eq!(release.run(shell).assert_binary_ran(), release.path("bin/their-versioner").to_str().unwrap());
        // It works in a checkout of the source as well.
        fs::remove_file(release.path("action/checksums.txt")).unwrap();
        release.run(shell).assert_binary_ran();
        // An empty value means that it is not set.
        release.env("VERSIONER_BIN", "").run(shell).assert_failed("Not a release of versioner/action");
    }
}

#[test]
fn versioner_bin_is_announced_as_not_verified_in_one_line() {
    for shell in SHELLS {
        for name in ["own-versioner", "two\nlines\r::error::forged"] {
            let release = Release::with_binary();
            release.write_executable(&format!("bin/{name}"), FAKE_BINARY);
            let run = release.env("VERSIONER_BIN", name).run(shell);
            let path = run.assert_binary_ran().split_whitespace().collect::<Vec<&str>>().join(" ");
            assert_eq!(run.stderr, format!("versioner: running {path} (VERSIONER_BIN), not verified\n"), "{run:?}");
        }
    }
}

#[test]
fn binary_that_cannot_run_is_named() {
    for shell in SHELLS {
        let release = Release::with_binary();
        release.write("text", TAMPERED_BINARY);
        for name in ["text", "missing", "temp"] {
            let path = release.path(name).display().to_string();
            let run = Release::with_binary().env("VERSIONER_BIN", &path).run(shell);
            assert!(run.assert_failed("Cannot run versioner").contains(&format!("'{path}'")), "{run:?}");
        }
        // `fail` is a function of the script, and no program.
        for name in ["no-such-program", "fail"] {
            let run = Release::with_binary().env("VERSIONER_BIN", name).run(shell);
            assert!(run.assert_failed("Cannot run versioner").contains(&format!("'{name}'")), "{run:?}");
        }
        release.write_executable(&format!("action/{BINARY_NAME}"), FAKE_BINARY);
        let chmod = Command::new("chmod").arg("a-x").arg(release.path("action").join(BINARY_NAME)).status();
        assert!(chmod.unwrap().success());
        release.run(shell).assert_failed("Cannot run versioner");
    }
}

#[test]
fn cached_binary_is_verified_and_run_from_a_private_copy() {
    for shell in SHELLS {
        let release = Release::without_binary();
        release.write_executable(&release.cached_binary(), FAKE_BINARY);
        let run = release.run(shell);
        assert!(run.assert_binary_ran().starts_with(release.path("temp/versioner.").to_str().unwrap()), "{run:?}");
        let directory = fs::metadata(std::path::Path::new(run.assert_binary_ran()).parent().unwrap()).unwrap();
        assert_eq!(directory.mode() & 0o777, 0o700, "others could replace the copy after it is verified");

        release.write_executable(&release.cached_binary(), TAMPERED_BINARY);
        let run = release.run(shell);
        assert!(run.assert_failed("Checksum mismatch").contains("/cache/versioner/"), "{run:?}");
    }
}

#[test]
fn cached_binary_that_changes_after_verification_is_not_run() {
    let sha256sum =
        "#!/bin/sh\n/usr/bin/sha256sum\nprintf '#!/bin/sh\\necho tampered\\n' >\"$RUNNER_TOOL_CACHE/$CACHED\"\n";
    for shell in SHELLS {
        let release = Release::without_binary().fake_tool("sha256sum", sha256sum);
        release.write_executable(&release.cached_binary(), FAKE_BINARY);
        let cached = release.cached_binary().strip_prefix("cache/").unwrap().to_owned();
        let release = release.env("CACHED", &cached);
        release.run(shell).assert_binary_ran();
        let content = fs::read_to_string(release.path(&release.cached_binary())).unwrap();
        assert_eq!(content, TAMPERED_BINARY, "the fake sha256sum did not change the cache");
    }
}

#[test]
fn shasum_or_sha256sum_is_required() {
    for shell in SHELLS {
        for tools in [&["sha256sum"][..], &["busybox:sha256sum"], &["shasum", "perl"]] {
            let release = Release::with_binary().tools(tools);
            release.run(shell).assert_binary_ran();
            release.write_executable(&format!("action/{BINARY_NAME}"), TAMPERED_BINARY);
            release.run(shell).assert_failed("Checksum mismatch");
        }
        let run = Release::with_binary().tools(&[]).run(shell);
        assert!(run.assert_failed("Cannot verify versioner").contains("Install coreutils"), "{run:?}");
    }
}

#[test]
fn broken_sha256sum_verifies_nothing() {
    for shell in SHELLS {
        for script in ["#!/bin/sh\nexit 1\n", "#!/bin/sh\necho\n", "not a program"] {
            Release::with_binary().fake_tool("sha256sum", script).run(shell).assert_failed("Checksum mismatch");
        }
    }
}

#[test]
fn each_platform_has_its_binary_or_an_error() {
    for shell in SHELLS {
        for (machine, file) in [
            ("Linux x86_64", "versioner-x86_64-unknown-linux-musl"),
            ("Linux aarch64", "versioner-aarch64-unknown-linux-musl"),
            ("Darwin x86_64", "versioner-x86_64-apple-darwin"),
            ("Darwin arm64", "versioner-aarch64-apple-darwin"),
            ("MINGW64_NT-10.0-20348 x86_64", "versioner-x86_64-pc-windows-msvc.exe"),
            ("MSYS_NT-10.0-26100 x86_64", "versioner-x86_64-pc-windows-msvc.exe"),
        ] {
            let release = Release::source().fake_tool("uname", &format!("#!/bin/sh\necho '{machine}'\n"));
            release.write("action/checksums.txt", &format!("{}  {file}\n", sha256(FAKE_BINARY)));
            release.write_executable(&format!("action/{file}"), FAKE_BINARY);
            assert!(release.run(shell).assert_binary_ran().ends_with(file), "{machine}");
        }
        for machine in ["Linux riscv64", "Linux i686", "Darwin", "FreeBSD amd64", "MINGW32_NT-10.0 i686", ""] {
            let release = Release::with_binary().fake_tool("uname", &format!("#!/bin/sh\necho '{machine}'\n"));
            let run = release.run(shell);
            let message = run.assert_failed("Unsupported platform");
            assert!(message.contains(&format!("'{machine}'")) && message.contains("VERSIONER_BIN"), "{message}");
        }
    }
}

#[test]
fn script_runs_by_its_bare_name_and_through_a_symlink() {
    for shell in SHELLS {
        let release = Release::with_binary();
        let mut command = release.command(shell);
        let mut bare = Command::new(command.get_program());
        bare.args(&shell[1..]).args(["entrypoint.sh", "an argument", "*"]).current_dir(release.path("action"));
        bare.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        assert!(RunOutput::from(bare.output().unwrap()).assert_binary_ran().ends_with(BINARY_NAME));
        symlink(release.path("action"), release.path("link")).unwrap();
        command = Command::new(bare.get_program());
        command.args(&shell[1..]).arg(release.path("link/entrypoint.sh")).args(["an argument", "*"]);
        command.env_clear().envs(bare.get_envs().filter_map(|(name, value)| Some((name, value?))));
        RunOutput::from(command.output().unwrap()).assert_binary_ran();
    }
}
