//! Name resolution by the system's resolver, in a thread of its own.
//!
//! reqwest's default resolver uses tokio's thread pool, which panics if no thread can be started (`ulimit -u`). Here that is an
//! error of the request.

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::io;
use std::net::ToSocketAddrs as _;
use std::thread;
use tokio::sync::oneshot;

/// The system's resolver (getaddrinfo(3)).
#[derive(Debug)]
pub(super) struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let (sender, receiver) = oneshot::channel();
            let resolve = move || {
                // reqwest sets the port itself.
                let addresses = (name.as_str(), 0).to_socket_addrs();
                // The request may have ended meanwhile.
                let _ = sender.send(addresses.map(Iterator::collect::<Vec<_>>));
            };
            thread::Builder::new().name("dns".to_owned()).spawn(resolve).map_err(|error| {
                io::Error::new(error.kind(), format!("no thread can be started to resolve the host name: {error}"))
            })?;
            let addresses = receiver.await.map_err(|_| io::Error::other("the resolver ended without an answer"))??;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
