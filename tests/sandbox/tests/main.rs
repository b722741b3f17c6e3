//! Tests of the sandbox over real sockets, with an independent client.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod admin;
mod api;
mod checked_events;
mod client;
mod events;
mod faults;
mod governance;
mod limits;
mod preflight;
mod program;
mod tls;
