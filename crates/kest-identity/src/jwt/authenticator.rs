//! Verifies bearer tokens: form, issuer, key, signature, claims, in this order, and nothing is read before it may be.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::Arc;
use std::task::Poll;

use async_trait::async_trait;
use kest_core::{
    Attested, Authenticate, AuthenticateError, Challenge, Clock, Credentials, Evidence, FromLineage, Limits,
    Share,
};

use crate::bearer::{self, Credential, Schemes};
use crate::confirmation::BindingError;
use crate::jwks::{KeyHealth, KeySetUnavailable, KeysAtStart, LookupError, Readiness};
use crate::telemetry::{TokenOutcome, token_judged};

use super::challenge::Challenges;
use super::memory::{TokenDigest, TokenMemory};
use super::trusted::{Proved, Trusted};
use super::{InvalidToken, JwtAuthenticatorBuilder, JwtBuildError, UnverifiedToken};

/// Authenticates callers by the JWT in the `Authorization` header, proved by its issuer's published keys.
///
/// ```
/// use std::time::Duration;
/// use kest_identity::{
///     Algorithm, ClaimNames, DpopSettings, JwtAuthenticator, Requirement, TrustedIssuer, WithoutToken,
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let plain = JwtAuthenticator::builder()
///     .issuer("https://issuer.example/")
///     .audience("https://orders.example/")
///     .build()?;
///
/// let staff = TrustedIssuer::new("https://issuer.example/")
///     .jwks_uri("https://issuer.example/jwks.json")
///     .audience("https://orders.example/")
///     .algorithms([Algorithm::Es256, Algorithm::EdDsa])
///     .claims(ClaimNames::default().with_user("preferred_username"));
/// let partner = TrustedIssuer::new("https://partner.example/")
///     .audience("https://orders.example/")
///     .tenant("partner")
///     .dpop(Requirement::Required);
/// let customised = JwtAuthenticator::builder()
///     .trust(staff)
///     .trust(partner)
///     .dpop_settings(DpopSettings::new().origins(["https://orders.example"]))
///     .leeway(Duration::from_secs(30))
///     .resource_metadata("https://orders.example/.well-known/oauth-protected-resource")
///     .without_token(WithoutToken::FromLineage)
///     .build()?;
/// # drop((plain, customised));
/// # Ok(())
/// # }
/// ```
pub struct JwtAuthenticator {
    pub(super) issuers: HashMap<Arc<str>, Arc<Trusted>>,
    pub(super) memory: TokenMemory,
    pub(super) schemes: Schemes,
    pub(super) challenges: Challenges,
    pub(super) at_start: KeysAtStart,
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
    /// Let it pass without a caller; policies see that.
    Anonymous,
}

impl JwtAuthenticator {
    /// Believes the tokens of `issuer` for `audience`, with keys where the issuer's metadata say they are (OIDC Discovery
    /// 1.0, RFC 8414). Nothing is fetched yet. For more to say, there is the [`builder`](Self::builder).
    ///
    /// # Errors
    ///
    /// [`JwtBuildError`] when the issuer is no https URL, or the audience is empty.
    ///
    /// ```no_run
    /// # fn main() -> Result<(), kest_identity::JwtBuildError> {
    /// let jwt = kest_identity::JwtAuthenticator::new("https://issuer.example", "shop")?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn new(issuer: impl Into<Arc<str>>, audience: impl Into<Arc<str>>) -> Result<Self, JwtBuildError> {
        Self::builder().issuer(issuer).audience(audience).build()
    }

    /// Begins a configuration. Issuer and audience must be given.
    pub fn builder() -> JwtAuthenticatorBuilder {
        JwtAuthenticatorBuilder::default()
    }

    /// Fetches the keys of all issuers now, so that the first request does not wait for them, and begins refreshing
    /// them.
    ///
    /// Not needed: the first token does the same. A service may ignore the error and start all the same.
    ///
    /// # Errors
    ///
    /// [`KeySetUnavailable`] when the keys of some issuer cannot be had now, unless the builder said
    /// [`KeysAtStart::Serve503`].
    pub async fn start(&self) -> Result<(), KeySetUnavailable> {
        let started = all(self.issuers.values().map(|issuer| issuer.keys.start_with(self.at_start))).await;
        started.into_iter().collect()
    }

    /// How the keys of each issuer are, right now.
    #[must_use]
    pub fn health(&self) -> BTreeMap<Arc<str>, KeyHealth> {
        self.issuers.iter().map(|(name, issuer)| (Arc::clone(name), issuer.keys.health())).collect()
    }

    /// Whether the tokens of every issuer can be judged. With several issuers, [`health`](Self::health) tells which
    /// one is not ready.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let mut answers = self.issuers.values().map(|issuer| issuer.keys.health().readiness());
        answers.find(|answer| *answer != Readiness::Ready).unwrap_or(Readiness::Ready)
    }

    /// How many fetches of key sets were begun so far.
    #[must_use]
    pub fn fetches(&self) -> u64 {
        self.issuers.values().map(|issuer| issuer.keys.fetches()).sum()
    }

    /// Completes as soon as `count` fetches of each issuer's key set have ended, well or badly.
    pub async fn after_fetches(&self, count: u64) {
        all(self.issuers.values().map(|issuer| issuer.keys.after_fetches(count))).await;
    }

    /// How many tokens are remembered as verified.
    #[must_use]
    pub fn tokens_remembered(&self) -> u64 {
        self.memory.len()
    }

    async fn judge(
        &self,
        credential: Credential<'_>,
        credentials: &Credentials<'_>,
    ) -> Result<Attested, AuthenticateError> {
        let digest = TokenDigest::of(credential.token);
        let proved = match self.memory.recall(&digest, self.clock.unix_millis()) {
            Some(proved) => proved,
            None => {
                let proved = Arc::new(self.prove(credential.token, credentials).await?);
                self.memory.remember(digest, &proved);
                proved
            }
        };
        // Also for a token that is remembered: a thief has everything but this.
        proved.confirmed(credential, credentials, self.clock.unix_millis()).await
    }

    async fn prove(&self, text: &str, credentials: &Credentials<'_>) -> Result<Proved, AuthenticateError> {
        let token = UnverifiedToken::parse(text, &self.limits)?;
        // The name chooses among those that are trusted, and the chosen one must then prove the token by its own keys.
        let named = token.claimed_issuer().and_then(|name| self.issuers.get(name));
        let of_workload = || self.issuers.get(token.claimed_trust_domain()?);
        let issuer = named.or_else(of_workload).ok_or(InvalidToken::Issuer)?;
        let peer = credentials.peer().unwrap_or(Share::UNKNOWN);
        issuer.prove(token, peer, self.clock.as_ref(), &self.limits).await
    }
}

