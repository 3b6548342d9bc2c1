//! The trust bundle as this project and others read it.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kest_authority::{SignedBundle, Store as _};
use kest_core::signature::{Bundle, KeyId, PublicKey, Signature, WorkloadId};
use serde_json::{Value, json};

use crate::rig::{Rig, id};

fn workload(name: &str) -> WorkloadId {
    id(name).workload().clone()
}

async fn document(rig: &Rig) -> Value {
    serde_json::from_str(rig.authority.bundle().await.unwrap().json()).unwrap()
}

/// SPIFFE Trust Domain and Bundle section 4, X.509-SVID section 6.2.
#[tokio::test]
async fn bundle_has_roots_keys_of_tokens_entry_keys_and_revocations() {
    let rig = Rig::start().await;
    let (cart, _) = rig.enrolled("cart").await;
    rig.enrolled("stock").await;
    rig.authority.revoke(&id("stock")).await.unwrap();
    let document = document(&rig).await;
    let keys = document["keys"].as_array().unwrap();
    let of_use = |purpose: &str| keys.iter().filter(|key| key["use"] == purpose).collect::<Vec<_>>();
    let [root] = of_use("x509-svid")[..] else { panic!("one root") };
    assert_eq!((root["x5c"].as_array().unwrap().len(), root.get("kid")), (1, None));
    assert_eq!((&root["kty"], &root["crv"]), (&json!("EC"), &json!("P-256")));
    let [token_key] = of_use("jwt-svid")[..] else { panic!("one key of tokens") };
    assert!(token_key["kid"].is_string());
    assert_eq!(document["spiffe_refresh_hint"], 300);
    assert_eq!(document["revocations"], json!([{"identity": "spiffe://example.org/stock", "epoch": 1}]));
    assert!(!document.to_string().contains("\"d\""), "no private key");

    let read = Bundle::from_json(document.to_string().as_bytes()).unwrap();
    assert_eq!(read.sequence(), document["spiffe_sequence"].as_u64());
    let kid = KeyId::new(cart.entry_key().kid).unwrap();
    assert_eq!(read.ring().key(&workload("cart"), &kid), Some(cart.entry.public_key()));
    assert_eq!(
        read.ring().keys().count(),
        1,
        "neither stock, which is revoked, nor keys that sign no entries"
    );
}

#[tokio::test]
async fn signed_bundle_is_the_same_under_a_key_that_it_publishes() {
    let rig = Rig::start().await;
    rig.enrolled("cart").await;
    let bundle = rig.authority.bundle().await.unwrap();
    let parts: Vec<&str> = bundle.jws().split('.').collect();
    let [header, payload, signature] = parts[..] else { panic!("not compact") };
    let decoded = |part: &str| URL_SAFE_NO_PAD.decode(part).unwrap();
    assert_eq!(decoded(payload), bundle.json().as_bytes());
    let header: Value = serde_json::from_slice(&decoded(header)).unwrap();
    assert_eq!((&header["alg"], header["typ"].as_str()), (&json!("EdDSA"), Some(SignedBundle::TYPE)));
    let document = document(&rig).await;
    let key = document["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let x = decoded(key["x"].as_str().unwrap());
    let key = PublicKey::from_bytes(&x.try_into().unwrap()).unwrap();
    let signed = Signature::from_bytes(decoded(signature).try_into().unwrap());
    let input = bundle.jws().rsplit_once('.').unwrap().0;
    assert!(key.verifies(input.as_bytes(), &signed));
}

#[tokio::test]
async fn bundle_is_made_once_for_a_sequence() {
    let rig = Rig::start().await;
    let once = rig.authority.bundle().await.unwrap();
    let again = rig.authority.bundle().await.unwrap();
    assert!(std::sync::Arc::ptr_eq(&once, &again));
    rig.enrolled("cart").await;
    let next = rig.authority.bundle().await.unwrap();
    assert!(next.sequence() > once.sequence());
    assert_ne!(next.etag("json"), once.etag("json"));
    assert_ne!(next.etag("json"), next.etag("jws"));
    rig.authority.keep_up_now().await.unwrap();
    assert_eq!(
        rig.authority.bundle().await.unwrap().sequence(),
        next.sequence(),
        "upkeep alone changes nothing"
    );
}

/// Attack: the entry key of a service that was switched off. Those who follow the bundle see it end before it leaves.
#[tokio::test]
async fn keys_of_identities_that_are_over_end_and_leave() {
    let rig = Rig::start().await;
    let (cart, _) = rig.enrolled("cart").await;
    let kid = KeyId::new(cart.entry_key().kid).unwrap();
    let read = async || Bundle::from_json(document(&rig).await.to_string().as_bytes()).unwrap();
    let alive = read().await;
    assert_eq!(alive.ring().not_after(&kid), None);
    let now = || kest_core::Clock::unix_millis(&rig.clock);
    rig.clock.advance(Duration::from_secs(3600));
    rig.authority.keep_up_now().await.unwrap();
    let ended = read().await;
    let end = rig.store.workload(&id("cart")).await.unwrap().unwrap().alive_until / 1000;
    assert_eq!(ended.ring().not_after(&kid).map(|end| end.unix_seconds()), Some(end));
    rig.enrolled("other").await;
    let next = read().await;
    next.check_follows(&alive, now()).unwrap();
    rig.clock.advance(Duration::from_secs(24 * 3600 + 1));
    rig.authority.keep_up_now().await.unwrap();
    let left = read().await;
    assert!(!left.ring().knows(&workload("cart")));
    left.check_follows(&next, now()).unwrap();
}

/// An operator's replacement takes the place of the last one at once, also for those who have only the bundle.
#[tokio::test]
async fn revocations_name_earlier_epochs() {
    let rig = Rig::start().await;
    rig.enrolled("cart").await;
    let ticket = rig.ticket("cart", kest_authority::Place::Taken).await;
    let request = crate::rig::Applicant::new().request(&rig, &ticket).await;
    rig.authority.enrol(&request).await.unwrap();
    let expected = json!([{"identity": "spiffe://example.org/cart", "epoch": 1}]);
    assert_eq!(document(&rig).await["revocations"], expected);
}
