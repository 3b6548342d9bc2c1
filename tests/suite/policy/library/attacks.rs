//! The attacks that each model is known for, and the harmless neighbour of each.

use serde_json::{Value, json};

use super::Twins;

/// A known caller asks, with clean data, after two others.
fn document(attributes: Value) -> Value {
    let mut document = json!({
        "chain": {
            "operations": ["create_invoice", "validate_invoice"],
            "principals": ["spiffe://shop/desk", "spiffe://shop/checks"],
            "resources": ["invoice-7", null], "users": ["alice", null],
        },
        "environment": {
            "active_deviations": [], "hop_proof": "signature", "is_root": false, "operation": "approve_invoice",
            "policy_names": ["kest/any"], "policy_tier": "function", "source_type": "internal",
        },
        "identity": "spiffe://shop/ledger",
        "object": {
            "attributes": {}, "id": "invoice-7",
            "history": {
                "operations": ["create_invoice", "validate_invoice"],
                "principals": ["spiffe://shop/desk", "spiffe://shop/checks"], "users": ["alice"],
            },
        },
        "subject": {
            "agent": null, "identity_source": "jwt", "issuer": "https://issuer.example",
            "roles": ["clearance:0", "clearance:2"], "scopes": ["approve", "read"], "taints": ["level:1", "pii"],
            "task": null, "trust_score": 60, "user": "bob", "workload": "spiffe://shop/ledger",
        },
        "trust_score": 60,
    });
    document["object"]["attributes"] = attributes;
    document
}

#[track_caller]
fn check(name: &'static str, document: &Value, allowed: bool) {
    let opinions = Twins::of(name).opinions(document);
    assert_eq!(opinions.agreed(), Some(allowed), "{name}: {opinions:?} about {document}");
}

#[track_caller]
fn allows(name: &'static str, attributes: Value) {
    check(name, &document(attributes), true);
}

#[track_caller]
fn denies(name: &'static str, attributes: Value) {
    check(name, &document(attributes), false);
}

/// As [`denies`], with the member at `pointer` set to `value`, and as [`allows`] without that.
#[track_caller]
fn denies_only_with(name: &'static str, attributes: Value, pointer: &str, value: Value) {
    let mut document = document(attributes);
    check(name, &document, true);
    *document.pointer_mut(pointer).unwrap() = value;
    check(name, &document, false);
}

#[test]
fn score_one_below_the_threshold_is_denied() {
    allows("kest/trust_threshold", json!({ "min_trust": 60 }));
    denies("kest/trust_threshold", json!({ "min_trust": 61 }));
}

#[test]
fn threshold_below_zero_is_a_fault_and_not_an_open_door() {
    denies("kest/trust_threshold", json!({ "min_trust": -1 }));
}

#[test]
fn threshold_as_text_or_fraction_is_denied() {
    denies("kest/trust_threshold", json!({ "min_trust": "60" }));
    denies("kest/trust_threshold", json!({ "min_trust": 59.5 }));
}

#[test]
fn one_forbidden_taint_among_harmless_ones_is_denied() {
    allows("kest/forbidden_taints", json!({ "forbidden_taints": ["llm", "web"] }));
    denies("kest/forbidden_taints", json!({ "forbidden_taints": ["llm", "pii"] }));
}

#[test]
fn forbidden_taint_is_a_name_and_no_pattern() {
    allows("kest/forbidden_taints", json!({ "forbidden_taints": ["*", "p*", "PII", "pii "] }));
}

#[test]
fn list_of_forbidden_taints_that_is_a_text_forbids_nothing_by_mistake_and_is_denied() {
    denies("kest/forbidden_taints", json!({ "forbidden_taints": "web" }));
    denies("kest/forbidden_taints", json!({ "forbidden_taints": ["web", 1] }));
}

#[test]
fn one_missing_scope_is_denied() {
    allows("kest/required_user_and_scope", json!({ "required_scopes": ["read", "approve", "read"] }));
    denies("kest/required_user_and_scope", json!({ "required_scopes": ["read", "pay"] }));
}

#[test]
fn user_whom_nobody_verified_is_denied() {
    for source in ["unverified", "anonymous", "JWT", ""] {
        denies_only_with(
            "kest/required_user_and_scope",
            json!({ "required_scopes": ["read"] }),
            "/subject/identity_source",
            json!(source),
        );
    }
}

#[test]
fn scopes_without_a_user_are_denied() {
    for unnamed in [json!(null), json!("")] {
        let attributes = json!({ "required_scopes": ["read"] });
        denies_only_with("kest/required_user_and_scope", attributes, "/subject/user", unnamed);
    }
}

