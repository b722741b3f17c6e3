//! A command that is wrapped: its environment, its signals, and how it ended.
//!
//! Owns: one child process from start to end. Does not own: what is reported of it (`app`), nor which signals there are
//! (`signals`).

mod helper;
#[cfg(test)]
pub mod recording;
#[cfg(all(test, unix))]
mod roles;
mod script;
mod secrets;
pub mod signals;
mod start_error;
#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(not(unix), path = "windows.rs")]
mod system;

pub use helper::HelperProgram;
pub use script::Script;
pub use secrets::protect_secrets;
pub use start_error::StartError;

use self::signals::{Signal, Signals};
use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{Child, Command};
use std::time::Duration;
use system::Process;
use tokio::time::{Instant, sleep_until, timeout};

/// How long after a first signal a command that is still running is reported as aborted: the runner of GitHub Actions kills
/// after 10 s, and the report needs time itself.
pub const REPORT_AFTER: Duration = Duration::from_secs(5);

/// Who stops a job may signal the command before us: so long after its death it is found out whether that was so.
const LATE_SIGNAL: Duration = Duration::from_secs(1);

/// What a command's environment has that ours has not, and the other way round.
#[derive(Debug, Default)]
pub struct EnvChanges<'a> {
    /// Variables that it does not get.
    pub removed: Vec<&'a OsStr>,
    /// Variables that it gets.
    pub added: Vec<(&'static str, String)>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandEnd {
    /// By itself, with this exit code.
    Code(i32),
    /// By a signal of this number.
    Signal(i32),
}

impl CommandEnd {
    /// The exit code as a shell tells it: after a signal 128 and its number.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        let code = match self {
            Self::Code(code) => code,
            Self::Signal(number) => 128 + number,
        };
        u8::try_from(code).unwrap_or(u8::MAX)
    }

    /// Whether it ended by a signal that asks to stop, or says so as shells do.
    fn was_stopped(self) -> bool {
        [1, 2, 15].into_iter().any(|number| self == Self::Signal(number) || self == Self::Code(128 + number))
    }
}

/// A command that runs.
#[derive(Debug)]
pub struct RunningCommand {
    process: Process,
    stop_timeout: Duration,
    /// The first signal that asked it to stop, and when it came.
    stopping: Option<(Signal, Instant)>,
    killed: bool,
}

impl RunningCommand {
    /// Starts `words`, with our own stdin, stdout and stderr.
    ///
    /// # Errors
    /// Says why it could not be started.
    pub fn start(words: &[OsString], changes: &EnvChanges<'_>, stop_timeout: Duration) -> Result<Self, StartError> {
        let (program, arguments) = words.split_first().ok_or(StartError::NoCommand)?;
        let start = |mut command: Command| {
            for name in &changes.removed {
                command.env_remove(name);
            }
            command.envs(changes.added.iter().map(|(name, value)| (name, value)));
            Process::start(command)
        };
        let mut command = Command::new(program);
        command.args(arguments);
        let started = start(command).or_else(|error| match is_script_without_shell(program, &error) {
            // As every shell does with a file that the system does not take for a program.
            true => {
                let mut shell = Command::new("/bin/sh");
                shell.arg(program).args(arguments);
                start(shell)
            }
            false => Err(error),
        });
        let process = started.map_err(|error| StartError::new(program, &error))?;
        Ok(Self { process, stop_timeout, stopping: None, killed: false })
    }

    /// The signal that asked it to stop, and when that came.
    #[must_use]
    pub fn stopping(&self) -> Option<(Signal, Instant)> {
        self.stopping
    }

    /// Passes signals on until it ends; or gives nothing if [`REPORT_AFTER`] a first signal it still runs.
    pub async fn end_or_overdue(&mut self, signals: &mut Signals) -> Option<CommandEnd> {
        self.watch(signals, true).await
    }

    /// Passes signals on until it ends.
    pub async fn end(&mut self, signals: &mut Signals) -> CommandEnd {
        loop {
            if let Some(ended) = self.watch(signals, false).await {
                return ended;
            }
        }
    }

    async fn watch(&mut self, signals: &mut Signals, mind_overdue: bool) -> Option<CommandEnd> {
        loop {
            let first = self.stopping.map(|(_, at)| at);
            let kill_at = first.filter(|_| !self.killed).map(|at| at + self.stop_timeout);
            let overdue = first.filter(|_| mind_overdue).map(|at| at + REPORT_AFTER);
            tokio::select! {
                biased;
                ended = self.process.ended() => return Some(self.settle(ended, signals).await),
                signal = signals.next() => self.pass_on(signal),
                () = due(kill_at) => {
                    self.killed = true;
                    self.process.kill();
                }
                () = due(overdue) => return None,
            }
        }
    }

    fn pass_on(&mut self, signal: Signal) {
        let again = self.stopping.is_some();
        if signal.stops {
            self.stopping.get_or_insert((signal, Instant::now()));
        }
        self.process.signal(signal, again);
    }

    /// The command is dead, and not yet forgotten by the system: what belongs to its end is done now.
    async fn settle(&mut self, ended: CommandEnd, signals: &mut Signals) -> CommandEnd {
        if self.stopping.is_none() && ended.was_stopped() {
            let came = timeout(LATE_SIGNAL, signals.next_stop()).await;
            self.stopping = came.ok().map(|signal| (signal, Instant::now()));
        }
        if self.stopping.is_some() {
            self.process.kill_what_is_left();
        }
        self.process.forget();
        ended
    }
}

async fn due(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Whether `program` is a path to a file that merely does not say which shell reads it.
fn is_script_without_shell(program: &OsStr, error: &io::Error) -> bool {
    const ENOEXEC: i32 = 8;
    cfg!(unix) && error.raw_os_error() == Some(ENOEXEC) && program.as_encoded_bytes().contains(&b'/')
}
