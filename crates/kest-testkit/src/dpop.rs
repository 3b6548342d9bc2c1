//! The holder of a key that a token is bound to, and the proofs that it makes: RFC 9449.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use http::HeaderValue;
use kest_core::Clock;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::fail::OrFail as _;
use crate::lineage::value;
use crate::tokens::{changed, encoded};
use crate::workload::seed;

/// A client's key pair, the same in each run.
#[derive(Debug)]
pub struct DpopKey {
    pair: Ed25519KeyPair,
    proofs: AtomicU64,
}

impl DpopKey {
    /// The key of the client called `name`.
    ///
    /// # Panics
    ///
    /// When the seed makes no key, which all do.
    #[must_use]
    #[track_caller]
    pub fn of(name: &str) -> Self {
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed(&format!("client {name}")));
        Self { pair: pair.or_fail("a key of a seed"), proofs: AtomicU64::new(0) }
    }

    /// RFC 7638: what a token bound to it has as `cnf.jkt`.
    #[must_use]
    pub fn thumbprint(&self) -> String {
        let x = encoded(self.pair.public_key().as_ref());
        encoded(&Sha256::digest(format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)))
    }

    /// A proof, now, for a request with this method and address that brings `token`. No two have the same id.
    pub fn proof(&self, clock: &dyn Clock, method: &str, address: &str, token: &str) -> TestProof<'_> {
        let number = self.proofs.fetch_add(1, Ordering::SeqCst);
        let x = encoded(self.pair.public_key().as_ref());
        TestProof {
            holder: self,
            header: json!({
                "typ": "dpop+jwt", "alg": "EdDSA", "jwk": {"kty": "OKP", "crv": "Ed25519", "x": x},
            }),
            claims: json!({
                "jti": format!("proof-{number}"), "htm": method, "htu": address, "iat": clock.unix_seconds(),
                "ath": encoded(&Sha256::digest(token)),
            }),
        }
    }
}

/// A proof that holds, unless it is changed.
#[derive(Debug)]
#[must_use]
pub struct TestProof<'holder> {
    holder: &'holder DpopKey,
    header: Value,
    claims: Value,
}

impl TestProof<'_> {
    /// With this claim; `null` takes it away.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims = changed(self.claims, &json!({ name: value.into() }));
        self
    }

    /// With this nonce of the server.
    pub fn nonce(self, nonce: &str) -> Self {
        self.claim("nonce", nonce)
    }

    /// The value of the `DPoP` header.
    ///
    /// # Panics
    ///
    /// Never: what is signed has no other bytes than a header may have.
    #[must_use]
    #[track_caller]
    pub fn sign(&self) -> HeaderValue {
        let part = |value: &Value| encoded(value.to_string().as_bytes());
        let signed = format!("{}.{}", part(&self.header), part(&self.claims));
        value(&format!("{signed}.{}", encoded(self.holder.pair.sign(signed.as_bytes()).as_ref())))
    }
}
