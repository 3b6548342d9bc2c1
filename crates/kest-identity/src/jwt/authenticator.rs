//! Verifies bearer tokens: form, key, signature, claims, in this order, and nothing is read before it may be.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use kest_core::{
    Attested, Authenticate, AuthenticateError, Clock, Evidence, FromLineage, IdentitySource, Limits,
};

use crate::bearer;
use crate::jwks::{KeyCache, KeysUnavailable, LookupError};

use super::validation::Expectations;
use super::{Algorithm, ClaimNames, InvalidToken, JwtAuthenticatorBuilder, UnverifiedToken, decode_part};

/// Authenticates callers by the JWT in `Authorization: Bearer`, checked against the issuer's published keys.
///
/// ```
/// use std::time::Duration;
/// use kest_identity::{Algorithm, ClaimNames, JwtAuthenticator, WithoutToken};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let plain = JwtAuthenticator::builder()
///     .jwks_uri("https://issuer.example/jwks.json")
///     .issuer("https://issuer.example/")
///     .audience("https://orders.example/")
///     .try_build()?;
///
/// let customised = JwtAuthenticator::builder()
///     .jwks_uri("https://issuer.example/jwks.json")
///     .issuer("https://issuer.example/")
///     .audience("https://orders.example/")
///     .algorithms([Algorithm::Es256, Algorithm::EdDsa])
///     .claims(ClaimNames::default().with_user("preferred_username"))
///     .leeway(Duration::from_secs(30))
///     .without_token(WithoutToken::FromLineage)
///     .try_build()?;
/// # drop((plain, customised));
/// # Ok(())
/// # }
/// ```
pub struct JwtAuthenticator {
    pub(super) keys: KeyCache,
    pub(super) expectations: Expectations,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) claims: ClaimNames,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) limits: Limits,
    pub(super) without_token: WithoutToken,
}

/// What to make of a request that brings no `Authorization` header at all.
///
/// A header that does not hold is refused in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum WithoutToken {
    /// Refuse it.
    #[default]
    Refuse,
    /// Believe the verified lineage, as [`FromLineage`] does.
    FromLineage,
    /// Let it pass as nobody in particular; policies see that.
    Anonymous,
}

impl JwtAuthenticator {
    /// Begins a configuration. Where the keys are, the issuer and the audience must be given.
    pub fn builder() -> JwtAuthenticatorBuilder {
        JwtAuthenticatorBuilder::default()
    }

    /// Fetches the keys now, so that the first request does not wait for them, and begins refreshing them.
    ///
    /// Not needed: the first token does the same. A service may ignore the error and start all the same.
    ///
    /// # Errors
    ///
    /// [`KeysUnavailable`] when the keys cannot be had now.
    pub async fn start(&self) -> Result<(), KeysUnavailable> {
        self.keys.start().await
    }

    /// How many fetches of the key set were begun so far.
    #[must_use]
    pub fn fetches(&self) -> u64 {
        self.keys.fetches()
    }

    /// Completes as soon as `count` fetches of the key set have ended, well or badly.
    pub async fn after_fetches(&self, count: u64) {
        self.keys.after_fetches(count).await;
    }

    async fn verify(&self, text: &str) -> Result<Attested, AuthenticateError> {
        let token = UnverifiedToken::parse(text, &self.limits)?;
        let algorithm = token.header().algorithm();
        if !self.algorithms.contains(&algorithm) {
            return Err(InvalidToken::Algorithm.into());
        }
        let key = self.keys.key(token.header().key_id()).await?;
        key.verify(algorithm, token.signed(), token.signature())?;
        // Only now are the claims the issuer's words.
        let claims = decode_part(token.payload(), &self.limits)?;
        self.expectations.check(&claims, self.clock.unix_millis())?;
        Ok(self
            .claims
            .attested(&claims, IdentitySource::Jwt)?
            .with_issuer(Arc::clone(&self.expectations.issuer)))
    }
}

#[async_trait]
impl Authenticate for JwtAuthenticator {
    async fn attest(&self, evidence: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
        match (bearer::token(evidence, &self.limits)?, self.without_token) {
            (Some(token), _) => self.verify(token).await,
            (None, WithoutToken::Refuse) => Err(AuthenticateError::Missing),
            (None, WithoutToken::FromLineage) => Ok(FromLineage::findings(evidence.lineage())),
            (None, WithoutToken::Anonymous) => Ok(Attested::anonymous()),
        }
    }
}

impl fmt::Debug for JwtAuthenticator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("JwtAuthenticator")
            .field("issuer", &self.expectations.issuer)
            .field("audience", &self.expectations.audience)
            .field("algorithms", &self.algorithms)
            .field("claims", &self.claims)
            .field("without_token", &self.without_token)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

impl From<LookupError> for AuthenticateError {
    fn from(missed: LookupError) -> Self {
        match missed {
            LookupError::Unknown => InvalidToken::UnknownKey.into(),
            LookupError::Unavailable(cause) => Self::Unavailable(Box::new(cause)),
        }
    }
}
