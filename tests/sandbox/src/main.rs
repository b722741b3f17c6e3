//! The program: a sandbox that runs until it is interrupted. It owns its flags and what it prints.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, ValueEnum};
use versioner_sandbox::{BodyShape, Options, Sandbox, Tls};

const ABOUT: &str = "The Versioner API on loopback: for people without an account, for a demonstration, for tests. \
                     It keeps its state in memory and forgets it when it ends.";

const MORE: &str = r#"Two surfaces:
  API    POST /deployment-events/, POST /build-events/, GET /health, as documented for the real API
  Admin  /_sandbox/ : requests received, scripted replies, rules, approvals, settings, state (no key needed)

Examples, with the address and the key that are printed at the start:
  curl -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \
    -d '{"product_name":"shop","version":"1.2.3","environment_name":"production","status":"started"}' \
    http://127.0.0.1:8080/deployment-events/

  curl -d '{"kind":"window","name":"friday_freeze","environment":"production","ends_in_seconds":60}' \
    http://127.0.0.1:8080/_sandbox/rules"#;

#[derive(Debug, Parser)]
#[command(name = "versioner-sandbox", about = ABOUT, after_help = MORE)]
struct Flags {
    /// Where to listen; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:0", value_name = "ADDRESS")]
    listen: SocketAddr,
    /// Permit an address that other machines reach
    #[arg(long)]
    allow_remote: bool,
    /// Speak TLS, with a certificate of a private authority
    #[arg(long, requires = "ca_out")]
    tls: bool,
    /// Where to write the private authority's certificate (PEM)
    #[arg(long, requires = "tls", value_name = "FILE")]
    ca_out: Option<PathBuf>,
    /// Shape of blocked replies
    #[arg(long, value_enum, default_value_t = Shape::Flat)]
    body_shape: Shape,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shape {
    /// The pre-flight object at the top level, as documented
    Flat,
    /// The same object within {"detail": …}
    Wrapped,
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
        // Listened for before anything is printed: a script may interrupt as soon as it has read the address.
        let interrupted = interruption()?;
        let sandbox = Sandbox::start_with(Options {
            listen: flags.listen,
            tls: if flags.tls { Tls::PrivateCa } else { Tls::Off },
            allow_remote: flags.allow_remote,
            body_shape: match flags.body_shape {
                Shape::Flat => BodyShape::Flat,
                Shape::Wrapped => BodyShape::Wrapped,
            },
            ..Options::default()
        })?;
        if let (Some(path), Some(pem)) = (&flags.ca_out, sandbox.ca_pem()) {
            std::fs::write(path, pem)?;
        }
        greet(&sandbox, io::stdout().lock())?;
        interrupted.await;
        Ok(())
    })
}

fn greet(sandbox: &Sandbox, mut out: impl Write) -> io::Result<()> {
    writeln!(out, "listening on {}", sandbox.url())?;
    writeln!(out, "api key {}", sandbox.key())?;
    writeln!(out, "admin calls are listed by GET {}/_sandbox/", sandbox.url())?;
    out.flush()
}

#[cfg(unix)]
fn interruption() -> io::Result<impl Future<Output = ()>> {
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
fn interruption() -> io::Result<impl Future<Output = ()>> {
    Ok(async {
        let _ = tokio::signal::ctrl_c().await;
    })
}
