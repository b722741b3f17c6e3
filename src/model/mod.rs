//! The domain: events, blocks, verdicts, policies, outcomes and times. No I/O.

pub mod api_key;
pub mod block;
pub mod clock;
pub mod event;
pub mod message;
pub mod outcome;
pub mod park;
pub mod payload;
pub mod policy;
pub mod resume;
pub mod source;
pub mod spool_action;
pub mod status;
pub mod superseded;
pub mod time;
pub mod verdict;
