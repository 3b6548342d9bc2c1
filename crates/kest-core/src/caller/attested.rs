//! What a mechanism found out about a caller.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;

use super::Claim;
use crate::entry::{Identity, IdentitySource};
use crate::json_object::JsonObject;
use crate::{CanonicalizeError, Share};

/// What a mechanism found out about the caller: a finding, not yet a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    identity: Identity,
    issuer: Option<Arc<str>>,
    source: IdentitySource,
    scopes: Arc<[Arc<str>]>,
    roles: Arc<[Arc<str>]>,
    more: Option<Arc<More>>,
}

/// What only some credentials say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct More {
    subject: Option<Arc<str>>,
    tenant: Option<Arc<str>>,
    actors: Vec<Arc<str>>,
    expires_at: Option<SystemTime>,
    confirmation: Option<Confirmation>,
    kept: Option<Arc<Kept>>,
}

/// Claims that the service asked for: each one, and all of them for policies.
#[derive(Debug, PartialEq, Eq)]
struct Kept {
    each: BTreeMap<Box<str>, Claim>,
    all: JsonObject,
}

/// The key that a credential is bound to, and that the caller proved to have.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Confirmation {
    /// RFC 9449 section 6.1: the thumbprint (RFC 7638) of the key of a `DPoP` proof.
    Jkt(Arc<str>),
    /// RFC 8705 section 3.1: the thumbprint of the peer's certificate.
    CertificateThumbprint(Arc<str>),
}

impl Attested {
    /// Findings of a mechanism that looked at its evidence and believes it.
    #[must_use]
    pub fn new(identity: Identity, source: IdentitySource) -> Self {
        Self { identity, issuer: None, source, scopes: Arc::default(), roles: Arc::default(), more: None }
    }

