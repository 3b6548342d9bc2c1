//! What of the input policies see, and that they see it as it is.

use super::*;

/// Conditions that hold for [`document`], one for each of its members.
const TRUE: [&str; 33] = [
    r#"principal == Kest::Workload::"spiffe://x/c""#,
    r#"action == Kest::Action::"p""#,
    r#"resource == Kest::Resource::"stock/7""#,
    r#"context.chain.operations == ["parse", "fetch"]"#,
    r#"context.chain.principals == ["spiffe://x/a", "spiffe://x/b"]"#,
    r#"context.chain.resources == ["r1"]"#,
    r#"context.chain.users == ["ada"]"#,
    r#"context.environment.active_deviations == ["d"]"#,
    r#"context.environment.hop_proof == "peer""#,
    r"!context.environment.is_root",
    r#"context.environment.operation == "reserve""#,
    r#"context.environment has parent_hash && context.environment.parent_hash == "00ff""#,
    r#"context.environment.policy_names == ["p"]"#,
    r#"context.environment.policy_tier == "function""#,
    r#"context.environment has source_type && context.environment.source_type == "internet""#,
    r"context.environment has tip_age_seconds && context.environment.tip_age_seconds <= 60",
    r#"context.identity == "spiffe://x/c""#,
    r#"context.object has id && context["object"]["id"] == "stock/7""#,
    r#"context.object.history.operations == ["parse"]"#,
    r#"context.object.history.principals == ["spiffe://x/b"]"#,
    r#"context.object.history.users == ["ada"]"#,
    r"context.object.attributes has level && context.object.attributes.level == 2",
    r#"context.subject has agent && context.subject.agent == "bot""#,
    r#"context.subject.identity_source == "jwt""#,
    r#"context.subject has issuer && context.subject.issuer == "https://i""#,
    r#"context.subject.roles == ["ops"]"#,
    r#"context.subject.scopes == ["read"]"#,
    r#"context.subject.taints == ["web"]"#,
    r#"context.subject has task && context.subject.task == "buy""#,
    r#"context.subject has tenant && context.subject.tenant == "acme""#,
    r"context.subject.trust_score == 40 && context.trust_score == 40",
    r#"context.subject has user && context.subject.user == "ada""#,
    r#"context.subject.workload == "spiffe://x/c""#,
];

/// Conditions about members that may be null or absent.
const NOTHING: [&str; 9] = [
    "context.environment has tip_age_seconds",
    "context.object has id",
    "context.environment has source_type",
    "context.environment has parent_hash",
    "context.subject has agent",
    "context.subject has issuer",
    "context.subject has task",
    "context.subject has tenant",
    "context has subject.user",
];

#[test]
fn every_member_is_seen_as_it_is() {
    for condition in TRUE {
        let verdict = decide(&permit_when(condition), None, &input(&document()));
        assert_eq!(verdict.unwrap(), Verdict::Allow, "{condition}");
        let not = format!("permit(principal, action, resource) unless {{ {condition} }};");
        assert_eq!(decide(&not, None, &input(&document())).unwrap(), Verdict::Deny, "{condition}");
    }
}

#[test]
fn nulls_are_absent() {
    let mut bare = document();
    for pointer in [
        "/object/id",
        "/environment/source_type",
        "/subject/agent",
        "/subject/issuer",
        "/subject/task",
        "/subject/tenant",
        "/subject/user",
    ] {
        *bare.pointer_mut(pointer).unwrap() = Value::Null;
    }
    bare["environment"].as_object_mut().unwrap().remove("parent_hash");
    bare["environment"].as_object_mut().unwrap().remove("tip_age_seconds");
    for condition in NOTHING {
        let policy = permit_when(condition);
        assert_eq!(decide(&policy, None, &input(&document())).unwrap(), Verdict::Allow, "{condition}");
        assert_eq!(decide(&policy, None, &input(&bare)).unwrap(), Verdict::Deny, "{condition}");
    }
    let star = r#"permit(principal, action, resource == Kest::Resource::"*");"#;
    assert_eq!(decide(star, None, &input(&bare)).unwrap(), Verdict::Allow);
    assert_eq!(decide(star, None, &input(&document())).unwrap(), Verdict::Deny);
    let mut named = document();
    named["object"]["id"] = Value::from("*");
    assert!(
        matches!(decide(star, None, &input(&named)), Err(EngineError::Failed(_))),
        "an id that means none"
    );
}

#[test]
fn records_that_are_used_as_they_are_have_all_their_members() {
    let same_chain =
        "context.chain == {operations: [\"fetch\", \"parse\"], users: [\"ada\"], resources: [\"r1\"],
        principals: [\"spiffe://x/a\", \"spiffe://x/b\"]}";
    let through_if =
        "(if context.environment.is_root then context.chain else context.chain).users.contains(\"ada\")";
    let in_set =
        "[context.chain].contains(context.chain) && [context.chain] != [{operations: [\"\"], users: [\"\"],
        resources: [\"\"], principals: [\"\"]}]";
    for condition in [same_chain, through_if, in_set] {
        let verdict = decide(&permit_when(condition), None, &input(&document()));
        assert_eq!(verdict.unwrap(), Verdict::Allow, "{condition}");
    }
    let other = with("/chain/resources", json!(["r1", "r2"]));
    assert_eq!(decide(&permit_when(same_chain), None, &other).unwrap(), Verdict::Deny);
}
