//! The gate: whether and how long to wait for a block to lift.
//!
//! Owns: the decision after each block ([`decide`]) and the loop around it ([`wait`]). Does not own: which replies are blocks
//! (`model::block`), nor any wording: it emits progress as values.

mod decide;
pub mod wait;

#[cfg(test)]
mod exhaustive;
#[cfg(test)]
mod tests;

pub use decide::{
    BlockEnd, FailReason, PollReason, StaleConflict, WaitDecision, WaitState, block_end, decide_wait, stale_conflict,
};
