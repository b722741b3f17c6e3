//! The messages between `versioner run` and its supervisor, over a pair of connected sockets.
//!
//! A message is its length, as four bytes, and a JSON value. The format can change at any time, because both sides are the same
//! program. The command's standard streams are passed with a message (unix(7), SCM_RIGHTS).

use super::super::CommandEnd;
use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};
use tokio::io::Interest;
use tokio::net::UnixStream;

/// The largest message. The environment and arguments of a command are smaller on every system.
const LARGEST_MESSAGE: usize = 64 * 1024 * 1024;
/// How long a message may take to be written: the other side reads at once, unless it was stopped.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);
/// How often to check whether the other side has read, or is gone.
const CHECK_INTERVAL: Duration = Duration::from_micros(200);

/// A message to the supervisor.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Request {
    /// The first message.
    Begin {
        /// Whether to start a new session, or only a process group.
        new_session: bool,
        payload: Vec<u8>,
    },
    /// Replaces the payload.
    Payload(Vec<u8>),
    /// Starts the command. Its standard streams come with this message.
    Run(Run),
    /// Sends a signal to the command.
    Signal { number: u8, stops: bool },
    /// Reaps the command, which has ended.
    Reap {
        /// Whether to kill what it left running first.
        kill_rest: bool,
    },
    /// The supervisor is not needed any more.
    Goodbye,
}

/// The command to start.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Run {
    pub(super) words: Vec<OsString>,
    /// Variables of the supervisor's environment that the command does not get.
    pub(super) removed: Vec<OsString>,
    pub(super) added: Vec<(OsString, OsString)>,
    /// The process group to put it in, or its own if `None`.
    pub(super) group: Option<i32>,
    pub(super) stop_timeout: Duration,
}

/// A message from the supervisor.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Reply {
    /// The supervisor is set up.
    Ready,
    /// The command runs, with this process id.
    Started(i32),
    /// The command could not be started: the error number.
    NotStarted(i32),
    /// The command ended.
    Ended(CommandEnd),
}

/// One end of the connection.
#[derive(Debug)]
pub(super) struct Connection {
    socket: UnixStream,
    received: Vec<u8>,
    streams: Vec<OwnedFd>,
}

impl Connection {
    pub(super) fn new(socket: std::os::unix::net::UnixStream) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { socket: UnixStream::from_std(socket)?, received: Vec::new(), streams: Vec::new() })
    }

    /// Sends `message`, and `streams` with its first byte.
    pub(super) fn send(&self, message: &impl Serialize, streams: &[BorrowedFd<'_>]) -> io::Result<()> {
        let content = serde_json::to_vec(message)?;
        let length = u32::try_from(content.len()).map_err(io::Error::other)?;
        let frame = [&length.to_le_bytes(), content.as_slice()].concat();
        let deadline = Instant::now() + WRITE_TIMEOUT;
        let mut sent = 0;
        while sent < frame.len() {
            match send_some(&self.socket, &frame[sent..], if sent == 0 { streams } else { &[] }) {
                Ok(bytes) => sent += bytes,
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) if Instant::now() < deadline => std::thread::sleep(CHECK_INTERVAL),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Receives the next message, or `None` if the other side is gone. Cancel safe.
    pub(super) async fn receive<T: DeserializeOwned>(&mut self) -> io::Result<Option<T>> {
        loop {
            if let Some(content) = self.take_frame()? {
                return Ok(Some(serde_json::from_slice(&content)?));
            }
            let Self { socket, received, streams } = self;
            if socket.async_io(Interest::READABLE, || read_some(socket, received, streams)).await? == 0 {
                return Ok(None);
            }
        }
    }

    /// The streams that came with messages so far.
    pub(super) fn take_streams(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.streams)
    }

    /// Waits until the other side is gone, but at most for `limit`.
    pub(super) fn wait_for_end(&mut self, limit: Duration) {
        let deadline = Instant::now() + limit;
        loop {
            match read_some(&self.socket, &mut self.received, &mut self.streams) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && Instant::now() < deadline => {
                    std::thread::sleep(CHECK_INTERVAL);
                }
                Err(_) => return,
            }
        }
    }

    /// The content of the first message, once all of it has been received.
    fn take_frame(&mut self) -> io::Result<Option<Vec<u8>>> {
        let Some((length, rest)) = self.received.split_first_chunk() else { return Ok(None) };
        let length = u32::from_le_bytes(*length) as usize;
        if length > LARGEST_MESSAGE {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let Some(content) = rest.get(..length).map(<[u8]>::to_vec) else { return Ok(None) };
        self.received.drain(..4 + length);
        Ok(Some(content))
    }
}

fn send_some(socket: &UnixStream, bytes: &[u8], streams: &[BorrowedFd<'_>]) -> Result<usize, Errno> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !streams.is_empty() && !ancillary.push(SendAncillaryMessage::ScmRights(streams)) {
        return Err(Errno::INVAL);
    }
    sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::empty())
}

