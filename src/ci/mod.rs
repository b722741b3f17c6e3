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
mod drone;
mod epoch;
mod git;
mod gitea;
mod github;
mod gitlab;
mod harness;
mod jenkins;
pub mod job;
#[cfg(test)]
mod order;
mod plain;
pub mod remote;
mod rundeck;
mod semaphore;
pub mod surface;
mod teamcity;
mod travis;
mod variables;
mod woodpecker;

use crate::env::Env;
use crate::text;
use remote::Ref;
use serde_json::{Map, Value};
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
            context.add_checkout(directory);
        }
        context.add_defaults();
        // Some put it together from several variables.
        context.run_url = context.run_url.and_then(without_credentials);
        context.source_system =
            self.source_system.map(|name| Detected { value: name.to_owned(), from: self.name.to_owned() });
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

/// A detected value and the variable or file that it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detected {
    /// The value, normalised.
    pub value: String,
    /// Where it was found.
    pub from: String,
}

/// What a CI system says about a run. Everything may be missing.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// `owner/name`.
    pub repository: Option<Detected>,
    /// The commit: of a pull request its head, where known, not the merge commit.
    pub sha: Option<Detected>,
    /// The branch: of a pull request its source.
    pub branch: Option<Detected>,
    /// The tag, on a run for a tag.
    pub tag: Option<Detected>,
    /// Default for the product: unless the system says otherwise, the repository's name.
    pub product: Option<Detected>,
    /// Default for the version: unless the system says otherwise, the first eight characters of the SHA.
    pub version: Option<Detected>,
    /// The environment that is deployed to.
    pub environment: Option<Detected>,
    /// The run's number, as people count.
    pub build_number: Option<Detected>,
    /// The run's unique id.
    pub invoke_id: Option<Detected>,
    /// A link to the run that a browser opens.
    pub run_url: Option<Detected>,
    /// Who started the run: login.
    pub actor: Option<Detected>,
    /// Who started the run: e-mail.
    pub actor_email: Option<Detected>,
    /// Who started the run: name.
    pub actor_name: Option<Detected>,
    /// When the job began, RFC 3339.
    pub started_at: Option<Detected>,
    /// The longest that the job may take, in seconds.
    pub job_timeout: Option<Detected>,
    /// The system's name for the API.
    pub source_system: Option<Detected>,
    /// `vi_…` keys for the event's metadata, as the system gives them.
    pub metadata: Map<String, Value>,
    /// The variable that says that a person started this run by hand, and so may have meant another version.
    pub manual_trigger: Option<String>,
}

impl Context {
    fn add_checkout(&mut self, directory: &Path) {
        let Some(checkout) = git::Checkout::find(directory) else {
            return;
        };
        self.sha = checkout.sha;
        self.branch = checkout.branch;
        self.repository = checkout.repository;
    }

    fn add_defaults(&mut self) {
        if self.product.is_none() {
            self.product = self.repository.as_ref().and_then(|repository| {
                let name = repository.value.rsplit('/').map(str::trim).find(|part| !part.is_empty())?;
                Some(Detected { value: name.to_owned(), from: format!("the repository's name in {}", repository.from) })
            });
        }
        if self.version.is_none() {
            self.version = self.sha.as_ref().map(|sha| Detected {
                value: sha.value.chars().take(8).collect::<String>().trim_end().to_owned(),
                from: format!("the first 8 characters of {}", sha.from),
            });
        }
    }

    /// The branch or, where a system tells of none, the tag: what the API calls `scm_branch`.
    #[must_use]
    pub fn branch_or_tag(&self) -> Option<&Detected> {
        self.branch.as_ref().or(self.tag.as_ref())
    }

    /// Takes the ref in `name`, a branch or a tag, into the right place.
    fn take_ref(&mut self, found: Option<Detected>) {
        let Some(found) = found else {
            return;
        };
        match Ref::read(&found.value) {
            Ref::Branch(value) | Ref::Tag(value) if value.is_empty() => {}
            Ref::Branch(value) => self.branch = Some(Detected { value, ..found }),
            Ref::Tag(value) => self.tag = Some(Detected { value, ..found }),
        }
    }

    /// Takes the branch from the first of `branches` that is set, and the tag from the first of `tags`. Many systems name the
    /// tag as branch too on a tag's run: there it is no branch.
    fn take_refs(&mut self, env: &Env, branches: &[&str], tags: &[&str]) {
        self.take_ref(first(env, branches));
        if let Some(found) = first(env, tags) {
            let (Ref::Branch(value) | Ref::Tag(value)) = Ref::read(&found.value);
            self.tag = Some(Detected { value, ..found }).filter(|tag| !tag.value.is_empty()).or(self.tag.take());
        }
        let tag = self.tag.as_ref().map(|tag| tag.value.as_str());
        self.branch = self.branch.take().filter(|branch| Some(branch.value.as_str()) != tag);
    }

    /// Adds the metadata keys whose variable is set.
    fn add_metadata(&mut self, env: &Env, keys: &[(&str, &str)]) {
        for (key, variable) in keys {
            if let Some(value) = env.get(variable).map(text::clean_url).filter(|value| !value.is_empty()) {
                self.metadata.insert((*key).to_owned(), Value::from(value));
            }
        }
    }
}

/// The first of `variables` that is set.
fn first(env: &Env, variables: &[&str]) -> Option<Detected> {
    variables.iter().find_map(|name| {
        env.get(name).map(|value| Detected { value: value.trim().to_owned(), from: (*name).to_owned() })
    })
}

/// The first of `variables` that is set, as a link without credentials.
fn link(env: &Env, variables: &[&str]) -> Option<Detected> {
    first(env, variables).and_then(without_credentials)
}

/// `link` without credentials, if anything is left of it then that a browser opens.
fn without_credentials(link: Detected) -> Option<Detected> {
    let value = text::clean_url(&link.value);
    (!value.is_empty() && !value.contains(char::is_control)).then_some(Detected { value, ..link })
}

/// The first of `variables` that names a repository by its remote, as `owner/name`.
fn repository_of_remote(env: &Env, variables: &[&str]) -> Option<Detected> {
    variables.iter().find_map(|name| {
        let value = remote::repository(env.get(name)?)?;
        Some(Detected { value, from: (*name).to_owned() })
    })
}

/// Whether every environment takes `value`: one line, and not so long that no later step could start (Linux takes
/// 128 KiB, Windows 32,767 characters).
fn fits_environment(value: &str) -> bool {
    const LARGEST: usize = 32_000;
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    value.len() <= LARGEST && !value.trim().is_empty() && !value.contains(breaks)
}
