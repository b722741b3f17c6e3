//! The GitHub Action: `action.yml` and `entrypoint.sh`, without GitHub.
//!
//! What a real runner makes of them is in `tests/act`.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

#[cfg(target_os = "linux")]
mod cancelled;
#[cfg(target_os = "linux")]
mod entrypoint;
#[cfg(target_os = "linux")]
mod fetching;
mod manifest;
#[cfg(target_os = "linux")]
mod release;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
mod step;
mod yaml;
