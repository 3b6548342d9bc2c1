//! One look at a trust bundle: reads it, and judges whether it may follow the one in use.

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use http::HeaderValue;
use kest_core::Clock;
use kest_core::file::read_guarded_file;
use kest_core::signature::{Bundle, KeyRing};
use kest_http::{Endpoint, HttpClient, HttpError};

use super::fetcher::{FetchBundle, FetchedBundle};
use super::{BundleFault, telemetry};
use crate::refresh::{NoAnswer, Previous, Refusal, Source};

/// Where a bundle is, and what has to be known to judge it.
#[derive(Debug)]
pub(super) struct BundleSource {
    pub(super) place: Place,
    pub(super) name: Arc<str>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) limit: usize,
    /// What was said last about a bundle that was not taken: a fault that stays is said once.
    pub(super) said: Mutex<Option<String>>,
}

/// Where a bundle is.
#[derive(Debug)]
pub(super) enum Place {
    /// In a file, with a mark that a look at it is under way.
    File { path: PathBuf, looking: Arc<AtomicBool> },
    /// At a server.
    Url { client: HttpClient, endpoint: Endpoint },
    /// Where its fetcher knows, which vouches for what it brings.
    Fetcher(Arc<dyn FetchBundle>),
}

/// The bundle as it was read.
#[derive(Clone)]
pub(super) struct Trusted {
    pub(super) bundle: Arc<Bundle>,
    pub(super) ring: Arc<KeyRing>,
    text: Arc<[u8]>,
    entity_tag: Option<HeaderValue>,
    asked_at: Option<SystemTime>,
    look: Look,
}

/// What the look that brought it found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Look {
    Taken,
    Unchanged,
}

impl Trusted {
    fn unchanged(&self) -> Self {
        Self { look: Look::Unchanged, asked_at: None, ..self.clone() }
    }
}

impl fmt::Debug for Trusted {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Trusted").field("bundle", &self.bundle).finish_non_exhaustive()
    }
}

#[async_trait]
impl Source for BundleSource {
    type Value = Trusted;
    type Failure = BundleFault;

    async fn fetch(&self, previous: Previous<'_, Trusted>) -> Result<Trusted, BundleFault> {
        let tag = previous.value().and_then(|trusted| trusted.entity_tag.as_ref());
        let found = match &self.place {
            Place::File { path, looking } => {
                Some(FetchedBundle::new(self.read(path.clone(), looking).await?))
            }
            Place::Url { client, endpoint } => self.ask(client, endpoint, tag).await?,
            Place::Fetcher(fetcher) => fetcher.fetch_bundle(tag).await?,
        };
        let FetchedBundle { text, entity_tag, asked_at } = match (found, previous.value()) {
            (Some(found), _) => found,
            (None, Some(trusted)) => return Ok(trusted.unchanged()),
            (None, None) => return Err(BundleFault::Fetch(HttpError::Status(NOT_MODIFIED))),
        };
        if let Some(trusted) = previous.value().filter(|trusted| *trusted.text == *text) {
            return Ok(Trusted { entity_tag, asked_at, ..trusted.unchanged() });
        }
        let bundle = Bundle::from_json(&text).map_err(BundleFault::Malformed)?;
        self.judge(&bundle, &previous).map_err(BundleFault::NoSuccessor)?;
        let ring = Arc::new(bundle.ring().clone());
        let (bundle, text) = (Arc::new(bundle), text.into());
        Ok(Trusted { bundle, ring, text, entity_tag, asked_at, look: Look::Taken })
    }

    fn without_answer(&self, why: NoAnswer) -> BundleFault {
        match why {
            NoAnswer::TimedOut => BundleFault::TimedOut,
            NoAnswer::Abandoned => BundleFault::Abandoned,
        }
    }

    fn asked_at(&self, trusted: &Trusted) -> Option<SystemTime> {
        trusted.asked_at
    }

