//! The guard against regressions: instructions, system calls and sizes against recorded ones. No time decides anything.
//!
//! The calls use plain HTTP. What a TLS handshake executes depends on the processor, as the cryptography chooses among
//! implementations; musl and the rest of a call do not, but for AVX2 in searching bytes, which every machine of today has.
//! Each number is the smallest of several runs: when replies arrive late, a call sleeps and wakes once more.

use crate::contender::{ACTION_INPUTS, Endpoint, Invocation, KEY, Programs, Transport, versioner};
use crate::figures::{read_json, root, write_json};
use crate::measure::{instructions, system_calls};
use crate::server::Server;
use anyhow::bail;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const RUNS: usize = 5;

/// The limit of a change, in percent.
const TOLERANCE: f64 = 10.0;

/// The command that records new figures.
const RECORD: &str = "benches/run.sh guard --record";

/// A figure's name and value.
type Recorded = BTreeMap<String, u64>;

/// The programs whose sizes are guarded.
pub(crate) struct Binaries {
    pub(crate) x86_64: PathBuf,
    pub(crate) aarch64: PathBuf,
}

/// Measures the binaries, and compares or records the figures. Returns what to print.
///
/// # Errors
/// If a figure differs by more than 10 % from the recorded one.
pub(crate) fn guard(binaries: &Binaries, record: bool) -> anyhow::Result<String> {
    let file = root().join("benches/guard.json");
    let measured = measure(binaries)?;
    if record {
        write_json(&file, &measured)?;
        return Ok(table(&measured, &measured));
    }
    let recorded: Recorded = read_json(&file)?;
    let problems = compare(&recorded, &measured);
    let table = table(&recorded, &measured);
    if problems.is_empty() { Ok(table) } else { bail!("{table}\n{}", problems.join("\n")) }
}

fn measure(binaries: &Binaries) -> anyhow::Result<Recorded> {
    // The same bytes in every run, the date included.
    let server = Server::start(Some("Fri, 28 Nov 2025 12:00:00 GMT"))?;
    let scratch = tempfile::Builder::new().prefix("guard-").rand_bytes(6).tempdir()?;
    let mut figures = Recorded::new();
    for call in calls(&binaries.x86_64, &server, scratch.path()) {
        run_successfully_once(&call)?;
        let smallest = |measure: &dyn Fn() -> anyhow::Result<u64>| -> anyhow::Result<u64> {
            let mut smallest = u64::MAX;
            for _ in 0..RUNS {
                smallest = smallest.min(measure()?);
            }
            Ok(smallest)
        };
        figures.insert(format!("{}: instructions", call.id), smallest(&|| instructions(&call))?);
        figures.insert(format!("{}: system calls", call.id), smallest(&|| system_calls(&call, scratch.path()))?);
    }
    for (name, file) in [("size: x86-64", &binaries.x86_64), ("size: aarch64", &binaries.aarch64)] {
        figures.insert(name.to_owned(), std::fs::metadata(file)?.len());
    }
    Ok(figures)
}

fn run_successfully_once(call: &Invocation) -> anyhow::Result<()> {
    let output = call.command().output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    anyhow::ensure!(output.status.success(), "{} ended with {}: {text}", call.id, output.status);
    Ok(())
}

/// A bare call, as the Action makes it, and `track` with five flags.
fn calls(program: &Path, server: &Server, directory: &Path) -> [Invocation; 2] {
    let programs =
        Programs { versioner: program.to_owned(), floor: PathBuf::new(), vendor_cli: None, vendor_action: None };
    let endpoint = Endpoint::new(server, Transport::Http, directory);
    let bare = Invocation::new("bare call", program, directory)
        .variables(ACTION_INPUTS)
        .variable("RUNNER_TEMP", directory)
        .variable("GITHUB_OUTPUT", directory.join("output"))
        .variable("INPUT_API_URL", &endpoint.url)
        .variable("INPUT_API_KEY", KEY);
    let flags = ["--product", "shop", "--version", "1.4.2", "--environment", "staging", "--status", "completed"];
    let flags = [&["track", "deployment"], &flags[..], &["--build-number", "42"]].concat();
    [bare, versioner("track, five flags", &programs, &endpoint, directory, &flags)]
}

/// What is wrong with `measured`.
fn compare(recorded: &Recorded, measured: &Recorded) -> Vec<String> {
    let of = |(name, value): (&String, &u64)| {
        let Some(before) = recorded.get(name) else {
            return Some(format!("{name}: nothing is recorded. Record it: {RECORD}"));
        };
        let change = percent(*before, *value);
        if change > TOLERANCE {
            Some(format!("{name}: {change:.1} % above the recorded {before}. If that is intended, record it: {RECORD}"))
        } else if change < -TOLERANCE {
            Some(format!("{name}: {:.1} % below the recorded {before}. Record it, to keep it: {RECORD}", -change))
        } else {
            None
        }
    };
    let gone = recorded.keys().filter(|name| !measured.contains_key(*name));
    let gone = gone.map(|name| format!("{name}: recorded, but not measured. Record again: {RECORD}"));
    measured.iter().filter_map(of).chain(gone).collect()
}

fn percent(before: u64, now: u64) -> f64 {
    (now as f64 - before as f64) * 100.0 / before as f64
}

fn table(recorded: &Recorded, measured: &Recorded) -> String {
    let line = |(name, value): (&String, &u64)| match recorded.get(name) {
        Some(before) => format!("{name:<32}{value:>12} {:>+6.1} %", percent(*before, *value)),
        None => format!("{name:<32}{value:>12}"),
    };
    measured.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(value: u64) -> Recorded {
        [("calls".to_owned(), value)].into()
    }

    #[test]
    fn changes_up_to_10_percent_pass() {
        for value in [900, 1_000, 1_100] {
            assert_eq!(compare(&figures(1_000), &figures(value)), [] as [&str; 0], "{value}");
        }
    }

    #[test]
    fn larger_changes_fail_in_both_directions() {
        let worse = compare(&figures(1_000), &figures(1_101));
        assert_eq!(worse.len(), 1);
        assert!(worse[0].contains("10.1 % above the recorded 1000"), "{worse:?}");
        let better = compare(&figures(1_000), &figures(899));
        assert!(better[0].contains("10.1 % below the recorded 1000. Record it"), "{better:?}");
        assert!(better[0].contains(RECORD));
    }

    #[test]
    fn figures_that_are_missing_on_either_side_fail() {
        assert_eq!(compare(&Recorded::new(), &figures(1)).len(), 1);
        assert_eq!(compare(&figures(1), &Recorded::new()).len(), 1);
    }

    #[test]
    fn recorded_figures_are_those_that_are_measured() {
        let recorded: Recorded = read_json(&root().join("benches/guard.json")).unwrap();
        let names: Vec<&str> = recorded.keys().map(String::as_str).collect();
        let calls = ["bare call: instructions", "bare call: system calls"];
        let track = ["track, five flags: instructions", "track, five flags: system calls"];
        assert_eq!(names, [&calls[..], &["size: aarch64", "size: x86-64"], &track[..]].concat());
    }
}
