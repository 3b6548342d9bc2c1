//! What is wrong with a service is found when it is built.

use std::panic::{AssertUnwindSafe, catch_unwind};

use kest::client::Destination;
use kest::core::trust::TrustScore;
use kest::policy::Policies;
use kest::prelude::*;
use kest::{BuildError, Operation, OperationBuildError, WorkloadId, dangerous_allow_all, deployment_only};

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

    fn are_types<A, B, C, D, E, F, G, H, I, J, K, L, M>() {}
    are_types::<
        Admission,
        Admitted,
        Arrival,
        Arrived,
        Bundle,
        Authenticated,
        Ed25519Signer,
        FromLineage,
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
