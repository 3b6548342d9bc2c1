//! Row 24 of the threats, where mutual TLS ends in this process: who the peer is counts, and no header says so.

use http::{HeaderValue, Request};
use kest_core::signature::WorkloadId;
use kest_core::{Passport, PassportBinding};
use kest_tower::{PeerWorkload, RejectionKind};

use super::rig::{Rig, request};

const MISMATCH: RejectionKind = RejectionKind::PeerMismatch;

fn rig() -> Rig {
    Rig::with(|inbound| inbound.bound_to_peer())
}

fn workload(name: &str) -> WorkloadId {
    kest_testkit::workload::workload(name)
}

/// `passport` on a connection whose peer is `peer`.
fn from(rig: &Rig, peer: Option<&str>, passport: &Passport) -> Request<String> {
    let mut request = rig.kit.carry(passport, request("{}"));
    peer.and_then(|peer| request.extensions_mut().insert(PeerWorkload::new(workload(peer))));
    request
}

#[test]
fn signer_of_the_tip_is_admitted_on_its_own_connection() {
    let rig = rig();
    let seen = rig.admitted("gateway", from(&rig, Some("gateway"), &rig.passport));
    assert_eq!(seen.binding, PassportBinding::Peer);
    let mut root = request("{}");
    root.extensions_mut().insert(PeerWorkload::new(workload("mallory")));
    assert_eq!(rig.admitted("root", root).binding, PassportBinding::Unbound);
}

#[test]
fn passport_from_another_peer_than_its_tips_signer_is_refused() {
    let rig = rig();
    for peer in ["mallory", "cart", "service"] {
        rig.refused(peer, from(&rig, Some(peer), &rig.passport), MISMATCH, Some("other_workload"));
    }
}

#[test]
fn end_that_was_cut_off_is_noticed() {
    let rig = rig();
    rig.refused(
        "gateway cut itself off",
        from(&rig, Some("gateway"), &rig.cut),
        MISMATCH,
        Some("other_workload"),
    );
}

#[test]
fn passport_on_a_connection_without_a_known_peer_is_refused() {
    let rig = rig();
    rig.refused("no certificate", from(&rig, None, &rig.passport), MISMATCH, Some("no_peer"));
}

/// Attack: the headers by which proxies tell what they saw of a certificate, written by the thief.
#[test]
fn no_header_says_who_the_peer_is() {
    let rig = rig();
    let id = workload("gateway");
    for (name, value) in [
        ("x-forwarded-client-cert", format!("By=spiffe://a/b;Hash=ab;URI={id}")),
        ("client-cert", ":MIIB:".to_owned()),
        ("x-ssl-client-s-dn", format!("CN={id}")),
        ("x-client-cert-uri", id.to_string()),
        ("x-spiffe-id", id.to_string()),
        ("peer-workload", id.to_string()),
        ("forwarded", format!("for={id}")),
    ] {
        for peer in [None, Some("mallory")] {
            let mut request = from(&rig, peer, &rig.passport);
            request.headers_mut().insert(name, HeaderValue::from_str(&value).unwrap());
            let cause = if peer.is_some() { "other_workload" } else { "no_peer" };
            rig.refused(name, request, MISMATCH, Some(cause));
        }
    }
}

/// A proof does not stand in for the peer where the peer is what was asked for.
#[test]
fn proof_does_not_do_in_the_place_of_the_peer() {
    let rig = rig();
    rig.refused("signed", rig.sent(request("{}")), MISMATCH, Some("no_peer"));
}
