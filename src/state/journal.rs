//! The journal: the deployments that this job execution has started and not closed.
//!
//! Owns: what is noted of a deployment, and which job it belongs to. Does not own: files (`files`), nor closing (`commands`).

use crate::files::{Durability, FileError, Folder, RecordState, Signer};
use crate::model::time::rfc3339;
use crate::text::Foreign;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::fs::File;
use std::path::Path;

/// Older entries are removed: no job runs this long.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The state of a deployment's `started` event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StartState {
    /// It is being sent, or has no final answer.
    Sent,
    /// The API has recorded it.
    Recorded,
    /// A rule blocks it. Nothing has started that could end.
    Blocked,
}

/// An open deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OpenDeployment {
    /// The identity of the job execution that started it.
    pub job: String,
    /// RFC 3339.
    pub started_at: String,
    pub start: StartState,
    /// The body of the `started` event.
    pub payload: Map<String, Value>,
    /// The body of an end that was reported and that the API did not take.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reported_end: Option<Map<String, Value>>,
}

impl OpenDeployment {
    /// Whether it is the deployment that `payload` is about: of the same product, version and environment.
    #[must_use]
    pub fn is_about(&self, payload: &Map<String, Value>) -> bool {
        let same = |name: &&str| self.payload.get(*name) == payload.get(*name);
        ["product_name", "version", "environment_name"].iter().all(same)
    }
}

/// The open deployments in the journal's directory that this job execution cannot close.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OtherDeployments {
    /// The number of those of other job executions.
    pub other_jobs: usize,
    /// The number of those of other API keys or addresses, by key and address.
    pub other_keys: Vec<(Foreign, usize)>,
}

/// An entry of the journal.
#[derive(Debug)]
pub struct JournalEntry {
    pub deployment: OpenDeployment,
    name: String,
    /// As long as this lock is held, no other process closes the deployment. It ends with the process.
    _lock: Option<File>,
}

/// The journal of one job execution, for one API address and key.
#[derive(Clone, Debug)]
pub struct Journal {
    folder: Folder,
    job: String,
}

impl Journal {
    /// The journal in `root` of the job execution with this identity.
    #[must_use]
    pub fn new(root: &Path, signer: Signer, job: String) -> Self {
        Self { folder: Folder::new(root, "open", signer), job }
    }

    /// The same journal, of another job execution.
    #[must_use]
    pub fn of_job(self, job: String) -> Self {
        Self { job, ..self }
    }

    /// The identity of the job execution.
    #[must_use]
    pub fn job(&self) -> &str {
        &self.job
    }

    /// Adds the deployment that the event `payload` is about to start. As long as the entry lives, only this process closes it.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be written.
    pub fn add(&self, payload: Map<String, Value>, started_at: Timestamp) -> Result<JournalEntry, FileError> {
        self.remove_old(&name_of(started_at - MAX_AGE))?;
        let deployment = OpenDeployment {
            job: self.job.clone(),
            started_at: rfc3339(started_at),
            start: StartState::Sent,
            payload,
            reported_end: None,
        };
        let name = format!("{}-{}-{}.json", name_of(started_at), self.job_tag(), uuid::Uuid::new_v4());
        let lock = self.folder.try_lock(&lock_of(&name))?;
        self.folder.write(&name, &deployment, Durability::Process)?;
        Ok(JournalEntry { deployment, name, _lock: lock })
    }

    /// Updates the state of the start. Once it is recorded, it replaces earlier entries of the same product, version and
    /// environment, unless another process holds them.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be written.
    pub fn update(&self, entry: &mut JournalEntry, start: StartState) -> Result<(), FileError> {
        if entry.deployment.start == start {
            return Ok(());
        }
        entry.deployment.start = start;
        self.folder.write(&entry.name, &entry.deployment, Durability::Process)?;
        if start == StartState::Recorded {
            for older in self.matching(&entry.deployment.payload)?.0 {
                self.close(&older)?;
            }
        }
        Ok(())
    }

    /// Removes the entries whose names sort before `oldest`, with their locks.
    fn remove_old(&self, oldest: &str) -> Result<(), FileError> {
        for name in self.folder.names()?.into_iter().filter(|name| name.as_str() < oldest) {
            self.folder.remove(&name)?;
            self.folder.remove(&lock_of(&name))?;
        }
        Ok(())
    }

    /// Notes an end that was reported and that the API did not take: it is repeated as it was.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be written.
    pub fn note_end(&self, entry: &mut JournalEntry, end: &Map<String, Value>) -> Result<(), FileError> {
        if entry.deployment.reported_end.is_some() {
            return Ok(());
        }
        entry.deployment.reported_end = Some(end.clone());
        self.folder.write(&entry.name, &entry.deployment, Durability::Process)
    }

    /// The open deployments that this job execution cannot close.
    ///
    /// # Errors
    /// [`FileError`] if the journal cannot be read.
    pub fn others(&self) -> Result<OtherDeployments, FileError> {
        let mut others = OtherDeployments::default();
        for name in self.folder.names()? {
            match self.folder.read::<OpenDeployment>(&name) {
                Some(RecordState::Ours(deployment)) if deployment.job != self.job => others.other_jobs += 1,
                Some(RecordState::OfAnotherKey(key)) => {
                    match others.other_keys.iter_mut().find(|(known, _)| *known == key) {
                        Some((_, count)) => *count += 1,
                        None => others.other_keys.push((key, 1)),
                    }
                }
                _ => {}
            }
        }
        Ok(others)
    }

