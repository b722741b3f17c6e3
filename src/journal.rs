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

/// How the start of a deployment stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// It is on its way, or nobody knows what became of it.
    Sent,
    /// The server has recorded it.
    Recorded,
    /// A rule blocks it: nothing has begun that could end.
    Blocked,
}

/// A deployment that was started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Open {
    /// The job that started it.
    pub job: String,
    /// When, RFC 3339.
    pub started_at: String,
    /// How its start stands.
    pub start: Start,
    /// What was sent.
    pub payload: Map<String, Value>,
}

/// An open deployment and the file that notes it.
#[derive(Debug)]
pub struct Entry {
    /// What is noted.
    pub open: Open,
    name: String,
    /// For as long as this is there, nobody else closes it. It goes with the process.
    _held: Option<File>,
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

    /// Notes that the deployment `payload` is about to start. As long as the entry lives, this process is the one that closes it.
    ///
    /// # Errors
    /// Says why it cannot be noted.
    pub fn start(&self, payload: Map<String, Value>, started_at: Timestamp) -> Result<Entry, String> {
        self.folder.forget(|name| *name < *name_of(started_at - FORGOTTEN))?;
        let open = Open { job: self.job.clone(), started_at: stamp(started_at), start: Start::Sent, payload };
        let name = format!("{}-{}-{}.json", name_of(started_at), self.word(), uuid::Uuid::new_v4());
        let held = self.folder.try_lock(&lock_of(&name))?;
        self.folder.note(&name, &open)?;
        Ok(Entry { open, name, _held: held })
    }

    /// Notes how the start stands. Once the server has recorded it, it takes the place of what was open of the same product,
    /// version and environment before, unless another process is still at that.
    ///
    /// # Errors
    /// Says why it cannot be noted.
    pub fn note(&self, entry: &mut Entry, start: Start) -> Result<(), String> {
        if entry.open.start == start {
            return Ok(());
        }
        entry.open.start = start;
        self.folder.note(&entry.name, &entry.open)?;
        if start == Start::Recorded {
            for older in self.matching(&entry.open.payload)?.0 {
                self.close(&older)?;
            }
        }
        Ok(())
    }

    /// Forgets a deployment that is closed.
    ///
    /// # Errors
    /// Says why its file cannot be removed.
    pub fn close(&self, entry: &Entry) -> Result<(), String> {
        self.folder.remove(&entry.name)?;
        self.folder.remove(&lock_of(&entry.name))
    }

    /// What this job has open, the earliest first, for this process to close; and how much more another process is at.
    ///
    /// # Errors
    /// Says why the journal cannot be read.
    pub fn open(&self) -> Result<(Vec<Entry>, usize), String> {
        self.entries(|_| true)
    }

    /// What this job has open of the product, version and environment in `payload`, as [`Journal::open`] gives it.
    ///
    /// # Errors
    /// Says why the journal cannot be read.
    pub fn matching(&self, payload: &Map<String, Value>) -> Result<(Vec<Entry>, usize), String> {
        self.entries(|open| {
            let same = |name: &&str| open.payload.get(*name) == payload.get(*name);
            ["product_name", "version", "environment_name"].iter().all(same)
        })
    }

    fn entries(&self, wanted: impl Fn(&Open) -> bool) -> Result<(Vec<Entry>, usize), String> {
        let (mut free, mut busy) = (Vec::new(), 0);
        let word = self.word();
        // Other jobs' files are not even read.
        for name in self.folder.names()?.into_iter().filter(|name| name.split('-').nth(1) == Some(&word)) {
            let Some(Found::Ours(open)) = self.folder.read::<Open>(&name) else { continue };
            if open.job != self.job || !wanted(&open) {
                continue;
            }
            match self.folder.try_lock(&lock_of(&name))? {
                Some(held) => free.push(Entry { open, name, _held: Some(held) }),
                None => busy += 1,
            }
        }
        Ok((free, busy))
    }

    /// This job, in the names of its files.
    fn word(&self) -> String {
        self.folder.word_for(&self.job)
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
#[cfg(target_os = "linux")]
fn session() -> String {
    // The fields after the name, which may hold anything: the 6th of all is the session, the 22nd when it began (proc(5)).
    let field = |process: &str, number: usize| {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        stat.rsplit(')').next()?.split_whitespace().nth(number - 3).map(str::to_owned)
    };
    let session = field("self", 6).unwrap_or_default();
    let began = field(&session, 22).unwrap_or_default();
    format!("session {session} {began}")
}

/// Outside of every CI system, the session is the job.
#[cfg(all(unix, not(target_os = "linux")))]
fn session() -> String {
    rustix::process::getsid(None).map_or_else(|_| "no session".to_owned(), |session| format!("session {session:?}"))
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
        drop(open);
        assert_eq!(one.open().unwrap().0.len(), 1);
    }

    #[test]
    fn a_second_start_of_the_same_deployment_replaces_the_first() {
        let root = tempfile::tempdir().unwrap();
        let journal = journal(root.path(), "1");
        journal.start(payload("1"), at("2025-10-28T15:00:00Z")).unwrap();
        let mut again = journal.start(payload("1"), at("2025-10-28T15:05:00Z")).unwrap();
        // Only once the server has recorded it: until then the first may be all that there is.
        assert_eq!(journal.open().unwrap().0.len(), 1);
        journal.note(&mut again, Start::Recorded).unwrap();
        drop(again);
        let (open, _) = journal.open().unwrap();
        assert_eq!(open.len(), 1);
        assert_eq!((open[0].open.start, open[0].open.started_at.as_str()), (Start::Recorded, "2025-10-28T15:05:00Z"));
    }

    #[test]
    fn what_a_living_process_holds_is_left_to_it() {
        let root = tempfile::tempdir().unwrap();
        let journal = journal(root.path(), "1");
        let entry = journal.start(payload("1"), at("2025-10-28T15:00:00Z")).unwrap();
        let (open, running) = journal.open().unwrap();
        assert_eq!((open.len(), running), (0, 1));
        drop(entry);
        let (open, _) = journal.open().unwrap();
        assert_eq!(open.len(), 1);
        // Whoever is closing it is one as well.
        assert_eq!(journal.open().unwrap().1, 1);
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
