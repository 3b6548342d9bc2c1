//! One issuer at work: proves tokens by its own keys, for its own audiences, and says whom they speak for.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use kest_core::{Attested, AuthenticateError, Clock, Credentials, IdentitySource, Limits, Share};
use serde_json::{Map, Value};

use crate::bearer::Credential;
use crate::confirmation::{Binding, Presented};
use crate::jwks::{KeyCache, NamedKey, VerificationKey};

use super::claims::name;
use super::kept::KeptClaims;
use super::token_type::TokenTypes;
use super::validation::Expectations;
use super::{Algorithm, ClaimNames, ClaimPath, Grants, InvalidToken, UnverifiedToken};

/// An issuer whose tokens are believed.
#[derive(Debug)]
pub(crate) struct Trusted {
    pub(super) keys: KeyCache,
    pub(super) expectations: Expectations,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) types: TokenTypes,
    pub(super) claims: ClaimNames,
    pub(super) grants: Grants,
    pub(super) kept: KeptClaims,
    pub(super) tenancy: Tenancy,
    pub(super) binding: Binding,
}

/// Which tenant a token speaks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tenancy {
    None,
    Fixed(Arc<str>),
    Claim(ClaimPath),
}

impl Tenancy {
    /// Whether a tenant is asked for by an empty name.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::None => false,
            Self::Fixed(tenant) => tenant.is_empty(),
            Self::Claim(claim) => claim.is_nameless(),
        }
    }

    fn tenant(&self, claims: &Map<String, Value>, limits: &Limits) -> Result<Option<Arc<str>>, InvalidToken> {
        match self {
            Self::None => Ok(None),
            Self::Fixed(tenant) => Ok(Some(Arc::clone(tenant))),
            Self::Claim(claim) => claim
                .find(claims)
                .and_then(|tenant| name(tenant, limits))
                .ok_or(InvalidToken::NoTenant)
                .map(|tenant| Some(tenant.into())),
        }
    }
}

/// What a token proved when it was verified.
pub(crate) struct Proved {
    issuer: Arc<Trusted>,
    key_id: String,
    key: Arc<VerificationKey>,
    attested: Attested,
    confirmation: Option<Value>,
    at_millis: u64,
    until: Duration,
}

impl Trusted {
    /// Proves `token`, which names this issuer, and reads whom it speaks for.
    pub(super) async fn prove(
        self: &Arc<Self>,
        token: UnverifiedToken<'_>,
        peer: Share,
        clock: &dyn Clock,
        limits: &Limits,
    ) -> Result<Proved, AuthenticateError> {
        self.types.accept(token.header().declared())?;
        if !self.algorithms.contains(&token.header().algorithm()) {
            return Err(InvalidToken::Algorithm.into());
        }
        let keys = match token.header().key_id() {
            Some(key_id) => vec![self.keys.named(key_id, peer).await?],
            // JWT-SVID section 2.2: a workload need not name its key.
            None if self.types == TokenTypes::Svids => {
                self.keys.that_check(token.header().algorithm(), peer).await?
            }
            None => return Err(InvalidToken::NoKeyId.into()),
        };
        // Only now are the claims the issuer's words.
        let (NamedKey { key_id, key }, mut claims) = token.proved_by_one_of(keys)?;
        let at_millis = clock.unix_millis();
        let until = self.expectations.check(&claims, at_millis)?;
        let attested = self.attested(&claims, until, limits)?;
        let confirmation = claims.remove("cnf");
        Ok(Proved { issuer: Arc::clone(self), key_id, key, attested, confirmation, at_millis, until })
    }

    fn attested(
        &self,
        claims: &Map<String, Value>,
        until: Duration,
        limits: &Limits,
    ) -> Result<Attested, InvalidToken> {
        let expiry = SystemTime::UNIX_EPOCH.checked_add(until).ok_or(InvalidToken::Claim)?;
        let attested = self
            .claims
            .attested(claims, IdentitySource::Jwt, &self.grants, limits)?
            .with_issuer(Arc::clone(&self.expectations.issuer))
            .with_expiry(expiry);
        let attested = self.kept.of(claims, attested, limits)?;
        Ok(match self.tenancy.tenant(claims, limits)? {
            Some(tenant) => attested.with_tenant(tenant),
            None => attested,
        })
    }
}

impl Proved {
    /// Whether what was proved holds at `unix_millis` as well, without being proved again.
    ///
    /// Between the moment of the proof and the expiry no time claim can have changed its answer; before that moment
    /// the clock was set back, and after the expiry whether leeway saves the token is for the whole check to say.
    pub(super) fn holds_at(&self, unix_millis: u64) -> bool {
        self.at_millis <= unix_millis && Duration::from_millis(unix_millis) < self.until
    }

    /// Whether it will hold without being proved again: not if leeway alone saved it.
    pub(super) fn is_worth_remembering(&self) -> bool {
        self.holds_at(self.at_millis)
    }

    /// Whether the key that proved it is still the one that the issuer publishes under that id.
    pub(super) fn is_by_current_key(&self) -> bool {
        self.issuer.keys.find(&self.key_id).is_some_and(|key| Arc::ptr_eq(&key, &self.key))
    }

    /// About how many bytes it takes up, and its place in a memory with it.
    pub(super) fn weight(&self) -> usize {
        let confirmation = self.confirmation.as_ref().map_or(0, weight_of);
        let more = self.key_id.len().saturating_add(self.attested.weight()).saturating_add(confirmation);
        size_of::<Self>().saturating_add(PER_TOKEN).saturating_add(more)
    }

    /// The findings, once the request proves that `credential` is presented by the one it was given to.
    pub(super) async fn confirmed(
        &self,
        credential: Credential<'_>,
        credentials: &Credentials<'_>,
        unix_millis: u64,
    ) -> Result<Attested, AuthenticateError> {
        let Credential { scheme, token } = credential;
        let presented = Presented { scheme, token, confirmation: self.confirmation.as_ref() };
        let confirmation = self
            .issuer
            .binding
            .confirm(presented, credentials, || self.attested.share(), unix_millis)
            .await?;
        let attested = self.attested.clone();
        Ok(match confirmation {
            Some(confirmation) => attested.with_confirmation(confirmation),
            None => attested,
        })
    }
}

/// About how many bytes a JSON value takes up.
fn weight_of(value: &Value) -> usize {
    let inside: usize = match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        Value::String(text) => text.len(),
        Value::Array(values) => values.iter().map(weight_of).sum(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| name.len() + PER_MEMBER + weight_of(value)).sum()
        }
    };
    size_of::<Value>().saturating_add(inside)
}

/// What the cache keeps beside each token: its digest, its place in two lists, a timer.
const PER_TOKEN: usize = 256;

/// What a map keeps beside each member.
const PER_MEMBER: usize = 64;

impl fmt::Debug for Proved {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Names of callers and keys are for policies and entries, not for prints of the memory.
        formatter.debug_struct("Proved").finish_non_exhaustive()
    }
}
