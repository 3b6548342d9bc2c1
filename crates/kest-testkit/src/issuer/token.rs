//! One token under construction: a good one, changed where a test says so.

use std::sync::Arc;

use http::HeaderValue;
use serde_json::{Value, json};

use crate::dpop::DpopKey;
use crate::lineage::value;
use crate::tokens::{TokenKey, changed};

/// A token that holds, unless it is changed.
#[derive(Debug, Clone)]
#[must_use]
pub struct TestToken {
    key: Arc<TokenKey>,
    header: Value,
    claims: Value,
}

impl TestToken {
    pub(crate) fn new(key: Arc<TokenKey>, claims: Value) -> Self {
        Self { header: key.header(), key, claims }
    }

    /// For this user, the `sub`.
    pub fn user(self, name: &str) -> Self {
        self.claim("sub", name)
    }

    /// Granting these scopes, separated by blanks.
    pub fn scope(self, scopes: &str) -> Self {
        self.claim("scope", scopes)
    }

    /// With these roles.
    pub fn roles(self, roles: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.claim("roles", roles.into_iter().map(|role| role.as_ref().to_owned()).collect::<Vec<_>>())
    }

    /// Bound to this key, so that every request needs a proof: RFC 9449 section 6.1.
    pub fn bound_to(self, holder: &DpopKey) -> Self {
        self.claim("cnf", json!({"jkt": holder.thumbprint()}))
    }

    /// With this claim; `null` takes it away.
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims = changed(self.claims, &json!({ name: value.into() }));
        self
    }

    /// With this member of the header; `null` takes it away.
    pub fn header(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.header = changed(self.header, &json!({ name: value.into() }));
        self
    }

    /// Signed with another key, whatever its header says.
    pub fn signed_by(mut self, key: TokenKey) -> Self {
        self.key = Arc::new(key);
        self
    }

    /// Its claims.
    #[must_use]
    pub fn claims(&self) -> &Value {
        &self.claims
    }

    pub(crate) fn key(&self) -> &TokenKey {
        &self.key
    }

    pub(crate) fn header_text(&self) -> String {
        self.header.to_string()
    }

    /// The token.
    ///
    /// # Panics
    ///
    /// When the library does not sign.
    #[must_use]
    #[track_caller]
    pub fn sign(&self) -> String {
        self.key.token_of(&self.header.to_string(), &self.claims.to_string())
    }

    /// `Bearer` and the token: the `Authorization` header.
    ///
    /// # Panics
    ///
    /// As [`sign`](Self::sign).
    #[must_use]
    #[track_caller]
    pub fn bearer(&self) -> HeaderValue {
        value(&format!("Bearer {}", self.sign()))
    }
}
