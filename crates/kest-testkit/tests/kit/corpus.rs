//! Services that stand: behind an edge, at one, with bound tokens, with a guard alone, with bodies of their own.

use std::collections::BTreeSet;

use axum::routing::post;
use http::Request;
use kest_core::FromLineage;
use kest_identity::{DpopSettings, Requirement};
use kest_testkit::{DpopKey, Report, TestCaller, TestIssuer, attacks};
use kest_tower::{GuardLayer, PassportPresence};

use crate::services::{inbound, kit, operation, reserve, router, whole};

fn names(report: &Report) -> BTreeSet<&str> {
    report.outcomes().iter().map(|outcome| outcome.name.as_str()).collect()
}

fn request() -> Request<&'static str> {
    Request::post("/reserve").body("").unwrap()
}

#[tokio::test]
async fn service_behind_an_edge_stands() {
    let kit = kit();
    let report = attacks(&kit).against(whole(&kit), request()).await;
    let rows: BTreeSet<u8> = report.outcomes().iter().map(|outcome| outcome.row).collect();
    assert_eq!(Vec::from_iter(rows), [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 20, 23, 27, 28]);
    assert_eq!(names(&report).len(), report.outcomes().len(), "each has a name of its own");
    // The honest request, before and after, and the one whose spoofed members were ignored beside its passport.
    let signed = kit.signed();
    assert_eq!(signed.len(), 3);
    assert!(signed.iter().all(|entry| entry.operation() == "reserve" && entry.identity().contains("alice")));
}

#[tokio::test]
async fn service_with_bodies_that_a_closure_makes_stands_too() {
    let kit = kit();
    let make = || Request::post("/reserve").body(axum::body::Body::from("{}")).unwrap();
    attacks(&kit).against(whole(&kit), make).await;
}

#[tokio::test]
async fn edge_that_takes_tokens_stands_with_a_passport_and_without() {
    let kit = kit();
    let issuer = TestIssuer::start(&kit, "shop");
    let edge = || {
        let tokens = issuer.authenticator().build().unwrap();
        router(post(reserve).route_layer(operation(&kit))).layer(inbound(&kit, tokens))
    };
    let report = attacks(&kit).tokens(&issuer).against(edge(), request()).await;
    for name in
        ["token_with_alg_none", "hs256_with_the_public_key_as_pem", "id_token", "no_token", "tip_replaced"]
    {
        assert!(names(&report).contains(name), "{name}");
    }
    attacks(&kit).tokens(&issuer).without_passport().against(edge(), request()).await;
    let tokens = issuer.authenticator().build().unwrap();
    let refusing = kit.inbound().identity(tokens).passport(PassportPresence::Refused).build();
    let closed = router(post(reserve).route_layer(operation(&kit))).layer(refusing);
    attacks(&kit).tokens(&issuer).without_passport().against(closed, request()).await;
}

#[tokio::test]
async fn edge_whose_tokens_are_bound_stands_with_nonces_and_without() {
    let kit = kit();
    let (issuer, holder) = (TestIssuer::start(&kit, "shop"), DpopKey::of("phone"));
    let origin = "https://shop.example";
    for settings in [DpopSettings::new(), DpopSettings::new().nonce_secret(&[7; 32])] {
        let nonces = format!("{settings:?}").contains("Shared");
        let tokens = issuer.authenticator().dpop(Requirement::Required);
        let tokens = tokens.dpop_settings(settings.origins([origin])).build().unwrap();
        let edge = router(post(reserve).route_layer(operation(&kit))).layer(inbound(&kit, tokens));
        let report = attacks(&kit).tokens(&issuer).dpop(&holder, origin).against(edge, request()).await;
        let played = names(&report);
        assert!(played.contains("proof_replayed") && played.contains("bound_token_as_a_bearer"));
        assert_eq!(played.contains("proof_with_an_invented_nonce"), nonces);
        assert_eq!(played.contains("proof_of_an_hour_ago"), !nonces);
    }
}

#[tokio::test]
async fn route_with_a_guard_alone_stands_for_a_token_with_its_scope() {
    let kit = kit();
    let issuer = TestIssuer::start(&kit, "shop");
    let tokens = issuer.authenticator().build().unwrap();
    let guard = GuardLayer::scopes(["orders:write"]).unwrap();
    let runs = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&runs);
    let handler = async move || count.fetch_add(1, std::sync::atomic::Ordering::SeqCst).to_string();
    let app = router(post(handler).route_layer(guard)).layer(inbound(&kit, tokens));
    let token = issuer.token().scope("orders:read orders:write");
    let report = attacks(&kit)
        .tokens(&issuer)
        .token(token)
        .without_operation()
        .watching(move || runs.load(std::sync::atomic::Ordering::SeqCst))
        .against(app, request())
        .await;
    assert!(!names(&report).contains("spoofed_members_beside_a_passport"));
    assert!(kit.signed().is_empty());
}

#[tokio::test]
async fn caller_whom_the_policy_does_not_know_is_named_before_anything_is_attacked() {
    let kit = kit();
    let stranger = kit.lineage().caller(TestCaller::anonymous()).hops(2);
    let report = attacks(&kit).lineage(stranger).play(whole(&kit), request()).await;
    let why = report.proves_nothing().unwrap();
    assert!(why.contains("403 denied"), "{why}");
    assert!(report.outcomes().is_empty());
    assert!(!report.holds());
}

#[tokio::test]
async fn attack_is_left_out_by_its_name() {
    let kit = kit();
    let any_age =
        kit.inbound().identity(FromLineage).dangerous_bearer_passports().dangerous_accept_any_age().build();
    let app = router(post(reserve).route_layer(operation(&kit))).layer(any_age);
    let open = attacks(&kit).play(app.clone(), request()).await;
    let failed: Vec<&str> = open.failures().map(|outcome| outcome.name.as_str()).collect();
    assert_eq!(failed, ["stale_passport", "passport_from_the_future"]);
    let rest = attacks(&kit).except("stale_passport").except("passport_from_the_future");
    let report = rest.against(app, request()).await;
    assert!(!names(&report).contains("stale_passport"));
}
