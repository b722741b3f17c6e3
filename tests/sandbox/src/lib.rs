//! The Versioner API on loopback.
//!
//! For people without an account, for a demonstration, and for every test of a client. It keeps its state in memory,
//! answers as the real API is documented to answer, and is rude on demand: see [`Reply`] for scripted replies and
//! [`Fault`] for broken connections.
//!
//! The crate is a library ([`Sandbox`], which runs a server in a thread of its own) and a program
//! (`versioner-sandbox`). Both offer the same two surfaces: the API itself, and the admin calls below `/_sandbox/`.
//!
//! ```
//! use versioner_sandbox::{Reply, Sandbox};
//!
//! let sandbox = Sandbox::start();
//! sandbox.script([Reply::status(503).header("Retry-After", "1").times(2)]);
//! assert!(sandbox.url().starts_with("http://127.0.0.1:"));
//! assert!(sandbox.requests().is_empty());
//! ```
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

mod account;
mod admin;
mod answer;
mod api;
mod builds;
mod clock;
mod deployments;
mod log;
mod options;
mod preflight;
mod reply;
mod rules;
mod sandbox;
mod script;
mod server;
mod settings;
mod status;
mod tls;
mod validate;
mod world;

pub use log::Received;
pub use options::{Keys, Options, Tls};
pub use reply::{Fault, HeaderValues, Reply};
pub use rules::{
    Approval, ApprovalRule, FlowRule, Mode, PlantedDeployment, RetryAfter, Rule, RuleKind, SoakRule, WindowRule,
};
pub use sandbox::Sandbox;
pub use settings::{BodyShape, RateLimit, Settings};
