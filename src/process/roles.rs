//! For tests: this test binary, started again as a process that plays one role.

use std::process::Command;

/// The variable with the role's name.
const ROLE: &str = "VERSIONER_TEST_ROLE";

/// A command that starts `role` in a process of its own, without the test harness's threads.
pub fn command(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "process::roles::role", "--nocapture", "--test-threads=1"]).env(ROLE, role);
    command
}

/// The same after `wrapper`, such as a shell that changes something and replaces itself by its arguments.
pub fn wrapped(wrapper: &[&str], role: &str) -> Command {
    let inner = command(role);
    let mut command = Command::new(wrapper[0]);
    command.args(&wrapper[1..]).arg(inner.get_program()).args(inner.get_args()).env(ROLE, role);
    command
}

/// Not a test, but what a process runs that [`command`] starts. It exits with the role's result.
#[test]
fn role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    std::process::exit(runtime.block_on(async {
        match role.as_str() {
            #[cfg(target_os = "linux")]
            "secrets" => super::secrets::tests::check_protection(),
            "stop" => super::signals::tests::wait_for_stop().await,
            "child" => super::signals::tests::run_child(),
            "write" => super::signals::tests::write_beyond_limit(),
            role => panic!("unknown role {role}"),
        }
    }))
}
