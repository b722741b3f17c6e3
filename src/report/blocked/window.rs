//! A no-deploy window.

use super::{MANAGER, Parts, View, row, what_blocks};
use crate::gate::{BlockEnd, block_end};
use crate::model::block::Block;
use crate::model::time::Moment;
use crate::report::layout::{Row, Step};
use crate::report::markup::{Text, words};
use crate::report::{links, times};
use crate::text::Foreign;
use jiff::tz::Offset;

pub(super) fn parts(view: &View<'_>) -> Parts {
    let (block, now) = (view.block, view.now());
    let mut facts: Vec<String> =
        view.rule_fact(block.details.reason.as_ref().map(Foreign::to_string)).into_iter().collect();
    let end = block_end(block, now);
    let zone = zone(block);
    let action = match &end {
        BlockEnd::Announced(moment, _) => {
            let at = times::end(moment.at);
            facts.push(format!("Ends: {}, {}", times::in_zones(at, zone), times::relative(at, now)));
            format!("{} after {}.", view.again(), times::clock(at, now))
        }
        BlockEnd::Passed(moment, _) => {
            facts.push(format!("Ended: {}, {}", times::in_zones(moment.at, zone), times::relative(moment.at, now)));
            format!("{} now.", view.again())
        }
        BlockEnd::Unknown => format!("{} when the window has ended. The API did not say when.", view.again()),
    };
    let mut rows = vec![view.rule_row(" (no-deploy window)")];
    rows.extend(block.details.reason.as_ref().map(|reason| row("Why", Text::default().value(reason))));
    rows.extend(window_row(view, &end));
    rows.extend(passed_row(view, &end));
    Parts {
        still: format!("is still blocked by {}", what_blocks(block)),
        facts,
        action,
        lift: Some(view.lift("Can't wait?")),
        sentence: sentence(view, &end),
        rows,
        lifted_by: MANAGER,
        steps: vec![wait_it_out(view, &end), view.lift_step("Can't wait?")],
        page: links::WINDOW,
    }
}

fn sentence(view: &View<'_>, end: &BlockEnd) -> Text {
    let text = match view.block.rule() {
        Some(rule) => words("No-deploy window ").code(rule),
        None => words("No-deploy window"),
    };
    match end {
        BlockEnd::Announced(moment, _) => {
            text.words(" until ").computed(times::stamp(times::end(moment.at))).words(".")
        }
        BlockEnd::Passed(..) | BlockEnd::Unknown => text.words("."),
    }
}

/// The window in its own zone, and when it ends.
fn window_row(view: &View<'_>, end: &BlockEnd) -> Option<Row> {
    let (details, zone) = (&view.block.details, zone(view.block));
    let (to, when) = match (end, &details.window_end) {
        (BlockEnd::Announced(moment, _), _) => (times::end(moment.at), "ends "),
        (BlockEnd::Passed(..) | BlockEnd::Unknown, Some((moment, _))) => (moment.at, "ended "),
        (BlockEnd::Passed(moment, _), None) => (moment.at, "ended "),
        (BlockEnd::Unknown, None) => return None,
    };
    let window = Text::default().computed(times::span(details.window_start, to, zone)).words("; ").words(when);
    Some(row("Window", window.computed(times::relative(to, view.now()))))
}

/// An announced time that has passed, while the window has not ended.
fn passed_row(view: &View<'_>, end: &BlockEnd) -> Option<Row> {
    let (BlockEnd::Announced(_, used), Some((moment, written))) = (end, &view.block.retry_after) else { return None };
    let passed = Text::default().computed(times::stamp(moment.at)).words(" has passed: the window's end counts");
    (used != written).then(|| row("Retry after", passed))
}

/// What to do until a block ends.
pub(super) fn wait_it_out(view: &View<'_>, end: &BlockEnd) -> Step {
    let again = view.again_link();
    match end {
        BlockEnd::Announced(moment, _) => {
            let at = times::clock(times::end(moment.at), view.now());
            Step::new("Wait it out:", again.words(" after ").computed(at).words("."))
        }
        BlockEnd::Passed(..) => Step::new("It is over:", again.words(" now.")),
        BlockEnd::Unknown => Step::new("Wait it out:", again.words(" when it has ended. The API did not say when.")),
    }
}

/// The time zone of the window: the first offset other than UTC among its times.
fn zone(block: &Block) -> Option<Offset> {
    let details = &block.details;
    let end = |end: &Option<(Moment, Foreign)>| end.as_ref().map(|(moment, _)| *moment);
    [end(&details.window_end), details.window_start, end(&block.retry_after)]
        .into_iter()
        .flatten()
        .map(|moment| moment.offset)
        .find(|offset| *offset != Offset::UTC)
}
