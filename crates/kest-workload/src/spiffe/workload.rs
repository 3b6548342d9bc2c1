//! The identity of this process, as an agent gives it and renews it.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use kest_core::signature::ReplaceableSigner;
use kest_http::ClientTls;
use kest_identity::SpiffeId;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::follow::Shared;
use super::{EntryKeys, SpiffeBuilder};
use crate::listener::WorkloadListener;
use crate::tls::TlsError;
use crate::trust::PeerTrust;

/// A workload whose identity comes from an agent. Clones share it; when the last one is gone, the agent is not followed any more.
///
/// ```no_run
/// use kest_core::signature::{Ed25519Signer, ReplaceableSigner};
/// use kest_identity::{BundleFile, SpiffeId};
/// use kest_workload::spiffe::{EntryKeys, SpiffeWorkload};
///
/// # async fn start(tcp: tokio::net::TcpListener) -> Result<(), Box<dyn std::error::Error>> {
/// let signer = ReplaceableSigner::new(Ed25519Signer::from_file("/var/lib/cart/entries.jwk")?);
/// let bundle = BundleFile::builder("/etc/kest/bundle.json").build().await?;
/// // The agent at SPIFFE_ENDPOINT_SOCKET. Refused unless the bundle, which all services read, has the signer's key.
/// let me = SpiffeWorkload::builder(EntryKeys::published(signer.clone(), bundle)).start().await?;
/// let listener = me.listener(tcp)?;
/// let next = me.client_to([SpiffeId::parse("spiffe://example.org/stock")?])?;
/// # Ok(())
/// # }
/// ```
///
/// An agent pushes each next certificate and root, and they are gone by from the next handshake on. An answer that is empty or
/// malformed, is of another identity, or has a certificate that its own roots do not hold, is refused and said; the present
/// certificate then goes on until it ends.
///
/// # Limits
///
/// Revocation lists of the agent are not read, and neither are roots of other trust domains: a peer is of the own domain.
/// Certificates of an agent have no epoch.
#[derive(Clone)]
pub struct SpiffeWorkload(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    entry_keys: EntryKeys,
    task: JoinHandle<()>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl SpiffeWorkload {
    /// Begins to say where the identity comes from. `entry_keys` say how those who verify learn the key of entries, for
    /// which an agent has no place.
    pub fn builder(entry_keys: EntryKeys) -> SpiffeBuilder {
        SpiffeBuilder::new(entry_keys)
    }

    pub(super) fn new(shared: Arc<Shared>, entry_keys: EntryKeys, task: JoinHandle<()>) -> Self {
        Self(Arc::new(Inner { shared, entry_keys, task }))
    }

    /// Who this is.
    #[must_use]
    pub fn identity(&self) -> &SpiffeId {
        &self.0.shared.identity
    }

    /// Signs entries; none where it was said that this workload signs nothing.
    #[must_use]
    pub fn signer(&self) -> Option<ReplaceableSigner> {
        self.0.entry_keys.signer()
    }

    /// Whom connections are believed by.
    #[must_use]
    pub fn trust(&self) -> PeerTrust {
        self.0.shared.trust.clone()
    }

    /// Takes connections of workloads of the trust domain, over mutual TLS.
    ///
    /// # Errors
    ///
    /// [`TlsError`] when TLS 1.3 cannot be set up.
    pub fn listener(&self, tcp: TcpListener) -> Result<WorkloadListener, TlsError> {
        let shared = &self.0.shared;
        WorkloadListener::mutual(tcp, &shared.own, &shared.trust, &shared.clock)
    }

    /// TLS that presents the certificate of the moment and believes these workloads alone.
    ///
    /// # Errors
    ///
    /// [`TlsError`] when TLS 1.3 cannot be set up.
    pub fn client_to(&self, servers: impl IntoIterator<Item = SpiffeId>) -> Result<ClientTls, TlsError> {
        let shared = &self.0.shared;
        shared.trust.client(&shared.own, servers, &shared.clock)
    }

    /// Completes with the next answer of the agent, taken or not, or with its next absence; counted from this call on.
    pub fn next_change(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut changes = self.0.shared.changes.subscribe();
        async move {
            if changes.changed().await.is_err() {
                tracing::debug!("workload is gone");
            }
        }
    }

    /// How it is, right now.
    #[must_use]
    pub fn readiness(&self) -> SpiffeHealth {
        let shared = &self.0.shared;
        let (now, not_after) = (shared.clock.unix_seconds(), shared.not_after.load(Ordering::Acquire));
        let progress = shared.progress.lock().unwrap_or_else(PoisonError::into_inner).clone();
        SpiffeHealth {
            seconds_left: not_after.saturating_sub(now),
            life: not_after.saturating_sub(progress.received),
            consecutive_failures: progress.failures,
            last_error: progress.last_error,
            entry_key_is_published: self.0.entry_keys.is_published(),
        }
    }
}

impl fmt::Debug for SpiffeWorkload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = formatter.debug_struct("SpiffeWorkload");
        shown.field("identity", &self.identity().as_str()).finish_non_exhaustive()
    }
}

/// How a workload of an agent is at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SpiffeHealth {
    /// Until the certificate ends.
    pub seconds_left: u64,
    /// How long it had to live when it came.
    pub life: u64,
    /// How many answers in a row were not taken, absences included.
    pub consecutive_failures: u32,
    /// Why the last one was not, as logs and metrics name it.
    pub last_error: Option<&'static str>,
    /// Whether those who verify can know the key that entries are signed with now.
    pub entry_key_is_published: bool,
}

impl SpiffeHealth {
    /// Whether peers will believe this workload for a while, and others its entries. It is red before the certificate ends: in
    /// the last tenth of its life.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.seconds_left > self.life / 10 && self.entry_key_is_published
    }
}
