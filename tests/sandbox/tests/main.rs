//! The sandbox as its clients see it: over real sockets, with a client that is no part of it.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod admin;
mod client;
mod events;
mod faults;
mod limits;
mod preflight;
mod program;
mod surface;
mod tls;
