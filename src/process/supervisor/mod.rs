//! The supervisor: a second process of this program. It runs the wrapped command, and survives if `versioner run` is killed.
//!
//! ```text
//! versioner run ── socket ── supervisor (own session) ── command (own process group)
//! ```
//!
//! A CI system can kill the process group of `versioner run` without a warning. The command is in another group: it would keep
//! running, and its deployment would stay open. The supervisor reads the end of the socket then, stops the command and reports
//! it. (A signal at the parent's death would also be sent when only the parent's thread ends, see prctl(2).) It is the command's
//! parent, so the command's process id cannot belong to another process when it sends a signal.
//!
//! With a controlling terminal, the supervisor only has its own process group and stays in our session, because the command
//! could not use the terminal from another session. In the terminal's foreground, the command shares our process group: Ctrl-C
//! and Ctrl-Z work as without us. The supervisor then signals the command alone, not the group.
//!
//! If the supervisor is killed, `versioner run` stops the command, because it cannot learn its exit code any more.
//!
//! Owns: both processes and their protocol. Does not own: what is reported, which is opaque bytes here.

mod child;
mod protocol;
mod serve;
#[cfg(test)]
pub(super) mod tests;

pub use serve::{Abandoned, CommandState, is_requested, supervise};

use super::signals::Signal;
use super::{CommandEnd, EnvChanges, RunningCommand, StartError};
use crate::env::Env;
use protocol::{Connection, Reply, Request, Run};
use rustix::process::{Pid, WaitOptions, kill_process, kill_process_group};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio::signal::unix::{Signal as Listener, SignalKind, signal};
use tokio::time::{Instant, sleep, timeout};

const KILL: u8 = rustix::process::Signal::KILL.as_raw() as u8;
const TERM: u8 = rustix::process::Signal::TERM.as_raw() as u8;

/// How long the supervisor may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(10);
/// How long it may take to end.
const END_TIMEOUT: Duration = Duration::from_millis(500);
/// How often to check for the end of a command whose supervisor died.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// The supervisor process, seen from `versioner run`.
///
/// Dropping this ends the supervisor. If this process is killed before, or the command still runs, the supervisor stops the
/// command and passes the payload to the function that [`supervise`] was called with. The payload is not passed on while it is
/// empty: before the deployment has started, and once its end is reported.
#[derive(Debug)]
pub struct Supervisor {
    process: Child,
    connection: Connection,
    /// Private variables. The supervisor does not have them in its environment.
    private: Vec<(OsString, OsString)>,
    has_terminal: bool,
    command: Option<StartedCommand>,
    /// SIGCHLD, if we are PID 1: orphaned processes become our children.
    orphans: Option<Listener>,
}

/// The command that runs.
#[derive(Debug)]
struct StartedCommand {
    pid: Pid,
    own_group: bool,
    stop_timeout: Duration,
}

impl Supervisor {
    /// Starts the supervisor. It does not get the private variables of `env`.
    ///
    /// # Errors
    /// If the process cannot be started, or does not start within 10 s.
    pub async fn start(env: &Env, payload: Vec<u8>) -> Result<Self, StartError> {
        let private: Vec<OsString> = env.private().map(OsStr::to_owned).collect();
        let start = async {
            let has_terminal = File::open("/dev/tty").is_ok();
            let (ours, theirs) = UnixStream::pair()?;
            let connection = Connection::new(ours)?;
            let orphans = match std::process::id() {
                1 => Some(signal(SignalKind::child())?),
                _ => None,
            };
            let process = spawn(theirs.into(), &private, has_terminal)?;
            let private = private.iter().filter_map(|name| Some((name.clone(), std::env::var_os(name)?))).collect();
            let mut started = Self { process, connection, private, has_terminal, command: None, orphans };
            started.begin(payload).await.inspect_err(|_| drop(started.process.kill()))?;
            Ok(started)
        };
        start.await.map_err(|error: io::Error| StartError::supervisor(&error))
    }

    async fn begin(&mut self, payload: Vec<u8>) -> io::Result<()> {
        self.connection.send(&Request::Begin { new_session: !self.has_terminal, payload }, &[])?;
        match timeout(START_TIMEOUT, self.connection.receive()).await?? {
            Some(Reply::Ready) => Ok(()),
            _ => Err(io::Error::other("it ended at once")),
        }
    }

    /// Replaces the payload.
    ///
    /// # Errors
    /// If the supervisor was killed or does not respond.
    pub fn set_payload(&self, payload: Vec<u8>) -> Result<(), StartError> {
        self.connection.send(&Request::Payload(payload), &[]).map_err(|error| StartError::supervisor(&error))
    }

