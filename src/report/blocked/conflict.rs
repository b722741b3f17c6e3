//! Another deployment in progress.

use super::{Parts, View, row};
use crate::gate::StaleConflict;
use crate::model::block::Block;
use crate::report::context::ReportContext;
use crate::report::layout::{Row, Step};
use crate::report::markup::{Text, words};
use crate::report::{links, times};
use crate::text::Foreign;
use jiff::Timestamp;

pub(super) fn parts(view: &View<'_>) -> Parts {
    let mut facts = Vec::new();
    if let Some((line, link)) = blocked_by(view.context, view.block, view.now()) {
        facts.push(format!("Blocked by: {line}"));
        facts.extend(link);
    }
    let target = view.context.target();
    let (action, lift) = match view.stale {
        Some(_) => (
            format!(
                "make sure that nothing is being deployed to {target}, close that deployment, then {}: {}",
                view.again(),
                closing_command(view)
            ),
            None,
        ),
        None if !view.block.readable => {
            (format!("check in the console that nothing is being deployed to {target}, then {}.", view.again()), None)
        }
        None => (format!("let it finish, then {}.", view.again()), Some(is_it_dead(view))),
    };
    Parts {
        still: "is still blocked by another deployment".to_owned(),
        facts,
        action,
        lift,
        sentence: sentence(view),
        rows: rows(view),
        lifted_by: "whoever runs that deployment",
        steps: steps(view),
        page: links::CONFLICT,
    }
}

/// The other deployment in one line, and its page in the console. Without a page, its whole id is in the line.
pub(in crate::report) fn blocked_by(
    context: ReportContext<'_>,
    block: &Block,
    now: Timestamp,
) -> Option<(String, Option<String>)> {
    let details = &block.details;
    let link = details.conflicting_id.as_ref().and_then(|id| context.deployment_link(id));
    let id = details.conflicting_id.as_ref().map(|id| if link.is_some() { short(id) } else { id.clean() });
    if id.is_none() && details.conflicting_started.is_none() {
        return None;
    }
    let mut line = id.map_or_else(|| "a deployment".to_owned(), |id| format!("deployment {id}"));
    if let Some(version) = &details.conflicting_version {
        line.push_str(&format!(" of {version}"));
    }
    if let Some(started) = details.conflicting_started {
        line.push_str(&format!(", started {}, {}", times::stamp(started.at), times::relative(started.at, now)));
    }
    Some((line, link))
}

/// The first part of a UUID, which is enough to recognize it. Any other id as it is.
fn short(id: &Foreign) -> &str {
    let id = id.clean();
    let parts: Vec<&str> = id.split('-').collect();
    let is_uuid = parts.iter().map(|part| part.len()).eq([8, 4, 4, 4, 12])
        && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    if is_uuid { parts[0] } else { id }
}

fn is_it_dead(view: &View<'_>) -> String {
    match view.context.has_summary {
        true => "Is its job dead? See the job summary for how to close it.".to_owned(),
        false => format!("Is its job dead? Close it: {}", closing_command(view)),
    }
}

fn closing_command(view: &View<'_>) -> String {
    let theirs = view.block.details.conflicting_version.as_ref();
    let own = Some(&view.context.event.version.value).filter(|_| view.stale == Some(StaleConflict::OwnAttempt));
    view.context.closing_command(theirs.or(own))
}

fn sentence(view: &View<'_>) -> Text {
    let target = view.context.target();
    let started = view.block.details.conflicting_started.filter(|started| started.at <= view.now());
    match started {
        _ if !view.block.readable => words("Another deployment to ").value(target).words(" may be in progress."),
        Some(started) => {
            let age = times::minutes(view.now().duration_since(started.at).unsigned_abs());
            words("Another deployment to ").value(target).words(" has been running for ").computed(age).words(".")
        }
        None => words("Another deployment to ").value(target).words(" is in progress."),
    }
}

fn rows(view: &View<'_>) -> Vec<Row> {
    let details = &view.block.details;
    let mut rows = Vec::new();
    if let Some(id) = &details.conflicting_id {
        let link = view.context.deployment_link(id);
        let label = if link.is_some() { short(id) } else { id.clean() };
        let mut text = Text::default().linked_value(label, link);
        if let Some(version) = &details.conflicting_version {
            text = text.words(", version ").code(version);
        }
        if let Some(status) = &details.conflicting_status {
            text = text.words(" (").value(status.clean().replace('_', " ")).words(")");
        }
        rows.push(row("Blocked by", text));
    }
    rows.extend(details.conflicting_started.map(|started| {
        let relative = times::relative(started.at, view.now());
        row("Started", Text::default().computed(times::stamp(started.at)).words(", ").computed(relative))
    }));
    rows
}

fn steps(view: &View<'_>) -> Vec<Step> {
    let close = |title, text| Step { title, text, command: Some(closing_command(view)) };
    let again = || words("then ").and(view.again_link()).words(".");
    let target = view.context.target();
    match view.stale {
        Some(_) => vec![
            Step::new("Look:", words("make sure that nothing is being deployed to ").value(target).words(".")),
            close("Close that deployment,", words("then ").and(view.again_link()).words(".")),
        ],
        None if !view.block.readable => vec![Step::new(
            "Look:",
            words("check in ")
                .link("the console", view.context.console())
                .words(" that nothing is being deployed to ")
                .value(target)
                .words(", ")
                .and(again()),
        )],
        None => vec![
            Step::new("Let it finish,", again()),
            close("Is its job dead?", words("Make sure that it no longer deploys, close it, ").and(again())),
        ],
    }
}
