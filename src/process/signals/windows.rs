//! Ctrl-C, which is all that Windows has of signals.

use super::{Signal, stop};

/// Nothing to handle on Windows.
pub fn install_handlers() {}

/// Ctrl-C, received while `next` waits for it.
#[derive(Debug)]
pub struct Signals;

impl Signals {
    /// Starts to listen.
    #[must_use]
    pub fn listen(_signals: impl IntoIterator<Item = &'static Signal>) -> Self {
        Self
    }

    /// Windows does not report a parent's death.
    pub fn follow_parent(&mut self) {}

    /// Waits for the next Ctrl-C.
    pub async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        stop("Ctrl-C", 2)
    }
}
