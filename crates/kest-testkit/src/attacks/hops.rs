//! Attacks on what ties a passport to its request: rows 23 to 26, where the service demands hop proofs.

use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, Request};

use super::attack::{Attack, Expected, Hop, Sent};
use super::honest::{Carries, Honest};
use super::signed::{Attempt, announced};
use crate::clock::TestClock;
use crate::header;
use crate::lineage::value;
use crate::random::SeededRandom;

/// Every proof is a good one but for the one thing that its name says.
#[track_caller]
pub(crate) fn attacks(honest: &Honest<'_>) -> Vec<Attack> {
    if honest.authority.is_none() || honest.carries == Carries::Nothing {
        return Vec::new();
    }
    let mut attacks = stolen(honest);
    attacks.extend(grafted(honest));
    attacks.extend(again(honest));
    attacks.extend(malformed(honest));
    attacks.extend(cut(honest));
    attacks
}

#[track_caller]
fn one(name: &str, row: u8, sent: Sent, hop: Hop) -> Attack {
    Attack::refused(name, row, &[401], Sent { hop, ..sent })
}

/// The proof of an honest request with one thing changed before it was signed.
#[track_caller]
fn made(honest: &Honest<'_>, sent: &Sent, change: impl FnOnce(&mut Attempt)) -> HeaderMap {
    let mut attempt = Attempt::of(honest, sent);
    change(&mut attempt);
    attempt.proof()
}

/// Rows 24 and 26: who has seen a passport has it, and not the key of its last signer.
#[track_caller]
fn stolen(honest: &Honest<'_>) -> Vec<Attack> {
    let last = honest.lineage.last_workload();
    let thief = honest.kit.trusted().find(|name| *name != last).unwrap_or(STRANGER).to_owned();
    let signed_by = |name: &str, by: &str| {
        let sent = honest.sent();
        let hop = made(honest, &sent, |it| by.clone_into(&mut it.signer));
        one(name, 24, sent, Hop::Made(hop))
    };
    let sent = honest.sent();
    let other = Sent { baggage: vec![honest.lineage.baggage()], ..sent.clone() };
    let of_another = made(honest, &sent, |it| it.tips = announced(&other).unwrap_or_else(|| it.tips.clone()));
    let alone = honest.sent();
    let proof = made(honest, &alone, |_attempt| ());
    vec![
        one("hop_proof_stripped", 24, honest.sent(), Hop::Stripped),
        signed_by("stolen_passport", &thief),
        signed_by("stolen_passport_sent_by_a_stranger", STRANGER),
        one("hop_proof_of_another_passport", 24, sent, Hop::Made(of_another)),
        one("hop_proof_without_its_passport", 24, Sent { baggage: Vec::new(), ..alone }, Hop::Made(proof)),
    ]
}

/// Row 24: a proof that was made for another request.
#[track_caller]
fn grafted(honest: &Honest<'_>) -> Vec<Attack> {
    let with = |name: &str, row, change: &dyn Fn(&mut Request<Bytes>)| {
        let sent = honest.sent();
        let hop = made(honest, &sent, |it| change(&mut it.request));
        one(name, row, sent, Hop::Made(hop))
    };
    let uri = |it: &mut Request<Bytes>, text: String| {
        if let Ok(uri) = text.parse() {
            *it.uri_mut() = uri;
        }
    };
    let (path, query) = (honest.uri.path(), honest.uri.query().unwrap_or_default());
    let authority = honest.authority.as_deref().unwrap_or_default();
    let at = |authority: &str, path: &str, query: &str| {
        if query.is_empty() {
            format!("https://{authority}{path}")
        } else {
            format!("https://{authority}{path}?{query}")
        }
    };
    let other_method = if honest.method == Method::PUT { Method::POST } else { Method::PUT };
    let mut attacks = vec![
        with("hop_proof_for_another_method", 24, &|it| *it.method_mut() = other_method.clone()),
        with("hop_proof_for_another_path", 24, &|it| {
            uri(it, at(authority, &format!("{}/another", path.trim_end_matches('/')), query));
        }),
        with("hop_proof_for_another_query", 24, &|it| {
            uri(it, at(authority, path, &format!("{query}&another=1")));
        }),
        with("hop_proof_for_another_service", 24, &|it| uri(it, at("another.example", path, query))),
        with("body_swapped", 26, &|it| *it.body_mut() = Bytes::from_static(b"another body")),
    ];
    let sent = honest.sent();
    let another = HeaderValue::from_static("Bearer another");
    attacks.push(if sent.authorization.is_empty() {
        let hop = made(honest, &sent, |_attempt| ());
        one("hop_proof_for_another_token", 24, sent.with_authorization([another]), Hop::Made(hop))
    } else {
        let hop = made(honest, &sent, |it| drop(it.request.headers_mut().insert(AUTHORIZATION, another)));
        one("hop_proof_for_another_token", 24, sent, Hop::Made(hop))
    });
    if !honest.content.is_empty() {
        attacks.push(with("body_without_its_digest", 26, &|it| *it.body_mut() = Bytes::new()));
    }
    attacks
}

