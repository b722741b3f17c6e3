//! A child process on Windows: no groups, and no signals but the end. Ctrl-C reaches every process of a console by itself.

use super::signals::Signal;
use super::{Child, Command, CommandEnd};
use std::io;
use std::time::Duration;

/// How often it is looked whether the child has ended.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A child.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
}

impl Process {
    pub(super) fn start(mut command: Command) -> io::Result<Self> {
        Ok(Self { child: command.spawn()? })
    }

    /// Waits for its end.
    pub(super) async fn ended(&mut self) -> CommandEnd {
        loop {
            match self.child.try_wait() {
                Ok(None) => tokio::time::sleep(LOOK_EVERY).await,
                Ok(Some(status)) => return CommandEnd::Code(status.code().unwrap_or(1)),
                Err(_) => return CommandEnd::Code(1),
            }
        }
    }

    /// The console has told the child already.
    pub(super) fn signal(&self, _signal: Signal, _again: bool) {}

    /// Ends it at once.
    pub(super) fn kill(&mut self) {
        // One that has just ended needs no end.
        let _ = self.child.kill();
    }

    /// There are no groups.
    pub(super) fn kill_what_is_left(&self) {}

    /// Nothing is left to forget.
    pub(super) fn forget(&mut self) {}
}
