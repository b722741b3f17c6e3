use super::*;
use serde_json::json;

fn parse(status: u16, body: &Value) -> Option<Block> {
    Block::parse(status, body)
}

#[test]
fn both_shapes_give_the_same_block() {
    let flat = json!({"error": "deployment_blocked", "message": "No\ndeployments", "code": "NO_DEPLOY_WINDOW",
        "retry_after": "2025-10-28T00:00:00Z", "details": {"window_name": "friday_freeze", "reason": "freeze"}});
    let block = parse(423, &flat).unwrap();
    assert_eq!(parse(423, &json!({"detail": flat})), Some(block.clone()));
    assert_eq!(block.message.as_ref().map(Foreign::clean), Some("No deployments"));
    assert_eq!(block.rule().map(Foreign::raw), Some("friday_freeze"));
    assert_eq!(block.retry_after.unwrap().1.raw(), "2025-10-28T00:00:00Z");
}

#[test]
fn replies_are_blocks_of_the_right_kind() {
    let conflict = json!({"error": "deployment_blocked"});
    let cases = [
        (409, conflict.clone(), Some(BlockKind::Conflict)),
        (409, json!({"detail": conflict}), Some(BlockKind::Conflict)),
        (409, json!({"code": "DEPLOYMENT_IN_PROGRESS"}), Some(BlockKind::Conflict)),
        (409, json!({"detail": conflict, "error": "Conflict", "code": 409}), Some(BlockKind::Conflict)),
        (428, json!({"detail": {"code": "APPROVAL_REQUIRED"}, "code": 428}), Some(BlockKind::Approval)),
        (409, json!({"code": "SOMETHING"}), None),
        (409, json!({"detail": "Version 1.2.3 already exists with different SHA"}), None),
        (409, json!([]), None),
        (423, Value::Null, Some(BlockKind::Window)),
        (423, json!({"code": "NEW_CODE"}), Some(BlockKind::Window)),
        (428, json!("text"), Some(BlockKind::Flow)),
        (428, json!({"code": "FLOW_VIOLATION"}), Some(BlockKind::Flow)),
        (428, json!({"code": "NEW_CODE"}), Some(BlockKind::Flow)),
        (428, json!({"code": "APPROVAL_REQUIRED"}), Some(BlockKind::Approval)),
        (428, json!({"detail": {"code": "QUALITY_APPROVAL_REQUIRED"}}), Some(BlockKind::Approval)),
        (428, json!({"code": "INSUFFICIENT_SOAK_TIME"}), Some(BlockKind::Soak)),
        (422, json!({"error": "deployment_blocked"}), None),
        (200, json!({"error": "deployment_blocked"}), Some(BlockKind::Flow)),
        (201, json!({"detail": {"error": "deployment_blocked", "code": "NO_DEPLOY_WINDOW"}}), Some(BlockKind::Window)),
        (200, json!({"error": "deployment_blocked", "code": "CONCURRENT_DEPLOYMENT"}), Some(BlockKind::Conflict)),
        (200, json!({"id": "1", "code": "NO_DEPLOY_WINDOW"}), None),
    ];
    for (status, body, kind) in cases {
        assert_eq!(parse(status, &body).map(|block| block.kind), kind, "{status} {body}");
    }
    assert_eq!(parse(428, &Value::Null).map(|block| block.kind), Some(BlockKind::Flow));
    assert_eq!(parse(409, &Value::Null), None);
}

#[test]
fn details_of_a_wrong_type_are_ignored_and_unknown_ones_are_text() {
    let block = parse(
        428,
        &json!({"message": 7, "retry_after": 1761609600, "details": {
        "required_approvals": "2", "current_approvals": 0, "approver_roles": "team-lead", "rule_name": ["x"],
        "elapsed_hours": 3.5, "tags": ["a", "b"], "nested": {"a": 1}, "nothing": null}}),
    );
    let block = block.unwrap();
    assert_eq!(block.message.as_ref().map(Foreign::raw), Some("7"));
    assert_eq!(block.retry_after, None);
    assert_eq!(block.details.required_approvals, Some(2.into()));
    assert_eq!(block.details.approver_roles, [Foreign::new("team-lead")]);
    let other =
        |name: &str| block.details.others.iter().find(|(known, _)| known.raw() == name).map(|(_, value)| value.raw());
    assert_eq!(block.details.elapsed_hours.as_ref().and_then(serde_json::Number::as_f64), Some(3.5));
    assert_eq!(other("tags"), Some("a, b"));
    assert_eq!(other("nested"), Some("{\"a\":1}"));
    assert_eq!(other("nothing"), None);
}
