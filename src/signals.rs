//! The signals that ask this process to stop, and those that it merely passes on to a command that it wraps.
//!
//! Owns: which they are and their numbers. Does not own: what is done about them.

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

/// Those that end a call which wraps nothing.
pub const STOP: &[Signal] = &[stop("SIGINT", 2), stop("SIGTERM", 15)];

/// Those that a wrapped command is to get as well. The numbers of the last ones are the system's own.
#[cfg(unix)]
pub const WRAPPED: &[Signal] = &[
    stop("SIGINT", 2),
    stop("SIGTERM", 15),
    stop("SIGHUP", 1),
    Signal { name: "SIGQUIT", number: 3, stops: false },
    Signal { name: "SIGUSR1", number: rustix::process::Signal::USR1.as_raw() as u8, stops: false },
    Signal { name: "SIGUSR2", number: rustix::process::Signal::USR2.as_raw() as u8, stops: false },
];
#[cfg(not(unix))]
pub const WRAPPED: &[Signal] = STOP;

/// The signals, listened to from when this is made.
#[cfg(unix)]
#[derive(Debug)]
pub struct Signals {
    listened: Vec<(Signal, tokio::signal::unix::Signal)>,
}

#[cfg(unix)]
impl Signals {
    /// Begins to listen to `signals`. One that the system does not allow to be listened to keeps its own effect.
    #[must_use]
    pub fn listen(signals: impl IntoIterator<Item = &'static Signal>) -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let listen =
            |listened: &'static Signal| Some((*listened, signal(SignalKind::from_raw(listened.number.into())).ok()?));
        Self { listened: signals.into_iter().filter_map(listen).collect() }
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Signal {
        std::future::poll_fn(|context| {
            let came = self
                .listened
                .iter_mut()
                .find_map(|(signal, listener)| listener.poll_recv(context).is_ready().then_some(*signal));
            came.map_or(std::task::Poll::Pending, std::task::Poll::Ready)
        })
        .await
    }
}

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

/// Ctrl-C: Windows has nothing else of the kind.
#[cfg(not(unix))]
#[derive(Debug)]
pub struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Begins to listen.
    #[must_use]
    pub fn listen(_signals: impl IntoIterator<Item = &'static Signal>) -> Self {
        Self
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        stop("Ctrl-C", 2)
    }
}
