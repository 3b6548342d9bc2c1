//! Rows 23, 24 and 26 of the threats: a passport that is sent again, by another or with another request.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderValue, Request};
use kest_core::PassportBinding;
use kest_core::replay::{Novelty, ReplayId, ReplayStore, ReplayStoreError};
use kest_tower::{HopProof, RejectionKind};

use super::rig::{HOST, Rig, request};

const INVALID: RejectionKind = RejectionKind::ProofInvalid;

/// What an attacker does to the request that he saw.
type Edit = fn(&mut Request<String>);

#[test]
fn honest_request_is_admitted_and_policies_see_that_it_is_bound() {
    let rig = Rig::new();
    for body in ["{}", ""] {
        let seen = rig.admitted("honest", rig.sent(request(body)));
        assert_eq!(seen.binding, PassportBinding::Signature);
        assert_eq!(seen.body.unwrap(), body);
    }
    // A lineage may still begin here: nothing came that could have been copied.
    let seen = rig.admitted("root", request("{}"));
    assert_eq!(seen.binding, PassportBinding::Unbound);
}

#[test]
fn passport_that_was_copied_is_worth_nothing_without_a_proof() {
    let rig = Rig::new();
    let copied = rig.copied(request("{}"));
    rig.refused("copied", copied, RejectionKind::ProofMissing, None);
}

#[test]
fn proof_that_lost_its_passport_begins_no_lineage() {
    let rig = Rig::new();
    let mut stripped = rig.sent(request("{}"));
    stripped.headers_mut().remove("baggage");
    rig.refused("stripped", stripped, INVALID, Some("passport_missing"));
}

#[test]
fn same_request_twice_is_replayed() {
    let rig = Rig::new();
    let sent = rig.sent(request("{}"));
    rig.admitted("first", sent.clone());
    rig.refused("again", sent.clone(), RejectionKind::ProofReplayed, None);
    rig.kit.clock().advance(Duration::from_secs(9));
    rig.refused("seconds later", sent.clone(), RejectionKind::ProofReplayed, None);
    rig.kit.clock().advance(Duration::from_secs(3));
    rig.refused("when it is forgotten", sent, INVALID, Some("too_old"));
    rig.admitted("another attempt", rig.sent(request("{}")));
}

#[test]
fn proof_from_the_past_or_the_future_is_refused() {
    let rig = Rig::new();
    let sent = rig.sent(request("{}"));
    rig.kit.clock().turn_back(Duration::from_secs(3));
    rig.refused("future", sent.clone(), INVALID, Some("from_the_future"));
    rig.kit.clock().advance(Duration::from_secs(14));
    rig.refused("past", sent, INVALID, Some("too_old"));
}

#[test]
fn passport_grafted_onto_another_request_is_refused() {
    let edits: [(&str, Edit, &str); 7] = [
        ("method", |it| *it.method_mut() = http::Method::PUT, "request_differs"),
        (
            "path",
            |it| *it.uri_mut() = format!("https://{HOST}/items/8?fields=all").parse().unwrap(),
            "request_differs",
        ),
        (
            "query",
            |it| *it.uri_mut() = format!("https://{HOST}/items/7?fields=no").parse().unwrap(),
            "request_differs",
        ),
        (
            "token",
            |it| drop(it.headers_mut().insert("authorization", HeaderValue::from_static("Bearer xyz"))),
            "request_differs",
        ),
        ("no token", |it| drop(it.headers_mut().remove("authorization")), "component_extra"),
        ("body", |it| *it.body_mut() = "{\"amount\":9}".to_owned(), "body_differs"),
        ("no body", |it| it.body_mut().clear(), "body_differs"),
    ];
    for (what, edit, cause) in edits {
        let rig = Rig::new();
        let mut grafted = rig.sent(request("{}"));
        edit(&mut grafted);
        rig.refused(what, grafted, INVALID, Some(cause));
    }
}

#[test]
fn proof_for_another_service_is_worth_nothing_here() {
    let rig = Rig::new();
    let elsewhere = Request::post("https://orders.example/items/7").body("{}".to_owned()).unwrap();
    let sent = rig.sent(elsewhere);
    rig.refused("another authority", sent.clone(), INVALID, Some("authority_not_ours"));
    // Attack: the thief calls the service by the name that the proof has, or by both.
    let mut renamed = sent;
    *renamed.uri_mut() = format!("https://{HOST}/items/7").parse().unwrap();
    rig.refused("its own address", renamed.clone(), INVALID, Some("request_differs"));
    renamed.headers_mut().insert("host", HeaderValue::from_static("orders.example"));
    rig.refused("two names", renamed, INVALID, Some("authority_differs"));
}