    /// Removes the entry of a closed deployment.
    ///
    /// # Errors
    /// [`FileError`] if its file cannot be removed.
    pub fn close(&self, entry: &JournalEntry) -> Result<(), FileError> {
        self.folder.remove(&entry.name)?;
        self.folder.remove(&lock_of(&entry.name))
    }

    /// The open deployments of this job execution, earliest first, locked for this process; and the number of those that
    /// other processes hold.
    ///
    /// # Errors
    /// [`FileError`] if the journal cannot be read.
    pub fn open(&self) -> Result<(Vec<JournalEntry>, usize), FileError> {
        self.entries(|_| true)
    }

    /// Those of the product, version and environment in `payload`, as [`Journal::open`] gives them.
    ///
    /// # Errors
    /// [`FileError`] if the journal cannot be read.
    pub fn matching(&self, payload: &Map<String, Value>) -> Result<(Vec<JournalEntry>, usize), FileError> {
        self.entries(|open| open.is_about(payload))
    }

    fn entries(&self, wanted: impl Fn(&OpenDeployment) -> bool) -> Result<(Vec<JournalEntry>, usize), FileError> {
        let (mut free, mut busy) = (Vec::new(), 0);
        let tag = self.job_tag();
        // Files of other jobs are not read.
        for name in self.folder.names()?.into_iter().filter(|name| name.split('-').nth(1) == Some(&tag)) {
            let Some(RecordState::Ours(deployment)) = self.folder.read::<OpenDeployment>(&name) else { continue };
            if deployment.job != self.job || !wanted(&deployment) {
                continue;
            }
            match self.folder.try_lock(&lock_of(&name))? {
                Some(lock) => free.push(JournalEntry { deployment, name, _lock: Some(lock) }),
                None => busy += 1,
            }
        }
        Ok((free, busy))
    }

    /// What stands for this job execution in the names of its files.
    fn job_tag(&self) -> String {
        self.folder.tag_for(&self.job)
    }
}

/// The start of a file's name. It sorts by the time of the start, as the first deployment is closed first.
fn name_of(at: Timestamp) -> String {
    at.strftime("%Y%m%dT%H%M%S.%6f").to_string()
}

fn lock_of(name: &str) -> String {
    format!("{name}.lock")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::api_key::ApiKey;
    use serde_json::json;

    fn journal(root: &Path, job: &str) -> Journal {
        let signer = Signer::new(&ApiKey::parse("sk_acme_k1_secret").unwrap(), "https://api.example");
        Journal::new(root, signer, job.to_owned())
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
    fn job_sees_only_its_own_deployments_in_order() {
        let root = tempfile::tempdir().unwrap();
        let (one, other) = (journal(root.path(), "1"), journal(root.path(), "2"));
        one.add(payload("2"), at("2025-10-28T15:00:01Z")).unwrap();
        one.add(payload("1"), at("2025-10-28T15:00:00Z")).unwrap();
        other.add(payload("3"), at("2025-10-28T15:00:00Z")).unwrap();
        let (open, running) = one.open().unwrap();
        let versions: Vec<&Value> = open.iter().map(|entry| &entry.deployment.payload["version"]).collect();
        assert_eq!((versions, running), (vec![&Value::from("1"), &Value::from("2")], 0));
        assert_eq!(other.open().unwrap().0.len(), 1);
        one.close(&open[0]).unwrap();
        drop(open);
        assert_eq!(one.open().unwrap().0.len(), 1);
    }

    #[test]
    fn recorded_start_replaces_earlier_ones_of_the_same_deployment() {
        let root = tempfile::tempdir().unwrap();
        let journal = journal(root.path(), "1");
        journal.add(payload("1"), at("2025-10-28T15:00:00Z")).unwrap();
        let mut again = journal.add(payload("1"), at("2025-10-28T15:05:00Z")).unwrap();
        // Until the second is recorded, only the first may exist.
        assert_eq!(journal.open().unwrap().0.len(), 1);
        journal.update(&mut again, StartState::Recorded).unwrap();
        drop(again);
        let (open, _) = journal.open().unwrap();
        assert_eq!(open.len(), 1);
        assert_eq!(
            (open[0].deployment.start, open[0].deployment.started_at.as_str()),
            (StartState::Recorded, "2025-10-28T15:05:00Z")
        );
    }

    #[test]
    fn entries_that_another_process_holds_are_not_closed() {
        let root = tempfile::tempdir().unwrap();
        let journal = journal(root.path(), "1");
        let entry = journal.add(payload("1"), at("2025-10-28T15:00:00Z")).unwrap();
        let (open, running) = journal.open().unwrap();
        assert_eq!((open.len(), running), (0, 1));
        drop(entry);
        let (open, _) = journal.open().unwrap();
        assert_eq!(open.len(), 1);
        // This process holds it now.
        assert_eq!(journal.open().unwrap().1, 1);
    }

    #[test]
    fn entries_older_than_a_month_are_removed() {
        let root = tempfile::tempdir().unwrap();
        let journal = journal(root.path(), "1");
        journal.add(payload("1"), at("2025-10-28T15:00:00Z")).unwrap();
        journal.add(payload("2"), at("2025-11-26T15:00:00Z")).unwrap();
        assert_eq!(journal.open().unwrap().0.len(), 2);
        journal.add(payload("3"), at("2025-11-28T15:00:00Z")).unwrap();
        assert_eq!(journal.open().unwrap().0.len(), 2);
    }
}
