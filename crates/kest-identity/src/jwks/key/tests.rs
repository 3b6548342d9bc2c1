//! Single keys: what each is good for, and which ones must not be used at all.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{KeyPair, RsaKeyPair};
use serde_json::json;

use super::*;

fn read(changes: &Value, key: &Value) -> Result<Vec<Algorithm>, SkippedKey> {
    let mut key = key.clone();
    for (name, value) in changes.as_object().unwrap() {
        key[name] = value.clone();
    }
    let key = VerificationKey::from_jwk(key.as_object().unwrap()).map(|(_, key)| key);
    key.map(|key| algorithms(&key))
}

fn algorithms(key: &VerificationKey) -> Vec<Algorithm> {
    Algorithm::ALL.into_iter().filter(|it| key.can_check(*it)).collect()
}

fn rsa_key(bytes: usize) -> Value {
    json!({"kty": "RSA", "kid": "r", "n": URL_SAFE_NO_PAD.encode(vec![0xff; bytes]), "e": "AQAB"})
}

fn even_modulus() -> Value {
    json!({"n": URL_SAFE_NO_PAD.encode([vec![0xff; 255], vec![0xfe]].concat())})
}

/// The product of two primes that were made as the faulty library made them: a power of 65537 modulo the product of the
/// first 126 primes, plus a multiple of it.
const ROCA: &str = concat!(
    "sU9a7WgIWo65UenWU5Y2SV3peecDWvm-FyK3O6fvTzDBbzdiEhFKYsQKWq_lhXvtkT-rRY0aVNmvPZ2lXn3Bzk0St8o9cHzXNn9f_QHY4uJmYTOP-jLx",
    "co2h1uAtfvZuJ_v04yS9S7_ge6Ex0wBPJaWDGM6TQkSyN9BHCSALAVNDeXFwA7JGahY9wiAh3nzy9O4Y2AvuKezh87t_rnkuxe0XJ2GSDMRFSYwPwKDz",
    "igmVa6gRHKwes72fUnfKEIxnbk-HznhkbYxwTEkd6291rnIf1XDv96Wnd8L8xoZG71gMKRcLvZtOxr49G5P-QXBbMphcau9aNjEbEGvY6PkDIw",
);

/// The base points of the curves (FIPS 186-5), which are good public keys without an owner.
fn p256_key() -> Value {
    json!({"kty": "EC", "crv": "P-256", "kid": "e", "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",
        "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"})
}

/// RFC 8037 appendix A.2.
fn ed_key() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "kid": "d", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

#[test]
fn a_key_allows_what_its_type_and_its_members_allow() {
    assert_eq!(read(&json!({}), &rsa_key(256)), Ok(Algorithm::RSA.to_vec()));
    assert_eq!(read(&json!({"alg": "PS384"}), &rsa_key(256)), Ok(vec![Algorithm::Ps384]));
    assert_eq!(read(&json!({"use": "sig", "key_ops": ["verify"]}), &p256_key()), Ok(vec![Algorithm::Es256]));
    assert_eq!(read(&json!({"key_ops": ["sign", "verify"]}), &p256_key()), Ok(vec![Algorithm::Es256]));
    assert_eq!(read(&json!({"x5c": ["ignored"]}), &ed_key()), Ok(Algorithm::EDWARDS.to_vec()));
    assert_eq!(read(&json!({"alg": "EdDSA"}), &ed_key()), Ok(vec![Algorithm::EdDsa]));
    assert_eq!(read(&json!({"alg": "Ed25519"}), &ed_key()), Ok(vec![Algorithm::Ed25519]));
}

