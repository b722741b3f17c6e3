//! Signals on Unix, and on Linux the death of our parent.

use super::Signal;
use rustix::process::{Pid, getppid};
use std::task::Poll;
use tokio::signal::unix::{Signal as Listener, SignalKind, signal};

/// The signals, listened to from when this is made.
#[derive(Debug)]
pub struct Signals {
    listened: Vec<(Signal, Listener)>,
    parent: Option<Parent>,
}

/// A parent whose death is listened for.
#[derive(Debug)]
struct Parent {
    pid: Option<Pid>,
    listener: Listener,
}

impl Signals {
    /// Begins to listen to `signals`. One that the system does not allow to be listened to keeps its own effect.
    #[must_use]
    pub fn listen(signals: impl IntoIterator<Item = &'static Signal>) -> Self {
        let listen =
            |listened: &'static Signal| Some((*listened, signal(SignalKind::from_raw(listened.number.into())).ok()?));
        Self { listened: signals.into_iter().filter_map(listen).collect(), parent: None }
    }

    /// From now on the death of our parent counts as SIGTERM: a shell that was not replaced (`exec`) passes no signal on, so that
    /// its death is all that we would learn of a cancelled job. Where the kernel cannot do that, nothing changes.
    ///
    /// The kernel tells of it by a signal of our choice, and tells so too when merely the thread of the parent that started us
    /// ends (prctl(2), PR_SET_PDEATHSIG), as threads of a CI system's agent do while it lives. So the signal is one that
    /// nobody else uses and that does nothing by itself, and whether the parent is gone is looked up.
    #[cfg(target_os = "linux")]
    pub fn follow_parent(&mut self) {
        use rustix::process::{Signal as Number, getpid, kill_process, set_parent_process_death_signal};
        let pid = getppid();
        let Ok(listener) = signal(SignalKind::from_raw(Number::URG.as_raw())) else { return };
        if set_parent_process_death_signal(Some(Number::URG)).is_err() {
            return;
        }
        self.parent = Some(Parent { pid, listener });
        if getppid() != pid {
            // It ended before the kernel was asked.
            let _ = kill_process(getpid(), Number::URG);
        }
    }

    /// Linux alone tells of a parent's death.
    #[cfg(not(target_os = "linux"))]
    pub fn follow_parent(&mut self) {}

    /// Waits for the next one.
    pub async fn next(&mut self) -> Signal {
        std::future::poll_fn(|context| {
            let came = self
                .listened
                .iter_mut()
                .find_map(|(signal, listener)| listener.poll_recv(context).is_ready().then_some(*signal));
            if let Some(signal) = came {
                return Poll::Ready(signal);
            }
            if let Some(parent) = &mut self.parent {
                while parent.listener.poll_recv(context).is_ready() {
                    if getppid() != parent.pid {
                        return Poll::Ready(Signal { name: "the end of its parent process", number: 15, stops: true });
                    }
                }
            }
            Poll::Pending
        })
        .await
    }
}
