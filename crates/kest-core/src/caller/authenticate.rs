//! The seam to identity mechanisms, and the only place where a caller is made.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use async_trait::async_trait;

use super::{
    Attested, Challenge, Claim, Confirmation, Credentials, Evidence, FromLineage, HeaderName, IdentitySource,
};
use crate::arrival::Lineage;
use crate::entry::Identity;
use crate::json_object::JsonObject;
use crate::{BoxError, Share};

/// Looks at evidence and says who it speaks for.
///
/// Only [`authenticate`] turns the findings into a [`Caller`].
#[async_trait]
pub trait Authenticate: fmt::Debug + Send + Sync {
    /// Examines `evidence`.
    ///
    /// # Errors
    ///
    /// [`AuthenticateError::Missing`] when there is no evidence where some is required,
    /// [`AuthenticateError::Invalid`] when it does not hold, [`AuthenticateError::Unavailable`] when what is needed
    /// to judge it is out of reach.
    async fn attest(&self, evidence: &Evidence<'_>) -> Result<Attested, AuthenticateError>;

    /// Examines credentials before the passport is restored and verified, which costs far more than most refusals do.
    ///
    /// Findings, and errors, are final: the mechanism is not asked again. `None` leaves it to [`attest`](Self::attest), which is
    /// asked with the verified lineage, or at once and without one where the mechanism
    /// [needs none](Self::needs_lineage); that is the default. A mechanism that answers here gives the same answer there.
    ///
    /// # Errors
    ///
    /// As [`attest`](Self::attest).
    async fn attest_credentials(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Option<Attested>, AuthenticateError> {
        let _ = credentials;
        Ok(None)
    }

    /// The headers that it needs to see: of a request it is given the values of these and of no others, beside the query, what
    /// was asked for, and what the connection proved. `authorization` and `dpop` unless it says.
    ///
    /// It is asked when the layer is built, and says the same each time.
    ///
    /// ```
    /// use async_trait::async_trait;
    /// use kest_core::{
    ///     Attested, Authenticate, AuthenticateError, Evidence, HeaderName, Identity, IdentitySource,
    /// };
    ///
    /// #[derive(Debug)]
    /// struct PartnerKey;
    ///
    /// static NEEDS: [HeaderName; 1] = [HeaderName::from_static("x-api-key")];
    ///
    /// #[async_trait]
    /// impl Authenticate for PartnerKey {
    ///     fn needs(&self) -> &[HeaderName] {
    ///         &NEEDS
    ///     }
    ///
    ///     fn needs_lineage(&self) -> bool {
    ///         false
    ///     }
    ///
    ///     async fn attest(&self, evidence: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
    ///         let [name] = &NEEDS;
    ///         match evidence.credentials().one(name)? {
    ///             None => Err(AuthenticateError::Missing),
    ///             // A real one looks for a digest of the key, and has its own error.
    ///             Some(_key) => Ok(Attested::new(
    ///                 Identity::default().with_agent("partner"),
    ///                 IdentitySource::Jwt,
    ///             ).with_issuer("urn:example:partner-keys")),
    ///         }
    ///     }
    /// }
    /// ```
    fn needs(&self) -> &[HeaderName] {
        &BEARER
    }

    /// Whether `credentials` hold something of its kind, good or bad: then it decides about them, and no other mechanism that
    /// it is [combined](https://docs.rs/kest-identity) with. That some header came which it needs, unless it says.
    fn presents(&self, credentials: &Credentials<'_>) -> bool {
        self.needs().iter().any(|name| !credentials.header(name).is_empty())
    }

    /// Whether callers may be who the verified lineage says, in whatever way: it is shown the lineage then, and a service that
    /// uses it says what ties passports to their requests, or does not start. One that says no is asked before the passport is
    /// opened, and never shown a lineage. Asked when a layer is built too, and says the same each time. Yes unless it says.
    fn needs_lineage(&self) -> bool {
        true
    }

    /// What a caller who was refused with `error` is told; `None` leaves it to the code that answers.
    fn challenge(&self, error: &AuthenticateError) -> Option<Challenge> {
        let _ = error;
        None
    }
}

static BEARER: [HeaderName; 2] = [HeaderName::AUTHORIZATION, HeaderName::DPOP];

#[async_trait]
impl<Mechanism: Authenticate + ?Sized> Authenticate for Arc<Mechanism> {
    fn needs(&self) -> &[HeaderName] {
        self.as_ref().needs()
    }

    fn presents(&self, credentials: &Credentials<'_>) -> bool {
        self.as_ref().presents(credentials)
    }

    fn needs_lineage(&self) -> bool {
        self.as_ref().needs_lineage()
    }

    async fn attest(&self, evidence: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
        self.as_ref().attest(evidence).await
    }

    async fn attest_credentials(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Option<Attested>, AuthenticateError> {
        self.as_ref().attest_credentials(credentials).await
    }

    fn challenge(&self, error: &AuthenticateError) -> Option<Challenge> {
        self.as_ref().challenge(error)
    }
}

/// The caller could not be established.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthenticateError {
    /// No credentials came; RFC 6750 section 3.1 then asks for a challenge without an error code.
    #[error("no credentials were presented")]
    Missing,
    /// Credentials came and do not hold.
    #[error("credentials are not valid")]
    Invalid(#[source] BoxError),
    /// Keys or services needed to judge the credentials are out of reach; a retry may help.
    #[error("credentials cannot be checked now")]
    Unavailable(#[source] BoxError),
    /// The caller has used up its share of what judging credentials takes; others go on.
    #[error("caller has used up its share")]
    ShareUsedUp(#[source] BoxError),
}

/// Who is calling, on whose behalf: proof that an [`Authenticate`] mechanism believed the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    attested: Attested,
}

impl Caller {
    /// The user on whose behalf the request runs.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.attested.identity().user()
    }

    /// The program that acts for the user.
    #[must_use]
    pub fn agent(&self) -> Option<&str> {
        self.attested.identity().agent()
    }

    /// What the agent was asked to do, or the scope that it was given.
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        self.attested.identity().task()
    }

    /// User, agent and task together.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        self.attested.identity()
    }

    /// Who vouches for the names, the `iss` of a JWT.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.attested.issuer()
    }

