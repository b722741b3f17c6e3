//! What a block means for the deployment that asked.
//!
//! Owns: until when it lasts. Does not own: how that is told (`report`).

use crate::api::block::Block;
use crate::when::Moment;
use jiff::Timestamp;

/// Until when a block lasts, as far as the server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Until {
    /// Until this time, which lies ahead; as it was written, too.
    Named(Moment, String),
    /// A time was named, and has passed.
    Passed(Moment, String),
    /// No time was named that can be read.
    Unknown,
}

/// Until when `block` lasts, at `now` by the server's clock: `retry_after`, or where that is missing, unreadable or past,
/// the end of the window if it lies ahead.
#[must_use]
pub fn until(block: &Block, now: Timestamp) -> Until {
    let times = [&block.retry_after, &block.details.window_end];
    let ahead = times.into_iter().flatten().find(|(moment, _)| moment.at > now);
    match (ahead, &block.retry_after) {
        (Some((moment, text)), _) => Until::Named(*moment, text.clone()),
        (None, Some((moment, text))) => Until::Passed(*moment, text.clone()),
        (None, None) => Until::Unknown,
    }
}
