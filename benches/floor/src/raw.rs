//! The floor: sends given bytes over a socket and reads the reply, with nothing but the standard library.
//!
//! `floor-raw ADDRESS REQUEST`. The exit code is 0 if the reply is complete and its status is 2xx.

use anyhow::{Context as _, ensure};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

/// The allocator of the program.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().context("the first argument must be an address")?;
    let request = arguments.next().context("the second argument must be the request")?;
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(request.as_bytes())?;
    let (mut reply, mut buffer) = (Vec::new(), [0; 4096]);
    while !is_complete(&reply) {
        let read = stream.read(&mut buffer)?;
        ensure!(read > 0, "the reply is truncated");
        reply.extend_from_slice(&buffer[..read]);
    }
    ensure!(reply.starts_with(b"HTTP/1.1 2"), "the status is not 2xx");
    Ok(())
}

/// Whether `reply` has all of the body that its head announces.
fn is_complete(reply: &[u8]) -> bool {
    let Some(head) = reply.windows(4).position(|bytes| bytes == b"\r\n\r\n") else { return false };
    let text = String::from_utf8_lossy(&reply[..head]).to_ascii_lowercase();
    let length =
        text.split("content-length:").nth(1).and_then(|rest| rest.lines().next()?.trim().parse::<usize>().ok());
    reply.len() >= head + 4 + length.unwrap_or_default()
}
