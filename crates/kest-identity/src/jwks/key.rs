//! One JSON Web Key: what it is, and which algorithms it may check.

use std::collections::HashSet;
use std::fmt;

use aws_lc_rs::signature::{self, ParsedPublicKey, RsaParameters, RsaPublicKeyComponents};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::VerifyingKey;
use jsonwebtoken::DecodingKey;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::jwt::{Algorithm, InvalidToken};

use super::{SkippedKey, roca};

/// What is published under one key id: a public key that may check signatures of tokens, parsed once; or several, of
/// which each checks other algorithms.
pub(crate) struct VerificationKey {
    /// One for each algorithm.
    checks: Vec<Check>,
    /// Of the public numbers and what they may be used for: the same digest, the same key.
    digest: [u8; 32],
}

/// What the keys of a set are used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyUse {
    /// Tokens of an issuer.
    Tokens,
    /// Tokens of the workloads of a SPIFFE trust domain.
    Svids,
}

struct Check {
    algorithm: Algorithm,
    /// A digest of the public numbers: the same key, however it is written and whatever else is said about it.
    material: [u8; 32],
    prepared: Prepared,
}

enum Prepared {
    /// Building it costs nearly as much as the check itself (13 of 32 us).
    Rsa(ParsedPublicKey),
    /// Nothing is gained by keeping more than the point.
    Point(DecodingKey),
}

impl VerificationKey {
    /// Reads the JWK `members`, and says for which id it is.
    pub(crate) fn from_jwk(members: &Map<String, Value>) -> Result<(String, Self), SkippedKey> {
        Self::for_use(KeyUse::Tokens, members)
    }

    /// The same, for what `key_use` says.
    pub(crate) fn for_use(
        key_use: KeyUse,
        members: &Map<String, Value>,
    ) -> Result<(String, Self), SkippedKey> {
        let key_type = text(members, "kty")?.ok_or(SkippedKey::Malformed)?;
        if key_type == "oct" {
            return Err(SkippedKey::Symmetric);
        }
        // RFC 7518 section 6: "d" holds the private part in every asymmetric type. A published one protects nothing.
        if members.contains_key("d") {
            return Err(SkippedKey::Private);
        }
        check_purpose(key_use, members)?;
        let key = match key_type {
            "RSA" => rsa(members)?,
            "EC" => elliptic(members)?,
            "OKP" => edwards(members)?,
            _ => return Err(SkippedKey::Unsupported),
        };
        let key_id = text(members, "kid")?.filter(|key_id| !key_id.is_empty()).ok_or(SkippedKey::NoKeyId)?;
        Ok((key_id.to_owned(), key))
    }

