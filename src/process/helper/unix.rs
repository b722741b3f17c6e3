//! Helper programs on Unix: a process group each, and input without a thread.

use rustix::process::{Pid, Signal, kill_process_group};
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, Command};
use std::time::{Duration, Instant};

/// How long to wait for a killed program. One that the kernel cannot end at once is left to it.
const REAP_LIMIT: Duration = Duration::from_millis(200);

pub(super) fn set_own_group(command: &mut Command) {
    command.process_group(0);
}

/// Kills `child` and every other process in its group.
pub(super) fn kill_group(child: &mut Child) {
    // The child has not been waited for, so its process id still is its group's.
    let _ = kill_process_group(Pid::from_child(child), Signal::KILL);
    let deadline = Instant::now() + REAP_LIMIT;
    while matches!(child.try_wait(), Ok(None)) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The rest of a program's input, and where it goes.
pub(super) struct Input {
    stdin: ChildStdin,
    rest: Vec<u8>,
}

impl Input {
    pub(super) fn new(stdin: ChildStdin, text: &str) -> io::Result<Self> {
        rustix::io::ioctl_fionbio(&stdin, true)?;
        Ok(Self { stdin, rest: text.as_bytes().to_vec() })
    }

    /// Writes as much as the program has room for. Returns whether there is nothing left to write.
    pub(super) fn write_more(&mut self) -> bool {
        while !self.rest.is_empty() {
            match self.stdin.write(&self.rest) {
                Ok(written) => drop(self.rest.drain(..written)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The program ended, or does not read its input: its exit code tells whether that is an error.
                Err(_) => return true,
            }
        }
        true
    }
}
