//! The state of a sandbox, behind one lock: settings, script, rules, accounts and the request log. It picks the script
//! entry for a request; `script`, `api` and `admin` process the request.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::http::HeaderValue;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use crate::account::Account;
use crate::clock;
use crate::github::GitHubState;
use crate::json_response::JsonResponse;
use crate::log::ReceivedRequest;
use crate::options::{Keys, Options};
use crate::reply::Reply;
use crate::rules::{Approval, Rule};
use crate::settings::Settings;
use crate::status::EventType;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum AccountName {
    Main,
    Other,
}

#[derive(Debug)]
pub(crate) struct SandboxState {
    pub(crate) settings: Settings,
    pub(crate) keys: Keys,
    pub(crate) script: VecDeque<Reply>,
    pub(crate) rules: Vec<Rule>,
    pub(crate) approvals: Vec<Approval>,
    pub(crate) accounts: BTreeMap<AccountName, Account>,
    pub(crate) log: Vec<ReceivedRequest>,
    /// The first reply for each account, event type and idempotency key.
    pub(crate) idempotent_replies: HashMap<(AccountName, EventType, HeaderValue), JsonResponse>,
    pub(crate) rate_limit_windows: BTreeMap<AccountName, RateLimitWindow>,
    pub(crate) github: GitHubState,
    seq: u64,
    initial_settings: Settings,
}

/// The current rate limit window of an account.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RateLimitWindow {
    pub(crate) ends_at: Timestamp,
    /// The requests that the window has allowed so far.
    pub(crate) used: u64,
}

/// The state that the server and the [`crate::Sandbox`] handle share.
#[derive(Debug)]
pub(crate) struct SharedState {
    state: Mutex<SandboxState>,
    request_logged: Condvar,
}

impl SandboxState {
    fn new(keys: Keys, settings: Settings) -> Self {
        Self {
            settings: settings.clone(),
            keys,
            script: VecDeque::new(),
            rules: Vec::new(),
            approvals: Vec::new(),
            accounts: BTreeMap::from([
                (AccountName::Main, Account::default()),
                (AccountName::Other, Account::default()),
            ]),
            log: Vec::new(),
            idempotent_replies: HashMap::new(),
            rate_limit_windows: BTreeMap::new(),
            github: GitHubState::default(),
            seq: 0,
            initial_settings: settings,
        }
    }

    /// Restores the initial state, settings included.
    pub(crate) fn reset(&mut self) {
        *self = Self::new(self.keys.clone(), self.initial_settings.clone());
    }

    /// The server's clock, which may differ from the machine's.
    pub(crate) fn now(&self) -> Timestamp {
        clock::now(self.settings.clock_offset_seconds)
    }

    /// Changes settings and starts new rate limit windows, because the limit or the clock may have changed.
    pub(crate) fn patch_settings(&mut self, patch: &Value) -> Result<(), String> {
        self.settings = self.settings.patched(patch)?;
        self.rate_limit_windows.clear();
        Ok(())
    }

    /// Appends to the script: all entries, or none if one is invalid.
    pub(crate) fn append_script(&mut self, entries: Vec<Reply>) -> Result<(), String> {
        entries.iter().try_for_each(Reply::check)?;
        self.script.extend(entries);
        Ok(())
    }

    /// Adds a rule, or replaces the rule of the same name. Relative times count from now.
    pub(crate) fn add_rule(&mut self, rule: Rule) -> Result<&Rule, String> {
        let rule = rule.with_resolved_times(self.now())?;
        self.rules.retain(|known| known.name != rule.name);
        self.rules.push(rule);
        self.rules.last().ok_or_else(|| "no rule".to_owned())
    }

    /// The content of `GET /_sandbox/state`.
    pub(crate) fn snapshot(&self) -> Value {
        json!({ "accounts": self.accounts, "approvals": self.approvals })
    }

    /// Takes the next script entry for a request with this path.
    pub(crate) fn take_script_entry(&mut self, path: &str) -> Option<Reply> {
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

impl SharedState {
    pub(crate) fn new(options: &Options) -> Self {
        let settings =
            Settings { body_shape: options.body_shape, check_rules_on: options.check_rules_on, ..Settings::default() };
        let state = SandboxState::new(options.keys.clone(), settings);
        Self { state: Mutex::new(state), request_logged: Condvar::new() }
    }

    /// Locks the state. A poisoned lock is safe to use: no method leaves the state half-changed when it panics.
    pub(crate) fn lock(&self) -> MutexGuard<'_, SandboxState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs an API request and wakes [`SharedState::wait_for`].
    pub(crate) fn record(&self, received: ReceivedRequest) {
        let mut state = self.lock();
        state.seq += 1;
        let seq = state.seq;
        state.log.push(ReceivedRequest { seq, ..received });
        self.request_logged.notify_all();
    }

    /// Waits until the log has this many requests. Returns whether it does before the timeout.
    pub(crate) fn wait_for(&self, requests: usize, timeout: Duration) -> bool {
        let waited = self.request_logged.wait_timeout_while(self.lock(), timeout, |state| state.log.len() < requests);
        waited.unwrap_or_else(PoisonError::into_inner).0.log.len() >= requests
    }
}
