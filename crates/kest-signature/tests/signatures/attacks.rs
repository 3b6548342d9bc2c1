//! Attacks on hop proofs, each of which is one change away from a request that is let through.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use kest_core::replay::InMemoryReplays;
use kest_core::signature::{KeyRing, NotAfter};
use kest_core::{Clock as _, Limits, Sign as _};
use kest_signature::hop;
use kest_testkit::{FailingReplays, ReplayFault, SignerFault, failing_signer};

use crate::rig::{BODY, Rig};

#[tokio::test]
async fn a_request_that_was_changed_after_signing_is_refused() {
    let rig = Rig::new();
    let path = "/orders/7?expand=lines&expand=";
    let sent = rig.signed().await;
    for (what, changed) in [
        ("method", sent.clone().asked(Method::PUT, path)),
        ("path", sent.clone().asked(Method::POST, "/orders/8?expand=lines&expand=")),
        ("path spelled otherwise", sent.clone().asked(Method::POST, "/%6frders/7?expand=lines&expand=")),
        ("slash added", sent.clone().asked(Method::POST, "/orders/7/?expand=lines&expand=")),
        ("query dropped", sent.clone().asked(Method::POST, "/orders/7")),
        ("query reordered", sent.clone().asked(Method::POST, "/orders/7?expand=&expand=lines")),
        ("token exchanged", sent.clone().set("authorization", "Bearer abc.def.ghj")),
    ] {
        rig.invalid(what, changed, "request_differs").await;
    }
    let other = kest_signature::ContentDigest::of(kest_signature::DigestAlgorithm::Sha256, b"other");
    rig.invalid(
        "digest exchanged",
        sent.clone().set("content-digest", &other.to_string()),
        "request_differs",
    )
    .await;
    rig.judge(&sent).await.unwrap();
}

#[tokio::test]
async fn another_authority_is_refused_with_a_cause_of_its_own() {
    let rig = Rig::new();
    let sent = rig.signed().await;
    rig.invalid("host of a proxy", sent.clone().set("host", "10.0.0.7:8080"), "authority_not_ours").await;
    rig.invalid("host malformed", sent.clone().set("host", "cart.example/"), "authority").await;
    rig.invalid("no host", sent.clone().without("host"), "authority").await;
    let target = "https://cart.example/orders/7?expand=lines&expand=";
    let two = sent.clone().asked(Method::POST, target).set("host", "other.example");
    rig.invalid("host beside another target", two, "authority_differs").await;
    // Attack: what was signed for one service is sent to another one, which has both names on its list.
    let listed = rig.settings().authority("stock.example").build().unwrap();
    let error = rig.judge_by(&sent.clone().set("host", "stock.example"), &listed).await.unwrap_err();
    assert_eq!(error.cause(), Some("request_differs"));
    rig.judge_by(&sent, &listed).await.unwrap();
}

#[tokio::test]
async fn a_stolen_passport_is_worth_nothing_to_another_workload() {
    let rig = Rig::new();
    let stolen = rig.sign(Rig::request(), "mallory", Some(BODY)).await.unwrap().over_http1();
    rig.invalid("key of another workload", stolen.clone(), "key_of_another").await;
    let (mallory, gateway) = (rig.kit.signer("mallory").current(), rig.kit.signer("gateway").current());
    let named = stolen.edit("signature-input", mallory.key_id().as_str(), gateway.key_id().as_str());
    rig.invalid("key id of the signer", named, "request_differs").await;
    let unknown = rig.sign(Rig::request(), "stranger", Some(BODY)).await.unwrap().over_http1();
    rig.invalid("unknown key", unknown, "key_unknown").await;
}

#[tokio::test]
async fn a_proof_is_for_the_passport_whose_tips_it_names() {
    let mut rig = Rig::new();
    let sent = rig.signed().await;
    let longer = rig.kit.lineage().hop("gateway").hop("gateway").passport();
    let first = std::mem::replace(&mut rig.passport, longer);
    rig.invalid("grafted onto another passport", sent.clone(), "tips_differ").await;
    let restated = sent.clone().set("kest-tip", &rig.passport.tips().to_string());
    rig.invalid("tip restated", restated, "request_differs").await;
    rig.passport = kest_core::Passport::empty();
    rig.invalid("no lineage", sent.clone(), "tips_differ").await;
    rig.invalid("no lineage, and says so", sent.clone().set("kest-tip", "0"), "no_tip").await;
    assert_eq!(rig.sign(Rig::request(), "gateway", None).await.unwrap_err().kind(), "no_tip");
    rig.passport = first;
    rig.invalid("tip of letters", sent.clone().set("kest-tip", "tip"), "tip_malformed").await;
    rig.judge(&sent).await.unwrap();
}

#[tokio::test]
async fn a_proof_counts_in_its_window_and_at_no_other_time() {
    let rig = Rig::new();
    let signed_at = rig.clock().unix_seconds();
    let sent = rig.signed().await;
    for (seconds, cause) in [
        (-3, Some("from_the_future")),
        (-2, None),
        (0, None),
        (10, None),
        (11, Some("too_old")),
        (86_400, Some("too_old")),
    ] {
        rig.clock().set(signed_at.checked_add_signed(seconds).unwrap());
        match (rig.judge(&sent).await, cause) {
            (Ok(_), None) => {}
            (Err(error), Some(cause)) => assert_eq!(error.cause(), Some(cause), "{seconds}"),
            (judged, _) => panic!("{seconds}: {judged:?}"),
        }
    }
    // What the caller says of its end counts too, where the receiver would take it for longer.
    let patient = rig.settings().max_age(Duration::from_secs(60)).build().unwrap();
    for (seconds, holds) in [(12, true), (13, false)] {
        rig.clock().set(signed_at + seconds);
        assert_eq!(rig.judge_by(&sent, &patient).await.is_ok(), holds, "{seconds}");
    }
}