#[test]
fn keys_that_must_not_be_used_are_told_apart() {
    let zeros = URL_SAFE_NO_PAD.encode([0; 32]);
    for (changes, key, reason) in [
        (json!({}), rsa_key(255), SkippedKey::Weak),
        (json!({"e": "AQ"}), rsa_key(256), SkippedKey::Weak),
        (json!({"e": "AAAB"}), rsa_key(256), SkippedKey::Weak),
        (json!({"e": "BA"}), rsa_key(256), SkippedKey::Weak),
        (json!({"e": "Aw"}), rsa_key(256), SkippedKey::Weak),
        (json!({"e": "EQ"}), rsa_key(256), SkippedKey::Weak),
        (json!({"e": "AP__"}), rsa_key(256), SkippedKey::Weak),
        (json!({"e": "AQAA"}), rsa_key(256), SkippedKey::Weak),
        (json!({"e": "AQAC"}), rsa_key(256), SkippedKey::Weak),
        (even_modulus(), rsa_key(256), SkippedKey::Weak),
        (json!({"n": ROCA}), rsa_key(256), SkippedKey::Roca),
        (json!({"n": ROCA, "alg": "PS256"}), rsa_key(256), SkippedKey::Roca),
        (json!({"e": ""}), rsa_key(256), SkippedKey::Weak),
        (json!({"e": "AQAAAAAB"}), rsa_key(256), SkippedKey::Unsupported),
        (json!({}), rsa_key(1025), SkippedKey::Unsupported),
        (json!({"n": "@@"}), rsa_key(256), SkippedKey::Malformed),
        (json!({"n": null}), rsa_key(256), SkippedKey::Malformed),
        (json!({"alg": "ES256"}), rsa_key(256), SkippedKey::Unsupported),
        (json!({"alg": "HS256"}), rsa_key(256), SkippedKey::Unsupported),
        (json!({"alg": "RSA-OAEP"}), rsa_key(256), SkippedKey::Unsupported),
        (json!({"use": "enc"}), rsa_key(256), SkippedKey::NotForVerifying),
        (json!({"key_ops": ["encrypt"]}), rsa_key(256), SkippedKey::NotForVerifying),
        (json!({"key_ops": []}), rsa_key(256), SkippedKey::NotForVerifying),
        (json!({"key_ops": ["sign"]}), rsa_key(256), SkippedKey::NotForVerifying),
        (json!({"key_ops": ["verify", "encrypt"]}), rsa_key(256), SkippedKey::NotForVerifying),
        (json!({"key_ops": ["verify", "verify"]}), rsa_key(256), SkippedKey::Malformed),
        (json!({"key_ops": ["verify", 1]}), rsa_key(256), SkippedKey::Malformed),
        (json!({"key_ops": "verify"}), rsa_key(256), SkippedKey::Malformed),
        (json!({"kid": ""}), rsa_key(256), SkippedKey::NoKeyId),
        (json!({"kid": 1}), rsa_key(256), SkippedKey::Malformed),
        (json!({"d": "AQ"}), rsa_key(256), SkippedKey::Private),
        (json!({"kty": "oct", "k": "AQ"}), rsa_key(256), SkippedKey::Symmetric),
        (json!({"kty": "AKP"}), rsa_key(256), SkippedKey::Unsupported),
        (json!({"kty": 1}), rsa_key(256), SkippedKey::Malformed),
        (json!({"crv": "P-521"}), p256_key(), SkippedKey::Unsupported),
        (json!({"crv": "P-384"}), p256_key(), SkippedKey::Malformed),
        (json!({"alg": "ES384"}), p256_key(), SkippedKey::Unsupported),
        (json!({"y": "AQ"}), p256_key(), SkippedKey::Malformed),
        (json!({"x": zeros}), p256_key(), SkippedKey::Malformed),
        (json!({"y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfQ"}), p256_key(), SkippedKey::Malformed),
        (json!({"crv": "X25519"}), ed_key(), SkippedKey::Unsupported),
        (json!({"x": zeros}), ed_key(), SkippedKey::Weak),
        (json!({"x": "AQ"}), ed_key(), SkippedKey::Malformed),
    ] {
        assert_eq!(read(&changes, &key), Err(reason), "{changes} {key}");
    }
}

#[test]
fn a_modulus_with_leading_zeros_checks_signatures_all_the_same() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let numbers = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&signature::RSA_PKCS1_SHA256, &SystemRandom::new(), b"message", &mut signature).unwrap();
    let signature = URL_SAFE_NO_PAD.encode(signature);
    for zeros in [vec![], vec![0], vec![0; 9]] {
        let encode = |number: &[u8]| URL_SAFE_NO_PAD.encode([zeros.as_slice(), number].concat());
        let jwk = json!({"kty": "RSA", "kid": "r", "n": encode(&numbers.n), "e": encode(&numbers.e)});
        let (_, key) = VerificationKey::from_jwk(jwk.as_object().unwrap()).unwrap();
        let check = |algorithm, message: &str, signature: &str| {
            key.verify(algorithm, message.as_bytes(), signature).err().map(|refused| refused.kind())
        };
        assert_eq!(check(Algorithm::Rs256, "message", &signature), None);
        for (algorithm, message, reason) in [
            (Algorithm::Rs256, "massage", "signature"),
            (Algorithm::Ps256, "message", "signature"),
            (Algorithm::Rs384, "message", "signature"),
            (Algorithm::Es256, "message", "algorithm_of_key"),
        ] {
            assert_eq!(check(algorithm, message, &signature), Some(reason), "{algorithm}");
        }
        for broken in ["", "=", "@@@@", signature.get(1..).unwrap(), &format!("{signature}=")] {
            assert_eq!(check(Algorithm::Rs256, "message", broken), Some("signature"), "{broken:.4}");
        }
    }
}

