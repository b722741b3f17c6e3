//! Helper programs of CI systems, such as `buildkite-agent`: they show messages, or pass values on to later steps.
//!
//! Owns: finding them on the PATH, keeping our key out of their environment, and limits on the time they take. Does not own:
//! their arguments.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(not(unix), path = "windows.rs")]
mod system;
#[cfg(test)]
#[cfg(unix)]
mod tests;

use crate::env::Env;
use crate::text::Foreign;
use std::cell::Cell;
use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use system::Input;

/// The longest that one call may take.
const CALL_LIMIT: Duration = Duration::from_secs(5);
/// The longest that all calls of one program may take together: a helper program that hangs must not delay a deployment.
const TOTAL_LIMIT: Duration = Duration::from_secs(10);
/// How often running programs are checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(5);

/// Why a call of a helper program failed. The first field is the program with its first argument.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HelperError {
    /// The system could not start it, or pass its input, or wait for it.
    #[error("{0}: {1}")]
    System(Foreign, Foreign),
    /// It failed with this exit code, or was killed by a signal.
    #[error("{0}: it ended with {1}")]
    Failed(Foreign, ExitStatus),
    /// It did not end in time and was killed, with every process in its group.
    #[error("{0}: it did not end within {limit} s", limit = seconds(*.1))]
    TimedOut(Foreign, Duration),
    /// It was not called, because earlier calls used up the time for all calls.
    #[error("{0}: not called, because earlier calls took {limit} s", limit = seconds(*.1))]
    LimitReached(Foreign, Duration),
}

/// A helper program of a CI system.
#[derive(Debug)]
pub struct HelperProgram {
    program: PathBuf,
    env: Vec<(String, String)>,
    call_limit: Duration,
    total_limit: Duration,
    /// The time that all calls so far have taken.
    used: Cell<Duration>,
}

impl HelperProgram {
    /// The program `name`, if it is on the PATH of `env`.
    pub fn find(env: &Env, name: &str) -> Option<Self> {
        let path = env.get("PATH")?;
        let program =
            std::env::split_paths(path).map(|directory| directory.join(name)).find(|program| program.is_file())?;
        let private: Vec<&OsStr> = env.private().collect();
        let env = env
            .iter()
            .filter(|(name, _)| !private.contains(&OsStr::new(name)))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Some(Self { program, env, call_limit: CALL_LIMIT, total_limit: TOTAL_LIMIT, used: Cell::default() })
    }

    /// Calls the program with `args`, and with `input` on its standard input.
    ///
    /// # Errors
    /// If the call fails or takes too long.
    pub fn call(&self, args: &[&str], input: &str) -> Result<(), HelperError> {
        self.call_all(&[args.iter().map(|arg| (*arg).to_owned()).collect()], input)
    }

    /// Calls the program once for each of `variables`, with the arguments that `args` returns for a name and a value. The calls
    /// run at the same time, because each of them may send a request.
    ///
    /// # Errors
    /// The error of the first call that failed.
    pub fn call_for_each(
        &self,
        variables: &[(String, &str)],
        args: impl Fn(&str, &str) -> Vec<String>,
    ) -> Result<(), HelperError> {
        let calls: Vec<Vec<String>> = variables.iter().map(|(name, value)| args(name, value)).collect();
        self.call_all(&calls, "")
    }

    fn call_all(&self, calls: &[Vec<String>], input: &str) -> Result<(), HelperError> {
        let start = Instant::now();
        let limit = self.call_limit.min(self.total_limit.saturating_sub(self.used.get()));
        if limit.is_zero() {
            let first = calls.first().map(|args| self.name_of(args)).unwrap_or_default();
            return Err(HelperError::LimitReached(first, self.total_limit));
        }
        let mut calls: Vec<Call> = calls.iter().map(|args| self.start(args, input)).collect();
        loop {
            let mut is_running = false;
            for call in &mut calls {
                is_running |= call.check();
            }
            if !is_running || start.elapsed() >= limit {
                break;
            }
            std::thread::sleep(CHECK_INTERVAL);
        }
        let results: Vec<_> = calls.into_iter().map(|call| call.finish(limit)).collect();
        self.used.set(self.used.get() + start.elapsed());
        results.into_iter().collect()
    }

    /// The program and its first argument, for messages.
    fn name_of(&self, args: &[String]) -> Foreign {
        let first = args.first().map_or("", String::as_str);
        Foreign::new(format!("{} {first}", self.program.display()))
    }

    fn start(&self, args: &[String], input: &str) -> Call {
        let mut command = Command::new(&self.program);
        command.args(args).env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        system::set_own_group(&mut command);
        let state = match command.spawn() {
            Ok(mut child) => match child.stdin.take().map(|stdin| Input::new(stdin, input)).transpose() {
                Ok(input) => State::Running(child, input),
                Err(error) => {
                    system::kill_group(&mut child);
                    State::Error(error)
                }
            },
            Err(error) => State::Error(error),
        };
        Call { name: self.name_of(args), state }
    }
}

/// One call.
struct Call {
    name: Foreign,
    state: State,
}

enum State {
    Running(Child, Option<Input>),
    Ended(ExitStatus),
    Error(io::Error),
}

impl Call {
    /// Writes more of the input and updates the state. Returns whether the program is still running.
    fn check(&mut self) -> bool {
        let State::Running(child, input) = &mut self.state else {
            return false;
        };
        if input.as_mut().is_some_and(Input::write_more) {
            // Closing it tells the program that the input is complete.
            *input = None;
        }
        match child.try_wait() {
            Ok(None) => return true,
            Ok(Some(status)) => self.state = State::Ended(status),
            Err(error) => self.state = State::Error(error),
        }
        false
    }

    /// The result of the call. Kills the program if it is still running after `limit`.
    fn finish(self, limit: Duration) -> Result<(), HelperError> {
        match self.state {
            State::Ended(status) if status.success() => Ok(()),
            State::Ended(status) => Err(HelperError::Failed(self.name, status)),
            State::Error(error) => Err(HelperError::System(self.name, error.to_string().into())),
            State::Running(mut child, _) => {
                system::kill_group(&mut child);
                Err(HelperError::TimedOut(self.name, limit))
            }
        }
    }
}

/// `duration` in seconds, with at most one decimal.
fn seconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 10.0).round() / 10.0
}
