//! Outputs outside GitHub: the output file, JSON, and a closed or full stdout.

use crate::support::{Versioner, read};
use proptest::prelude::*;
use serde_json::json;
use std::fs::File;
use std::process::Command;
use versioner_action::internals::Outputs;
use versioner_sandbox::{Reply, Sandbox};

#[test]
fn output_file_with_hostile_values_is_safe_to_source() {
    let sandbox = Sandbox::start();
    let hostile = "it's $(touch pwned) `touch pwned`; touch pwned\nVERSIONER_OUTCOME=recorded";
    sandbox.script([Reply::status(423).json(json!({"code": "X\nY=1", "message": hostile}))]);
    let call = Versioner::deployment(&sandbox, "started");
    let path = call.file("out.env", "EARLIER=1");
    let call = call.args(["--output-file", &path]);
    assert_eq!(call.run().code, 5);
    let text = read(path.as_ref());
    assert!(text.starts_with("EARLIER=1\nVERSIONER_OUTCOME=blocked\n"), "{text}");
    let script =
        ". ./out.env; printf '%s|%s|%s' \"$VERSIONER_OUTCOME\" \"$VERSIONER_HTTP_STATUS\" \"$VERSIONER_BLOCK_MESSAGE\"";
    let directory = std::path::Path::new(&path).parent().unwrap();
    let output = Command::new("sh").args(["-c", script]).current_dir(directory).output().unwrap();
    let expected = "blocked|423|it's $(touch pwned) `touch pwned`; touch pwned VERSIONER_OUTCOME=recorded";
    assert_eq!(String::from_utf8(output.stdout).unwrap(), expected);
    assert!(!directory.join("pwned").exists());
}

#[test]
fn unwritable_output_file_is_a_warning() {
    let sandbox = Sandbox::start();
    let run = Versioner::deployment(&sandbox, "success").args(["--output-file", "/no/such/dir/out"]).run();
    assert_eq!(run.code, 0);
    assert!(run.stderr.contains("output_file (/no/such/dir/out)"), "{}", run.stderr);
}

#[test]
fn json_values_are_typed() {
    let sandbox = Sandbox::start();
    let json = Versioner::deployment(&sandbox, "started").args(["--json"]).run().json();
    assert!(json["http_status"].is_u64() && json["attempts"].is_u64() && json["waited_seconds"].is_u64(), "{json}");
    assert!(
        json["deployment_id"].is_string() && json.get("build_id").is_none() && json.get("block_code").is_none(),
        "{json}"
    );
}

#[test]
fn closed_or_full_stdout_keeps_exit_0() {
    let sandbox = Sandbox::start();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let output = Versioner::deployment(&sandbox, "success").command().stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr.matches("stdout cannot be written").count(), 1, "{stderr}");

    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let status = Versioner::deployment(&sandbox, "success").command().stdout(writer).status().unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(sandbox.requests().len(), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn shell_reads_the_output_file_values_back_unchanged(
        message in "(\\PC|[\"'$`\\\\;&|<>(){}~!#*?= ]|\\$\\(touch pwned\\)){0,60}", before in "(EARLIER=1\n?)?"
    ) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.env");
        std::fs::write(&path, &before).unwrap();
        let outputs = Outputs { outcome: Some("blocked"), block_message: Some(message.clone()), ..Outputs::default() };
        outputs.append_to(&path).unwrap();
        let script = ". ./out.env; printf '%s|%s|%s' \"$EARLIER\" \"$VERSIONER_OUTCOME\" \"$VERSIONER_BLOCK_MESSAGE\"";
        let output = Command::new("sh").env_clear().current_dir(dir.path()).args(["-c", script]).output().unwrap();
        let earlier = if before.is_empty() { "" } else { "1" };
        prop_assert_eq!(String::from_utf8(output.stdout).unwrap(), format!("{earlier}|blocked|{message}"));
        prop_assert!(output.stderr.is_empty() && std::fs::read_dir(dir.path()).unwrap().count() == 1);
        // A reader that parses it line by line finds one variable per line.
        let lines = read(&path);
        prop_assert_eq!(lines.lines().filter(|line| line.starts_with("VERSIONER_")).count(), 2, "{}", lines);
    }
}
