//! Proves who is calling: evidence goes in, findings come back, a [`Principal`] is minted here.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::BoxError;
use crate::arrival::Lineage;
use crate::entry::Identity;

/// What a request offers as proof of its caller.
///
/// Header values are handed over as they came: a mechanism decides what to make of two of them.
#[derive(Clone)]
pub struct Evidence<'request> {
    authorization: Vec<&'request [u8]>,
    lineage: &'request Lineage,
}

impl<'request> Evidence<'request> {
    /// Evidence of a request whose passport has already been verified.
    #[must_use]
    pub fn new(lineage: &'request Lineage) -> Self {
        Self { authorization: Vec::new(), lineage }
    }

    /// Adds every value of the `Authorization` header, in order.
    #[must_use]
    pub fn with_authorization(mut self, values: impl IntoIterator<Item = &'request [u8]>) -> Self {
        self.authorization = values.into_iter().collect();
        self
    }

    /// The values of all `Authorization` headers of the request.
    #[must_use]
    pub fn authorization(&self) -> &[&'request [u8]] {
        &self.authorization
    }

    /// The verified lineage that the request arrived with.
    #[must_use]
    pub fn lineage(&self) -> &'request Lineage {
        self.lineage
    }
}

impl fmt::Debug for Evidence<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Authorization values are credentials: their number is all that may be shown.
        formatter
            .debug_struct("Evidence")
            .field("authorization", &self.authorization.len())
            .field("lineage", &self.lineage)
            .finish()
    }
}

/// Where an identity comes from, signed as `kest.identity_source`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdentitySource {
    /// A JWT that this service verified itself.
    Jwt,
    /// The signed label of the verified tip entry.
    Lineage,
    /// Nobody in particular, and policy knows it.
    Anonymous,
    /// Made under the insecure mode, or inherited from an entry that was: worth nothing.
    Unverified,
}

impl IdentitySource {
    /// The wire spelling.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Lineage => "lineage",
            Self::Anonymous => "anonymous",
            Self::Unverified => "unverified",
        }
    }
}

impl fmt::Display for IdentitySource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// What a mechanism found out about the caller: a finding, not yet a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    identity: Identity,
    issuer: Option<Arc<str>>,
    source: IdentitySource,
    scopes: Arc<[Arc<str>]>,
    roles: Arc<[Arc<str>]>,
}

impl Attested {
    /// Findings of a mechanism that looked at its evidence and believes it.
    #[must_use]
    pub fn new(identity: Identity, source: IdentitySource) -> Self {
        Self { identity, issuer: None, source, scopes: Arc::default(), roles: Arc::default() }
    }

    /// Nobody in particular: the mechanism allows requests without a caller.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::new(Identity::default(), IdentitySource::Anonymous)
    }

    /// Names who vouches for the user name; a user name means nothing without it.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<Arc<str>>) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Names what the caller was granted: the scopes of RFC 6749 section 3.3. Kept sorted, each once.
    #[must_use]
    pub fn with_scopes(mut self, scopes: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        self.scopes = sorted_set(scopes);
        self
    }

    /// Names the caller's roles: RFC 9068 section 2.2.3.1. Kept sorted, each once.
    #[must_use]
    pub fn with_roles(mut self, roles: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        self.roles = sorted_set(roles);
        self
    }
}

fn sorted_set(names: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Arc<[Arc<str>]> {
    let names: BTreeSet<Arc<str>> = names.into_iter().map(Into::into).collect();
    names.into_iter().collect()
}

/// Looks at evidence and says who it speaks for.
///
/// Only [`authenticate`] turns the findings into a [`Principal`].
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
}

/// Who is calling, on whose behalf: proof that an [`Authenticate`] mechanism believed the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    attested: Attested,
}

impl Principal {
    /// The user on whose behalf the request runs.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.attested.identity.user()
    }

    /// The program that acts for the user.
    #[must_use]
    pub fn agent(&self) -> Option<&str> {
        self.attested.identity.agent()
    }

    /// What the agent was asked to do, or the scope that it was given.
    #[must_use]
    pub fn task(&self) -> Option<&str> {
        self.attested.identity.task()
    }

    /// User, agent and task together.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.attested.identity
    }

    /// Who vouches for the names, the `iss` of a JWT.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.attested.issuer.as_deref()
    }

    /// The scopes that the caller's own credential grants, sorted; none where identity comes from the lineage.
    #[must_use]
    pub fn scopes(&self) -> &[Arc<str>] {
        &self.attested.scopes
    }

    /// The roles that the caller's own credential names, sorted; none where identity comes from the lineage.
    #[must_use]
    pub fn roles(&self) -> &[Arc<str>] {
        &self.attested.roles
    }

    /// How the identity was established.
    #[must_use]
    pub fn source(&self) -> IdentitySource {
        self.attested.source
    }

    pub(crate) fn system() -> Self {
        Self { attested: Attested::anonymous() }
    }
}

/// Asks `mechanism` about `evidence` and mints the [`Principal`]: step 4 of a request's life.
///
/// # Errors
///
/// Whatever the mechanism returns; no principal exists then.
pub async fn authenticate(
    mechanism: &dyn Authenticate,
    evidence: &Evidence<'_>,
) -> Result<Principal, AuthenticateError> {
    mechanism.attest(evidence).await.map(|attested| Principal { attested })
}

/// Takes identity from the verified tip entry's signed label and from nowhere else.
///
/// For services behind a verified edge. Tips that disagree name nobody; an identity that was `unverified` where it
/// was signed stays so.
#[derive(Debug, Clone, Copy, Default)]
pub struct FromLineage;

impl FromLineage {
    /// What the verified lineage says about the caller; anonymous when it says nothing or its tips disagree.
    #[must_use]
    pub fn findings(lineage: &Lineage) -> Attested {
        let Some(passport) = lineage.passport() else {
            return Attested::anonymous();
        };
        let mut tips = passport.tip_entries();
        let Some(first) = tips.next() else {
            return Attested::anonymous();
        };
        let found = (first.identity(), first.labels().issuer(), first.labels().identity_source());
        let agree =
            tips.all(|tip| (tip.identity(), tip.labels().issuer(), tip.labels().identity_source()) == found);
        let (Some(identity), issuer, source) = found else {
            return Attested::anonymous();
        };
        if !agree {
            return Attested::anonymous();
        }
        let source = match source {
            Some("unverified") => IdentitySource::Unverified,
            Some("anonymous") => return Attested::anonymous(),
            _ => IdentitySource::Lineage,
        };
        let attested = Attested::new(identity.clone(), source);
        match issuer {
            Some(issuer) => attested.with_issuer(issuer),
            None => attested,
        }
    }
}

#[async_trait]
impl Authenticate for FromLineage {
    async fn attest(&self, evidence: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
        Ok(Self::findings(evidence.lineage()))
    }
}
