//! What happens to lineages at their limits and in the memory of seen entries.

use kest_core::passport::{MergeError, SeenEntries, SignError, Tips, VerifyErrorKind};
use kest_core::policy::dangerous_allow_all;
use kest_core::signature::{KeyId, KeyRing};
use kest_core::trust::Origin;
use kest_core::{
    AdmitError, Arrival, Circumstances, Kest, Limits, Lineage, Operation, Sign as _, UnverifiedPassport,
    Verifier,
};
use kest_tests::forge::{Forge, inline, tip};
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
    let kest = Kest::builder(keys::signer("service")).limits(small()).build();
    let arrival = Arrival::new(Lineage::Carried(full.passport().clone()), full.principal().clone());
    let operation = Operation::named("one more").unwrap();
    let refused = kest.admit(&arrival, &operation, &dangerous_allow_all(), Circumstances::default()).await;
    assert!(matches!(refused, Err(AdmitError::Sign(SignError::PassportFull))));
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
    let entry = Forge::entry("gateway", 1, &[]).sign();
    let verify = |ring: &KeyRing| {
        let tips: Option<Tips> = None;
        let carried = UnverifiedPassport::from_entries([entry.as_str()], tips, &limits).unwrap();
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
    let seen = async |source: &str| {
        let entries = vec![Forge::entry("gateway", 1, &[]).label("kest.identity_source", source).sign()];
        service.admitted(&raw::call().baggage(inline(&entries, &tip(&entries)))).await
    };
    let unverified = seen("unverified").await;
    assert_eq!((&unverified["user"], &unverified["source"]), (&"alice".into(), &"unverified".into()));
    assert_eq!(seen("jwt").await["source"], "lineage");
    let anonymous = seen("anonymous").await;
    assert_eq!((&anonymous["user"], &anonymous["source"]), (&serde_json::Value::Null, &"anonymous".into()));
}