#[async_trait]
impl Authenticate for JwtAuthenticator {
    /// A proof of possession alone is no credential.
    fn presents(&self, credentials: &Credentials<'_>) -> bool {
        !credentials.authorization().is_empty()
    }

    fn needs_lineage(&self) -> bool {
        self.without_token == WithoutToken::FromLineage
    }

    /// A token needs no lineage, so that one which does not hold is refused before a passport costs anything.
    async fn attest_credentials(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Option<Attested>, AuthenticateError> {
        let judged = match bearer::credential(credentials, self.schemes, &self.limits) {
            Ok(Some(credential)) => self.judge(credential, credentials).await,
            Ok(None) => {
                return match self.without_token {
                    WithoutToken::Refuse => Err(AuthenticateError::Missing),
                    WithoutToken::FromLineage => Ok(None),
                    WithoutToken::Anonymous => Ok(Some(Attested::anonymous())),
                };
            }
            Err(invalid) => Err(invalid.into()),
        };
        token_judged(outcome(&judged));
        judged.map(Some)
    }

    async fn attest(&self, evidence: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
        let attested = self.attest_credentials(evidence.credentials()).await?;
        Ok(attested.unwrap_or_else(|| FromLineage::attested(evidence.lineage())))
    }

    fn challenge(&self, error: &AuthenticateError) -> Option<Challenge> {
        self.challenges.answer(error)
    }
}

impl fmt::Debug for JwtAuthenticator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("JwtAuthenticator")
            .field("issuers", &self.issuers)
            .field("without_token", &self.without_token)
            .finish_non_exhaustive()
    }
}

impl From<LookupError> for AuthenticateError {
    fn from(missed: LookupError) -> Self {
        match missed {
            LookupError::Unknown => InvalidToken::UnknownKey.into(),
            LookupError::Unavailable(cause) => Self::Unavailable(Box::new(cause)),
            LookupError::ShareUsedUp(cause) => Self::ShareUsedUp(Box::new(cause)),
        }
    }
}

fn outcome(judged: &Result<Attested, AuthenticateError>) -> TokenOutcome {
    match judged {
        Ok(_) => TokenOutcome::Accepted,
        Err(AuthenticateError::Unavailable(cause)) => {
            TokenOutcome::Unavailable(cause.downcast_ref().map_or("keys", BindingError::kind))
        }
        Err(AuthenticateError::Invalid(cause)) => {
            let kind = cause.downcast_ref().map(InvalidToken::kind);
            let kind = kind.or_else(|| cause.downcast_ref().map(BindingError::kind));
            TokenOutcome::Refused(kind.unwrap_or("other"))
        }
        Err(_) => TokenOutcome::Refused("other"),
    }
}

/// Runs `futures` side by side until all have ended, and gives what they gave, in order.
async fn all<Each>(futures: impl Iterator<Item = Each>) -> Vec<Each::Output>
where
    Each: Future + Send,
    Each::Output: Send,
{
    let mut running: Vec<_> = futures.map(|future| (Box::pin(future), None)).collect();
    std::future::poll_fn(|context| {
        for (future, output) in &mut running {
            if output.is_none()
                && let Poll::Ready(ready) = future.as_mut().poll(context)
            {
                *output = Some(ready);
            }
        }
        if running.iter().all(|(_, output)| output.is_some()) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    running.into_iter().filter_map(|(_, output)| output).collect()
}
