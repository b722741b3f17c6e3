//! State between calls: the spool and the journal.
//!
//! Owns: what they hold, their order, and when an entry is closed. Does not own: files (`files`), nor HTTP.

mod journal;
mod spool;

#[cfg(fuzzing)]
pub use journal::OpenDeployment;
pub use journal::{Journal, JournalEntry, OtherDeployments, StartState};
pub use spool::{Backlog, OrderingKey, Retention, SetAsideFile, Spool, SpoolLocation, SpoolResult, SpooledEvent};
