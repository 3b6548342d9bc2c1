//! Issuers that sign tokens, and clients that prove to have the key of theirs.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

pub(crate) const NOW: u64 = 1_700_000_000;
pub(crate) const AUDIENCE: &str = "https://api.example/";
pub(crate) const ADDRESS: &str = "https://api.example/orders";

/// A party that has a key.
pub(crate) struct Party(Ed25519KeyPair);

impl Party {
    pub(crate) fn new(seed: u8) -> Self {
        Self(Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap())
    }

    pub(crate) fn jwk(&self) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(self.0.public_key().as_ref())})
    }

    pub(crate) fn thumbprint(&self) -> String {
        let x = encoded(self.0.public_key().as_ref());
        encoded(&Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)))
    }

    /// A token of `issuer` with this claim `cnf`; `null` means none.
    pub(crate) fn token(&self, issuer: &str, confirmation: &Value) -> String {
        let mut claims = json!({
            "iss": issuer, "aud": AUDIENCE, "sub": "user-1", "client_id": "agent-1", "exp": NOW + 3000,
        });
        if !confirmation.is_null() {
            claims["cnf"] = confirmation.clone();
        }
        self.sign(&json!({"alg": "EdDSA", "typ": "at+jwt", "kid": "key-1"}), &claims)
    }

    /// A token of `issuer` that is bound to the key of `owner`.
    pub(crate) fn token_for(&self, issuer: &str, owner: &Self) -> String {
        self.token(issuer, &json!({"jkt": owner.thumbprint()}))
    }

    /// A proof for a `GET` of [`ADDRESS`] with `token`.
    pub(crate) fn proof(&self, token: &str, id: &str) -> String {
        self.proof_with(token, &json!({ "jti": id }))
    }

    /// A proof with these claims beside, or instead of, the usual ones.
    pub(crate) fn proof_with(&self, token: &str, changes: &Value) -> String {
        let mut claims = json!({
            "jti": "proof-1", "htm": "GET", "htu": ADDRESS, "iat": NOW, "ath": encoded(&Sha256::digest(token)),
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        self.sign(&json!({"alg": "EdDSA", "typ": "dpop+jwt", "jwk": self.jwk()}), &claims)
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| encoded(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(header), part(claims));
        format!("{signed}.{}", encoded(self.0.sign(signed.as_bytes()).as_ref()))
    }
}

pub(crate) fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
