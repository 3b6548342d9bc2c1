//! Signs the request of one hop with the key that signed the tip of its lineage, so that its passport is worth nothing elsewhere.

use http::HeaderMap;
use kest_core::Admission;
use kest_signature::{ContentDigest, DigestAlgorithm, RequestHead, hop};

use crate::ambience::Ambience;
use crate::carry::content::{Content, Streams};
use crate::carry::destinations::Destinations;
use crate::carry::error::CarryError;
use crate::carry::rules::Outgoing;

/// Whether requests that carry a passport are signed too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HopSigning {
    /// They are, and so are their bodies; of streams, this says what becomes of them.
    Sign(Streams),
    /// They are not: for receivers that do not know hop proofs, or in which these headers are in the way.
    Without,
}

impl Default for HopSigning {
    fn default() -> Self {
        Self::Sign(Streams::Read)
    }
}

/// Removes the proof of another hop, which code that copies headers may have brought; signatures of others stay.
pub(crate) fn strip(headers: &mut HeaderMap) {
    hop::strip(headers);
}

impl HopSigning {
    /// Signs `request`, which carries the passport of `admission` by now.
    ///
    /// With the key that signed the tip and not with the present one: a rotation between the two does no harm.
    pub(crate) async fn prove<Body: Content>(
        self,
        request: &mut Outgoing<'_, Body>,
        destinations: &Destinations,
        admission: &Admission,
    ) -> Result<(), CarryError> {
        let Self::Sign(streams) = self else { return Ok(()) };
        let kest = admission.admitter();
        let ambience = Ambience::from(admission.clone());
        let read = request.body.read(streams, kest.limits(), &ambience).await.map_err(CarryError::Body)?;
        let digest = read.filter(|bytes| !bytes.is_empty());
        let digest = digest.map(|bytes| ContentDigest::of(DigestAlgorithm::Sha256, bytes));
        let uri = destinations.asked_for(request.uri).ok_or(CarryError::NoOrigin)?;
        let head = RequestHead::of(request.method, &uri);
        let (key, clock, random) = (admission.signing_key(), kest.clock(), kest.random());
        let tips = admission.passport().tips();
        let signing = hop::sign(
            &head,
            request.headers,
            &tips,
            digest.as_ref(),
            key.as_ref(),
            clock.as_ref(),
            random.as_ref(),
        );
        match tokio::time::timeout(kest.limits().admission_wait, signing).await {
            Ok(signed) => signed.map_err(CarryError::Sign),
            Err(_elapsed) => Err(CarryError::SignerSlow),
        }
    }
}
