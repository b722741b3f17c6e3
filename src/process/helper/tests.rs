//! Calls of real helper programs.

use super::*;
use crate::process::recording::program;
use std::path::Path;

/// A helper program with this script, which finds the directory's path in `DIR`.
fn helper(dir: &Path, script: &str, env: &[(&str, &str)]) -> HelperProgram {
    program(dir, "some-agent", &format!("#!/bin/sh\n{script}\n"));
    let path = format!("{}:/usr/bin:/bin", dir.display());
    let own = [("PATH", path.as_str()), ("DIR", dir.to_str().unwrap())];
    HelperProgram::find(&own.iter().chain(env).copied().collect(), "some-agent").unwrap()
}

fn read(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap()
}

/// Whether the process in the file `name` exists. A zombie does not count: another process may take its time to wait for it.
fn is_running(dir: &Path, name: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", read(dir, name).trim()));
    status.is_ok_and(|status| !status.contains("State:\tZ"))
}

#[test]
fn helper_gets_arguments_and_input_but_no_private_variables() {
    let dir = tempfile::tempdir().unwrap();
    let script = "{ printf '%s\\n' \"$@\"; cat; env; } > \"$DIR/out\"\nexit \"$CODE\"";
    let call = |code: &str| {
        let env = [
            ("CODE", code),
            ("VERSIONER_API_KEY", "secret-1"),
            ("INPUT_API-KEY", "secret-2"),
            ("PLUGIN_API_KEY", "secret-3"),
            ("VERSIONER_PRODUCT", "shop"),
        ];
        helper(dir.path(), script, &env).call(&["annotate", "a b"], "text\n")
    };
    assert_eq!(call("0"), Ok(()));
    let seen = read(dir.path(), "out");
    assert!(
        seen.starts_with("annotate\na b\ntext\n")
            && seen.contains("VERSIONER_PRODUCT=shop")
            && !seen.contains("secret"),
        "{seen}"
    );
    assert!(call("3").unwrap_err().to_string().ends_with("some-agent annotate: it ended with exit status: 3"));
    assert!(HelperProgram::find(&Env::default(), "some-agent").is_none());
}

#[test]
fn input_larger_than_a_pipe_arrives_whole() {
    let dir = tempfile::tempdir().unwrap();
    let input = "0123456789".repeat(100_000);
    assert_eq!(helper(dir.path(), "sleep 0.1; cat > \"$DIR/out\"", &[]).call(&["annotate"], &input), Ok(()));
    assert!(read(dir.path(), "out") == input);
    // One that does not read it is not waited for.
    assert_eq!(helper(dir.path(), "exit 0", &[]).call(&["annotate"], &input), Ok(()));
}

#[test]
fn hanging_helper_is_killed_with_its_children() {
    let dir = tempfile::tempdir().unwrap();
    let script = "trap '' TERM\nsleep 300 &\necho $! > \"$DIR/child\"\necho $$ > \"$DIR/parent\"\nwait; sleep 300";
    let mut agent = helper(dir.path(), script, &[]);
    agent.call_limit = Duration::from_millis(500);
    let start = Instant::now();
    let error = agent.call(&["annotate"], "").unwrap_err();
    assert!(error.to_string().ends_with("annotate: it did not end within 0.5 s"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    let deadline = Instant::now() + Duration::from_secs(5);
    while is_running(dir.path(), "parent") || is_running(dir.path(), "child") {
        assert!(Instant::now() < deadline, "still running");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn all_calls_together_have_one_limit() {
    let dir = tempfile::tempdir().unwrap();
    let mut agent = helper(dir.path(), "echo \"$1\" >> \"$DIR/calls\"; exec sleep 300", &[]);
    agent.call_limit = Duration::from_millis(600);
    agent.total_limit = Duration::from_millis(1_000);
    let variables = ["A", "B", "C"].map(|name| (name.to_owned(), "1"));
    let start = Instant::now();
    // Calls at the same time take their time once.
    let first = agent.call_for_each(&variables, |name, _| vec![name.to_owned()]).unwrap_err();
    let second = agent.call(&["D"], "").unwrap_err();
    let third = agent.call(&["E"], "").unwrap_err();
    assert!(first.to_string().ends_with("A: it did not end within 0.6 s"), "{first}");
    assert!(matches!(&second, HelperError::TimedOut(_, limit) if *limit <= Duration::from_millis(400)), "{second}");
    assert!(third.to_string().ends_with("E: not called, because earlier calls took 1 s"), "{third}");
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    let calls = read(dir.path(), "calls");
    assert!(["A", "B", "C"].iter().all(|name| calls.contains(name)) && !calls.contains('E'), "{calls}");
    assert_eq!((CALL_LIMIT, TOTAL_LIMIT), (Duration::from_secs(5), Duration::from_secs(10)));
}

#[test]
fn helper_that_cannot_be_executed_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("some-agent"), "").unwrap();
    let env = [("PATH", dir.path().to_str().unwrap())].into_iter().collect();
    let error = HelperProgram::find(&env, "some-agent").unwrap().call(&["annotate"], "").unwrap_err();
    assert!(error.to_string().contains("some-agent annotate: Permission denied"), "{error}");
}
