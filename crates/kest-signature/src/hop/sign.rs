//! Signs one attempt of a request with the key that signed the tip.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue};
use kest_core::passport::Tips;
use kest_core::signature::{SignerError, SigningKey};
use kest_core::{Clock, Limits, Random, RandomError};
use sfv::KeyRef;

use super::{KEST_TIP, TAG};
use crate::base::Component;
use crate::digest::CONTENT_DIGEST;
use crate::profile::{Moment, write};
use crate::{Authority, ContentDigest, Fault, RequestHead, fields};

/// Signs the request of `head` and `headers` as one that carries the passport of `tips`.
///
/// Writes `kest-tip`, `content-digest` where `body` has one, and one member of `signature-input` and `signature`; those of
/// an earlier attempt are taken out, signatures with other tags stay. Sign last: a covered header must not change any more.
/// `body` is `None` only for a request without a body.
///
/// Every call draws a new nonce, so sign each attempt: a request that is sent again as it is is refused as a replay.
///
/// # Errors
///
/// [`SignError`]; the request must not be sent then, since its headers may be half written.
pub async fn sign(
    head: &RequestHead<'_>,
    headers: &mut HeaderMap,
    tips: &Tips,
    body: Option<&ContentDigest>,
    key: &dyn SigningKey,
    clock: &dyn Clock,
    random: &dyn Random,
) -> Result<(), SignError> {
    if tips.as_slice().is_empty() {
        return Err(Fault::NoTip.into());
    }
    let authority = Authority::of_outgoing(head, headers)?;
    fields::remove(headers, LABEL, TAG, &Limits::default())?;
    let tips = HeaderValue::from_str(&tips.to_string()).map_err(|_cause| Fault::TipMalformed)?;
    headers.insert(KEST_TIP, tips);
    headers.remove(CONTENT_DIGEST);
    if let Some(digest) = body {
        headers.insert(CONTENT_DIGEST, digest.to_header().ok_or(Fault::Digest)?);
    }
    let mut components = head_and([Component::Field(KEST_TIP)]);
    for optional in [AUTHORIZATION, CONTENT_DIGEST] {
        if headers.contains_key(&optional) {
            components.push(Component::Field(optional));
        }
    }
    crate::profile::check_single(headers, &[KEST_TIP, AUTHORIZATION])?;
    let moment = Moment::at(clock, LIFETIME_SECONDS);
    let input = write(components, &moment, random)?
        .with_text("keyid", key.key_id().as_str())
        .map_err(|_same_reason| Fault::KeyId)?
        .with_text("alg", "ed25519")?
        .with_text("tag", TAG)?;
    let base = input.base(head, headers, &authority)?;
    let signature = key.sign(base.as_bytes()).await?;
    if key.signature_check() != kest_core::signature::SignatureCheck::InProcess
        && !key.public_key().verifies(base.as_bytes(), &signature)
    {
        return Err(SignError::NotTheKeys);
    }
    fields::add(headers, LABEL, &input, signature.as_bytes())?;
    Ok(())
}

/// The four parts of every request, and `rest`.
pub(crate) fn head_and<const REST: usize>(rest: [Component; REST]) -> Vec<Component> {
    let head = [Component::Method, Component::Authority, Component::Path, Component::Query];
    head.into_iter().chain(rest).collect()
}

/// A request cannot be signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The request has what no signature can cover, such as two `authorization` headers.
    #[error("request cannot be signed: {0}")]
    Request(#[from] Fault),
    /// The key is out of reach.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// What the holder of the key gave is not its signature.
    #[error("signer gave a signature that is not the key's")]
    NotTheKeys,
    /// There is no nonce without random bytes.
    #[error(transparent)]
    Random(#[from] RandomError),
}

impl SignError {
    /// A stable name for logs and metrics.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Request(fault) => fault.as_str(),
            Self::Signer(_) => "signer_unavailable",
            Self::NotTheKeys => "signer_wrong",
            Self::Random(_) => "random_unavailable",
        }
    }
}

/// Under which label this writer signs. Readers go by the tag.
const LABEL: &KeyRef = sfv::key_ref(TAG);

/// How long a proof says that it holds: as long as receivers believe one by default.
const LIFETIME_SECONDS: u64 = 10;
