//! One JSON Web Key: what it is, and which algorithms it may check.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::VerifyingKey;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};

use crate::jwt::{Algorithm, InvalidToken};

use super::SkippedKey;

/// A public key that may check signatures of tokens, parsed once.
#[derive(Debug)]
pub(crate) struct VerificationKey {
    decoding: DecodingKey,
    algorithms: Vec<Algorithm>,
}

impl VerificationKey {
    /// Reads the JWK `members`, and says for which id it is.
    pub(crate) fn from_jwk(members: &Map<String, Value>) -> Result<(String, Self), SkippedKey> {
        let key_type = text(members, "kty")?.ok_or(SkippedKey::Malformed)?;
        if key_type == "oct" {
            return Err(SkippedKey::Symmetric);
        }
        // RFC 7518 section 6: "d" holds the private part in every asymmetric type. A published one protects nothing.
        if members.contains_key("d") {
            return Err(SkippedKey::Private);
        }
        check_purpose(members)?;
        let (decoding, possible) = match key_type {
            "RSA" => (rsa(members)?, Algorithm::RSA),
            "EC" => elliptic(members)?,
            "OKP" => edwards(members)?,
            _ => return Err(SkippedKey::Unsupported),
        };
        let algorithms = restrict(possible, text(members, "alg")?)?;
        let key_id = text(members, "kid")?.filter(|key_id| !key_id.is_empty()).ok_or(SkippedKey::NoKeyId)?;
        Ok((key_id.to_owned(), Self { decoding, algorithms }))
    }

    /// Checks that `signature` (base64url) is by this key over `message`, with `algorithm` and no other.
    pub(crate) fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &str,
    ) -> Result<(), InvalidToken> {
        // RFC 8725 section 3.1: the key decides what it is used with, not the token.
        if !self.algorithms.contains(&algorithm) {
            return Err(InvalidToken::AlgorithmOfKey);
        }
        match jsonwebtoken::crypto::verify(signature, message, &self.decoding, algorithm.backend()) {
            Ok(true) => Ok(()),
            // The library's error may name an offending byte of the signature, which is content.
            Ok(false) | Err(_) => Err(InvalidToken::Signature),
        }
    }
}

/// RFC 7517 sections 4.2 and 4.3: a key that says what it is for is used for nothing else.
fn check_purpose(members: &Map<String, Value>) -> Result<(), SkippedKey> {
    if text(members, "use")?.is_some_and(|purpose| purpose != "sig") {
        return Err(SkippedKey::NotForVerifying);
    }
    match members.get("key_ops") {
        None => Ok(()),
        Some(Value::Array(operations)) if operations.iter().all(Value::is_string) => {
            let verifies = operations.iter().any(|operation| operation.as_str() == Some("verify"));
            if verifies { Ok(()) } else { Err(SkippedKey::NotForVerifying) }
        }
        Some(_) => Err(SkippedKey::Malformed),
    }
}

fn rsa(members: &Map<String, Value>) -> Result<DecodingKey, SkippedKey> {
    let modulus = bytes(members, "n")?;
    let exponent = bytes(members, "e")?;
    let bits = bit_length(&modulus);
    // RFC 7518 section 3.3: at least 2048 bits. Above 8192 a stranger's signature would cost too much to check.
    if bits < 2048 || modulus.last().is_none_or(|lowest| lowest % 2 == 0) {
        return Err(SkippedKey::Weak);
    }
    if bits > 8192 || bit_length(&exponent) > 32 {
        return Err(SkippedKey::Unsupported);
    }
    // With the exponent 1 every signature is its own message; an even one has no inverse.
    if bit_length(&exponent) < 2 || exponent.last().is_none_or(|lowest| lowest % 2 == 0) {
        return Err(SkippedKey::Weak);
    }
    Ok(DecodingKey::from_rsa_raw_components(&modulus, &exponent))
}

