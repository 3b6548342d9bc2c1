//! Several mechanisms as one: the first whose credentials came decides, or all must hold.

use std::sync::Arc;

use async_trait::async_trait;
use kest_core::{
    Attested, Authenticate, AuthenticateError, Challenge, Credentials, Evidence, HeaderName, authenticate,
    authenticate_credentials,
};

/// Takes the caller from the first of two mechanisms whose credentials are there; [`or`](FirstOf::or) adds more.
///
/// Credentials that are there and do not hold are refused: there is no way from a strong mechanism to a weaker one behind it.
/// Where the request brings none of any, the last mechanism decides, which refuses it, or is
/// [`FromLineage`](kest_core::FromLineage). Each mechanism sees the headers that it declared and no others.
///
/// ```
/// use kest_core::FromLineage;
/// use kest_identity::{JwtAuthenticator, first_of};
///
/// # fn main() -> Result<(), kest_identity::JwtBuildError> {
/// let jwt = JwtAuthenticator::new("https://issuer.example", "shop")?;
/// let people_or_services = first_of(jwt, FromLineage);
/// # drop(people_or_services);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn first_of(first: impl Authenticate + 'static, second: impl Authenticate + 'static) -> FirstOf {
    FirstOf(Several::of(first).and(second))
}

/// Takes the caller from the first of two mechanisms, of which both must hold; [`and`](AllOf::and) adds more.
///
/// What the first found is who is calling, with its scopes and roles. The others must believe their own evidence, and may not
/// name another user, agent or tenant: a token of one caller with the key of another is refused.
///
/// ```
/// # use kest_core::Authenticate;
/// use kest_identity::{JwtAuthenticator, all_of};
///
/// # fn example(partner_key: impl Authenticate + 'static) -> Result<(), kest_identity::JwtBuildError> {
/// let jwt = JwtAuthenticator::new("https://issuer.example", "shop")?;
/// let token_and_key = all_of(jwt, partner_key);
/// # drop(token_and_key);
/// # Ok(())
/// # }
/// ```
#[must_use]
pub fn all_of(first: impl Authenticate + 'static, second: impl Authenticate + 'static) -> AllOf {
    AllOf(Several::of(first).and(second))
}

/// Made by [`first_of`].
#[derive(Debug)]
pub struct FirstOf(Several);

impl FirstOf {
    /// One more mechanism, which decides where none before it has credentials.
    #[must_use]
    pub fn or(self, next: impl Authenticate + 'static) -> Self {
        Self(self.0.and(next))
    }

    /// Which one decides about `credentials`.
    fn choose(&self, credentials: &Credentials<'_>) -> Option<(usize, &dyn Authenticate)> {
        let presents = |it: &&dyn Authenticate| it.presents(&credentials.only(it.needs()));
        let mechanisms = || self.0.mechanisms.iter().map(AsRef::as_ref).enumerate();
        mechanisms().find(|(_, it)| presents(it)).or_else(|| mechanisms().next_back())
    }
}

#[async_trait]
impl Authenticate for FirstOf {
    fn needs(&self) -> &[HeaderName] {
        &self.0.needs
    }

    fn presents(&self, credentials: &Credentials<'_>) -> bool {
        self.0.presents(credentials)
    }

    fn needs_lineage(&self) -> bool {
        self.0.needs_lineage()
    }

    async fn attest_credentials(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Option<Attested>, AuthenticateError> {
        let (place, chosen) = self.choose(credentials).ok_or(AuthenticateError::Missing)?;
        let caller = authenticate_credentials(chosen, &credentials.only(chosen.needs())).await;
        caller.map(|caller| caller.map(Attested::from)).map_err(|error| of(place, error))
    }

    async fn attest(&self, evidence: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
        let (place, chosen) = self.choose(evidence.credentials()).ok_or(AuthenticateError::Missing)?;
        let caller = authenticate(chosen, &evidence.only(chosen.needs())).await;
        caller.map(Attested::from).map_err(|error| of(place, error))
    }

    fn challenge(&self, error: &AuthenticateError) -> Option<Challenge> {
        self.0.challenge(error)
    }
}

/// Made by [`all_of`].
#[derive(Debug)]
pub struct AllOf(Several);

impl AllOf {
    /// One more mechanism that must hold.
    #[must_use]
    pub fn and(self, next: impl Authenticate + 'static) -> Self {
        Self(self.0.and(next))
    }
}

#[async_trait]
impl Authenticate for AllOf {
    fn needs(&self) -> &[HeaderName] {
        &self.0.needs
    }

    /// Some of them are enough: what is incomplete is refused here and not looked at by a weaker mechanism.
    fn presents(&self, credentials: &Credentials<'_>) -> bool {
        self.0.presents(credentials)
    }

    fn needs_lineage(&self) -> bool {
        self.0.needs_lineage()
    }

