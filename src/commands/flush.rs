//! `versioner flush`: delivers spooled events.

use crate::delivery::{FlushOptions, Session};
use crate::model::message::Level;
use crate::model::outcome::Outcome;
use crate::report::{Outputs, spool as words};
use crate::text::Foreign;

/// Delivers all events that can be delivered. Returns the exit code: 0 if none is left.
pub(super) async fn flush(session: &Session<'_>) -> u8 {
    let (outcome, outputs) = deliver_all(session).await;
    session.set_outputs(outputs);
    outcome.exit_code()
}

async fn deliver_all(session: &Session<'_>) -> (Outcome, Outputs) {
    let Some(spool) = &session.spool else {
        session.console.line("nothing to deliver: there is no directory for spooled events (spool_dir)");
        return (Outcome::Done, Outputs::default());
    };
    let directory = Foreign::new(spool.path().display().to_string());
    if spool.is_empty() {
        session.console.line(&format!("nothing to deliver: {directory} has no events"));
        return (Outcome::Done, Outputs::default());
    }
    let lock_timeout = session.settings.wait.timeout;
    let options = FlushOptions { client: session.client.clone(), limit: None, lock_timeout };
    let flushed = match session.flush(spool, &options).await {
        Ok(flushed) => flushed,
        Err(error) => {
            let message = format!(
                "{error}.\nNext: correct that, then run 'versioner flush' again. The events stay in the spool."
            );
            session.console.annotate(Level::Error, "Spooled events cannot be delivered", &message);
            return (Outcome::Misconfigured, Outputs::default());
        }
    };
    session.report_other_keys(&flushed);
    let count = flushed.left.len() + flushed.newer;
    if count == 0 {
        let left = if flushed.others.is_empty() { "none is left" } else { "none of this API key is left" };
        session.console.line(&format!("delivered {}; {left} in {directory}", words::events(flushed.delivered)));
        let outcome = (flushed.delivered > 0).then_some("recorded");
        return (Outcome::Done, Outputs { outcome, ..Outputs::default() });
    }
    let left = words::Left {
        count,
        delivered: flushed.delivered,
        newer: flushed.newer,
        failure: flushed.failure.as_deref(),
        directory: &directory,
    };
    session.show(&left.report());
    (Outcome::Lost { rejected: false }, Outputs { outcome: Some("spooled"), ..Outputs::default() })
}
