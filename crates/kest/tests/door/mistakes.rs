//! What is wrong with a service is found when it is built.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use kest::client::Destination;
use kest::core::signature::{NotAfter, ReplaceableKeys};
use kest::core::trust::TrustScore;
use kest::policy::Policies;
use kest::prelude::*;
use kest::{BuildError, Operation, OperationBuildError, WorkloadId, dangerous_allow_all, deployment_only};
use kest_testkit::TestClock;

use crate::rig;

#[test]
fn service_says_whom_it_trusts_and_what_the_deployment_asks() {
    let (signer, trusted) = rig::keys("cart");
    let unsaid = Kest::builder(signer).without_deployment_policies().build();
    assert_eq!(unsaid.unwrap_err(), BuildError::NoTrust);
    let (signer, _) = rig::keys("cart");
    let unsaid = Kest::builder(signer).trust(trusted).build();
    assert_eq!(unsaid.unwrap_err(), BuildError::NoPolicies);
}

/// Attack on oneself: a rotation that forgot the bundle, after which every peer refuses what the service signs.
#[test]
fn key_that_peers_would_refuse_does_not_start() {
    let (_, trusted) = rig::keys("cart");
    let (next, _) = rig::keys("cart");
    let key = next.key_id().clone();
    let built = Kest::builder(next).trust(trusted).without_deployment_policies().build();
    let workload = WorkloadId::from_static("spiffe://example.org/cart");
    assert_eq!(built.unwrap_err(), BuildError::UntrustedKey { workload, key });
}

#[test]
fn key_that_ended_by_the_bundle_does_not_start() {
    let (signer, _) = rig::keys("cart");
    let (workload, key) = (signer.workload().clone(), signer.key_id().clone());
    let end = NotAfter::from_unix_seconds(1000).unwrap();
    let at = |seconds| {
        let mut trusted = KeyRing::new();
        let public = signer.public_key().clone();
        trusted.trust_until(workload.clone(), key.clone(), public, end).unwrap();
        let signer = Ed25519Signer::from_jwk(&signer.to_private_jwk().unwrap()).unwrap();
        let kest = Kest::builder(signer).trust(trusted).clock(Arc::new(TestClock::at(seconds)));
        kest.without_deployment_policies().build()
    };
    assert!(at(1000).is_ok());
    assert_eq!(at(1001).unwrap_err(), BuildError::KeyEnded { workload: workload.clone(), key: key.clone() });
}

/// A service that trusts the services before it and no others has no key of its own there, and one whose keys are followed
/// may get it with the next look.
#[test]
fn service_that_its_trust_does_not_know_starts() {
    let (_, before) = rig::keys("edge");
    let (signer, _) = rig::keys("cart");
    assert!(Kest::builder(signer).trust(before).without_deployment_policies().build().is_ok());
    let (_, old) = rig::keys("cart");
    let (next, _) = rig::keys("cart");
    let followed = ReplaceableKeys::new(old);
    assert!(Kest::builder(next).trust(followed).without_deployment_policies().build().is_ok());
}

#[test]
fn operation_that_can_never_be_admitted_does_not_start() {
    let kest = rig::kest();
    let long = "x".repeat(257);
    for name in ["", long.as_str()] {
        let built = kest.operation(name).dangerous_allow_all();
        assert!(matches!(built, Err(OperationBuildError::Name(_))), "{name}");
    }
    let tainted = kest.operation("a").taint("").dangerous_allow_all();
    assert!(matches!(tainted, Err(OperationBuildError::Operation(_))));
    let unasked = kest.operation("a").deployment_only();
    assert!(matches!(unasked, Err(OperationBuildError::Operation(_))));
    let unnamed = kest.operation("a").policy_fn("", |_asked| true);
    assert!(matches!(unnamed, Err(OperationBuildError::Policy(_))));
}

#[test]
fn policy_that_the_service_does_not_have_does_not_start() {
    let nameless = rig::kest().operation("a").policy("shop");
    assert!(matches!(nameless, Err(OperationBuildError::NoPolicies)));
    let (signer, trusted) = rig::keys("cart");
    let policies = Policies::builder().closure("shop", |_input| true).unwrap().build().unwrap();
    let kest = Kest::builder(signer).trust(trusted).policies(policies).build().unwrap();
    assert!(matches!(kest.operation("a").policy("other"), Err(OperationBuildError::Policy(_))));
    assert!(kest.operation("a").policy("shop").is_ok());
}

