//! The public key that a proof brings along, and the thumbprint by which a token names it.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::jwks::VerificationKey;
use crate::jwt::Algorithm;

use crate::confirmation::InvalidProof;

/// A key out of the header of a proof. Anybody can bring one: only its thumbprint says whose it is.
#[derive(Debug)]
pub(super) struct ProofKey {
    key: VerificationKey,
    thumbprint: String,
}

impl ProofKey {
    /// Reads the `jwk` of a header for use with `algorithm`.
    pub(super) fn read(jwk: &Map<String, Value>, algorithm: Algorithm) -> Result<Self, InvalidProof> {
        if PRIVATE_MEMBERS.iter().any(|name| jwk.contains_key(*name)) {
            return Err(InvalidProof::PrivateKey);
        }
        let mut members = jwk.clone();
        // Such a key needs no name, and is good for one signature only.
        members.insert("kid".to_owned(), "proof".into());
        members.entry("alg").or_insert_with(|| algorithm.as_str().into());
        let (_, key) = VerificationKey::from_jwk(&members).map_err(|_skipped| InvalidProof::Key)?;
        Ok(Self { key, thumbprint: thumbprint(jwk).ok_or(InvalidProof::Key)? })
    }

    pub(super) fn verify(
        &self,
        algorithm: Algorithm,
        message: &[u8],
        signature: &str,
    ) -> Result<(), InvalidProof> {
        self.key.verify(algorithm, message, signature).map_err(|_same_reason| InvalidProof::Signature)
    }

    /// The thumbprint in base64url.
    pub(super) fn into_thumbprint(self) -> String {
        self.thumbprint
    }
}

/// RFC 7638 section 3: the SHA-256 of the required members, sorted, without blanks.
fn thumbprint(jwk: &Map<String, Value>) -> Option<String> {
    let required: &[&str] = match jwk.get("kty")?.as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "OKP" => &["crv", "kty", "x"],
        "RSA" => &["e", "kty", "n"],
        _ => return None,
    };
    let members: Option<Vec<_>> =
        required.iter().map(|name| Some(format!("\"{name}\":{}", jwk.get(*name)?))).collect();
    let text = format!("{{{}}}", members?.join(","));
    Some(URL_SAFE_NO_PAD.encode(Sha256::digest(text)))
}

/// RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1, and RFC 8037 section 2.
const PRIVATE_MEMBERS: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn thumbprints_are_those_of_the_specifications() {
        // RFC 7638 section 3.1.
        let rsa = json!({
            "kty": "RSA", "alg": "RS256", "kid": "2011-04-29", "e": "AQAB",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZ\
                  CiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZg\
                  nYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqb\
                  w0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
        });
        check(&rsa, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
        // RFC 8037 appendix A.3.
        let okp = json!({
            "kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "use": "sig",
        });
        check(&okp, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        // RFC 9449 sections 4.2 and 6.1.
        let ec = json!({
            "kty": "EC", "crv": "P-256",
            "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA",
        });
        check(&ec, "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }

    #[track_caller]
    fn check(jwk: &Value, expected: &str) {
        assert_eq!(thumbprint(jwk.as_object().unwrap()).as_deref(), Some(expected));
    }
}
