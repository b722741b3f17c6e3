//! Signal masks of this process, which Linux shows in `/proc` (proc_pid_status(5)). Elsewhere they count as empty.

use super::Signal;
use crate::files::read_kernel_file;
use std::path::Path;
use std::sync::OnceLock;
use std::task::Context;
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often the kernel is asked for signals that are blocked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// What our parent chose for our signals, as read before we handle any. `None` where the system does not show it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inherited {
    /// The signals that are ignored.
    ignored: Option<Mask>,
    /// The signals whose delivery is blocked.
    blocked: Option<Mask>,
}

/// A set of signals.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mask(pub(super) u64);

impl Inherited {
    pub(super) fn get() -> Self {
        static INHERITED: OnceLock<Inherited> = OnceLock::new();
        *INHERITED.get_or_init(|| {
            let status = status();
            Self { ignored: Mask::find(&status, "SigIgn:"), blocked: Mask::find(&status, "SigBlk:") }
        })
    }

    /// Whether `number` is ignored, if that is known.
    pub(super) fn ignores(self, number: u8) -> Option<bool> {
        self.ignored.map(|mask| mask.contains(number))
    }

    /// Whether `number` is blocked.
    pub(super) fn blocks(self, number: u8) -> bool {
        self.blocked.is_some_and(|mask| mask.contains(number))
    }
}

fn status() -> String {
    read_kernel_file(Path::new("/proc/self/status")).unwrap_or_default()
}

impl Mask {
    /// The mask in the field `name` of a process's status.
    fn find(status: &str, name: &str) -> Option<Self> {
        status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix(name)?.trim(), 16).ok()).map(Self)
    }

    /// The signals that were sent to the process and not delivered yet.
    fn pending() -> Self {
        Self::find(&status(), "ShdPnd:").unwrap_or_default()
    }

    /// Whether the signal of this number is in the set.
    pub(super) fn contains(self, number: u8) -> bool {
        number > 0 && self.0.checked_shr(u32::from(number) - 1).is_some_and(|rest| rest & 1 == 1)
    }
}

/// Signals that our parent blocked. Safe code cannot unblock them, so we regularly check whether one is pending. It stays
/// pending, so it is reported once. Processes that we start inherit the block: of our signals, only SIGKILL ends them.
#[derive(Debug)]
pub(super) struct Blocked {
    signals: Vec<Signal>,
    ticks: Interval,
}

impl Blocked {
    /// Those of `signals` that stop and are blocked, if any.
    pub(super) fn among(signals: &[Signal]) -> Option<Self> {
        let inherited = Inherited::get();
        let signals: Vec<Signal> =
            signals.iter().copied().filter(|signal| signal.stops && inherited.blocks(signal.number)).collect();
        if signals.is_empty() {
            return None;
        }
        let mut ticks = interval(CHECK_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Some(Self { signals, ticks })
    }

    /// A signal that is pending now, if any.
    pub(super) fn poll_pending(&mut self, context: &mut Context<'_>) -> Option<Signal> {
        while !self.signals.is_empty() && self.ticks.poll_tick(context).is_ready() {
            let pending = Mask::pending();
            if let Some(index) = self.signals.iter().position(|signal| pending.contains(signal.number)) {
                return Some(self.signals.swap_remove(index));
            }
        }
        None
    }
}
