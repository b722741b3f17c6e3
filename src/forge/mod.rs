//! GitHub's REST API, as far as `resume` and `on_superseded` need it.
//!
//! Owns: requests, their limits, and reading replies. Does not own: which runs and jobs count (`model`), nor wording
//! (`report`). Facts: GitHub's OpenAPI description, "Best practices for using the REST API", "Rate limits for the REST API".

mod client;
mod config;
mod error;
mod list;
mod reply;

pub use client::{GitHub, RequestProgress};
pub use config::{GitHubConfig, Token};
pub use error::GitHubError;
pub use list::RunList;
