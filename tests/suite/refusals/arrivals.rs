//! What arrived and was refused before any operation: header, claim, passport, credentials.

use std::sync::Arc;
use std::time::Duration;

use kest_core::Limits;
use kest_identity::IdentityChoice;
use kest_testkit::{FailingPassports, TestKest};
use kest_tests::clock::today;
use kest_tests::forge;
use kest_tests::raw;
use kest_tests::service::Setup;
use kest_tower::{HopProof, RejectionKind};

use super::{Mechanism, SECRET, check, keep};

#[tokio::test]
async fn header_that_cannot_be_read_is_explained() {
    let request = raw::call().baggage(format!("kest.passport=%5B%22{SECRET}%0d%0aX%22%5D,kest.chain_tip=0"));
    let line = check(Setup::default(), request, "inbound", RejectionKind::BaggageMalformed).await;
    assert!(line.contains("cause=\"baggage_escape\"") && line.contains("status=400"), "{line}");
    let mut limits = Limits::default();
    limits.header_bytes = 64;
    let setup = Setup { limits, ..Setup::default() };
    let request = raw::call().baggage(format!("a={}", SECRET.repeat(20)));
    let line = check(setup, request, "inbound", RejectionKind::BaggageTooLarge).await;
    assert!(line.contains("cause=\"baggage_too_long\""), "{line}");
}

#[tokio::test]
async fn claim_that_cannot_be_redeemed_is_explained() {
    let tip = "0".repeat(64);
    let claim = format!("kest.claim_check=1b4e28ba-2fa1-41d2-883f-0016d3cca427,kest.chain_tip={tip}");
    let request = || raw::call().baggage(&claim);
    check(Setup::default(), request(), "inbound", RejectionKind::ClaimCheckGone).await;
    let setup = Setup { store: Some(Arc::new(FailingPassports::away())), ..Setup::default() };
    check(setup, request(), "inbound", RejectionKind::PassportStoreUnavailable).await;
}

