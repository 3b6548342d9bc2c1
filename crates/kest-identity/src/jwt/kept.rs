//! Which claims of a verified token are kept for handlers and policies.

use std::sync::Arc;

use kest_core::{Attested, Limits};
use serde_json::{Map, Value};

use super::{InvalidToken, JwtBuildError};

/// The names of claims that are kept.
#[derive(Debug, Clone, Default)]
pub(super) struct KeptClaims(Vec<Arc<str>>);

impl KeptClaims {
    pub(super) fn add(&mut self, names: impl IntoIterator<Item = impl Into<Arc<str>>>) {
        for name in names.into_iter().map(Into::into) {
            if !self.0.contains(&name) {
                self.0.push(name);
            }
        }
    }

    /// What no token could have, or more than is kept of one.
    pub(super) fn check(&self, limits: &Limits) -> Result<(), JwtBuildError> {
        if self.0.iter().any(|name| name.is_empty()) {
            return Err(JwtBuildError::NamelessClaim);
        }
        if self.0.len() > limits.token_claims { Err(JwtBuildError::TooManyClaims) } else { Ok(()) }
    }

    /// `attested`, with those of `claims` that are kept. One that is not there is not there; one over the limit makes the
    /// token invalid, since a policy must not take it for absent.
    pub(super) fn of(
        &self,
        claims: &Map<String, Value>,
        attested: Attested,
        limits: &Limits,
    ) -> Result<Attested, InvalidToken> {
        let mut kept = Vec::new();
        for name in &self.0 {
            let Some(value) = claims.get(&**name) else { continue };
            // A token is bounded, and so is what it costs to write one claim of it.
            if value.to_string().len() > limits.token_claim_bytes {
                return Err(InvalidToken::KeptClaim);
            }
            kept.push((&**name, value.clone()));
        }
        attested.with_claims(kept).map_err(|_names_content| InvalidToken::KeptClaim)
    }
}
