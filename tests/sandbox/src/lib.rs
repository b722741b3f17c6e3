//! A stand-in for the Versioner API that listens on loopback.
//!
//! Use it to try a client without an account, in the demo, and in tests. It keeps its state in memory and answers as
//! the real API is documented to answer. On request it fails: see [`Reply`] for scripted replies and [`Fault`] for
//! connection failures.
//!
//! The crate is a library ([`Sandbox`] runs a server in its own thread) and a program (`versioner-sandbox`). Both
//! serve the API and an admin API under `/_sandbox/`.
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
mod api;
mod builds;
mod clock;
mod deployments;
mod github;
mod json_response;
mod log;
mod options;
mod port;
mod preflight;
mod reply;
mod rules;
mod sandbox;
mod script;
mod server;
mod settings;
mod state;
mod status;
mod tls;
mod validate;
mod wire;

pub use github::{GitHubAnnotation, GitHubJob, GitHubRun, GitHubState, NewRun, Permission};
pub use log::ReceivedRequest;
pub use options::{Keys, Options, Tls};
pub use reply::{Fault, HeaderValues, Reply};
pub use rules::{
    Approval, ApprovalRule, FlowRule, Mode, PlantedDeployment, RetryAfter, Rule, RuleKind, ScheduleRule, SoakRule,
    VersionApprovalRule,
};
pub use sandbox::Sandbox;
pub use settings::{BodyShape, CheckRulesOn, RateLimit, Settings};
