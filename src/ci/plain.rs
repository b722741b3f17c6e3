//! No known CI system.
//!
//! Owns: the job identity outside CI, and plain text as a surface, which several CI systems share. Does not own: what plain
//! text looks like (`surface`).

use super::surface::Surface;
use super::{Context, STOP_TIMEOUT, System};
use crate::env::Env;
#[cfg(target_os = "linux")]
use crate::files::read_kernel_file;
#[cfg(target_os = "linux")]
use std::path::Path;

/// Outside every known CI system.
pub(super) const SYSTEM: System = System {
    name: "no known CI system",
    source_system: None,
    detect: |_| true,
    context: |_| Context::default(),
    job_identity: session,
    job_status: |_| None,
    temp_dir: None,
    last_step: "versioner flush",
    stop_timeout: STOP_TIMEOUT,
    has_plugins: false,
    surface: |_| Box::new(Plain),
    #[cfg(test)]
    example: EXAMPLE,
};

/// Plain text only: the default of every surface method.
pub(super) struct Plain;

impl Surface for Plain {}

/// The session that this process belongs to. Outside CI the session is the job: that of a terminal, a timer or a service.
#[cfg(target_os = "linux")]
fn session(_: &Env) -> Option<String> {
    session_of(None)
}

/// The session of `process`, or of this one, and the start of its leader, because session ids are reused. `None` if the leader
/// is outside our PID namespace: the system then gives 0 for every such session.
#[cfg(target_os = "linux")]
fn session_of(process: Option<nix::unistd::Pid>) -> Option<String> {
    let session = nix::unistd::getsid(process).ok()?;
    let stat = read_kernel_file(Path::new(&format!("/proc/{session}/stat")))?;
    // The second field, the name, is in parentheses and may hold anything. Of all fields, the 22nd is the start (proc(5)).
    let start = stat.rsplit(')').next()?.split_whitespace().nth(22 - 3)?;
    Some(format!("session {session} {start}"))
}

/// The session that this process belongs to. Outside CI the session is the job. The start of its leader is not known here.
#[cfg(all(unix, not(target_os = "linux")))]
fn session(_: &Env) -> Option<String> {
    nix::unistd::getsid(None).ok().map(|session| format!("session {session}"))
}

/// There are no POSIX sessions.
#[cfg(not(unix))]
fn session(_: &Env) -> Option<String> {
    None
}

#[cfg(test)]
const EXAMPLE: super::contract_tests::Example = super::contract_tests::Example {
    minimal: &[],
    ambiguous: &[],
    not_detected: &[],
    refs: None,
    sources: &[],
    job: &[],
    same_job: &[],
    other_jobs: &[],
    unknown_jobs: &[],
    job_status: &[],
};

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader};
    use std::process::{Command, Stdio};

    #[test]
    fn processes_of_one_session_share_an_identity() {
        // Prints two process ids, and waits until its standard input is closed.
        let script = "echo $$; sh -c 'echo $$; read _'";
        let mut leader = Command::new("setsid")
            .args(["sh", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(leader.stdout.take().unwrap()).lines();
        let ids: Vec<String> = lines.take(2).map(Result::unwrap).collect();
        let sessions: Vec<Option<String>> =
            ids.iter().map(|id| session_of(Some(nix::unistd::Pid::from_raw(id.parse().unwrap())))).collect();
        leader.wait().unwrap();
        assert!(sessions[0].as_ref().unwrap().starts_with(&format!("session {} ", ids[0])), "{sessions:?}");
        assert_eq!(sessions[0], sessions[1]);
        assert_ne!(session(&Env::default()), sessions[0]);
        assert_eq!(session(&Env::default()), session(&Env::default()));
    }
}
