//! The settings of `run`.

use super::resolver::Resolver;
use crate::model::event::Event;
use crate::model::time::{DURATION_FORMS, format_duration, parse_duration};
use std::ffi::OsString;
use std::time::Duration;

/// A deployment to wrap.
#[derive(Debug)]
pub struct RunPlan {
    /// Its `started` event.
    pub event: Event,
    pub command: RunCommand,
    /// From a cancel to SIGKILL.
    pub stop_timeout: Duration,
    /// Whether the command keeps the API key in its environment.
    pub keep_api_key: bool,
}

/// What to run.
#[derive(Clone, Debug)]
pub enum RunCommand {
    /// A program with its arguments.
    Words(Vec<OsString>),
    /// A shell script.
    Script(String),
}

/// The settings of `run` apart from the event.
pub(super) struct RunSettings {
    pub(super) script: Option<String>,
    pub(super) stop_timeout: Option<Duration>,
    pub(super) keep_api_key: bool,
}

pub(super) fn resolve(resolver: &mut Resolver<'_>, default_stop_timeout: Duration) -> RunSettings {
    let script = resolver.optional("run", &["run"], None, "a script", |script| Some(script.to_owned()));
    let default = format_duration(default_stop_timeout).replace(' ', "");
    let stop_timeout = resolver.with_default("stop_timeout", &default, DURATION_FORMS, parse_duration);
    let keep_api_key = resolver.switch("keep_api_key", false);
    RunSettings {
        script: script.map(|script| script.value),
        stop_timeout: stop_timeout.map(|timeout| timeout.value),
        keep_api_key,
    }
}