#[test]
fn read_up_is_denied() {
    allows("kest/bell_lapadula", json!({ "level": 2, "access": "read" }));
    denies("kest/bell_lapadula", json!({ "level": 3, "access": "read" }));
}

#[test]
fn write_down_is_denied() {
    allows("kest/bell_lapadula", json!({ "level": 1, "access": "write" }));
    denies("kest/bell_lapadula", json!({ "level": 0, "access": "write" }));
}

#[test]
fn blind_write_up_is_allowed() {
    allows("kest/bell_lapadula", json!({ "level": 3, "access": "write" }));
}

/// The trojan horse of the literature: a cleared user's program reads high and writes low.
#[test]
fn trojan_horse_that_read_high_cannot_write_low() {
    let attributes = json!({ "level": 1, "access": "write" });
    let taints = json!(["level:1", "level:2"]);
    denies_only_with("kest/bell_lapadula", attributes, "/subject/taints", taints);
}

#[test]
fn flow_above_the_clearance_reaches_nothing() {
    for access in ["read", "write"] {
        let attributes = json!({ "level": if access == "read" { 0 } else { 3 }, "access": access });
        denies_only_with("kest/bell_lapadula", attributes, "/subject/taints", json!(["level:3"]));
    }
}

#[test]
fn clearance_that_nobody_verified_is_none() {
    let attributes = json!({ "level": 0, "access": "read" });
    denies_only_with("kest/bell_lapadula", attributes, "/subject/identity_source", json!("unverified"));
}

#[test]
fn role_that_only_looks_like_a_clearance_is_none() {
    let attributes = json!({ "level": 2, "access": "read" });
    let roles = json!(["clearance:02", "Clearance:3", "clearance:4", "clearance:*", "level:3"]);
    denies_only_with("kest/bell_lapadula", attributes, "/subject/roles", roles);
}

#[test]
fn level_outside_the_lattice_is_denied() {
    for level in [json!(-1), json!(4), json!("0"), json!(0.5)] {
        denies("kest/bell_lapadula", json!({ "level": level, "access": "read" }));
        denies("kest/bell_lapadula", json!({ "level": level, "access": "write" }));
    }
}

#[test]
fn read_down_in_integrity_is_denied() {
    allows("kest/biba", json!({ "integrity": 60, "access": "read" }));
    denies("kest/biba", json!({ "integrity": 59, "access": "read" }));
}

#[test]
fn write_up_in_integrity_is_denied() {
    allows("kest/biba", json!({ "integrity": 60, "access": "write" }));
    denies("kest/biba", json!({ "integrity": 61, "access": "write" }));
}

#[test]
fn access_that_is_neither_read_nor_write_is_denied() {
    for access in ["append", "execute", "READ", "read ", ""] {
        denies("kest/biba", json!({ "integrity": 60, "access": access }));
        denies("kest/bell_lapadula", json!({ "level": 1, "access": access }));
    }
}

/// The consultant of the paper: having seen one bank, no other; an oil company still.
#[test]
fn second_bank_after_the_first_is_denied() {
    let attributes = json!({ "conflicts": ["bank-b", "bank-c"] });
    denies_only_with("kest/brewer_nash", attributes, "/chain/resources", json!(["bank-b", "oil-co"]));
}

#[test]
fn same_bank_again_is_allowed() {
    let mut document = document(json!({ "conflicts": ["bank-b", "bank-c"] }));
    document["chain"]["resources"] = json!(["bank-a", "bank-a"]);
    check("kest/brewer_nash", &document, true);
}

#[test]
fn conflict_by_workload_or_operation_is_denied() {
    let conflicts = json!({ "conflicts": ["spiffe://bank-b/ledger", "read_bank_b"] });
    let principals = json!(["spiffe://shop/desk", "spiffe://bank-b/ledger"]);
    denies_only_with("kest/brewer_nash", conflicts.clone(), "/chain/principals", principals);
    let operations = json!(["read_bank_b", "validate_invoice"]);
    denies_only_with("kest/brewer_nash", conflicts, "/chain/operations", operations);
}

