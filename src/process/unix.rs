//! A child process on Unix: its group, its signals, its end.

use super::signals::Signal;
use super::{Child, Command, CommandEnd};
use rustix::process::{Pid, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};
use std::io;
use std::os::unix::process::CommandExt as _;
use tokio::task::JoinHandle;

/// Whether this process belongs to the group in front of a terminal, whose programs may ask for a password on it.
fn is_in_front() -> bool {
    let terminal = std::fs::File::open("/dev/tty");
    terminal.is_ok_and(|terminal| {
        rustix::termios::tcgetpgrp(terminal).is_ok_and(|front| front == rustix::process::getpgrp())
    })
}

/// A child.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    pid: Pid,
    /// Whether it leads a group of its own. Not in front of a terminal: only the group in front may read from that.
    own_group: bool,
    waiting: JoinHandle<()>,
}

impl Process {
    pub(super) fn start(mut command: Command) -> io::Result<Self> {
        let own_group = !is_in_front();
        if own_group {
            command.process_group(0);
        }
        let child = command.spawn()?;
        let pid = Pid::from_child(&child);
        // It stays a zombie, and so its number its own, until `forget`.
        let waiting = tokio::task::spawn_blocking(move || {
            let wait = || waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            while wait().is_err_and(|error| error == rustix::io::Errno::INTR) {}
        });
        Ok(Self { child, pid, own_group, waiting })
    }

    /// Waits for its end.
    pub(super) async fn ended(&mut self) -> CommandEnd {
        // That the thread broke off would mean the same: there is nothing to wait for.
        let _ = (&mut self.waiting).await;
        let status = waitid(WaitId::Pid(self.pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).ok().flatten();
        match status.map(|status| (status.exit_status(), status.terminating_signal())) {
            Some((Some(code), _)) => CommandEnd::Code(code),
            Some((None, Some(number))) => CommandEnd::Signal(number),
            _ => CommandEnd::Code(1),
        }
    }

    /// Passes `signal` on. What the terminal sends it has sent to the command as well: only if it comes `again` does somebody
    /// mean us alone.
    pub(super) fn signal(&self, signal: Signal, again: bool) {
        let from_terminal = matches!(signal.name, "SIGINT" | "SIGQUIT" | "SIGHUP");
        if !self.own_group && from_terminal && !again {
            return;
        }
        if let Some(signal) = rustix::process::Signal::from_named_raw(signal.number.into()) {
            self.send(signal);
        }
    }

    /// Ends it at once.
    pub(super) fn kill(&self) {
        self.send(rustix::process::Signal::KILL);
    }

    /// Ends what it has left running in its group.
    pub(super) fn kill_what_is_left(&self) {
        if self.own_group {
            self.kill();
        }
    }

    /// Lets the system forget it.
    pub(super) fn forget(&mut self) {
        // It is dead: this returns at once, and what it tells is known.
        let _ = self.child.wait();
    }

    fn send(&self, signal: rustix::process::Signal) {
        // Who is gone needs no signal.
        let _ = if self.own_group { kill_process_group(self.pid, signal) } else { kill_process(self.pid, signal) };
    }
}