#[test]
fn job_that_can_never_be_originated_gets_no_client() {
    let client = || rig::kest().client(reqwest::Client::builder());
    let nothing_asked =
        client().originate(Origin::system(), Operation::from_static("job"), deployment_only());
    assert!(nothing_asked.is_err());
    let unsignable = Operation::from_static("job").taint("");
    assert!(client().originate(Origin::system(), unsignable, dangerous_allow_all()).is_err());
    assert!(client().build().is_err(), "no destination");
    assert!(client().destination("http://stock.internal").is_err(), "plain http to another machine");
}

#[test]
fn literal_that_cannot_be_read_is_named_where_it_stands() {
    let attempts: [(&str, fn()); 6] = [
        ("\"\"", || drop(Operation::from_static(""))),
        ("\"stock.internal\"", || drop(Destination::from_static("stock.internal"))),
        ("\"a\\nb\"", || drop(WorkloadId::from_static("a\nb"))),
        ("\"\"", || drop(Origin::from_static(""))),
        ("[\"a b\"]", || drop(kest::GuardLayer::from_static(["a b"]))),
        ("trust score over 100", || assert_ne!(TrustScore::from_static(101), TrustScore::FULL)),
    ];
    for (literal, attempt) in attempts {
        let panic = catch_unwind(AssertUnwindSafe(attempt)).unwrap_err();
        let message = panic.downcast_ref::<String>().map(String::as_str);
        let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap();
        assert!(message.contains(literal), "{message}");
    }
}

/// Names that two globs bring in are an error where they are used: each of ours is used here.
#[test]
fn prelude_shadows_nothing_of_axum_http_reqwest_and_tower() {
    #[expect(unused_imports, reason = "imported for the names that they bring")]
    use {axum::*, http::*, kest::prelude::*, reqwest::*, tower::*};

    fn are_types<A, B, C, D, E, F, G, H, I, J, K, L, M, N>() {}
    are_types::<
        Admission,
        Admitted,
        Arrival,
        Arrived,
        Bundle,
        Authenticated,
        Ed25519Signer,
        FromLineage,
        HopProof,
        JwtAuthenticator,
        Kest,
        KeyRing,
        Origin,
        Policies,
    >();
    let _: (fn() -> _, fn() -> _) = (public, dangerous_insecure_no_verify);
    let sanitizer = Sanitizer::because("checked").sets_trust(TrustScore::FULL);
    assert_eq!(sanitizer.reason(), "checked");
}

/// Attack: a passport that was copied, sent to a service where its names are the caller's.
#[test]
fn kest_by_lineage_that_says_nothing_about_bindings_does_not_start() {
    let kest = |said: fn(kest::KestBuilder) -> kest::KestBuilder| {
        let (signer, trusted) = rig::keys("cart");
        said(Kest::builder(signer).trust(trusted)).without_deployment_policies().build().unwrap()
    };
    let unsaid = kest(|it| it);
    let error = unsaid.inbound_builder().identity(FromLineage).try_build().unwrap_err();
    assert!(matches!(error, kest::InboundBuildError::NoBindingChoice(_)));
    let panic = catch_unwind(AssertUnwindSafe(|| unsaid.inbound(FromLineage))).unwrap_err();
    assert_eq!(panic.downcast_ref::<String>(), Some(&error.to_string()));
    for mend in [".hop_proof(", ".bound_to_peer()", ".dangerous_bearer_passports()"] {
        assert!(error.to_string().contains(mend), "{error}");
    }
    drop(unsaid.inbound(dangerous_insecure_no_verify()));
    drop(kest(|it| it.hop_proof(HopProof::for_authority("cart.internal"))).inbound(FromLineage));
    drop(kest(kest::KestBuilder::bound_to_peer).inbound(FromLineage));
    drop(kest(kest::KestBuilder::dangerous_bearer_passports).inbound(FromLineage));
    // A layer may say it for itself.
    let said = unsaid.inbound_builder().identity(FromLineage).bound_to_peer().try_build();
    assert!(said.is_ok());
}
