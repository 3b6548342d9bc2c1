//! Proves at start that documents have what a schema declares, so that a misspelt member is no surprise later.

use super::shape::{Members, Presence, Shape, Unfit, context};

/// A document with every member that there can be; attributes are the resource's own affair.
const EVERYTHING: &str = r#"{
    "chain": {"operations": [""], "principals": [""], "resources": [""], "users": [""]},
    "environment": {"active_deviations": [""], "is_root": true, "operation": "", "parent_hash": "0",
        "policy_names": [""], "policy_tier": "", "source_type": "", "tip_age_seconds": 0},
    "identity": "",
    "object": {"attributes": {}, "history": {"operations": [""], "principals": [""], "users": [""]}, "id": ""},
    "subject": {"agent": "", "identity_source": "", "issuer": "", "roles": [""], "scopes": [""], "taints": [""],
        "task": "", "tenant": "", "trust_score": 0, "user": "", "workload": ""},
    "trust_score": 0
}"#;

/// Refuses a context with members that no document has, or has as another type.
///
/// The optional ones too: a rule about a member that is never there would quietly never apply.
pub(super) fn fits(declared: &Members) -> Result<(), Unfit> {
    let mut declared = declared.clone();
    if let Some(Shape::Record(object)) = declared.get_mut("object").map(|object| &mut object.shape)
        && let Some(attributes) = object.get_mut("attributes")
        && matches!(attributes.shape, Shape::Record(_))
    {
        attributes.shape = Shape::Record(Members::new());
    }
    require_all(&mut declared);
    context(&declared, EVERYTHING).map(drop)
}

fn require_all(members: &mut Members) {
    for member in members.values_mut() {
        member.presence = Presence::Required;
        if let Shape::Record(members) = &mut member.shape {
            require_all(members);
        }
    }
}
