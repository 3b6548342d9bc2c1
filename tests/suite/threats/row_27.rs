//! Labels that contradict the lineage, and workloads that do what a receiver leaves to others.

use kest_core::Dialect;
use kest_core::passport::WorkloadRules;
use kest_core::trust::TrustScore;
use kest_tests::forge::{self, Forge};
use kest_tests::keys::workload;
use kest_tests::raw::{self, RawRequest};
use kest_tests::service::{Service, Setup};
use serde_json::json;

use super::check_passports;

#[tokio::test]
async fn labels_that_contradict_the_lineage_are_refused() {
    assert_eq!(check_passports(27, &[401]).await, 72);
}

async fn under(rules: WorkloadRules, dialect: Dialect) -> Service {
    Setup { inbound: Box::new(|builder| builder.workload_rules(rules)), dialect, ..Setup::default() }
        .start()
        .await
}

fn carrying(entries: &[String]) -> RawRequest {
    raw::call().baggage(forge::inline(entries, &forge::tip(entries)))
}

fn chain(root: &Forge, child: impl FnOnce(Forge) -> Forge) -> RawRequest {
    let root = root.sign();
    let child = child(forge::entry("orders", 2, &[&root])).sign();
    carrying(&[root, child])
}

#[tokio::test]
async fn user_brought_in_by_a_workload_that_may_not_is_refused() {
    let service = under(WorkloadRules::default().introducers([workload("gateway")]), Dialect::Strict).await;
    let root = forge::entry("gateway", 1, &[]);
    service.admitted(&chain(&root, |child| child)).await;
    service.admitted(&chain(&root, Forge::anonymous)).await;
    service.refused(&chain(&root, |child| child.label("kest.identity_source", "jwt")), &[401]).await;
    service.refused(&carrying(&[forge::entry("orders", 1, &[]).sign()]), &[401]).await;
    service.admitted(&carrying(&[forge::entry("orders", 1, &[]).anonymous().sign()])).await;
}

/// The first implementation signs no source, so there the names decide.
#[tokio::test]
async fn user_brought_in_under_the_legacy_dialect_by_a_workload_that_may_not_is_refused() {
    let rules = WorkloadRules::default().introducers([workload("gateway")]);
    let service = under(rules, Dialect::LegacyPython).await;
    let bob = r#"{"agent": null, "user": "bob"}"#;
    let root = forge::entry("gateway", 1, &[]).without_label("kest.identity_source");
    service.admitted(&chain(&root, |child| child.without_label("kest.identity_source"))).await;
    for source in [None, Some("lineage"), Some("jwt"), Some("saml")] {
        let child = |child: Forge| {
            let child = child.label("kest.identity", bob);
            match source {
                Some(source) => child.label("kest.identity_source", source),
                None => child.without_label("kest.identity_source"),
            }
        };
        service.refused(&chain(&root, child), &[401]).await;
    }
}

#[tokio::test]
async fn trust_lifted_by_a_workload_that_may_not_sanitize_is_refused() {
    let rules = WorkloadRules::default().sanitizers([workload("ledger")]);
    let service = under(rules.clone(), Dialect::Strict).await;
    let root =
        forge::entry("gateway", 1, &[]).label("kest.origin", "internet").with("/trust_score", json!(10));
    let by = |name: &str| json!({ "by": workload(name).as_str(), "reason": "read" }).to_string();
    let lifted = |child: Forge| child.label("kest.sanitizer", &by("orders")).with("/trust_score", json!(90));
    service.refused(&chain(&root, lifted), &[401]).await;
    let root = root.sign();
    let ledgers = forge::entry("ledger", 2, &[&root]).label("kest.sanitizer", &by("ledger"));
    service.admitted(&carrying(&[root, ledgers.with("/trust_score", json!(90)).sign()])).await;

    // The legacy dialect asks for no label; lifting trust and removing taints is the same without one.
    let legacy = under(rules, Dialect::LegacyPython).await;
    let tainted = forge::entry("gateway", 1, &[])
        .label("kest.origin", "internet")
        .with("/trust_score", json!(10))
        .with("/added_taints", json!(["web"]))
        .with("/taints", json!(["web"]));
    let kept = |child: Forge| child.with("/taints", json!(["web"])).with("/trust_score", json!(10));
    legacy.admitted(&chain(&tainted, kept)).await;
    legacy.refused(&chain(&tainted, |child| kept(child).with("/trust_score", json!(11))), &[401]).await;
    let removed =
        |child: Forge| child.with("/removed_taints", json!(["web"])).with("/trust_score", json!(10));
    legacy.refused(&chain(&tainted, removed), &[401]).await;
}

#[tokio::test]
async fn workload_that_claims_more_trust_than_it_may_is_refused() {
    let partner = WorkloadRules::default().highest_trust(workload("orders"), TrustScore::new(60).unwrap());
    for dialect in [Dialect::Strict, Dialect::LegacyPython] {
        let service = under(partner.clone(), dialect).await;
        let root = |name: &str, score: u8| {
            let entry = forge::entry(name, 1, &[]).with("/trust_score", json!(score));
            carrying(&[entry.sign()])
        };
        service.admitted(&root("orders", 60)).await;
        service.refused(&root("orders", 61), &[401]).await;
        service.admitted(&root("gateway", 100)).await;
    }
}
