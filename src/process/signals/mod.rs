//! The signals that ask this process to stop, and those that it merely passes on to a command that it wraps.
//!
//! Owns: which they are and their numbers, and the parent's death, which counts as one. Does not own: what is done about them.

#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(not(unix), path = "windows.rs")]
mod system;

pub use system::Signals;

/// A signal that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Its name.
    pub name: &'static str,
    /// Its number.
    pub number: u8,
    /// Whether it asks to stop.
    pub stops: bool,
}

const fn stop(name: &'static str, number: u8) -> Signal {
    Signal { name, number, stops: true }
}

#[cfg(unix)]
const fn passed_on(name: &'static str, signal: rustix::process::Signal) -> Signal {
    Signal { name, number: signal.as_raw() as u8, stops: false }
}

/// Those that end a call which wraps nothing.
pub const STOP: &[Signal] = &[stop("SIGINT", 2), stop("SIGTERM", 15)];

/// Those that a wrapped command is to get as well. The numbers of the last ones are the system's own.
#[cfg(unix)]
pub const WRAPPED: &[Signal] = &[
    stop("SIGINT", 2),
    stop("SIGTERM", 15),
    stop("SIGHUP", 1),
    passed_on("SIGQUIT", rustix::process::Signal::QUIT),
    passed_on("SIGUSR1", rustix::process::Signal::USR1),
    passed_on("SIGUSR2", rustix::process::Signal::USR2),
    passed_on("SIGALRM", rustix::process::Signal::ALARM),
    passed_on("SIGCONT", rustix::process::Signal::CONT),
    passed_on("SIGWINCH", rustix::process::Signal::WINCH),
];
#[cfg(not(unix))]
pub const WRAPPED: &[Signal] = STOP;

impl Signals {
    /// Waits for the next one that asks to stop.
    pub async fn next_stop(&mut self) -> Signal {
        loop {
            let signal = self.next().await;
            if signal.stops {
                return signal;
            }
        }
    }

    /// One that asks to stop, if it has come already.
    pub async fn pending_stop(&mut self) -> Option<Signal> {
        tokio::select! {
            biased;
            signal = self.next_stop() => Some(signal),
            () = std::future::ready(()) => None,
        }
    }
}

/// The numbers of the signals that were ignored when this process started: whoever started it so, as `nohup` and Jenkins do,
/// wants them to stay so. Linux alone tells (proc_pid_status(5)).
#[must_use]
pub fn ignored() -> Vec<u8> {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix("SigIgn:")?.trim(), 16).ok());
    (1..=64).filter(|number| mask.unwrap_or_default() >> (number - 1) & 1 == 1).collect()
}
