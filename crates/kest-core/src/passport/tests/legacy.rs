//! Proofs of the legacy dialect: taints neither vanish nor appear, and rules for workloads hold without a source.

use serde_json::{Value, json};

use super::forge::{Forge, judge, workload};
use crate::Dialect;
use crate::passport::{Verifier, VerifyErrorKind, WorkloadRules};

const BOB: &str = r#"{"agent":null,"task":null,"user":"bob"}"#;
const NO_NAMES: &str = r#"{"agent":null,"task":null,"user":null}"#;

fn verifier(rules: WorkloadRules) -> Verifier {
    Verifier::default().dialect(Dialect::LegacyPython).workload_rules(rules)
}

fn check(rules: &WorkloadRules, entries: &[&Forge]) -> Option<VerifyErrorKind> {
    let texts: Vec<String> = entries.iter().map(|entry| entry.sign()).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    judge(&verifier(rules.clone()), &texts).err().map(|refused| refused.kind())
}

fn root() -> Forge {
    Forge::entry("gateway", 1, &[]).legacy().with("trust_score", json!(40))
}

fn child_of(root: &Forge) -> Forge {
    Forge::entry("orders", 2, &[&root.sign()]).legacy().with("trust_score", json!(40))
}

fn tainted(entry: Forge, added: Value, removed: Value, taints: Value) -> Forge {
    entry.with("added_taints", added).with("removed_taints", removed).with("taints", taints)
}

#[test]
fn taint_that_vanishes_or_appears_from_nowhere_is_refused() {
    let root = tainted(root(), json!(["web"]), json!([]), json!(["web"]));
    let child = |added, removed, taints| {
        check(&WorkloadRules::default(), &[&root, &tainted(child_of(&root), added, removed, taints)])
    };
    assert_eq!(child(json!([]), json!([]), json!(["web"])), None);
    assert_eq!(child(json!(["pii"]), json!([]), json!(["pii", "web"])), None);
    assert_eq!(child(json!([]), json!(["web"]), json!([])), None);
    for (added, removed, taints) in [
        (json!([]), json!([]), json!([])),
        (json!([]), json!([]), json!(["pii", "web"])),
        (json!(["pii"]), json!([]), json!(["web"])),
        (json!(["pii"]), json!(["web"]), json!([])),
        (json!([]), json!([]), json!(["pii"])),
    ] {
        assert_eq!(child(added, removed, taints.clone()), Some(VerifyErrorKind::TaintsDiffer), "{taints}");
    }
}

#[test]
fn names_that_are_not_the_parents_are_brought_in() {
    let rules = WorkloadRules::default().introducers([workload("gateway")]);
    let refused = Some(VerifyErrorKind::IntroducerNotAllowed);
    let root = root();
    assert_eq!(check(&rules, &[&root]), None);
    assert_eq!(check(&rules, &[&root, &child_of(&root)]), None);
    assert_eq!(check(&rules, &[&root, &child_of(&root).label("kest.identity", BOB)]), refused);
    // Names of none are brought in by no workload.
    let stranger = || Forge::entry("orders", 1, &[]).legacy();
    assert_eq!(check(&rules, &[&stranger()]), refused);
    assert_eq!(check(&rules, &[&stranger().label("kest.identity", NO_NAMES)]), None);
    assert_eq!(check(&rules, &[&stranger().without_label("kest.identity")]), None);
    for (source, expected) in [("jwt", refused), ("anonymous", None), ("unverified", None)] {
        assert_eq!(check(&rules, &[&stranger().label("kest.identity_source", source)]), expected, "{source}");
    }
    // Handed on under a source that is unknown, or by a parent that names none: not the parents'.
    let saml = self::root().label("kest.identity_source", "saml");
    assert_eq!(check(&rules, &[&saml, &child_of(&saml)]), refused);
    let nameless = self::root().without_label("kest.identity");
    assert_eq!(check(&rules, &[&nameless, &child_of(&nameless)]), refused);
    assert_eq!(check(&WorkloadRules::default(), &[&stranger()]), None);
}

#[test]
fn lifted_trust_and_removed_taints_are_sanitizing_without_a_label() {
    let rules = WorkloadRules::default().sanitizers([workload("gateway")]);
    let refused = Some(VerifyErrorKind::SanitizerNotAllowed);
    let root = tainted(root(), json!(["web"]), json!([]), json!(["web"]));
    let child = || child_of(&root).with("taints", json!(["web"]));
    assert_eq!(check(&rules, &[&root, &child()]), None);
    assert_eq!(check(&rules, &[&root, &child().with("trust_score", json!(39))]), None);
    assert_eq!(check(&rules, &[&root, &child().with("trust_score", json!(41))]), refused);
    assert_eq!(check(&rules, &[&root, &child().sanitized()]), refused);
    let removed = tainted(child_of(&root), json!([]), json!(["web"]), json!([]));
    assert_eq!(check(&rules, &[&root, &removed]), refused);
    assert_eq!(check(&WorkloadRules::default(), &[&root, &removed]), None);
    let own = Forge::entry("gateway", 2, &[&root.sign()]).legacy().sanitized().with("taints", json!(["web"]));
    assert_eq!(check(&rules, &[&root, &own]), None);
}
