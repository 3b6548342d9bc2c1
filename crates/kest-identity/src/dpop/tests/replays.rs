//! A proof is used once, by the first who comes, or not at all.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kest_core::{AuthenticateError, Limits};
use kest_testkit::{FailingReplays, ReplayFault};
use serde_json::json;

use crate::confirmation::BindingAnswer;
use crate::dpop::{DpopSettings, Requirement};

use super::rig::{ClientKey, NOW, Request, Rig, check_refused};

#[tokio::test]
async fn a_replayed_proof_is_refused_for_as_long_as_it_would_hold() {
    let (rig, key) = (Rig::new(), ClientKey::p256());
    let proof = key.proof_with(&json!({}), &json!({"iat": NOW + 5}));
    assert!(rig.prove(&key, proof.as_str()).await.is_ok());
    for seconds in [0, 30, 35] {
        rig.clock.advance(Duration::from_secs(seconds));
        let refused = rig.prove(&key, proof.as_str()).await;
        assert_eq!(refused.as_ref().unwrap_err().answer(), BindingAnswer::InvalidDpopProof);
        check_refused(refused, "proof_replayed");
    }
    rig.clock.advance(Duration::from_secs(1));
    check_refused(rig.prove(&key, proof).await, "proof_stale");
}

#[tokio::test]
async fn an_identifier_is_used_up_with_whatever_else_the_proof_says() {
    let (rig, key) = (Rig::new(), ClientKey::p256());
    assert!(rig.prove(&key, key.proof()).await.is_ok());
    let signed_again = key.proof_with(&json!({}), &json!({"iat": NOW - 1, "extra": "claim"}));
    check_refused(rig.prove(&key, signed_again).await, "proof_replayed");
    assert!(rig.prove(&key, key.proof_with(&json!({}), &json!({"jti": "proof-2"}))).await.is_ok());
}

#[tokio::test]
async fn one_caller_cannot_use_up_the_identifiers_of_another() {
    let (rig, one, other) = (Rig::new(), ClientKey::p256(), ClientKey::p256());
    assert!(rig.prove(&one, one.proof()).await.is_ok());
    assert!(rig.prove(&other, other.proof()).await.is_ok());
}

/// Attack: one key makes proofs until none of anybody else can be remembered.
#[tokio::test]
async fn flood_of_proofs_by_one_caller_leaves_room_for_the_proofs_of_others() {
    let settings = DpopSettings::new().origins(["https://api.example"]);
    let mut limits = Limits::default();
    limits.replay_ids = 40;
    let rig = Rig::asking(Requirement::Required, Requirement::Off, settings, &limits);
    let flooder = ClientKey::p256();
    let (mut accepted, mut refused) = (0, 0);
    for number in 0..60 {
        match rig.prove(&flooder, flooder.proof_with(&json!({}), &json!({"jti": format!("{number}")}))).await
        {
            Ok(_) => accepted += 1,
            Err(error) => {
                assert_eq!((error.kind(), error.answer()), ("proof_share_used_up", BindingAnswer::Nothing));
                assert!(matches!(AuthenticateError::from(error), AuthenticateError::ShareUsedUp(_)));
                refused += 1;
            }
        }
    }
    assert_eq!((accepted, refused), (10, 50));
    for _ in 0..20 {
        let good = ClientKey::p256();
        assert!(rig.prove(&good, good.proof()).await.is_ok());
    }
}

#[tokio::test]
async fn a_refused_proof_uses_nothing_up() {
    let (rig, owner, thief) = (Rig::new(), ClientKey::p256(), ClientKey::p256());
    let stolen = owner.proof();
    check_refused(rig.prove(&thief, stolen.as_str()).await, "proof_other_key");
    let elsewhere = Request { token: "e30.e30.c2ln", ..Request::new(&owner, stolen.as_str()) };
    check_refused(rig.send(&elsewhere).await, "proof_other_token");
    assert!(rig.prove(&owner, stolen).await.is_ok());
}

#[tokio::test]
async fn of_64_identical_proofs_at_once_exactly_one_is_accepted() {
    let (rig, key) = (Arc::new(Rig::new()), ClientKey::p256());
    let request = Request::new(&key, key.proof());
    let gate = Arc::new(tokio::sync::Barrier::new(64));
    let mut sent = Vec::new();
    for _ in 0..64 {
        let (rig, gate, request) = (Arc::clone(&rig), Arc::clone(&gate), request.clone());
        sent.push(tokio::spawn(async move {
            gate.wait().await;
            rig.send(&request).await
        }));
    }
    let mut accepted = 0;
    for answer in sent {
        match answer.await.unwrap() {
            Ok(_) => accepted += 1,
            refused => check_refused(refused, "proof_replayed"),
        }
    }
    assert_eq!(accepted, 1);
}