    /// Each mechanism is asked once, since a proof of possession holds once: all of them now, or all with the lineage.
    async fn attest_credentials(
        &self,
        credentials: &Credentials<'_>,
    ) -> Result<Option<Attested>, AuthenticateError> {
        if self.needs_lineage() {
            return Ok(None);
        }
        let mut agreed = Agreed::default();
        for (place, mechanism) in self.0.mechanisms.iter().enumerate() {
            let own = credentials.only(mechanism.needs());
            let found = authenticate_credentials(mechanism.as_ref(), &own).await;
            let found = found.map_err(|error| of(place, error))?.ok_or(SaysNothing);
            agreed.take(found.map_err(|nothing| AuthenticateError::Invalid(nothing.into()))?.into())?;
        }
        agreed.first.map(Some).ok_or(AuthenticateError::Missing)
    }

    async fn attest(&self, evidence: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
        let mut agreed = Agreed::default();
        for (place, mechanism) in self.0.mechanisms.iter().enumerate() {
            let found = authenticate(mechanism.as_ref(), &evidence.only(mechanism.needs())).await;
            agreed.take(found.map_err(|error| of(place, error))?.into())?;
        }
        agreed.first.ok_or(AuthenticateError::Missing)
    }

    fn challenge(&self, error: &AuthenticateError) -> Option<Challenge> {
        self.0.challenge(error)
    }
}

/// What the first mechanism found, with which the others agree.
#[derive(Default)]
struct Agreed {
    first: Option<Attested>,
}

impl Agreed {
    fn take(&mut self, found: Attested) -> Result<(), AuthenticateError> {
        match &self.first {
            Some(first) if first.contradicts(&found) => Err(AuthenticateError::Invalid(OtherCaller.into())),
            Some(_) => Ok(()),
            None => {
                self.first = Some(found);
                Ok(())
            }
        }
    }
}

/// Mechanisms in order, and what they need together.
#[derive(Debug)]
struct Several {
    mechanisms: Vec<Arc<dyn Authenticate>>,
    needs: Vec<HeaderName>,
}

impl Several {
    fn of(first: impl Authenticate + 'static) -> Self {
        Self { mechanisms: Vec::new(), needs: Vec::new() }.and(first)
    }

    fn and(mut self, next: impl Authenticate + 'static) -> Self {
        for name in next.needs() {
            if !self.needs.contains(name) {
                self.needs.push(name.clone());
            }
        }
        self.mechanisms.push(Arc::new(next));
        self
    }

    fn presents(&self, credentials: &Credentials<'_>) -> bool {
        self.mechanisms.iter().any(|it| it.presents(&credentials.only(it.needs())))
    }

    fn needs_lineage(&self) -> bool {
        self.mechanisms.iter().any(|it| it.needs_lineage())
    }

    /// What the mechanism says that refused; without credentials of any, what each of them would take.
    fn challenge(&self, error: &AuthenticateError) -> Option<Challenge> {
        if let Some(Of { place, error }) = of_which(error) {
            return self.mechanisms.get(*place)?.challenge(error);
        }
        let all: Vec<Challenge> = self.mechanisms.iter().filter_map(|it| it.challenge(error)).collect();
        let told = || all.iter().flat_map(|challenge| challenge.authenticate().iter().cloned());
        told().next()?;
        let joined = Challenge::new(told());
        Some(match all.iter().find_map(Challenge::dpop_nonce) {
            Some(nonce) => joined.with_dpop_nonce(nonce),
            None => joined,
        })
    }
}

/// Which of several mechanisms refused, and how.
#[derive(Debug, thiserror::Error)]
#[error("one of several mechanisms refused")]
pub(crate) struct Of {
    place: usize,
    #[source]
    pub(crate) error: AuthenticateError,
}

/// The same error, of which the combination knows whose it is.
fn of(place: usize, error: AuthenticateError) -> AuthenticateError {
    match &error {
        AuthenticateError::Missing => error,
        AuthenticateError::Unavailable(_) => AuthenticateError::Unavailable(Of { place, error }.into()),
        AuthenticateError::ShareUsedUp(_) => AuthenticateError::ShareUsedUp(Of { place, error }.into()),
        // A kind that is added elsewhere refuses too.
        AuthenticateError::Invalid(_) | _ => AuthenticateError::Invalid(Of { place, error }.into()),
    }
}

pub(crate) fn of_which(error: &AuthenticateError) -> Option<&Of> {
    match error {
        AuthenticateError::Invalid(cause)
        | AuthenticateError::Unavailable(cause)
        | AuthenticateError::ShareUsedUp(cause) => cause.downcast_ref(),
        AuthenticateError::Missing | _ => None,
    }
}

/// Two mechanisms that must both hold found different callers.
#[derive(Debug, thiserror::Error)]
#[error("credentials are of different callers")]
pub(crate) struct OtherCaller;

/// A mechanism that needs no lineage has no answer without one.
#[derive(Debug, thiserror::Error)]
#[error("mechanism has no answer")]
struct SaysNothing;
