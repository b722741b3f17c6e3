//! The `versioner-sandbox` program: its flags and its output. It runs a sandbox until SIGINT or SIGTERM.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use versioner_sandbox::{BodyShape, CheckRulesOn, Options, Sandbox, Tls};

const ABOUT: &str = "A stand-in for the Versioner API that listens on loopback: try a client without an account, or \
                     test one. It keeps its state in memory only.";

const AFTER_HELP: &str = r#"Endpoints:
  API    POST /deployment-events/, POST /build-events/ and GET /health, as the real API documents them
  Admin  /_sandbox/: received requests, scripted replies, rules, approvals, settings and state; needs no key

Examples (replace the address and the key with the ones that the program prints):
  curl -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \
    -d '{"product_name":"shop","version":"1.2.3","environment_name":"production","status":"started"}' \
    http://127.0.0.1:8080/deployment-events/

  curl -d '{"kind":"schedule","name":"friday_freeze","environment":"production","ends_in_seconds":60}' \
    http://127.0.0.1:8080/_sandbox/rules"#;

#[derive(Debug, Parser)]
#[command(name = "versioner-sandbox", about = ABOUT, after_help = AFTER_HELP)]
struct Flags {
    /// The address to listen on; port 0 picks a free port
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Allow an address that other machines can reach
    #[arg(long)]
    allow_remote: bool,
    /// Serve TLS with a certificate from a private certificate authority
    #[arg(long, requires = "ca_out")]
    tls: bool,
    /// Write the private certificate authority's certificate to this file (PEM)
    #[arg(long, requires = "tls", value_name = "FILE")]
    ca_out: Option<PathBuf>,
    /// The shape of blocked replies
    #[arg(long, value_enum, default_value_t = Shape::Flat)]
    body_shape: Shape,
    /// The deployment events that the rules are checked for
    #[arg(long, value_enum, default_value_t = Events::Opening, value_name = "EVENTS")]
    check_rules_on: Events,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shape {
    /// The pre-flight object at the top level, as documented
    Flat,
    /// The pre-flight object inside {"detail": …}
    Wrapped,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Events {
    /// Events that open a deployment: `started`, and every other status if there is no open deployment
    Opening,
    /// `started` events only
    Started,
}

fn main() -> ExitCode {
    match run(&Flags::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "versioner-sandbox: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: &Flags) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(async {
        // Installed before the first output: a script may send a signal as soon as it has read the address.
        let shutdown = shutdown_signal()?;
        let sandbox = Sandbox::start_with(Options {
            listen: flags.listen,
            tls: if flags.tls { Tls::PrivateCa } else { Tls::Off },
            allow_remote: flags.allow_remote,
            body_shape: match flags.body_shape {
                Shape::Flat => BodyShape::Flat,
                Shape::Wrapped => BodyShape::Wrapped,
            },
            check_rules_on: match flags.check_rules_on {
                Events::Opening => CheckRulesOn::Opening,
                Events::Started => CheckRulesOn::Started,
            },
            ..Options::default()
        })?;
        if let (Some(path), Some(pem)) = (&flags.ca_out, sandbox.ca_pem()) {
            std::fs::write(path, pem)?;
        }
        print_addresses(&sandbox, io::stdout().lock())?;
        shutdown.await;
        Ok(())
    })
}

fn print_addresses(sandbox: &Sandbox, mut out: impl Write) -> io::Result<()> {
    writeln!(out, "listening on {}", sandbox.url())?;
    writeln!(out, "api key {}", sandbox.key())?;
    writeln!(out, "admin calls are listed by GET {}/_sandbox/", sandbox.url())?;
    out.flush()
}

#[cfg(unix)]
fn shutdown_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn shutdown_signal() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
