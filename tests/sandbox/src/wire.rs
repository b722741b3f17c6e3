//! Replies that HTTP libraries refuse to send: broken, endless and badly paced ones, as bytes on the connection.

use std::time::Duration;

use axum::body::to_bytes;
use axum::http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use axum::response::Response;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use crate::reply::Fault;

/// The default pause between the parts of [`Fault::Trickle`] and of endless replies.
const PART_DELAY: Duration = Duration::from_millis(10);
/// The size of a part of [`Fault::Trickle`].
const PART_BYTES: usize = 64;

const NOT_HTTP: &[u8] = b"\x00\xffthis is not HTTP\r\n\x01\x02\x03\r\n\r\n";
const EARLY_HINTS: &[u8] = b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\n";

/// What to write to a connection once hyper has released it.
#[derive(Debug)]
pub(crate) struct Wire {
    parts: Vec<Vec<u8>>,
    pause: Duration,
    end: End,
}

/// What follows the bytes.
#[derive(Debug)]
enum End {
    Close,
    Reset,
    /// Nothing more is sent, until the client closes the connection.
    Hang,
    /// These bytes are sent until the client closes the connection.
    Repeat(Vec<u8>),
}

/// A connection that can be reset.
pub(crate) trait Reset {
    /// Makes closing the connection reset it.
    fn reset_on_close(&self);
}

impl Reset for TcpStream {
    fn reset_on_close(&self) {
        // Without it the connection is closed normally, which is a fault as well.
        let _ = self.set_zero_linger();
    }
}

impl Reset for TlsStream<TcpStream> {
    fn reset_on_close(&self) {
        self.get_ref().0.reset_on_close();
    }
}

impl Wire {
    /// The bytes for `fault`, with `response` as the reply that it breaks. `None`: the fault needs no bytes of its own.
    pub(crate) async fn new(fault: Fault, response: Response, delay: Option<Duration>) -> Option<Self> {
        let once = |bytes: Vec<u8>, end: End| Some(Self { parts: vec![bytes], pause: Duration::ZERO, end });
        let (head, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.ok()?.to_vec();
        let message = Message { status: head.status.as_u16(), headers: header_lines(&head.headers), body };
        let half = message.body.len() / 2;
        match fault {
            Fault::Slow | Fault::Hang => None,
            Fault::Close | Fault::LoseReply => once(Vec::new(), End::Close),
            Fault::Reset => once(Vec::new(), End::Reset),
            Fault::Garbage => once(NOT_HTTP.to_vec(), End::Close),
            Fault::Cut => once(message.first_half(), End::Close),
            Fault::ResetBody => once(message.first_half(), End::Reset),
            Fault::Stall => once(message.first_half(), End::Hang),
            Fault::CutHead => once(message.half_of_head(), End::Close),
            Fault::StallHead => once(message.half_of_head(), End::Hang),
            Fault::ShortLength => once([message.head(&length(half)), message.body].concat(), End::Close),
            Fault::TwoLengths => {
                let lengths = format!("{}{}", length(message.body.len()), length(half));
                once([message.head(&lengths), message.body].concat(), End::Close)
            }
            Fault::Http10 => {
                let head = message.head("").split_off(b"HTTP/1.1".len());
                once([b"HTTP/1.0".to_vec(), head, message.body].concat(), End::Close)
            }
            Fault::HugeHeader => once(message.whole(&format!("X-Huge: {}\r\n", "x".repeat(1024 * 1024))), End::Close),
            Fault::ManyHeaders => once(message.whole(&"X-Many: 1\r\n".repeat(300)), End::Close),
            Fault::Chunked => once(message.chunked(b"0\r\nX-Trailer: 1\r\n\r\n"), End::Close),
            Fault::BadChunk => once(message.chunked(b"zz\r\n\r\n"), End::Close),
            Fault::CutChunked => {
                let cut = Message { body: message.body[..half].to_vec(), ..message };
                once(cut.chunked(b""), End::Close)
            }
            Fault::EndlessBody => Some(Self {
                parts: vec![message.chunked(b"")],
                pause: Duration::ZERO,
                end: End::Repeat(chunk(&[b' '; 16 * 1024])),
            }),
            Fault::Interim => {
                let interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n";
                once([interim, EARLY_HINTS, &message.whole("")].concat(), End::Close)
            }
            Fault::EndlessInterim => {
                Some(Self { parts: Vec::new(), pause: PART_DELAY, end: End::Repeat(EARLY_HINTS.to_vec()) })
            }
            Fault::Trickle => Some(Self {
                parts: message.whole("").chunks(PART_BYTES).map(<[u8]>::to_vec).collect(),
                pause: delay.unwrap_or(PART_DELAY),
                end: End::Close,
            }),
        }
    }

    /// Writes to `stream`, and closes or resets it. An error means that the client has closed the connection first.
    pub(crate) async fn write<S: AsyncRead + AsyncWrite + Unpin + Reset>(self, mut stream: S) -> std::io::Result<()> {
        for part in &self.parts {
            stream.write_all(part).await?;
            stream.flush().await?;
            tokio::time::sleep(self.pause).await;
        }
        match self.end {
            End::Close => stream.shutdown().await,
            End::Reset => {
                stream.reset_on_close();
                Ok(())
            }
            End::Hang => until_closed(&mut stream).await,
            End::Repeat(part) => loop {
                stream.write_all(&part).await?;
                tokio::time::sleep(self.pause).await;
            },
        }
    }
}

/// Reads until the client closes the connection.
async fn until_closed(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<()> {
    use tokio::io::AsyncReadExt as _;
    let mut buffer = [0; 1024];
    while stream.read(&mut buffer).await? > 0 {}
    Ok(())
}

/// A reply to break.
struct Message {
    status: u16,
    /// The lines of its headers, without those that say how long the body is.
    headers: Vec<u8>,
    body: Vec<u8>,
}

impl Message {
    /// The head with these further header lines.
    fn head(&self, lines: &str) -> Vec<u8> {
        // Honest about the end, or a client could send its next request on this connection.
        let status = format!("HTTP/1.1 {} Scripted\r\nConnection: close\r\n", self.status);
        [status.as_bytes(), &self.headers, lines.as_bytes(), b"\r\n"].concat()
    }

    /// The whole reply with these further header lines.
    fn whole(&self, lines: &str) -> Vec<u8> {
        [self.head(&format!("{}{lines}", length(self.body.len()))), self.body.clone()].concat()
    }

    /// The head with the full length, and half of the body.
    fn first_half(&self) -> Vec<u8> {
        [&self.head(&length(self.body.len().max(1))), &self.body[..self.body.len() / 2]].concat()
    }

    fn half_of_head(&self) -> Vec<u8> {
        let mut head = self.head(&length(self.body.len()));
        head.truncate(head.len() / 2);
        head
    }

    /// The head and the body as one chunk, followed by `last`.
    fn chunked(&self, last: &[u8]) -> Vec<u8> {
        let body = if self.body.is_empty() { Vec::new() } else { chunk(&self.body) };
        [&self.head("Transfer-Encoding: chunked\r\n"), &body, last].concat()
    }
}

fn length(bytes: usize) -> String {
    format!("Content-Length: {bytes}\r\n")
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// The lines of `headers`, without those that say how long the body is.
fn header_lines(headers: &axum::http::HeaderMap) -> Vec<u8> {
    headers
        .iter()
        .filter(|(name, _)| *name != CONTENT_LENGTH && *name != TRANSFER_ENCODING)
        .flat_map(|(name, value)| [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"].concat())
        .collect()
}