#[test]
fn keys_of_a_good_library_have_no_mark_of_a_faulty_one() {
    for _ in 0..3 {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let numbers = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        assert!(!roca::is_marked(&numbers.n));
    }
    let mut marked = URL_SAFE_NO_PAD.decode(ROCA).unwrap();
    assert!(roca::is_marked(&marked) && roca::is_marked(&[vec![0; 4], marked.clone()].concat()));
    *marked.last_mut().unwrap() ^= 2;
    assert!(!roca::is_marked(&marked));
}

fn key_of(jwk: &Value) -> VerificationKey {
    VerificationKey::from_jwk(jwk.as_object().unwrap()).unwrap().1
}

/// What `keys` check together under one id, and how many of them are left out.
fn joined(keys: &[&Value]) -> (Vec<Algorithm>, usize) {
    let (key, left_out) = VerificationKey::joined(keys.iter().map(|jwk| key_of(jwk)).collect());
    (key.map(|key| algorithms(&key)).unwrap_or_default(), left_out)
}

#[test]
fn one_key_listed_several_times_is_one_key() {
    let with = |key: &Value, changes: Value| {
        let mut key = key.clone();
        key.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        key
    };
    let [rs256, rs384, rs512] =
        ["RS256", "RS384", "RS512"].map(|name| with(&rsa_key(256), json!({ "alg": name })));
    let three = vec![Algorithm::Rs256, Algorithm::Rs384, Algorithm::Rs512];
    assert_eq!(joined(&[&rs256, &rs384, &rs512]), (three, 0));
    assert_eq!(joined(&[&rsa_key(256), &rs256, &rsa_key(256)]), (Algorithm::RSA.to_vec(), 0));
    let padded = with(&rs256, json!({"n": format!("AAAA{}", rs256["n"].as_str().unwrap())}));
    assert_eq!(joined(&[&rs256, &padded]), (vec![Algorithm::Rs256], 0));
    let signs = with(&p256_key(), json!({"use": "sig", "key_ops": ["verify"], "x5t": "other"}));
    assert_eq!(joined(&[&p256_key(), &signs]), (vec![Algorithm::Es256], 0));
    let twice = [with(&ed_key(), json!({"alg": "EdDSA"})), with(&ed_key(), json!({"alg": "Ed25519"}))];
    assert_eq!(joined(&[&twice[0], &twice[1]]), (Algorithm::EDWARDS.to_vec(), 0));
}

#[test]
fn different_keys_of_one_id_are_unclear_where_both_check_an_algorithm_and_nowhere_else() {
    let other = json!({"kty": "RSA", "kid": "r", "n": rsa_key(257)["n"], "e": "AQAB"});
    let restricted = |key: &Value, name: &str| {
        let mut key = key.clone();
        key["alg"] = name.into();
        key
    };
    let all = [&rsa_key(256), &p256_key(), &ed_key()];
    let possible = [Algorithm::RSA, &[Algorithm::Es256], Algorithm::EDWARDS].concat();
    assert_eq!(joined(&all), (possible, 0));
    assert_eq!(joined(&[&rsa_key(256), &other]), (vec![], 2));
    assert_eq!(joined(&[&rsa_key(256), &other, &rsa_key(256)]), (vec![], 3));
    assert_eq!(joined(&[&rsa_key(256), &other, &p256_key()]), (vec![Algorithm::Es256], 2));
    let one_each = [&restricted(&rsa_key(256), "RS256"), &restricted(&other, "PS256")];
    assert_eq!(joined(&one_each), (vec![Algorithm::Rs256, Algorithm::Ps256], 0));
    let rest: Vec<_> = Algorithm::RSA.iter().copied().filter(|it| *it != Algorithm::Rs256).collect();
    assert_eq!(joined(&[&rsa_key(256), &restricted(&other, "RS256")]), (rest, 2));
    let exponent = json!({"kty": "RSA", "kid": "r", "n": rsa_key(256)["n"], "e": "AQAD"});
    assert_eq!(joined(&[&rsa_key(256), &exponent]), (vec![], 2));
}
