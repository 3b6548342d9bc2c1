//! Tokens of other issuers as evidence: who believes them, and which identity they give.

use std::fmt;
use std::sync::Arc;

use kest_core::{Authenticate, AuthenticateError, Caller, Evidence as Presented, Lineage, authenticate};
use kest_identity::SpiffeId;

use super::Authority;
use crate::error::{EnrolError, Trouble};

/// An issuer whose tokens enrol workloads: a cluster, a CI system, another SPIFFE domain.
#[derive(Clone)]
pub struct TokenSource {
    authenticator: Arc<dyn Authenticate>,
    map: Arc<Map>,
}

type Map = dyn Fn(&Caller) -> Option<SpiffeId> + Send + Sync;

impl TokenSource {
    /// Believes what `authenticator` verifies, such as a [`JwtAuthenticator`](kest_identity::JwtAuthenticator) with an audience
    /// that is this authority's alone, and gives the identity that `map` says. A token for which it says nothing is refused.
    pub fn new(
        authenticator: Arc<dyn Authenticate>,
        map: impl Fn(&Caller) -> Option<SpiffeId> + Send + Sync + 'static,
    ) -> Self {
        Self { authenticator, map: Arc::new(map) }
    }

    /// The same by a table of issuer, subject and identity.
    pub fn of_subjects(
        authenticator: Arc<dyn Authenticate>,
        table: impl IntoIterator<Item = (String, String, SpiffeId)>,
    ) -> Self {
        let table: Vec<_> = table.into_iter().collect();
        Self::new(authenticator, move |caller| {
            let (issuer, subject) = (caller.issuer()?, caller.subject()?);
            let row = table.iter().find(|(one, other, _)| one == issuer && other == subject);
            row.map(|(_, _, identity)| identity.clone())
        })
    }
}

impl fmt::Debug for TokenSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TokenSource")
            .field("authenticator", &self.authenticator)
            .finish_non_exhaustive()
    }
}

impl Authority {
    /// The identity that a token gives: of the first source that believes it.
    pub(super) async fn identity_of(&self, token: &str) -> Result<SpiffeId, EnrolError> {
        let bearer = format!("Bearer {token}");
        let mut refused = EnrolError::Token(AuthenticateError::Missing);
        for source in &self.0.sources {
            let presented = Presented::new(&Lineage::Absent).with_authorization([bearer.as_bytes()]);
            match authenticate(&*source.authenticator, &presented).await {
                Ok(caller) => return self.check_mapped((source.map)(&caller)),
                // Another one may believe it. If none does, this one might have.
                Err(AuthenticateError::Unavailable(cause)) => refused = Trouble::TokenIssuer(cause).into(),
                Err(error) if matches!(refused, EnrolError::Token(_)) => refused = EnrolError::Token(error),
                Err(_error) => {}
            }
        }
        Err(refused)
    }

    fn check_mapped(&self, identity: Option<SpiffeId>) -> Result<SpiffeId, EnrolError> {
        let set = self.0.keys.current();
        let is_given =
            |identity: &SpiffeId| identity.trust_domain() == set.domain() && identity != set.identity();
        identity.filter(is_given).ok_or(EnrolError::TokenUnmapped)
    }
}
