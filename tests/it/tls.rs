//! TLS to a real server whose certificate comes from a private CA or is self-signed, directly and through a CONNECT proxy.

use crate::support::{Run, Versioner};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use versioner_sandbox::{Options, Sandbox, Tls};

fn sandbox() -> Sandbox {
    sandbox_with(Tls::PrivateCa)
}

fn sandbox_with(tls: Tls) -> Sandbox {
    Sandbox::start_with(Options { tls, ..Options::default() }).unwrap()
}

/// A sandbox on an address for which its certificate is not valid, and its URL.
fn sandbox_on_another_host(tls: Tls) -> (Sandbox, String) {
    let listen = SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), 0));
    let sandbox = Sandbox::start_with(Options { tls, listen, ..Options::default() }).unwrap();
    let url = format!("https://{}", sandbox.addr());
    (sandbox, url)
}

/// A call whose `ca_bundle` has these certificates.
fn with_bundle(sandbox: &Sandbox, certificates: &[&str]) -> Versioner {
    let call = call(sandbox);
    let path = call.file("ca.pem", &certificates.concat());
    call.env("VERSIONER_CA_BUNDLE", &path)
}

fn call(sandbox: &Sandbox) -> Versioner {
    Versioner::deployment(sandbox, "success").args(["--retries", "0"])
}

fn with_ca(sandbox: &Sandbox, variable: &str) -> Run {
    let call = call(sandbox);
    let path = call.file("ca.pem", sandbox.ca_pem().unwrap());
    call.env(variable, &path).run()
}

#[test]
fn unknown_ca_exits_1_and_is_explained() {
    let sandbox = sandbox();
    let run = call(&sandbox).run();
    assert_eq!(run.code, 1);
    for needle in ["the certificate of localhost is not trusted", "unknown certificate authority", "ca_bundle"] {
        assert!(run.stderr.contains(needle), "{needle}: {}", run.stderr);
    }
    assert!(sandbox.requests().is_empty());
}

#[test]
fn unknown_ca_is_not_retried() {
    let sandbox = sandbox();
    let run = Versioner::deployment(&sandbox, "success").args(["--json"]).run();
    assert_eq!((run.code, run.json()["attempts"].as_u64()), (1, Some(1)));
}

#[test]
fn ca_file_named_by_a_variable_is_trusted() {
    let sandbox = sandbox();
    for variable in ["VERSIONER_CA_BUNDLE", "SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS"] {
        let run = with_ca(&sandbox, variable);
        assert_eq!(run.code, 0, "{variable}: {}", run.stderr);
    }
}

