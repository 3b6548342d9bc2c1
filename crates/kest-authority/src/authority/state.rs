//! What an authority holds while it runs.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use arc_swap::{ArcSwap, ArcSwapOption};
use kest_core::{Clock, Random};
use kest_identity::{SpiffeId, TrustDomain};
use kest_workload::{OwnCertificate, PeerTrust};

use super::{AuthorityBuilder, SignedBundle, TokenSource};
use crate::error::Trouble;
use crate::keys::AuthorityKeys;
use crate::store::{Revoked, Store};
use crate::telemetry;

/// Who issues the identities of a trust domain. Clones are one authority.
///
/// See the [crate](crate) for an example.
#[derive(Clone)]
pub struct Authority(pub(super) Arc<Held>);

pub(super) struct Held {
    pub(super) keys: AuthorityKeys,
    pub(super) store: Arc<dyn Store>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) random: Arc<dyn Random>,
    pub(super) certificate_life: Duration,
    pub(super) token_life: Duration,
    pub(super) workload_url: String,
    pub(super) sources: Vec<TokenSource>,
    pub(super) grants: Option<Arc<Grants>>,
    pub(super) look_every: Duration,
    pub(super) own: Own,
    pub(super) bundle: ArcSwapOption<SignedBundle>,
    /// One at a time.
    pub(super) upkeep: tokio::sync::Mutex<()>,
}

/// Whether an identity may have a token for this audience and scope.
pub(super) type Grants = dyn Fn(&SpiffeId, &str, Option<&str>) -> bool + Send + Sync;

/// What the listeners of this process present and believe.
pub(super) struct Own {
    pub(super) certificate: OwnCertificate,
    pub(super) trust: PeerTrust,
    /// When the certificate is made anew, in milliseconds since 1970.
    pub(super) renew_at: AtomicU64,
    /// The root that it ends in.
    pub(super) root_pin: ArcSwap<[u8; 32]>,
}

impl Authority {
    /// An authority with these keys and this memory.
    #[must_use]
    pub fn builder(keys: AuthorityKeys, store: Arc<dyn Store>) -> AuthorityBuilder {
        AuthorityBuilder::new(keys, store)
    }

    /// The trust domain.
    #[must_use]
    pub fn trust_domain(&self) -> TrustDomain {
        self.0.keys.trust_domain()
    }

    /// The keys, to replace them.
    #[must_use]
    pub fn keys(&self) -> &AuthorityKeys {
        &self.0.keys
    }

    /// What the listeners of this authority present: a certificate of its own identity, and the root that it ends in.
    #[must_use]
    pub fn own_certificate(&self) -> &OwnCertificate {
        &self.0.own.certificate
    }

    /// What the workload listener believes: the roots that are live, and the epochs that are not void.
    #[must_use]
    pub fn peer_trust(&self) -> &PeerTrust {
        &self.0.own.trust
    }

    /// Makes all that an identity has void: it is in the next bundle, and is renewed no more.
    ///
    /// # Errors
    ///
    /// [`Trouble`] when it did not happen, or that is not known.
    pub async fn revoke(&self, identity: &SpiffeId) -> Result<Revoked, Trouble> {
        let revoked = self.0.store.revoke(identity, self.now()).await?;
        if let Revoked::UpTo(epoch) = revoked {
            telemetry::revoked(identity, epoch);
            // The listeners of this process heed it from the next request on.
            self.bundle().await?;
        }
        Ok(revoked)
    }

    pub(crate) fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    pub(super) fn now(&self) -> u64 {
        self.0.clock.unix_millis()
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Authority").field("keys", &self.0.keys).finish_non_exhaustive()
    }
}

/// Milliseconds.
pub(super) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