    /// The scopes that the caller's own credential grants, sorted; none where identity comes from the lineage.
    #[must_use]
    pub fn scopes(&self) -> &[Arc<str>] {
        self.attested.scopes()
    }

    /// The roles that the caller's own credential names, sorted; none where identity comes from the lineage.
    #[must_use]
    pub fn roles(&self) -> &[Arc<str>] {
        self.attested.roles()
    }

    /// The subject of the credential, its `sub`; the user may be known by another claim.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.attested.subject()
    }

    /// The tenant that the issuer speaks for.
    #[must_use]
    pub fn tenant(&self) -> Option<&str> {
        self.attested.tenant()
    }

    /// Who acts for the subject, the current actor first.
    #[must_use]
    pub fn actors(&self) -> &[Arc<str>] {
        self.attested.actors()
    }

    /// Until when the credential holds.
    #[must_use]
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.attested.expires_at()
    }

    /// The key that the credential is bound to and that the caller proved to have.
    #[must_use]
    pub fn confirmation(&self) -> Option<&Confirmation> {
        self.attested.confirmation()
    }

    /// A claim of the caller's own token that the service asked to be kept, by its name; `None` where the token has no such
    /// claim, and where identity comes from the lineage.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&Claim> {
        self.attested.claim(name)
    }

    /// All claims that were kept, by name.
    #[must_use]
    pub fn claims(&self) -> Option<&JsonObject> {
        self.attested.claims()
    }

    /// On whose account the caller is served, where a verified name is known: [`Attested::share`].
    #[must_use]
    pub fn share(&self) -> Option<Share> {
        self.attested.share()
    }

    /// How the identity was established.
    #[must_use]
    pub fn source(&self) -> IdentitySource {
        self.attested.source()
    }

    pub(crate) fn system() -> Self {
        Self { attested: Attested::anonymous() }
    }

    /// The same caller for what follows `lineage`: one who is known from a lineage only is whom this one names.
    pub(crate) fn following(self, lineage: &Lineage) -> Self {
        match self.source() {
            IdentitySource::Lineage => {
                let found = FromLineage::attested(lineage);
                let same =
                    found.source() == IdentitySource::Lineage && names(&found) == names(&self.attested);
                if same { self } else { Self { attested: found } }
            }
            IdentitySource::Jwt | IdentitySource::Anonymous | IdentitySource::Unverified => self,
        }
    }
}