#[test]
fn ca_in_ssl_cert_dir_is_trusted() {
    let sandbox = sandbox();
    let call = call(&sandbox);
    // Files in SSL_CERT_DIR are named after the certificate's hash, as `c_rehash` from OpenSSL does.
    let path = call.file("certs/0a1b2c3d.0", sandbox.ca_pem().unwrap());
    let directory = std::path::Path::new(&path).parent().unwrap().display().to_string();
    let run = call.env("SSL_CERT_DIR", &directory).run();
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn ca_with_the_name_of_an_untrusted_one_is_found() {
    // All sandboxes' authorities have the same name.
    let (sandbox, predecessor) = (sandbox(), sandbox());
    let call = with_bundle(&sandbox, &[predecessor.ca_pem().unwrap()]);
    let path = call.file("own.pem", sandbox.ca_pem().unwrap());
    let run = call.env("SSL_CERT_FILE", &path).run();
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn certificate_for_another_host_exits_1() {
    for tls in [Tls::PrivateCa, Tls::SelfSigned, Tls::SelfSignedNoCa] {
        let (sandbox, url) = sandbox_on_another_host(tls);
        let run = with_bundle(&sandbox, &[sandbox.ca_pem().unwrap()]).args(["--api-url", &url]).run();
        assert_eq!(run.code, 1, "{tls:?}: {}", run.stderr);
        assert!(run.stderr.contains("other hosts") && run.stderr.contains("check api_url"), "{}", run.stderr);
        assert!(sandbox.requests().is_empty());
    }
}

#[test]
fn self_signed_certificate_in_ca_bundle_is_trusted() {
    let ca = sandbox();
    let unrelated = sandbox_with(Tls::SelfSigned);
    let others = [ca.ca_pem().unwrap(), unrelated.ca_pem().unwrap()];
    for tls in [Tls::SelfSigned, Tls::SelfSignedNoCa] {
        let sandbox = sandbox_with(tls);
        let own = sandbox.ca_pem().unwrap();
        for bundle in [vec![own], vec![others[0], others[1], own], vec![own, others[0], others[1]]] {
            let run = with_bundle(&sandbox, &bundle).run();
            assert_eq!(run.code, 0, "{tls:?}: {}", run.stderr);
        }
        let run = with_bundle(&sandbox, &others).run();
        assert_eq!(run.code, 1, "{tls:?}: another self-signed certificate is trusted");
    }
    // The other certificates in such a bundle are authorities as before.
    assert_eq!(with_bundle(&ca, &others).run().code, 0);
}

#[test]
fn self_signed_certificate_that_is_not_in_ca_bundle_is_explained() {
    let (sandbox, other) = (sandbox_with(Tls::SelfSigned), sandbox_with(Tls::SelfSigned));
    for call in [call(&sandbox), with_bundle(&sandbox, &[other.ca_pem().unwrap()])] {
        let run = call.run();
        assert_eq!(run.code, 1, "{}", run.stderr);
        for needle in [
            "the certificate of localhost is not trusted",
            "self-signed",
            "set ca_bundle to the PEM file of exactly this",
        ] {
            assert!(run.stderr.contains(needle), "{needle}: {}", run.stderr);
        }
        assert!(!run.stderr.contains("OtherError"), "{}", run.stderr);
    }
    assert!(sandbox.requests().is_empty());
}

#[test]
fn expired_self_signed_certificate_in_ca_bundle_is_not_trusted() {
    let sandbox = sandbox_with(Tls::SelfSignedExpired);
    let run = with_bundle(&sandbox, &[sandbox.ca_pem().unwrap()]).run();
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("has expired") && run.stderr.contains("renew"), "{}", run.stderr);
    assert!(sandbox.requests().is_empty());
}

#[test]
fn server_without_the_key_of_the_certificate_in_ca_bundle_is_not_trusted() {
    let sandbox = sandbox_with(Tls::SelfSignedWrongKey);
    let run = with_bundle(&sandbox, &[sandbox.ca_pem().unwrap()]).run();
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("the server does not have its key"), "{}", run.stderr);
    assert!(sandbox.requests().is_empty());
}

#[test]
fn ca_only_trusts_nothing_but_ca_bundle() {
    let (sandbox, self_signed) = (sandbox(), sandbox_with(Tls::SelfSigned));
    let (own, other) = (sandbox.ca_pem().unwrap(), self_signed.ca_pem().unwrap());
    for (variable, file) in
        [("SSL_CERT_FILE", "own.pem"), ("NODE_EXTRA_CA_CERTS", "own.pem"), ("SSL_CERT_DIR", "certs/0a1b2c3d.0")]
    {
        let trusted = |ca_only: &str| {
            let call = with_bundle(&sandbox, &[other]).env("VERSIONER_CA_ONLY", ca_only);
            let path = call.file(file, own);
            let path = if variable == "SSL_CERT_DIR" { path.trim_end_matches("/0a1b2c3d.0") } else { &path };
            call.env(variable, path).run()
        };
        assert_eq!(trusted("false").code, 0, "{variable}");
        let run = trusted("true");
        assert_eq!(run.code, 1, "{variable}: {}", run.stderr);
        assert!(run.stderr.contains("unknown certificate authority"), "{}", run.stderr);
    }
    for (sandbox, bundle) in [(&sandbox, own), (&self_signed, other)] {
        let run = with_bundle(sandbox, &[bundle]).args(["--ca-only"]).run();
        assert_eq!(run.code, 0, "{}", run.stderr);
    }
    let untrusted = with_bundle(&sandbox, &[other]).args(["--ca-only"]);
    assert!(!opens_system_store(&untrusted), "the system's store is opened with ca_only");
}