    /// Checks that `signature` (base64url) is by this key over `message`, with `algorithm` and no other.
    pub(crate) fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &str,
    ) -> Result<(), InvalidToken> {
        // RFC 8725 section 3.1: the key decides what it is used with, not the token.
        let check = self.checks.iter().find(|check| check.algorithm == algorithm);
        let holds = match &check.ok_or(InvalidToken::AlgorithmOfKey)?.prepared {
            Prepared::Rsa(key) => {
                let signature =
                    URL_SAFE_NO_PAD.decode(signature).map_err(|_content| InvalidToken::Signature)?;
                key.verify_sig(message, &signature).is_ok()
            }
            // The library's error may name an offending byte of the signature, which is content.
            Prepared::Point(key) => {
                jsonwebtoken::crypto::verify(signature, message, key, algorithm.backend()).unwrap_or(false)
            }
        };
        if holds { Ok(()) } else { Err(InvalidToken::Signature) }
    }

    /// Whether it checks signatures of `algorithm`.
    pub(crate) fn can_check(&self, algorithm: Algorithm) -> bool {
        self.checks.iter().any(|check| check.algorithm == algorithm)
    }

    /// What `keys`, all published under one id, check together, and how many of them are left out for some algorithm.
    ///
    /// Two different keys that check the same algorithm leave open which one is meant, so that neither checks it. The
    /// same key listed twice is one key, with the algorithms of both.
    pub(crate) fn joined(keys: Vec<Self>) -> (Option<Self>, usize) {
        let materials = |algorithm| -> HashSet<[u8; 32]> {
            let checks = keys.iter().flat_map(|key| &key.checks);
            checks.filter(|check| check.algorithm == algorithm).map(|check| check.material).collect()
        };
        let unclear: Vec<_> = Algorithm::ALL.into_iter().filter(|it| materials(*it).len() > 1).collect();
        let left_out = keys.iter().filter(|key| unclear.iter().any(|it| key.can_check(*it))).count();
        let mut checks: Vec<Check> = Vec::new();
        for check in keys.into_iter().flat_map(|key| key.checks) {
            let known = checks.iter().any(|known| known.algorithm == check.algorithm);
            if !known && !unclear.contains(&check.algorithm) {
                checks.push(check);
            }
        }
        ((!checks.is_empty()).then(|| Self::of(checks)), left_out)
    }

    /// Whether both are the same public key for the same algorithms.
    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        self.digest == other.digest
    }

    /// One key of these public numbers, for the algorithms that each value is prepared for.
    fn new(key_type: &str, numbers: [&[u8]; 2], prepared: Vec<(Algorithm, Prepared)>) -> Self {
        // Of the same members as the thumbprint of RFC 7638, as numbers: leading zeros make no other key.
        let mut digest = Sha256::new();
        for part in [key_type.as_bytes(), numbers[0], numbers[1]] {
            digest.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            digest.update(part);
        }
        let material = digest.finalize().into();
        let check = |(algorithm, prepared)| Check { algorithm, material, prepared };
        Self::of(prepared.into_iter().map(check).collect())
    }

    fn of(mut checks: Vec<Check>) -> Self {
        checks.sort_by_key(|check| check.algorithm.as_str());
        let mut digest = Sha256::new();
        for check in &checks {
            digest.update(check.material);
            digest.update(check.algorithm.as_str());
            digest.update([0]);
        }
        Self { checks, digest: digest.finalize().into() }
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithms: Vec<_> = self.checks.iter().map(|check| check.algorithm).collect();
        formatter.debug_struct("VerificationKey").field("algorithms", &algorithms).finish_non_exhaustive()
    }
}

/// RFC 7517 sections 4.2 and 4.3: a key that says what it is for is used for nothing else.
fn check_purpose(key_use: KeyUse, members: &Map<String, Value>) -> Result<(), SkippedKey> {
    let is_meant = |purpose: &str| purpose == "sig" || (key_use == KeyUse::Svids && purpose == "jwt-svid");
    if text(members, "use")?.is_some_and(|purpose| !is_meant(purpose)) {
        return Err(SkippedKey::NotForVerifying);
    }
    let Some(operations) = members.get("key_ops") else {
        return Ok(());
    };
    let operations = operations.as_array().ok_or(SkippedKey::Malformed)?;
    let mut seen = HashSet::new();
    for operation in operations {
        // Section 4.3 again: no operation stands there twice.
        if !seen.insert(operation.as_str().ok_or(SkippedKey::Malformed)?) {
            return Err(SkippedKey::Malformed);
        }
    }
    // And unrelated operations weaken each other: only signing goes with verifying.
    let verifies = seen.remove("verify");
    seen.remove("sign");
    if verifies && seen.is_empty() { Ok(()) } else { Err(SkippedKey::NotForVerifying) }
}

fn rsa(members: &Map<String, Value>) -> Result<VerificationKey, SkippedKey> {
    // RFC 7518 section 2 forbids leading zeros; some issuers send them, and they change nothing.
    let modulus = significant(bytes(members, "n")?);
    let exponent = significant(bytes(members, "e")?);
    let bits = bit_length(&modulus);
    // RFC 7518 section 3.3: at least 2048 bits. Above 8192 a stranger's signature would cost too much to check.
    if bits < 2048 || is_even(&modulus) {
        return Err(SkippedKey::Weak);
    }
    if bits > 8192 || bit_length(&exponent) > 32 {
        return Err(SkippedKey::Unsupported);
    }
    // FIPS 186-5 section A.1.1: over 2^16. With 1 every signature is its own message, with a few bits more a careless
    // check of the padding can be fooled elsewhere; an even exponent has no inverse.
    if bit_length(&exponent) < 17 || is_even(&exponent) {
        return Err(SkippedKey::Weak);
    }
    if roca::is_marked(&modulus) {
        return Err(SkippedKey::Roca);
    }
    let numbers = RsaPublicKeyComponents { n: &modulus, e: &exponent };
    let prepare = |algorithm| {
        let parameters = rsa_parameters(algorithm).ok_or(SkippedKey::Unsupported)?;
        let key = numbers.to_parsed_public_key(parameters).map_err(|_no_detail| SkippedKey::Malformed)?;
        Ok((algorithm, Prepared::Rsa(key)))
    };
    let allowed = restrict(Algorithm::RSA, text(members, "alg")?)?;
    let keys = allowed.into_iter().map(prepare).collect::<Result<_, SkippedKey>>()?;
    Ok(VerificationKey::new("RSA", [&modulus, &exponent], keys))
}

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    Some(match algorithm {
        Algorithm::Rs256 => &signature::RSA_PKCS1_2048_8192_SHA256,
        Algorithm::Rs384 => &signature::RSA_PKCS1_2048_8192_SHA384,
        Algorithm::Rs512 => &signature::RSA_PKCS1_2048_8192_SHA512,
        Algorithm::Ps256 => &signature::RSA_PSS_2048_8192_SHA256,
        Algorithm::Ps384 => &signature::RSA_PSS_2048_8192_SHA384,
        Algorithm::Ps512 => &signature::RSA_PSS_2048_8192_SHA512,
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::EdDsa | Algorithm::Ed25519 => return None,
    })
}

