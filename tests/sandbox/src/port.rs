//! The port of a sandbox, which can refuse connections for a while and stays the same.

use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::sync::mpsc;

use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// A port that accepts or refuses connections.
#[derive(Debug)]
pub(crate) enum Port {
    Accepting(TcpListener, SocketAddr),
    /// A socket that has the port and does not listen: the system refuses connections, and gives the port to nobody else.
    Refusing(TcpSocket, SocketAddr),
    /// Neither could be set up again.
    Lost,
}

/// An order to accept or to refuse connections, and where to say that it is done.
#[derive(Debug)]
pub(crate) struct PortOrder {
    pub(crate) refuse: bool,
    pub(crate) done: mpsc::Sender<bool>,
}

impl Port {
    /// Listens on `address`. Needs a runtime.
    pub(crate) fn listen(address: SocketAddr) -> io::Result<Self> {
        // Two sockets of one user may share a port (below), but two sandboxes must not.
        drop(std::net::TcpListener::bind(address)?);
        let listener = socket(address)?.listen(1024)?;
        let address = listener.local_addr()?;
        Ok(Self::Accepting(listener, address))
    }

    pub(crate) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Accepting(_, address) | Self::Refusing(_, address) => Some(*address),
            Self::Lost => None,
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        match self {
            Self::Accepting(listener, _) => listener.accept().await,
            Self::Refusing(..) | Self::Lost => pending().await,
        }
    }

    pub(crate) fn follow(self, order: &PortOrder) -> Self {
        let next = match (self, order.refuse) {
            (Self::Accepting(listener, address), true) => match socket(address) {
                // The new socket has the port before the old one gives it up.
                Ok(socket) => Self::Refusing(socket, address),
                Err(_) => Self::Accepting(listener, address),
            },
            (Self::Refusing(socket, address), false) => {
                socket.listen(1024).map_or(Self::Lost, |listener| Self::Accepting(listener, address))
            }
            (unchanged, _) => unchanged,
        };
        let done = match next {
            Self::Accepting(..) => !order.refuse,
            Self::Refusing(..) => order.refuse,
            Self::Lost => false,
        };
        // An error means that nobody waits for it any more.
        let _ = order.done.send(done);
        next
    }
}

/// A socket that has `address`, which a second socket of this process may have at the same time.
fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    #[cfg(target_os = "linux")]
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}
