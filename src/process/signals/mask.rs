//! Signal masks of this process, which Linux shows in `/proc` (proc_pid_status(5)). Elsewhere they count as empty.

use super::Signal;
use std::task::Context;
use std::time::Duration;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often the kernel is asked for signals that are blocked.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// A mask in `/proc/self/status`.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field {
    /// The signals that are ignored: no handler can have received them, so our parent chose that.
    Ignored,
    /// The signals whose delivery is blocked.
    Blocked,
    /// The signals that were sent to the process and not delivered yet.
    Pending,
}

/// A set of signals.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Mask(pub(super) u64);

impl Field {
    pub(super) fn read(self) -> Mask {
        let name = match self {
            Self::Ignored => "SigIgn:",
            Self::Blocked => "SigBlk:",
            Self::Pending => "ShdPnd:",
        };
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let mask = status.lines().find_map(|line| u64::from_str_radix(line.strip_prefix(name)?.trim(), 16).ok());
        Mask(mask.unwrap_or_default())
    }
}

impl Mask {
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
        let blocked = Field::Blocked.read();
        let signals: Vec<Signal> =
            signals.iter().copied().filter(|signal| signal.stops && blocked.contains(signal.number)).collect();
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
            let pending = Field::Pending.read();
            if let Some(index) = self.signals.iter().position(|signal| pending.contains(signal.number)) {
                return Some(self.signals.swap_remove(index));
            }
        }
        None
    }
}