    /// No caller in particular: the mechanism allows requests without a caller.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::new(Identity::default(), IdentitySource::Anonymous)
    }

    /// Names who vouches for the user name; a user name means nothing without it. An empty name is no name.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl Into<Arc<str>>) -> Self {
        self.issuer = Some(issuer.into()).filter(|issuer| !issuer.is_empty());
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

    /// Names the subject of the credential, where the user is known by another claim than `sub`.
    #[must_use]
    pub fn with_subject(self, subject: impl Into<Arc<str>>) -> Self {
        let subject = subject.into();
        self.change(|more| more.subject = Some(subject))
    }

    /// Names the tenant that the issuer speaks for. An empty name is no name.
    #[must_use]
    pub fn with_tenant(self, tenant: impl Into<Arc<str>>) -> Self {
        let tenant = Some(tenant.into()).filter(|tenant| !tenant.is_empty());
        self.change(|more| more.tenant = tenant)
    }

    /// Names who acts for the subject, the current one first: RFC 8693 section 4.1.
    #[must_use]
    pub fn with_actors(self, actors: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Self {
        let actors = actors.into_iter().map(Into::into).collect();
        self.change(|more| more.actors = actors)
    }

    /// Says until when the credential holds.
    #[must_use]
    pub fn with_expiry(self, expires_at: SystemTime) -> Self {
        self.change(|more| more.expires_at = Some(expires_at))
    }

    /// Says which key the caller proved to have.
    #[must_use]
    pub fn with_confirmation(self, confirmation: Confirmation) -> Self {
        self.change(|more| more.confirmation = Some(confirmation))
    }

    /// Keeps these claims of a verified credential for handlers and policies. They are neither logged nor signed into entries.
    ///
    /// # Errors
    ///
    /// [`CanonicalizeError`] for values that not every reader reads alike, or nested too deep.
    pub fn with_claims(
        self,
        claims: impl IntoIterator<Item = (impl Into<Box<str>>, Value)>,
    ) -> Result<Self, CanonicalizeError> {
        let claims: BTreeMap<Box<str>, Value> =
            claims.into_iter().map(|(name, value)| (name.into(), value)).collect();
        if claims.is_empty() {
            return Ok(self);
        }
        let all = JsonObject::of(&claims)?;
        let each = claims.iter().map(|(name, value)| (name.clone(), Claim::of(value))).collect();
        Ok(self.change(|more| more.kept = Some(Arc::new(Kept { each, all }))))
    }

    /// Whether both name a user, an agent or a tenant, and not the same: they are findings about two callers. A user of another
    /// issuer is another user.
    #[must_use]
    pub fn contradicts(&self, other: &Self) -> bool {
        let differ = |one: Option<&str>, two: Option<&str>| one.zip(two).is_some_and(|(one, two)| one != two);
        let both_name_a_user = self.identity.user().is_some() && other.identity.user().is_some();
        differ(self.identity.user(), other.identity.user())
            || differ(self.identity.agent(), other.identity.agent())
            || differ(self.tenant(), other.tenant())
            || (both_name_a_user && differ(self.issuer(), other.issuer()))
    }

    /// On whose account the caller is served: the user, else the agent, that the issuer vouches for. `None` where the
    /// name was not verified, for it would be free to choose.
    #[must_use]
    pub fn share(&self) -> Option<Share> {
        match self.source {
            IdentitySource::Jwt | IdentitySource::Lineage => {
                let name =
                    self.identity.user().or_else(|| self.subject()).or_else(|| self.identity.agent())?;
                Some(Share::of_user(self.issuer().unwrap_or_default(), name))
            }
            IdentitySource::Anonymous | IdentitySource::Unverified => None,
        }
    }

    fn change(mut self, change: impl FnOnce(&mut More)) -> Self {
        let mut more = self.more.map(Arc::unwrap_or_clone).unwrap_or_default();
        change(&mut more);
        self.more = Some(Arc::new(more));
        self
    }

    /// About how many bytes it takes up: for memories that are bounded by bytes.
    #[must_use]
    pub fn weight(&self) -> usize {
        let names = [self.identity.user(), self.identity.agent(), self.identity.task(), self.issuer()];
        let names = names.into_iter().flatten();
        let more = [self.subject(), self.tenant()].into_iter().flatten();
        let listed = [self.scopes(), self.roles(), self.actors()].into_iter().flatten().map(|name| &**name);
        let names =
            names.chain(more).chain(listed).fold(size_of::<Self>() + size_of::<More>(), |sum, name| {
                sum.saturating_add(name.len()).saturating_add(PER_NAME)
            });
        let kept = self.more.as_ref().and_then(|more| more.kept.as_deref());
        kept.into_iter().flat_map(|kept| &kept.each).fold(names, |sum, (name, claim)| {
            // Once by itself and once in the object of all.
            sum.saturating_add(2 * (name.len() + claim.weight())).saturating_add(4 * PER_NAME)
        })
    }

    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    pub(super) fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    pub(super) fn source(&self) -> IdentitySource {
        self.source
    }

    pub(super) fn scopes(&self) -> &[Arc<str>] {
        &self.scopes
    }

    pub(super) fn roles(&self) -> &[Arc<str>] {
        &self.roles
    }

    pub(super) fn subject(&self) -> Option<&str> {
        self.more.as_ref()?.subject.as_deref()
    }

    pub(super) fn tenant(&self) -> Option<&str> {
        self.more.as_ref()?.tenant.as_deref()
    }

    pub(super) fn actors(&self) -> &[Arc<str>] {
        self.more.as_ref().map(|more| more.actors.as_slice()).unwrap_or_default()
    }

    pub(super) fn expires_at(&self) -> Option<SystemTime> {
        self.more.as_ref()?.expires_at
    }

    pub(super) fn claim(&self, name: &str) -> Option<&Claim> {
        self.more.as_ref()?.kept.as_ref()?.each.get(name)
    }

    pub(super) fn claims(&self) -> Option<&JsonObject> {
        Some(&self.more.as_ref()?.kept.as_ref()?.all)
    }

    pub(super) fn confirmation(&self) -> Option<&Confirmation> {
        self.more.as_ref()?.confirmation.as_ref()
    }
}

/// A pointer with its length, and the two counters of what it points to.
const PER_NAME: usize = 4 * size_of::<usize>();

fn sorted_set(names: impl IntoIterator<Item = impl Into<Arc<str>>>) -> Arc<[Arc<str>]> {
    let names: BTreeSet<Arc<str>> = names.into_iter().map(Into::into).collect();
    names.into_iter().collect()
}
