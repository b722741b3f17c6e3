//! The state of one sandbox behind one lock: settings, script, rules, accounts and the request log. It decides which
//! script entry a request uses; what becomes of the request is for `script`, `api` and `admin`.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::HeaderValue;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::account::Account;
use crate::answer::Answer;
use crate::clock;
use crate::log::Received;
use crate::options::{Keys, Options};
use crate::reply::Reply;
use crate::rules::{Approval, Rule};
use crate::settings::{BodyShape, Settings};
use crate::status::Subject;

/// Which account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AccountName {
    Main,
    Other,
}

/// The state of one sandbox.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) settings: Settings,
    pub(crate) keys: Keys,
    pub(crate) script: VecDeque<Reply>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) approvals: Vec<Approval>,
    pub(crate) accounts: BTreeMap<AccountName, Account>,
    pub(crate) log: Vec<Received>,
    /// First replies by account, kind of event and idempotency key.
    pub(crate) remembered: HashMap<(AccountName, Subject, HeaderValue), Answer>,
    /// The end of each account's rate limit window, and the requests in it.
    pub(crate) windows: BTreeMap<AccountName, (Timestamp, u64)>,
    seq: u64,
    body_shape_at_start: BodyShape,
}

/// A world that the server and the handle share.
#[derive(Debug)]
pub(crate) struct Shared {
    world: Mutex<World>,
    arrived: Condvar,
}

impl World {
    fn new(keys: Keys, body_shape: BodyShape) -> Self {
        Self {
            settings: Settings { body_shape, ..Settings::default() },
            keys,
            script: VecDeque::new(),
            rules: Vec::new(),
            approvals: Vec::new(),
            accounts: BTreeMap::from([
                (AccountName::Main, Account::default()),
                (AccountName::Other, Account::default()),
            ]),
            log: Vec::new(),
            remembered: HashMap::new(),
            windows: BTreeMap::new(),
            seq: 0,
            body_shape_at_start: body_shape,
        }
    }

    /// Forgets everything that happened, settings included.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.keys.clone(), self.body_shape_at_start);
    }

    /// The server's time.
    pub(crate) fn now(&self) -> Timestamp {
        clock::now(self.settings.clock_offset_seconds)
    }

    /// Changes settings; a changed limit or clock begins new rate limit windows.
    pub(crate) fn patch_settings(&mut self, patch: &Value) -> Result<(), String> {
        self.settings = self.settings.patched(patch)?;
        self.windows.clear();
        Ok(())
    }

    /// Appends to the script; all of it or nothing.
    pub(crate) fn append_script(&mut self, entries: Vec<Reply>) -> Result<(), String> {
        entries.iter().try_for_each(Reply::check)?;
        self.script.extend(entries);
        Ok(())
    }

    /// Adds a rule, its times settled now.
    pub(crate) fn add_rule(&mut self, rule: Rule) -> Result<&Rule, String> {
        let rule = rule.settled(self.now())?;
        self.rules.retain(|known| known.name != rule.name);
        self.rules.push(rule);
        self.rules.last().ok_or_else(|| "no rule".to_owned())
    }

    /// What the accounts hold.
    pub(crate) fn state(&self) -> Value {
        json!({ "accounts": self.accounts, "approvals": self.approvals })
    }

    /// Uses the next script entry for a request with this path.
    pub(crate) fn take_entry(&mut self, path: &str) -> Option<Reply> {
        let index = self.script.iter().position(|entry| entry.is_for(path))?;
        let entry = self.script.get_mut(index)?;
        match entry.times {
            Some(times) if times > 1 => {
                entry.times = Some(times - 1);
                Some(entry.clone())
            }
            _ => self.script.remove(index),
        }
    }
}

impl Shared {
    /// A new world.
    pub(crate) fn new(options: &Options) -> Self {
        let world = World::new(options.keys.clone(), options.body_shape);
        Self { world: Mutex::new(world), arrived: Condvar::new() }
    }

    /// The world, for a moment. A test that panicked while it held the lock has left nothing half done.
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs an API request and wakes who waits for one.
    pub(crate) fn record(&self, received: Received) {
        let mut world = self.world();
        world.seq += 1;
        let seq = world.seq;
        world.log.push(Received { seq, ..received });
        self.arrived.notify_all();
    }

    /// Waits until the log has so many requests; whether it came to that in time.
    pub(crate) fn wait_for(&self, requests: usize, within: Duration) -> bool {
        let waited = self.arrived.wait_timeout_while(self.world(), within, |world| world.log.len() < requests);
        waited.unwrap_or_else(PoisonError::into_inner).0.log.len() >= requests
    }
}