#[test]
fn ca_bundle_without_certificates_exits_1() {
    let sandbox = sandbox();
    let call = call(&sandbox);
    let path = call.file("ca.pem", "not a certificate");
    let run = call.env("VERSIONER_CA_BUNDLE", &path).run();
    assert_eq!(run.code, 1);
    assert!(
        run.stderr.contains("ca_bundle (from VERSIONER_CA_BUNDLE)") && run.stderr.contains("PEM file"),
        "{}",
        run.stderr
    );
    let run = with_ca(&sandbox, "VERSIONER_CA_BUNDLE");
    assert_eq!(run.code, 0, "{}", run.stderr);
}

#[test]
fn strace_shows_that_the_system_store_is_opened_only_if_other_roots_do_not_suffice() {
    let sandbox = sandbox();
    let with_bundle = call(&sandbox);
    let path = with_bundle.file("ca.pem", sandbox.ca_pem().unwrap());
    let with_bundle = with_bundle.env("VERSIONER_CA_BUNDLE", &path);
    assert!(!opens_system_store(&with_bundle), "opened although the first roots suffice");
    assert!(opens_system_store(&call(&sandbox)), "not opened although the first roots do not suffice");
}

/// Whether the call opens the system's certificate store.
fn opens_system_store(call: &Versioner) -> bool {
    trace(call, "open,openat,statx,stat").1.contains("/etc/ssl/certs/ca-certificates.crt")
}

/// Runs the call under `strace`. Returns its output, and the log of these system calls.
pub(crate) fn trace(call: &Versioner, system_calls: &str) -> (std::process::Output, String) {
    let log = call.dir.path().join("strace");
    let plain = call.command();
    let mut traced = std::process::Command::new("strace");
    traced
        .args(["-f", "-s", "1000", "-e", &format!("trace={system_calls}"), "-o"])
        .arg(&log)
        .arg(plain.get_program())
        .args(plain.get_args());
    traced.env_clear().current_dir(call.dir.path()).stdin(std::process::Stdio::null());
    for (name, value) in plain.get_envs() {
        traced.env(name, value.unwrap_or_default());
    }
    traced.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    let output = traced.output().expect("strace is installed (apt-get install strace)");
    (output, crate::support::read(&log))
}

#[test]
fn server_without_tls_is_explained() {
    let sandbox = Sandbox::start();
    let url = format!("https://{}", sandbox.addr());
    let run = call(&sandbox).args(["--api-url", &url]).run();
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stderr.contains("127.0.0.1: the answer is not TLS"), "{}", run.stderr);
}

/// Starts a CONNECT proxy that connects every client to `to`, whatever host it asks for. Returns its address and the
/// request lines it receives.
fn connect_proxy(to: std::net::SocketAddr) -> (String, std::sync::mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut client = stream.unwrap();
            let mut lines = BufReader::new(client.try_clone().unwrap()).lines();
            sender.send(lines.next().unwrap().unwrap()).unwrap();
            while !lines.next().unwrap().unwrap().is_empty() {}
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").unwrap();
            let mut server = TcpStream::connect(to).unwrap();
            let (mut from_client, mut to_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
            std::thread::spawn(move || std::io::copy(&mut server, &mut client));
        }
    });
    (address, receiver)
}

#[test]
fn certificate_is_verified_through_a_proxy() {
    let sandbox = sandbox();
    let (address, received) = connect_proxy(sandbox.addr());
    let through = |api: &str| {
        let call = call(&sandbox);
        let path = call.file("ca.pem", sandbox.ca_pem().unwrap());
        let proxy = format!("http://{address}");
        call.env("VERSIONER_CA_BUNDLE", &path).env("HTTPS_PROXY", &proxy).args(["--api-url", api]).run()
    };
    let run = through("https://api.example");
    assert_eq!(received.recv().unwrap(), "CONNECT api.example:443 HTTP/1.1");
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(sandbox.requests().len(), 1);
    // The proxy connects to the same server, whose certificate is not valid for this host.
    let run = through("https://elsewhere.example");
    assert_eq!(received.recv().unwrap(), "CONNECT elsewhere.example:443 HTTP/1.1");
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("other host") && run.stderr.contains(&address), "{}", run.stderr);
    assert_eq!(sandbox.requests().len(), 1);
}
