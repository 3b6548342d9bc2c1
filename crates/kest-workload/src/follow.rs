//! The trust bundle of the authority, followed: what it says of roots and epochs is gone by as soon as it is taken.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use http::HeaderValue;
use kest_core::Clock;
use kest_core::signature::PublicKey;
use kest_http::{Endpoint, HttpClient};
use kest_identity::{BundleFault, FetchBundle, FetchedBundle};
use serde::{Deserialize, Serialize};

use crate::document::{Document, DocumentError};
use crate::folder::{Folder, FolderError};
use crate::link;
use crate::trust::{PeerTrust, RootsError};

/// The signed bundle that is in use, as the folder keeps it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeptBundle {
    pub(crate) jws: String,
    /// When it was asked for, in seconds since 1970.
    pub(crate) asked: u64,
}

impl KeptBundle {
    pub(crate) fn load(folder: &Folder) -> Result<Option<Self>, FolderError> {
        let Some(text) = folder.read(FILE)? else { return Ok(None) };
        serde_json::from_str(&text).map(Some).map_err(|_cause| FolderError::Malformed(FILE))
    }

    pub(crate) fn save(&self, folder: &Folder) -> Result<(), FolderError> {
        let text = serde_json::to_string(self).map_err(|_cause| FolderError::Malformed(FILE))?;
        folder.replace(FILE, &text)
    }

    fn asked_at(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(self.asked)).unwrap_or(SystemTime::UNIX_EPOCH)
    }
}

/// Brings the bundle from the authority, once a key that is known already has signed it.
#[derive(Debug)]
pub(crate) struct AuthorityBundle {
    pub(crate) client: HttpClient,
    pub(crate) authority: Endpoint,
    pub(crate) trust: PeerTrust,
    pub(crate) folder: Arc<Folder>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limit: usize,
    pub(crate) keys: ArcSwap<BTreeMap<String, PublicKey>>,
    /// That of the bundle in use.
    pub(crate) sequence: AtomicU64,
    /// What was at hand when this process began, until the first fetch.
    pub(crate) at_hand: Mutex<Option<AtHand>>,
    /// What was brought last.
    pub(crate) brought: Mutex<Option<Brought>>,
    /// One writer at a time, and the last bundle last.
    pub(crate) writing: Arc<Mutex<()>>,
}

/// A bundle that is there without asking.
#[derive(Debug)]
pub(crate) struct AtHand {
    pub(crate) kept: KeptBundle,
    pub(crate) payload: Vec<u8>,
    /// How old it may be and still be taken without asking; and how old at all.
    pub(crate) fresh_for: Duration,
    pub(crate) serves_for: Duration,
}

/// A bundle that may be taken.
#[derive(Debug, Clone)]
pub(crate) struct Brought {
    jws: String,
    payload: Vec<u8>,
    document: Document,
}

#[async_trait]
impl FetchBundle for AuthorityBundle {
    async fn fetch_bundle(&self, tag: Option<&HeaderValue>) -> Result<Option<FetchedBundle>, BundleFault> {
        let at_hand = self.at_hand.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(at_hand) = at_hand else { return self.ask(tag).await };
        let asked_at = at_hand.kept.asked_at();
        // Of a bundle that is dated in the future nothing is known.
        let age = self.clock.now().duration_since(asked_at).unwrap_or(at_hand.serves_for);
        if age < at_hand.fresh_for {
            return Ok(Some(FetchedBundle::new(at_hand.payload).kept_since(asked_at)));
        }
        match self.ask(tag).await {
            Err(cause) if age < at_hand.serves_for => {
                tracing::warn!(kind = cause.kind(), "trust bundle of an earlier run is gone on with");
                Ok(Some(FetchedBundle::new(at_hand.payload).kept_since(asked_at)))
            }
            answer => answer,
        }
    }

    fn taken(&self, text: &[u8]) {
        let brought = self.brought.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Some(brought) = brought.filter(|brought| brought.payload == text) else { return };
        if let Err(cause) = self.go_by(&brought.document) {
            tracing::error!(%cause, "roots of the trust bundle cannot be gone by");
            return;
        }
        self.keep(KeptBundle { jws: brought.jws, asked: self.clock.unix_seconds() });
    }
}

impl AuthorityBundle {
    async fn ask(&self, tag: Option<&HeaderValue>) -> Result<Option<FetchedBundle>, BundleFault> {
        let answer = link::bundle(&self.client, &self.authority, tag, self.limit).await;
        let Some((jws, tag)) = answer.map_err(BundleFault::Fetch)? else { return Ok(None) };
        let refused = |cause: DocumentError| BundleFault::Refused(cause.into());
        let payload = Document::verify(&jws, &self.keys.load()).map_err(refused)?;
        let document = Document::read(&payload).map_err(refused)?;
        let brought = Brought { jws, payload: payload.clone(), document };
        *self.brought.lock().unwrap_or_else(PoisonError::into_inner) = Some(brought);
        Ok(Some(FetchedBundle::new(payload).with_entity_tag(tag)))
    }

    /// Takes the roots, the keys of tokens and the revocations over.
    pub(crate) fn go_by(&self, document: &Document) -> Result<(), RootsError> {
        self.trust.replace_roots(&document.roots)?;
        self.trust.epochs().revoked(&document.revocations);
        self.sequence.store(document.sequence, Ordering::Release);
        self.keys.store(Arc::new(document.token_keys.clone()));
        Ok(())
    }

    pub(crate) fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::Acquire)
    }

    /// Writes aside: what is said of a bundle does not wait for the disk.
    fn keep(&self, kept: KeptBundle) {
        let (folder, writing) = (Arc::clone(&self.folder), Arc::clone(&self.writing));
        let write = move || {
            let _turn = writing.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(cause) = kept.save(&folder) {
                tracing::warn!(%cause, "trust bundle was not kept in the folder");
            }
        };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(write)),
            Err(_none) => write(),
        }
    }
}

const FILE: &str = "bundle.json";
