//! Signs requests that carry no lineage, with the key of a workload or a shared one.

use std::sync::Arc;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, Request};
use kest_core::signature::Sign;
use kest_core::{Clock, Limits, OsRandom, Random, SystemClock};
use sfv::KeyRef;

use super::{SharedKey, TAG};
use crate::digest::{CONTENT_DIGEST, DigestAlgorithm};
use crate::hop::checked_signature;
use crate::profile::{self, Algorithm};
use crate::{Authority, ContentDigest, Fault, RequestHead, SignError, fields};

/// Signs requests: a heartbeat, a webhook. Cheap to clone.
///
/// What is signed is what a hop proof covers but the tips, under the tag `kest-request`: method, authority, path, query, the
/// token if there is one, the digest of the body if there is one, and the headers that both sides agreed on.
///
/// ```
/// use http::Request;
/// use kest_core::signature::{KeyId, WorkloadId};
/// use kest_signature::{RequestSigner, SharedKey};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let seed = [7; 32];
/// let key = SharedKey::new(WorkloadId::new("billing")?, KeyId::new("billing-2026")?, &seed)?;
/// let signer = RequestSigner::shared(key).covering(http::header::CONTENT_TYPE);
/// let hook = Request::post("https://hooks.example/paid").header("content-type", "application/json").body("{}")?;
/// let signed = signer.sign_request(hook).await?;
/// assert!(signed.headers().contains_key("signature") && signed.headers().contains_key("content-digest"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct RequestSigner {
    key: Key,
    covered: Vec<HeaderName>,
    digest: DigestAlgorithm,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

#[derive(Debug, Clone)]
enum Key {
    OfWorkload(Arc<dyn Sign>),
    Shared(SharedKey),
}

impl RequestSigner {
    /// Signs with the present key of a workload.
    pub fn new(signer: impl Sign + 'static) -> Self {
        Self::with(Key::OfWorkload(Arc::new(signer)))
    }

    /// Signs with a secret that the receiver has too.
    #[must_use]
    pub fn shared(key: SharedKey) -> Self {
        Self::with(Key::Shared(key))
    }

    fn with(key: Key) -> Self {
        Self {
            key,
            covered: Vec::new(),
            digest: DigestAlgorithm::default(),
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
        }
    }

    /// Covers this header too, which every request then must have. The receiver has to
    /// [demand](super::RequestVerifierBuilder::covering) the same.
    #[must_use]
    pub fn covering(mut self, header: HeaderName) -> Self {
        if !ALWAYS_JUDGED.contains(&header) && !self.covered.contains(&header) {
            self.covered.push(header);
        }
        self
    }

    /// Digests bodies by this algorithm.
    #[must_use]
    pub fn digest(mut self, algorithm: DigestAlgorithm) -> Self {
        self.digest = algorithm;
        self
    }

    /// Reads this clock.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Draws nonces from here.
    #[must_use]
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// The same request, signed, with the digest of its body. Sign each attempt: one that is sent twice is refused.
    ///
    /// # Errors
    ///
    /// [`SignError`] when it cannot be signed.
    pub async fn sign_request<B: AsRef<[u8]>>(&self, request: Request<B>) -> Result<Request<B>, SignError> {
        let (mut parts, body) = request.into_parts();
        let digest = self.digest_of(body.as_ref());
        self.sign(&RequestHead::of(&parts.method, &parts.uri), &mut parts.headers, digest.as_ref()).await?;
        Ok(Request::from_parts(parts, body))
    }

    /// What is signed of a body: nothing of an empty one.
    #[must_use]
    pub fn digest_of(&self, body: &[u8]) -> Option<ContentDigest> {
        (!body.is_empty()).then(|| ContentDigest::of(self.digest, body))
    }

    /// Signs the request of `head` and `headers`. `body` is `None` only for a request without a body.
    ///
    /// # Errors
    ///
    /// [`SignError`]; the request must not be sent then, since its headers may be half written.
    pub async fn sign(
        &self,
        head: &RequestHead<'_>,
        headers: &mut HeaderMap,
        body: Option<&ContentDigest>,
    ) -> Result<(), SignError> {
        let authority = Authority::of_outgoing(head, headers)?;
        fields::remove(headers, LABEL, TAG, &Limits::default())?;
        profile::write_digest(headers, body)?;
        profile::check_single(headers, &[AUTHORIZATION])?;
        let parts = profile::components(&self.covered, headers);
        let (clock, random) = (self.clock.as_ref(), self.random.as_ref());
        match &self.key {
            Key::OfWorkload(signer) => {
                let key = signer.current();
                let input = profile::write(parts, key.key_id(), Algorithm::Ed25519, TAG, clock, random)?;
                let base = input.base(head, headers, &authority)?;
                let signature = checked_signature(key.as_ref(), base.as_bytes()).await?;
                fields::add(headers, LABEL, &input, signature.as_bytes())?;
            }
            Key::Shared(key) => {
                let input = profile::write(parts, key.key_id(), Algorithm::HmacSha256, TAG, clock, random)?;
                let base = input.base(head, headers, &authority)?;
                let signature = key.sign(base.as_bytes()).ok_or(Fault::KeyId)?;
                fields::add(headers, LABEL, &input, &signature)?;
            }
        }
        Ok(())
    }
}

/// Headers that are covered where they are there, so that they need no agreement.
pub(super) const ALWAYS_JUDGED: [HeaderName; 2] = [AUTHORIZATION, CONTENT_DIGEST];

const LABEL: &KeyRef = sfv::key_ref(TAG);
