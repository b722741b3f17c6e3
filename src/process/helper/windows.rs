//! Helper programs on Windows: there are no process groups, and pipes cannot be written to without blocking.

use std::io::{self, Write as _};
use std::process::{Child, ChildStdin, Command};

pub(super) fn set_own_group(_command: &mut Command) {}

/// Kills `child`.
pub(super) fn kill_group(child: &mut Child) {
    // It may have ended already.
    let _ = child.kill();
}

/// The input of a program, written by a thread.
pub(super) struct Input;

impl Input {
    pub(super) fn new(mut stdin: ChildStdin, text: &str) -> io::Result<Self> {
        let text = text.to_owned();
        // The program may end without reading its input.
        std::thread::Builder::new().spawn(move || drop(stdin.write_all(text.as_bytes())))?;
        Ok(Self)
    }

    /// Does nothing: the thread closes the pipe.
    pub(super) fn write_more(&mut self) -> bool {
        true
    }
}
