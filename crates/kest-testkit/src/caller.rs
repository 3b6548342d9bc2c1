//! Who is calling, as a test says: believed without a token, by services and lineages of the test alone.

use std::sync::Arc;

use async_trait::async_trait;
use kest_core::{
    Attested, Authenticate, AuthenticateError, Caller, Evidence, Identity, IdentitySource, Lineage,
    authenticate,
};

use crate::fail::OrFail as _;
use crate::now::now;

/// A caller of whom a test says who it is.
///
/// It is a mechanism too: `IdentityChoice::mechanism(Arc::new(TestCaller::user("alice")))` makes every caller of a service
/// alice, as if a token of hers had been verified.
#[derive(Debug, Clone, Default)]
pub struct TestCaller {
    identity: Identity,
    issuer: Option<Arc<str>>,
    tenant: Option<Arc<str>>,
    scopes: Vec<Arc<str>>,
    roles: Vec<Arc<str>>,
}

impl TestCaller {
    /// No caller in particular.
    #[must_use]
    pub fn anonymous() -> Self {
        Self::default()
    }

    /// The user of this name, for whom [`ISSUER`](Self::ISSUER) vouches.
    #[must_use]
    pub fn user(name: &str) -> Self {
        Self { identity: Identity::default().with_user(name), ..Self::default() }
    }

    /// Who vouches for users of whom nothing else was said.
    pub const ISSUER: &str = "https://issuer.example";

    /// Calls through this program.
    #[must_use]
    pub fn agent(mut self, name: &str) -> Self {
        self.identity = self.identity.with_agent(name);
        self
    }

    /// Calls to this end.
    #[must_use]
    pub fn task(mut self, name: &str) -> Self {
        self.identity = self.identity.with_task(name);
        self
    }

    /// Has its names from this issuer.
    #[must_use]
    pub fn issuer(mut self, issuer: &str) -> Self {
        self.issuer = Some(issuer.into());
        self
    }

    /// Belongs to this tenant.
    #[must_use]
    pub fn tenant(mut self, tenant: &str) -> Self {
        self.tenant = Some(tenant.into());
        self
    }

    /// Was granted these scopes, separated by blanks.
    #[must_use]
    pub fn scope(mut self, scopes: &str) -> Self {
        self.scopes = scopes.split(' ').map(Arc::from).collect();
        self
    }

    /// Has these roles.
    #[must_use]
    pub fn roles(mut self, roles: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        self.roles = roles.into_iter().map(|role| Arc::from(role.as_ref())).collect();
        self
    }

    /// The proof that this one is calling.
    #[track_caller]
    pub(crate) fn proved(&self) -> Caller {
        proved_by(self, &Lineage::Absent)
    }

    fn attested(&self) -> Attested {
        if self.identity == Identity::default() {
            return Attested::anonymous();
        }
        let issuer = self.issuer.clone().unwrap_or_else(|| Self::ISSUER.into());
        let attested = Attested::new(self.identity.clone(), IdentitySource::Jwt).with_issuer(issuer);
        let attested =
            attested.with_scopes(self.scopes.iter().cloned()).with_roles(self.roles.iter().cloned());
        match &self.tenant {
            Some(tenant) => attested.with_tenant(Arc::clone(tenant)),
            None => attested,
        }
    }
}

/// What `mechanism` proves about a caller who comes with `lineage` and nothing else.
#[track_caller]
pub(crate) fn proved_by(mechanism: &dyn Authenticate, lineage: &Lineage) -> Caller {
    now(authenticate(mechanism, &Evidence::new(lineage))).or_fail("a caller")
}

#[async_trait]
impl Authenticate for TestCaller {
    fn needs_lineage(&self) -> bool {
        false
    }

    async fn attest(&self, _evidence: &Evidence<'_>) -> Result<Attested, AuthenticateError> {
        Ok(self.attested())
    }
}
