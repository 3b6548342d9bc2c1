//! What one operation may have of its own: a signer, an engine; and what it cannot leave out.

use kest::policy::{Policies, Source};
use kest::prelude::*;
use kest::{OperationBuildError, OsRandom, UnverifiedPassport, WorkloadId, policy_fn};

use crate::rig::{call, keys, refusal, request};

fn another_key_of(name: &str) -> Ed25519Signer {
    let workload = WorkloadId::new(format!("spiffe://example.org/{name}")).unwrap();
    Ed25519Signer::ephemeral(workload, &OsRandom).unwrap()
}

#[tokio::test]
async fn signer_of_one_operation_signs_what_the_service_believes() {
    let (signer, mut trusted) = keys("cart");
    let vault = another_key_of("cart");
    trusted.trust_signer(&vault).unwrap();
    let mut of_the_vault = KeyRing::new();
    of_the_vault.trust_signer(&vault).unwrap();
    let kest = Kest::builder(signer)
        .trust(trusted)
        .dangerous_bearer_passports()
        .without_deployment_policies()
        .build()
        .unwrap();
    let layer = kest.operation("pay").signer(vault).policy_fn("anyone", |_asked| true).unwrap();
    let (response, seen) = call(&kest, layer, request("")).await;
    assert_eq!(response.status(), 200);
    let passport = seen.admissions[0].passport();
    let carried =
        UnverifiedPassport::from_json(passport.to_json().as_bytes(), passport.tips(), kest.limits());
    assert!(kest.verifier().verify(carried.unwrap(), &of_the_vault).is_ok(), "no other key signed");
    assert_eq!(seen.admissions[0].entry().workload(), kest.workload());
}

/// Attack: an operation that signs in the name of another service, or with a key that no bundle has.
#[test]
fn signer_of_another_workload_or_of_no_trust_does_not_start() {
    let (signer, mut trusted) = keys("cart");
    let other = another_key_of("ledger");
    trusted.trust_signer(&other).unwrap();
    let kest = Kest::builder(signer)
        .trust(trusted)
        .dangerous_bearer_passports()
        .without_deployment_policies()
        .build()
        .unwrap();
    let foreign = kest.operation("pay").signer(other).dangerous_allow_all();
    assert!(matches!(foreign, Err(OperationBuildError::Operation(_))), "{foreign:?}");
    let untrusted = kest.operation("pay").signer(another_key_of("cart")).dangerous_allow_all();
    assert!(matches!(untrusted, Err(OperationBuildError::UntrustedSigner)), "{untrusted:?}");
}

fn policies(name: &'static str, allows: bool) -> Policies {
    Policies::builder().closure(name, move |_input| allows).unwrap().build().unwrap()
}

#[tokio::test]
async fn engine_of_one_operation_is_asked_in_place_of_the_services() {
    let (signer, trusted) = keys("cart");
    let kest = Kest::builder(signer)
        .trust(trusted)
        .dangerous_bearer_passports()
        .policies(policies("shop", true))
        .build()
        .unwrap();
    let refusing = kest.operation("pay").engine(policies("shop", false)).policy("shop").unwrap();
    let (response, _seen) = call(&kest, refusing, request("")).await;
    assert_eq!(refusal(response).await, (403, "denied"));
    let unknown = kest.operation("pay").engine(policies("other", true)).policy("shop");
    assert!(matches!(unknown, Err(OperationBuildError::Policy(_))));
}

/// Attack: a route with an engine of its own, so that the deployment's policies are not asked there.
#[tokio::test]
async fn override_never_leaves_out_the_deployments_policies() {
    let tiers = Source::text("kest.toml", "enterprise_policies = [\"acme/no_one\"]\n");
    let deployment = Policies::builder().closure("acme/no_one", |_input| false).unwrap();
    let deployment = deployment.configuration(tiers.clone()).build().unwrap();
    let (signer, trusted) = keys("cart");
    let kest = Kest::builder(signer)
        .trust(trusted)
        .dangerous_bearer_passports()
        .policies(deployment)
        .build()
        .unwrap();
    let by_engine = kest.operation("pay").engine(policies("shop", true)).policy("shop").unwrap();
    let by_closure = kest.operation("pay").policy_fn("shop", |_asked| true).unwrap();
    let by_own = kest.operation("pay").authorize(policy_fn("shop", |_asked| true).unwrap()).unwrap();
    for layer in [by_engine, by_closure, by_own] {
        let (response, seen) = call(&kest, layer, request("")).await;
        assert_eq!(refusal(response).await, (403, "denied"));
        assert!(seen.admissions.is_empty());
    }
    let with_tiers = Policies::builder().closure("acme/no_one", |_input| true).unwrap();
    let with_tiers = with_tiers.closure("shop", |_input| true).unwrap().configuration(tiers).build().unwrap();
    let speaks_for_them = kest.operation("pay").engine(with_tiers).policy("shop");
    assert!(matches!(speaks_for_them, Err(OperationBuildError::TiersOfItsOwn)));
}
