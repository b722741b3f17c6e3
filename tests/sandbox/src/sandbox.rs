//! The handle on a running sandbox. The server has a thread and a runtime of its own, so that tests without a runtime
//! can use it; dropping the handle stops and joins it.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::oneshot;

use crate::log::Received;
use crate::options::{Keys, Options, Tls};
use crate::reply::Reply;
use crate::rules::{Approval, PlantedDeployment, Rule};
use crate::status::{Status, Subject};
use crate::tls::Identity;
use crate::world::Shared;
use crate::{deployments, server};

/// A running sandbox; it stops when dropped.
#[derive(Debug)]
pub struct Sandbox {
    addr: SocketAddr,
    keys: Keys,
    ca_pem: Option<String>,
    shared: Arc<Shared>,
    // Dropped to stop the server; an option so that this happens before the thread is joined.
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl Sandbox {
    /// Starts a sandbox on a free loopback port, without TLS.
    ///
    /// # Panics
    ///
    /// If it cannot listen, which a test could not do anything about.
    pub fn start() -> Self {
        Self::start_with(Options::default()).unwrap_or_else(|error| panic!("the sandbox cannot start: {error}"))
    }

    /// Starts a sandbox.
    pub fn start_with(options: Options) -> io::Result<Self> {
        if !options.listen.ip().is_loopback() && !options.allow_remote {
            let message =
                format!("{} is not a loopback address, and remote clients are not allowed", options.listen.ip());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let (acceptor, ca_pem) = match options.tls {
            Tls::Off => (None, None),
            Tls::PrivateCa => {
                let identity = Identity::generate()?;
                (Some(identity.acceptor), Some(identity.ca_pem))
            }
        };
        let listener = TcpListener::bind(options.listen)?;
        listener.set_nonblocking(true)?;
        let addr = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let shared = Arc::new(Shared::new(&options));
        let (stop, stopped) = oneshot::channel();
        let listener = {
            let _context = runtime.enter();
            tokio::net::TcpListener::from_std(listener)?
        };
        let served = Arc::clone(&shared);
        let thread = std::thread::Builder::new().name("versioner-sandbox".to_owned()).spawn(move || {
            // Dropping the runtime afterwards drops every connection, hanging ones included.
            runtime.block_on(server::run(listener, acceptor, served, stopped));
        })?;
        Ok(Self { addr, keys: options.keys, ca_pem, shared, stop: Some(stop), thread: Some(thread) })
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

    /// The address it listens on.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// A key that may do everything.
    pub fn key(&self) -> &str {
        &self.keys.full
    }

    /// A key of the same account that may not report anything.
    pub fn read_only_key(&self) -> &str {
        &self.keys.read_only
    }

    /// A key of another account, which has a state of its own.
    pub fn other_key(&self) -> &str {
        &self.keys.other
    }

    /// The private authority's certificate, as PEM, if the sandbox speaks TLS.
    pub fn ca_pem(&self) -> Option<&str> {
        self.ca_pem.as_deref()
    }

    /// The API requests received so far, in order.
    pub fn requests(&self) -> Vec<Received> {
        self.shared.world().log.clone()
    }

    /// Empties the request log.
    pub fn clear_requests(&self) {
        self.shared.world().log.clear();
    }

    /// Appends to the script.
    ///
    /// # Panics
    ///
    /// If an entry cannot be sent as HTTP.
    pub fn script(&self, replies: impl IntoIterator<Item = Reply>) {
        let entries = replies.into_iter().collect();
        // Bound first, so that the lock is not held while panicking.
        let outcome = self.shared.world().append_script(entries);
        outcome.unwrap_or_else(|error| panic!("not a scripted reply: {error}"));
    }

    /// Adds a rule, or replaces the one of the same name.
    ///
    /// # Panics
    ///
    /// If a time in it is none.
    pub fn rule(&self, rule: Rule) {
        let outcome = self.shared.world().add_rule(rule).map(drop);
        outcome.unwrap_or_else(|error| panic!("not a rule: {error}"));
    }

    /// Gives an approval.
    pub fn approve(&self, approval: Approval) {
        self.shared.world().approvals.push(approval);
    }

    /// Puts a deployment there without an event, and returns its id.
    ///
    /// # Panics
    ///
    /// If its status, time or account is none.
    pub fn plant(&self, deployment: PlantedDeployment) -> String {
        let outcome = deployments::plant(&mut self.shared.world(), &deployment);
        outcome.unwrap_or_else(|error| panic!("not a deployment: {error}"))
    }

    /// Ends a deployment without an event.
    ///
    /// # Panics
    ///
    /// If there is no such deployment or status.
    pub fn end(&self, deployment_id: &str, status: &str) {
        let status =
            Status::from_word(status, Subject::Deployment).unwrap_or_else(|| panic!("{status:?} is not a status"));
        let ended = deployments::end(&mut self.shared.world(), deployment_id, status);
        assert!(ended.is_some(), "there is no deployment {deployment_id:?}");
    }

    /// Changes the settings that `patch` names.
    ///
    /// # Panics
    ///
    /// If a setting or its value is unknown.
    pub fn settings(&self, patch: Value) {
        let outcome = self.shared.world().patch_settings(&patch);
        outcome.unwrap_or_else(|error| panic!("not settings: {error}"));
    }

    /// What the accounts hold, as `GET /_sandbox/state` shows it.
    pub fn state(&self) -> Value {
        self.shared.world().state()
    }

    /// Waits until so many API requests are in the log; whether it came to that in time.
    pub fn wait_for_requests(&self, n: usize, within: Duration) -> bool {
        self.shared.wait_for(n, within)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A server that panicked has printed so; there is nothing left to stop.
            let _ = thread.join();
        }
    }
}
