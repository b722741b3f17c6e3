//! Tests of the GitHub Action, `action.yml` and `entrypoint.sh`, without a runner.
//!
//! `tests/act` runs the Action under a real runner.

#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::print_stdout, reason = "tests")]

mod action_yml;
#[cfg(target_os = "linux")]
mod cancellation;
mod deploy;
#[cfg(target_os = "linux")]
mod download;
#[cfg(target_os = "linux")]
mod entrypoint;
#[cfg(target_os = "linux")]
mod environment;
#[cfg(target_os = "linux")]
mod file_server;
mod manifest;
#[cfg(target_os = "linux")]
mod release;
#[cfg(target_os = "linux")]
mod step;
