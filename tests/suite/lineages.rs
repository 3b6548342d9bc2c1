//! What happens to lineages at their limits and in the memory of seen entries.

use kest_core::entry::FormError;
use kest_core::passport::{MergeError, PassportFormError, SeenEntries, SignError, Tips, VerifyErrorKind};
use kest_core::policy::dangerous_allow_all;
use kest_core::signature::{KeyId, KeyRing};
use kest_core::trust::Origin;
use kest_core::{
    AdmitError, AdmitOptions, Admitter, Arrival, Dialect, Evidence, FromLineage, Limits, Lineage, Operation,
    UnverifiedPassport, Verifier, authenticate,
};
use kest_tests::forge::{self, Forge, inline, tip};
use kest_tests::service::Service;
use kest_tests::{keys, raw};

fn small() -> Limits {
    let mut limits = Limits::default();
    limits.entries = 3;
    limits
}

#[tokio::test]
async fn full_lineage_takes_no_other_entry() {
    let full = keys::chain(3).await;
    let kest = Admitter::builder(keys::signer("service")).limits(small()).build();
    let arrival = Arrival::new(Lineage::Carried(full.passport().clone()), full.caller().clone());
    let operation = Operation::named("one more").unwrap();
    let refused = kest.admit(&arrival, &operation, &dangerous_allow_all(), AdmitOptions::default()).await;
    assert!(matches!(refused, Err(AdmitError::Sign(SignError::PassportFull))));
}

#[tokio::test]
async fn caller_of_another_lineage_is_not_signed_as_inherited() {
    let limits = Limits::default();
    let carried = |entry: Forge| {
        let carried = UnverifiedPassport::dangerous_from_entries([entry.sign()], None, &limits).unwrap();
        Lineage::Carried(Verifier::new(limits.clone()).verify(carried, &keys::ring()).unwrap())
    };
    let alices = carried(forge::entry("gateway", 1, &[]));
    let bobs = carried(forge::entry("gateway", 1, &[]).label("kest.identity", BOB));
    let alice = authenticate(&FromLineage, &Evidence::new(&alices)).await.unwrap();
    let operation = Operation::named("look").unwrap();
    let sign = async |lineage: &Lineage| {
        let arrival = Arrival::new(lineage.clone(), alice.clone());
        let kest = keys::kest("service");
        kest.admit(&arrival, &operation, &dangerous_allow_all(), AdmitOptions::default()).await
    };
    assert!(sign(&alices).await.is_ok());
    let nobodys = carried(forge::entry("gateway", 1, &[]).anonymous());
    for other in [bobs, nobodys, Lineage::Absent] {
        assert!(matches!(sign(&other).await, Err(AdmitError::Sign(SignError::Identity(_)))));
    }
}

const BOB: &str = r#"{"agent":null,"task":null,"user":"bob"}"#;

#[tokio::test]
async fn lineage_may_cross_traces() {
    let root = forge::entry("gateway", 1, &[]).sign();
    let other =
        forge::entry("orders", 2, &[&root]).label("trace_id", "0af7651916cd43dd8448eb211c80319c").sign();
    let entries = [root, other];
    Service::start().await.admitted(&raw::call().baggage(inline(&entries, &tip(&entries)))).await;
}

