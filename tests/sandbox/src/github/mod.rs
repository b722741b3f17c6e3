//! GitHub's part: the REST API for the runs of one repository, under `/github`.
//!
//! `state` has the runs and what a re-run does, `openapi` checks each request against GitHub's description, `routes` replies.

mod annotations;
mod openapi;
mod routes;
mod state;

pub use annotations::GitHubAnnotation;
pub(crate) use routes::router;
pub use state::{GitHubJob, GitHubRun, GitHubState, NewRun, Permission};

/// The path of the API's base URL.
pub(crate) const PREFIX: &str = "/github";
