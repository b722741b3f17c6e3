//! What to do about a rejection, per code.

use super::Field;
use crate::model::event::EventType;
use crate::model::verdict::Rejection;
use crate::report::context::ReportContext;
use crate::report::layout::Step;
use crate::report::markup::{Text, words};

/// What to do, most useful first.
pub(super) fn advice(context: ReportContext<'_>, rejection: &Rejection, fields: &[Field<'_>]) -> Vec<Step> {
    let (api, event) = (context.api(), context.event);
    let keys = || context.keys_page();
    match rejection.status {
        300..=399 => vec![Step::new(
            "Set",
            Text::default()
                .setting("api_url")
                .words(" to the API's own address (now ")
                .value(api.address())
                .words(")."),
        )],
        400 => vec![
            Step::new("Check", words("any proxy or gateway that rewrites requests: the API could not read this one.")),
            Step::new(
                "No proxy?",
                words("Run this again with ").setting("debug: true").words(" and report the request and the reply."),
            ),
        ],
        401 => vec![Step::new(
            "Check",
            words("that the secret holds the whole key and that the key still exists: ")
                .and(keys())
                .words(". An Admin can create a new one."),
        )],
        403 => vec![Step::new(
            "Check",
            words("that the key belongs to the account of ")
                .value(&event.product.value)
                .words(": ")
                .and(keys())
                .words(". An Admin can create another one."),
        )],
        404 => vec![Step::new(
            "Check",
            Text::default()
                .setting("api_url")
                .words(": it must be the API's base address. ")
                .value(event.event_type.word())
                .words("-events/ is added to it."),
        )],
        409 => conflict_advice(context),
        413 => vec![Step::new(
            "Make",
            Text::default().setting("metadata").words(" smaller: the API accepts at most 100 KB."),
        )],
        422 => field_advice(context, fields),
        _ => vec![Step::new(
            "Look up",
            words("what the API says: a retry will not help. With ")
                .setting("debug: true")
                .words(", the log shows request and reply."),
        )],
    }
}

/// What to do about invalid fields.
fn field_advice(context: ReportContext<'_>, fields: &[Field<'_>]) -> Vec<Step> {
    let then_again = |words_before: &'static str| words(words_before).and(context.again_link()).words(".");
    match fields {
        [] => vec![Step::new(
            "Correct",
            words("what the API names. ")
                .setting("versioner check")
                .words(" shows each setting and where it comes from."),
        )],
        [field] if field.permitted => vec![Step::new("Use", then_again("one of these values, then "))],
        [_] => vec![Step::new("Correct", then_again("this setting, then "))],
        _ => vec![Step::new("Correct", then_again("these settings, then "))],
    }
}

fn conflict_advice(context: ReportContext<'_>) -> Vec<Step> {
    let event = context.event;
    match &event.sha {
        Some(_) => vec![
            Step::new("Has the code changed?", words("Use a new version: a version belongs to one commit forever.")),
            Step::new(
                "Is the version right?",
                words("Set ").setting("scm_sha: none").words(", and no commit is sent. Waiting does not help."),
            ),
        ],
        None => {
            let not_a_block = if event.event_type == EventType::Deployment { " Waiting does not help." } else { "" };
            vec![Step::new(
                "Look up",
                Text::default()
                    .value(context.version())
                    .words(" in the console, or use a new version.")
                    .words(not_a_block),
            )]
        }
    }
}