impl From<Caller> for Attested {
    /// What a mechanism found, for one that is made of several.
    fn from(caller: Caller) -> Self {
        caller.attested
    }
}

/// Asks `mechanism` about `evidence` and mints the [`Caller`]: step 4 of a request's life.
///
/// # Errors
///
/// Whatever the mechanism returns, and [`AuthenticateError::Invalid`] for findings that contradict themselves or the
/// lineage: no verifier would accept an entry that names such a caller. No caller exists then.
pub async fn authenticate(
    mechanism: &dyn Authenticate,
    evidence: &Evidence<'_>,
) -> Result<Caller, AuthenticateError> {
    if mechanism.needs_lineage() {
        return ask(mechanism, evidence).await;
    }
    ask(mechanism, &Evidence::new(&Lineage::Absent).with_credentials(evidence.credentials().clone())).await
}

async fn ask(mechanism: &dyn Authenticate, evidence: &Evidence<'_>) -> Result<Caller, AuthenticateError> {
    let attested = mechanism.attest(evidence).await?;
    check(&attested, evidence.lineage()).map_err(|found| AuthenticateError::Invalid(found.into()))?;
    Ok(Caller { attested })
}

/// What a mechanism found cannot be signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum Contradiction {
    #[error("identity from a token has no issuer")]
    NoIssuer,
    #[error("anonymous caller has a name")]
    NamedAnonymous,
    #[error("identity is not the lineage's")]
    OtherLineage,
}

/// Protocol section 2: what may stand under each source.
fn check(attested: &Attested, lineage: &Lineage) -> Result<(), Contradiction> {
    match attested.source() {
        IdentitySource::Jwt if attested.issuer().is_none() => Err(Contradiction::NoIssuer),
        IdentitySource::Anonymous if names(attested) != (&Identity::default(), None, None) => {
            Err(Contradiction::NamedAnonymous)
        }
        IdentitySource::Lineage => {
            let found = FromLineage::attested(lineage);
            let same = found.source() == IdentitySource::Lineage && names(&found) == names(attested);
            if same { Ok(()) } else { Err(Contradiction::OtherLineage) }
        }
        IdentitySource::Jwt | IdentitySource::Anonymous | IdentitySource::Unverified => Ok(()),
    }
}

fn names(attested: &Attested) -> (&Identity, Option<&str>, Option<&str>) {
    (attested.identity(), attested.issuer(), attested.tenant())
}

/// Asks `mechanism` about `credentials` alone: step 4, taken before the costly steps 2 and 3 where it can be.
///
/// `None` when the mechanism must see the verified lineage; ask [`authenticate`] then.
///
/// # Errors
///
/// As [`authenticate`]; no caller exists then.
pub async fn authenticate_credentials(
    mechanism: &dyn Authenticate,
    credentials: &Credentials<'_>,
) -> Result<Option<Caller>, AuthenticateError> {
    let Some(attested) = mechanism.attest_credentials(credentials).await? else {
        if mechanism.needs_lineage() {
            return Ok(None);
        }
        let alone = Evidence::new(&Lineage::Absent).with_credentials(credentials.clone());
        return ask(mechanism, &alone).await.map(Some);
    };
    // Nothing can be inherited from a lineage that was not looked at.
    check(&attested, &Lineage::Absent).map_err(|found| AuthenticateError::Invalid(found.into()))?;
    Ok(Some(Caller { attested }))
}
