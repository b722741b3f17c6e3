//! The wrapped command as a child of the supervisor: its group, its signals, its end.

use super::super::{CommandEnd, signals};
use super::protocol::Run;
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};
use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;
use tokio::signal::unix::{Signal as Listener, SignalKind, signal};
use tokio::time::timeout;

/// How often to check for the end of a child if our parent blocked SIGCHLD.
const CHECK_INTERVAL: Duration = Duration::from_millis(50);

/// The command. It stays a zombie after its end, which reserves its process id, until [`Child::reap`].
#[derive(Debug)]
pub(super) struct Child {
    child: std::process::Child,
    pid: Pid,
    /// Whether it leads a process group of its own.
    own_group: bool,
    /// SIGCHLD. Unlike a thread that waits for the child, it is set up before the command starts.
    changes: Listener,
    is_sigchld_blocked: bool,
}

impl Child {
    /// Starts the command of `run` with these standard streams.
    pub(super) fn start(run: &Run, streams: &[OwnedFd; 3]) -> io::Result<Self> {
        let changes = signal(SignalKind::child())?;
        let (program, arguments) = run.words.split_first().ok_or(io::ErrorKind::InvalidInput)?;
        let spawn = |mut command: Command| {
            for name in &run.removed {
                command.env_remove(name);
            }
            command.envs(run.added.iter().map(|(name, value)| (name, value)));
            let [stdin, stdout, stderr] = streams;
            command.stdin(stdin.try_clone()?).stdout(stdout.try_clone()?).stderr(stderr.try_clone()?);
            command.process_group(run.group.unwrap_or(0)).spawn()
        };
        let mut command = Command::new(program);
        command.args(arguments);
        let child = spawn(command).or_else(|error| match is_script_without_shell(program, &error) {
            // A file that the system does not recognise as a program: every shell runs it as a script.
            true => {
                let mut shell = Command::new("/bin/sh");
                shell.arg(program).args(arguments);
                spawn(shell)
            }
            false => Err(error),
        })?;
        let pid = Pid::from_child(&child);
        let is_sigchld_blocked = signals::is_blocked(Signal::CHILD);
        Ok(Self { child, pid, own_group: run.group.is_none(), changes, is_sigchld_blocked })
    }

    pub(super) fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Waits for its end.
    pub(super) async fn ended(&mut self) -> CommandEnd {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT | WaitIdOptions::NOHANG;
        loop {
            match waitid(WaitId::Pid(self.pid), options) {
                Ok(None) => self.change().await,
                Ok(Some(status)) => {
                    return match (status.exit_status(), status.terminating_signal()) {
                        (Some(code), _) => CommandEnd::Code(code),
                        (None, Some(number)) => CommandEnd::Signal(number),
                        (None, None) => CommandEnd::Unknown,
                    };
                }
                Err(rustix::io::Errno::INTR) => {}
                Err(_) => return CommandEnd::Unknown,
            }
        }
    }

    /// Waits until its state may have changed.
    async fn change(&mut self) {
        let change = self.changes.recv();
        match self.is_sigchld_blocked {
            true => drop(timeout(CHECK_INTERVAL, change).await),
            false => drop(change.await),
        }
    }

    /// Sends a signal to its group, or to the command alone if it is in the terminal's foreground group with others.
    pub(super) fn signal(&self, signal: Signal) {
        // It is no error if no process is left.
        let _ = match self.own_group {
            true => kill_process_group(self.pid, signal),
            false => kill_process(self.pid, signal),
        };
    }

    /// Kills the processes that the command has left in its group.
    pub(super) fn kill_rest(&self) {
        if self.own_group {
            self.signal(Signal::KILL);
        }
    }

    /// Reaps the command, which has ended. Signals must not be sent any more.
    pub(super) fn reap(&mut self) {
        let _ = self.child.wait();
    }
}

/// Whether `program` is the path of an executable file that does not name its interpreter.
fn is_script_without_shell(program: &OsStr, error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::NOEXEC.raw_os_error()) && program.as_encoded_bytes().contains(&b'/')
}
