//! Integration tests: run the real binary in a cleared environment against the sandbox server on loopback.
//!
//! Set `VERSIONER_TEST_BIN` to test another binary, such as the static one in a release.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests"
)]

mod architecture;
mod bad_input;
#[cfg(unix)]
mod cancelled;
mod check;
mod cli;
mod config_file;
#[cfg(unix)]
mod config_file_abuse;
#[cfg(unix)]
mod crash;
mod docs;
mod finish;
mod generated;
mod github;
mod hostile;
mod journal;
mod matrix;
mod messages;
mod network;
mod outputs;
mod park;
mod rejected;
mod requests;
mod resume;
#[cfg(unix)]
mod run;
mod spool;
mod support;
mod systems;
mod tls;
mod waiting;
