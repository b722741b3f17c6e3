//! The Versioner API: its endpoints, and sending one event with retries.
//!
//! Owns: requests, retries and classifying replies. Does not own: waiting for a block to lift (`gate`), nor wording
//! (`report`).

mod attempt;
pub mod backoff;
mod classify;
mod client;
pub mod config;
mod dns;
mod error;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod http;
mod interface;
mod proxy;
mod send;
mod tls;
mod transport;

pub use backoff::{LONGEST_PAUSE, RetryDecision, RetryPauses};
pub use client::Client;
pub use config::{ApiConfig, is_loopback};
pub use error::ClientError;
pub use interface::{Failure, SendProgress, SendRequest, SendResult};
pub use transport::Transport;
