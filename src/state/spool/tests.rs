//! The spool in a real directory: its order, its limits, and what is not delivered.

use super::*;
use crate::model::api_key::ApiKey;
use crate::model::event::EventType;
use serde_json::{Value, json};

fn spool(root: &Path, key: &str) -> Spool {
    Spool::new(root, Signer::new(&ApiKey::parse(key).unwrap(), "https://api.example"))
}

fn event(product: &str, id: &str) -> SpooledEvent {
    let Value::Object(payload) = json!({"product_name": product, "environment_name": "production", "status": "completed",
        "extra_metadata": {"team": "payments"}})
    else {
        panic!("no object")
    };
    let at = "2025-10-28T15:00:00.5Z".parse().unwrap();
    SpooledEvent::new(EventType::Deployment, payload, id.to_owned(), at, "the server answered 503".to_owned())
}

#[test]
fn spooled_event_is_marked_as_late() {
    let spooled = event("shop", "a");
    let expected = json!({"team": "payments", "vi_occurred_at": "2025-10-28T15:00:00Z", "vi_delivered_late": true});
    assert_eq!(spooled.payload["extra_metadata"], expected);
    assert_eq!((spooled.tries, spooled.event_type()), (1, Some(EventType::Deployment)));
}

#[tokio::test]
async fn events_are_read_in_order() {
    let root = tempfile::tempdir().unwrap();
    let spool = spool(root.path(), "sk_acme_k1_secret");
    assert!(spool.is_empty());
    // Sorting by id would reverse them.
    let events: Vec<SpooledEvent> = (0..12).rev().map(|id| event("shop", &format!("{id:02}"))).collect();
    for event in &events {
        spool.add(event).await.unwrap();
    }
    let backlog = spool.backlog().unwrap();
    assert_eq!(backlog.ours.iter().map(|(_, event)| event.clone()).collect::<Vec<_>>(), events);
    let (name, first) = &backlog.ours[0];
    spool.record_failure(name, first, "again".to_owned()).unwrap();
    let again = &spool.backlog().unwrap().ours[0].1;
    assert_eq!((again.tries, again.last_failure.as_str()), (2, "again"));
    spool.remove(name).unwrap();
    assert_eq!(spool.backlog().unwrap().ours.len(), 11);
}

#[tokio::test]
async fn events_of_other_keys_are_counted_and_unusable_files_named() {
    let root = tempfile::tempdir().unwrap();
    let ours = spool(root.path(), "sk_acme_k1_secret");
    let theirs = spool(root.path(), "sk_other_k9_secret");
    ours.add(&event("shop", "a")).await.unwrap();
    theirs.add(&event("shop", "b")).await.unwrap();
    theirs.add(&event("shop", "c")).await.unwrap();
    std::fs::write(ours.path().join("000000000009-x.json"), b"{\"form").unwrap();
    std::fs::write(ours.path().join("000000000010-y.json"), b"{\"format\": 7}").unwrap();
    let backlog = ours.backlog().unwrap();
    assert_eq!(backlog.ours.len(), 1);
    assert_eq!(backlog.others, [("sk_other_k9_… at https://api.example".into(), 2)]);
    assert_eq!((backlog.newer, backlog.unusable.len()), (1, 1));
    assert!(backlog.unusable[0].1.contains("not JSON"), "{:?}", backlog.unusable);
}

#[tokio::test]
async fn full_spool_rejects_more_events_and_drops_none() {
    let root = tempfile::tempdir().unwrap();
    let spool = spool(root.path(), "sk_acme_k1_secret");
    spool.add(&event("shop", "a")).await.unwrap();
    for index in 0..MOST_EVENTS - 1 {
        let name = format!("{:012}-{}-x.json", index + 2, spool.folder.tag_for("spool"));
        std::fs::write(spool.path().join(name), b"").unwrap();
    }
    let other_key = self::spool(root.path(), "sk_acme_k2_other-secret");
    other_key.add(&event("shop", "c")).await.unwrap();
    let problem = spool.add(&event("shop", "b")).await.unwrap_err();
    assert!(problem.to_string().contains("is full: it holds 1000 events"), "{problem}");
    assert_eq!(spool.backlog().unwrap().ours.len(), 1);
}

#[tokio::test]
async fn only_an_event_that_alone_keeps_failing_is_given_up() {
    let root = tempfile::tempdir().unwrap();
    let spool = spool(root.path(), "sk_acme_k1_secret");
    let at = |text: &str| text.parse::<Timestamp>().unwrap();
    let failing = SpooledEvent { tries: 5, ..event("shop", "a") };
    assert_eq!(failing.first_failed_at, "2025-10-28T15:00:00Z");
    let late = at("2025-10-28T15:10:01Z");
    assert!(!spool.keeps_failing(&failing, late), "nothing else was recorded: the API may be down");
    spool.note_recorded(at("2025-10-28T14:59:00Z")).unwrap();
    assert!(!spool.keeps_failing(&failing, late), "recorded only before its first failure");
    spool.note_recorded(at("2025-10-28T15:05:00Z")).unwrap();
    assert!(spool.keeps_failing(&failing, late));
    assert!(!spool.keeps_failing(&failing, at("2025-10-28T15:09:00Z")), "not for long");
    assert!(!spool.keeps_failing(&SpooledEvent { tries: 4, ..failing }, late), "not often");
    assert!(spool.is_empty() && spool.backlog().unwrap().unusable.is_empty(), "the note is no event");
}

#[tokio::test]
async fn restored_events_are_back_in_order_without_their_reason() {
    let root = tempfile::tempdir().unwrap();
    let ours = spool(root.path(), "sk_acme_k1_secret");
    let theirs = spool(root.path(), "sk_other_k9_secret");
    for id in ["a", "b"] {
        ours.add(&event("shop", id)).await.unwrap();
    }
    theirs.add(&event("shop", "c")).await.unwrap();
    let before = ours.backlog().unwrap().ours;
    for name in ours.folder.names().unwrap() {
        ours.set_aside(&name, "the server answered 422").unwrap();
    }
    std::fs::write(ours.set_aside_path().join("x.json"), b"{\"form").unwrap();
    let listed = ours.set_aside_events().unwrap();
    let events: Vec<Option<&str>> =
        listed.files.iter().map(|file| file.event.as_ref().map(|event| event.id.as_str())).collect();
    assert_eq!(events, [Some("a"), Some("b"), None]);
    assert_eq!(listed.files[0].reason.clean(), "the server answered 422");
    assert!(listed.files[0].since.is_some() && listed.files[2].reason.clean().contains("not JSON"), "{listed:?}");
    assert_eq!(listed.others, [("sk_other_k9_… at https://api.example".into(), 1)]);
    assert_eq!(ours.restore_set_aside().unwrap(), 2);
    assert_eq!(ours.backlog().unwrap().ours, before);
    let listed = ours.set_aside_events().unwrap();
    assert_eq!((listed.files.len(), listed.others.len()), (1, 1));
    let reasons = std::fs::read_dir(ours.set_aside_path())
        .unwrap()
        .filter(|entry| entry.as_ref().unwrap().file_name().to_string_lossy().ends_with(".reason"));
    assert_eq!(reasons.count(), 1, "only the other key's event has one");
}