#[tokio::test]
async fn passport_of_an_unknown_workload_names_it() {
    let mut entries = vec![forge::entry("gateway", 1, &[]).sign()];
    let stranger =
        forge::entry("gateway", 2, &[&entries[0]]).label("principal", "spiffe://partner.example/billing");
    entries.push(stranger.sign());
    let request = raw::call().baggage(forge::inline(&entries, &forge::tip(&entries)));
    let line = check(Setup::default(), request, "inbound", RejectionKind::PassportInvalid).await;
    for part in ["cause=\"unknown_principal\"", "index=1", "unknown=spiffe://partner.example/billing"] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

#[tokio::test]
async fn workload_with_a_hostile_name_is_not_repeated() {
    let names = ["a b=\"forged\" kind=\"fine\"", "TOPSECRET%0a", "\u{202e}cart", "x,y=z"];
    for name in names {
        let entries = vec![forge::entry("gateway", 1, &[]).label("principal", name).sign()];
        let request = raw::call().baggage(forge::compressed(&entries, &forge::tip(&entries)));
        let line = check(Setup::default(), request, "inbound", RejectionKind::PassportInvalid).await;
        assert!(line.contains("cause=\"unknown_principal\"") && !line.contains("unknown="), "{line}");
    }
}

#[tokio::test]
async fn missing_passport_is_explained() {
    let inbound = Box::new(|builder: kest_tower::InboundBuilder| builder.require_passport());
    let setup = Setup { inbound, ..Setup::default() };
    check(setup, raw::call(), "inbound", RejectionKind::PassportMissing).await;
}

#[tokio::test]
async fn stale_and_unwanted_passports_are_explained() {
    let entries = vec![forge::entry("gateway", 1, &[]).with("/timestamp_ms", serde_json::json!(7)).sign()];
    let request = || raw::call().baggage(forge::inline(&entries, &forge::tip(&entries)));
    let line = check(Setup::default(), request(), "inbound", RejectionKind::PassportStale).await;
    assert!(line.contains("cause=\"too_old\""), "{line}");
    let refused =
        |builder: kest_tower::InboundBuilder| builder.passport(kest_tower::PassportPresence::Refused);
    let setup = Setup { inbound: Box::new(refused), ..Setup::default() };
    check(setup, request(), "inbound", RejectionKind::PassportRefused).await;
}

#[tokio::test]
async fn passports_that_nothing_ties_to_their_requests_are_explained() {
    let entries = vec![forge::entry("gateway", 1, &[]).sign()];
    let request = || raw::call().baggage(forge::inline(&entries, &forge::tip(&entries)));
    let proving = || {
        let proof = |it: kest_tower::InboundBuilder| it.hop_proof(HopProof::for_authority("service.example"));
        Setup { inbound: Box::new(proof), clock: Arc::new(today()), ..Setup::default() }
    };
    check(proving(), request(), "inbound", RejectionKind::ProofMissing).await;
    let forged =
        r#"kest-hop=("@method");created=1;nonce="TOPSECRET";keyid="TOPSECRET";alg="ed25519";tag="kest-hop""#;
    let forged = request().header("signature-input", forged).header("signature", "kest-hop=:VE9QU0VDUkVU:");
    let line = check(proving(), forged, "inbound", RejectionKind::ProofInvalid).await;
    assert!(line.contains("cause=\"component_missing\"") && line.contains("status=401"), "{line}");
    let bound = Box::new(kest_tower::InboundBuilder::bound_to_peer);
    let setup = Setup { inbound: bound, clock: Arc::new(today()), ..Setup::default() };
    let line = check(setup, request(), "inbound", RejectionKind::PeerMismatch).await;
    assert!(line.contains("cause=\"no_peer\""), "{line}");
}

/// Sends a passport of the gateway with its proof over HTTP, as its client would.
async fn prove(service: &kest_tests::service::Service, kit: &TestKest) -> http::StatusCode {
    let address = service.address;
    let request = http::Request::post(format!("http://{address}/call")).body(String::new()).unwrap();
    let sent = kit.lineage().hop("gateway").send(request);
    let client = reqwest::Client::new();
    client.execute(reqwest::Request::try_from(sent).unwrap()).await.unwrap().status()
}

#[tokio::test]
async fn used_proofs_and_a_store_that_is_away_are_explained() {
    for (away, kind) in [(false, RejectionKind::ProofReplayed), (true, RejectionKind::ProofUnavailable)] {
        let kept = keep();
        let store: Arc<dyn kest_core::ReplayStore> = Arc::new(Seen { away });
        let clock = today();
        let kit = TestKest::at(clock.clone(), kest_tests::keys::TRUSTED);
        let proof = move |it: kest_tower::InboundBuilder| {
            // The authority is known when the service listens: all ports of this machine are its name.
            it.hop_proof(
                HopProof::for_authorities((1024..=u16::MAX).map(|port| format!("127.0.0.1:{port}")))
                    .replays(store),
            )
        };
        let setup = Setup { inbound: Box::new(proof), clock: Arc::new(clock), ..Setup::default() };
        let service = setup.start().await;
        assert_eq!(prove(&service, &kit).await, kind.status());
        assert_eq!((service.runs(), service.signatures()), (0, 0));
        kept.only("inbound", kind.as_str());
    }
}

/// A store to which everything is known already, or that does not answer.
#[derive(Debug)]
struct Seen {
    away: bool,
}

#[async_trait::async_trait]
impl kest_core::ReplayStore for Seen {
    async fn insert(
        &self,
        _id: kest_core::replay::ReplayId,
        _expires_at: std::time::SystemTime,
    ) -> Result<kest_core::replay::Novelty, kest_core::replay::ReplayStoreError> {
        match self.away {
            false => Ok(kest_core::replay::Novelty::Seen),
            true => Err(kest_core::replay::ReplayStoreError::Unavailable(SECRET.into())),
        }
    }
}

#[tokio::test]
async fn credentials_that_do_not_hold_are_explained() {
    let setup = |mechanism: Mechanism| {
        let mut limits = Limits::default();
        limits.arrival_wait = Duration::from_millis(50);
        Setup { identity: IdentityChoice::mechanism(Arc::new(mechanism)), limits, ..Setup::default() }
    };
    let request = || raw::call().bearer(SECRET);
    for (mechanism, kind) in [
        (Mechanism::Missing, RejectionKind::CredentialsMissing),
        (Mechanism::Invalid, RejectionKind::CredentialsInvalid),
        (Mechanism::Away, RejectionKind::IdentityUnavailable),
        (Mechanism::Silent, RejectionKind::TookTooLong),
    ] {
        check(setup(mechanism), request(), "inbound", kind).await;
    }
}

#[tokio::test(start_paused = true)]
async fn token_that_does_not_hold_names_the_rule() {
    let key = kest_tests::tokens::TokenKey::ed25519("key-1", 1);
    let edge = kest_tests::edge::Edge::warm(&[key.jwk()]).await;
    let kept = keep();
    let response = raw::call().bearer("e30.e30.e30").send(edge.service.address).await;
    assert_eq!(response.status, 401);
    let line = kept.only("inbound", "credentials_invalid");
    assert!(line.contains("cause=\"algorithm\""), "{line}");
}
