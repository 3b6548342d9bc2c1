//! Gives every vector the verdict that it was filed under by the independent generator.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a vector file that cannot be read must end the test"
)]

mod ours;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kest_baggage::{HeaderReader, InMemoryPassports, restore};
use kest_core::passport::{Tips, VerifyError};
use kest_core::{Limits, Passport, UnverifiedPassport, Verifier, canonicalize};
use kest_tests::vectors::{cases, keep_claims, lines, ring, text, texts};
use kest_tower::Rejection;
use serde_json::{Value, json};

#[test]
fn passports_to_accept_hold_and_say_what_they_should() {
    let mut wrong = Vec::new();
    for case in cases("accept.json") {
        let found = match verdict(&case) {
            Ok(passport) => describe(&passport),
            Err(reason) => json!(reason),
        };
        let expected = json!({
            "entries": case["entries"], "tips": case["tips"],
            "trust_score": case["trust_score"], "taints": case["taints"],
        });
        if found != expected {
            wrong.push(format!("{}: {found} instead of {expected}", text(&case, "name")));
        }
    }
    assert_none(&wrong);
}

#[test]
fn passports_to_refuse_do_not_hold() {
    let cases = cases("refuse.json");
    assert!(cases.len() > 100, "only {} attacks", cases.len());
    let accepted = cases.iter().filter(|case| verdict(case).is_ok());
    let wrong: Vec<String> =
        accepted.map(|case| format!("{} is accepted: {}", text(case, "name"), text(case, "why"))).collect();
    assert_none(&wrong);
}

#[tokio::test]
async fn headers_to_accept_give_their_passport() {
    let mut wrong = Vec::new();
    for case in cases("header.json") {
        let found = admitted(&case).await;
        if found.as_ref() != Ok(&case["passport"]) {
            wrong.push(format!("{}: {found:.120?}", text(&case, "name")));
        }
    }
    assert_none(&wrong);
}

#[tokio::test]
async fn headers_to_refuse_get_their_status() {
    let mut wrong = Vec::new();
    for case in cases("header_bad.json") {
        let right = case["status"].as_array().cloned().unwrap_or_else(|| vec![case["status"].clone()]);
        let found = admitted(&case).await;
        if !found.as_ref().is_err_and(|status| right.contains(&json!(status))) {
            let name = text(&case, "name");
            wrong.push(format!("{name}: {found:.120?} is not one of {right:?}"));
        }
    }
    assert_none(&wrong);
}

#[test]
fn texts_get_their_canonical_bytes_or_none() {
    let mut wrong = Vec::new();
    for case in cases("jcs.json") {
        let given = STANDARD.decode(text(&case, "json_b64")).unwrap();
        let found = canonicalize(&given, 64).ok().map(|bytes| STANDARD.encode(bytes));
        let expected = case["canonical_b64"].as_str();
        assert_eq!(expected.is_none(), case["error"] == json!(true), "{case}");
        if found.as_deref() != expected {
            wrong.push(format!("{}: {found:?} instead of {expected:?}", text(&case, "name")));
        }
    }
    assert_none(&wrong);
}

/// Step 3 over a vector's passport, under the tips that it announces.
fn verdict(case: &Value) -> Result<Passport, String> {
    let limits = Limits::default();
    let tips = Tips::parse(text(case, "chain_tip"), &limits).map_err(|it| it.to_string())?;
    let carried = UnverifiedPassport::from_entries(texts(case, "passport"), tips, &limits);
    let carried = carried.map_err(|it| it.to_string())?;
    let verified = Verifier::new(limits).verify(carried, &ring());
    verified.map_err(|it| it.to_string())
}

fn describe(passport: &Passport) -> Value {
    let tips = passport.tips();
    let tips: Vec<String> = tips.as_slice().iter().map(ToString::to_string).collect();
    json!({
        "entries": passport.len(), "tips": tips,
        "trust_score": passport.trust_score().map(|score| score.value()),
        "taints": passport.taints().iter().collect::<Vec<_>>(),
    })
}

/// Steps 1 to 3 over a vector's header: its passport, null when none came, or the status of the refusal.
async fn admitted(case: &Value) -> Result<Value, u16> {
    let limits = Limits::default();
    let store = InMemoryPassports::new(&limits);
    keep_claims(&store, case).await;
    let lines = lines(case);
    let packed = HeaderReader::new(limits.clone()).read(lines.iter().map(String::as_bytes));
    let packed = packed.map_err(|refused| Rejection::from(&refused).status().as_u16())?;
    let restored = restore(packed, Some(&store), &limits).await;
    let restored = restored.map_err(|refused| Rejection::from(&refused).status().as_u16())?;
    let Some(carried) = restored.passport() else {
        return Ok(Value::Null);
    };
    let verified = Verifier::new(limits).verify(carried, &ring());
    let verified = verified.map_err(|_does_not_hold: VerifyError| 401_u16)?;
    Ok(verified.entries().iter().map(|entry| entry.compact()).collect())
}

#[track_caller]
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}
