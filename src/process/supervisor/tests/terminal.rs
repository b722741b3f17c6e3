//! Commands in the foreground of a pseudo terminal.

use super::*;
use std::io::Write as _;

/// A job in the foreground of a pseudo terminal, whose shell stays until it has run `then`.
fn on_terminal(script: &str, then: &str) -> Job {
    let role = roles::command("run");
    let words = [role.get_program()].into_iter().chain(role.get_args()).map(|word| word.to_str().unwrap());
    let words: Vec<String> = words.map(crate::text::quote_shell).collect();
    let line = format!("{}; code=$?; {then}; exit $code", words.join(" "));
    let mut command = Command::new("env");
    command.args(["--default-signal", "script"]);
    command.args(["--quiet", "--return", "--command", &line, "/dev/null"]).env("SHELL", "/bin/sh");
    command.envs(role.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    Job::start_in(tempfile::tempdir().unwrap(), command, script, &[])
}

#[test]
fn command_in_the_foreground_of_a_terminal_can_read_from_it() {
    let script = "echo $$ > \"$DIR/pid\"; read -r line < /dev/tty; echo \"$line\" > \"$DIR/line\"; exit 7";
    let mut job = on_terminal(script, ":");
    let command = job.wait_for("pid");
    let supervisor = stat(&command, PARENT);
    let own = stat(&supervisor, PARENT);
    let session = stat(&own, SESSION);
    assert_eq!((stat(&command, GROUP), stat(&command, SESSION)), (stat(&own, GROUP), session.clone()));
    assert_eq!((stat(&supervisor, GROUP), stat(&supervisor, SESSION)), (supervisor.clone(), session));
    job.process.stdin.as_mut().unwrap().write_all(b"password\n").unwrap();
    assert_eq!(job.wait_for("line"), "password");
    assert_eq!(job.end().0, Some(7));
}

#[test]
fn ctrl_c_reaches_the_command_once() {
    let script = "trap 'echo int >> \"$DIR/int\"' INT; echo $$ > \"$DIR/pid\"
        while [ ! -s \"$DIR/int\" ]; do sleep 0.05; done; sleep 0.3; exit 5";
    let mut job = on_terminal(script, ":");
    job.wait_for("pid");
    job.process.stdin.as_mut().unwrap().write_all(b"\x03").unwrap();
    assert_eq!(job.wait_for("end"), "Code(5) Some(\"SIGINT\")");
    assert_eq!(job.file("int").unwrap(), "int");
    job.end();
}

#[test]
fn command_on_a_terminal_is_stopped_if_only_we_are_killed() {
    let job = on_terminal(UNTIL_TERM, "sleep 300");
    let command = job.wait_for("pid");
    send("-KILL", &stat(&stat(&command, PARENT), PARENT));
    assert_eq!(job.wait_for("report"), "payload Stopped(Code(4))");
    // The rest of the group, which the supervisor leaves alone: the shell and its children, a child of the command.
    job.dir.kill_processes();
    job.end();
}
