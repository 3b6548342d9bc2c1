//! `kest bundle`: public keys in, one JWK Set out.

use kest_core::Sign as _;
use kest_core::signature::Bundle;

use crate::support::{bundle, directory, file, kest, signer};

/// A key set of other people's kinds of keys.
const RSA: &str = r#"{"keys":[{"kty":"RSA","n":"x","e":"AQAB","kid":"r"}]}"#;
/// The neutral element: a point of order 1.
const WEAK: &str =
    r#"{"kty":"OKP","crv":"Ed25519","kid":"w","x":"AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}"#;

#[track_caller]
fn check_refused(name: &str, texts: &[&str], message: &str) {
    let directory = directory(name);
    let files = texts.iter().enumerate().map(|(index, text)| file(&directory, &format!("{index}.jwk"), text));
    let run = kest(["bundle".to_owned()].into_iter().chain(files), b"");
    assert_eq!((run.code, run.text()), (Some(1), ""), "{}", run.stderr);
    assert!(run.stderr.contains(message), "{}", run.stderr);
}

#[test]
fn keys_and_key_sets_are_joined_into_one_set() {
    let directory = directory("joined");
    let files = [
        file(&directory, "cart.jwk", bundle(&["cart"])),
        file(&directory, "both.jwks", bundle(&["cart", "shop"])),
        file(&directory, "rsa.jwks", RSA),
    ];
    let run = kest(["bundle".to_owned()].iter().chain(&files), b"");
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    assert_eq!(run.text().trim_end(), bundle(&["cart", "shop"]));
    assert!(run.stderr.contains("skipped 1 keys of other types"), "{}", run.stderr);
    let read = Bundle::from_json(&run.stdout).unwrap();
    assert!(read.ring().knows(signer("cart").workload()) && read.ring().knows(signer("shop").workload()));
}

#[test]
fn key_id_of_two_principals_is_refused() {
    let stolen = bundle(&["shop"]).replace("shop-1", "cart-1");
    check_refused("two_principals", &[&bundle(&["cart"]), &stolen], "two principals");
}

#[test]
fn key_id_of_two_keys_is_refused() {
    let other = bundle(&["shop"]).replace("shop", "cart");
    check_refused("two_keys", &[&bundle(&["cart"]), &other], "two keys");
}

#[test]
fn weak_and_private_keys_and_other_texts_are_refused() {
    check_refused("weak", &[WEAK], "weak");
    check_refused("private", &[&signer("cart").to_private_jwk().unwrap()], "private key");
    check_refused("no_key_set", &["[]"], "no jwk set");
}

#[test]
fn missing_file_is_no_answer() {
    let directory = directory("bundle_missing");
    let missing = directory.join("none.jwk");
    assert_eq!(kest(["bundle", missing.to_str().unwrap()], b"").code, Some(2));
    assert_eq!(kest(["bundle", directory.to_str().unwrap()], b"").code, Some(2));
    assert_eq!(kest(["bundle"], b"").code, Some(2));
}

#[test]
fn endless_file_is_not_read_to_its_end() {
    let directory = directory("bundle_endless");
    let path = file(&directory, "long.jwk", " ".repeat(1024 * 1024 + 1));
    let run = kest(["bundle", &path], b"");
    assert_eq!(run.code, Some(2));
    assert!(run.stderr.contains("longer than 1048576 bytes"), "{}", run.stderr);
}