#[tokio::test]
async fn sanitizer_may_find_nothing_to_do_and_still_has_to_say_why() {
    let root = forge::entry("gateway", 1, &[]).sign();
    let cleaned = forge::entry("orders", 2, &[&root]).with("/removed_taints", serde_json::json!(["markup"]));
    let carrying = |child: Forge| {
        let entries = [root.clone(), child.sign()];
        raw::call().baggage(inline(&entries, &tip(&entries)))
    };
    let service = Service::start().await;
    service.refused(&carrying(cleaned.clone()), &[401]).await;
    let label = format!(r#"{{"by":"{}","reason":"markup removed"}}"#, keys::workload("orders"));
    service.admitted(&carrying(cleaned.label("kest.sanitizer", &label))).await;
}

#[tokio::test]
async fn full_lineage_is_refused_as_too_large_before_the_handler() {
    let service = kest_tests::service::Setup { limits: small(), ..Default::default() }.start().await;
    let chain = keys::chain(3).await;
    let entries: Vec<String> = chain.passport().entries().iter().map(|it| it.compact().to_owned()).collect();
    service.refused(&raw::call().baggage(inline(&entries, &tip(&entries))), &[431]).await;
    assert_eq!(
        service.admitted(&raw::call().baggage(inline(&entries[..2], &tip(&entries[..2])))).await["entries"],
        3
    );
}

#[tokio::test]
async fn lineages_that_are_too_long_together_are_not_joined() {
    let (one, other) = (keys::chain(2).await, keys::chain_from(Origin::internal(), 2).await);
    let joined = one.passport().merge(other.passport(), &small());
    assert!(matches!(joined, Err(MergeError::TooManyEntries)));
    let mut few_parents = Limits::default();
    few_parents.parents = 1;
    assert!(matches!(one.passport().merge(other.passport(), &few_parents), Err(MergeError::TooManyTips)));
    assert_eq!(one.passport().merge(other.passport(), &Limits::default()).unwrap().len(), 4);
    assert_eq!(
        one.passport().merge(one.passport(), &small()).unwrap().len(),
        2,
        "joining oneself adds nothing"
    );
}

#[test]
fn entry_seen_under_a_key_is_not_recognised_under_another() {
    let limits = Limits::default();
    let verifier = Verifier::new(limits.clone()).remember(SeenEntries::new(&limits));
    let entry = forge::entry("gateway", 1, &[]).sign();
    let verify = |ring: &KeyRing| {
        let tips: Option<Tips> = None;
        let carried = UnverifiedPassport::dangerous_from_entries([entry.as_str()], tips, &limits).unwrap();
        verifier.verify(carried, ring).map_err(|error| error.kind())
    };
    assert!(verify(&keys::ring()).is_ok() && verify(&keys::ring()).is_ok());
    // The key behind the same principal and key id was replaced, as after a theft.
    let mut replaced = KeyRing::new();
    let stolen = KeyId::new("gateway-1").unwrap();
    replaced.trust(keys::workload("gateway"), stolen, keys::signer("orders").public_key().clone()).unwrap();
    assert_eq!(verify(&replaced).unwrap_err(), VerifyErrorKind::BadSignature);
    assert_eq!(verify(&KeyRing::new()).unwrap_err(), VerifyErrorKind::UnknownPrincipal);
}

#[tokio::test]
async fn unverified_identity_stays_unverified_along_the_lineage() {
    let service = Service::start().await;
    let seen = async |entry: Forge| {
        let entries = vec![entry.sign()];
        service.admitted(&raw::call().baggage(inline(&entries, &tip(&entries)))).await
    };
    let entry = || forge::entry("gateway", 1, &[]);
    let unverified = seen(entry().label("kest.identity_source", "unverified")).await;
    assert_eq!((&unverified["user"], &unverified["source"]), (&"alice".into(), &"unverified".into()));
    assert_eq!(seen(entry()).await["source"], "lineage");
    let anonymous = seen(entry().anonymous()).await;
    assert_eq!((&anonymous["user"], &anonymous["source"]), (&serde_json::Value::Null, &"anonymous".into()));
}

/// Verifies `entries` under limits that are smaller than usual.
fn kind_under(change: impl FnOnce(&mut Limits), entries: &[String]) -> Option<VerifyErrorKind> {
    let mut limits = Limits::default();
    let tips: Option<Tips> = None;
    let carried =
        UnverifiedPassport::dangerous_from_entries(entries.iter().map(String::as_str), tips, &limits)
            .unwrap();
    change(&mut limits);
    Verifier::new(limits).verify(carried, &keys::ring()).err().map(|error| error.kind())
}

#[test]
fn entries_over_a_limit_are_refused_and_those_at_it_are_not() {
    let one = forge::entry("gateway", 1, &[]).sign();
    let two = forge::entry("orders", 2, &[]).sign();
    let joined = forge::entry("ledger", 3, &[&one, &two]).sign();
    let labels = forge::entry("gateway", 1, &[]).payload["labels"].as_object().unwrap().len();
    let whole = vec![one, two, joined];
    let form = |form| Some(VerifyErrorKind::Form(form));
    assert_eq!(kind_under(|limits| limits.parents = 2, &whole), None);
    assert_eq!(kind_under(|limits| limits.parents = 1, &whole), form(FormError::Parents));
    assert_eq!(kind_under(|limits| limits.labels = labels, &whole), None);
    assert_eq!(kind_under(|limits| limits.labels = labels - 1, &whole), form(FormError::Labels));
    let longest = whole.iter().map(String::len).max().unwrap();
    assert_eq!(kind_under(|limits| limits.entry_bytes = longest, &whole), None);
    assert_eq!(kind_under(|limits| limits.entry_bytes = longest - 1, &whole), form(FormError::TooLong));
    assert_eq!(kind_under(|limits| limits.entries = 2, &whole), Some(VerifyErrorKind::TooManyEntries));
}

#[test]
fn same_parent_named_twice_is_refused() {
    let one = forge::entry("gateway", 1, &[]).sign();
    let twice = forge::entry("orders", 2, &[&one, &one]).sign();
    let kind = kind_under(|_| {}, &[one, twice]);
    assert_eq!(kind, Some(VerifyErrorKind::Form(FormError::Parents)));
}

#[test]
fn passport_text_over_the_limit_is_refused_before_it_is_read() {
    let json = format!("[\"{}\"]", forge::entry("gateway", 1, &[]).sign());
    let mut limits = Limits::default();
    limits.passport_bytes = json.len();
    assert!(UnverifiedPassport::dangerous_from_json(json.as_bytes(), None, &limits).is_ok());
    limits.passport_bytes -= 1;
    let refused = UnverifiedPassport::dangerous_from_json(json.as_bytes(), None, &limits);
    assert!(matches!(refused, Err(PassportFormError::TooLong(_))));
}

/// The first implementation signs no sanitizer and takes taints from all earlier entries; nothing else is forgiven.
#[test]
fn legacy_dialect_still_refuses_taints_that_vanish_or_come_from_nowhere() {
    let taints = |list: &[&str]| serde_json::json!(list);
    let root = forge::entry("gateway", 1, &[]).with("/added_taints", taints(&["web"]));
    let root = root.with("/taints", taints(&["web"])).sign();
    let check = |removed: &[&str], kept: &[&str]| {
        let child = forge::entry("orders", 2, &[&root])
            .with("/removed_taints", taints(removed))
            .with("/taints", taints(kept))
            .sign();
        let limits = Limits::default();
        let tips: Option<Tips> = None;
        let carried =
            UnverifiedPassport::dangerous_from_entries([root.as_str(), &child], tips, &limits).unwrap();
        let verified = Verifier::new(limits).dialect(Dialect::LegacyPython).verify(carried, &keys::ring());
        verified.err().map(|error| error.kind())
    };
    assert_eq!(check(&[], &["web"]), None);
    assert_eq!(check(&["web"], &[]), None, "declared, as the first implementation does it");
    assert_eq!(check(&["web"], &["web"]), None, "an earlier entry had it");
    assert_eq!(check(&[], &[]), Some(VerifyErrorKind::TaintsDiffer), "it vanished");
    assert_eq!(check(&[], &["web", "new"]), Some(VerifyErrorKind::TaintsDiffer), "it came from nowhere");
}
