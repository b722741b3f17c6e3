//! The recorded figures: what the page and the charts are made of.
//!
//! Each command replaces its own part of `benches/figures.json` and keeps the others.

use crate::contender::Transport;
use crate::fleet::FleetResult;
use crate::measure::Spread;
use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// All recorded figures. A part that was never measured is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) comparison: Option<Comparison>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) fleets: Vec<FleetResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<Size>,
}

/// What the `compare` command measures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Comparison {
    /// What it was measured on: name and value.
    pub(crate) machine: Vec<(String, String)>,
    /// The file sizes of the programs, in bytes, by the id of the contender.
    pub(crate) sizes: Vec<(String, u64)>,
    pub(crate) events: Vec<EventFigures>,
    pub(crate) tasks: Vec<TaskFigures>,
    /// Microseconds for detecting the CI system and reading its run, in process.
    pub(crate) detection: Vec<(String, Spread)>,
    pub(crate) wait: WaitFigures,
    pub(crate) spool: Vec<SpoolFigures>,
}

/// One event, sent by each contender.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct EventFigures {
    pub(crate) transport: Transport,
    /// How long the server waits before it replies.
    pub(crate) delay_ms: u64,
    pub(crate) rounds: usize,
    pub(crate) contenders: Vec<ContenderFigures>,
}

/// Times in microseconds, memory in KiB.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct ContenderFigures {
    pub(crate) id: String,
    pub(crate) wall: Spread,
    pub(crate) cpu: Spread,
    pub(crate) memory: Spread,
    pub(crate) system_calls: u64,
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    /// The time of `versioner` by the time of this contender, in the same round.
    pub(crate) ratio: Spread,
    /// The same for the CPU time, which depends less on what else runs.
    pub(crate) cpu_ratio: Spread,
}

/// Another command of the program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct TaskFigures {
    pub(crate) name: String,
    pub(crate) requests: u64,
    pub(crate) wall: Spread,
    pub(crate) cpu: Spread,
    pub(crate) memory: Spread,
    pub(crate) system_calls: u64,
}

/// One wait for an announced end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct WaitFigures {
    pub(crate) seconds: f64,
    pub(crate) requests: u64,
    pub(crate) cpu_ms: f64,
    /// How often the process woke up.
    pub(crate) wake_ups: u64,
    pub(crate) memory_kib: u64,
}

/// The spool with a number of events. Times in microseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SpoolFigures {
    pub(crate) events: u64,
    /// One more event that cannot be delivered.
    pub(crate) keep_one: Spread,
    /// Delivering all of them.
    pub(crate) flush: f64,
}

/// The size of the program, in bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Size {
    pub(crate) file: u64,
    pub(crate) sections: Vec<(String, u64)>,
    pub(crate) crates: Vec<(String, u64)>,
    /// The program's own code, by the top-level module.
    pub(crate) modules: Vec<(String, u64)>,
    pub(crate) functions: Vec<(String, u64)>,
    /// The largest constants and variables.
    pub(crate) data: Vec<(String, u64)>,
    /// What the file would be smaller by without a feature. `None`: the program does not build without it.
    #[serde(default)]
    pub(crate) features: Vec<(String, Option<i64>)>,
}

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub(crate) fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
    serde_json::from_str(&text).with_context(|| path.display().to_string())
}

pub(crate) fn write_json(path: &Path, value: &impl Serialize) -> anyhow::Result<()> {
    let text = serde_json::to_string_pretty(value)? + "\n";
    std::fs::write(path, text).with_context(|| path.display().to_string())
}

fn file() -> PathBuf {
    root().join("benches/figures.json")
}

impl Figures {
    pub(crate) fn load() -> anyhow::Result<Self> {
        read_json(&file())
    }

    pub(crate) fn save(&self) -> anyhow::Result<()> {
        write_json(&file(), self)
    }
}
