//! Ctrl-C: Windows has nothing else of the kind.

use super::{Signal, stop};

/// Ctrl-C, listened to while it is waited for.
#[derive(Debug)]
pub struct Signals;

impl Signals {
    /// Begins to listen.
    #[must_use]
    pub fn listen(_signals: impl IntoIterator<Item = &'static Signal>) -> Self {
        Self
    }

    /// Windows does not tell of a parent's death.
    pub fn follow_parent(&mut self) {}

    /// Waits for the next one.
    pub async fn next(&mut self) -> Signal {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        stop("Ctrl-C", 2)
    }
}
