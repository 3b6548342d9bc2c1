//! The holder of a key, and the proofs that it makes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// What the clock of the suite shows when a test begins.
pub(super) const NOW: u64 = 1_767_225_600;
/// What `raw::call` asks for, by a client that came over https.
pub(super) const ADDRESS: &str = "https://test/call";

/// The owner of a key.
pub(crate) struct Holder(SigningKey);

impl Holder {
    pub(crate) fn new(seed: u8) -> Self {
        Self(SigningKey::from_bytes(&[seed; 32]))
    }

    fn jwk(&self) -> Value {
        json!({"kty": "OKP", "crv": "Ed25519", "x": encoded(self.0.verifying_key().as_bytes())})
    }

    /// RFC 7638.
    pub(crate) fn thumbprint(&self) -> String {
        let x = encoded(self.0.verifying_key().as_bytes());
        encoded(&Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)))
    }

    /// A proof for `POST https://test/call` with `token`, now.
    pub(super) fn proof(&self, token: &str) -> String {
        self.proof_with(token, &json!({}))
    }

    /// A proof that differs from a good one by these claims.
    pub(crate) fn proof_with(&self, token: &str, changes: &Value) -> String {
        let mut claims = json!({
            "jti": "proof-1", "htm": "POST", "htu": ADDRESS, "iat": NOW, "ath": encoded(&Sha256::digest(token)),
        });
        for (name, value) in changes.as_object().unwrap() {
            claims[name] = value.clone();
        }
        let part = |value: &Value| encoded(value.to_string().as_bytes());
        let header = json!({"typ": "dpop+jwt", "alg": "EdDSA", "jwk": self.jwk()});
        let signed = format!("{}.{}", part(&header), part(&claims));
        format!("{signed}.{}", encoded(&self.0.sign(signed.as_bytes()).to_bytes()))
    }
}

pub(super) fn encoded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
