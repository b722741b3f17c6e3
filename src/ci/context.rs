//! What is known about a run, in the same form for every CI system.
//!
//! Owns: the fields, their defaults, and telling branches from tags. Does not own: which variables they come from.

use super::detected::{Detected, first};
use super::git::Checkout;
use super::remote::Ref;
use crate::env::Env;
use crate::text::clean_url;
use serde_json::{Map, Value};

/// What a CI system says about a run. Any field may be missing.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// `owner/name`.
    pub repository: Option<Detected>,
    /// The commit. For a pull request: its head where known, not the merge commit.
    pub sha: Option<Detected>,
    /// The branch. For a pull request: its source.
    pub branch: Option<Detected>,
    /// The tag, in a run for a tag.
    pub tag: Option<Detected>,
    /// Default for the product. Unless the system says otherwise: the repository's name.
    pub product: Option<Detected>,
    /// Default for the version. Unless the system says otherwise: the first eight characters of the SHA.
    pub version: Option<Detected>,
    /// The target environment.
    pub environment: Option<Detected>,
    /// The run's number, as the CI system displays it.
    pub build_number: Option<Detected>,
    /// The run's unique id.
    pub invoke_id: Option<Detected>,
    /// A link to the run for a browser.
    pub run_url: Option<Detected>,
    /// Who started the run: login.
    pub actor: Option<Detected>,
    /// Who started the run: e-mail.
    pub actor_email: Option<Detected>,
    /// Who started the run: name.
    pub actor_name: Option<Detected>,
    /// When the job began, RFC 3339.
    pub started_at: Option<Detected>,
    /// The job's time limit in seconds.
    pub job_timeout: Option<Detected>,
    /// The system's name for the API.
    pub source_system: Option<Detected>,
    /// `vi_…` keys for the event's metadata, with values as the system gives them.
    pub metadata: Map<String, Value>,
    /// The variable that says that a person started this run manually. Such a person may have meant another version.
    pub manual_trigger: Option<String>,
}

impl Context {
    /// Fills in what the git checkout says.
    pub(super) fn add_checkout(&mut self, checkout: Checkout) {
        self.sha = checkout.sha;
        self.branch = checkout.branch;
        self.repository = checkout.repository;
    }

    /// Fills in product and version if the system itself names none.
    pub(super) fn add_defaults(&mut self) {
        if self.product.is_none() {
            self.product = self.repository.as_ref().and_then(|repository| {
                let name = repository.raw().rsplit('/').map(str::trim).find(|part| !part.is_empty())?;
                Some(Detected::new(name, format!("the repository's name in {}", repository.source)))
            });
        }
        if self.version.is_none() {
            self.version = self.sha.as_ref().map(|sha| {
                let short: String = sha.raw().chars().take(8).collect();
                Detected::new(short.trim_end(), format!("the first 8 characters of {}", sha.source))
            });
        }
    }

    /// The branch or, if there is none, the tag: what the API calls `scm_branch`.
    #[must_use]
    pub fn branch_or_tag(&self) -> Option<&Detected> {
        self.branch.as_ref().or(self.tag.as_ref())
    }

    /// Sets the branch or the tag, depending on what `found` names.
    pub(super) fn set_ref(&mut self, found: Option<Detected>) {
        let Some(found) = found else {
            return;
        };
        match Ref::parse(found.raw()) {
            Ref::Branch(name) | Ref::Tag(name) if name.is_empty() => {}
            Ref::Branch(name) => self.branch = Some(found.with_value(name)),
            Ref::Tag(name) => self.tag = Some(found.with_value(name)),
        }
    }

    /// Sets the branch from the first of `branches` that is set, and the tag from the first of `tags`. In a run for a tag,
    /// many systems give the tag as the branch too: it is not used as one.
    pub(super) fn set_refs(&mut self, env: &Env, branches: &[&str], tags: &[&str]) {
        self.set_ref(first(env, branches));
        if let Some(found) = first(env, tags) {
            let (Ref::Branch(name) | Ref::Tag(name)) = Ref::parse(found.raw());
            if !name.is_empty() {
                self.tag = Some(found.with_value(name));
            }
        }
        let tag = self.tag.as_ref().map(Detected::raw);
        self.branch = self.branch.take().filter(|branch| Some(branch.raw()) != tag);
    }

    /// Adds the metadata keys whose variable is set.
    pub(super) fn add_metadata(&mut self, env: &Env, keys: &[(&str, &str)]) {
        for (key, variable) in keys {
            if let Some(value) = env.get(variable).map(clean_url).filter(|value| !value.is_empty()) {
                self.metadata.insert((*key).to_owned(), Value::from(value));
            }
        }
    }
}