fn elliptic(members: &Map<String, Value>) -> Result<VerificationKey, SkippedKey> {
    let (length, curve, algorithm) = match text(members, "crv")? {
        Some("P-256") => (32, &signature::ECDSA_P256_SHA256_FIXED, Algorithm::Es256),
        Some("P-384") => (48, &signature::ECDSA_P384_SHA384_FIXED, Algorithm::Es384),
        Some(_) => return Err(SkippedKey::Unsupported),
        None => return Err(SkippedKey::Malformed),
    };
    let [x, y] = [bytes(members, "x")?, bytes(members, "y")?];
    // RFC 7518 section 6.2.1.2: each coordinate has the full length of the curve's field.
    if x.len() != length || y.len() != length {
        return Err(SkippedKey::Malformed);
    }
    // SEC 1 section 2.3.3: an uncompressed point.
    let point = [&[4], x.as_slice(), y.as_slice()].concat();
    if ParsedPublicKey::new(curve, &point).is_err() {
        return Err(SkippedKey::Malformed);
    }
    let allowed = restrict(&[algorithm], text(members, "alg")?)?;
    Ok(VerificationKey::new("EC", [&x, &y], points(allowed, &DecodingKey::from_ec_der(&point))))
}

fn edwards(members: &Map<String, Value>) -> Result<VerificationKey, SkippedKey> {
    match text(members, "crv")? {
        Some("Ed25519") => {}
        Some(_) => return Err(SkippedKey::Unsupported),
        None => return Err(SkippedKey::Malformed),
    }
    let x = <[u8; 32]>::try_from(bytes(members, "x")?).map_err(|_wrong_length| SkippedKey::Malformed)?;
    let point = VerifyingKey::from_bytes(&x).map_err(|_not_on_the_curve| SkippedKey::Malformed)?;
    // A small-order point accepts signatures that were never made.
    if point.is_weak() {
        return Err(SkippedKey::Weak);
    }
    let allowed = restrict(Algorithm::EDWARDS, text(members, "alg")?)?;
    Ok(VerificationKey::new("OKP", [&x, &[]], points(allowed, &DecodingKey::from_ed_der(&x))))
}

fn points(algorithms: Vec<Algorithm>, key: &DecodingKey) -> Vec<(Algorithm, Prepared)> {
    algorithms.into_iter().map(|algorithm| (algorithm, Prepared::Point(key.clone()))).collect()
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

/// A big-endian number without its leading zeros.
fn significant(number: Vec<u8>) -> Vec<u8> {
    number.into_iter().skip_while(|byte| *byte == 0).collect()
}

fn is_even(number: &[u8]) -> bool {
    number.last().is_none_or(|lowest| lowest % 2 == 0)
}

/// The length in bits of a big-endian number without leading zeros.
fn bit_length(number: &[u8]) -> u64 {
    let Some((first, rest)) = number.split_first() else { return 0 };
    let rest = u64::try_from(rest.len()).unwrap_or(u64::MAX);
    rest.saturating_mul(8).saturating_add(u64::from(8 - first.leading_zeros()))
}

#[cfg(test)]
#[path = "key/tests.rs"]
mod tests;
