//! For tests: this test binary, started again as a process that plays one role.

use std::path::Path;
use std::process::Command;

/// The variable with the role's name.
const ROLE: &str = "VERSIONER_TEST_ROLE";

/// A command that starts `role` in a process of its own, without the test harness's threads.
pub fn command(role: &str) -> Command {
    command_of(&std::env::current_exe().unwrap(), role)
}

/// The same, if this program is at another path.
pub fn command_of(program: &Path, role: &str) -> Command {
    let mut command = Command::new(program);
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

/// Starts `role` as the user `uid`, with a limit for prlimit(1). The program is copied to `directory`, where that user can read
/// it.
#[cfg(target_os = "linux")]
pub fn as_user(uid: u32, directory: &Path, limit: &str, role: &str) -> Command {
    use std::os::unix::fs::PermissionsExt;
    let program = directory.join("program");
    // Another process copies it, for the reason given in `recording`.
    let copy = Command::new("install").args(["-m", "755"]).arg(std::env::current_exe().unwrap()).arg(&program).status();
    assert!(copy.unwrap().success());
    let inner = command_of(&program, role);
    let mut command = match rustix::process::geteuid().is_root() {
        true => {
            std::fs::set_permissions(directory, PermissionsExt::from_mode(0o777)).unwrap();
            let mut command = Command::new("prlimit");
            command.args([limit, "setpriv", &format!("--reuid={uid}"), &format!("--regid={uid}"), "--clear-groups"]);
            command
        }
        false => {
            let mut command = Command::new("prlimit");
            command.arg(limit);
            command
        }
    };
    command.arg(inner.get_program()).args(inner.get_args()).env(ROLE, role);
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
            "run" => super::supervisor::tests::run().await,
            "supervise" => super::supervisor::tests::supervise().await,
            "write" => super::signals::tests::write_beyond_limit(),
            role => panic!("unknown role {role}"),
        }
    }))
}
