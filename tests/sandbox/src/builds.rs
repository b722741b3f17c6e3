//! What a build event does: a new or a changed build of a version, and the reply. Also what both kinds of events need
//! to know about versions: that their commit does not change.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::account::{Account, Build, new_id};
use crate::answer::Answer;
use crate::clock;
use crate::status::{Status, Subject};
use crate::validate::Event;
use crate::world::{AccountName, World};

/// The shortest abbreviation of a commit that can be told from another commit.
const SHORTEST_SHA: usize = 7;

/// Carries out a build event.
pub(crate) fn report(world: &mut World, name: AccountName, event: &Event) -> Answer {
    let now = world.now();
    let account = world.accounts.entry(name).or_default();
    if let Some(conflict) = sha_conflict(account, event) {
        return conflict;
    }
    let product_id = account.product(event.required("product_name"));
    let version = account.version(&product_id, event.required("version"));
    if let Some(sha) = event.text("scm_sha") {
        version.scm_sha = Some(sha.to_owned());
    }
    let status = if version.build.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    let version_id = version.id.clone();
    let build = version.build.get_or_insert_with(|| Build {
        id: new_id(),
        status: event.status,
        started_at: None,
        completed_at: None,
        extra_metadata: Map::new(),
    });
    build.status = event.status;
    let given = |name: &str| event.text(name).and_then(clock::parse).map(clock::utc);
    let begins = event.status == Status::Started && build.started_at.is_none();
    let started_at = given("started_at").or_else(|| begins.then(|| clock::utc(now)));
    build.started_at = started_at.or_else(|| build.started_at.take());
    build.completed_at = given("completed_at").or_else(|| event.status.is_final().then(|| clock::utc(now)));
    merge(&mut build.extra_metadata, event.metadata());

    let mut reply = json!({
        "id": build.id,
        "version_id": version_id,
        "product_id": product_id,
        "status": build.status.word(),
        "started_at": build.started_at,
        "extra_metadata": build.extra_metadata,
    });
    if let Some(completed_at) = &build.completed_at {
        reply["completed_at"] = json!(completed_at);
    }
    let details = json!({ "build_id": build.id, "payload": event.body });
    reply["event_id"] = Value::from(account.note(Subject::Build, event.status.word(), now, details));
    Answer::json(status, reply)
}

/// The refusal of an event that gives a known version another commit.
pub(crate) fn sha_conflict(account: &Account, event: &Event) -> Option<Answer> {
    let version = event.required("version");
    let known = account.known_sha(event.required("product_name"), version)?;
    let given = event.text("scm_sha")?;
    let conflict = format!("Version {version} already exists with different SHA");
    (!same_commit(known, given)).then(|| Answer::detail(StatusCode::CONFLICT, conflict))
}

/// Adds metadata; what comes later wins.
pub(crate) fn merge(known: &mut Map<String, Value>, more: Map<String, Value>) {
    known.extend(more);
}

fn same_commit(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    match long.get(..short.len()) {
        Some(start) if short.len() >= SHORTEST_SHA => start.eq_ignore_ascii_case(short),
        _ => one.eq_ignore_ascii_case(other),
    }
}

#[cfg(test)]
mod tests {
    use super::same_commit;

    #[test]
    fn an_abbreviation_is_the_same_commit_when_it_is_long_enough() {
        assert!(same_commit("0123456", "0123456789abcdef"));
        assert!(same_commit("0123456789ABCDEF", "0123456"));
        assert!(same_commit("abc", "ABC"));
        assert!(!same_commit("012345", "0123456789abcdef"));
        assert!(!same_commit("0123457", "0123456789abcdef"));
        assert!(!same_commit("€€€", "0123456789abcdef"));
    }
}
