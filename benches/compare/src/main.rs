//! Measures `versioner` beside other clients, simulates a waiting fleet, and writes `docs/performance.md`.
//!
//! `benches/run.sh` builds what this needs and passes the paths. Each command measures, records its figures in
//! `benches/figures.json`, and renders the page and the charts again.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "prints its progress and its results")]

mod charts;
mod compare;
mod contender;
mod figures;
mod fleet;
mod guard;
mod machine;
mod measure;
mod page;
mod server;
mod size;
mod tables;

mod tasks;

use clap::{Args, Parser, Subcommand};
use contender::{Endpoint, Programs, Transport};
use figures::{Comparison, Figures};
use server::Server;
use std::path::{PathBuf, absolute};
use std::process::ExitCode;

#[derive(Debug, Parser)]
#[command(name = "versioner-compare", about = "Measures versioner, and writes docs/performance.md")]
struct Flags {
    #[command(subcommand)]
    command: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Measure events, other commands, a wait and the spool
    Compare(CompareFlags),
    /// Simulate waiting fleets
    Fleet {
        /// Also simulate a million jobs, which takes about a minute
        #[arg(long)]
        million: bool,
    },
    /// Examine what the program's size consists of
    Size {
        /// The released program
        #[arg(long, value_name = "FILE")]
        versioner: PathBuf,
        /// The same with symbols
        #[arg(long, value_name = "FILE")]
        symbols: PathBuf,
        /// Also build it without each feature, which takes many minutes
        #[arg(long)]
        features: bool,
    },
    /// Compare instructions, system calls and sizes with the recorded ones
    Guard {
        /// The released program for x86-64
        #[arg(long, value_name = "FILE")]
        x86_64: PathBuf,
        /// The released program for aarch64
        #[arg(long, value_name = "FILE")]
        aarch64: PathBuf,
        /// Record them instead
        #[arg(long)]
        record: bool,
    },
    /// Write the page and the charts from the recorded figures
    Render,
}

#[derive(Debug, Args)]
struct CompareFlags {
    /// The released program
    #[arg(long, value_name = "FILE")]
    versioner: PathBuf,
    /// The directory with floor-raw, floor-client and meter
    #[arg(long, value_name = "DIRECTORY")]
    floor: PathBuf,
    /// The vendor's CLI
    #[arg(long, value_name = "FILE")]
    vendor_cli: Option<PathBuf>,
    /// A checkout of the vendor's Action
    #[arg(long, value_name = "DIRECTORY")]
    vendor_action: Option<PathBuf>,
    /// How often to run each program
    #[arg(long, default_value_t = 100, value_name = "NUMBER")]
    rounds: usize,
    /// How long the measured wait takes, in seconds
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    wait: u64,
    /// The sizes of the spool to measure
    #[arg(long, value_delimiter = ',', default_values_t = [1, 100, 1_000], value_name = "NUMBERS")]
    spool: Vec<u64>,
    /// Print the figures only, and record nothing
    #[arg(long)]
    dry_run: bool,
}

fn main() -> ExitCode {
    match run(Flags::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("versioner-compare: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Action) -> anyhow::Result<()> {
    match command {
        Action::Compare(flags) => {
            let comparison = compare(&flags)?;
            let mut figures = if flags.dry_run { Figures::default() } else { Figures::load()? };
            figures.comparison = Some(comparison);
            finish(&figures, flags.dry_run)
        }
        Action::Fleet { million } => {
            let mut fleets: Vec<_> = fleet::all(million).into_iter().map(fleet::Fleet::run).collect();
            for result in fleets.iter_mut().filter(|result| !charts::shows(&result.fleet)) {
                result.per_second.clear();
            }
            finish(&Figures { fleets, ..Figures::load()? }, false)
        }
        Action::Size { versioner, symbols, features } => {
            let mut figures = Figures::load()?;
            let mut size = size::examine(&versioner, &symbols)?;
            size.features = match features {
                true => size::features(tempfile::tempdir()?.path(), size.file)?,
                false => figures.size.map(|size| size.features).unwrap_or_default(),
            };
            figures.size = Some(size);
            finish(&figures, false)
        }
        Action::Guard { x86_64, aarch64, record } => {
            // Calls run in a directory of their own.
            let binaries = guard::Binaries { x86_64: absolute(x86_64)?, aarch64: absolute(aarch64)? };
            println!("{}", guard::guard(&binaries, record)?);
            Ok(())
        }
        Action::Render => finish(&Figures::load()?, false),
    }
}

/// Prints the figures, and records them unless it is a dry run.
fn finish(figures: &Figures, dry_run: bool) -> anyhow::Result<()> {
    println!("{}", page::generated(figures));
    if dry_run {
        return Ok(());
    }
    figures.save()?;
    page::write(figures)
}

fn compare(flags: &CompareFlags) -> anyhow::Result<Comparison> {
    let programs = Programs {
        versioner: absolute(&flags.versioner)?,
        floor: absolute(&flags.floor)?,
        vendor_cli: flags.vendor_cli.as_ref().map(absolute).transpose()?,
        vendor_action: flags.vendor_action.as_ref().map(absolute).transpose()?,
    };
    let scratch = tempfile::tempdir()?;
    let directory = scratch.path();
    let server = Server::start(None)?;
    let ca = directory.join("ca.pem");
    std::fs::write(&ca, &server.ca_pem)?;
    let endpoint = Endpoint::new(&server, Transport::Http, &ca);
    let bench = tasks::Bench { programs: &programs, server: &server, endpoint: &endpoint, directory };
    eprintln!("measuring events …");
    let events = compare::events(&programs, &server, directory, &ca, flags.rounds)?;
    eprintln!("measuring other commands …");
    let tasks = bench.tasks(flags.rounds)?;
    let detection = tasks::detection(directory)?;
    eprintln!("measuring the spool …");
    let spool = bench.spool(&flags.spool)?;
    eprintln!("measuring a wait …");
    let wait = bench.wait(flags.wait)?;
    let (machine, sizes) = (machine::describe(&programs)?, machine::sizes(&programs)?);
    Ok(Comparison { machine, sizes, events, tasks, detection, wait, spool })
}
