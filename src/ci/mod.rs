//! CI systems: which one this is, what it knows, and how it shows things.
//!
//! Owns: the table of systems and what they have in common. Each system is one file that owns both reading its
//! variables and writing its surfaces. Does not own: which detected value is used in the end (`settings`).

mod appveyor;
mod azure;
mod bitbucket;
mod buildkite;
mod circleci;
mod cloud_build;
mod codebuild;
mod codefresh;
mod context;
#[cfg(test)]
mod contract_tests;
mod detected;
mod drone;
mod git;
mod gitea;
mod github;
mod gitlab;
mod harness;
mod jenkins;
pub mod job;
mod output_variables;
mod plain;
mod remote;
mod rundeck;
mod semaphore;
pub mod surface;
mod teamcity;
mod travis;
mod unix_time;
mod woodpecker;

pub use context::Context;
pub use detected::Detected;

use crate::env::Env;
use detected::{equals, first, link, repository_of_remote, without_credentials};
use std::path::{Path, PathBuf};
use std::time::Duration;
use surface::Surface;

/// One CI system: how to recognise it, read it and speak to it.
pub struct System {
    /// Its name for people.
    pub name: &'static str,
    /// Its name for the API; none outside CI.
    pub source_system: Option<&'static str>,
    detect: fn(&Env) -> bool,
    context: fn(&Env) -> Context,
    surface: fn(&Env) -> Box<dyn Surface>,
}

/// All systems, in the order in which they are asked: one that imitates another stands before it.
const SYSTEMS: &[&System] = &[
    // Both say that they are GitHub, and Forgejo that it is Gitea.
    &gitea::FORGEJO,
    &gitea::GITEA,
    &github::SYSTEM,
    &gitlab::SYSTEM,
    &azure::SYSTEM,
    &bitbucket::SYSTEM,
    &buildkite::SYSTEM,
    &circleci::SYSTEM,
    &teamcity::SYSTEM,
    &travis::SYSTEM,
    // Both may say that they are Drone.
    &harness::SYSTEM,
    &woodpecker::SYSTEM,
    &drone::SYSTEM,
    &codebuild::SYSTEM,
    &codefresh::SYSTEM,
    &semaphore::SYSTEM,
    &appveyor::SYSTEM,
    &rundeck::SYSTEM,
    &cloud_build::SYSTEM,
    // Last: its variables may be set on a machine for good.
    &jenkins::SYSTEM,
];

impl System {
    /// The system that this environment belongs to.
    #[must_use]
    pub fn detect(env: &Env) -> &'static Self {
        SYSTEMS.iter().find(|system| (system.detect)(env)).copied().unwrap_or(&plain::SYSTEM)
    }

    /// What it tells about this run, normalised. Outside CI, what the git checkout around `directory` tells.
    #[must_use]
    pub fn context(&self, env: &Env, directory: &Path) -> Context {
        let mut context = (self.context)(env);
        if self.source_system.is_none() {
            if let Some(checkout) = git::Checkout::find(directory) {
                context.add_checkout(checkout);
            }
        }
        context.add_defaults();
        // Some put it together from several variables.
        context.run_url = context.run_url.and_then(without_credentials);
        context.source_system = self.source_system.map(|name| Detected::new(name, self.name));
        context
    }

    /// What distinguishes this execution of this job from every other on the same machine; unknown if the system does not say.
    #[must_use]
    pub fn job_identity(&self, env: &Env) -> Option<String> {
        job::identity(env).or_else(|| self.source_system.is_none().then(job::session))
    }

    /// The status of the job so far, in the system's own word, if it exposes one.
    #[must_use]
    pub fn job_status(&self, env: &Env) -> Option<Detected> {
        job::status(env)
    }

    /// The job's temporary directory, which the system empties when the job ends, and the variable that names it.
    #[must_use]
    pub fn temp_dir(&self, env: &Env) -> Option<(&'static str, PathBuf)> {
        let names = ["RUNNER_TEMP", "AGENT_TEMPDIRECTORY", "WORKSPACE_TMP"];
        names.into_iter().find_map(|name| {
            let path = PathBuf::from(env.get(name)?);
            path.is_absolute().then_some((name, path))
        })
    }

    /// The default of `stop_timeout`: it leaves time to write outputs before the agent kills the step.
    #[must_use]
    pub fn stop_timeout(&self) -> Duration {
        Duration::from_secs(9)
    }

    /// Where it shows errors, summaries and outputs.
    #[must_use]
    pub fn surface(&self, env: &Env) -> Box<dyn Surface> {
        (self.surface)(env)
    }
}
