//! What a key set endpoint may be made to say: the good keys go on working, and the bad ones are counted by reason.

use std::time::Duration;

use kest_core::Limits;
use kest_identity::{FetchKeys, HttpKeys, SkippedKey};
use serde_json::{Value, json};

use crate::service::{KEYS, Service, stand_still};
use crate::signer::{Signer, key_set};
use crate::site::{Page, Site};

const PERIOD: Duration = Duration::from_secs(300);

fn good() -> Signer {
    Signer::new("good", 1)
}

/// Checks that these keys change nothing for the good one, and that all of them are left out for `reason`.
async fn check_skipped(bad: &[Value], reason: SkippedKey) {
    let (site, _standstill) = (Site::open().await, stand_still());
    for set in [[bad, &[good().jwk()]].concat(), [&[good().jwk()], bad].concat()] {
        site.publish(KEYS, Page::Json(key_set(&set)));
        let keys = HttpKeys::new(&site.at(KEYS), &Limits::default()).unwrap().fetch().await.unwrap();
        assert!(keys.contains("good"));
        assert_eq!((keys.len(), keys.skipped(reason), keys.skipped_keys()), (1, bad.len(), bad.len()));

        let service = Service::warm(&[good().jwk()]).await;
        service.publish(Page::Json(key_set(&set)));
        service.pass(PERIOD).await;
        assert_eq!(service.authenticator.fetches(), 2);
        assert_eq!(service.send_at_once(&good().token()), Some("accepted"));
    }
}

/// Checks that this answer is a failed fetch of that kind, and takes nothing from the known keys.
async fn check_failed(page: Page, kind: &str) {
    let (site, _standstill) = (Site::open().await, stand_still());
    site.publish(KEYS, page.clone());
    let failed = HttpKeys::new(&site.at(KEYS), &Limits::default()).unwrap().fetch().await.unwrap_err();
    assert_eq!(failed.kind(), kind);

    let service = Service::warm(&[good().jwk()]).await;
    service.publish(page);
    service.pass(PERIOD).await;
    service.check_fetches(2);
    assert_eq!(service.send_at_once(&good().token()), Some("accepted"));
    service.pass(Duration::from_secs(3299)).await;
    assert_eq!(service.send_at_once(&good().token()), Some("accepted"), "stale for 3299 s");
    service.pass(Duration::from_secs(1)).await;
    assert_eq!(service.send_patiently(&good().token()).await, kind, "and no longer than 3300 s");
}

#[tokio::test(start_paused = true)]
async fn unknown_kty() {
    check_skipped(
        &[json!({"kty": "AKP", "alg": "ML-DSA-65", "kid": "pq", "pub": "AA"})],
        SkippedKey::Unsupported,
    )
    .await;
    check_skipped(&[json!({"kid": "none"}), json!({"kty": 1, "kid": "number"})], SkippedKey::Malformed).await;
}

#[tokio::test(start_paused = true)]
async fn bad_base64() {
    let spoilt = |x: &str| json!({"kty": "OKP", "crv": "Ed25519", "kid": "spoilt", "x": x});
    let bad = ["@@@", "", "AQ==", "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo", "AR"].map(spoilt);
    check_skipped(&bad, SkippedKey::Malformed).await;
}

#[tokio::test(start_paused = true)]
async fn missing_kid() {
    let mut nameless = Signer::new("x", 2).jwk();
    nameless.as_object_mut().unwrap().remove("kid");
    let mut empty = Signer::new("x", 3).jwk();
    empty["kid"] = "".into();
    check_skipped(&[nameless, empty], SkippedKey::NoKeyId).await;
}

#[tokio::test(start_paused = true)]
async fn doubled_kid() {
    let bad = [Signer::new("twice", 2).jwk(), Signer::new("twice", 3).jwk()];
    check_skipped(&bad, SkippedKey::DoubledKeyId).await;
}

#[tokio::test(start_paused = true)]
async fn doubled_kid_of_the_good_key_lets_nobody_sign_in_its_name() {
    let service = Service::warm(&[good().jwk()]).await;
    let attacker = Signer::new("good", 66);
    service.publish(Page::Json(key_set(&[good().jwk(), attacker.jwk()])));
    service.pass(PERIOD).await;
    assert_eq!(service.send_patiently(&attacker.token()).await, "unknown_key");
    assert_eq!(
        service.send_patiently(&good().token()).await,
        "unknown_key",
        "it is unknown which one is meant"
    );
}

#[tokio::test(start_paused = true)]
async fn keys_of_a_faulty_library() {
    // Anybody can find the private key: CVE-2017-15361.
    let modulus = concat!(
        "sU9a7WgIWo65UenWU5Y2SV3peecDWvm-FyK3O6fvTzDBbzdiEhFKYsQKWq_lhXvtkT-rRY0aVNmvPZ2lXn3Bzk0St8o9cHzXNn9f_QHY4uJm",
        "YTOP-jLxco2h1uAtfvZuJ_v04yS9S7_ge6Ex0wBPJaWDGM6TQkSyN9BHCSALAVNDeXFwA7JGahY9wiAh3nzy9O4Y2AvuKezh87t_rnkuxe0X",
        "J2GSDMRFSYwPwKDzigmVa6gRHKwes72fUnfKEIxnbk-HznhkbYxwTEkd6291rnIf1XDv96Wnd8L8xoZG71gMKRcLvZtOxr49G5P-QXBbMphc",
        "au9aNjEbEGvY6PkDIw",
    );
    let roca = json!({"kty": "RSA", "kid": "roca", "alg": "RS256", "use": "sig", "n": modulus, "e": "AQAB"});
    check_skipped(&[roca], SkippedKey::Roca).await;
}

