//! Processes that we start: the wrapped command and helper programs of CI systems.
//!
//! Owns: a command's environment and signals, its supervisor, how it ended. Does not own: what is reported about it.

mod helper;
#[cfg(test)]
pub mod recording;
#[cfg(test)]
#[cfg(unix)]
mod roles;
mod script;
mod secrets;
pub mod signals;
mod start_error;
#[cfg_attr(not(unix), path = "supervisor/windows.rs")]
pub mod supervisor;

pub use helper::HelperProgram;
pub use script::Script;
pub use secrets::protect_secrets;
pub use start_error::StartError;
pub use supervisor::Supervisor;

use self::signals::{Signal, Signals};
use serde::{Deserialize, Serialize};
use std::ffi::OsStr;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// How long after the first signal a command that still runs is reported as aborted. The runner of GitHub Actions kills us
/// after 10 s, and the report needs time as well.
pub const REPORT_AFTER: Duration = Duration::from_secs(5);

/// A CI system that stops a job may signal the command before us. After its death by a signal we wait this long for our own.
const LATE_SIGNAL: Duration = Duration::from_secs(1);

/// How a command's environment differs from ours.
#[derive(Debug, Default)]
pub struct EnvChanges<'a> {
    /// Variables that it does not get.
    pub removed: Vec<&'a OsStr>,
    /// Variables that it gets in addition.
    pub added: Vec<(&'static str, String)>,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CommandEnd {
    /// It exited with this code.
    Code(i32),
    /// A signal of this number killed it.
    Signal(i32),
    /// It cannot be known, because the supervisor was killed. The command was then killed as well.
    Unknown,
}

impl CommandEnd {
    /// The exit code that a shell would report: 128 + n after signal n.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        const SIGKILL: i32 = 9;
        let code = match self {
            Self::Code(code) => code,
            Self::Signal(number) => 128 + number,
            Self::Unknown => 128 + SIGKILL,
        };
        u8::try_from(code).unwrap_or(u8::MAX)
    }

    /// Whether it was killed by a signal that stops, or exited as shells do in that case.
    fn was_stopped(self) -> bool {
        [1, 2, 15].into_iter().any(|number| self == Self::Signal(number) || self == Self::Code(128 + number))
    }
}

/// A command that [`Supervisor::run`] started.
#[derive(Debug)]
pub struct RunningCommand<'a> {
    supervisor: &'a mut Supervisor,
    stop_timeout: Duration,
    /// The first signal that stops, and when it came.
    stopping: Option<(Signal, Instant)>,
    killed: bool,
}

impl<'a> RunningCommand<'a> {
    fn new(supervisor: &'a mut Supervisor, stop_timeout: Duration) -> Self {
        Self { supervisor, stop_timeout, stopping: None, killed: false }
    }

    /// Replaces the payload, see [`Supervisor::set_payload`].
    ///
    /// # Errors
    /// If the supervisor was killed or does not respond.
    pub fn set_payload(&self, payload: Vec<u8>) -> Result<(), StartError> {
        self.supervisor.set_payload(payload)
    }

    /// The signal that stopped it, and when that came.
    #[must_use]
    pub fn stopping(&self) -> Option<(Signal, Instant)> {
        self.stopping
    }

    /// Passes signals on until the command ends. Returns `None` if it still runs [`REPORT_AFTER`] the first one that stops.
    pub async fn end_or_overdue(&mut self, signals: &mut Signals) -> Option<CommandEnd> {
        self.watch(signals, true).await
    }

    /// Passes signals on until the command ends.
    pub async fn end(&mut self, signals: &mut Signals) -> CommandEnd {
        loop {
            if let Some(end) = self.watch(signals, false).await {
                return end;
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
                end = self.supervisor.ended() => {
                    self.settle(end, signals).await;
                    return Some(end);
                }
                signal = signals.next() => self.pass_on(signal),
                () = due(kill_at) => {
                    self.killed = true;
                    self.supervisor.kill();
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
        self.supervisor.signal(signal, again);
    }

    /// After the end: finds out whether a signal stopped the command, and if so kills what is left of its group.
    /// Until then its process id is reserved.
    async fn settle(&mut self, end: CommandEnd, signals: &mut Signals) {
        if self.stopping.is_none() && end.was_stopped() {
            let late = timeout(LATE_SIGNAL, signals.next_stop()).await;
            self.stopping = late.ok().map(|signal| (signal, Instant::now()));
        }
        self.supervisor.reap(self.stopping.is_some());
    }
}

async fn due(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}
