//! Tells an audit log which keys and policies count: at the start, and before what comes after a change.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use kest_core::Audit;
use kest_core::audit::{AuditError, Finished, InForceDigests, Refused, Signed};
use kest_core::entry::EntryHash;
use kest_core::signature::{Bundle, KeyRing, ResolveKeys as _};

use crate::trust::Trust;

/// The audit log of a service, which hears of a change before it hears what was decided by it.
#[derive(Debug)]
pub(crate) struct InForce {
    audit: Arc<dyn Audit>,
    keys: Trust,
    #[cfg(feature = "policy")]
    policies: Option<kest_policy::Policies>,
    told: Mutex<Told>,
}

/// What it heard last.
#[derive(Debug, Default)]
struct Told {
    /// A ring is digested once.
    ring: Option<Arc<KeyRing>>,
    keys: Option<EntryHash>,
    digests: InForceDigests,
}

impl InForce {
    /// Tells `audit` of the keys, as soon as it [looks](Self::look).
    pub(crate) fn new(audit: Arc<dyn Audit>, keys: Trust) -> Self {
        Self {
            audit,
            keys,
            #[cfg(feature = "policy")]
            policies: None,
            told: Mutex::default(),
        }
    }

    /// And of these policies.
    #[cfg(feature = "policy")]
    pub(crate) fn with_policies(self, policies: Option<kest_policy::Policies>) -> Self {
        Self { policies, ..self }
    }

    /// Tells what counts now, where that is not what was told last.
    ///
    /// A log that cannot take it now is told with the next record.
    pub(crate) fn look(&self) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let ring = self.keys.ring_in_use();
        if told.ring.as_ref().map(Arc::as_ptr) != ring.as_ref().map(Arc::as_ptr) {
            told.keys = ring.as_deref().and_then(|ring| Bundle::digest(ring).ok());
            told.ring = ring;
        }
        let mut digests = InForceDigests::default();
        digests.keys = told.keys;
        #[cfg(feature = "policy")]
        {
            digests.policies = self.policies.as_ref().and_then(kest_policy::Policies::digest);
        }
        if digests == told.digests {
            return;
        }
        match self.audit.in_force(&digests) {
            Ok(()) => told.digests = digests,
            Err(error) => tracing::debug!(kind = error.kind(), "what is in force is recorded later: {error}"),
        }
    }
}

#[async_trait]
impl Audit for InForce {
    async fn signed(&self, signed: &Signed<'_>) -> Result<(), AuditError> {
        self.look();
        self.audit.signed(signed).await
    }

    fn refused(&self, refused: &Refused<'_>) {
        self.look();
        self.audit.refused(refused);
    }

    fn finished(&self, finished: &Finished) {
        self.audit.finished(finished);
    }

    fn in_force(&self, in_force: &InForceDigests) -> Result<(), AuditError> {
        self.audit.in_force(in_force)
    }
}
