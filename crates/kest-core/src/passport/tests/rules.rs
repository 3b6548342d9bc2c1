//! Proofs of the verifier: what it was told is what it goes by, and what it refuses it names.

use std::sync::Arc;

use serde_json::json;

use super::forge::{Forge, carried, judge, passport, ring, workload};
use crate::passport::{Passport, Verifier, VerifyError, VerifyErrorKind, VerifySettings, WorkloadRules};
use crate::trust::{Origin, Origins, TrustModel, TrustScore, WeakestLink};
use crate::{Dialect, Limits};

fn kind(judged: Result<Passport, VerifyError>) -> Option<VerifyErrorKind> {
    judged.err().map(|refused| refused.kind())
}

#[test]
fn longer_passport_than_the_verifier_takes_is_refused_whole() {
    let root = Forge::entry("gateway", 1, &[]).sign();
    let child = Forge::entry("orders", 2, &[&root]).sign();
    let of = |entries| Verifier::new(Limits { entries, ..Limits::default() });
    assert_eq!(judge(&of(2), &[&root, &child]).unwrap().len(), 2);
    let refused = judge(&of(1), &[&root, &child]).unwrap_err();
    assert_eq!((refused.kind(), refused.index()), (VerifyErrorKind::TooManyEntries, None));
    assert_eq!(of(7).settings().limits.entries, 7);
}

#[test]
fn every_setting_reaches_the_verifier_one_by_one_and_as_one_value() {
    // Each holds under its setting alone: a dialect, an origin of one's own, a rule for workloads.
    let legacy = Forge::entry("gateway", 1, &[]).legacy().sign();
    let batch = Forge::entry("gateway", 1, &[]).label("kest.origin", "batch").with("trust_score", json!(50));
    let batch = batch.sign();
    let plain = Forge::entry("gateway", 1, &[]).sign();
    let mut origins = Origins::default();
    origins.register(Origin::new("batch").unwrap(), TrustScore::new(50).unwrap()).unwrap();
    let trust = TrustModel::new(origins, Arc::new(WeakestLink));
    let rules = WorkloadRules::default().highest_trust(workload("gateway"), TrustScore::new(60).unwrap());
    let strict = Verifier::default();
    assert_eq!(kind(judge(&strict, &[&batch])), Some(VerifyErrorKind::TrustRaised));
    assert!(judge(&strict, &[&legacy]).is_err() && judge(&strict, &[&plain]).is_ok());

    let built = Verifier::default().dialect(Dialect::LegacyPython);
    assert!(judge(&built, &[&legacy]).is_ok());
    let built = Verifier::default().trust_model(trust.clone());
    assert!(judge(&built, &[&batch]).is_ok());
    let built = built.workload_rules(rules.clone());
    assert_eq!(kind(judge(&built, &[&plain])), Some(VerifyErrorKind::TrustOverCap));
    assert!(judge(&built, &[&batch]).is_ok(), "a later setting takes none of the earlier away");

    let settings = VerifySettings { trust, workloads: rules, ..VerifySettings::default() };
    let given = Verifier::with(settings);
    assert_eq!(kind(judge(&given, &[&plain])), Some(VerifyErrorKind::TrustOverCap));
    assert!(judge(&given, &[&batch]).is_ok());
}

#[test]
fn workload_may_claim_as_much_trust_as_its_rule_says_and_no_more() {
    let rules = WorkloadRules::default().highest_trust(workload("orders"), TrustScore::new(60).unwrap());
    let verifier = Verifier::default().workload_rules(rules);
    for (name, score, expected) in [
        ("orders", 59, None),
        ("orders", 60, None),
        ("orders", 61, Some(VerifyErrorKind::TrustOverCap)),
        ("gateway", 61, None),
    ] {
        let entry = Forge::entry(name, 1, &[]).with("trust_score", json!(score)).sign();
        assert_eq!(kind(judge(&verifier, &[&entry])), expected, "{name} {score}");
    }
}

#[test]
fn missing_key_is_named_with_its_place_and_other_refusals_name_no_workload() {
    let root = Forge::entry("gateway", 1, &[]).sign();
    let stranger = Forge::entry("partner", 2, &[&root]).sign();
    let refused = judge(&Verifier::default(), &[&root, &stranger]).unwrap_err();
    assert_eq!((refused.kind(), refused.index()), (VerifyErrorKind::UnknownPrincipal, Some(1)));
    assert_eq!(refused.workload(), Some(&workload("partner")));
    let twice = judge(&Verifier::default(), &[&root, &root]).unwrap_err();
    assert_eq!((twice.kind(), twice.workload()), (VerifyErrorKind::DuplicateEntry, None));
    // A root of the legacy dialect may have no parents at all; that it is the first has to be said again.
    let first = Forge::entry("partner", 1, &[]).legacy().with("parent_ids", json!([])).sign();
    let refused = judge(&Verifier::default().dialect(Dialect::LegacyPython), &[&first]).unwrap_err();
    assert_eq!((refused.index(), refused.workload()), (Some(0), Some(&workload("partner"))));
}

#[test]
fn two_tips_are_found_whatever_their_order_and_give_the_least_trust_and_all_taints() {
    let root = Forge::entry("gateway", 1, &[]).sign();
    let tainted = |name, number, taint: &str, score: u8| {
        let entry = Forge::entry(name, number, &[&root]).with("trust_score", json!(score));
        entry.with("added_taints", json!([taint])).with("taints", json!([taint])).sign()
    };
    let (one, other) = (tainted("orders", 2, "web", 60), tainted("ledger", 3, "pii", 40));
    let forked = passport(&[&root, &one, &other], &[&other, &one]);
    assert_eq!(forked.trust_score(), TrustScore::new(40).ok());
    assert_eq!(forked.taints().iter().collect::<Vec<_>>(), ["pii", "web"]);
    let tips: Vec<&str> = forked.tip_entries().map(|tip| tip.compact()).collect();
    assert_eq!(tips, [one.as_str(), other.as_str()]);
    assert_eq!(forked.to_json(), format!("[\"{root}\",\"{one}\",\"{other}\"]"));
    assert_eq!((forked.len(), forked.entries().len(), forked.is_empty()), (3, 3, false));
    let empty = Verifier::default().verify(carried(&[], &[]), &ring()).unwrap();
    assert_eq!((empty.len(), empty.is_empty(), empty.trust_score()), (0, true, None));
    assert_eq!((empty.to_json(), Passport::empty().len()), ("[]".to_owned(), 0));
}

#[test]
fn trust_and_taints_that_the_rules_give_exactly_are_accepted() {
    let root =
        Forge::entry("gateway", 1, &[]).label("kest.origin", "user_input").with("trust_score", json!(40));
    let root = root.with("added_taints", json!(["web"])).with("taints", json!(["web"])).sign();
    let child = |score: u8| {
        Forge::entry("orders", 2, &[&root]).with("trust_score", json!(score)).with("taints", json!(["web"]))
    };
    let judge = |child: Forge| kind(judge(&Verifier::default(), &[&root, &child.sign()]));
    assert_eq!(judge(child(40)), None);
    assert_eq!(judge(child(39)), None);
    assert_eq!(judge(child(41)), Some(VerifyErrorKind::TrustRaised));
    assert_eq!(judge(child(41).sanitized()), None);
    let removed = || child(40).with("removed_taints", json!(["web"])).with("taints", json!([]));
    assert_eq!(judge(removed()), Some(VerifyErrorKind::TaintDropped));
    assert_eq!(judge(removed().sanitized()), None);
    assert_eq!(judge(child(40).with("taints", json!([]))), Some(VerifyErrorKind::TaintsDiffer));
}
