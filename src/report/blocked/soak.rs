//! A version that has not been in an earlier environment for long enough.

use super::window::wait_it_out;
use super::{MANAGER, Parts, View, row, what_blocks};
use crate::gate::{BlockEnd, block_end};
use crate::model::block::Count;
use crate::report::markup::Text;
use crate::report::{links, times};
use crate::text::capitalize;
use std::time::Duration;

pub(super) fn parts(view: &View<'_>) -> Parts {
    let (details, now) = (&view.block.details, view.now());
    let so_far = match (&details.elapsed_hours, &details.required_hours) {
        (Some(elapsed), Some(required)) => Some(format!("{} of {} so far", hours(elapsed), hours(required))),
        (None, Some(required)) => Some(format!("{} required", hours(required))),
        (Some(elapsed), None) => Some(format!("{} so far", hours(elapsed))),
        (None, None) => None,
    };
    let end = block_end(view.block, now);
    let action = match &end {
        BlockEnd::Announced(moment, _) => {
            let at = times::end(moment.at);
            format!("{} after {}, {}.", view.again(), times::clock(at, now), times::relative(at, now))
        }
        BlockEnd::Passed(..) => format!("{} now.", view.again()),
        BlockEnd::Unknown => format!("{} when the soak time is over. The API did not say when.", view.again()),
    };
    let what = Text::default().value(capitalize(&what_blocks(view.block)));
    let sentence = match &end {
        BlockEnd::Announced(moment, _) => {
            what.words(" until ").computed(times::stamp(times::end(moment.at))).words(".")
        }
        BlockEnd::Passed(..) | BlockEnd::Unknown => what.words("."),
    };
    let mut rows = vec![view.rule_row(" (soak time)")];
    rows.extend(so_far.as_ref().map(|so_far| row("Soaked", Text::default().value(so_far))));
    if let BlockEnd::Announced(moment, _) = &end {
        let at = times::end(moment.at);
        rows.push(row(
            "Ends",
            Text::default().computed(times::stamp(at)).words(", ").computed(times::relative(at, now)),
        ));
    }
    Parts {
        still: format!("is still {}", what_blocks(view.block)),
        facts: view.rule_fact(so_far).into_iter().collect(),
        action,
        lift: Some(view.lift("Can't wait?")),
        sentence,
        rows,
        lifted_by: MANAGER,
        steps: vec![wait_it_out(view, &end), view.lift_step("Can't wait?")],
        page: links::SOAK,
    }
}

/// `24 h`, `11 h 40 min`.
fn hours(hours: &Count) -> String {
    let seconds = hours.as_f64().filter(|hours| (0.0..1e9).contains(hours)).map(|hours| hours * 3_600.0);
    seconds.map_or_else(
        || format!("{hours} h"),
        |seconds| match seconds < 86_400.0 * 4.0 {
            // People say 48 hours, not 2 days.
            true if seconds >= 3_600.0 => in_hours(Duration::from_secs_f64(seconds)),
            _ => times::minutes(Duration::from_secs_f64(seconds)),
        },
    )
}

fn in_hours(duration: Duration) -> String {
    let minutes = (duration.as_secs() + 30) / 60;
    match (minutes / 60, minutes % 60) {
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}
