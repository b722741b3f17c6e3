//! The signals that stop this process, and those that are only passed on to a wrapped command.
//!
//! Owns: which signals these are, and the parent's death, which counts as one. Does not own: what is done about them.

#[cfg(unix)]
mod mask;
#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(not(unix), path = "windows.rs")]
mod system;
#[cfg(test)]
#[cfg(unix)]
pub(super) mod tests;

#[cfg(unix)]
pub use system::is_blocked;
pub use system::{Signals, install_handlers};

/// A signal that was received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Its name, or for the parent's death a description.
    pub name: &'static str,
    /// Its number.
    pub number: u8,
    /// Whether it is a request to stop.
    pub stops: bool,
}

const fn stop(name: &'static str, number: u8) -> Signal {
    Signal { name, number, stops: true }
}

#[cfg(unix)]
const fn passed_on(name: &'static str, signal: rustix::process::Signal) -> Signal {
    Signal { name, number: signal.as_raw() as u8, stops: false }
}

/// The signals that stop a command of ours that wraps nothing.
pub const STOP: &[Signal] = &[stop("SIGINT", 2), stop("SIGTERM", 15)];

/// The signals that a wrapped command gets as well. The numbers of the last ones differ between systems.
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
    /// Waits for the next signal that is a request to stop.
    pub async fn next_stop(&mut self) -> Signal {
        loop {
            let signal = self.next().await;
            if signal.stops {
                return signal;
            }
        }
    }

    /// A request to stop that has been received already, if any.
    pub async fn pending_stop(&mut self) -> Option<Signal> {
        tokio::select! {
            biased;
            signal = self.next_stop() => Some(signal),
            () = std::future::ready(()) => None,
        }
    }
}
