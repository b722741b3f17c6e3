//! `versioner flush`: delivers what could not be delivered before.
//!
//! Owns: what is said of it. Does not own: delivering (`keep`).

use super::call::Call;
use super::keep::{Effort, events};
use crate::ci::surface::Level;
use crate::outcome::Outcome;
use crate::report::card::Card;
use crate::report::outputs::Outputs;
use crate::text::shown;

/// Delivers all that can be delivered: done when nothing is left.
pub(super) async fn flush(call: &Call<'_>) -> Outcome {
    let Some(spool) = &call.spool else {
        call.console.line("nothing to deliver: nothing is kept, because there is no directory for it (spool_dir)");
        call.hand_on(Outputs::default());
        return Outcome::Done;
    };
    let place = shown(&spool.path().display().to_string());
    if spool.is_empty() {
        call.console.line(&format!("nothing to deliver: {place} holds no events"));
        call.hand_on(Outputs::default());
        return Outcome::Done;
    }
    let delivered = match call
        .deliver(spool, &Effort { client: call.client.clone(), limit: None, patience: call.settings.waiting.timeout })
        .await
    {
        Ok(delivered) => delivered,
        Err(problem) => {
            let message =
                format!("{problem}.\nNext: mend that, then run 'versioner flush' again. What is kept stays there.");
            call.console.annotate(Level::Error, "What is kept cannot be delivered", &message);
            call.hand_on(Outputs::default());
            return Outcome::Misconfigured;
        }
    };
    call.name_others(&delivered);
    let left = delivered.left.len() + delivered.newer;
    if left == 0 {
        let left = if delivered.others.is_empty() { "nothing is left" } else { "nothing of this API key is left" };
        call.console.line(&format!("delivered {}; {left} in {place}", events(delivered.count)));
        let outcome = (delivered.count > 0).then_some("recorded");
        call.hand_on(Outputs { outcome, ..Outputs::default() });
        return Outcome::Done;
    }
    let mut card = Card::new(Level::Error, format!("{} still to be delivered", events(left)));
    card.lead.extend(delivered.failure.as_ref().map(|failure| format!("{failure}.")));
    if delivered.newer > 0 {
        card.lead.push(format!(
            "{} were written by a newer version of versioner: deliver them with that.",
            events(delivered.newer)
        ));
    }
    card.fact("Delivered", Some(events(delivered.count)));
    card.fact("Kept in", Some(place));
    card.next.push("Run 'versioner flush' again once that is mended; nothing is lost meanwhile.".to_owned());
    call.show(&card);
    call.hand_on(Outputs { outcome: Some("spooled"), ..Outputs::default() });
    Outcome::Lost
}
