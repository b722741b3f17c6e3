//! CI systems: which one this is, what it knows about the run, and where it shows things.
//!
//! Owns: the table of systems and what they have in common. Each system is one file, which owns reading its variables, its
//! job identity and status, its temporary directory and its surfaces. A new system is a new file and a line in the table.
//! Does not own: which detected value is used in the end (`settings`).

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
pub use github::GitHubRun;

use crate::env::Env;
use detected::{equals, exit_status, first, identity, link, repository_of_remote, without_credentials};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use surface::Surface;

/// A CI system: how to detect it, read its variables and use its surfaces.
///
/// There are no defaults: the file of a new system does not compile until it has answered every question.
pub struct System {
    /// Its name for people.
    pub name: &'static str,
    /// Its name for the API. None outside CI.
    pub source_system: Option<&'static str>,
    /// Whether the environment belongs to this system.
    detect: fn(&Env) -> bool,
    /// What its variables say about the run.
    context: fn(&Env) -> Context,
    /// See [`System::job_identity`].
    job_identity: fn(&Env) -> Option<String>,
    /// See [`System::job_status`].
    job_status: fn(&Env) -> Option<Detected>,
    /// The variable that names the job's temporary directory, if the system empties one when the job ends.
    temp_dir: Option<&'static str>,
    /// How a last step of a job, which runs whatever happened before, calls `versioner flush`.
    pub last_step: &'static str,
    /// See [`System::stop_timeout`].
    stop_timeout: Duration,
    /// See [`System::has_plugins`].
    has_plugins: bool,
    /// Where it shows messages and accepts outputs.
    surface: fn(&Env) -> Box<dyn Surface>,
    /// Variables for the tests over all systems.
    #[cfg(test)]
    example: contract_tests::Example,
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// All systems in the order of detection: a system that imitates another comes before it.
const SYSTEMS: &[&System] = &[
    // Both also set GitHub's marker, and Forgejo sets Gitea's.
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
    // Both may set Drone's marker.
    &harness::SYSTEM,
    &woodpecker::SYSTEM,
    &drone::SYSTEM,
    &codebuild::SYSTEM,
    &codefresh::SYSTEM,
    &semaphore::SYSTEM,
    &appveyor::SYSTEM,
    &rundeck::SYSTEM,
    &cloud_build::SYSTEM,
    // Last, because its variables may be set permanently on a machine.
    &jenkins::SYSTEM,
];

/// The default of `stop_timeout`, unless an agent kills sooner: GitHub and Azure kill 10 s after the first signal.
const STOP_TIMEOUT: Duration = Duration::from_secs(9);

impl System {
    /// The system that the environment belongs to.
    #[must_use]
    pub fn detect(env: &Env) -> &'static Self {
        SYSTEMS.iter().find(|system| (system.detect)(env)).copied().unwrap_or(&plain::SYSTEM)
    }

    /// Whether this is GitHub itself, not a system that imitates it.
    #[must_use]
    pub fn is_github(&self) -> bool {
        self.source_system == github::SYSTEM.source_system
    }

    /// What is known about this run, normalized. Outside CI: what the git checkout around `directory` says.
    #[must_use]
    pub fn context(&self, env: &Env, directory: &Path) -> Context {
        let mut context = (self.context)(env);
        if self.source_system.is_none()
            && let Some(checkout) = git::Checkout::find(env, directory)
        {
            context.add_checkout(checkout);
        }
        context.add_defaults();
        // Some systems compose the URL from several variables, which may hold credentials.
        context.run_url = context.run_url.and_then(without_credentials);
        context.source_system = self.source_system.map(|name| Detected::new(name, self.name));
        context
    }

    /// The identity of this execution of this job: the same in all its steps, and different from every other build, attempt,
    /// matrix job and parallel stage. None if the system does not give one.
    #[must_use]
    pub fn job_identity(&self, env: &Env) -> Option<String> {
        (self.job_identity)(env)
    }

    /// The status of the job so far, in the system's own word, if it exposes one.
    #[must_use]
    pub fn job_status(&self, env: &Env) -> Option<Detected> {
        (self.job_status)(env)
    }

    /// The job's temporary directory, which the system empties when the job ends, and the variable that names it.
    #[must_use]
    pub fn temp_dir(&self, env: &Env) -> Option<(&'static str, PathBuf)> {
        let name = self.temp_dir?;
        let path = PathBuf::from(env.get(name)?);
        path.is_absolute().then_some((name, path))
    }

    /// The default of the setting `stop_timeout`: it leaves time to write outputs before the agent kills the step.
    #[must_use]
    pub fn stop_timeout(&self) -> Duration {
        self.stop_timeout
    }

    /// Whether a step can be a plugin, whose settings the system passes as `PLUGIN_…` variables.
    #[must_use]
    pub fn has_plugins(&self) -> bool {
        self.has_plugins
    }

    /// Where the system shows messages and accepts outputs.
    #[must_use]
    pub fn surface(&self, env: &Env) -> Box<dyn Surface> {
        (self.surface)(env)
    }
}
