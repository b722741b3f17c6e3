//! An HTTP server on loopback that serves the files `entrypoint.sh` downloads.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Serves each file under its request target: a path, or an absolute URL when it acts as a proxy.
pub(crate) struct FileServer {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl FileServer {
    pub(crate) fn start(files: &[(&str, &[u8])]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let files: BTreeMap<String, Vec<u8>> =
            files.iter().map(|(target, content)| ((*target).to_owned(), content.to_vec())).collect();
        let log = Arc::clone(&requests);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                // A client that disconnects early must not stop the server.
                let _ = respond(connection.unwrap(), &files, &log);
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The request targets received so far, in order.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn respond(
    mut connection: TcpStream,
    files: &BTreeMap<String, Vec<u8>>,
    requests: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(connection.try_clone()?).lines();
    let request_line = lines.next().transpose()?.unwrap_or_default();
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let target = request_line.split(' ').nth(1).unwrap_or_default().to_owned();
    let file = files.get(&target);
    requests.lock().unwrap().push(target);
    let (status, body) = file.map_or(("404 Gone ##[error]forged", &[][..]), |file| ("200 OK", file));
    write!(connection, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    connection.write_all(body)
}
