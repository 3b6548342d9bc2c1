//! Attacks on what ties passports to requests: services that stand, and those with a hole.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::routing::post;
use http::Request;
use kest_core::FromLineage;
use kest_identity::{DpopSettings, Requirement};
use kest_testkit::{DpopKey, FailingReplays, ReplayFault, Report, TestIssuer, TestKest, attacks};
use kest_tower::{HopProof, InboundLayer};

use crate::services::{AUTHORITY, inbound, kit, operation, proving, reserve, router};

/// How callers of edges whose tokens are bound call them.
const ORIGIN: &str = "https://shop.example";

fn request() -> Request<&'static str> {
    Request::post("/reserve?fields=all").body("{}").unwrap()
}

fn behind(kit: &TestKest, inbound: InboundLayer) -> Router {
    router(post(reserve).route_layer(operation(kit))).layer(inbound)
}

/// The attacks that got somewhere, and are there for hop proofs alone.
fn open(report: &Report) -> Vec<&str> {
    assert_eq!(report.proves_nothing(), None);
    report.failures().map(|outcome| outcome.name.as_str()).collect()
}

#[tokio::test]
async fn service_that_demands_hop_proofs_stands() {
    let kit = kit();
    let report =
        attacks(&kit).hop_proof(AUTHORITY).against(behind(&kit, proving(&kit, |it| it)), request()).await;
    let of_row = |row| report.outcomes().iter().filter(|it| it.row == row).count();
    assert_eq!([23, 24, 25, 26].map(of_row), [3, 10, 1, 9], "{report}");
    // Each attack on the passport itself is refused for the passport, since its proof is good.
    let kinds = report.outcomes().iter().filter(|it| it.row < 6).map(|it| it.kind.unwrap());
    assert!(kinds.clone().all(|kind| kind == "passport_invalid"), "{:?}", kinds.collect::<Vec<_>>());
    let proofs = report.outcomes().iter().filter(|it| (24..=26).contains(&it.row)).map(|it| it.kind.unwrap());
    let expected = ["proof_missing", "proof_invalid", "proof_replayed"];
    assert!(proofs.clone().all(|kind| expected.contains(&kind)), "{:?}", proofs.collect::<Vec<_>>());
}

#[tokio::test]
async fn service_with_an_address_of_its_own_and_no_body_stands() {
    let kit = kit();
    let request = Request::post(format!("https://{AUTHORITY}/reserve")).body("").unwrap();
    attacks(&kit).hop_proof(AUTHORITY).against(behind(&kit, proving(&kit, |it| it)), request).await;
}

#[tokio::test]
async fn edge_that_demands_both_tokens_and_hop_proofs_stands() {
    let kit = kit();
    let issuer = TestIssuer::start(&kit, "shop");
    let tokens = issuer.authenticator().build().unwrap();
    let proof = HopProof::for_authority(AUTHORITY);
    let edge = kit.inbound().identity(tokens).hop_proof(proof).build();
    attacks(&kit).tokens(&issuer).hop_proof(AUTHORITY).against(behind(&kit, edge), request()).await;
}

/// An edge that asks for both, whose tokens are bound to keys: a fresh proof for the token comes with each attempt.
fn bound_edge(kit: &TestKest, issuer: &TestIssuer, proof: HopProof, nonces: DpopSettings) -> Router {
    let tokens = issuer.authenticator().dpop(Requirement::Required);
    let tokens = tokens.dpop_settings(nonces.origins([ORIGIN])).build().unwrap();
    behind(kit, kit.inbound().identity(tokens).hop_proof(proof).build())
}

#[tokio::test]
async fn edge_whose_tokens_are_bound_stands_replays_of_hop_proofs_too() {
    for nonces in [DpopSettings::new(), DpopSettings::new().nonce_secret(&[7; 32])] {
        let (kit, holder) = (kit(), DpopKey::of("phone"));
        let issuer = TestIssuer::start(&kit, "shop");
        let edge = bound_edge(&kit, &issuer, HopProof::for_authority(AUTHORITY), nonces);
        let played = attacks(&kit).tokens(&issuer).dpop(&holder, ORIGIN).hop_proof(AUTHORITY);
        let report = played.against(edge, request()).await;
        for name in ["hop_proof_replayed", "nonce_of_a_hop_proof_again"] {
            let outcome = report.outcomes().iter().find(|it| it.name == name).unwrap();
            // It is the hop proof that was used before, and not the one of the token.
            assert_eq!(outcome.kind, Some("proof_replayed"), "{name}");
        }
    }
}

#[tokio::test]
async fn bound_tokens_hide_no_store_that_forgets_used_hop_proofs() {
    let (kit, holder) = (kit(), DpopKey::of("phone"));
    let issuer = TestIssuer::start(&kit, "shop");
    let forgets = Arc::new(FailingReplays::new(ReplayFault::Losing));
    let proof = HopProof::for_authority(AUTHORITY).replays(forgets);
    let edge = bound_edge(&kit, &issuer, proof, DpopSettings::new());
    let played = attacks(&kit).tokens(&issuer).dpop(&holder, ORIGIN).hop_proof(AUTHORITY);
    assert_eq!(
        open(&played.play(edge, request()).await),
        ["hop_proof_replayed", "nonce_of_a_hop_proof_again"]
    );
}

#[tokio::test]
async fn service_that_takes_bearer_passports_is_found() {
    let kit = kit();
    let bearer = behind(&kit, inbound(&kit, FromLineage));
    let report = attacks(&kit).hop_proof(AUTHORITY).play(bearer, request()).await;
    let open = open(&report);
    for name in ["hop_proof_stripped", "stolen_passport", "hop_proof_for_another_path", "hop_proof_replayed"]
    {
        assert!(open.contains(&name), "{name}: {report}");
    }
    for name in ["body_swapped", "tail_cut_off_and_the_tip_restated", "two_hop_signatures"] {
        assert!(open.contains(&name), "{name}: {report}");
    }
    let of_hops = report.outcomes().iter().filter(|it| (24..=26).contains(&it.row)).count();
    assert!(open.len() >= of_hops, "{report}");
}

#[tokio::test]
async fn store_that_forgets_used_proofs_is_found() {
    let kit = kit();
    let forgets = Arc::new(FailingReplays::new(ReplayFault::Losing));
    let app = behind(&kit, proving(&kit, |it| it.replays(forgets)));
    let report = attacks(&kit).hop_proof(AUTHORITY).play(app, request()).await;
    assert_eq!(open(&report), ["hop_proof_replayed", "nonce_of_a_hop_proof_again"]);
}

/// A handler that streams its body and never asks whether it was the one that was signed.
#[tokio::test]
async fn route_that_streams_and_does_not_look_at_the_end_is_found() {
    let kit = kit();
    let careless = async |_body: axum::body::Body| "reserved";
    let route = post(careless).route_layer(operation(&kit).streaming_body());
    let app = router(route).layer(proving(&kit, |it| it));
    let report = attacks(&kit).hop_proof(AUTHORITY).play(app, request()).await;
    assert_eq!(open(&report), ["body_swapped"]);
    let careful = async |body: Bytes| body;
    let app = router(post(careful).route_layer(operation(&kit))).layer(proving(&kit, |it| it));
    attacks(&kit).hop_proof(AUTHORITY).against(app, request()).await;
}
