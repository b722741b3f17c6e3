//! `versioner flush`: delivers spooled events, and lists those that are set aside.

use crate::delivery::{FlushOptions, Session};
use crate::files::FileError;
use crate::model::message::Level;
use crate::model::outcome::Outcome;
use crate::report::{Outputs, spool as words};
use crate::settings::FlushPlan;
use crate::state::Spool;
use crate::text::Foreign;
use std::path::Path;

/// Delivers all events that can be delivered. Returns the exit code: 0 if none is left or set aside.
pub(super) async fn flush(session: &Session<'_>, plan: FlushPlan) -> u8 {
    let delivered = match &session.spool {
        Some(spool) => deliver_all(session, spool, plan).await,
        None => {
            session.console.line(words::NO_DIRECTORY);
            Ok((Outcome::Done, Outputs::default()))
        }
    };
    let (outcome, outputs) = delivered.unwrap_or_else(|error| {
        session.console.annotate(Level::Error, words::UNUSABLE_TITLE, &words::unusable_message(&error.to_string()));
        (Outcome::Misconfigured, Outputs::default())
    });
    session.set_outputs(outputs);
    outcome.exit_code()
}

async fn deliver_all(session: &Session<'_>, spool: &Spool, plan: FlushPlan) -> Result<(Outcome, Outputs), FileError> {
    let directory = shown(&spool.path());
    if spool.is_empty() && spool.set_aside_events()?.is_empty() {
        session.console.line(&words::nothing_to_deliver(&directory));
        return Ok((Outcome::Done, Outputs::default()));
    }
    let options = FlushOptions {
        client: session.client.clone(),
        limit: None,
        lock_timeout: session.settings.wait.timeout,
        retry_set_aside: plan.retry_set_aside,
    };
    let flushed = session.flush(spool, &options).await?;
    session.report_other_keys(&flushed);
    let set_aside = list_set_aside(session, spool)?;
    let count = flushed.left.len() + flushed.newer;
    if count == 0 && set_aside == 0 {
        let others_are_left = !flushed.others.is_empty();
        session.console.line(&words::all_delivered(flushed.delivered, others_are_left, &directory));
        let outcome = (flushed.delivered > 0).then_some("recorded");
        return Ok((Outcome::Done, Outputs { outcome, ..Outputs::default() }));
    }
    let left = words::Left {
        count,
        delivered: flushed.delivered,
        newer: flushed.newer,
        set_aside,
        failure: flushed.failure.as_deref(),
        directory: &directory,
        set_aside_directory: &shown(&spool.set_aside_path()),
    };
    session.show(&left.report());
    // An event that is set aside is neither recorded nor delivered later without a person.
    let outcome = (count > 0).then_some("spooled");
    Ok((Outcome::Lost { rejected: false }, Outputs { outcome, ..Outputs::default() }))
}

/// Lists the set-aside events. Returns how many there are of this API key, with the files that cannot be read.
fn list_set_aside(session: &Session<'_>, spool: &Spool) -> Result<usize, FileError> {
    let set_aside = spool.set_aside_events()?;
    for file in &set_aside.files {
        session.console.line(&words::set_aside_file(file));
    }
    for (key, count) in &set_aside.others {
        session.console.line(&words::set_aside_of_another_key(key, *count));
    }
    Ok(set_aside.files.len())
}

fn shown(path: &Path) -> Foreign {
    Foreign::new(path.display().to_string())
}
