//! Identity that comes with the verified lineage, beside tokens and under the insecure choice.

use std::sync::Arc;

use kest_core::policy::dangerous_allow_all;
use kest_core::signature::{Ed25519Signer, WorkloadId};
use kest_core::{
    AdmitOptions, Admitter, Arrival, Authenticate, AuthenticateError, Caller, Evidence, IdentitySource,
    Lineage, Operation, OsRandom, authenticate,
};
use kest_identity::{IdentityChoice, WithoutToken};
use serde_json::json;

use crate::endpoint::publishing;
use crate::keys::SigningKey;
use crate::rig::{ISSUER, Rig, check_refused, token, token_with};

/// The lineage that a service signed after it had authenticated this caller.
async fn lineage_of(caller: Caller) -> Lineage {
    let workload = WorkloadId::new("spiffe://example.org/edge").unwrap();
    let kest = Admitter::builder(Arc::new(Ed25519Signer::ephemeral(workload, &OsRandom).unwrap())).build();
    let arrival = Arrival::new(Lineage::Absent, caller);
    let operation = Operation::named("edge").unwrap();
    let admitted = kest.admit(&arrival, &operation, &dangerous_allow_all(), AdmitOptions::default()).await;
    Lineage::Carried(admitted.unwrap().passport().clone())
}

async fn ask(
    mechanism: &dyn Authenticate,
    lineage: &Lineage,
    authorization: &[&str],
) -> Result<Caller, AuthenticateError> {
    let values = authorization.iter().map(|value| value.as_bytes());
    authenticate(mechanism, &Evidence::new(lineage).with_authorization(values)).await
}

#[track_caller]
fn check_caller(caller: &Caller, user: &str, source: IdentitySource) {
    let found = (caller.user(), caller.issuer(), caller.source());
    assert_eq!(found, (Some(user), Some(ISSUER), source));
}

#[tokio::test]
async fn lineage_speaks_where_no_token_came_and_a_token_wins() {
    let key = SigningKey::ed25519("key-1", 1);
    let rig =
        Rig::configured(publishing([key.jwk()]), |builder| builder.without_token(WithoutToken::FromLineage));
    let rig = rig.await;
    let lineage = lineage_of(rig.send_token(&token(&key)).await.unwrap()).await;
    let inherited = ask(&rig.authenticator, &lineage, &[]).await.unwrap();
    check_caller(&inherited, "user-1", IdentitySource::Lineage);
    let other = format!("Bearer {}", token_with(&key, &json!({}), &json!({"sub": "user-2"})));
    let fresh = ask(&rig.authenticator, &lineage, &[&other]).await.unwrap();
    check_caller(&fresh, "user-2", IdentitySource::Jwt);
    let expired = format!("Bearer {}", token_with(&key, &json!({}), &json!({"exp": 1})));
    check_refused(ask(&rig.authenticator, &lineage, &[&expired]).await, "expired");
}

#[tokio::test]
async fn lineage_is_not_believed_unless_configured() {
    let key = SigningKey::ed25519("key-1", 1);
    let rig = Rig::trusting([&key]).await;
    let lineage = lineage_of(rig.send_token(&token(&key)).await.unwrap()).await;
    let refused = ask(&rig.authenticator, &lineage, &[]).await;
    assert!(matches!(refused, Err(AuthenticateError::Missing)));
}

#[tokio::test]
async fn insecure_choice_marks_inherited_identities_too() {
    let key = SigningKey::ed25519("key-1", 1);
    let rig = Rig::trusting([&key]).await;
    let lineage = lineage_of(rig.send_token(&token(&key)).await.unwrap()).await;
    let insecure = IdentityChoice::dangerous_insecure_no_verify().into_authenticate();
    let inherited = ask(insecure.as_ref(), &lineage, &[]).await.unwrap();
    check_caller(&inherited, "user-1", IdentitySource::Unverified);

    // What was unverified where it was signed stays so further on.
    let lineage = lineage_of(inherited).await;
    let behind = IdentityChoice::from_lineage().into_authenticate();
    let inherited = ask(behind.as_ref(), &lineage, &[]).await.unwrap();
    check_caller(&inherited, "user-1", IdentitySource::Unverified);
}