/// Attack: the carrier of a passport that is bound to nothing cut off what he would be denied for, or copied another's.
#[test]
fn history_of_a_passport_that_anybody_could_send_is_denied() {
    let policies = [
        ("kest/brewer_nash", json!({ "conflicts": ["bank-b"] })),
        ("kest/clark_wilson", invoice(false)),
        ("kest/clark_wilson", invoice(true)),
        ("kest/goguen_meseguer", low()),
    ];
    for (name, attributes) in policies {
        for nothing in ["none", "", "Signature", "jwt"] {
            denies_only_with(name, attributes.clone(), "/environment/hop_proof", json!(nothing));
        }
        let mut of_peer = document(attributes);
        of_peer["environment"]["hop_proof"] = json!("peer");
        check(name, &of_peer, true);
    }
}

/// Without an entry nothing can be cut: whether a lineage may start here is asked elsewhere.
#[test]
fn lineage_that_starts_here_needs_no_proof() {
    for (name, attributes) in
        [("kest/brewer_nash", json!({ "conflicts": ["bank-b"] })), ("kest/goguen_meseguer", low())]
    {
        let mut document = document(attributes);
        document["environment"]["hop_proof"] = json!("none");
        document["environment"]["is_root"] = json!(true);
        check(name, &document, true);
    }
}

fn invoice(separate: bool) -> Value {
    json!({
        "certified_operations": ["approve_invoice", "reject_invoice"],
        "required_operations": ["validate_invoice"],
        "separation_of_duty": separate,
    })
}

#[test]
fn operation_that_is_not_certified_is_denied() {
    denies_only_with("kest/clark_wilson", invoice(false), "/environment/operation", json!("edit_row"));
}

#[test]
fn data_that_nobody_validated_is_denied() {
    let operations = json!(["create_invoice", "forward_invoice"]);
    denies_only_with("kest/clark_wilson", invoice(false), "/object/history/operations", operations);
}

#[test]
fn validation_of_another_invoice_is_none_of_this_one() {
    let mut document = document(invoice(false));
    document["chain"]["resources"] = json!(["invoice-7", "invoice-8"]);
    document["object"]["history"]["operations"] = json!(["create_invoice"]);
    check("kest/clark_wilson", &document, false);
}

#[test]
fn step_with_another_invoice_does_not_keep_one_from_this_one() {
    let mut document = document(invoice(true));
    document["chain"]["users"] = json!(["alice", "bob"]);
    check("kest/clark_wilson", &document, true);
    document["object"]["history"]["users"] = json!(["alice", "bob"]);
    check("kest/clark_wilson", &document, false);
}

#[test]
fn who_created_the_invoice_cannot_approve_it() {
    denies_only_with("kest/clark_wilson", invoice(true), "/subject/user", json!("alice"));
    let mut document = document(invoice(false));
    document["subject"]["user"] = json!("alice");
    check("kest/clark_wilson", &document, true);
}

#[test]
fn separation_of_duty_is_not_escaped_by_being_nobody() {
    denies_only_with("kest/clark_wilson", invoice(true), "/subject/user", json!(null));
    denies_only_with("kest/clark_wilson", invoice(true), "/subject/identity_source", json!("unverified"));
}

fn low() -> Value {
    json!({ "domain": "low", "high_taints": ["secret", "vault"], "high_sources": ["mallory", "read_vault"] })
}

#[test]
fn high_label_does_not_reach_a_low_object() {
    denies_only_with("kest/goguen_meseguer", low(), "/subject/taints", json!(["pii", "secret"]));
    denies_only_with("kest/goguen_meseguer", low(), "/environment/source_type", json!("vault"));
}

/// The sanitizer took the taint away; the lineage remembers.
#[test]
fn high_source_interferes_however_long_ago_it_was() {
    let operations = json!(["read_vault", "validate_invoice"]);
    denies_only_with("kest/goguen_meseguer", low(), "/chain/operations", operations);
    denies_only_with("kest/goguen_meseguer", low(), "/chain/users", json!(["mallory", null]));
}

#[test]
fn high_user_does_not_write_low_directly() {
    denies_only_with("kest/goguen_meseguer", low(), "/subject/user", json!("mallory"));
    denies_only_with("kest/goguen_meseguer", low(), "/environment/operation", json!("read_vault"));
}

#[test]
fn low_data_reaches_a_high_object_and_so_does_high_data() {
    let mut attributes = low();
    attributes["domain"] = json!("high");
    let mut document = document(attributes);
    check("kest/goguen_meseguer", &document, true);
    document["subject"]["taints"] = json!(["secret"]);
    check("kest/goguen_meseguer", &document, true);
}

#[test]
fn object_without_attributes_is_denied_by_every_policy() {
    for name in super::NAMES {
        denies(name, json!({}));
    }
}
