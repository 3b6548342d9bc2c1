//! Nonces of ours: they say when a proof was made, whatever the clock of its maker shows.

use std::sync::Arc;
use std::time::Duration;

use kest_testkit::{FailingReplays, ReplayFault};
use serde_json::json;

use crate::confirmation::{BindingAnswer, BindingError};
use crate::dpop::DpopSettings;

use super::replays::kept_until;
use super::rig::{ClientKey, NOW, Rig, check_refused};

fn settings() -> DpopSettings {
    DpopSettings::new().origins(["https://api.example"])
}

fn asking() -> Rig {
    Rig::with(settings().require_nonce())
}

fn proof(key: &ClientKey, nonce: &str, id: &str, iat: u64) -> String {
    key.proof_with(&json!({}), &json!({"nonce": nonce, "jti": id, "iat": iat}))
}

/// Sends a proof that holds but for its nonce, and takes the nonce out of the answer.
async fn fresh_nonce(rig: &Rig, key: &ClientKey, proof: String) -> String {
    let error = rig.prove(key, proof).await.unwrap_err();
    let BindingAnswer::UseDpopNonce(nonce) = error.answer() else { panic!("{error:?}") };
    assert!(matches!(&error, BindingError::Nonce(told) if *told == nonce));
    nonce.to_string()
}

#[tokio::test]
async fn a_missing_or_old_nonce_is_refused_with_a_fresh_one() {
    let (rig, key) = (asking(), ClientKey::p256());
    let nonce = fresh_nonce(&rig, &key, key.proof()).await;
    assert!(rig.prove(&key, proof(&key, &nonce, "proof-2", NOW)).await.is_ok());
    assert_eq!(fresh_nonce(&rig, &key, proof(&key, "made up", "proof-3", NOW)).await, nonce);
    rig.clock.advance(Duration::from_secs(50));
    assert!(rig.prove(&key, proof(&key, &nonce, "proof-4", NOW + 50)).await.is_ok());
    rig.clock.advance(Duration::from_secs(10));
    let next = fresh_nonce(&rig, &key, proof(&key, &nonce, "proof-5", NOW + 60)).await;
    assert_ne!(next, nonce);
    assert!(rig.prove(&key, proof(&key, &next, "proof-5", NOW + 60)).await.is_ok());
}

#[tokio::test]
async fn a_client_whose_clock_is_ten_minutes_off_gets_in_with_a_live_nonce() {
    for iat in [NOW - 600, NOW + 600, 0, NOW * 2] {
        let (rig, key) = (asking(), ClientKey::p256());
        let nonce = fresh_nonce(&rig, &key, proof(&key, "", "proof-1", iat)).await;
        assert!(rig.prove(&key, proof(&key, &nonce, "proof-2", iat)).await.is_ok(), "{iat}");
    }
}

#[tokio::test]
async fn a_clock_that_is_off_is_not_made_up_for_by_a_nonce_that_is_not_ours_or_not_live() {
    for iat in [NOW - 600, NOW, NOW + 600] {
        let (rig, key) = (asking(), ClientKey::p256());
        let nonce = fresh_nonce(&rig, &key, proof(&key, "", "proof-1", iat)).await;
        for forged in ["made up", &nonce.to_lowercase(), &format!("{nonce}="), nonce.get(1..).unwrap()] {
            fresh_nonce(&rig, &key, proof(&key, forged, "proof-2", iat)).await;
        }
        fresh_nonce(&rig, &key, key.proof_with(&json!({}), &json!({"iat": iat}))).await;
        rig.clock.advance(Duration::from_secs(60));
        fresh_nonce(&rig, &key, proof(&key, &nonce, "proof-3", iat + 60)).await;
    }
}

#[tokio::test]
async fn a_nonce_that_was_not_asked_for_makes_up_for_no_clock() {
    let key = ClientKey::p256();
    let nonce = fresh_nonce(&asking(), &key, key.proof()).await;
    for (iat, kind) in [(NOW - 600, "proof_stale"), (NOW + 600, "proof_future")] {
        check_refused(Rig::new().prove(&key, proof(&key, &nonce, "proof-2", iat)).await, kind);
    }
}

#[tokio::test]
async fn a_replayed_proof_with_a_nonce_is_refused_for_as_long_as_the_nonce_lives() {
    for iat in [NOW - 600, NOW - 59, NOW, NOW + 600] {
        let (rig, key) = (asking(), ClientKey::p256());
        let nonce = fresh_nonce(&rig, &key, key.proof()).await;
        let used = proof(&key, &nonce, "proof-2", iat);
        assert!(rig.prove(&key, used.as_str()).await.is_ok(), "{iat}");
        for seconds in [0, 2, 28, 29] {
            rig.clock.advance(Duration::from_secs(seconds));
            check_refused(rig.prove(&key, used.as_str()).await, "proof_replayed");
        }
        rig.clock.advance(Duration::from_secs(1));
        check_refused(rig.prove(&key, used).await, "proof_nonce");
    }
}

#[tokio::test]
async fn a_proof_with_a_nonce_is_kept_for_as_long_as_any_replica_would_take_it() {
    let noted = Arc::new(FailingReplays::new(ReplayFault::Losing));
    let rig = Rig::with(settings().require_nonce().replays(Arc::<FailingReplays>::clone(&noted)));
    let key = ClientKey::p256();
    let nonce = fresh_nonce(&rig, &key, key.proof()).await;
    for (id, iat) in [("proof-1", NOW - 600), ("proof-2", NOW), ("proof-3", NOW + 600)] {
        assert!(rig.prove(&key, proof(&key, &nonce, id, iat)).await.is_ok());
    }
    assert_eq!(noted.noted(), [kept_until(NOW); 3]);
}

#[tokio::test]
async fn replicas_with_one_secret_take_each_others_nonces() {
    let (one, other) = (&[7; 32], &[8; 32]);
    let rig = |secret| Rig::with(DpopSettings::new().nonce_secret(secret));
    let key = ClientKey::p256();
    let nonce = fresh_nonce(&rig(one), &key, key.proof()).await;
    let proof = key.proof_with(&json!({}), &json!({"nonce": nonce}));
    assert!(rig(one).prove(&key, proof.as_str()).await.is_ok());
    check_refused(rig(other).prove(&key, proof).await, "proof_nonce");
}
