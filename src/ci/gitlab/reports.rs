//! The files that a GitLab job uploads as reports: links for its page (annotations) and outputs (dotenv).
//!
//! Owns: their formats and limits, and what of them belongs to this job. Does not own: uploading them, which the job's
//! `artifacts:reports` configures.

use crate::ci::first;
use crate::ci::output_variables::{fits_environment, select, variable_name};
use crate::ci::surface::SurfaceError;
use crate::env::Env;
use crate::text;
use jiff::Timestamp;
use serde_json::{Map, Value, json};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// The file for the annotations report, and our section in it.
pub(super) const ANNOTATIONS: &str = "versioner-annotations.json";
pub(super) const SECTION: &str = "Versioner";
/// GitLab accepts annotations of up to 80 KB, with at most 1,000 links in a section.
const LARGEST_ANNOTATIONS: usize = 80_000;
const MOST_LINKS: usize = 1_000;
/// The file for the dotenv report.
pub(super) const DOTENV: &str = "versioner.env";
/// A dotenv report must be smaller than 5 KB, and has at most 20 variables unless the instance allows more.
const LARGEST_DOTENV: usize = 5_000;
const MOST_VARIABLES: usize = 20;

/// The reports of this job.
pub(super) struct Reports {
    directory: PathBuf,
    job_started: Option<SystemTime>,
}

impl Reports {
    pub(super) fn new(env: &Env) -> Self {
        Self {
            directory: PathBuf::from(env.get("CI_PROJECT_DIR").unwrap_or(".")),
            job_started: job_started(env, SystemTime::now()),
        }
    }

    /// Adds a link to the annotations. Within GitLab's limits, the last links remain.
    pub(super) fn add_link(&self, label: &str, url: &str) -> Result<(), SurfaceError> {
        let path = self.directory.join(ANNOTATIONS);
        let before = Content::read(&path)?;
        let mut report: Map<String, Value> = match &before {
            Some(before) => serde_json::from_str(&before.text)
                .map_err(|_| SurfaceError::not_ours(&path, "is not an annotations report"))?,
            None => Map::new(),
        };
        if self.is_of_earlier_job(before.as_ref()) {
            report.remove(SECTION);
        }
        let label = text::truncate(label, 255, "…", char::len_utf8);
        let link = json!({"external_link": {"label": label, "url": url}});
        let Some(section) = report.entry(SECTION).or_insert_with(|| json!([])).as_array_mut() else {
            return Err(SurfaceError::not_ours(&path, "its section Versioner is not a list"));
        };
        section.push(link);
        let excess = section.len().saturating_sub(MOST_LINKS);
        section.drain(..excess);
        let text = loop {
            let text = json!(report).to_string();
            match report.get_mut(SECTION).and_then(Value::as_array_mut) {
                Some(section) if text.len() > LARGEST_ANNOTATIONS && section.len() > 1 => drop(section.remove(0)),
                _ => break text,
            }
        };
        replace(&path, &text)
    }

    /// Adds outputs to the dotenv file. An output that is set again is replaced; other lines stay. Returns a line that names
    /// the outputs that are left out, or nothing.
    pub(super) fn set_variables(&self, outputs: &[(&str, String)]) -> Result<String, SurfaceError> {
        if outputs.is_empty() {
            return Ok(String::new());
        }
        let path = self.directory.join(DOTENV);
        let before = Content::read(&path)?;
        let is_of_earlier_job = self.is_of_earlier_job(before.as_ref());
        let names: Vec<String> = outputs.iter().map(|(name, _)| variable_name(name)).collect();
        // GitLab rejects a report in which a variable is there twice.
        let stays = |line: &&str| {
            let name = line.split_once('=').map_or(*line, |(name, _)| name.trim());
            !name.starts_with("VERSIONER_") || !(is_of_earlier_job || names.iter().any(|set| set == name))
        };
        let text = before.map_or_else(String::new, |before| before.text);
        let mut lines: Vec<String> = text.lines().filter(stays).map(str::to_owned).collect();
        let mut size: usize = lines.iter().map(|line| line.len() + 1).sum();
        let mut count = lines.len();
        let place = format!("{DOTENV} (lines without quotes or $, at most {MOST_VARIABLES}, below 5 KB)");
        let (selected, left_out) = select(outputs, &place, |name, value| {
            let new_size = size + name.len() + value.len() + 2;
            let fits = is_dotenv_value(value) && count < MOST_VARIABLES && new_size <= LARGEST_DOTENV;
            if fits {
                (count, size) = (count + 1, new_size);
            }
            fits
        });
        lines.extend(selected.into_iter().map(|(name, value)| format!("{name}={value}")));
        let text: String = lines.into_iter().map(|line| line + "\n").collect();
        replace(&path, &text)?;
        Ok(left_out)
    }

    /// Whether a file was last written before this job began. With `GIT_STRATEGY: none`, and between jobs in one directory, the
    /// files of the last job are still there, and must not count as this job's. Neither format has room for a job's id: a
    /// dotenv report allows no comments, and each of its variables reaches later jobs. So the time of the last change decides.
    fn is_of_earlier_job(&self, content: Option<&Content>) -> bool {
        let written = content.and_then(|content| content.written);
        self.job_started.zip(written).is_some_and(|(started, written)| written < started)
    }
}

/// When the job began. None if that is unknown, or if this machine's clock, which file times come from, is behind the server's:
/// then everything counts as this job's.
pub(super) fn job_started(env: &Env, now: SystemTime) -> Option<SystemTime> {
    let started: Timestamp = first(env, &["CI_JOB_STARTED_AT"])?.raw().parse().ok()?;
    Some(SystemTime::from(started)).filter(|started| *started <= now)
}

/// Whether a dotenv report holds `value` unchanged: GitLab trims values, and later expands `$`.
fn is_dotenv_value(value: &str) -> bool {
    fits_environment(value) && value.trim() == value && !value.contains(['"', '\'', '$'])
}

/// What is in a file.
struct Content {
    text: String,
    written: Option<SystemTime>,
}

impl Content {
    /// Reads the file at `path`, if it exists. None of ours is larger than the largest report.
    fn read(path: &Path) -> Result<Option<Self>, SurfaceError> {
        let failed = |error| SurfaceError::file(path, error);
        let written = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Ok(metadata) if metadata.is_file() && metadata.len() <= LARGEST_ANNOTATIONS as u64 => {
                metadata.modified().ok()
            }
            Ok(_) => return Err(SurfaceError::not_ours(path, "is too large, or not a regular file")),
            Err(error) => return Err(failed(error)),
        };
        Ok(Some(Self { text: fs::read_to_string(path).map_err(failed)?, written }))
    }
}

/// Replaces the file at `path` in one step: no report is ever incomplete.
fn replace(path: &Path, text: &str) -> Result<(), SurfaceError> {
    let mut unfinished = path.as_os_str().to_owned();
    unfinished.push(format!(".{}", std::process::id()));
    let unfinished = PathBuf::from(unfinished);
    fs::write(&unfinished, text).and_then(|()| fs::rename(&unfinished, path)).map_err(|error| {
        // If the file cannot be removed either, there is nothing else to do.
        let _ = fs::remove_file(&unfinished);
        SurfaceError::file(path, error)
    })
}
