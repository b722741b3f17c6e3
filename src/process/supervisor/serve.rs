//! The supervisor's side: it runs the command, and ends and reports it if `versioner run` is killed.

use super::child::Child;
use super::protocol::{Connection, Reply, Request, Run};
use super::{TERM, named};
use crate::process::signals::{Signals, WRAPPED};
use crate::process::{CommandEnd, REPORT_AFTER, StartError};
use rustix::process::Signal;
use std::ffi::OsString;
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::time::Duration;
use tokio::time::{Instant, sleep_until, timeout};

/// The only argument of a supervisor.
pub(super) const ARGUMENT: &str = "--supervise";

/// What a supervisor is left with if `versioner run` was killed.
#[derive(Debug)]
pub struct Abandoned {
    /// The last payload, which is not empty.
    pub payload: Vec<u8>,
    /// What became of the command.
    pub command: CommandState,
}

/// What became of the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommandState {
    /// It was not started.
    NotStarted,
    /// It ended while `versioner run` was still there. Its end may have been reported.
    Ended(CommandEnd),
    /// The supervisor stopped it.
    Stopped(CommandEnd),
    /// The supervisor is stopping it, but it still runs after [`REPORT_AFTER`].
    Stopping,
}

/// Whether this process was started to be a supervisor.
#[must_use]
pub fn is_requested(args: &[OsString]) -> bool {
    matches!(args, [_, argument] if argument == ARGUMENT)
}

/// Runs the supervisor until `versioner run` says that it is done. If `versioner run` is killed, ends the command and calls
/// `report`, unless the payload is empty.
///
/// # Errors
/// If stdin is not the socket of `versioner run`.
pub async fn supervise(report: impl AsyncFnOnce(Abandoned)) -> Result<(), StartError> {
    let mut supervisor = begin().await.map_err(|error| StartError::supervisor(&error))?;
    if supervisor.serve().await {
        supervisor.abandon(report).await;
    }
    Ok(())
}

struct Server {
    connection: Connection,
    payload: Vec<u8>,
    command: Option<Command>,
}

struct Command {
    child: Child,
    stop_timeout: Duration,
    end: Option<CommandEnd>,
    /// When the first signal that stops was sent.
    stopping_since: Option<Instant>,
}

/// Leaves the session or the process group of `versioner run`.
async fn begin() -> io::Result<Server> {
    let mut connection = Connection::new(UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?))?;
    let Some(Request::Begin { new_session, payload }) = connection.receive().await? else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    // Signals are for `versioner run` to decide about. A handler without effect is not inherited by the command.
    drop(Signals::listen(WRAPPED));
    if new_session {
        rustix::process::setsid()?;
    }
    connection.send(&Reply::Ready, &[])?;
    Ok(Server { connection, payload, command: None })
}

impl Server {
    /// Does what `versioner run` requests until it says that it is done, or is gone. Returns whether it is gone.
    async fn serve(&mut self) -> bool {
        loop {
            tokio::select! {
                biased;
                request = self.connection.receive() => match request {
                    Ok(Some(Request::Goodbye)) => return self.is_command_running(),
                    Ok(Some(request)) => self.handle(request),
                    Ok(None) | Err(_) => return true,
                },
                end = end_of(&mut self.command) => self.reply(&Reply::Ended(end)),
            }
        }
    }

    fn is_command_running(&self) -> bool {
        self.command.as_ref().is_some_and(|command| command.end.is_none())
    }

    fn handle(&mut self, request: Request) {
        match (request, &mut self.command) {
            (Request::Payload(payload), _) => self.payload = payload,
            (Request::Run(run), None) => self.start(&run),
            (Request::Signal { number, stops }, Some(command)) => command.signal(number, stops),
            (Request::Reap { kill_rest }, Some(command)) => command.reap(kill_rest),
            // The other side makes no such requests.
            (Request::Begin { .. } | Request::Run(_) | Request::Goodbye, _) => {}
            (Request::Signal { .. } | Request::Reap { .. }, None) => {}
        }
    }

    fn start(&mut self, run: &Run) {
        let streams = <[_; 3]>::try_from(self.connection.take_streams());
        // Our copies of the streams are closed on return: they are the command's alone from then on.
        let child = match streams {
            Ok(streams) => Child::start(run, &streams),
            Err(_) => Err(io::ErrorKind::InvalidData.into()),
        };
        match child {
            Ok(child) => {
                self.reply(&Reply::Started(child.pid()));
                let stop_timeout = run.stop_timeout;
                self.command = Some(Command { child, stop_timeout, end: None, stopping_since: None });
            }
            Err(error) => {
                let number = error.raw_os_error().unwrap_or(rustix::io::Errno::INVAL.raw_os_error());
                self.reply(&Reply::NotStarted(number));
            }
        }
    }

    fn reply(&self, reply: &Reply) {
        // If the other side is gone, the next read says so.
        let _ = self.connection.send(reply, &[]);
    }

    /// Ends the command and reports it, without `versioner run`.
    async fn abandon(&mut self, report: impl AsyncFnOnce(Abandoned)) {
        let payload = std::mem::take(&mut self.payload);
        let report = async |command| {
            if !payload.is_empty() {
                report(Abandoned { payload, command }).await;
            }
        };
        match &mut self.command {
            None => report(CommandState::NotStarted).await,
            Some(Command { end: Some(end), .. }) => report(CommandState::Ended(*end)).await,
            Some(command) => {
                let mut stopping = std::pin::pin!(command.stop());
                match timeout(REPORT_AFTER, &mut stopping).await {
                    Ok(end) => report(CommandState::Stopped(end)).await,
                    Err(_) => drop(tokio::join!(stopping, report(CommandState::Stopping))),
                }
            }
        }
    }
}

impl Command {
    fn signal(&mut self, number: u8, stops: bool) {
        if self.end.is_some() {
            return;
        }
        if let Some(signal) = named(number) {
            self.child.signal(signal);
        }
        if stops {
            self.stopping_since.get_or_insert_with(Instant::now);
            // A process that is stopped, for example by job control, handles the signal only once it continues.
            self.child.signal(Signal::CONT);
        }
    }

    /// Sends SIGTERM and, after the time that the command has to stop, SIGKILL. Kills the rest of its group after its end.
    async fn stop(&mut self) -> CommandEnd {
        self.signal(TERM, true);
        let kill_at = self.stopping_since.unwrap_or_else(Instant::now) + self.stop_timeout;
        let end = tokio::select! {
            end = self.child.ended() => Some(end),
            () = sleep_until(kill_at) => None,
        };
        let end = match end {
            Some(end) => end,
            None => {
                self.child.signal(Signal::KILL);
                self.child.ended().await
            }
        };
        self.end = Some(end);
        self.reap(true);
        end
    }

    fn reap(&mut self, kill_rest: bool) {
        // While it runs, reaping it would wait for its end.
        if self.end.is_some() {
            if kill_rest {
                self.child.kill_rest();
            }
            self.child.reap();
        }
    }
}

/// Waits for the command's end, if one runs, and notes it.
async fn end_of(command: &mut Option<Command>) -> CommandEnd {
    match command {
        Some(Command { child, end: end @ None, .. }) => *end.insert(child.ended().await),
        _ => std::future::pending().await,
    }
}
