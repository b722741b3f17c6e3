//! The journal: which deployments this job has started and not closed.
//!
//! Owns: what is noted of a deployment, and whose it is. Does not own: how files are kept (`store`), nor closing (`app`).

use crate::ci::job;
use crate::env::Env;
use crate::store::seal::Seal;
use crate::store::{Folder, Found};
use crate::when::stamp;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs::File;
use std::path::Path;

/// No job lives longer: what was started before has nobody left to close it.
const FORGOTTEN: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A deployment that was started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Open {
    /// The job that started it.
    pub job: String,
    /// When, RFC 3339.
    pub started_at: String,
    /// Whether the server has recorded that.
    pub recorded: bool,
    /// What was sent.
    pub payload: Map<String, Value>,
}

/// An open deployment and the file that notes it.
#[derive(Debug)]
pub struct Entry {
    /// What is noted.
    pub open: Open,
    name: String,
}

/// The journal of one job, API address and key.
#[derive(Clone, Debug)]
pub struct Journal {
    folder: Folder,
    job: String,
}

impl Journal {
    /// The journal in `root`, of the job that `env` belongs to.
    #[must_use]
    pub fn new(root: &Path, seal: Seal, env: &Env) -> Self {
        Self { folder: Folder::new(root, "open", seal), job: job::identity(env).unwrap_or_else(session) }
    }

    /// Notes that the deployment `payload` is about to start: in place of one of the same product, version and environment.
    ///
    /// # Errors
    /// Says why it cannot be noted.
    pub fn start(&self, payload: Map<String, Value>, started_at: Timestamp) -> Result<Entry, String> {
        self.folder.forget(|name| *name < *name_of(started_at - FORGOTTEN))?;
        let open = Open { job: self.job.clone(), started_at: stamp(started_at), recorded: false, payload };
        for older in self.matching(&open.payload)? {
            self.close(&older)?;
        }
        let name = format!("{}-{}.json", name_of(started_at), uuid::Uuid::new_v4());
        self.folder.write(&name, &open)?;
        Ok(Entry { open, name })
    }

    /// Notes that the server has recorded the start.
    ///
    /// # Errors
    /// Says why it cannot be noted.
    pub fn recorded(&self, entry: &mut Entry) -> Result<(), String> {
        entry.open.recorded = true;
        self.folder.write(&entry.name, &entry.open)
    }

    /// Forgets a deployment that is closed.
    ///
    /// # Errors
    /// Says why its file cannot be removed.
    pub fn close(&self, entry: &Entry) -> Result<(), String> {
        self.folder.remove(&entry.name)?;
        self.folder.remove(&lock_of(&entry.name))
    }

    /// Says for as long as this is held that the process which started `entry` will close it itself.
    ///
    /// # Errors
    /// Says why that cannot be said.
    pub fn hold(&self, entry: &Entry) -> Result<Option<File>, String> {
        self.folder.try_lock(&lock_of(&entry.name))
    }

    /// What this job has open, the earliest first; and how many more a process that is still running will close itself.
    ///
    /// # Errors
    /// Says why the journal cannot be read.
    pub fn open(&self) -> Result<(Vec<Entry>, usize), String> {
        let mut running = 0;
        let mut free = Vec::new();
        for entry in self.entries()? {
            match self.hold(&entry)? {
                Some(_) => free.push(entry),
                None => running += 1,
            }
        }
        Ok((free, running))
    }

    /// What this job has open of the product, version and environment in `payload`.
    ///
    /// # Errors
    /// Says why the journal cannot be read.
    pub fn matching(&self, payload: &Map<String, Value>) -> Result<Vec<Entry>, String> {
        let same = |open: &Open| {
            ["product_name", "version", "environment_name"]
                .iter()
                .all(|name| open.payload.get(*name) == payload.get(*name))
        };
        Ok(self.entries()?.into_iter().filter(|entry| same(&entry.open)).collect())
    }

    fn entries(&self) -> Result<Vec<Entry>, String> {
        let read = |name: String| match self.folder.read::<Open>(&name)? {
            Found::Ours(open) if open.job == self.job => Some(Entry { open, name }),
            _ => None,
        };
        Ok(self.folder.names()?.into_iter().filter_map(read).collect())
    }
}