/// Attack: a trusted workload sees a passport go by and presents it as its own.
#[test]
fn passport_presented_by_another_workload_than_its_tips_signer_is_refused() {
    let rig = Rig::new();
    for (who, cause) in
        [("mallory", "key_of_another"), ("cart", "key_of_another"), ("stranger", "key_unknown")]
    {
        rig.refused(who, rig.kit.send(who, &rig.passport, request("{}")), INVALID, Some(cause));
    }
}

/// Attack: the tail is cut off and the tip before it announced, by its signer or by the one who has the longer one.
#[test]
fn end_that_was_cut_off_is_noticed_whoever_signs() {
    let rig = Rig::new();
    for signer in ["gateway", "mallory"] {
        let sent = rig.kit.send(signer, &rig.cut, request("{}"));
        rig.refused(signer, sent, INVALID, Some("key_of_another"));
    }
    // A proof of the whole does not do for a part of it.
    let sent = rig.kit.carry(&rig.cut, rig.kit.prove("gateway", &rig.passport, request("{}")));
    rig.refused("restated", sent, INVALID, Some("tips_differ"));
}

#[test]
fn signature_with_another_set_of_parts_is_refused() {
    let edits: [(&str, &str, &str); 5] = [
        ("\"@query\" ", "", "component_missing"),
        ("\"content-digest\"", "\"content-digest\" \"host\"", "component_extra"),
        ("alg=\"ed25519\"", "alg=\"hmac-sha256\"", "algorithm"),
        (";alg=\"ed25519\"", "", "parameter_missing"),
        (";tag=", ";extra=1;tag=", "parameter_extra"),
    ];
    for (from, to, cause) in edits {
        let rig = Rig::new();
        let mut sent = rig.sent(request("{}"));
        let input = sent.headers()["signature-input"].to_str().unwrap().to_owned();
        assert!(input.contains(from), "{input}");
        let edited = HeaderValue::from_str(&input.replace(from, to)).unwrap();
        sent.headers_mut().insert("signature-input", edited);
        sent.headers_mut().insert("host", HeaderValue::from_static(HOST));
        rig.refused(from, sent, INVALID, Some(cause));
    }
}

#[test]
fn two_signatures_with_the_tag_are_refused() {
    let rig = Rig::new();
    let mut sent = rig.sent(request("{}"));
    for name in ["signature-input", "signature"] {
        let second = sent.headers()[name].to_str().unwrap().replacen("kest-hop", "second", 1);
        sent.headers_mut().append(name, HeaderValue::from_str(&second).unwrap());
    }
    rig.refused("two", sent, INVALID, Some("several_signatures"));
}

/// A proof is used up by what holds otherwise only: no caller can use up that of another, and a wrong one takes no room.
#[test]
fn wrong_proof_uses_up_no_nonce() {
    let rig = Rig::new();
    let sent = rig.sent(request("{}"));
    let mut grafted = sent.clone();
    *grafted.method_mut() = http::Method::DELETE;
    rig.refused("grafted first", grafted, INVALID, Some("request_differs"));
    rig.admitted("the honest one after it", sent);
}

/// A store that does not remember.
#[derive(Debug)]
struct Fails(fn() -> ReplayStoreError);

#[async_trait::async_trait]
impl ReplayStore for Fails {
    async fn insert(
        &self,
        _id: ReplayId,
        _expires_at: std::time::SystemTime,
    ) -> Result<Novelty, ReplayStoreError> {
        Err((self.0)())
    }
}

#[test]
fn replay_store_that_is_full_or_away_runs_nothing() {
    let cases: [(fn() -> ReplayStoreError, RejectionKind); 4] = [
        (|| ReplayStoreError::Full, RejectionKind::ProofUnavailable),
        (|| ReplayStoreError::Unavailable("away".into()), RejectionKind::ProofUnavailable),
        (|| ReplayStoreError::ShareFull, RejectionKind::ShareUsedUp),
        (|| ReplayStoreError::Forgotten, RejectionKind::ProofReplayed),
    ];
    for (fails, kind) in cases {
        let rig = Rig::with(move |inbound| {
            inbound.hop_proof(HopProof::for_authority(HOST).replays(Arc::new(Fails(fails))))
        });
        let sent = rig.sent(request("{}"));
        let cause = (kind == RejectionKind::ProofReplayed).then_some("replay_forgotten");
        rig.refused("store", sent, kind, cause);
    }
}
