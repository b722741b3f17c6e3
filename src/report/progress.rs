//! The lines of the log while an event is sent or a block is waited for.

use super::blocked::{format_limit, what_blocks};
use super::unavailable;
use crate::api::{Failure, SendProgress};
use crate::gate::wait::{Progress, ProgressKind};
use crate::gate::{BlockEnd, block_end};
use crate::model::time::format_duration;

/// The line for a progress report. `already_happened`: the event reports an end, so only its record waits.
#[must_use]
pub fn line(progress: &Progress<'_>, already_happened: bool) -> String {
    let end = match block_end(progress.block, progress.now) {
        BlockEnd::Announced(moment, _) => format!(", until {}", moment.format(progress.now)),
        BlockEnd::Passed(..) | BlockEnd::Unknown => String::new(),
    };
    let what = format!("{}{end}", what_blocks(progress.block));
    let next = progress
        .next_poll
        .map_or_else(|| "checking now".to_owned(), |next_poll| format!("next check in {}", format_duration(next_poll)));
    let left = format_duration(progress.left);
    match progress.kind {
        ProgressKind::Begun => {
            let waiting = if already_happened { "waiting, only to record the event" } else { "waiting" };
            format!("{waiting}: {what}; at most {left} ({}); {next}", format_limit(Some(progress.limit)))
        }
        ProgressKind::NewReason => format!("now waiting for another reason: {what}; {left} left; {next}"),
        ProgressKind::Waiting => {
            format!("still waiting: {what}; {} so far, {left} left, {next}", format_duration(progress.waited))
        }
    }
}

/// The line that announces a retry.
#[must_use]
pub fn retry(progress: &SendProgress<'_>) -> Option<String> {
    let SendProgress::Retrying { failure, pause, requests, retries } = progress else { return None };
    let failure = match failure {
        Failure::Unavailable(unavailable) => unavailable::summary(unavailable),
        Failure::Truncated(status) => format!("the reply ({status}) was cut short"),
    };
    Some(format!("{failure}; retry in {:.1} s ({requests} of {retries})", pause.as_secs_f64()))
}

/// The line for debugging: a request or a reply, unsanitized.
#[must_use]
pub fn debug(progress: &SendProgress<'_>) -> Option<String> {
    match progress {
        SendProgress::Retrying { .. } | SendProgress::Attempt => None,
        SendProgress::Request { url, body } => Some(format!("POST {url} {}", String::from_utf8_lossy(body))),
        SendProgress::Reply { status, headers, body } => {
            let headers: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}")).collect();
            Some(format!("reply {status} [{}] {}", headers.join("; "), String::from_utf8_lossy(body)))
        }
    }
}
