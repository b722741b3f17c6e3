//! Keeping the API key in this process's memory and environment from other users' and unprivileged processes.

/// Makes this process non-dumpable on Linux: `/proc/PID/environ`, `/proc/PID/mem` and ptrace(2) are then reserved for root, and a
/// crash leaves no core dump. A program that this one executes is dumpable again, so each process of ours calls this first.
///
/// A process keeps access to its own files in `/proc/self`, except those that are readable only by their owner, such as
/// `environ`: they belong to root now.
#[cfg(target_os = "linux")]
pub fn protect_secrets() {
    use rustix::process::{DumpableBehavior, set_dumpable_behavior};
    // The kernel refuses only values that it does not know.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Other systems do not show a process's memory or environment to other users' processes.
#[cfg(not(target_os = "linux"))]
pub fn protect_secrets() {}

#[cfg(test)]
#[cfg(target_os = "linux")]
pub(super) mod tests {
    use super::*;
    use crate::process::roles;
    use std::process::Command;

    /// Role `secrets`: exits with 0 if other processes of this user cannot read our environment, and ours works as before.
    pub fn check_protection() -> i32 {
        let shell = |script: &str| Command::new("sh").args(["-c", script]).status().unwrap().success();
        let readable_at_first = shell("cat /proc/$PPID/environ >/dev/null");
        protect_secrets();
        let readable =
            shell("cat /proc/$PPID/environ >/dev/null 2>&1") || shell("cat /proc/$PPID/maps >/dev/null 2>&1");
        let own = ["status", "stat", "cmdline"].map(|name| std::fs::read(format!("/proc/self/{name}")).is_ok());
        let child_is_dumpable = shell("cat /proc/self/environ >/dev/null");
        let program = std::env::current_exe().unwrap();
        let can_execute_itself =
            Command::new(program).arg("--list").output().is_ok_and(|output| output.status.success());
        let result = [!readable_at_first, readable, own != [true; 3], !child_is_dumpable, !can_execute_itself];
        result.iter().enumerate().map(|(index, failed)| i32::from(*failed) << index).sum()
    }

    #[test]
    fn unprivileged_processes_cannot_read_our_environment() {
        // Root can read everything, so the process runs as another user.
        let dir = tempfile::tempdir().unwrap();
        let mut command = roles::as_user(65_534, dir.path(), "--core=0", "secrets");
        let status = command.stdout(std::process::Stdio::null()).status();
        assert_eq!(status.unwrap().code(), Some(0), "one bit for each check that failed");
    }
}
