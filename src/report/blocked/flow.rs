//! An environment that was skipped, or a rule of a kind that this version does not know.

use super::{MANAGER, Parts, View, join, row, what_blocks};
use crate::report::layout::Step;
use crate::report::links;
use crate::report::markup::{Text, words};
use crate::text::capitalize;

pub(super) fn parts(view: &View<'_>) -> Parts {
    let environments = &view.block.details.environments;
    let in_order = join(environments, ", then to ");
    let version = view.context.version();
    let (action, first) = match environments.is_empty() {
        true => (
            format!("meet the rule, then {}.", view.again()),
            Step::new("Meet the rule,", words("then ").and(view.again_link()).words(".")),
        ),
        false => (
            format!("deploy {version} to {in_order}, then {}.", view.again()),
            Step::new(
                "Deploy it there first:",
                Text::default()
                    .code(&version)
                    .words(" to ")
                    .value(&in_order)
                    .words(", then ")
                    .and(view.again_link())
                    .words("."),
            ),
        ),
    };
    let mut facts: Vec<String> =
        view.rule_fact(view.block.details.reason.as_ref().map(ToString::to_string)).into_iter().collect();
    if environments.is_empty() {
        // The details of a rule that this version does not know may be all that explains it.
        facts.extend(
            view.other_details()
                .take(2)
                .map(|(name, value)| format!("{}: {value}", capitalize(&name.clean().replace('_', " ")))),
        );
    }
    let mut rows = vec![view.rule_row(if environments.is_empty() { "" } else { " (deployment flow)" })];
    rows.extend(view.block.details.reason.as_ref().map(|reason| row("Why", Text::default().value(reason))));
    rows.extend((!environments.is_empty()).then(|| row("Missing", Text::default().value(join(environments, ", ")))));
    let what = what_blocks(view.block);
    Parts {
        still: format!("is still blocked: {what}"),
        facts,
        action,
        lift: Some(view.lift("Can't wait?")),
        sentence: match (environments.is_empty(), view.block.rule()) {
            (true, Some(rule)) => words("The rule ").code(rule).words(" is not met."),
            _ => Text::default().value(capitalize(&what)).words("."),
        },
        rows,
        lifted_by: MANAGER,
        steps: vec![first, view.lift_step("Can't wait?")],
        page: links::FLOW,
    }
}