fn elliptic(members: &Map<String, Value>) -> Result<(DecodingKey, &'static [Algorithm]), SkippedKey> {
    let (length, algorithms): (_, &'static [Algorithm]) = match text(members, "crv")? {
        Some("P-256") => (32, &[Algorithm::Es256]),
        Some("P-384") => (48, &[Algorithm::Es384]),
        Some(_) => return Err(SkippedKey::Unsupported),
        None => return Err(SkippedKey::Malformed),
    };
    // RFC 7518 section 6.2.1.2: each coordinate has the full length of the curve's field.
    if bytes(members, "x")?.len() != length || bytes(members, "y")?.len() != length {
        return Err(SkippedKey::Malformed);
    }
    let [Some(x), Some(y)] = [text(members, "x")?, text(members, "y")?] else {
        return Err(SkippedKey::Malformed);
    };
    let key = DecodingKey::from_ec_components(x, y).map_err(|_names_content| SkippedKey::Malformed)?;
    Ok((key, algorithms))
}

fn edwards(members: &Map<String, Value>) -> Result<(DecodingKey, &'static [Algorithm]), SkippedKey> {
    match text(members, "crv")? {
        Some("Ed25519") => {}
        Some(_) => return Err(SkippedKey::Unsupported),
        None => return Err(SkippedKey::Malformed),
    }
    let encoded = text(members, "x")?.ok_or(SkippedKey::Malformed)?;
    let point = <[u8; 32]>::try_from(bytes(members, "x")?).map_err(|_wrong_length| SkippedKey::Malformed)?;
    let point = VerifyingKey::from_bytes(&point).map_err(|_not_on_the_curve| SkippedKey::Malformed)?;
    // A small-order point accepts signatures that nobody made.
    if point.is_weak() {
        return Err(SkippedKey::Weak);
    }
    let key = DecodingKey::from_ed_components(encoded).map_err(|_names_content| SkippedKey::Malformed)?;
    Ok((key, &[Algorithm::EdDsa]))
}

/// RFC 7517 section 4.4: `alg`, when present, is the only algorithm the key is meant for.
fn restrict(possible: &[Algorithm], declared: Option<&str>) -> Result<Vec<Algorithm>, SkippedKey> {
    let Some(declared) = declared else {
        return Ok(possible.to_vec());
    };
    match Algorithm::from_wire(declared) {
        Some(algorithm) if possible.contains(&algorithm) => Ok(vec![algorithm]),
        _ => Err(SkippedKey::Unsupported),
    }
}

/// A member that must be a string where it is present.
fn text<'jwk>(members: &'jwk Map<String, Value>, name: &str) -> Result<Option<&'jwk str>, SkippedKey> {
    match members.get(name) {
        None => Ok(None),
        Some(value) => value.as_str().ok_or(SkippedKey::Malformed).map(Some),
    }
}

/// A member that must be there and be canonical base64url.
fn bytes(members: &Map<String, Value>, name: &str) -> Result<Vec<u8>, SkippedKey> {
    let encoded = text(members, name)?.ok_or(SkippedKey::Malformed)?;
    URL_SAFE_NO_PAD.decode(encoded).map_err(|_names_content| SkippedKey::Malformed)
}

/// The length in bits of a big-endian number, leading zeros not counted.
fn bit_length(number: &[u8]) -> u64 {
    let mut significant = number.iter().skip_while(|byte| **byte == 0);
    let Some(first) = significant.next() else { return 0 };
    let rest = u64::try_from(significant.count()).unwrap_or(u64::MAX);
    rest.saturating_mul(8).saturating_add(u64::from(8 - first.leading_zeros()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(changes: &Value, key: &Value) -> Result<Vec<Algorithm>, SkippedKey> {
        let mut key = key.clone();
        for (name, value) in changes.as_object().unwrap() {
            key[name] = value.clone();
        }
        VerificationKey::from_jwk(key.as_object().unwrap()).map(|(_, key)| key.algorithms)
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
        assert_eq!(
            read(&json!({"use": "sig", "key_ops": ["verify"]}), &p256_key()),
            Ok(vec![Algorithm::Es256])
        );
        assert_eq!(read(&json!({"x5c": ["ignored"]}), &ed_key()), Ok(vec![Algorithm::EdDsa]));
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
            (json!({"crv": "X25519"}), ed_key(), SkippedKey::Unsupported),
            (json!({"x": zeros}), ed_key(), SkippedKey::Weak),
            (json!({"x": "AQ"}), ed_key(), SkippedKey::Malformed),
        ] {
            assert_eq!(read(&changes, &key), Err(reason), "{changes} {key}");
        }
    }
}
