//! The server of the measurements: the same reply to every client, over HTTP and TLS, with a delay if wanted.
//!
//! Owns: counting requests and bytes, and keeping the last request. Simpler and faster than the sandbox, so that the time of
//! a client is not hidden behind the server's.

use anyhow::Context as _;
use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime};

const RECORDED: &str = r#"{"id":"550e8400-e29b-41d4-a716-446655440000","event_id":"6ba7b810-9dad-41d1-80b4-00c04fd430c8","product_id":"6ba7b811-9dad-41d1-80b4-00c04fd430c8","version_id":"6ba7b812-9dad-41d1-80b4-00c04fd430c8","environment_id":"6ba7b814-9dad-41d1-80b4-00c04fd430c8","status":"completed"}"#;

/// How the server replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Every event is recorded.
    Record,
    /// 503.
    Unavailable,
    /// 423 until this time, which the reply announces.
    BlockUntil(Timestamp),
}

/// What arrived so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) requests: u64,
    /// Bytes of the connections, TLS included, from the client.
    pub(crate) received: u64,
    /// The same, to the client.
    pub(crate) sent: u64,
    /// The last request, without TLS.
    pub(crate) last_request: Vec<u8>,
}

#[derive(Debug)]
struct Shared {
    mode: Mode,
    delay: Duration,
    /// The `Date` of replies, if it must be the same in every run.
    date: Option<String>,
    traffic: Traffic,
}

/// A running server. Its threads end with the process.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
    /// The certificate that clients must trust.
    pub(crate) ca_pem: String,
    shared: Arc<Mutex<Shared>>,
}

impl Server {
    /// Starts a server on free loopback ports. `date` replaces the time in replies.
    pub(crate) fn start(date: Option<&str>) -> anyhow::Result<Self> {
        let shared = Shared {
            mode: Mode::Record,
            delay: Duration::ZERO,
            date: date.map(str::to_owned),
            traffic: Traffic::default(),
        };
        let shared = Arc::new(Mutex::new(shared));
        let (config, ca_pem) = tls()?;
        Ok(Self { http: listen(&shared, None)?, https: listen(&shared, Some(config))?, ca_pem, shared })
    }

    pub(crate) fn set_mode(&self, mode: Mode) {
        lock(&self.shared).mode = mode;
    }

    pub(crate) fn set_delay(&self, delay: Duration) {
        lock(&self.shared).delay = delay;
    }

    pub(crate) fn traffic(&self) -> Traffic {
        lock(&self.shared).traffic.clone()
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A certificate for `localhost` from a private authority, and that authority's.
fn tls() -> anyhow::Result<(Arc<ServerConfig>, String)> {
    let mut ca = CertificateParams::default();
    ca.distinguished_name.push(DnType::CommonName, "Measurement CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_key = KeyPair::generate()?;
    let ca_pem = ca.self_signed(&ca_key)?.pem();
    let mut server = CertificateParams::new(vec!["localhost".to_owned()])?;
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    let key = KeyPair::generate()?;
    let certificate = server.signed_by(&key, &Issuer::new(ca, ca_key))?;
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13])?;
    let config = config.with_no_client_auth().with_single_cert(vec![certificate.der().clone()], private)?;
    Ok((Arc::new(config), ca_pem))
}

fn listen(shared: &Arc<Mutex<Shared>>, tls: Option<Arc<ServerConfig>>) -> anyhow::Result<SocketAddr> {
    // Five digits, so that a request has the same length in every run.
    let listener = std::iter::repeat_with(|| TcpListener::bind("127.0.0.1:0"))
        .take(1_000)
        .filter_map(Result::ok)
        .find(|listener| listener.local_addr().is_ok_and(|address| address.port() > 9_999))
        .context("no free port")?;
    let address = listener.local_addr()?;
    let shared = Arc::clone(shared);
    thread::spawn(move || {
        for stream in listener.incoming().filter_map(Result::ok) {
            let (shared, tls) = (Arc::clone(&shared), tls.clone());
            // A client that goes away is not the server's error.
            thread::spawn(move || serve(stream, &shared, tls).unwrap_or_default());
        }
    });
    Ok(address)
}

fn serve(stream: TcpStream, shared: &Mutex<Shared>, tls: Option<Arc<ServerConfig>>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let stream = Counted { stream, shared };
    match tls {
        None => answer_all(stream, shared),
        Some(config) => {
            answer_all(StreamOwned::new(ServerConnection::new(config).map_err(io::Error::other)?, stream), shared)
        }
    }
}

/// Counts the bytes of a connection.
struct Counted<'a> {
    stream: TcpStream,
    shared: &'a Mutex<Shared>,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.stream.read(buffer)?;
        lock(self.shared).traffic.received += read as u64;
        Ok(read)
    }
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // Counted first: the client may have ended before the call returns.
        lock(self.shared).traffic.sent += bytes.len() as u64;
        self.stream.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

fn answer_all(mut stream: impl Read + Write, shared: &Mutex<Shared>) -> io::Result<()> {
    let mut received = Vec::new();
    while let Some(request) = next_request(&mut stream, &mut received)? {
        let (mode, delay, date) = {
            let mut shared = lock(shared);
            shared.traffic.requests += 1;
            shared.traffic.last_request = request;
            (shared.mode, shared.delay, shared.date.clone())
        };
        thread::sleep(delay);
        let date = date.unwrap_or_else(|| httpdate::fmt_http_date(SystemTime::now()));
        // In one write, so that every client reads it at once.
        stream.write_all(reply(mode, &date).as_bytes())?;
        stream.flush()?;
    }
    Ok(())
}

fn reply(mode: Mode, date: &str) -> String {
    let (status, body) = match mode {
        Mode::BlockUntil(end) if Timestamp::now() < end => ("423 Locked", blocked(end)),
        Mode::Record | Mode::BlockUntil(_) => ("201 Created", RECORDED.to_owned()),
        Mode::Unavailable => ("503 Service Unavailable", r#"{"detail":"Service temporarily unavailable"}"#.to_owned()),
    };
    format!(
        "HTTP/1.1 {status}\r\nDate: {date}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

fn blocked(end: Timestamp) -> String {
    format!(
        r#"{{"error":"deployment_blocked","message":"No deployments allowed on Fridays after 3pm PST","code":"NO_DEPLOY_WINDOW","retry_after":"{end}","details":{{"window_name":"friday_freeze"}}}}"#
    )
}

/// The next request on the connection. `None` if the client has closed it.
fn next_request(stream: &mut impl Read, received: &mut Vec<u8>) -> io::Result<Option<Vec<u8>>> {
    let mut buffer = [0; 16 * 1024];
    loop {
        if let Some(length) = request_length(received)
            && received.len() >= length
        {
            let rest = received.split_off(length);
            return Ok(Some(std::mem::replace(received, rest)));
        }
        match stream.read(&mut buffer)? {
            0 => return Ok(None),
            read => received.extend_from_slice(&buffer[..read]),
        }
    }
}

/// The length of the first request in `received`, once its head is complete.
fn request_length(received: &[u8]) -> Option<usize> {
    let head = received.windows(4).position(|bytes| bytes == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(&received[..head]).to_ascii_lowercase();
    let value = |line: &str| line.strip_prefix("content-length:")?.trim().parse::<usize>().ok();
    Some(head + text.lines().find_map(value).unwrap_or_default())
}
