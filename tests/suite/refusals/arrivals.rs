//! What arrived and was refused before any operation: header, claim, passport, credentials.

use std::sync::Arc;
use std::time::Duration;

use kest_core::Limits;
use kest_identity::IdentityChoice;
use kest_testkit::FailingPassports;
use kest_tests::forge;
use kest_tests::raw;
use kest_tests::service::Setup;
use kest_tower::RejectionKind;

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
