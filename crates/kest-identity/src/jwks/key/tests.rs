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
    VerificationKey::from_jwk(key.as_object().unwrap()).map(|(_, key)| key.prepared.algorithms())
}

fn rsa_key(bytes: usize) -> Value {
    json!({"kty": "RSA", "kid": "r", "n": URL_SAFE_NO_PAD.encode(vec![0xff; bytes]), "e": "AQAB"})
}

/// The base points of the curves (FIPS 186-5), which are good public keys for nobody.
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
