//! Applies build events: creates or updates the build of a version. It also rejects events of both types that would
//! change a version's commit.

use axum::http::StatusCode;
use serde_json::{Map, Value, json};

use crate::account::{Account, Build, new_id};
use crate::clock;
use crate::json_response::JsonResponse;
use crate::state::{AccountName, SandboxState};
use crate::status::{EventType, Status};
use crate::validate::Event;

/// The shortest abbreviation of a SHA that can match the full SHA; shorter ones must be equal.
const MIN_ABBREVIATED_SHA: usize = 7;

pub(crate) fn apply(state: &mut SandboxState, name: AccountName, event: &Event) -> JsonResponse {
    let now = state.now();
    let account = state.accounts.entry(name).or_default();
    if let Some(conflict) = sha_conflict(account, event) {
        return conflict;
    }
    let product_id = account.product_id(event.required("product_name"));
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
    let starts = event.status == Status::Started && build.started_at.is_none();
    let started_at = given("started_at").or_else(|| starts.then(|| clock::utc(now)));
    build.started_at = started_at.or_else(|| build.started_at.take());
    build.completed_at = given("completed_at").or_else(|| event.status.is_terminal().then(|| clock::utc(now)));
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
    reply["event_id"] = Value::from(account.record_event(EventType::Build, event.status.word(), now, details));
    JsonResponse::new(status, reply)
}

/// A 409 if the version is known with another commit.
pub(crate) fn sha_conflict(account: &Account, event: &Event) -> Option<JsonResponse> {
    let version = event.required("version");
    let known = account.known_sha(event.required("product_name"), version)?;
    let given = event.text("scm_sha")?;
    let conflict = format!("Version {version} already exists with different SHA");
    (!same_commit(known, given)).then(|| JsonResponse::detail(StatusCode::CONFLICT, conflict))
}

/// Adds metadata; new values replace existing ones.
pub(crate) fn merge(metadata: &mut Map<String, Value>, new: Map<String, Value>) {
    metadata.extend(new);
}

fn same_commit(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() <= other.len() { (one, other) } else { (other, one) };
    match long.get(..short.len()) {
        Some(start) if short.len() >= MIN_ABBREVIATED_SHA => start.eq_ignore_ascii_case(short),
        _ => one.eq_ignore_ascii_case(other),
    }
}

#[cfg(test)]
mod tests {
    use super::same_commit;

    #[test]
    fn an_abbreviated_sha_of_at_least_7_characters_matches_the_full_sha() {
        assert!(same_commit("0123456", "0123456789abcdef"));
        assert!(same_commit("0123456789ABCDEF", "0123456"));
        assert!(same_commit("abc", "ABC"));
        assert!(!same_commit("012345", "0123456789abcdef"));
        assert!(!same_commit("0123457", "0123456789abcdef"));
        assert!(!same_commit("€€€", "0123456789abcdef"));
    }
}
