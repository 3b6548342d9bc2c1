//! The identity of this process, for as long as it runs: signer, keys of others, listener, client, tokens, readiness.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use kest_core::signature::ReplaceableSigner;
use kest_http::ClientTls;
use kest_identity::{BundleHealth, FollowedBundle, SpiffeId};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::builder::Enrol;
use crate::folder::Folder;
use crate::link::{self, AskError};
use crate::listener::WorkloadListener;
use crate::protocol::{Epoch, TokenAnswer, TokenRequest};
use crate::renew::Shared;
use crate::tls::TlsError;
use crate::trust::PeerTrust;

/// A workload that has its identity. Clones share it; when the last one is gone, nothing is renewed any more.
#[derive(Clone)]
pub struct Workload(Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) shared: Arc<Shared>,
    pub(crate) bundle: FollowedBundle,
    pub(crate) acceptor: TlsAcceptor,
    pub(crate) client: ClientTls,
    pub(crate) folder: Arc<Folder>,
    pub(crate) task: Mutex<Option<JoinHandle<()>>>,
}

impl Inner {
    fn end(&self) -> Option<JoinHandle<()>> {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        task.inspect(JoinHandle::abort)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        drop(self.end());
        self.folder.close();
    }
}

impl Workload {
    /// Begins with what the folder holds, or is enrolled and keeps it there; see the [example](crate).
    pub fn enrol(folder: impl Into<PathBuf>) -> Enrol {
        Enrol::new(folder.into())
    }

    pub(crate) fn new(inner: Inner) -> Self {
        Self(Arc::new(inner))
    }

    /// Who this is.
    #[must_use]
    pub fn identity(&self) -> &SpiffeId {
        &self.0.shared.identity
    }

    /// Signs entries; its key is exchanged while it signs.
    #[must_use]
    pub fn signer(&self) -> ReplaceableSigner {
        self.0.shared.signer.clone()
    }

    /// The keys of all workloads of the trust domain, followed in the background.
    #[must_use]
    pub fn bundle(&self) -> FollowedBundle {
        self.0.bundle.clone()
    }

    /// Whom connections are believed by.
    #[must_use]
    pub fn trust(&self) -> PeerTrust {
        self.0.shared.trust.clone()
    }

    /// Takes connections of workloads of the trust domain, over mutual TLS; for `axum::serve`, beside
    /// [`with_peers`](crate::with_peers).
    #[must_use]
    pub fn listener(&self, tcp: TcpListener) -> WorkloadListener {
        WorkloadListener::of(tcp, self.0.acceptor.clone(), Some(self.trust()))
    }

    /// TLS that presents the certificate of the moment and believes every workload of the trust domain: what reqwest's
    /// `ClientBuilder`, and so the client of `Kest`, is made from.
    #[must_use]
    pub fn client(&self) -> ClientTls {
        self.0.client.clone()
    }

    /// The same, and believes these workloads alone.
    ///
    /// # Errors
    ///
    /// [`TlsError`] when TLS 1.3 cannot be set up.
    pub fn client_to(&self, servers: impl IntoIterator<Item = SpiffeId>) -> Result<ClientTls, TlsError> {
        let shared = &self.0.shared;
        shared.trust.client(&shared.own, servers, &shared.clock)
    }

    /// Asks the authority for a token, which is bound to the certificate of the moment.
    ///
    /// # Errors
    ///
    /// [`AskError`] when the authority does not give it.
    pub async fn token(&self, audience: &str, scope: Option<&str>) -> Result<TokenAnswer, AskError> {
        let request = TokenRequest { audience: audience.to_owned(), scope: scope.map(ToOwned::to_owned) };
        let url = {
            let progress = self.0.shared.progress.lock().unwrap_or_else(PoisonError::into_inner);
            progress.workload_url.at_path("/v1/token")
        };
        link::ask(&self.0.shared.client, &url, &request).await
    }

    /// Completes once the next try to renew has ended, or the next entry key signs; counted from this call on.
    pub fn next_change(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut changes = self.0.shared.changes.subscribe();
        async move {
            if changes.changed().await.is_err() {
                tracing::debug!("workload is gone");
            }
        }
    }

    /// Renews nothing any more, and gives the folder to whatever process comes next. Dropping the last clone does so too, and waits
    /// for nothing.
    pub async fn stop(self) {
        if let Some(task) = self.0.end() {
            // It was cancelled, or had ended.
            drop(task.await);
        }
        self.0.folder.close();
    }

    /// How it is, right now.
    #[must_use]
    pub fn readiness(&self) -> WorkloadHealth {
        let shared = &self.0.shared;
        let (now, not_after) = (shared.clock.unix_seconds(), shared.not_after.load(Ordering::Acquire));
        let progress = shared.progress.lock().unwrap_or_else(PoisonError::into_inner).clone();
        WorkloadHealth {
            seconds_left: not_after.saturating_sub(now),
            life: not_after.saturating_sub(progress.received),
            epoch: progress.epoch,
            consecutive_failures: progress.failures,
            last_error: progress.last_error,
            bundle: self.0.bundle.health(),
        }
    }
}

impl fmt::Debug for Workload {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Workload")
            .field("identity", &self.identity().as_str())
            .finish_non_exhaustive()
    }
}

/// How a workload is at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkloadHealth {
    /// Until the certificate ends.
    pub seconds_left: u64,
    /// How long it lives in all.
    pub life: u64,
    /// Which enrolment it is of.
    pub epoch: Epoch,
    /// How many tries in a row have failed.
    pub consecutive_failures: u32,
    /// Why the last one did, as logs and metrics name it.
    pub last_error: Option<&'static str>,
    /// How the trust bundle is.
    pub bundle: BundleHealth,
}

impl WorkloadHealth {
    /// Whether peers will believe this workload for a while, and passports can be judged. It is red before the certificate ends:
    /// in the last tenth of its life.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.seconds_left > self.life / 10 && self.bundle.is_ready()
    }
}
