//! Hop signatures of another form, algorithm, service or moment, or used before; bodies that were swapped; stores that are away.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use kest_testkit::{FailingReplays, ReplayFault, TestKest};
use kest_tests::raw::RawRequest;
use kest_tests::service::{Service, Setup};
use kest_tower::HopProof;

use super::signed::{call, demanding, kit, three, wire};

/// A call of the ledger with this body, signed.
async fn signed(kit: &TestKest, body: &str) -> Request<String> {
    let [.., last] = three().await;
    kit.send("ledger", last.passport(), call(body))
}

/// The call with `from` replaced by `to` in one of its headers.
async fn replaced(header: &str, from: &str, to: &str) -> RawRequest {
    let mut request = signed(&kit(), "{}").await;
    let value = request.headers()[header].to_str().unwrap().to_owned();
    assert!(value.contains(from), "{header}: {value}");
    let header = http::HeaderName::try_from(header).unwrap();
    request.headers_mut().insert(header, value.replacen(from, to, 1).parse().unwrap());
    wire(&request)
}

#[tokio::test]
async fn hop_signature_of_another_form_or_algorithm_is_refused() {
    let service = demanding(|it| it).await;
    let input = "signature-input";
    for (header, from, to) in [
        (input, "ed25519", "hmac-sha256"),
        (input, "ed25519", "none"),
        (input, ";alg=\"ed25519\"", ""),
        (input, "\"@method\" ", ""),
        (input, "\"@path\" ", ""),
        (input, "\"@query\" ", ""),
        (input, "\"@authority\" ", ""),
        (input, "\"content-digest\"", ""),
        (input, "\"@method\"", "\"@method\" \"@method\""),
        (input, "\"@method\"", "\"@method\" \"host\""),
        (input, "\"@method\"", "\"@method\";req"),
        (input, ";created=", ";made=1;created="),
        (input, ";nonce=", ";once="),
        (input, "kest-hop", "kest-hops"),
        ("signature", ":", ":AA"),
        ("kest-tip", "", "0"),
        ("content-digest", "sha-256", "md5"),
        ("content-digest", "=:", "=:AA"),
    ] {
        let response = replaced(header, from, to).await.send(service.address).await;
        assert_eq!((response.status, response.body.as_str()), (401, ""), "{header}: {from} -> {to}");
    }
    assert_eq!((service.runs(), service.signatures()), (0, 0));
    service.admitted(&wire(&signed(&kit(), "{}").await)).await;
}

#[tokio::test]
async fn two_hop_signatures_are_refused() {
    let service = demanding(|it| it).await;
    let kit = kit();
    let (one, other) = (signed(&kit, "").await, signed(&kit, "").await);
    let mut both = one.clone();
    for name in ["signature-input", "signature"] {
        let (_label, rest) = other.headers()[name].to_str().unwrap().split_once('=').unwrap();
        both.headers_mut().append(name, format!("second={rest}").parse().unwrap());
    }
    service.refused(&wire(&both), &[401]).await;
    let mut doubled = one.clone();
    for name in ["signature-input", "signature", "kest-tip"] {
        doubled.headers_mut().append(name, one.headers()[name].clone());
    }
    service.refused(&wire(&doubled), &[401]).await;
    service.admitted(&wire(&one)).await;
}

#[tokio::test]
async fn hop_signature_for_another_service_or_moment_is_refused() {
    let elsewhere = super::signed::with(|it| it.hop_proof(HopProof::for_authority("elsewhere"))).await;
    elsewhere.refused(&wire(&signed(&kit(), "").await), &[401]).await;
    let service = demanding(|it| it).await;
    let kit = kit();
    for (back, ahead, is_good) in [
        (3600, 0, false),
        (20, 0, false),
        (0, 10, false),
        (0, 3600, false),
        (5, 0, true),
        (0, 0, true),
        (0, 1, true),
    ] {
        let (back, ahead) = (Duration::from_secs(back), Duration::from_secs(ahead));
        kit.clock().turn_back(back);
        kit.clock().advance(ahead);
        let made = wire(&signed(&kit, "").await);
        kit.clock().advance(back);
        kit.clock().turn_back(ahead);
        if is_good {
            service.admitted(&made).await;
        } else {
            service.refused(&made, &[401]).await;
        }
    }
}

#[tokio::test]
async fn hop_signature_that_was_used_is_refused() {
    let service = demanding(|it| it).await;
    let request = wire(&signed(&kit(), "").await);
    service.admitted(&request).await;
    service.refused(&request, &[401]).await;
    service.refused(&request.reordered(), &[401]).await;
}

#[tokio::test]
async fn body_that_was_swapped_is_refused() {
    let (service, kit) = (demanding(|it| it).await, kit());
    let sum = r#"{"sum":1}"#;
    for other in [r#"{"sum":9}"#, r#"{"sum":1} "#, r#"{"sum":1"#, ""] {
        let swapped = wire(&signed(&kit, sum).await).body(other);
        service.refused(&swapped, &[401]).await;
    }
    let smuggled = wire(&signed(&kit, "").await).body(sum);
    service.refused(&smuggled, &[401]).await;
    service.admitted(&wire(&signed(&kit, sum).await)).await;
}

/// Proxies put headers into another order, and lists of signatures onto one line or several; that changes nothing.
#[tokio::test]
async fn headers_that_a_proxy_re_ordered_or_joined_hold_and_folded_lines_do_not() {
    let service = demanding(|it| it).await;
    let kit = kit();
    service.admitted(&wire(&signed(&kit, "{}").await).reordered()).await;
    let others = [("signature-input", "proxy=(\"@method\");tag=\"other\""), ("signature", "proxy=:AAAA:")];
    let (mut lines, mut joined) = (signed(&kit, "{}").await, signed(&kit, "{}").await);
    for (name, value) in others {
        lines.headers_mut().append(name, value.parse().unwrap());
        let own = joined.headers()[name].to_str().unwrap().to_owned();
        joined.headers_mut().insert(name, format!("{value}, {own}").parse().unwrap());
    }
    service.admitted(&wire(&lines)).await;
    service.admitted(&wire(&joined)).await;
    // RFC 9112 section 5.2: a line that goes on with the one before is no header.
    let honest = signed(&kit, "{}").await;
    let mut folded = honest.clone();
    let input = folded.headers_mut().remove("signature-input").unwrap();
    let folded = wire(&folded).header("signature-input", input.to_str().unwrap().replacen(';', ";\r\n ", 1));
    service.refused(&folded, &[400, 401]).await;
    service.admitted(&wire(&honest)).await;
}

#[tokio::test]
async fn replay_store_that_is_full_or_away_runs_nothing() {
    for fault in [ReplayFault::Full, ReplayFault::Away] {
        let failing = Arc::new(FailingReplays::new(fault));
        let service: Service = demanding(move |it| it.replays(failing)).await;
        service.refused(&wire(&signed(&kit(), "").await), &[503]).await;
    }
}

/// A body over the limit is not read to its end, and one that is allowed is.
#[tokio::test]
async fn body_over_the_limit_is_refused() {
    let mut limits = kest_core::Limits::default();
    limits.signed_body_bytes = 16;
    let inbound = |it: kest_tower::InboundBuilder| it.hop_proof(HopProof::for_authority("test"));
    let clock = Arc::new(kest_tests::clock::today());
    let service = Setup { inbound: Box::new(inbound), limits, clock, ..Setup::default() }.start().await;
    let kit = kit();
    service.refused(&wire(&signed(&kit, &"x".repeat(17)).await), &[413]).await;
    service.admitted(&wire(&signed(&kit, &"x".repeat(16)).await)).await;
}
