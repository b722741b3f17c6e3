//! The settings of wrapping a command.
//!
//! Owns: the script, its patience, and what cannot be said together with it. Does not own: running it (`run`).

use super::resolver::Resolver;
use super::said::Source;
use crate::when::{self, read_duration};
use std::time::Duration;

/// How a command is wrapped.
#[derive(Clone, Debug)]
pub struct Wrapping {
    /// The script to wrap, where no command line is given.
    pub script: Option<String>,
    /// From a cancel until what is left of the command is killed.
    pub stop_timeout: Duration,
    /// Whether the command keeps the API key in its environment.
    pub keep_api_key: bool,
}

pub(super) fn read(resolver: &mut Resolver<'_>) -> Option<Wrapping> {
    let script = resolver.optional("run", &["run"], None, "a script", |script| Some(script.to_owned()));
    let stop_timeout = resolver.or_default("stop_timeout", "9s", when::DURATION_FORMS, read_duration);
    let keep_api_key = resolver.switch("keep_api_key", false);
    Some(Wrapping { script: script.map(|script| script.value), stop_timeout: stop_timeout?.value, keep_api_key })
}

/// A status is an error where a command is wrapped: the flag is known to the command line, an input is found here. The variable
/// `VERSIONER_STATUS` is left alone, for it is also the name under which our own output may reach a later job.
pub(super) fn check_run(resolver: &mut Resolver<'_>) {
    let status = resolver.said.pick(&["status"]).map(|given| given.source.clone());
    let source = match status {
        Some(Source::Flag(name)) => name,
        Some(Source::Variable(name)) if name.starts_with("INPUT_") => name,
        _ => return,
    };
    resolver.problems.push(format!("{} (It comes from {source}.)", crate::cli::STATUS_UNDER_RUN));
}
