//! Missing approvals.

use super::{MANAGER, Parts, View, join, row, what_blocks};
use crate::report::layout::Step;
use crate::report::links;
use crate::report::markup::{Text, words};

pub(super) fn parts(view: &View<'_>) -> Parts {
    let details = &view.block.details;
    let missing = missing(view);
    let needed = missing.map(|count| match count {
        1 => "1 more approval needed".to_owned(),
        count => format!("{count} more approvals needed"),
    });
    let roles = join(&details.approver_roles, ", ");
    let mut facts: Vec<String> = match view.block.rule() {
        Some(_) => view.rule_fact(needed).into_iter().collect(),
        None => needed.map(|needed| format!("Needed: {}", needed.trim_end_matches(" needed"))).into_iter().collect(),
    };
    if !roles.is_empty() {
        facts.push(format!("Who can approve: {roles}"));
    }
    let mut rows = vec![view.rule_row(" (required approvals)")];
    let count = match (&details.current_approvals, &details.required_approvals) {
        (Some(current), Some(required)) => Some(format!("{current} of {required}")),
        (None, Some(required)) => Some(format!("{required} required")),
        (Some(current), None) => Some(format!("{current} so far")),
        (None, None) => None,
    };
    rows.extend(count.map(|count| row("Approvals", Text::default().value(count))));
    rows.extend((!roles.is_empty()).then(|| row("Who can approve", Text::default().value(&roles))));
    let has_count = details.current_approvals.is_some() && details.required_approvals.is_some();
    let still = match has_count {
        true => format!("still has {}", what_blocks(view.block)),
        false => "still needs approval".to_owned(),
    };
    let context = view.context;
    let get_it = words("in ").link("Versioner", context.console()).words(", under ");
    let get_it = get_it.name("Deployments → Deployment Requests").words(" or ").name("My Tasks");
    Parts {
        still,
        facts,
        action: format!("get {} approved at {}, then {}.", context.version(), context.console_or_name(), view.again()),
        lift: Some(view.lift("Emergency?")),
        sentence: sentence(view, missing),
        rows,
        lifted_by: MANAGER,
        steps: vec![
            Step::new("Get it approved:", get_it.words(", then ").and(view.again_link()).words(".")),
            view.lift_step("Emergency?"),
        ],
        page: links::APPROVAL,
    }
}

/// `0 of 2 approvals: needs 2 more from a team-lead or manager.`
fn sentence(view: &View<'_>, missing: Option<u64>) -> Text {
    let mut what = what_blocks(view.block);
    if let Some(count) = missing {
        what.push_str(&format!(": needs {count} more"));
    }
    let roles = join(&view.block.details.approver_roles, " or ");
    if !roles.is_empty() {
        what.push_str(&format!(" from a {roles}"));
    }
    Text::default().value(crate::text::capitalize(&what)).words(".")
}

fn missing(view: &View<'_>) -> Option<u64> {
    let details = &view.block.details;
    let (required, current) = (details.required_approvals.as_ref()?, details.current_approvals.as_ref()?);
    Some(required.as_u64()?.saturating_sub(current.as_u64()?)).filter(|count| *count > 0)
}
