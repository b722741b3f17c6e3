//! The handle to a running sandbox. The server has its own thread and runtime, because most tests have no runtime.
//! Dropping the handle stops the server and joins the thread.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

use crate::github::GitHubState;
use crate::log::ReceivedRequest;
use crate::options::{Keys, Options};
use crate::port::{Port, PortOrder};
use crate::reply::Reply;
use crate::rules::{Approval, PlantedDeployment, Rule};
use crate::state::SharedState;
use crate::status::{EventType, Status};
use crate::tls::Identity;
use crate::{deployments, server};

/// A running sandbox. It stops when dropped.
#[derive(Debug)]
pub struct Sandbox {
    addr: SocketAddr,
    keys: Keys,
    ca_pem: Option<String>,
    shared: Arc<SharedState>,
    orders: mpsc::UnboundedSender<PortOrder>,
    // Dropping the sender stops the server. An option, because `drop` does it before it joins the thread.
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts a sandbox on a free loopback port, without TLS.
    ///
    /// # Panics
    ///
    /// If the sandbox cannot listen.
    pub fn start() -> Self {
        Self::start_with(Options::default()).unwrap_or_else(|error| panic!("the sandbox cannot start: {error}"))
    }

    /// Starts a sandbox with the given options.
    pub fn start_with(options: Options) -> io::Result<Self> {
        if !options.listen.ip().is_loopback() && !options.allow_remote {
            let message =
                format!("{} is not a loopback address, and remote clients are not allowed", options.listen.ip());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let (acceptor, ca_pem) = match Identity::generate(options.tls)? {
            None => (None, None),
            Some(identity) => (Some(identity.acceptor), Some(identity.ca_pem)),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let shared = Arc::new(SharedState::new(&options));
        let (stop, stopped) = oneshot::channel();
        let (orders, received_orders) = mpsc::unbounded_channel();
        let port = {
            let _context = runtime.enter();
            Port::listen(options.listen)?
        };
        let addr = port.address().unwrap_or(options.listen);
        let server_state = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("versioner-sandbox".to_owned()).spawn(move || {
            // Dropping the runtime afterwards closes every connection, including those that hang.
            runtime.block_on(server::run(port, acceptor, server_state, stopped, received_orders));
        })?;
        Ok(Self { addr, keys: options.keys, ca_pem, shared, orders, stop: Some(stop), thread: Some(thread) })
    }

    /// The API's base URL, without a trailing slash.
    pub fn url(&self) -> String {
        let port = self.addr.port();
        let host = match (&self.ca_pem, self.addr.ip()) {
            (Some(_), _) => return format!("https://localhost:{port}"),
            (None, ip) if !ip.is_unspecified() => ip,
            (None, IpAddr::V4(_)) => Ipv4Addr::LOCALHOST.into(),
            (None, IpAddr::V6(_)) => Ipv6Addr::LOCALHOST.into(),
        };
        format!("http://{}", SocketAddr::new(host, port))
    }

    /// The address that the sandbox listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A key of the main account with full access.
    pub fn key(&self) -> &str {
        &self.keys.full
    }

    /// A key of the main account that may not report events.
    pub fn read_only_key(&self) -> &str {
        &self.keys.read_only
    }

    /// A key of a second account, which has its own products and deployments.
    pub fn other_key(&self) -> &str {
        &self.keys.other
    }

    /// The certificate (PEM) that clients must trust, if the sandbox serves TLS: the private certificate authority's, or the
    /// server's own if it is self-signed.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// The API requests received so far, in order.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.shared.lock().log.clone()
    }

    /// Clears the request log.
    pub fn clear_requests(&self) {
        self.shared.lock().log.clear();
    }

    /// Appends entries to the script.
    ///
    /// # Panics
    ///
    /// If an entry cannot be sent as HTTP.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        let entries = replies.into_iter().collect();
        // Bound to a variable to release the lock before a panic.
        let outcome = self.shared.lock().append_script(entries);
        outcome.unwrap_or_else(|error| panic!("invalid script entry: {error}"));
    }

    /// Removes the entries that are left in the script.
    pub fn clear_script(&self) {
        self.shared.lock().script.clear();
    }

    /// Refuses connections, or accepts them again, on the same port.
    ///
    /// # Panics
    ///
    /// If the system does not allow it.
    pub fn refuse_connections(&self, refuse: bool) {
        let (done, answer) = std::sync::mpsc::channel();
        let ordered = self.orders.send(PortOrder { refuse, done }).is_ok() && answer.recv() == Ok(true);
        assert!(ordered, "the sandbox cannot change whether it refuses connections");
    }

    /// Adds a rule, or replaces the one of the same name.
    ///
    /// # Panics
    ///
    /// If the rule has an invalid time.
    pub fn rule(&self, rule: Rule) {
        let outcome = self.shared.lock().add_rule(rule).map(drop);
        outcome.unwrap_or_else(|error| panic!("invalid rule: {error}"));
    }

    /// Adds an approval.
    pub fn approve(&self, approval: Approval) {
        self.shared.lock().approvals.push(approval);
    }

    /// Creates a deployment without an event and returns its id.
    ///
    /// # Panics
    ///
    /// If the status, time or account is invalid.
    pub fn plant(&self, deployment: PlantedDeployment) -> String {
        let outcome = deployments::plant(&mut self.shared.lock(), &deployment);
        outcome.unwrap_or_else(|error| panic!("invalid deployment: {error}"))
    }

    /// Changes the status of a deployment without an event.
    ///
    /// # Panics
    ///
    /// If the deployment or the status does not exist.
    pub fn end(&self, deployment_id: &str, status: &str) {
        let status =
            Status::from_word(status, EventType::Deployment).unwrap_or_else(|| panic!("{status:?} is not a status"));
        let changed = deployments::set_status(&mut self.shared.lock(), deployment_id, status);
        assert!(changed.is_some(), "there is no deployment {deployment_id:?}");
    }

    /// Changes the settings in `patch` and keeps the others.
    ///
    /// # Panics
    ///
    /// If a setting is unknown or a value is invalid.
    pub fn settings(&self, patch: Value) {
        let outcome = self.shared.lock().patch_settings(&patch);
        outcome.unwrap_or_else(|error| panic!("invalid settings: {error}"));
    }

    /// The data of the accounts, as `GET /_sandbox/state` returns it.
    pub fn state(&self) -> Value {
        self.shared.lock().snapshot()
    }

    /// The base URL of GitHub's API.
    pub fn github_url(&self) -> String {
        format!("{}{}", self.url(), crate::github::PREFIX)
    }

    /// Reads or changes GitHub's state. The second argument is the server's clock.
    pub fn github<T>(&self, change: impl FnOnce(&mut GitHubState, jiff::Timestamp) -> T) -> T {
        let state = &mut *self.shared.lock();
        let now = state.now();
        change(&mut state.github, now)
    }

    /// Waits until the log has `n` API requests. Returns whether it does before the timeout.
    pub fn wait_for_requests(&self, n: usize, timeout: Duration) -> bool {
        self.shared.wait_for(n, timeout)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // An error means that the server has panicked, which has already printed a message.
            let _ = thread.join();
        }
    }
}
