//! TLS, with a client that trusts only the private certificate authority.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use serde_json::json;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use versioner_sandbox::{Fault, Options, Reply, Sandbox, Tls};

use crate::client::Response;

fn config(roots: RootCertStore) -> Arc<ClientConfig> {
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = config.with_safe_default_protocol_versions().unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

fn get(sandbox: &Sandbox, config: Arc<ClientConfig>, host: &str, path: &str) -> std::io::Result<Response> {
    let name = ServerName::try_from(host.to_owned()).unwrap();
    let connection = ClientConnection::new(config, name).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(sandbox.addr()).unwrap());
    stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let mut raw = Vec::new();
    let _ = stream.read_to_end(&mut raw);
    Ok(Response::parse(raw))
}

#[test]
fn only_clients_that_trust_the_private_ca_can_connect() {
    let sandbox = Sandbox::start_with(Options { tls: Tls::PrivateCa, ..Options::default() }).unwrap();
    assert_eq!(sandbox.url(), format!("https://localhost:{}", sandbox.addr().port()));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(sandbox.ca_pem().unwrap().as_bytes()).unwrap()).unwrap();
    let trusting = config(roots);
    for host in ["localhost", "127.0.0.1", "::1"] {
        let response = get(&sandbox, Arc::clone(&trusting), host, "/health").unwrap();
        assert_eq!((response.status, response.json()), (200, json!({ "status": "ok" })), "{host}");
        assert!(response.header("date").is_some());
    }
    sandbox.script([Reply::fault(Fault::Cut), Reply::fault(Fault::Close)]);
    let cut = get(&sandbox, Arc::clone(&trusting), "localhost", "/nowhere").unwrap();
    assert!(cut.status == 200 && !cut.body.is_empty());
    assert!(get(&sandbox, Arc::clone(&trusting), "localhost", "/nowhere").unwrap().raw.is_empty());

    assert!(get(&sandbox, trusting, "example.org", "/health").is_err());
    assert!(get(&sandbox, config(RootCertStore::empty()), "localhost", "/health").is_err());
}

#[test]
fn plain_http_has_no_ca() {
    assert_eq!(Sandbox::start().ca_pem(), None);
}
