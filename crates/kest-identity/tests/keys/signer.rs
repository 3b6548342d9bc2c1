//! An issuer's signing key, and tokens that are good but for what a test changes.

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub(crate) const ISSUER: &str = "https://issuer.example/";
pub(crate) const AUDIENCE: &str = "https://orders.example/";
pub(crate) const NOW: u64 = 1_700_000_000;

pub(crate) struct Signer {
    id: String,
    pair: Ed25519KeyPair,
}

impl Signer {
    pub(crate) fn new(id: &str, seed: u8) -> Self {
        Self { id: id.to_owned(), pair: Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap() }
    }

    /// The public key as the issuer publishes it.
    pub(crate) fn jwk(&self) -> Value {
        let x = URL_SAFE_NO_PAD.encode(self.pair.public_key().as_ref());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": x})
    }

    /// The same key under another name.
    pub(crate) fn jwk_named(&self, key_id: &str) -> Value {
        let mut jwk = self.jwk();
        jwk["kid"] = key_id.into();
        jwk
    }

    /// A token that holds for three hours.
    pub(crate) fn token(&self) -> String {
        self.token_naming(&self.id)
    }

    /// A token that names another key than the one that signs it.
    pub(crate) fn token_naming(&self, key_id: &str) -> String {
        let header = json!({"alg": "EdDSA", "typ": "at+jwt", "kid": key_id});
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": "user-1", "client_id": "agent-1", "iat": NOW - 10,
            "exp": NOW + 3 * 3600,
        });
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(&header), part(&claims));
        let signature = self.pair.sign(signed.as_bytes());
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

/// The JWK Set of these keys.
pub(crate) fn key_set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}