/// How the file of what was started at `at` begins: in the order of time, so that what was started first is closed first.
fn name_of(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%S.%6f").to_string()
}

fn lock_of(name: &str) -> String {
    format!("{name}.lock")
}

/// Outside of every CI system, the session is the job: a terminal's, or that of a timer or a service. Its number comes back
/// one day, so the beginning of its first process counts as well, where the kernel tells it.
#[cfg(unix)]
fn session() -> String {
    let Ok(session) = rustix::process::getsid(None) else {
        return "no session".to_owned();
    };
    let session = session.as_raw_nonzero();
    let stat = std::fs::read_to_string(format!("/proc/{session}/stat")).unwrap_or_default();
    // The fields after the name, which may hold anything: the 22nd of all is when it began (proc(5)).
    let began = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(19)).unwrap_or_default();
    format!("session {session} {began}")
}

/// Outside of every CI system, whatever this user has started.
#[cfg(not(unix))]
fn session() -> String {
    "no session".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::ApiKey;
    use serde_json::json;

    fn journal(root: &Path, job: &str) -> Journal {
        let seal = Seal::new(&ApiKey::parse("sk_acme_k1_secret").unwrap(), "https://api.example");
        Journal::new(root, seal, &[("CI_JOB_ID", job)].into_iter().collect())
    }

    fn payload(version: &str) -> Map<String, Value> {
        let payload =
            json!({"product_name": "shop", "version": version, "environment_name": "production", "status": "started"});
        payload.as_object().unwrap().clone()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_job_sees_its_own_deployments_alone_in_their_order() {
        let root = tempfile::tempdir().unwrap();
        let (one, other) = (journal(root.path(), "1"), journal(root.path(), "2"));
        one.start(payload("2"), at("2025-10-28T15:00:01Z")).unwrap();
        one.start(payload("1"), at("2025-10-28T15:00:00Z")).unwrap();
        other.start(payload("3"), at("2025-10-28T15:00:00Z")).unwrap();
        let (open, running) = one.open().unwrap();
        let versions: Vec<&Value> = open.iter().map(|entry| &entry.open.payload["version"]).collect();
        assert_eq!((versions, running), (vec![&Value::from("1"), &Value::from("2")], 0));
        assert_eq!(other.open().unwrap().0.len(), 1);
        one.close(&open[0]).unwrap();
        assert_eq!(one.open().unwrap().0.len(), 1);
    }

    #[test]
    fn a_second_start_of_the_same_deployment_replaces_the_first() {
        let root = tempfile::tempdir().unwrap();
        let journal = journal(root.path(), "1");
        journal.start(payload("1"), at("2025-10-28T15:00:00Z")).unwrap();
        let mut again = journal.start(payload("1"), at("2025-10-28T15:05:00Z")).unwrap();
        journal.recorded(&mut again).unwrap();
        let (open, _) = journal.open().unwrap();
        assert_eq!(open.iter().map(|entry| &entry.open).collect::<Vec<_>>(), [&again.open]);
        assert!(open[0].open.recorded && open[0].open.started_at == "2025-10-28T15:05:00Z");
    }

    #[test]
    fn what_a_living_process_holds_is_left_to_it() {
        let root = tempfile::tempdir().unwrap();
        let journal = journal(root.path(), "1");
        let entry = journal.start(payload("1"), at("2025-10-28T15:00:00Z")).unwrap();
        let held = journal.hold(&entry).unwrap();
        assert!(held.is_some());
        let (open, running) = journal.open().unwrap();
        assert_eq!((open.len(), running), (0, 1));
        drop(held);
        assert_eq!(journal.open().unwrap().0.len(), 1);
    }

    #[test]
    fn what_was_started_a_month_ago_is_forgotten() {
        let root = tempfile::tempdir().unwrap();
        let journal = journal(root.path(), "1");
        journal.start(payload("1"), at("2025-10-28T15:00:00Z")).unwrap();
        journal.start(payload("2"), at("2025-11-26T15:00:00Z")).unwrap();
        assert_eq!(journal.open().unwrap().0.len(), 2);
        journal.start(payload("3"), at("2025-11-28T15:00:00Z")).unwrap();
        assert_eq!(journal.open().unwrap().0.len(), 2);
    }
}