/// Rows 23 and 26: a proof holds just now, and once.
#[track_caller]
fn again(honest: &Honest<'_>) -> Vec<Attack> {
    let at = |name: &str, turn: &dyn Fn(&TestClock)| {
        let sent = honest.sent();
        let clock = TestClock::of(honest.kit.clock().as_ref());
        turn(&clock);
        let hop = made(honest, &sent, |it| it.clock = clock);
        one(name, 26, sent, Hop::Made(hop))
    };
    let replayed = {
        let sent = honest.sent();
        let hop = made(honest, &sent, |_attempt| ());
        twice("hop_proof_replayed", 23, honest, sent, [hop.clone(), hop])
    };
    let nonce_again = {
        let sent = honest.sent();
        let first = made(honest, &sent, |it| it.random = SeededRandom::new(AGAIN));
        let second = made(honest, &sent, |it| {
            it.random = SeededRandom::new(AGAIN);
            it.clock.turn_back(Duration::from_secs(1));
        });
        twice("nonce_of_a_hop_proof_again", 26, honest, sent, [first, second])
    };
    vec![
        at("hop_proof_of_an_hour_ago", &|clock| clock.turn_back(HOUR)),
        at("hop_proof_from_the_future", &|clock| clock.advance(HOUR)),
        replayed,
        nonce_again,
    ]
}

/// `sent` with the one proof, and once more with the other one. A bound token comes with a fresh proof of its own both times, so that
/// it is the hop proof that was used before, and nothing else.
#[track_caller]
fn twice(name: &str, row: u8, honest: &Honest<'_>, sent: Sent, [first, second]: [HeaderMap; 2]) -> Attack {
    let again = one(name, row, honest.proved_again(sent.clone()), Hop::Made(second));
    again.expecting(AGAIN_REFUSED).after(Sent { hop: Hop::Made(first), ..sent })
}

/// Row 26: not the one form.
#[track_caller]
fn malformed(honest: &Honest<'_>) -> Vec<Attack> {
    let sent = honest.sent();
    let (mut two, second) = (made(honest, &sent, |_attempt| ()), made(honest, &sent, |_attempt| ()));
    for name in ["signature-input", "signature"] {
        let other = second.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default();
        // The label stands before the first `=`.
        let (_label, rest) = other.split_once('=').unwrap_or_default();
        two.append(name, value(&format!("second={rest}")));
    }
    let mut another_tip = made(honest, &honest.sent(), |_attempt| ());
    let tip = another_tip.get("kest-tip").and_then(|it| it.to_str().ok()).unwrap_or_default();
    // Well formed still, so that it is the comparison that tells it.
    let (digit, rest) = (if tip.starts_with('0') { "1" } else { "0" }, tip.get(1..).unwrap_or_default());
    let tip = value(&format!("{digit}{rest}"));
    another_tip.insert("kest-tip", tip);
    let replaced = |name: &str, header: &'static str, from: &str, to: &str| {
        let sent = honest.sent();
        let mut hop = made(honest, &sent, |_attempt| ());
        let text = hop.get(header).and_then(|it| it.to_str().ok()).unwrap_or_default().replacen(from, to, 1);
        hop.insert(header, value(&text));
        one(name, 26, sent, Hop::Made(hop))
    };
    vec![
        one("two_hop_signatures", 26, sent, Hop::Made(two)),
        replaced("hop_proof_of_another_algorithm", "signature-input", "ed25519", "hmac-sha256"),
        replaced("hop_proof_that_leaves_out_the_path", "signature-input", "\"@path\" ", ""),
        one("hop_proof_with_another_tip", 26, honest.sent(), Hop::Made(another_tip)),
    ]
}

/// Row 25: one of those who signed cuts the end off, and says that the tip was there. Its own key signs, and is not the tip's.
#[track_caller]
fn cut(honest: &Honest<'_>) -> Option<Attack> {
    let mut entries = honest.lineage.entries();
    drop(entries.pop());
    let (last, before) = (honest.lineage.last_workload(), honest.lineage.workload_before_the_last()?);
    if last == before {
        // It may send what it signed itself.
        return None;
    }
    let baggage = value(&header::baggage(&entries, &header::tip(&entries)));
    let sent = honest.sent().with_baggage([baggage]);
    let hop = made(honest, &sent, |_attempt| ());
    Some(one("tail_cut_off_and_the_tip_restated", 25, sent, Hop::Made(hop)))
}

const STRANGER: &str = "stranger";
const HOUR: Duration = Duration::from_secs(3600);
const AGAIN: &str = "a nonce that is drawn twice";
const AGAIN_REFUSED: Expected = Expected::RefusedAgain(&[401]);
