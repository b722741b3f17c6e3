//! Signals on Unix, and on Linux the death of our parent.

use super::Signal;
use super::mask::{Blocked, Inherited};
use rustix::process::{Pid, Signal as Number, getppid};
use std::sync::Once;
use std::task::{Context, Poll};
use tokio::signal::unix::{Signal as Listener, SignalKind, signal};

/// Signals, received from the moment that this is created.
#[derive(Debug)]
pub struct Signals {
    listeners: Vec<(Signal, Listener)>,
    blocked: Option<Blocked>,
    parent: Option<Parent>,
}

/// The parent whose death counts as a signal.
#[derive(Debug)]
struct Parent {
    pid: Option<Pid>,
    listener: Listener,
}

/// Handles two signals whose disposition we can have inherited, and which affect every process of ours:
///
/// - SIGCHLD, if it is ignored, makes the kernel forget our children before we can read how they ended. With a handler it keeps
///   them, and the children start with the default disposition.
/// - SIGXFSZ kills a process that writes beyond its file size limit. With a handler the write fails instead.
///
/// [`Signals::listen`] calls this. Programs that are started before that need it earlier.
pub fn install_handlers() {
    static ONCE: Once = Once::new();
    ONCE.call_once(install_handlers_once);
}

fn install_handlers_once() {
    let inherited = Inherited::get();
    // The handlers stay when the listeners are dropped.
    if inherited.ignores(Number::CHILD.as_raw() as u8) != Some(false) {
        let _ = signal(kind(Number::CHILD));
    }
    // If SIGXFSZ is ignored, writes fail already, and our children should inherit that.
    if has_file_size_limit() && inherited.ignores(Number::XFSZ.as_raw() as u8) != Some(true) {
        let _ = signal(kind(Number::XFSZ));
    }
}

fn has_file_size_limit() -> bool {
    rustix::process::getrlimit(rustix::process::Resource::Fsize).current.is_some()
}

/// Whether our parent blocked the signal. We do not receive it then.
#[must_use]
pub fn is_blocked(number: Number) -> bool {
    Inherited::get().blocks(number.as_raw() as u8)
}

fn kind(number: Number) -> SignalKind {
    SignalKind::from_raw(number.as_raw())
}

impl Signals {
    /// Starts to listen to `signals`, except those that were ignored when this process started: `nohup` and Jenkins start
    /// processes that way, and the signals are meant to stay without effect.
    ///
    /// A signal that cannot be listened to keeps its default effect.
    #[must_use]
    pub fn listen(signals: impl IntoIterator<Item = &'static Signal>) -> Self {
        install_handlers();
        let is_ignored = |signal: &Signal| Inherited::get().ignores(signal.number) == Some(true);
        let signals: Vec<Signal> = signals.into_iter().copied().filter(|signal| !is_ignored(signal)).collect();
        let listen = |listened: &Signal| Some((*listened, signal(SignalKind::from_raw(listened.number.into())).ok()?));
        let listeners = signals.iter().filter_map(listen).collect();
        Self { listeners, blocked: Blocked::among(&signals), parent: None }
    }

    /// From now on the death of our parent counts as SIGTERM. A shell that does not `exec` us passes no signals on: its death
    /// is then the only sign that the job was cancelled. Where the kernel cannot report it, nothing changes.
    ///
    /// The kernel sends a signal of our choice, but also if only the thread of the parent that started us ends (prctl(2),
    /// PR_SET_PDEATHSIG), which threads of a CI system's agent do. So the signal is one that has no other use and no effect by
    /// default, and when it comes we check whether our parent is still the same.
    #[cfg(target_os = "linux")]
    pub fn follow_parent(&mut self) {
        use rustix::process::{getpid, kill_process, set_parent_process_death_signal};
        let pid = getppid();
        let Ok(listener) = signal(kind(Number::URG)) else { return };
        if set_parent_process_death_signal(Some(Number::URG)).is_err() {
            return;
        }
        self.parent = Some(Parent { pid, listener });
        if getppid() != pid {
            // It died before the kernel knew of our request.
            let _ = kill_process(getpid(), Number::URG);
        }
    }

    /// Only Linux reports a parent's death.
    #[cfg(not(target_os = "linux"))]
    pub fn follow_parent(&mut self) {}

    /// Waits for the next signal.
    pub async fn next(&mut self) -> Signal {
        std::future::poll_fn(|context| match self.received(context) {
            Some(signal) => Poll::Ready(signal),
            None => Poll::Pending,
        })
        .await
    }

    fn received(&mut self, context: &mut Context<'_>) -> Option<Signal> {
        let from_listener = self
            .listeners
            .iter_mut()
            .find_map(|(signal, listener)| listener.poll_recv(context).is_ready().then_some(*signal));
        from_listener
            .or_else(|| self.blocked.as_mut()?.poll_pending(context))
            .or_else(|| self.parent.as_mut()?.poll_death(context))
    }
}

impl Parent {
    fn poll_death(&mut self, context: &mut Context<'_>) -> Option<Signal> {
        while self.listener.poll_recv(context).is_ready() {
            if getppid() != self.pid {
                return Some(Signal { name: "the end of its parent process", number: 15, stops: true });
            }
        }
        None
    }
}