#[tokio::test]
async fn a_full_store_accepts_nothing_and_forgets_nothing() {
    let mut limits = Limits::default();
    limits.replay_ids = 1;
    let settings = DpopSettings::new().origins(["https://api.example"]);
    let rig = Rig::asking(Requirement::Required, Requirement::Off, settings, &limits);
    let key = ClientKey::p256();
    assert!(rig.prove(&key, key.proof()).await.is_ok());
    let next = key.proof_with(&json!({}), &json!({"jti": "proof-2"}));
    let refused = rig.prove(&key, next).await;
    assert_eq!(refused.as_ref().unwrap_err().answer(), BindingAnswer::Nothing);
    check_refused(refused, "replay_store");
    check_refused(rig.prove(&key, key.proof()).await, "proof_replayed");
    rig.clock.advance(Duration::from_secs(66));
    let later = key.proof_with(&json!({}), &json!({"jti": "proof-3", "iat": NOW + 66}));
    assert!(rig.prove(&key, later).await.is_ok());
}

#[tokio::test]
async fn a_store_that_does_not_answer_accepts_nothing() {
    let rig = Rig::with(DpopSettings::new().replays(Arc::new(FailingReplays::new(ReplayFault::Away))));
    let key = ClientKey::p256();
    check_refused(rig.prove(&key, key.proof()).await, "replay_store");
}

#[tokio::test]
async fn a_store_that_is_not_told_to_remember_for_so_long_is_our_fault() {
    let rig = Rig::with(DpopSettings::new().replays(Arc::new(FailingReplays::new(ReplayFault::TooLong))));
    let key = ClientKey::p256();
    let refused = rig.prove(&key, key.proof()).await;
    assert_eq!(refused.as_ref().unwrap_err().answer(), BindingAnswer::Nothing);
    check_refused(refused, "replay_store");
}

#[tokio::test]
async fn a_proof_that_the_store_may_have_forgotten_is_refused_as_a_stale_one() {
    let forgetful = DpopSettings::new().replays(Arc::new(FailingReplays::new(ReplayFault::Forgotten)));
    let key = ClientKey::p256();
    let refused = Rig::with(forgetful).prove(&key, key.proof()).await;
    assert_eq!(refused.as_ref().unwrap_err().answer(), BindingAnswer::InvalidDpopProof);
    check_refused(refused, "proof_forgotten");
}

#[tokio::test]
async fn a_proof_that_may_have_been_forgotten_is_asked_for_again_where_nonces_are_in_use() {
    let forgetful = DpopSettings::new().replays(Arc::new(FailingReplays::new(ReplayFault::Forgotten)));
    let rig = Rig::with(forgetful.require_nonce());
    let key = ClientKey::p256();
    let unasked = rig.prove(&key, key.proof()).await.unwrap_err();
    let BindingAnswer::UseDpopNonce(nonce) = unasked.answer() else { panic!("{unasked:?}") };
    let proof = key.proof_with(&json!({}), &json!({"nonce": &*nonce}));
    let refused = rig.prove(&key, proof).await;
    assert_eq!(refused.as_ref().unwrap_err().answer(), BindingAnswer::UseDpopNonce(nonce));
    check_refused(refused, "proof_forgotten");
}

#[tokio::test]
async fn a_proof_is_kept_for_as_long_as_any_replica_would_take_it() {
    let noted = Arc::new(FailingReplays::new(ReplayFault::Losing));
    let rig = Rig::with(DpopSettings::new().replays(Arc::<FailingReplays>::clone(&noted)));
    let key = ClientKey::p256();
    for (id, iat) in [("proof-1", NOW - 50), ("proof-2", NOW)] {
        assert!(rig.prove(&key, key.proof_with(&json!({}), &json!({"jti": id, "iat": iat}))).await.is_ok());
    }
    assert_eq!(noted.noted(), [kept_until(NOW - 50), kept_until(NOW)]);
}

/// How long a proof that was made at `seconds` must be remembered.
pub(super) fn kept_until(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds + 60 + 5)
}
