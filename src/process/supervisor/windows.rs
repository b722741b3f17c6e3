//! The wrapped command on Windows: our own child, without a supervisor. There are no process groups, and no signals but Ctrl-C,
//! which reaches every process of a console. A job object holds the command and all that it starts. If `versioner run` is killed,
//! Windows closes the job object and so ends them.

use super::signals::Signal;
use super::{CommandEnd, EnvChanges, RunningCommand, StartError};
use crate::env::Env;
use std::ffi::OsString;
use std::os::windows::io::AsRawHandle as _;
use std::process::{Child, Command};
use std::time::Duration;
use win32job::{ExtendedLimitInfo, Job};

/// How often to check whether the command has ended.
const CHECK_INTERVAL: Duration = Duration::from_millis(20);

/// What a supervisor is left with if `versioner run` was killed: never on Windows.
#[derive(Debug)]
pub struct Abandoned {
    /// The last payload.
    pub payload: Vec<u8>,
    /// What became of the command.
    pub command: CommandState,
}

/// What became of the command.
#[allow(dead_code, reason = "the interface is that of Unix")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandState {
    /// It was not started.
    NotStarted,
    /// It ended while `versioner run` was still there.
    Ended(CommandEnd),
    /// The supervisor stopped it.
    Stopped(CommandEnd),
    /// The supervisor is stopping it.
    Stopping,
}

/// Whether this process was started to be a supervisor: never on Windows.
#[must_use]
pub fn is_requested(_args: &[OsString]) -> bool {
    false
}

/// There is no supervisor on Windows.
///
/// # Errors
/// Never.
pub async fn supervise(_report: impl AsyncFnOnce(Abandoned)) -> Result<(), StartError> {
    Ok(())
}

/// The command, if it runs.
#[derive(Debug)]
pub struct Supervisor {
    command: Option<Child>,
    /// `None` if Windows refused one, or after it ended the processes in it.
    job: Option<Job>,
}

impl Supervisor {
    /// Starts nothing on Windows.
    ///
    /// # Errors
    /// Never.
    pub async fn start(_env: &Env, _payload: Vec<u8>) -> Result<Self, StartError> {
        // Without a job object, only the command itself is killed, and not what it has started.
        let mut limits = ExtendedLimitInfo::new();
        let job = Job::create_with_limit_info(limits.limit_kill_on_job_close()).ok();
        Ok(Self { command: None, job })
    }

    /// Nothing is reported on Windows if this process is killed.
    ///
    /// # Errors
    /// Never.
    pub fn set_payload(&self, _payload: Vec<u8>) -> Result<(), StartError> {
        Ok(())
    }

    /// Starts the command `words` with our own stdin, stdout and stderr.
    ///
    /// # Errors
    /// If the command cannot be started.
    pub async fn run(
        &mut self,
        words: &[OsString],
        changes: &EnvChanges<'_>,
        stop_timeout: Duration,
    ) -> Result<RunningCommand<'_>, StartError> {
        let (program, arguments) = words.split_first().ok_or(StartError::NoCommand)?;
        let mut command = Command::new(program);
        command.args(arguments);
        for name in &changes.removed {
            command.env_remove(name);
        }
        command.envs(changes.added.iter().map(|(name, value)| (name, value)));
        let child = command.spawn().map_err(|error| StartError::new(program, &error))?;
        if let Some(job) = &self.job {
            // Fails if the command has ended already. What it starts before this is not in the job.
            let _ = job.assign_process(child.as_raw_handle() as isize);
        }
        self.command = Some(child);
        Ok(RunningCommand::new(self, stop_timeout))
    }

    /// Waits for the command's end.
    pub(super) async fn ended(&mut self) -> CommandEnd {
        let Some(command) = &mut self.command else { return CommandEnd::Unknown };
        loop {
            match command.try_wait() {
                Ok(None) => tokio::time::sleep(CHECK_INTERVAL).await,
                Ok(Some(status)) => return status.code().map_or(CommandEnd::Unknown, CommandEnd::Code),
                Err(_) => return CommandEnd::Unknown,
            }
        }
    }

    /// The console has sent Ctrl-C to the command already.
    pub(super) fn signal(&self, _signal: Signal, _again: bool) {}

    /// Kills the command and what it has started.
    pub(super) fn kill(&mut self) {
        // Closing the job ends every process in it.
        self.job = None;
        // The command is not in it if Windows refused. It may have ended already.
        let _ = self.command.as_mut().map(Child::kill);
    }

    /// After the command's end: kills what it has left running, or leaves that alone.
    pub(super) fn reap(&mut self, kill_rest: bool) {
        if let Some(job) = self.job.take().filter(|_| !kill_rest) {
            // Without this limit, closing the job ends nothing.
            let _ = job.set_extended_limit_info(&ExtendedLimitInfo::new());
        }
    }
}