    fn fetched(&self, trusted: &Trusted) {
        if let Place::Fetcher(fetcher) = &self.place {
            fetcher.taken(&trusted.text);
        }
        *self.said.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let keys = trusted.ring.keys().count();
        if trusted.look == Look::Taken {
            let skipped = trusted.bundle.skipped().len();
            tracing::info!(
                bundle = &*self.name,
                keys,
                skipped,
                sequence = trusted.bundle.sequence(),
                "trust bundle taken"
            );
        }
        let outcome = if trusted.look == Look::Taken { "taken" } else { "unchanged" };
        telemetry::fetched(&self.name, outcome);
        telemetry::keys(&self.name, keys);
    }

    fn failed(&self, cause: &BundleFault) {
        telemetry::fetched(&self.name, cause.kind());
        let (kind, why) = (cause.kind(), cause.root_cause());
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.as_ref() == Some(&why) {
            tracing::debug!(bundle = &*self.name, kind, cause = why, "trust bundle was not taken again");
        } else {
            tracing::warn!(bundle = &*self.name, kind, cause = why, "trust bundle was not taken");
            *said = Some(why);
        }
    }

    fn aged(&self, age: Duration) {
        telemetry::aged(&self.name, age);
    }

    fn unknown(&self, how: Refusal) {
        telemetry::unknown(&self.name, how);
    }
}

impl BundleSource {
    /// What is too old to be used binds only by its sequence: who was away for that long has missed the overlap. And where
    /// the writer vouches for each bundle, keys that are gone are what it meant: an identity that was revoked, or enrolled anew.
    fn judge(
        &self,
        bundle: &Bundle,
        previous: &Previous<'_, Trusted>,
    ) -> Result<(), kest_core::signature::NoSuccessor> {
        if let (Place::Fetcher(_), Some(trusted)) = (&self.place, previous.value()) {
            return bundle.check_sequence(&trusted.bundle);
        }
        match previous {
            Previous::None => bundle.check_follows(&Bundle::default(), 0),
            Previous::InUse(trusted) => bundle.check_follows(&trusted.bundle, self.clock.unix_millis()),
            Previous::TooOld(trusted) => bundle.check_sequence(&trusted.bundle),
        }
    }

    /// One look at a time: a file system that hangs holds one thread.
    async fn read(&self, path: PathBuf, looking: &Arc<AtomicBool>) -> Result<Vec<u8>, BundleFault> {
        if looking.swap(true, Ordering::AcqRel) {
            return Err(BundleFault::Hanging);
        }
        let mark = Mark(Arc::clone(looking));
        let limit = u64::try_from(self.limit).unwrap_or(u64::MAX);
        let look = tokio::task::spawn_blocking(move || {
            let _mark = mark;
            read_guarded_file(&path, limit)
        });
        look.await.map_err(|_cause| BundleFault::Abandoned)?.map_err(BundleFault::File)
    }

    /// The answer and its entity tag; none when the server says that `tag` is still the present one.
    async fn ask(
        &self,
        client: &HttpClient,
        endpoint: &Endpoint,
        tag: Option<&HeaderValue>,
    ) -> Result<Option<FetchedBundle>, BundleFault> {
        let question = client.get(endpoint).accept(TYPES).limit(self.limit);
        let question = match tag {
            Some(tag) => question.if_none_match(tag.clone()),
            None => question,
        };
        match question.send().await {
            Ok(answer) => {
                let tag = answer.entity_tag().filter(|tag| tag.len() <= TAG_BYTES).cloned();
                Ok(Some(FetchedBundle::new(answer.into_body()).with_entity_tag(tag)))
            }
            // RFC 9110 section 15.4.5.
            Err(HttpError::Status(NOT_MODIFIED)) if tag.is_some() => Ok(None),
            Err(cause) => Err(BundleFault::Fetch(cause)),
        }
    }
}

/// Says that a look is under way for as long as it is.
struct Mark(Arc<AtomicBool>);

impl Drop for Mark {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

const NOT_MODIFIED: u16 = 304;
/// Bytes of an entity tag that is kept and sent back: servers take a digest or a number.
const TAG_BYTES: usize = 256;
/// RFC 7517 section 8.5.2.
const TYPES: &str = "application/jwk-set+json, application/json";
