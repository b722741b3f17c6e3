//! The `versioner-sandbox` program.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Output, Stdio};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_versioner-sandbox"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn run(arguments: &[&str]) -> Output {
    program(arguments).output().unwrap()
}

/// Kills the program when dropped, in case the test fails first.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[cfg(unix)]
#[test]
fn the_program_prints_its_addresses_and_exits_on_sigterm_and_sigint() {
    for signal in ["TERM", "INT"] {
        let mut running =
            Running(program(&["--body-shape", "wrapped", "--check-rules-on", "started"]).spawn().unwrap());
        let mut lines = BufReader::new(running.0.stdout.take().unwrap()).lines();
        let mut line = || lines.next().unwrap().unwrap();
        let (first, second, third) = (line(), line(), line());
        let address = first.strip_prefix("listening on http://").unwrap();
        assert!(second.strip_prefix("api key ").unwrap().starts_with("sk_"));
        assert!(third.contains("/_sandbox/"));
        let mut stream = TcpStream::connect(address).unwrap();
        let request = "GET /_sandbox/settings HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).unwrap();
        let mut reply = String::new();
        stream.read_to_string(&mut reply).unwrap();
        assert!(reply.contains(r#""body_shape":"wrapped","check_rules_on":"started""#), "{reply}");
        let kill = Command::new("kill").args(["-s", signal, &running.0.id().to_string()]).status().unwrap();
        assert!(kill.success());
        assert_eq!(running.0.wait().unwrap().code(), Some(0), "{signal}");
    }
}

#[cfg(unix)]
#[test]
fn ca_out_writes_the_certificate() {
    let path = std::env::temp_dir().join(format!("versioner-sandbox-ca-{}.pem", std::process::id()));
    let mut running = Running(program(&["--tls", "--ca-out", path.to_str().unwrap()]).spawn().unwrap());
    let mut line = String::new();
    BufReader::new(running.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let pem = std::fs::read_to_string(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(line.starts_with("listening on https://localhost:"), "{line}");
    assert!(pem.starts_with("-----BEGIN CERTIFICATE-----"));
}

#[test]
fn invalid_flags_are_rejected() {
    for (arguments, code, text) in [
        (&["--listen", "0.0.0.0:0"][..], 1, "not a loopback address"),
        (&["--tls"], 2, "--ca-out"),
        (&["--body-shape", "round"], 2, "wrapped"),
        (&["--check-rules-on", "completed"], 2, "opening"),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(text), "{arguments:?}");
    }
}

#[test]
fn help_shows_the_api_and_the_admin_api() {
    let output = run(&["--help"]);
    let help = String::from_utf8(output.stdout).unwrap();
    for text in ["--allow-remote", "/deployment-events/", "/_sandbox/", "curl"] {
        assert!(help.contains(text), "{text}");
    }
}
