//! The signals that ask this process to stop.
//!
//! Owns: which they are and their numbers. Does not own: what is done about them.

/// A signal that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Its name.
    pub name: &'static str,
    /// Its number.
    pub number: u8,
}

/// The signals, listened to from when this is made.
#[cfg(unix)]
#[derive(Debug)]
pub struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// Where the system does not allow it.
    pub fn listen() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Signal {
        std::future::poll_fn(|context| {
            if self.interrupt.poll_recv(context).is_ready() {
                return std::task::Poll::Ready(Signal { name: "SIGINT", number: 2 });
            }
            self.terminate.poll_recv(context).map(|_| Signal { name: "SIGTERM", number: 15 })
        })
        .await
    }
}

/// Ctrl-C: Windows has nothing else of the kind.
#[cfg(not(unix))]
#[derive(Debug)]
pub struct Signals;

#[cfg(not(unix))]
impl Signals {
    /// Begins to listen.
    ///
    /// # Errors
    /// Never.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self)
    }

    /// Waits for the next one.
    pub async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Signal { name: "Ctrl-C", number: 2 }
    }
}