#[tokio::test]
async fn a_key_that_had_ended_proves_nothing() {
    let mut rig = Rig::new();
    let sent = rig.signed().await;
    let (key, now) = (rig.kit.signer("gateway").current(), rig.clock().unix_seconds());
    for (end, cause) in [(now - 1, Some("key_ended")), (now, None)] {
        rig.ring = KeyRing::new();
        let end = NotAfter::from_unix_seconds(end).unwrap();
        let (workload, id) = (key.workload().clone(), key.key_id().clone());
        rig.ring.trust_until(workload, id, key.public_key().clone(), end).unwrap();
        let judged = rig.judge(&sent).await;
        assert_eq!(judged.as_ref().err().and_then(|error| error.cause()), cause, "{judged:?}");
    }
}

#[tokio::test]
async fn a_proof_is_used_once_until_it_is_too_old_to_be_used() {
    let rig = Rig::new();
    let settings = rig.settings().build().unwrap();
    let signed_at = rig.clock().unix_seconds();
    let sent = rig.signed().await;
    rig.judge_by(&sent, &settings).await.unwrap();
    for millis in [0, 1, 999, 5_000, 9_999, 10_000, 10_999] {
        rig.clock().set(signed_at);
        rig.clock().advance(Duration::from_millis(millis));
        let error = rig.judge_by(&sent, &settings).await.unwrap_err();
        assert_eq!((error.kind(), error.cause()), ("proof_replayed", None), "{millis}");
    }
    // Even by a clock that was set back by a second within the window.
    rig.clock().set(signed_at - 1);
    assert_eq!(rig.judge_by(&sent, &settings).await.unwrap_err().kind(), "proof_replayed");
    let again = rig.signed().await;
    rig.judge_by(&again, &settings).await.unwrap();
}

/// Attack: a stranger uses up the nonce of an honest request before it arrives.
#[tokio::test]
async fn what_does_not_hold_uses_nothing_up() {
    let rig = Rig::new();
    let store = Arc::new(InMemoryReplays::with_clock(&rig.limits, rig.clock()));
    let settings = rig.remembering_in(Arc::<InMemoryReplays>::clone(&store));
    let sent = rig.signed().await;
    let forged = sent.clone().asked(Method::DELETE, "/orders/7");
    assert!(rig.judge_by(&forged, &settings).await.is_err());
    assert!(store.is_empty());
    rig.judge_by(&sent, &settings).await.unwrap();
    assert_eq!(store.len(), 1);
}

#[tokio::test]
async fn one_key_that_signs_without_end_uses_up_its_own_share_alone() {
    let mut rig = Rig::new();
    let mut limits = Limits::default();
    limits.replay_ids = 16;
    let settings = rig.settings().limits(&limits).build().unwrap();
    let mut kinds = Vec::new();
    for _ in 0..16 {
        let sent = rig.signed().await;
        kinds.push(rig.judge_by(&sent, &settings).await.map_or_else(|error| error.kind(), |_| "held"));
    }
    assert_eq!(kinds.first(), Some(&"held"));
    assert_eq!(kinds.last(), Some(&"share_used_up"));
    rig.passport = rig.kit.lineage().hop("cart").passport();
    let other = rig.sign(Rig::request(), "cart", None).await.unwrap().over_http1();
    rig.judge_by(&other, &settings).await.unwrap();
}

#[tokio::test]
async fn a_store_that_cannot_remember_lets_nothing_through() {
    let rig = Rig::new();
    for (fault, kind, cause) in [
        (ReplayFault::Away, "proof_unavailable", None),
        (ReplayFault::Full, "proof_unavailable", None),
        (ReplayFault::Forgotten, "proof_replayed", Some("replay_forgotten")),
    ] {
        let settings = rig.remembering_in(Arc::new(FailingReplays::new(fault)));
        let sent = rig.signed().await;
        let error = rig.judge_by(&sent, &settings).await.unwrap_err();
        assert_eq!((error.kind(), error.cause()), (kind, cause));
    }
}

/// A key outside of this process may return anything, and then nothing may be sent.
#[tokio::test]
async fn a_signature_that_is_not_the_keys_is_not_sent() {
    let rig = Rig::new();
    for (fault, kind) in [(SignerFault::Wrong, "signer_wrong"), (SignerFault::Away, "signer_unavailable")] {
        let key = failing_signer("gateway", fault).current();
        let mut request = Rig::request();
        let head = kest_signature::RequestHead::of(&request.method, &request.uri);
        let (clock, random, tips) = (rig.kit.clock(), rig.kit.random(), rig.passport.tips());
        let headers = &mut request.headers;
        let signing = hop::sign(&head, headers, &tips, None, key.as_ref(), clock.as_ref(), random.as_ref());
        assert_eq!(signing.await.unwrap_err().kind(), kind);
        assert!(!request.headers.contains_key("signature"));
    }
}
