//! Opens a proof of possession: RFC 9449 section 4.3, checks 1 to 7, which need nothing but the proof.

use std::time::Duration;

use kest_core::Limits;
use serde_json::{Map, Value};

use crate::jwt::{Algorithm, decode_part};

use super::proof_key::ProofKey;
use crate::confirmation::InvalidProof;

/// What a proof says, signed by the key that it brings.
pub(super) struct SignedProof {
    /// Of that key.
    pub(super) thumbprint: String,
    pub(super) id: String,
    pub(super) method: String,
    pub(super) address: String,
    pub(super) issued: Duration,
    pub(super) token_digest: String,
    pub(super) nonce: Option<String>,
}

impl SignedProof {
    /// Opens the only one of `values`, which are all `DPoP` headers of a request.
    pub(super) fn open(
        values: &[&[u8]],
        algorithms: &[Algorithm],
        limits: &Limits,
    ) -> Result<Self, InvalidProof> {
        let text = match values {
            [] => return Err(InvalidProof::Missing),
            [value] if value.len() > MOST_BYTES => return Err(InvalidProof::TooLong),
            [value] => str::from_utf8(value).map_err(|_no_ascii| InvalidProof::Malformed)?,
            _ => return Err(InvalidProof::Several),
        };
        let (signed, signature) = text.rsplit_once('.').ok_or(InvalidProof::Malformed)?;
        let (header, payload) = signed.split_once('.').ok_or(InvalidProof::Malformed)?;
        let header = object(header, limits)?;
        let mut claims = object(payload, limits)?;
        check_claims(&claims)?;
        if header.contains_key("crit") || header.contains_key("b64") {
            return Err(InvalidProof::Extension);
        }
        if header.get("typ").and_then(Value::as_str) != Some("dpop+jwt") {
            return Err(InvalidProof::Type);
        }
        let algorithm = header.get("alg").and_then(Value::as_str).and_then(Algorithm::from_wire);
        let algorithm = algorithm.filter(|name| algorithms.contains(name)).ok_or(InvalidProof::Algorithm)?;
        let jwk = header.get("jwk").and_then(Value::as_object).ok_or(InvalidProof::Key)?;
        let key = ProofKey::read(jwk, algorithm)?;
        key.verify(algorithm, signed.as_bytes(), signature)?;
        Self::read(&mut claims, key)
    }

    fn read(claims: &mut Map<String, Value>, key: ProofKey) -> Result<Self, InvalidProof> {
        let nonce = claims.remove("nonce").map(string).transpose()?;
        let issued = claims.get("iat").and_then(Value::as_f64).ok_or(InvalidProof::Claim)?;
        let mut text = |name| claims.remove(name).ok_or(InvalidProof::Claim).and_then(string);
        Ok(Self {
            thumbprint: key.into_thumbprint(),
            id: text("jti")?,
            method: text("htm")?,
            address: text("htu")?,
            issued: Duration::try_from_secs_f64(issued).map_err(|_no_date| InvalidProof::Claim)?,
            token_digest: text("ath")?,
            nonce,
        })
    }
}

fn object(encoded: &str, limits: &Limits) -> Result<Map<String, Value>, InvalidProof> {
    decode_part(encoded, limits).map_err(|_same_reason| InvalidProof::Malformed)
}

/// RFC 9449 section 4.2: what every proof says that comes with a token.
fn check_claims(claims: &Map<String, Value>) -> Result<(), InvalidProof> {
    let texts = ["jti", "htm", "htu", "ath"].into_iter().map(|name| claims.get(name));
    let is_text = |value: Option<&Value>| value.and_then(Value::as_str).is_some_and(|it| !it.is_empty());
    let id = claims.get("jti").and_then(Value::as_str).unwrap_or_default();
    let issued = claims.get("iat").and_then(Value::as_f64);
    let dated = issued.is_some_and(|seconds| (0.0..=LATEST_DATE).contains(&seconds));
    if texts.into_iter().all(is_text) && id.len() <= MOST_ID_BYTES && dated {
        Ok(())
    } else {
        Err(InvalidProof::Claim)
    }
}

fn string(value: Value) -> Result<String, InvalidProof> {
    if let Value::String(text) = value { Ok(text) } else { Err(InvalidProof::Claim) }
}

/// An RSA key of 8192 bits in the header, its signature and an address of ordinary length.
const MOST_BYTES: usize = 8 * 1024;

/// RFC 9449 section 4.2 asks for 96 random bits or a UUID, in whatever spelling.
const MOST_ID_BYTES: usize = 256;

/// 9999-12-31T23:59:59Z.
const LATEST_DATE: f64 = 253_402_300_799.0;
