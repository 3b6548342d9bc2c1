//! Tokens as an issuer signs them, and as an attacker would like it to: good ones, changed in exactly one place.

use std::ops::Deref;

use serde_json::{Value, json};

use kest_testkit::tokens::changed;
pub use kest_testkit::tokens::signing_input;

/// The `iss` of good tokens.
pub const ISSUER: &str = "https://issuer.example/";

/// The `aud` of good tokens.
pub const AUDIENCE: &str = "shop";

/// When good tokens are fresh, in seconds since 1970; they hold for [`LIFE`] from then on.
pub const NOW: u64 = 1_800_000_000;

/// How long good tokens hold, in seconds.
pub const LIFE: u64 = 3 * 3600;

/// A key that an issuer signs tokens with.
#[derive(Debug)]
pub struct TokenKey(kest_testkit::TokenKey);

impl Deref for TokenKey {
    type Target = kest_testkit::TokenKey;

    fn deref(&self) -> &kest_testkit::TokenKey {
        &self.0
    }
}

impl TokenKey {
    /// A new RSA key.
    pub fn rsa(id: &str) -> Self {
        Self(kest_testkit::TokenKey::rsa(id))
    }

    /// A new key on P-256.
    pub fn p256(id: &str) -> Self {
        Self(kest_testkit::TokenKey::p256(id))
    }

    /// The Ed25519 key of a seed.
    pub fn ed25519(id: &str, seed: u8) -> Self {
        Self(kest_testkit::TokenKey::ed25519(id, seed))
    }

    /// A token that holds.
    pub fn token(&self) -> String {
        self.token_with(&json!({}), &json!({}))
    }

    /// A token that differs from a good one by these members of header and claims, and is signed as it stands; `null`
    /// takes a member away.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        let header = changed(self.header(), header);
        self.token_of(&header.to_string(), &changed(good_claims(), claims).to_string())
    }

    /// A good token that no other is like, so that it is not recognised from before.
    pub fn token_numbered(&self, number: usize) -> String {
        self.token_with(&json!({}), &json!({"jti": number.to_string()}))
    }
}

/// The claims of good tokens.
pub fn good_claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "client_id": "web", "scope": "orders:read",
        "iat": NOW - 10, "nbf": NOW - 10, "exp": NOW + LIFE,
    })
}
