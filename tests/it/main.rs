//! The program from outside: the real binary, in a cleared environment, against the sandbox server on loopback.
//!
//! `VERSIONER_TEST_BIN` names another binary to test, such as the static one that is shipped.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests"
)]

mod bad_input;
#[cfg(unix)]
mod cancelled;
mod check;
mod commands;
mod explained;
mod finish;
mod github;
mod hostile;
mod kept;
#[cfg(unix)]
mod killed;
mod network;
mod outputs;
mod readme;
mod refusals;
mod support;
mod systems;
mod tls;
mod waiting;
mod wire;
#[cfg(unix)]
mod wrapped;