/// Reads what is there without waiting. Returns the number of bytes: 0 at the end.
fn read_some(socket: &UnixStream, received: &mut Vec<u8>, streams: &mut Vec<OwnedFd>) -> io::Result<usize> {
    let mut buffer = [0; 8 * 1024];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let slices = &mut [IoSliceMut::new(&mut buffer)];
    let message = recvmsg(socket, slices, &mut ancillary, RecvFlags::empty())?;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(passed) = message {
            streams.extend(passed);
        }
    }
    for stream in streams {
        rustix::io::fcntl_setfd(stream, rustix::io::FdFlags::CLOEXEC)?;
    }
    received.extend_from_slice(&buffer[..message.bytes]);
    Ok(message.bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::io::{Read as _, Write as _};
    use std::os::fd::AsFd as _;
    use std::os::unix::net::UnixStream;

    fn pair() -> (UnixStream, Connection) {
        let (other, ours) = UnixStream::pair().unwrap();
        (other, Connection::new(ours).unwrap())
    }

    #[tokio::test]
    async fn large_message_and_streams_arrive_whole() {
        let (other, mut connection) = pair();
        let sender = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            let _guard = runtime.enter();
            let connection = Connection::new(other).unwrap();
            let (reader, mut writer) = io::pipe().unwrap();
            writer.write_all(b"passed").unwrap();
            connection.send(&Request::Payload(vec![7; 1_000_000]), &[reader.as_fd()]).unwrap();
            connection.send(&Request::Goodbye, &[]).unwrap();
        });
        let Some(Request::Payload(payload)) = connection.receive().await.unwrap() else { panic!() };
        assert_eq!(payload, vec![7; 1_000_000]);
        assert!(matches!(connection.receive().await.unwrap(), Some(Request::Goodbye)));
        assert!(connection.receive::<Request>().await.unwrap().is_none());
        sender.join().unwrap();
        let [stream] = <[OwnedFd; 1]>::try_from(connection.take_streams()).unwrap();
        assert!(rustix::io::fcntl_getfd(&stream).unwrap().contains(rustix::io::FdFlags::CLOEXEC));
        let mut text = String::new();
        File::from(stream).read_to_string(&mut text).unwrap();
        assert_eq!(text, "passed");
    }

    #[tokio::test]
    async fn message_that_arrives_in_parts_survives_cancellation() {
        let (mut other, mut connection) = pair();
        let content = serde_json::to_vec(&Reply::Started(12)).unwrap();
        let frame = [&u32::try_from(content.len()).unwrap().to_le_bytes(), content.as_slice()].concat();
        for byte in &frame[..frame.len() - 1] {
            other.write_all(&[*byte]).unwrap();
            let wait = Duration::from_millis(1);
            assert!(tokio::time::timeout(wait, connection.receive::<Reply>()).await.is_err(), "incomplete");
        }
        other.write_all(&frame[frame.len() - 1..]).unwrap();
        assert!(matches!(connection.receive().await.unwrap(), Some(Reply::Started(12))));
    }

    #[tokio::test]
    async fn invalid_messages_are_errors() {
        for bytes in [b"\xff\xff\xff\xff".as_slice(), b"\x02\0\0\0{}"] {
            let (mut other, mut connection) = pair();
            other.write_all(bytes).unwrap();
            assert!(connection.receive::<Request>().await.is_err(), "{bytes:?}");
        }
    }
}