#[tokio::test(start_paused = true)]
async fn use_enc() {
    let mut encrypting = Signer::new("enc", 2).jwk();
    encrypting["use"] = "enc".into();
    let mut wrapping = Signer::new("wrap", 3).jwk();
    wrapping["key_ops"] = json!(["wrapKey"]);
    check_skipped(&[encrypting, wrapping], SkippedKey::NotForVerifying).await;
}

#[tokio::test(start_paused = true)]
async fn weak_keys() {
    let rsa = |n: String, e: &str| json!({"kty": "RSA", "kid": "weak", "n": n, "e": e});
    let full = format!("{}w", "_".repeat(341));
    let small_order = json!({"kty": "OKP", "crv": "Ed25519", "kid": "zero", "x": "A".repeat(43)});
    let bad = [
        rsa("_".repeat(168), "AQAB"),
        rsa("AQAB".into(), "AQAB"),
        rsa(full.clone(), "AQ"),
        rsa(full.clone(), "Ag"),
        rsa(full.clone(), "Aw"),
        rsa(full.clone(), "AP__"),
        rsa(full, "AQAC"),
        rsa(format!("{}A", "_".repeat(341)), "AQAB"),
        small_order,
    ];
    check_skipped(&bad, SkippedKey::Weak).await;
}

#[tokio::test(start_paused = true)]
async fn shared_secrets_and_private_keys() {
    check_skipped(&[json!({"kty": "oct", "kid": "s", "k": "c2VjcmV0"})], SkippedKey::Symmetric).await;
    let mut private = Signer::new("private", 2).jwk();
    private["d"] = "AQ".into();
    check_skipped(&[private], SkippedKey::Private).await;
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_keys() {
    let bad: Vec<_> = (0..10_000).map(|_| json!({"kty": "x"})).collect();
    check_skipped(&bad, SkippedKey::Unsupported).await;

    let many: Vec<_> = (0..4000).map(|number| good().jwk_named(&number.to_string())).collect();
    let set = [vec![good().jwk()], many].concat();
    let (site, _standstill) = (Site::open().await, stand_still());
    site.publish(KEYS, Page::Json(key_set(&set)));
    let keys = HttpKeys::new(&site.at(KEYS), &Limits::default()).unwrap().fetch().await.unwrap();
    assert!(keys.contains("good"));
    assert_eq!((keys.len(), keys.skipped(SkippedKey::TooMany)), (100, 3901));

    let many: Vec<_> = (0..10_000).map(|number| good().jwk_named(&number.to_string())).collect();
    check_failed(Page::Json(key_set(&many)), "too_long").await;
}

#[tokio::test(start_paused = true)]
async fn fifty_megabytes() {
    for announced in [true, false] {
        check_failed(Page::Blanks { announced, bytes: 50 * 1024 * 1024 }, "too_long").await;
    }
    // Not one of them is waited for.
    check_failed(Page::Promise(50 * 1024 * 1024), "too_long").await;
}

#[tokio::test(start_paused = true)]
async fn redirect_to_a_link_local_address() {
    let metadata_service = "302 Found\r\nlocation: http://169.254.169.254/latest/meta-data/";
    check_failed(Page::Status(metadata_service.to_owned()), "status").await;
}

#[tokio::test(start_paused = true)]
async fn redirect_to_the_keys_of_an_attacker() {
    let lure = Site::open().await;
    lure.publish(KEYS, Page::Json(key_set(&[Signer::new("good", 66).jwk()])));
    for status in ["301 Moved Permanently", "303 See Other", "307 Temporary Redirect"] {
        check_failed(Page::Status(format!("{status}\r\nlocation: {}", lure.at(KEYS))), "status").await;
    }
    assert_eq!(lure.asked().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn gzip_that_was_not_asked_for() {
    for coding in ["gzip", "GZIP", "identity, br"] {
        let head = format!("200 OK\r\ncontent-type: application/json\r\ncontent-encoding: {coding}");
        check_failed(Page::Status(head), "content_coding").await;
    }
}

#[tokio::test(start_paused = true)]
async fn html() {
    let page = "<!doctype html><title>Sign in</title>".to_owned();
    check_failed(Page::Typed("text/html; charset=utf-8", page.clone()), "content_type").await;
    check_failed(Page::Json(page), "not_a_key_set").await;
}

#[tokio::test(start_paused = true)]
async fn error_in_json() {
    for body in [r#"{"error":"server_error"}"#, "null", "[]", r#"{"keys":null}"#, r#"{"keys":[]"#, ""] {
        check_failed(Page::Json(body.to_owned()), "not_a_key_set").await;
    }
}

#[tokio::test(start_paused = true)]
async fn set_without_a_usable_key_takes_all_keys_back() {
    for set in [vec![], vec![json!({"kty": "AKP", "kid": "good", "pub": "AA"})]] {
        let service = Service::warm(&[good().jwk()]).await;
        service.publish(Page::Json(key_set(&set)));
        service.pass(PERIOD).await;
        assert_eq!(service.send_patiently(&good().token()).await, "unknown_key");
    }
}