    /// Starts the command `words` with our own stdin, stdout and stderr. A supervisor runs one command.
    ///
    /// # Errors
    /// If the command cannot be started. If the supervisor is killed at that very moment, it may have started.
    pub async fn run(
        &mut self,
        words: &[OsString],
        changes: &EnvChanges<'_>,
        stop_timeout: Duration,
    ) -> Result<RunningCommand<'_>, StartError> {
        let program = words.first().ok_or(StartError::NoCommand)?;
        let group = if self.has_terminal { foreground_group() } else { None };
        let kept = self.private.iter().filter(|(name, _)| !changes.removed.contains(&name.as_os_str())).cloned();
        let added = changes.added.iter().map(|(name, value)| (name.into(), value.into()));
        let run = Run {
            words: words.to_vec(),
            removed: changes.removed.iter().map(|name| (*name).to_owned()).collect(),
            added: kept.chain(added).collect(),
            group: group.map(|group| group.as_raw_nonzero().get()),
            stop_timeout,
        };
        let (stdin, stdout, stderr) = (io::stdin(), io::stdout(), io::stderr());
        let sent = self.connection.send(&Request::Run(run), &[stdin.as_fd(), stdout.as_fd(), stderr.as_fd()]);
        sent.map_err(|error| StartError::supervisor(&error))?;
        match self.connection.receive().await {
            Ok(Some(Reply::Started(pid))) => {
                let pid = Pid::from_raw(pid);
                self.command = pid.map(|pid| StartedCommand { pid, own_group: group.is_none(), stop_timeout });
                Ok(RunningCommand::new(self, stop_timeout))
            }
            Ok(Some(Reply::NotStarted(number))) => Err(StartError::new(program, &io::Error::from_raw_os_error(number))),
            Ok(_) => Err(StartError::supervisor(&io::Error::other("it was killed"))),
            Err(error) => Err(StartError::supervisor(&error)),
        }
    }

    /// Waits for the command's end. Its process id stays reserved until [`Supervisor::reap`].
    pub(super) async fn ended(&mut self) -> CommandEnd {
        loop {
            tokio::select! {
                biased;
                reply = self.connection.receive() => match reply {
                    Ok(Some(Reply::Ended(end))) => return end,
                    Ok(Some(_)) => {}
                    Ok(None) | Err(_) => {
                        self.end_without_supervisor().await;
                        return CommandEnd::Unknown;
                    }
                },
                () = orphan_ended(&mut self.orphans) => reap_orphans(),
            }
        }
    }

    /// Passes `signal` to the command. In the foreground of a terminal, the command gets the terminal's signals itself. If one
    /// comes `again`, it may have been sent to us alone, so we pass it on.
    pub(super) fn signal(&self, signal: Signal, again: bool) {
        let from_terminal = matches!(signal.name, "SIGINT" | "SIGQUIT" | "SIGHUP");
        if from_terminal && !again && self.command.as_ref().is_some_and(|command| !command.own_group) {
            return;
        }
        self.send_signal(signal.number, signal.stops);
    }

    /// Kills the command.
    pub(super) fn kill(&self) {
        self.send_signal(KILL, true);
    }

    /// Reaps the command, which has ended, and can first kill what it left running in its group.
    pub(super) fn reap(&self, kill_rest: bool) {
        // Without the supervisor, `end_without_supervisor` has done it.
        let _ = self.connection.send(&Request::Reap { kill_rest }, &[]);
    }

    fn send_signal(&self, number: u8, stops: bool) {
        if self.connection.send(&Request::Signal { number, stops }, &[]).is_err() {
            self.signal_directly(number);
        }
    }

    /// Stops the command. The supervisor was killed, so nothing can tell how the command ends.
    async fn end_without_supervisor(&self) {
        let Some(StartedCommand { pid, stop_timeout, .. }) = self.command else { return };
        self.signal_directly(TERM);
        let deadline = Instant::now() + stop_timeout;
        while Instant::now() < deadline && rustix::process::test_kill_process(pid).is_ok() {
            sleep(CHECK_INTERVAL).await;
            if self.orphans.is_some() {
                reap_orphans();
            }
        }
        self.signal_directly(KILL);
    }

    fn signal_directly(&self, number: u8) {
        if let (Some(StartedCommand { pid, own_group, .. }), Some(signal)) = (&self.command, named(number)) {
            // It is no error if no process is left.
            let _ = match own_group {
                true => kill_process_group(*pid, signal),
                false => kill_process(*pid, signal),
            };
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        let _ = self.connection.send(&Request::Goodbye, &[]);
        // GitHub Actions, for one, warns of processes that outlive the job's.
        self.connection.wait_for_end(END_TIMEOUT);
        let _ = self.process.try_wait();
    }
}

/// Starts this program as the supervisor, with `socket` as its stdin.
///
/// It has neither our standard streams, because a program that reads our output would wait for the supervisor's end as well, nor
/// the `private` variables. Other file descriptors that we inherited stay open in it: the command inherits them in turn.
fn spawn(socket: OwnedFd, private: &[OsString], in_own_group: bool) -> io::Result<Child> {
    let start = |program: &Path| {
        let mut command = supervisor_command(program);
        for name in private {
            command.env_remove(name);
        }
        if in_own_group {
            command.process_group(0);
        }
        command.stdin(socket.try_clone()?).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
    };
    match std::env::current_exe().and_then(|program| start(&program)) {
        // The file was replaced or removed since this process started.
        Err(error) if error.kind() == io::ErrorKind::NotFound => start(Path::new("/proc/self/exe")),
        started => started,
    }
}

#[cfg(not(test))]
fn supervisor_command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.arg(serve::ARGUMENT);
    command
}

#[cfg(test)]
fn supervisor_command(program: &Path) -> Command {
    super::roles::command_of(program, "supervise")
}

/// The process group of this process, if it is in the foreground of its terminal.
fn foreground_group() -> Option<Pid> {
    let foreground = rustix::termios::tcgetpgrp(File::open("/dev/tty").ok()?).ok()?;
    // rustix cannot represent a group whose leader is outside our PID namespace, which the system gives as 0.
    (foreground.as_raw_nonzero().get() == nix::unistd::getpgrp().as_raw()).then_some(foreground)
}

/// Waits until an orphaned process may have ended, if those are ours.
async fn orphan_ended(orphans: &mut Option<Listener>) {
    match orphans {
        Some(listener) => drop(listener.recv().await),
        None => std::future::pending().await,
    }
}

/// Reaps all children that have ended. Only PID 1 does this, and only while it needs no child's exit code (it does not need
/// the supervisor's).
fn reap_orphans() {
    while matches!(rustix::process::wait(WaitOptions::NOHANG), Ok(Some(_))) {}
}

/// The signal of this number, if the system knows it.
fn named(number: u8) -> Option<rustix::process::Signal> {
    rustix::process::Signal::from_named_raw(number.into())
}
